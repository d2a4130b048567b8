//! The names of users in every way to log in, and no password next to them.

use pop3_proto::tap::{Side, Tap};
use pop3_proto::{Input, Limits};

/// Returns the names that a tap finds, and all that is left in its scratch memory.
fn names(dialogue: &[(Side, &str)]) -> (Vec<String>, Vec<u8>) {
    let mut tap = Tap::new(Limits::DEFAULT);
    let (mut names, mut left) = (Vec::new(), Vec::new());
    for (side, line) in dialogue {
        let line = format!("{line}\r\n");
        let mut input = Input::more(line.as_bytes());
        while let Some(seen) = match side {
            Side::Client => tap.client(&mut input),
            Side::Server => tap.server(&mut input),
        } {
            let mut scratch = [b'#'; 100];
            if let Some(name) = tap.user_name(&seen, &mut scratch) {
                names.push(String::from_utf8_lossy(name.as_bytes()).into_owned());
            }
            left.extend_from_slice(&scratch);
        }
    }
    (names, left)
}

fn base64(text: &str) -> String {
    let mut buffer = [0; 200];
    String::from_utf8(pop3_proto::sasl::encode(text.as_bytes(), &mut buffer).unwrap().as_bytes().to_vec())
        .unwrap()
}

#[test]
fn the_name_is_found_in_every_mechanism() {
    use Side::{Client, Server};
    let messages: [(&str, &[&str]); 9] = [
        ("PLAIN", &["\0mrose\0tanstaaf"]),
        ("plain", &["other\0mrose\0tanstaaf"]),
        ("LOGIN", &["mrose", "tanstaaf"]),
        ("CRAM-MD5", &["mrose b913a602c7eda7a495b4e6e7334d3890"]),
        ("SCRAM-SHA-256", &["n,,n=mrose,r=abc", "c=biws,r=abc,p=tanstaaf"]),
        ("SCRAM-SHA-1-PLUS", &["p=tls-unique,a=x,n=mrose,r=abc", "c=biws,r=abc,p=tanstaaf"]),
        ("XOAUTH2", &["user=mrose\x01auth=Bearer tanstaaf\x01\x01"]),
        ("OAUTHBEARER", &["n,a=mrose,\x01auth=Bearer tanstaaf\x01\x01"]),
        ("NTLM", &["mrose"]),
    ];
    for (mechanism, responses) in messages {
        for initial in [true, false] {
            let responses: Vec<String> = responses.iter().map(|text| base64(text)).collect();
            let (first, rest) = responses.split_first().unwrap();
            let auth =
                if initial { format!("AUTH {mechanism} {first}") } else { format!("AUTH {mechanism}") };
            let mut dialogue = vec![(Server, "+OK ready"), (Client, auth.as_str())];
            let later = if initial { rest } else { &responses };
            for response in later {
                dialogue.extend([(Server, "+ "), (Client, response.as_str())]);
            }
            let (names, left) = names(&dialogue);
            let expected: &[&str] = if mechanism == "NTLM" { &[] } else { &["mrose"] };
            assert_eq!(names, expected, "{mechanism}, initial response: {initial}");
            assert!(!left.windows(8).any(|window| window == b"tanstaaf"), "{mechanism}");
        }
    }
    let apop = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";
    assert_eq!(names(&[(Server, "+OK <1@a>"), (Client, "USER mrose"), (Client, apop)]).0, ["mrose", "mrose"]);
}

/// A response that is not the mechanism's is not taken for a name, because it may be a password.
#[test]
fn a_message_of_another_form_has_no_name() {
    use Side::{Client, Server};
    for (mechanism, message) in [
        ("PLAIN", "tanstaaf"),
        ("PLAIN", "a\0tanstaaf"),
        ("PLAIN", "\0\0tanstaaf"),
        ("LOGIN", ""),
        ("CRAM-MD5", "tanstaaf"),
        ("CRAM-MD5", "mrose tanstaaf"),
        ("SCRAM-SHA-256", "tanstaaf"),
        ("SCRAM-SHA-256", "n,,r=tanstaaf,"),
        ("XOAUTH2", "user=tanstaaf"),
        ("OAUTHBEARER", "n,,\x01tanstaaf"),
    ] {
        let auth = format!("AUTH {mechanism}");
        let response = base64(message);
        let (names, left) = names(&[(Server, "+OK"), (Client, &auth), (Server, "+ "), (Client, &response)]);
        assert!(names.is_empty(), "{mechanism} {message:?}: {names:?}");
        assert!(!left.windows(8).any(|window| window == b"tanstaaf"), "{mechanism}");
    }
}

#[test]
fn a_name_without_room_is_not_found() {
    let mut tap = Tap::new(Limits::DEFAULT);
    tap.server(&mut Input::more(b"+OK\r\n"));
    let seen = tap.client(&mut Input::more(b"AUTH LOGIN bXJvc2U=\r\n")).unwrap();
    assert!(tap.user_name(&seen, &mut [0; 4]).is_none());
    assert_eq!(tap.user_name(&seen, &mut [0; 5]).unwrap().as_bytes(), b"mrose");
}
