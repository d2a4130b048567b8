//! All or nothing, the client: a call that fails changes neither machine nor sink, returns its token, and succeeds once the cause is
//! fixed.

use super::reach::{LOGIN, Said, cleartext, client, hear, logged_in, say};
use super::sessions::{USER, number, pass};
use pop3_proto::client::{Client, ClientConfig, Event, SendError, TlsRefusal};
use pop3_proto::{
    AnswerError, ApopDigest, Base64, BufferFull, Command, Input, Keyword, LanguageRange, LanguageTag, Limits,
    Mechanism, Profile, Secret, SendBuf, Sink, State, Text, TlsPolicy, Unanswered, Verb,
};

/// Returns the `Debug` output of the client.
fn image(client: &Client) -> String {
    format!("{client:?}")
}

fn refuses(client: &mut Client, command: &Command<'_>, error: SendError) {
    let mut sink = SendBuf::new(vec![]);
    sink.put(&[b"before"]).unwrap();
    let before = image(client);
    assert_eq!(client.send(command, &mut sink), Err(error), "{command:?}");
    assert_eq!(image(client), before, "{error}");
    assert_eq!(sink.pending(), b"before", "{error}");
}

fn takes(client: &mut Client, command: &Command<'_>) {
    let mut sink = SendBuf::new(vec![]);
    client.send(command, &mut sink).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut expected = SendBuf::new(vec![]);
    command.encode(&mut expected).unwrap();
    assert_eq!(sink.pending(), expected.pending());
}

fn auth(initial: Option<Base64<'static>>) -> Command<'static> {
    Command::Auth { mechanism: Mechanism::PLAIN, initial }
}

const APOP: Command<'static> =
    Command::Apop { name: Text::from_static("mrose"), digest: ApopDigest::new([7; 16]) };
const BEARER: Command<'static> = Command::Auth { mechanism: Mechanism::OAUTHBEARER, initial: None };
const NO_TLS: &[u8] = b"+OK\r\nUSER\r\n.\r\n";

/// The configuration, the session until now, the command, the error, and the session that fixes the cause.
type Row<'a> = (ClientConfig, &'a [Said<'a>], Command<'a>, SendError, &'a [Said<'a>]);

/// A refusal that a later call fixes.
#[test]
fn law_4_a_refused_command_is_taken_once_the_cause_is_fixed() {
    let opportunistic = ClientConfig::new(TlsPolicy::Opportunistic);
    let ahead = cleartext().assume_pipelining();
    let capa: Said<'_> = (Command::Capa, b"+OK\r\nUSER\r\nSTLS\r\n.\r\n");
    let list_sasl: Said<'_> = (Command::Capa, b"+OK\r\nSASL PLAIN\r\n.\r\n");
    let rows: &[Row<'_>] = &[
        (cleartext(), &[], Command::Stat, SendError::State(State::Authorization), &LOGIN),
        (cleartext(), &[], pass("b"), SendError::NoUser, &LOGIN[..1]),
        (cleartext(), &[(USER, b"-ERR\r\n")], pass("b"), SendError::NoUser, &LOGIN[..1]),
        (
            cleartext(),
            &[(Command::Capa, NO_TLS)],
            auth(Some(Base64::EMPTY)),
            SendError::InitialResponse,
            &[list_sasl],
        ),
        (opportunistic, &[], USER, SendError::Tls(TlsRefusal::CapaFirst), &[(Command::Capa, NO_TLS)]),
        (
            opportunistic,
            &[capa],
            USER,
            SendError::Tls(TlsRefusal::StlsFirst),
            &[(Command::Stls, b"-ERR\r\n")],
        ),
        (cleartext(), &[(Command::Capa, b"")], USER, SendError::After(Verb::Capa), &[]),
        (ahead, &[(USER, b"")], Command::Stls, SendError::Alone, &[]),
        (cleartext(), &[(USER, b"")], pass("b"), SendError::NotPipelined, &[]),
    ];
    for (config, before, command, error, mend) in rows {
        let mut client = client(*config, b"+OK ready\r\n", before);
        refuses(&mut client, command, *error);
        if mend.is_empty() {
            // The command in flight is answered.
            hear(&mut client, if before[0].0.verb() == Verb::Capa { NO_TLS } else { b"+OK\r\n" });
        }
        for (command, answer) in *mend {
            say(&mut client, command, answer);
        }
        takes(&mut client, command);
    }
}

