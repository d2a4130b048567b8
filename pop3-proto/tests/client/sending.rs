//! Which commands may be sent: every command in every state, and every command after every other.

use super::{CLEAR, Guest, PIPED};
use pop3_proto::client::{Event, SendError};
use pop3_proto::{Command, ConnectionError, Input, SendBuf, Sink, State, Text, Verb};
use pop3_proto_kit::{OPENING, client};

/// Returns a valid line for each command.
fn line(verb: Verb) -> &'static str {
    match verb {
        Verb::User => "USER mrose",
        Verb::Pass => "PASS secret",
        Verb::Apop => "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
        Verb::Auth => "AUTH PLAIN",
        Verb::Lang => "LANG en",
        Verb::Retr => "RETR 1",
        Verb::Dele => "DELE 1",
        Verb::Top => "TOP 1 0",
        Verb::Other => "XTND",
        other => other.keyword(),
    }
}

/// After these commands, the client can send no other command until the answer. Any command that fits may follow the
/// others.
const BARRIERS: [Verb; 11] = [
    Verb::Pass,
    Verb::Apop,
    Verb::Auth,
    Verb::AuthList,
    Verb::Stls,
    Verb::Utf8,
    Verb::Capa,
    Verb::Lang,
    Verb::LangList,
    Verb::Quit,
    Verb::Other,
];

/// Returns a client in AUTHORIZATION whose name was accepted, so PASS is allowed too.
fn named() -> Guest {
    let mut session = Guest::greeted(CLEAR);
    session.ask("USER mrose", "+OK\r\n");
    session
}

fn after(mut session: Guest, line: &str, answer: &str) -> Guest {
    session.ask(line, answer);
    session
}

/// Asserts the result of `send` for each command in the sessions that `make` creates. An error changes nothing.
fn each(make: impl Fn() -> Guest, expected: impl Fn(Verb) -> Result<(), SendError>) {
    for verb in Verb::ALL {
        let mut session = make();
        session.sent();
        let (state, idle) = (session.client().state(), session.client().is_idle());
        let sent = session.send(line(*verb));
        assert_eq!(
            sent.map(|ticket| assert_eq!(ticket.verb, *verb)),
            expected(*verb),
            "{verb:?} in {state:?}"
        );
        match sent {
            Ok(_) => assert_eq!(session.sent(), format!("{}\r\n", line(*verb))),
            Err(_) => {
                assert_eq!(session.sent(), "");
                assert_eq!((session.client().state(), session.client().is_idle()), (state, idle));
            }
        }
    }
}

/// Also 1939.5.c: the table decides which commands are valid in which state.
#[test]
fn r1939_3_af_each_command_in_each_state() {
    let by_table =
        |state| move |verb: Verb| if verb.is_valid_in(state) { Ok(()) } else { Err(SendError::State(state)) };
    each(|| Guest::new(CLEAR), by_table(State::Greeting));
    each(named, by_table(State::Authorization));
    each(|| Guest::opened(CLEAR), by_table(State::Transaction));
    let closed = || after(Guest::opened(CLEAR), "QUIT", "+OK\r\n");
    assert_eq!(closed().client().state(), State::Closed);
    each(closed, |_| Err(SendError::Over));
    let update = || after(Guest::opened(CLEAR), "QUIT", "");
    assert_eq!(update().client().state(), State::Update);
    each(update, |_| Err(SendError::After(Verb::Quit)));
}

#[test]
fn each_command_while_another_is_required() {
    let only_quit = |error| move |verb| if verb == Verb::Quit { Ok(()) } else { Err(error) };
    let no_service = || {
        let mut session = Guest::new(CLEAR);
        session.hear("-ERR no\r\n");
        session
    };
    each(no_service, only_quit(SendError::NoService));
    each(|| after(named(), "AUTH PLAIN", "+OK\r\n"), only_quit(SendError::CallersTurn));
    each(|| after(named(), "AUTH PLAIN", "+ \r\n"), |_| Err(SendError::CallersTurn));
    each(|| after(named(), "STLS", "+OK\r\n"), |_| Err(SendError::CallersTurn));
    let fatal = || after(Guest::opened(CLEAR), "NOOP", "?\r\n");
    assert_eq!(fatal().hear(""), ["fatal NotPop3"]);
    each(fatal, |_| Err(SendError::Over));
}

