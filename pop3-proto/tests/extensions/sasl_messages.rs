//! Both machines in one exchange, with the messages of feature `sasl`: what the client builds, the server reads.

use super::sasl_kit::{Desk, Host, auth, auth_with};
use pop3_proto::client::{self, Event, SaslStep};
use pop3_proto::sasl::{self, Bearer, Message, Plain};
use pop3_proto::server::{Credentials, Login, Refusal, ServerConfig, Step};
use pop3_proto::{
    AnswerError, Base64, Command, ConnectionError, Input, Limits, Mechanism, Secret, SendBuf, State, Text,
    TlsPolicy,
};

const ALL: &[Mechanism<'static>] = &[
    Mechanism::PLAIN,
    Mechanism::LOGIN,
    Mechanism::EXTERNAL,
    Mechanism::ANONYMOUS,
    Mechanism::XOAUTH2,
    Mechanism::OAUTHBEARER,
];

/// A desk and a host inside TLS.
fn pair() -> (Desk, Host) {
    let host = Host::new(ServerConfig::new(TlsPolicy::Implicit).with_sasl(ALL));
    (Desk::greeted(TlsPolicy::Implicit), host)
}

/// Runs AUTH between the two; whether it was accepted.
fn talk(
    command: &Command<'_>,
    mut serve: impl FnMut(&mut Host, Login, Option<Vec<u8>>),
    mut respond: impl FnMut(&mut Desk, SaslStep, Vec<u8>),
) -> bool {
    let (mut desk, mut host) = pair();
    desk.client.send(command, &mut desk.out).unwrap();
    loop {
        let line = desk.said();
        let (login, credentials) = host.login(line.as_bytes());
        let message = match credentials {
            Credentials::Sasl { initial, .. } => initial.map(decode),
            Credentials::Response(response) => Some(decode(response)),
            credentials => panic!("{credentials:?}"),
        };
        serve(&mut host, login, message);
        let line = host.answers(b"");
        match desk.hear_one(line.as_bytes()) {
            Event::Challenge(step, challenge) => respond(&mut desk, step, decode(challenge)),
            Event::AuthAccepted(done, _) => {
                desk.client.verified(done).unwrap();
                assert_eq!(desk.client.state(), host.server.state());
                return true;
            }
            Event::Refused(..) => return false,
            event => panic!("{event:?}"),
        }
    }
}

fn decode(text: Base64<'_>) -> Vec<u8> {
    let mut buffer = vec![0; text.as_bytes().len()];
    sasl::decode(text, &mut buffer).unwrap().to_vec()
}

fn text(octets: &[u8]) -> Text<'_> {
    Text::new(octets).unwrap()
}

fn secret(octets: &[u8]) -> Secret<'_> {
    Secret::new(octets).unwrap()
}

fn let_in(host: &mut Host, login: Login) {
    host.server.accept(login, Vec::new()).unwrap();
}

fn turn_away(host: &mut Host, login: Login) {
    host.server.refuse(login, Refusal::Credentials).unwrap();
}

/// Also 4616.1.a and 4616.2.c's first half: inside TLS, with an initial response and in two lines.
#[test]
fn r5034_4_ai_plain_over_tls() {
    let message = sasl::plain(Text::EMPTY, text(b"test"), secret(b"test")).unwrap();
    let mut buffer = [0; 242];
    let initial = message.encode_into(&mut buffer).unwrap();
    for command in [auth_with(Mechanism::PLAIN, initial.as_bytes()), auth(Mechanism::PLAIN)] {
        for good in [true, false] {
            let accepted = talk(
                &command,
                |host, login, received| match received {
                    None => host.server.challenge(login, Base64::EMPTY, &mut host.out).unwrap(),
                    Some(received) => {
                        let plain = Plain::parse(&received).unwrap();
                        assert_eq!(plain.authcid, text(b"test"));
                        assert_eq!(plain.password.expose(), b"test");
                        if good { let_in(host, login) } else { turn_away(host, login) }
                    }
                },
                |desk, step, challenge| {
                    assert!(challenge.is_empty());
                    desk.client.respond_message(step, &message, &mut desk.out).unwrap();
                },
            );
            assert_eq!(accepted, good);
        }
    }
}

