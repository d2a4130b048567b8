//! Both machines in one exchange, with the messages of feature `sasl`: the server reads each message that the client
//! builds.

use pop3_proto::client::{self, Client, Event, SaslStep};
use pop3_proto::sasl::{self, Bearer, Message, Plain};
use pop3_proto::server::{Ask, Credentials, Login, Refusal, Server, ServerConfig, Step};
use pop3_proto::{
    AnswerError, Base64, Command, ConnectionError, Input, Limits, Mechanism, Secret, SendBuf, State, Text,
    TlsPolicy,
};
use pop3_proto_kit::{Infos, LOGIN, client as client_machine, infos, machine};

const ALL: &[Mechanism<'static>] = &[
    Mechanism::PLAIN,
    Mechanism::LOGIN,
    Mechanism::EXTERNAL,
    Mechanism::ANONYMOUS,
    Mechanism::XOAUTH2,
    Mechanism::OAUTHBEARER,
];
const CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit).with_sasl(ALL);
const TOKEN: &[u8] = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

type Machine = Server<Infos, ServerConfig<'static>>;
type Out = SendBuf<Vec<u8>>;

/// The server's reaction to one message of the client.
enum Answer {
    Challenge(Vec<u8>),
    Accept,
    Refuse,
}

/// Runs AUTH between a client and a server that build and read messages, and returns whether the login was accepted.
fn talk(
    mechanism: Mechanism<'_>,
    initial: Option<&Message<'_>>,
    mut serve: impl FnMut(Option<Vec<u8>>) -> Answer,
    mut respond: impl FnMut(&mut Client, SaslStep, Vec<u8>, &mut Out),
) -> bool {
    let mut client = client_machine(TlsPolicy::Implicit, &[]);
    let mut server = machine(CONFIG, infos(&["abc"]), "");
    let (mut up, mut down) = (SendBuf::new(vec![]), SendBuf::new(vec![]));
    let mut buffer = [0; 242];
    let initial = initial.map(|message| message.encode_into(&mut buffer).unwrap());
    client.send(&Command::Auth { mechanism, initial }, &mut up).unwrap();
    loop {
        let (login, message) = login(&mut server, up.pending(), &mut down);
        match serve(message) {
            Answer::Challenge(challenge) => {
                server.challenge_message(login, &Message::new(&challenge), &mut down).unwrap();
            }
            Answer::Accept => server.accept(login, infos(&["abc"])).unwrap(),
            Answer::Refuse => server.refuse(login, Refusal::Credentials).unwrap(),
        }
        up.clear();
        let _ = server.poll(&mut Input::more(b""), &mut down);
        match client.poll(&mut Input::more(down.pending())).unwrap().unwrap() {
            Event::Challenge(step, challenge) => respond(&mut client, step, decode(challenge), &mut up),
            Event::AuthAccepted(done, _) => {
                client.verified(done).unwrap();
                assert_eq!(client.state(), server.state());
                return true;
            }
            Event::Refused(..) => return false,
            event => panic!("{event:?}"),
        }
        down.clear();
    }
}

/// Returns the login that these bytes ask for, and its message.
fn login(server: &mut Machine, wire: &[u8], out: &mut Out) -> (Login, Option<Vec<u8>>) {
    match server.poll(&mut Input::more(wire), out) {
        Ok(Step::Ask(Ask::Login(login, credentials))) => (
            login,
            match credentials {
                Credentials::Sasl { initial, .. } => initial.map(decode),
                Credentials::Response(response) => Some(decode(response)),
                _ => None,
            },
        ),
        step => panic!("{step:?}"),
    }
}

fn decode(text: Base64<'_>) -> Vec<u8> {
    let mut buffer = vec![0; text.as_bytes().len()];
    sasl::decode(text, &mut buffer).unwrap().to_vec()
}

fn text(bytes: &[u8]) -> Text<'_> {
    Text::new(bytes).unwrap()
}

fn secret(bytes: &[u8]) -> Secret<'_> {
    Secret::new(bytes).unwrap()
}