/// Also 1939.7.apop.h and 1939.7.pass.c.
#[test]
fn each_command_that_needs_a_history() {
    let bare = || {
        let mut session = Guest::new(CLEAR);
        session.hear("+OK\r\n");
        session
    };
    each(bare, |verb| match verb {
        Verb::Pass => Err(SendError::NoUser),
        Verb::Apop => Err(SendError::NoTimestamp),
        _ if verb.is_valid_in(State::Authorization) => Ok(()),
        _ => Err(SendError::State(State::Authorization)),
    });
    let utf8 = || after(named(), "UTF8", "+OK\r\n");
    assert!(utf8().client().is_utf8());
    let tls = || {
        let mut session = after(named(), "STLS", "+OK\r\n");
        session.handshake();
        session
    };
    assert!(tls().client().is_tls());
    for make in [&utf8 as &dyn Fn() -> Guest, &tls] {
        assert_eq!(make().send("STLS").unwrap_err(), SendError::NoStls);
    }
}

/// Also 1939.3.ag and ROB.37: each command after each other one, with and without pipelining.
#[test]
fn rob_37_each_command_after_each_other() {
    for first in Verb::ALL {
        for config in [CLEAR, PIPED] {
            for (state, make) in [
                (State::Authorization, Guest::greeted as fn(_) -> Guest),
                (State::Transaction, Guest::opened),
            ] {
                let start = || {
                    let mut session = make(config);
                    if *first == Verb::Pass && state == State::Authorization {
                        session.ask("USER mrose", "+OK\r\n");
                    }
                    session.send(line(*first)).map(|_| session)
                };
                if start().is_ok() {
                    let piped = config == PIPED;
                    each(|| start().unwrap(), |second| send_both(state, *first, second, piped));
                }
            }
        }
    }
}

fn send_both(state: State, first: Verb, second: Verb, piped: bool) -> Result<(), SendError> {
    let login = matches!(first, Verb::Pass | Verb::Apop | Verb::Auth);
    match () {
        // The answer changes the state, so the command may be valid later, whatever it is.
        () if login => Err(SendError::After(first)),
        () if first != Verb::Quit && !second.is_valid_in(state) => Err(SendError::State(state)),
        () if first == Verb::Quit && state == State::Authorization && !second.is_valid_in(state) => {
            Err(SendError::State(state))
        }
        () if BARRIERS.contains(&first) => Err(SendError::After(first)),
        () if second == Verb::Stls => Err(SendError::Alone),
        () if !piped => Err(SendError::NotPipelined),
        () if second == Verb::Pass && first != Verb::User => Err(SendError::NoUser),
        () => Ok(()),
    }
}

/// A driver that holds a command back must be able to tell it from a command that can never be sent.
#[test]
fn a_command_after_a_login_may_be_sent_once_the_login_is_answered() {
    let mut session = after(named(), "PASS secret", "");
    let error = session.send("STAT").unwrap_err();
    assert_eq!(error, SendError::After(Verb::Pass));
    assert!(error.is_retryable());
    session.hear("+OK\r\n");
    session.send("STAT").unwrap();
    let error = named().send("STAT").unwrap_err();
    assert!(!error.is_retryable(), "{error}: no pending answer changes that");
}