/// The server goes first, twice; the words of its prompts are not looked at.
#[test]
fn login_a_name_and_password_on_their_own_lines() {
    for prompts in [[&b"User Name\0"[..], b"Password\0"], [b"Username:", b"Password:"], [b"", b""]] {
        let mut received = Vec::new();
        let accepted = talk(
            &auth(Mechanism::LOGIN),
            |host, login, message| {
                received.extend(message);
                match prompts.get(received.len()) {
                    Some(prompt) => {
                        host.server.challenge_message(login, &Message::new(prompt), &mut host.out).unwrap();
                    }
                    None => let_in(host, login),
                }
            },
            {
                let mut asked = 0;
                move |desk, step, _| {
                    asked += 1;
                    let message = match asked {
                        1 => sasl::login_name(text(b"mrose")).unwrap(),
                        _ => sasl::login_password(secret(b"tanstaaf")),
                    };
                    desk.client.respond_message(step, &message, &mut desk.out).unwrap();
                }
            },
        );
        assert!(accepted);
        assert_eq!(received, [&b"mrose"[..], b"tanstaaf"]);
    }
}

/// Also 4505.2.a: an empty message is `=` in the command, and an empty line behind a challenge.
#[test]
fn r4422_a_a_external_and_anonymous() {
    for (mechanism, said) in [
        (Mechanism::EXTERNAL, &b""[..]),
        (Mechanism::EXTERNAL, b"mrose"),
        (Mechanism::ANONYMOUS, b""),
        (Mechanism::ANONYMOUS, b"sirhc"),
    ] {
        let message = match mechanism == Mechanism::EXTERNAL {
            true => sasl::external(text(said)).unwrap(),
            false => sasl::anonymous(text(said)).unwrap(),
        };
        let mut buffer = [0; 242];
        let initial = message.encode_into(&mut buffer).unwrap();
        for command in [auth_with(mechanism, initial.as_bytes()), auth(mechanism)] {
            let accepted = talk(
                &command,
                |host, login, received| match received {
                    None => host.server.challenge(login, Base64::EMPTY, &mut host.out).unwrap(),
                    Some(received) => {
                        let read = if mechanism == Mechanism::EXTERNAL {
                            sasl::parse_external(&received)
                        } else {
                            sasl::parse_anonymous(&received)
                        };
                        assert_eq!(read.unwrap().as_bytes(), said);
                        let_in(host, login);
                    }
                },
                |desk, step, _| desk.client.respond_message(step, &message, &mut desk.out).unwrap(),
            );
            assert!(accepted);
        }
    }
}