/// Returns a client's message with a bearer token.
fn bearer<'m>(mechanism: Mechanism<'_>, token: &'m [u8]) -> Message<'m> {
    let user = Text::from_static("user@example.com");
    match mechanism == Mechanism::XOAUTH2 {
        true => sasl::xoauth2(user, secret(token)).unwrap(),
        false => {
            let host = Some(Text::from_static("pop.example.com"));
            sasl::oauthbearer(user, host, Some(995), secret(token)).unwrap()
        }
    }
}

/// In two lines and with an initial response: the server asks for the message if necessary, and `read` reads it.
fn one_message(mechanism: Mechanism<'_>, message: &Message<'_>, read: impl Fn(&mut [u8]), accept: bool) {
    for initial in [None, Some(message)] {
        let accepted = talk(
            mechanism,
            initial,
            |received| match received {
                None => Answer::Challenge(Vec::new()),
                Some(mut received) => {
                    read(&mut received);
                    if accept { Answer::Accept } else { Answer::Refuse }
                }
            },
            |client, step, challenge, out| {
                assert!(challenge.is_empty());
                client.respond_message(step, message, out).unwrap();
            },
        );
        assert_eq!(accepted, accept);
    }
}

/// Also 4616.1.a and 4616.2.c's first half: inside TLS, with an initial response and in two lines.
#[test]
fn r5034_4_ai_plain_over_tls() {
    let message = sasl::plain(Text::EMPTY, text(b"test"), secret(b"test")).unwrap();
    let read = |received: &mut [u8]| {
        let plain = Plain::parse(received).unwrap();
        assert_eq!((plain.authcid, plain.password.expose()), (text(b"test"), b"test".as_slice()));
    };
    for accept in [true, false] {
        one_message(Mechanism::PLAIN, &message, read, accept);
    }
}

/// Also 4505.2.a: an empty message is `=` in the command, and an empty line after a challenge.
#[test]
fn r4422_a_a_external_and_anonymous() {
    for said in [&b""[..], b"mrose"] {
        let read = |received: &mut [u8]| assert_eq!(sasl::parse_external(received).unwrap().as_bytes(), said);
        one_message(Mechanism::EXTERNAL, &sasl::external(text(said)).unwrap(), read, true);
        let read =
            |received: &mut [u8]| assert_eq!(sasl::parse_anonymous(received).unwrap().as_bytes(), said);
        one_message(Mechanism::ANONYMOUS, &sasl::anonymous(text(said)).unwrap(), read, true);
    }
}

/// The server goes first, twice, and the client ignores the words of its prompts.
#[test]
fn login_a_name_and_password_on_their_own_lines() {
    for prompts in [[&b"User Name\0"[..], b"Password\0"], [b"Username:", b"Password:"], [b"", b""]] {
        let (mut received, mut asked) = (Vec::new(), 0);
        let accepted = talk(
            Mechanism::LOGIN,
            None,
            |message| {
                received.extend(message);
                prompts
                    .get(received.len())
                    .map_or(Answer::Accept, |prompt| Answer::Challenge(prompt.to_vec()))
            },
            |client, step, _, out| {
                asked += 1;
                let message = match asked {
                    1 => sasl::login_name(text(b"mrose")).unwrap(),
                    _ => sasl::login_password(secret(b"tanstaaf")),
                };
                client.respond_message(step, &message, out).unwrap();
            },
        );
        assert!(accepted);
        assert_eq!(received, [&b"mrose"[..], b"tanstaaf"]);
    }
}

