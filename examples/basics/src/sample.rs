//! A small mailbox in memory.

use pop3_proto::Base64;

/// The one user.
pub const USER: &str = "mrose";
/// The user's password.
pub const PASSWORD: &str = "tanstaaf";
/// The user's AUTH PLAIN message: NUL, name, NUL, password, in base64. Feature `sasl` builds such messages.
pub const PLAIN: Base64<'static> = Base64::from_static("AG1yb3NlAHRhbnN0YWFm");

/// A message, and the unique-id that it keeps for as long as it exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    pub id: &'static str,
    pub text: &'static str,
}

/// The mailbox. Lines end in LF, as files on a disk do; the server sends CR LF.
pub const MESSAGES: [Message; 3] = [
    Message {
        id: "2024-06-01.a",
        text: "From: office@example.org\n\
               To: mrose@example.org\n\
               Subject: The key\n\
               \n\
               It hangs behind the door.\n",
    },
    Message {
        id: "2024-06-02.a",
        text: "From: list@example.org\n\
               To: mrose@example.org\n\
               Subject: Dots\n\
               \n\
               The next two lines begin with dots, which POP3 has to double.\n\
               .\n\
               ...as you see\n",
    },
    Message {
        id: "2024-06-02.b",
        text: "From: shop@example.org\n\
               To: mrose@example.org\n\
               Subject: Your order\n\
               \n\
               It is on its way.\n",
    },
];