#[test]
fn rob_37_no_more_than_16_commands_are_in_flight() {
    let mut session = Guest::opened(PIPED);
    for turn in 0..5 {
        for _ in 0..16 {
            session.send("NOOP").unwrap();
        }
        assert_eq!(session.send("NOOP").unwrap_err(), SendError::QueueFull);
        assert_eq!(session.send("QUIT").unwrap_err(), SendError::QueueFull);
        assert_eq!(session.sent(), "NOOP\r\n".repeat(16));
        assert_eq!(session.hear("+OK\r\n"), ["NOOP ok"]);
        assert_eq!(session.send("DELE 1").unwrap().sequence(), 2 + 17 * turn + 16);
        assert_eq!(session.send("NOOP").unwrap_err(), SendError::QueueFull);
        session.sent();
        assert_eq!(session.hear("+OK\r\n".repeat(16)).last().unwrap(), "DELE 1 ok");
        assert!(session.client().is_idle());
    }
}

/// Law 4: the same call succeeds once there is room.
#[test]
fn a_command_that_does_not_fit_the_sink_was_not_sent() {
    let mut client = client(CLEAR, OPENING);
    let mut buffer = [0; 5];
    let mut out = SendBuf::new(&mut buffer[..]);
    let Err(SendError::BufferFull(full)) = client.send(&Command::Stat, &mut out) else { panic!() };
    assert!(full.never_fits() && out.pending().is_empty() && client.is_idle());
    client.send(&Command::Stat, &mut SendBuf::new(vec![])).unwrap();
    assert!(matches!(client.poll(&mut Input::more(b"+OK 0 0\r\n")), Ok(Some(Event::DropListing(..)))));
    assert_eq!(client.poll(&mut Input::more(b"+OK\r\n")).unwrap_err(), ConnectionError::Unsolicited);
}

#[test]
fn a_full_sink_is_distinguished_from_one_that_is_too_small() {
    for (capacity, later) in [(5, false), (10, true)] {
        let mut client = client(CLEAR, OPENING);
        let mut buffer = vec![0; capacity];
        let mut out = SendBuf::new(&mut buffer[..]);
        out.put(&[b"*****"]).unwrap();
        let error = client.send(&Command::Stat, &mut out).unwrap_err();
        assert_eq!(error.is_retryable(), later, "{error}");
    }
}

/// Also 1939.7.user.a.
#[test]
fn an_empty_name_is_refused() {
    let mut session = Guest::greeted(CLEAR);
    let sent = session.pop3.sender().send(Command::User(Text::EMPTY));
    assert_eq!(sent.unwrap_err(), SendError::Empty);
    assert_eq!(session.sent(), "");
}

/// Each reason has its own text.
#[test]
fn errors_of_send_are_distinguished() {
    let errors = [
        SendError::Over,
        SendError::State(State::Closed),
        SendError::CallersTurn,
        SendError::NoService,
        SendError::After(Verb::Pass),
        SendError::Alone,
        SendError::NotPipelined,
        SendError::QueueFull,
        SendError::NoUser,
        SendError::NoTimestamp,
        SendError::NoStls,
        SendError::InitialResponse,
        SendError::InitialResponseTooLong { limit: 255 },
        SendError::TooLong { limit: 255 },
        SendError::Empty,
        SendError::Control,
        SendError::NotAscii,
        SendError::Spaces,
    ];
    let words: std::collections::BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), errors.len());
}

/// Debug output names the commands in flight and the capabilities of the server, and omits everything from the past.
#[test]
fn debug_shows_the_current_session() {
    let mut session = Guest::opened(PIPED);
    session.ask("CAPA", "+OK\r\nUIDL\r\nSASL PLAIN XOAUTH2\r\nLOGIN-DELAY 60\r\n.\r\n");
    session.ask("RETR 7", "-ERR\r\n");
    session.send("DELE 2").unwrap();
    session.send("NOOP").unwrap();
    let shown = format!("{:?}", session.client());
    for part in [
        "state: Transaction",
        "in_flight: {4: DELE 2, 5: NOOP}",
        "features: [Sasl, Uidl, LoginDelay], mechanisms: [",
        "login_delay: Some(60), expire: None",
        "PLAIN",
        "XOAUTH2",
        "deletions: Pending",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("ANONYMOUS"), "a mechanism that the server does not have: {shown}");
    assert!(!shown.contains("RETR") && !shown.contains("CAPA") && !shown.contains("tanstaaf"), "{shown}");
}