#[test]
fn law_4_a_command_that_cannot_be_sent_leaves_the_session_unchanged() {
    let required = ClientConfig::new(TlsPolicy::Required);
    let strict = cleartext().with_profile(Profile::Strict);
    let long = [b'x'; 250];
    let name = |name| Command::User(Text::new(name).unwrap());
    let other = Command::Other {
        keyword: Keyword::new(b"XTND").unwrap(),
        arguments: Some(Secret::new(b"a\tb").unwrap()),
    };
    let initial = Base64::new(&[b'A'; 248]).unwrap();
    let too_long = SendError::InitialResponseTooLong { limit: 255 };
    let rows: &[(ClientConfig, Command<'_>, SendError)] = &[
        (required, USER, SendError::Tls(TlsRefusal::Required)),
        (cleartext(), BEARER, SendError::Tls(TlsRefusal::Mechanism)),
        (cleartext(), APOP, SendError::NoTimestamp),
        (ClientConfig::new(TlsPolicy::Implicit), Command::Stls, SendError::NoStls),
        (cleartext(), name(b""), SendError::Empty),
        (cleartext(), name(b"a\tb"), SendError::Control),
        (cleartext(), other, SendError::Control),
        (strict, name("é".as_bytes()), SendError::NotAscii),
        (strict, name(b"a b"), SendError::Spaces),
        (cleartext(), name(&long), SendError::TooLong { limit: 255 }),
        (cleartext(), Command::Auth { mechanism: Mechanism::PLAIN, initial: Some(initial) }, too_long),
    ];
    for (config, command, error) in rows {
        let mut client = client(*config, b"+OK ready\r\n", &[]);
        refuses(&mut client, command, *error);
        takes(&mut client, &Command::Capa);
    }
}

#[test]
fn law_4_no_command_is_sent_before_the_greeting_or_after_the_end() {
    let mut early = Client::new(cleartext(), 1);
    refuses(&mut early, &Command::Capa, SendError::State(State::Greeting));
    hear(&mut early, b"+OK\r\n");
    takes(&mut early, &Command::Capa);

    let mut refused = client(cleartext(), b"-ERR go away\r\n", &[]);
    refuses(&mut refused, &Command::Capa, SendError::NoService);
    takes(&mut refused, &Command::Quit);

    let mut closed = client(cleartext(), b"+OK\r\n", &[(Command::Quit, b"+OK\r\n")]);
    refuses(&mut closed, &Command::Capa, SendError::Over);

    let mut fatal = client(cleartext(), b"+OK\r\n", &[]);
    fatal.poll(&mut Input::more(b"?")).unwrap_err();
    refuses(&mut fatal, &Command::Capa, SendError::Over);
}

#[test]
fn law_4_seventeen_commands_are_one_too_many() {
    let mut client = logged_in(cleartext().assume_pipelining());
    for _ in 0..16 {
        takes(&mut client, &Command::Noop);
    }
    refuses(&mut client, &Command::Noop, SendError::QueueFull);
    hear(&mut client, b"+OK\r\n");
    takes(&mut client, &Command::Noop);
    refuses(&mut client, &Command::Noop, SendError::QueueFull);
}

/// Every command, at every room less than it needs.
#[test]
fn law_4_a_full_sink_changes_nothing() {
    let secret = Secret::new(b"tanstaaf").unwrap();
    let one = number(1);
    let early = [
        USER,
        APOP,
        auth(None),
        auth(Some(Base64::from_static("AAAA"))),
        Command::AuthList,
        Command::Stls,
        Command::Utf8,
        Command::Capa,
        Command::Lang(None),
        Command::Lang(Some(LanguageRange::Tag(LanguageTag::from_static("en")))),
        Command::Quit,
        Command::Other { keyword: Keyword::new(b"XTND").unwrap(), arguments: None },
    ];
    let late = [
        Command::Stat,
        Command::List(None),
        Command::List(Some(one)),
        Command::Retr(one),
        Command::Dele(one),
        Command::Noop,
        Command::Rset,
        Command::Top { message: one, lines: 10 },
        Command::Uidl(None),
        Command::Uidl(Some(one)),
        Command::Quit,
    ];
    let greeted = || client(cleartext(), b"+OK <1.2@h>\r\n", &[]);
    for command in &early {
        fills(greeted, command);
    }
    fills(|| client(cleartext(), b"+OK\r\n", &LOGIN[..1]), &Command::Pass(secret));
    for command in &late {
        fills(|| logged_in(cleartext()), command);
    }
}

fn fills(client: impl Fn() -> Client, command: &Command<'_>) {
    let needed = command.encoded_len();
    for room in 0..needed {
        let mut client = client();
        let mut memory = vec![0; needed + 3];
        let mut sink = SendBuf::new(&mut memory[..]);
        let held = vec![b'-'; needed + 3 - room];
        sink.put(&[&held]).unwrap();
        let before = image(&client);
        let full = SendError::BufferFull(BufferFull { needed, capacity: needed + 3 });
        assert_eq!(client.send(command, &mut sink), Err(full));
        assert_eq!((image(&client), sink.pending()), (before, &held[..]));
        sink.sent(held.len());
        client.send(command, &mut sink).unwrap();
        assert_eq!(sink.pending().len(), needed);
    }
    let mut memory = vec![0; needed - 1];
    assert!(
        matches!(client().send(command, &mut SendBuf::new(&mut memory[..])), Err(SendError::BufferFull(full)) if full.never_fits())
    );
}

/// Returns a client with a pending challenge.
fn challenged(challenge: &'static [u8]) -> (Client, pop3_proto::client::SaslStep) {
    let config = cleartext().with_limits(Limits::DEFAULT.with_sasl_line(64));
    let mut client = client(config, b"+OK\r\n", &[]);
    match say(&mut client, &auth(None), challenge) {
        Some(Event::Challenge(step, _) | Event::MalformedChallenge(step, _)) => (client, step),
        event => panic!("{event:?}"),
    }
}

fn unanswered<T: std::fmt::Debug>(answered: Result<(), Unanswered<T>>, why: AnswerError, shown: &str) -> T {
    let unanswered = answered.unwrap_err();
    assert_eq!(unanswered.why, why);
    assert_eq!(format!("{:?}", unanswered.token), shown);
    unanswered.token
}

#[test]
fn law_4_an_answer_to_a_challenge_that_fails_gives_its_token_back() {
    let response = Base64::from_static("AAAA");
    for cancel in [false, true] {
        let needed = if cancel { 3 } else { 6 };
        let (mut client, mut step) = challenged(b"+ \r\n");
        let (before, shown) = (image(&client), format!("{step:?}"));
        refuses(&mut client, &Command::Capa, SendError::CallersTurn);
        for room in 0..needed {
            let mut memory = vec![0; room];
            let mut sink = SendBuf::new(&mut memory[..]);
            let full = AnswerError::BufferFull(BufferFull { needed, capacity: room });
            let answered = match cancel {
                true => client.cancel(step, &mut sink),
                false => client.respond(step, response, &mut sink),
            };
            step = unanswered(answered, full, &shown);
            assert_eq!((image(&client), sink.pending()), (before.clone(), &b""[..]));
        }
        let mut sink = SendBuf::new(vec![]);
        let long = [b'A'; 64];
        let too_long = client.respond(step, Base64::new(&long).unwrap(), &mut sink);
        step = unanswered(too_long, AnswerError::TooLong { limit: 64 }, &shown);
        assert_eq!((image(&client), sink.pending()), (before, &b""[..]));
        match cancel {
            true => client.cancel(step, &mut sink).unwrap(),
            false => client.respond(step, response, &mut sink).unwrap(),
        }
        assert_eq!(sink.pending(), if cancel { &b"*\r\n"[..] } else { b"AAAA\r\n" });
    }
}

#[test]
fn law_4_a_challenge_that_can_only_be_cancelled_can_be() {
    let (mut client, step) = challenged(b"+ \r\n");
    let mut sink = SendBuf::new(vec![]);
    client.respond(step, Base64::EMPTY, &mut sink).unwrap();
    sink.sent(2);
    let Some(Event::MalformedChallenge(step, b"?")) = hear(&mut client, b"+ ?\r\n") else { panic!() };
    let (before, shown) = (image(&client), format!("{step:?}"));
    let step = unanswered(client.respond(step, Base64::EMPTY, &mut sink), AnswerError::MustCancel, &shown);
    assert_eq!((image(&client), sink.pending()), (before, &b""[..]));
    client.cancel(step, &mut sink).unwrap();
    assert_eq!(sink.pending(), b"*\r\n");
}

/// A token of another client, and one whose session has ended.
#[test]
fn law_4_a_stale_token_comes_back_and_changes_nothing() {
    let mut sink = SendBuf::new(vec![]);
    let (mut twin, first) = challenged(b"+ \r\n");
    let (mut client, step) = challenged(b"+ \r\n");
    client.respond(step, Base64::EMPTY, &mut SendBuf::new(vec![])).unwrap();
    let Some(Event::Challenge(second, _)) = hear(&mut client, b"+ \r\n") else { panic!() };
    let (before, shown) = (image(&client), format!("{first:?}"));
    let first = unanswered(client.respond(first, Base64::EMPTY, &mut sink), AnswerError::Stale, &shown);
    let first = unanswered(client.cancel(first, &mut sink), AnswerError::Stale, &shown);
    assert_eq!((image(&client), sink.pending()), (before, &b""[..]));
    client.respond(second, Base64::EMPTY, &mut sink).unwrap();

    twin.poll(&mut Input::more(b"?")).unwrap_err();
    let first = unanswered(twin.respond(first, Base64::EMPTY, &mut sink), AnswerError::Stale, &shown);
    let _ = unanswered(twin.cancel(first, &mut sink), AnswerError::Stale, &shown);
    assert_eq!(sink.pending(), b"\r\n");
}

#[test]
fn law_4_an_answer_applies_to_its_own_exchange() {
    let (mut ended, step) = challenged(b"+ \r\n");
    ended.respond(step, Base64::EMPTY, &mut SendBuf::new(vec![])).unwrap();
    let Some(Event::AuthAccepted(done, _)) = hear(&mut ended, b"+OK\r\n") else { panic!() };
    refuses(&mut ended, &Command::Stat, SendError::CallersTurn);
    let mut other = client(cleartext(), b"+OK\r\n", &[]);
    let Some(Event::AuthAccepted(fresh, _)) = say(&mut other, &auth(None), b"+OK\r\n") else { panic!() };
    let (before, shown) = (image(&other), format!("{done:?}"));
    let done = unanswered(other.verified(done), AnswerError::Stale, &shown);
    assert_eq!(image(&other), before);
    other.verified(fresh).unwrap();
    takes(&mut other, &Command::Stat);
    ended.verified(done).unwrap();
    takes(&mut ended, &Command::Stat);
}

#[test]
fn law_4_a_handshake_is_for_the_answer_it_follows() {
    let mut first = client(cleartext(), b"+OK\r\n", &[]);
    let Some(Event::StartTls(start)) = say(&mut first, &Command::Stls, b"+OK\r\n") else { panic!() };
    refuses(&mut first, &Command::Capa, SendError::CallersTurn);
    let mut other = client(cleartext(), b"+OK\r\n", &[]);
    let (before, shown) = (image(&other), format!("{start:?}"));
    let start = unanswered(other.tls_started(start, Input::more(b"?")), AnswerError::Stale, &shown);
    assert_eq!(image(&other), before);
    first.tls_started(start, Input::more(b"")).unwrap();
    takes(&mut first, &Command::Capa);
}
