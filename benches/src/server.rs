//! A server over bytes in memory.

use pop3_proto::server::{Ask, Maildrop, ServerConfig, Step};
use pop3_proto::{Input, SendBuf, Server, Text, TlsPolicy};

pub static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// Returns a server in TRANSACTION.
///
/// # Panics
/// Panics if the crate breaks a promise.
#[must_use]
pub fn logged_in<L: Maildrop>(maildrop: L) -> Server<L> {
    let mut server = Server::new(&CONFIG, 1);
    let mut maildrop = Some(maildrop);
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"USER mrose\r\nPASS secret\r\n");
    loop {
        match server.poll(&mut input, &mut out).expect("a sound client") {
            Step::Ask(Ask::Greet(greet)) => {
                server.greet(greet, Text::from_static("ready"), &mut out).expect("room");
            }
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).expect("asked"),
            Step::Ask(Ask::Login(login, _)) => {
                let maildrop = maildrop.take().expect("one login");
                assert!(server.accept(login, maildrop).is_ok());
            }
            Step::NeedInput => return server,
            Step::NeedSpace(_) => out.clear(),
            step => panic!("{step:?}"),
        }
    }
}

/// Passes in commands that the server answers by itself, `chunk` bytes in each read, and passes its responses to
/// `write`.
///
/// # Panics
/// Panics if the server asks the application.
#[inline(always)]
pub fn ask<L: Maildrop>(
    server: &mut Server<L>,
    commands: &[u8],
    chunk: usize,
    out: &mut SendBuf<&mut [u8]>,
    mut write: impl FnMut(&[u8]),
) {
    let (mut start, mut end) = (0, 0);
    while end < commands.len() {
        end = commands.len().min(end + chunk);
        let mut unread = Input::more(&commands[start..end]);
        loop {
            let step = server.poll(&mut unread, out).expect("a sound client");
            let done = match step {
                Step::NeedInput => true,
                Step::NeedSpace(_) => false,
                step => panic!("{step:?}"),
            };
            write(out.pending());
            out.clear();
            if done {
                break;
            }
        }
        start = end - unread.remaining();
    }
}

/// Opens message 1 for sending, with its status line sent.
///
/// # Panics
/// Panics if the crate breaks a promise.
pub fn open<L: Maildrop>(server: &mut Server<L>, octets: u64, out: &mut SendBuf<&mut [u8]>) {
    let mut input = Input::more(b"RETR 1\r\n");
    let Ok(Step::Ask(Ask::Fetch(fetch))) = server.poll(&mut input, out) else { panic!("no question") };
    server.send_body_of(fetch, octets).expect("asked");
    let Ok(Step::NeedBody) = server.poll(&mut input, out) else { panic!("no message is open") };
    out.clear();
}

/// Ends the open message, and returns how many bytes that took.
///
/// # Panics
/// Panics if no message is open.
pub fn finish<L: Maildrop>(server: &mut Server<L>, out: &mut SendBuf<&mut [u8]>) -> usize {
    server.finish_body().expect("a message is open");
    let Ok(Step::NeedInput) = server.poll(&mut Input::more(b""), out) else { panic!("no terminator") };
    let octets = out.pending().len();
    out.clear();
    octets
}
