//! Secrets leave no trace: while a known password, digest and SASL response pass through, no printable value shows
//! them, if the login succeeds and in every way of failure.
//!
//! The types show that no machine stores a secret. Without a lifetime a machine cannot borrow a secret, and it has no
//! field that could hold a copy. Law 3 shows that it owns no other memory.

use super::reach::{ask, cleartext, client, say, server};
use super::sessions;
use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::server::{self, Ask, Credentials, Refusal, Step};
use pop3_proto::tap::Tap;
use pop3_proto::{
    ApopDigest, Base64, Command, Decoded, Input, Limits, Mechanism, Profile, RecvBuf, Secret, SendBuf, Text,
    TlsPolicy,
};
use pop3_proto_kit::{App, Host, How, Memory};
use std::fmt::{Debug, Display};

const PASSWORD: &str = "tanstaaf";
const DIGEST: &str = "c4c9334bac560ecc979e58001b3e22fb";
const PLAIN: &str = "AG1yb3NlAHRhbnN0YWFm";

/// The secrets in every form that could be printed.
fn clean(shown: &str) {
    let digest = ApopDigest::parse(DIGEST.as_bytes()).unwrap();
    let numbers = |octets: &[u8]| format!("{octets:?}").trim_matches(['[', ']']).to_owned();
    let octets = [PASSWORD, DIGEST, PLAIN].map(|secret| numbers(secret.as_bytes()));
    let texts = [PASSWORD, DIGEST, PLAIN].map(str::to_owned);
    for secret in texts.into_iter().chain(octets).chain([numbers(digest.expose())]) {
        assert!(!shown.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {shown}");
        // Half of a secret is too much as well.
        let (half, _) = secret.split_at(secret.len() / 2);
        assert!(!shown.to_lowercase().contains(&half.to_lowercase()), "{half} in {shown}");
    }
}

fn hidden(value: &impl Debug) {
    clean(&format!("{value:?}"));
    clean(&format!("{value:#?}"));
}

fn hidden_error(error: &(impl Debug + Display)) {
    hidden(error);
    clean(&error.to_string());
}

fn commands() -> [Command<'static>; 4] {
    let digest = ApopDigest::parse(DIGEST.as_bytes()).unwrap();
    let auth = |initial| Command::Auth { mechanism: Mechanism::PLAIN, initial };
    [
        Command::Pass(Secret::new(PASSWORD.as_bytes()).unwrap()),
        Command::Apop { name: Text::from_static("mrose"), digest },
        auth(Some(Base64::from_static(PLAIN))),
        auth(None),
    ]
}

#[test]
fn law_9_the_check_finds_a_planted_secret() {
    for shown in [format!("{PASSWORD:?}"), format!("{:?}", DIGEST.as_bytes()), format!("<{}", &PLAIN[..12])] {
        assert!(std::panic::catch_unwind(|| clean(&shown)).is_err(), "{shown}");
    }
}

/// A log shows everything that is sent, except secrets, possible secrets, and bytes that could move a cursor.
#[test]
fn law_9_a_command_is_shown_as_it_is_sent() {
    for line in
        ["USER m rose", "AUTH PLAIN =", "AUTH PLAIN", "LANG *", "LANG fr", "LIST", "UIDL 4294967295", "QUIT"]
    {
        assert_eq!(Command::parse(line.as_bytes()).unwrap().to_string(), line);
    }
    for (line, shown) in [
        ("top 1 10", "TOP 1 10"),
        ("PASS tanstaaf", "PASS ********"),
        ("APOP mrose c4c9334bac560ecc979e58001b3e22fb", "APOP mrose ********"),
        ("AUTH PLAIN AG1yb3NlAHRhbnN0YWFm", "AUTH PLAIN ********"),
        ("PAS tanstaaf", "********"),
        ("XTND", "********"),
        ("USER \x1b[2J", r"USER \x1b[2J"),
    ] {
        assert_eq!(Command::parse(line.as_bytes()).unwrap().to_string(), shown);
    }
}

/// The length is hidden too: the output is the same for every secret.
#[test]
fn rob_21_every_secret_has_the_same_debug() {
    for secret in [&b"AAAA"[..], b"AAAAAAAA", &[b'A'; 400]] {
        let (password, response) = (Secret::new(secret).unwrap(), Base64::new(secret).unwrap());
        assert_eq!(format!("{password:?} {password:#?}"), "Secret(..) Secret(..)");
        assert_eq!(format!("{response:?} {response:#?}"), "Base64(..) Base64(..)");
        #[cfg(feature = "sasl")]
        assert_eq!(format!("{:?}", pop3_proto::sasl::Message::new(secret)), "Message(..)");
    }
    let digest = ApopDigest::parse(DIGEST.as_bytes()).unwrap();
    assert_eq!(format!("{digest:?} {digest:#?}"), "ApopDigest(..) ApopDigest(..)");
}

/// Also ROB.21.
#[test]
fn law_9_values_and_buffers_show_nothing() {
    for command in &commands() {
        hidden_error(command);
        let mut sink = SendBuf::new(vec![]);
        command.encode(&mut sink).unwrap();
        let wire = sink.pending().to_vec();
        hidden(&sink);
        let mut memory = [0; 256];
        let mut out = SendBuf::new(&mut memory[..]);
        command.encode(&mut out).unwrap();
        hidden(&out);
        hidden_error(&command.encode(&mut SendBuf::new([0; 4])).unwrap_err());
        for input in [Input::more(&wire), Input::last(&wire)] {
            hidden(&input);
        }
        let mut recv = RecvBuf::new([0; 256]);
        recv.spare_mut()[..wire.len()].copy_from_slice(&wire);
        recv.received(wire.len());
        hidden(&recv);
        hidden(&Command::decode(&wire, &Limits::DEFAULT));
        // Lines that the content of the secret makes malformed.
        for (start, end) in [("", "\0"), ("", " x"), (" ", ""), ("X", ""), ("", "=")] {
            let line = [start.as_bytes(), &wire[..wire.len() - 2], end.as_bytes(), b"\r\n"].concat();
            match Command::decode(&line, &Limits::DEFAULT) {
                Decoded::Malformed { error, .. } => hidden_error(&error),
                decoded => hidden(&decoded),
            }
        }
    }
}

/// A password may be in any part of a mistyped PASS: the command, the question about it, and the tap show no part.
#[test]
fn law_9_an_unknown_command_shows_neither_keyword_nor_arguments() {
    for line in [
        "PASSS tanstaaf",
        "PAS tanstaaf",
        "PASStanstaaf",
        "tanstaaf",
        "tanstaaf tanstaaf",
        "PASSS  tanstaaf ",
    ] {
        let command = Command::parse(line.as_bytes()).unwrap();
        hidden_error(&command);
        hidden(&Command::decode(format!("{line}\r\n").as_bytes(), &Limits::DEFAULT));
        let Command::Other { keyword, arguments } = command else { panic!("{line} is known") };
        hidden(&(keyword, arguments));
        assert_eq!(format!("{keyword:?} {command}"), "Keyword(..) ********");

        let wire = format!("{line}\r\n");
        let mut tap = Tap::new(Limits::DEFAULT);
        hidden(&tap.server(&mut Input::more(b"+OK\r\n")));
        hidden(&tap.client(&mut Input::more(wire.as_bytes())).unwrap());
        hidden(&tap);

        let mut machine = server(1);
        let ask = ask!(&mut machine, wire.as_bytes(), Other(..));
        let shown = format!("{ask:?}");
        hidden(&ask);
        hidden(&Step::Ask(ask));
        hidden(&machine);
        assert!(shown.starts_with("Other(") && shown.contains("Keyword(..)"), "{shown}");
    }
}

/// Each command with a secret in it, sent and refused for every reason.
#[test]
fn law_9_a_client_shows_nothing_however_it_fails() {
    let greeting = b"+OK <1896.697170952@dbc.mtview.ca.us>\r\n";
    let strict = cleartext().with_profile(Profile::Strict);
    let configs = [
        cleartext(),
        strict,
        ClientConfig::new(TlsPolicy::Required),
        ClientConfig::new(TlsPolicy::Opportunistic),
        cleartext().with_limits(Limits::DEFAULT.with_command_line(64)),
    ];
    for config in configs {
        for command in &commands() {
            for named in [false, true] {
                let mut client = client(config, greeting, &[]);
                if named && client.send(&sessions::USER, &mut SendBuf::new(vec![])).is_ok() {
                    hidden(&client.poll(&mut Input::more(b"+OK\r\n")));
                }
                if let Err(error) = client.send(command, &mut SendBuf::new([0; 3])) {
                    hidden_error(&error);
                }
                let mut sink = SendBuf::new(vec![]);
                match client.send(command, &mut sink) {
                    Ok(ticket) => hidden(&ticket),
                    Err(error) => hidden_error(&error),
                }
                hidden(&(&client, &sink));
                for answer in [&b"-ERR [AUTH] no\r\n"[..], b"+ \r\n", b"?\r\n"] {
                    match client.poll(&mut Input::more(answer)) {
                        Ok(event) => hidden(&event),
                        Err(fatal) => hidden_error(&fatal),
                    }
                    hidden(&client);
                }
            }
        }
    }
    let long = PASSWORD.repeat(40);
    for password in [&long[..], "tanstaaf\u{e9}", "tanstaaf\t"] {
        let pass = Command::Pass(Secret::new(password.as_bytes()).unwrap());
        let mut client = client(strict, b"+OK\r\n", &[(sessions::USER, b"+OK\r\n")]);
        hidden(&pass);
        hidden_error(&client.send(&pass, &mut SendBuf::new(vec![])).unwrap_err());
        hidden(&client);
    }
    for invalid in ["tanstaaf\r\nDELE 1", "tanstaaf\0", ""] {
        hidden_error(&Secret::new(invalid.as_bytes()).unwrap_err());
        hidden_error(&ApopDigest::parse([DIGEST, invalid, "0"].concat().as_bytes()).unwrap_err());
        hidden_error(&Base64::new([PLAIN, invalid, "="].concat().as_bytes()).unwrap_err());
    }
}

#[test]
fn law_9_a_response_shows_nothing_however_it_fails() {
    let config = cleartext().with_limits(Limits::DEFAULT.with_sasl_line(64));
    let mut client = client(config, b"+OK\r\n", &[]);
    let auth = Command::Auth { mechanism: Mechanism::PLAIN, initial: None };
    let Some(Event::Challenge(step, challenge)) = say(&mut client, &auth, b"+ AG1yb3NlAHRhbnN0YWFm\r\n")
    else {
        panic!()
    };
    hidden(&(&step, &challenge));
    let response = Base64::from_static(PLAIN);
    let full = client.respond(step, response, &mut SendBuf::new([0; 5])).unwrap_err();
    hidden_error(&full);
    let long = PLAIN.repeat(4);
    let too_long = client
        .respond(full.token, Base64::new(long.as_bytes()).unwrap(), &mut SendBuf::new(vec![]))
        .unwrap_err();
    hidden_error(&too_long);
    let mut sink = SendBuf::new(vec![]);
    client.respond(too_long.token, response, &mut sink).unwrap();
    hidden(&(&client, &sink));
}

/// All questions and output of a server, in complete sessions of every login.
#[test]
fn law_9_whole_sessions_show_nothing() {
    sessions::all(|_, session| {
        let outcome = session.run(&How::whole());
        outcome.shown.iter().for_each(|shown| clean(shown));
    });
}

/// A login one byte at a time, and lines that are refused: server, questions, errors.
#[test]
fn law_9_a_server_shows_nothing_however_it_fails() {
    let lines = [
        format!("PASS {PASSWORD}\r\n"),
        format!("USER mrose\r\nPASS {PASSWORD}\r\n"),
        format!("USER mrose\r\nPASS {PASSWORD}\0\r\n"),
        format!("USER mrose\r\nPASS {PASSWORD}\u{e9}\r\n"),
        format!("USER mrose\r\nPASS {}\r\n", PASSWORD.repeat(40)),
        format!("USER mrose\r\nNOOP\r\nPASS {PASSWORD}\r\n"),
        format!("APOP mrose {DIGEST}\r\n"),
        format!("APOP mrose {DIGEST}0\r\n"),
        format!("APOP {DIGEST}\r\n"),
        format!("AUTH PLAIN {PLAIN}\r\n"),
        format!("AUTH PLAIN {PLAIN}=\r\n"),
        format!("AUTH PLAIN {PLAIN} x\r\n"),
        format!("AUTH LOGIN {PLAIN}\r\n"),
        format!("AUTH PLAIN\r\n{PLAIN}\r\n"),
        format!("AUTH PLAIN\r\n{PLAIN}=\r\n"),
        format!("AUTH PLAIN\r\n{}\r\n", PLAIN.repeat(700)),
    ];
    let config = server::ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(&[Mechanism::PLAIN]);
    for line in &lines {
        for profile in [Profile::Tolerant, Profile::Strict] {
            let mut app = App::new();
            app.refuse_login = Some(Refusal::InUse);
            let mut side = Host::with_app(config.with_profile(profile), app).sized(Memory::fixed(12_288));
            for chunk in line.as_bytes().chunks(line.len().div_ceil(200)) {
                side.receive(chunk);
                side.run();
                hidden(side.server());
                side.app.shown.iter().for_each(|shown| clean(shown));
                clean(&String::from_utf8_lossy(side.outgoing()));
                let sent = side.outgoing().len();
                side.sent(sent);
            }
        }
    }
}

/// The maildrop may contain anything, and an error may return it.
#[test]
fn law_9_an_answer_that_failed_shows_its_cause_only() {
    let (mut one, mut two) = (server(1), server(2));
    let wire = b"USER tanstaaf\r\nPASS tanstaaf\r\n";
    let Ask::Login(login, credentials) = ask!(&mut one, wire, Login(..)) else { unreachable!() };
    hidden(&(&login, &credentials));
    assert!(matches!(credentials, Credentials::Password(_)));
    let mut input = Input::more(b"");
    let _ = super::reach::until(&mut two, &mut input, &mut SendBuf::new(vec![]), |step| {
        matches!(step, Step::NeedInput)
    });
    let error = two.accept(login, App::new().maildrop()).unwrap_err();
    hidden_error(&error);
    assert_eq!(format!("{error:?}"), "Unaccepted { why: OtherConnection, .. }");
}