/// Also XOAUTH2.a, quirk 22 and 7628.3.2.a: the error is a challenge, the client answers with one byte (OAUTHBEARER)
/// or an empty line (XOAUTH2), and then the server sends `-ERR`.
#[test]
fn r7628_3_2_b_a_bearer_token_that_is_refused() {
    for (mechanism, ack, read) in [
        (Mechanism::OAUTHBEARER, sasl::OAUTHBEARER_ACK, &b"\x01"[..]),
        (Mechanism::XOAUTH2, sasl::XOAUTH2_ACK, b""),
    ] {
        let error = sasl::oauth_error("invalid_token", Some("mail"), None).unwrap();
        let mut buffer = [0; 242];
        let error = decode(error.encode_into(&mut buffer).unwrap());
        let mut rounds = 0;
        let accepted = talk(
            mechanism,
            Some(&bearer(mechanism, TOKEN)),
            |received| {
                rounds += 1;
                if rounds == 1 {
                    return Answer::Challenge(error.clone());
                }
                assert_eq!(received.unwrap(), read);
                Answer::Refuse
            },
            |client, step, challenge, out| {
                assert_eq!(challenge, br#"{"status":"invalid_token","scope":"mail"}"#);
                client.respond(step, ack, out).unwrap();
            },
        );
        assert!(!accepted);
        assert_eq!(rounds, 2);
    }
}

#[test]
fn r7628_3_2_b_or_the_client_cancels() {
    let mut client = client_machine(TlsPolicy::Implicit, &[]);
    let mut server = machine(CONFIG, infos(&["abc"]), "");
    let (mut up, mut down) = (SendBuf::new(vec![]), SendBuf::new(vec![]));
    client.send(&Command::parse(b"AUTH OAUTHBEARER AAAA").unwrap(), &mut up).unwrap();
    let (login, _) = login(&mut server, up.pending(), &mut down);
    let error = sasl::oauth_error("invalid_token", None, None).unwrap();
    server.challenge_message(login, &error, &mut down).unwrap();
    let Ok(Some(Event::Challenge(step, _))) = client.poll(&mut Input::more(down.pending())) else { panic!() };
    up.clear();
    down.clear();
    client.cancel(step, &mut up).unwrap();
    assert!(matches!(server.poll(&mut Input::more(up.pending()), &mut down), Ok(Step::NeedInput)));
    assert!(matches!(client.poll(&mut Input::more(down.pending())), Ok(Some(Event::Refused(..)))));
}

/// A token of 8 KiB is sent as a response and returned as a challenge.
#[test]
fn r5034_4_u_a_bearer_token_of_8_kib_passes_both_ways() {
    let token = [b'a'; 8192];
    for mechanism in [Mechanism::XOAUTH2, Mechanism::OAUTHBEARER] {
        let accepted = talk(
            mechanism,
            None,
            |received| match received {
                None => Answer::Challenge(token.to_vec()),
                Some(mut received) => {
                    let bearer = match mechanism == Mechanism::XOAUTH2 {
                        true => Bearer::parse_xoauth2(&received),
                        false => Bearer::parse_oauthbearer(&mut received),
                    };
                    assert_eq!(bearer.unwrap().token.expose(), token);
                    Answer::Accept
                }
            },
            |client, step, challenge, out| {
                assert_eq!(challenge, token);
                client.respond_message(step, &bearer(mechanism, &token), out).unwrap();
            },
        );
        assert!(accepted);
    }
}

/// Also 4616.2.c: a message without a name, or with a name that the application cannot prepare, fails like a wrong
/// password.
#[test]
fn r5034_4_ab_a_name_that_cannot_be_used_fails_the_login() {
    for initial in [&b"\0\0secret"[..], b"\0mrose\0", b"no parts"] {
        let accepted = talk(
            Mechanism::PLAIN,
            Some(&Message::new(initial)),
            |received| {
                assert!(Plain::parse(&received.unwrap()).is_err());
                Answer::Refuse
            },
            |_, _, challenge, _| panic!("{challenge:?}"),
        );
        assert!(!accepted);
    }
}

/// Returns a client that received this challenge.
fn challenged(config: impl Into<client::ClientConfig>, challenge: &[u8]) -> (Client, SaslStep) {
    let mut client = client_machine(config, &[]);
    client.send(&Command::parse(b"AUTH LOGIN").unwrap(), &mut SendBuf::new(vec![])).unwrap();
    match client.poll(&mut Input::more(challenge)) {
        Ok(Some(Event::Challenge(step, _))) => (client, step),
        event => panic!("{event:?}"),
    }
}

/// The same checks as for text that is already base64: the limit, the room and the token. The bytes are the same too.
#[test]
fn law_4_a_message_that_cannot_go_out_gives_its_step_back() {
    let config =
        client::ClientConfig::new(TlsPolicy::Implicit).with_limits(Limits::DEFAULT.with_sasl_line(130));
    let (mut client, step) = challenged(config, b"+ \r\n");
    let mut out = SendBuf::new(vec![]);
    let (long, fits) = ([b'x'; 97], [b'x'; 96]);
    let unanswered = client.respond_message(step, &Message::new(&long), &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 130 });

    let mut buffer = [0; 129];
    let mut small = SendBuf::new(&mut buffer[..]);
    let unanswered = client.respond_message(unanswered.token, &Message::new(&fits), &mut small).unwrap_err();
    assert!(
        matches!(unanswered.why, AnswerError::BufferFull(full) if full.needed == 130 && full.never_fits())
    );
    assert!(small.pending().is_empty(), "a message of more than one block leaves no part behind");

    let mut other = client_machine(TlsPolicy::Implicit, &[]);
    let unanswered = other.respond_message(unanswered.token, &Message::new(b""), &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert!(out.pending().is_empty());

    client.respond_message(unanswered.token, &Message::new(&fits), &mut out).unwrap();
    let mut buffer = [0; 128];
    let encoded = Message::new(&fits).encode_into(&mut buffer).unwrap().as_bytes();
    assert_eq!(out.pending(), [encoded, b"\r\n"].concat());
    assert!(matches!(client.poll(&mut Input::more(b"-ERR\r\n")), Ok(Some(Event::Refused(..)))));
}

#[test]
fn law_4_a_message_after_a_malformed_challenge_must_be_a_cancel() {
    let (mut client, step) = challenged(TlsPolicy::Implicit, b"+ \r\n");
    let mut out = SendBuf::new(vec![]);
    client.respond_message(step, &Message::new(b""), &mut out).unwrap();
    assert_eq!(out.pending(), b"\r\n");
    let mut input = Input::more(b"+ ???\r\n");
    let Ok(Some(Event::MalformedChallenge(step, _))) = client.poll(&mut input) else { panic!() };
    let unanswered = client.respond_message(step, &Message::new(b""), &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::MustCancel);
    assert_eq!(out.pending(), b"\r\n");
}

#[test]
fn law_4_a_challenge_message_that_cannot_go_out_gives_its_login_back() {
    let config = CONFIG.with_limits(Limits::DEFAULT.with_sasl_line(132));
    let mut server = machine(config, infos(&["abc"]), "");
    let mut out = SendBuf::new(vec![]);
    let (token, _) = login(&mut server, b"AUTH LOGIN\r\n", &mut out);
    let (long, fits) = ([b'x'; 97], [b'x'; 96]);
    let unanswered = server.challenge_message(token, &Message::new(&long), &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 132 });
    let mut buffer = [0; 131];
    let mut small = SendBuf::new(&mut buffer[..]);
    let unanswered =
        server.challenge_message(unanswered.token, &Message::new(&fits), &mut small).unwrap_err();
    assert!(matches!(unanswered.why, AnswerError::BufferFull(full) if full.needed == 132));
    assert!(small.pending().is_empty());
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::Waiting)));
    server.challenge_message(unanswered.token, &Message::new(&fits), &mut out).unwrap();
    assert!(out.pending().starts_with(b"+ eHh4"));
    out.clear();
    let (token, _) = login(&mut server, b"\r\n", &mut out);
    server.challenge_message(token, &Message::new(b""), &mut out).unwrap();
    assert_eq!(out.pending(), b"+ \r\n");

    let (user, pass) = LOGIN.split_at("USER mrose\r\n".len());
    let mut server = machine(ServerConfig::new(TlsPolicy::Implicit), infos(&["abc"]), user);
    let (token, _) = login(&mut server, pass.as_bytes(), &mut out);
    let unanswered = server.challenge_message(token, &Message::new(b""), &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale, "PASS is not an exchange");
}

/// The driver asks a mechanism that authenticates the server too. Without its agreement there is no TRANSACTION.
#[test]
fn r5034_4_ao_messages_change_nothing_about_the_verdict() {
    let (mut client, step) = challenged(TlsPolicy::Implicit, b"+ cj1u\r\n");
    client.respond_message(step, &Message::new(b"c=biws"), &mut SendBuf::new(vec![])).unwrap();
    let mut input = Input::more(b"+OK\r\n");
    let Ok(Some(Event::AuthAccepted(_done, _))) = client.poll(&mut input) else { panic!() };
    assert_eq!(client.state(), State::Authorization);
    assert_eq!(client.poll(&mut Input::last(b"")).unwrap_err(), ConnectionError::UnexpectedEof);
}