/// Also XOAUTH2.a, quirk 22 and 7628.3.2.a: the error is a challenge, its answer an octet (OAUTHBEARER) or nothing (XOAUTH2), and then
/// comes `-ERR`.
#[test]
fn r7628_3_2_b_a_bearer_token_that_is_refused() {
    for (mechanism, ack) in [(Mechanism::OAUTHBEARER, &b"\x01"[..]), (Mechanism::XOAUTH2, b"")] {
        let token = secret(b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        let message = match mechanism == Mechanism::XOAUTH2 {
            true => sasl::xoauth2(text(b"user@example.com"), token).unwrap(),
            false => sasl::oauthbearer(text(b"user@example.com"), None, None, token).unwrap(),
        };
        let mut buffer = [0; 242];
        let initial = message.encode_into(&mut buffer).unwrap();
        let mut rounds = 0;
        let accepted = talk(
            &auth_with(mechanism, initial.as_bytes()),
            |host, login, received| {
                rounds += 1;
                if rounds == 1 {
                    let error = sasl::oauth_error("invalid_token", Some("mail"), None).unwrap();
                    host.server.challenge_message(login, &error, &mut host.out).unwrap();
                } else {
                    assert_eq!(received.unwrap(), ack);
                    turn_away(host, login);
                }
            },
            |desk, step, challenge| {
                assert_eq!(challenge, br#"{"status":"invalid_token","scope":"mail"}"#);
                let ack =
                    if mechanism == Mechanism::XOAUTH2 { sasl::XOAUTH2_ACK } else { sasl::OAUTHBEARER_ACK };
                desk.client.respond(step, ack, &mut desk.out).unwrap();
            },
        );
        assert!(!accepted);
        assert_eq!(rounds, 2);
    }
}

#[test]
fn r7628_3_2_b_or_the_client_cancels() {
    let (mut desk, mut host) = pair();
    let line = desk.say(&auth_with(Mechanism::OAUTHBEARER, b"AAAA")).unwrap();
    let (login, _) = host.login(line.as_bytes());
    let error = sasl::oauth_error("invalid_token", None, None).unwrap();
    host.server.challenge_message(login, &error, &mut host.out).unwrap();
    let line = host.said();
    let Event::Challenge(step, _) = desk.hear_one(line.as_bytes()) else { panic!() };
    desk.client.cancel(step, &mut desk.out).unwrap();
    let line = desk.said();
    let answer = host.answers(line.as_bytes());
    assert!(matches!(desk.hear_one(answer.as_bytes()), Event::Refused(..)));
}

/// A token of 8 KiB goes up as a response and comes down as a challenge.
#[test]
fn r5034_4_u_a_bearer_token_of_8_kib_passes_both_ways() {
    let token = [b'a'; 8192];
    for mechanism in [Mechanism::XOAUTH2, Mechanism::OAUTHBEARER] {
        let message = match mechanism == Mechanism::XOAUTH2 {
            true => sasl::xoauth2(text(b"user@example.com"), secret(&token)).unwrap(),
            false => {
                let host = Some(text(b"pop.example.com"));
                sasl::oauthbearer(text(b"user@example.com"), host, Some(995), secret(&token)).unwrap()
            }
        };
        let accepted = talk(
            &auth(mechanism),
            |host, login, received| match received {
                None => host.server.challenge_message(login, &Message::new(&token), &mut host.out).unwrap(),
                Some(mut received) => {
                    let bearer = match mechanism == Mechanism::XOAUTH2 {
                        true => Bearer::parse_xoauth2(&received),
                        false => Bearer::parse_oauthbearer(&mut received),
                    };
                    assert_eq!(bearer.unwrap().token.expose(), token);
                    let_in(host, login);
                }
            },
            |desk, step, challenge| {
                assert_eq!(challenge, token);
                desk.client.respond_message(step, &message, &mut desk.out).unwrap();
            },
        );
        assert!(accepted);
    }
}

/// Also 4616.2.c: a message without a name, or with one that the application cannot prepare, fails like a wrong password.
#[test]
fn r5034_4_ab_a_name_that_cannot_be_used_fails_the_login() {
    for initial in [&b"AABzZWNyZXQ="[..], b"AG1yb3NlAA==", b"bm8gcGFydHM="] {
        let accepted = talk(
            &auth_with(Mechanism::PLAIN, initial),
            |host, login, received| {
                assert!(Plain::parse(&received.unwrap()).is_err());
                turn_away(host, login);
            },
            |_, _, challenge| panic!("{challenge:?}"),
        );
        assert!(!accepted);
    }
}

/// The same checks as for text that is base64 already: the limit, the room, the token; and the same octets.
#[test]
fn law_4_a_message_that_cannot_go_out_gives_its_step_back() {
    let config =
        client::ClientConfig::new(TlsPolicy::Implicit).with_limits(Limits::DEFAULT.with_sasl_line(130));
    let (mut desk, step) = Desk::challenged(config, b"+ \r\n");
    let (long, fits) = ([b'x'; 97], [b'x'; 96]);
    let unanswered = desk.client.respond_message(step, &Message::new(&long), &mut desk.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 130 });

    let mut buffer = [0; 129];
    let mut small = SendBuf::new(&mut buffer[..]);
    let unanswered =
        desk.client.respond_message(unanswered.token, &Message::new(&fits), &mut small).unwrap_err();
    assert!(
        matches!(unanswered.why, AnswerError::BufferFull(full) if full.needed == 130 && full.never_fits())
    );
    assert!(small.pending().is_empty(), "a message of more than one block leaves no part behind");

    let mut other = Desk::greeted(TlsPolicy::Implicit);
    let unanswered =
        other.client.respond_message(unanswered.token, &Message::new(b""), &mut other.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert_eq!(other.said() + &desk.said(), "");

    desk.client.respond_message(unanswered.token, &Message::new(&fits), &mut desk.out).unwrap();
    let mut buffer = [0; 128];
    let encoded = Message::new(&fits).encode_into(&mut buffer).unwrap().as_bytes();
    assert_eq!(desk.said().as_bytes(), [encoded, b"\r\n"].concat());
    assert!(matches!(desk.hear_one(b"-ERR\r\n"), Event::Refused(..)));
}

#[test]
fn law_4_a_message_behind_an_odd_challenge_must_be_a_cancel() {
    let (mut desk, step) = Desk::challenged(TlsPolicy::Implicit, b"+ \r\n");
    desk.client.respond_message(step, &Message::new(b""), &mut desk.out).unwrap();
    assert_eq!(desk.said(), "\r\n");
    let Event::MalformedChallenge(step, _) = desk.hear_one(b"+ ???\r\n") else { panic!() };
    let unanswered = desk.client.respond_message(step, &Message::new(b""), &mut desk.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::MustCancel);
    assert_eq!(desk.said(), "");
}

#[test]
fn law_4_a_challenge_message_that_cannot_go_out_gives_its_login_back() {
    let limits = Limits::DEFAULT.with_sasl_line(132);
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Implicit).with_sasl(ALL).with_limits(limits));
    let (login, _) = host.login(b"AUTH LOGIN\r\n");
    let (long, fits) = ([b'x'; 97], [b'x'; 96]);
    let unanswered = host.server.challenge_message(login, &Message::new(&long), &mut host.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 132 });
    let mut buffer = [0; 131];
    let mut small = SendBuf::new(&mut buffer[..]);
    let unanswered =
        host.server.challenge_message(unanswered.token, &Message::new(&fits), &mut small).unwrap_err();
    assert!(matches!(unanswered.why, AnswerError::BufferFull(full) if full.needed == 132));
    assert!(small.pending().is_empty());
    assert!(matches!(host.hear(b""), Step::Waiting));
    host.server.challenge_message(unanswered.token, &Message::new(&fits), &mut host.out).unwrap();
    assert!(host.said().starts_with("+ eHh4"));
    let (login, _) = host.response(b"\r\n");
    host.server.challenge_message(login, &Message::new(b""), &mut host.out).unwrap();
    assert_eq!(host.said(), "+ \r\n");

    let mut host = Host::new(ServerConfig::new(TlsPolicy::Implicit));
    host.name(b"USER mrose\r\n");
    let (login, _) = host.login(b"PASS x\r\n");
    let unanswered = host.server.challenge_message(login, &Message::new(b""), &mut host.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale, "PASS is no exchange");
}

/// A mechanism that authenticates the server too is the driver's to ask: without its agreement there is no TRANSACTION.
#[test]
fn r5034_4_ao_messages_change_nothing_about_the_verdict() {
    let (mut desk, step) = Desk::challenged(TlsPolicy::Implicit, b"+ cj1u\r\n");
    desk.client.respond_message(step, &Message::new(b"c=biws"), &mut desk.out).unwrap();
    let mut input = Input::more(b"+OK\r\n");
    let Ok(Some(Event::AuthAccepted(_done, _))) = desk.client.poll(&mut input) else { panic!() };
    assert_eq!(desk.client.state(), State::Authorization);
    assert!(matches!(desk.client.poll(&mut Input::last(b"")), Err(ConnectionError::UnexpectedEof)));
}
