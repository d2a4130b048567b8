//! All or nothing, the server: an answer that fails returns its token, changes neither machine nor sink, and succeeds
//! later.

use super::reach::{ask, server, until};
use pop3_proto::server::{Ask, BodyError, Refusal, Server, ServerConfig, Step};
use pop3_proto::{
    AnswerError, Base64, BufferFull, Input, Limits, MIN_SEND_BUF, Mechanism, ResponseCode, SendBuf, Sink,
    StuffMode, Text, TlsPolicy, Unanswered,
};
use pop3_proto_kit::{App, Infos};
use std::fmt::Debug;

type Machine = Server<Infos, ServerConfig<'static>>;

fn unanswered<T: Debug>(answered: Result<(), Unanswered<T>>, why: AnswerError, shown: &str) -> T {
    let unanswered = answered.unwrap_err();
    assert_eq!(unanswered.why, why);
    assert_eq!(format!("{:?}", unanswered.token), shown);
    unanswered.token
}

/// Tries an answer of this length with every room that is too small, then with enough.
fn fills<T: Debug>(
    machine: &mut Machine,
    token: T,
    needed: usize,
    answer: impl Fn(&mut Machine, T, &mut dyn Sink) -> Result<(), Unanswered<T>>,
) {
    let (shown, before) = (format!("{token:?}"), format!("{machine:?}"));
    let mut token = token;
    for room in 0..needed {
        let mut memory = vec![0; needed + 5];
        let mut sink = SendBuf::new(&mut memory[..]);
        let held = vec![b'-'; needed + 5 - room];
        sink.put(&[&held]).unwrap();
        let full = AnswerError::BufferFull(BufferFull { needed, capacity: needed + 5 });
        token = unanswered(answer(machine, token, &mut sink), full, &shown);
        assert_eq!((format!("{machine:?}"), sink.pending()), (before.clone(), &held[..]));
        assert!(matches!(machine.poll(&mut Input::more(b""), &mut sink), Ok(Step::Waiting)));
    }
    let mut memory = vec![0; needed];
    let mut sink = SendBuf::new(&mut memory[..]);
    answer(machine, token, &mut sink).unwrap();
    assert_eq!(sink.room(), 0);
}

#[test]
fn law_4_answers_that_write_wait_for_room() {
    let mut machine = server(1);
    let Ask::Greet(greet) = ask!(&mut machine, b"", Greet(_)) else { unreachable!() };
    fills(&mut machine, greet, 11, |machine, greet, sink| {
        machine.greet(greet, Text::from_static("ready"), sink)
    });
    let Ask::Login(login, _) = ask!(&mut machine, b"AUTH PLAIN\r\n", Login(..)) else { unreachable!() };
    fills(&mut machine, login, 8, |machine, login, sink| {
        machine.challenge(login, Base64::from_static("AAAA"), sink)
    });
    let Ask::Login(login, _) = ask!(&mut machine, b"AAAA\r\n", Login(..)) else { unreachable!() };
    machine.accept(login, App::new().maildrop()).unwrap();
    let Ask::Other(other, ..) = ask!(&mut machine, b"XTND\r\n", Other(..)) else { unreachable!() };
    fills(&mut machine, other, 7, |machine, other, sink| machine.other(other, Text::from_static("x"), sink));
    assert!(matches!(ask!(&mut machine, b"QUIT\r\n", Commit(_)), Ask::Commit(_)));
}

#[test]
fn law_4_answers_over_a_limit_are_not_taken() {
    let config = ServerConfig::new(TlsPolicy::Cleartext)
        .with_other_commands()
        .with_sasl_cleartext(&[Mechanism::PLAIN]);
    let mut machine = Server::new(config.with_limits(Limits::DEFAULT.with_sasl_line(64)), 1);
    let mut sink = SendBuf::new(vec![]);
    let long = [b'A'; MIN_SEND_BUF - 6 + 1];
    let (fits, over) = (Text::new(&long[1..]).unwrap(), Text::new(&long).unwrap());
    let too_long = |limit| AnswerError::TooLong { limit };

    let Ask::Greet(greet) = ask!(&mut machine, b"", Greet(_)) else { unreachable!() };
    let (shown, before) = (format!("{greet:?}"), format!("{machine:?}"));
    let greet = unanswered(machine.greet(greet, over, &mut sink), too_long(512), &shown);
    assert_eq!((format!("{machine:?}"), sink.pending()), (before, &b""[..]));
    machine.greet(greet, fits, &mut sink).unwrap();
    assert_eq!(sink.pending().len(), 512);

    let Ask::Login(login, _) = ask!(&mut machine, b"AUTH PLAIN\r\n", Login(..)) else { unreachable!() };
    let (shown, before) = (format!("{login:?}"), format!("{machine:?}"));
    let challenge = |octets| Base64::new(&long[..octets]).unwrap();
    sink.sent(512);
    let login = unanswered(machine.challenge(login, challenge(64), &mut sink), too_long(64), &shown);
    assert_eq!((format!("{machine:?}"), sink.pending()), (before, &b""[..]));
    machine.challenge(login, challenge(60), &mut sink).unwrap();
    assert_eq!(sink.pending().len(), 64);
}

/// The question of PASS has no exchange that could continue.
#[test]
fn law_4_a_challenge_outside_auth_is_not_taken() {
    let (mut machine, mut sink) = (server(1), SendBuf::new(vec![]));
    let Ask::Login(login, _) = ask!(&mut machine, b"USER a\r\nPASS b\r\n", Login(..)) else { unreachable!() };
    let (shown, before) = (format!("{login:?}"), format!("{machine:?}"));
    let login = unanswered(machine.challenge(login, Base64::EMPTY, &mut sink), AnswerError::Stale, &shown);
    assert_eq!((format!("{machine:?}"), sink.pending()), (before, &b""[..]));
    machine.accept(login, App::new().maildrop()).unwrap();
}

/// Returns a new connection with an open question, after `before` and `wire`.
fn asked<T>(
    id: u64,
    before: &[u8],
    wire: &[u8],
    token: fn(Ask<'_>) -> Option<T>,
    is: fn(&Ask<'_>) -> bool,
) -> (Machine, T) {
    let mut machine = server(id);
    let octets = [before, wire].concat();
    let mut input = Input::more(&octets);
    let left = |step: &Step<'_>| matches!(step, Step::Ask(ask) if is(ask));
    let Step::Ask(ask) = until(&mut machine, &mut input, &mut SendBuf::new(vec![]), left) else {
        unreachable!()
    };
    let token = token(ask).unwrap();
    (machine, token)
}

/// Answers the question of one connection on another, on a connection with the same number that is one question
/// ahead, and on its own after that has ended. Each time the token is returned, and the open question accepts only
/// its own token.
fn takes_its_own_only<T: Debug>(
    wire: &[u8],
    is: fn(&Ask<'_>) -> bool,
    token: fn(Ask<'_>) -> Option<T>,
    answer: impl Fn(&mut Machine, T, &mut dyn Sink) -> Result<(), Unanswered<T>>,
) {
    let (mut own, mut foreign) = asked(1, b"", wire, token, is);
    let shown = format!("{foreign:?}");
    let ahead: &[u8] = if wire.starts_with(b"XTND") { b"USER x\r\n" } else { b"XTND\r\n" };
    for (id, before, why) in [(2, &b""[..], AnswerError::OtherConnection), (1, ahead, AnswerError::Stale)] {
        if wire.is_empty() && id == 1 {
            continue; // there is no question before the greeting
        }
        let (mut other, theirs) = asked(id, before, wire, token, is);
        let (mut sink, image) = (SendBuf::new(vec![]), format!("{other:?}"));
        foreign = unanswered(answer(&mut other, foreign, &mut sink), why, &shown);
        assert_eq!((format!("{other:?}"), sink.pending()), (image, &b""[..]), "{shown}");
        assert!(matches!(other.poll(&mut Input::more(b""), &mut sink), Ok(Step::Waiting)), "{shown}");
        answer(&mut other, theirs, &mut sink).unwrap();
        assert!(!matches!(other.poll(&mut Input::more(b""), &mut sink), Ok(Step::Waiting)), "{shown}");
    }
    own.close();
    let (mut sink, image) = (SendBuf::new(vec![]), format!("{own:?}"));
    let _ = unanswered(answer(&mut own, foreign, &mut sink), AnswerError::Stale, &shown);
    assert_eq!((format!("{own:?}"), sink.pending()), (image, &b""[..]), "{shown}");
}

/// Returns the token of a question of this kind.
macro_rules! kind {
    ($kind:ident) => {
        (
            |ask: &Ask<'_>| matches!(ask, Ask::$kind(..)),
            |ask: Ask<'_>| if let Ask::$kind(token, ..) = ask { Some(token) } else { None },
        )
    };
    ($kind:ident alone) => {
        (
            |ask: &Ask<'_>| matches!(ask, Ask::$kind(_)),
            |ask: Ask<'_>| if let Ask::$kind(token) = ask { Some(token) } else { None },
        )
    };
}

#[test]
fn law_4_a_foreign_or_stale_answer_changes_nothing() {
    let (is, token) = kind!(Greet alone);
    takes_its_own_only(b"", is, token, |m, greet, sink| m.greet(greet, Text::EMPTY, sink));
    takes_its_own_only(b"", is, token, |m, greet, _| m.refuse(greet, Refusal::Temporary));
    let (is, token) = kind!(User);
    takes_its_own_only(b"USER a\r\n", is, token, |m, user, _| m.accept_name(user));
    takes_its_own_only(b"USER a\r\n", is, token, |m, user, _| m.refuse(user, Refusal::Credentials));
    let (is, token) = kind!(Login);
    takes_its_own_only(b"AUTH PLAIN\r\n", is, token, |m, login, sink| {
        m.challenge(login, Base64::EMPTY, sink)
    });
    takes_its_own_only(b"AUTH PLAIN\r\n", is, token, |m, login, _| m.refuse(login, Refusal::Credentials));
    takes_its_own_only(b"USER a\r\nPASS b\r\n", is, token, |m, login, sink| {
        m.refuse_with_code(login, ResponseCode::InUse, sink)
    });
    takes_its_own_only(b"USER a\r\nPASS b\r\n", is, token, |m, login, _| {
        let maildrop = App::new().maildrop();
        m.accept(login, maildrop.clone()).map_err(|unanswered| {
            assert_eq!(unanswered.maildrop, maildrop);
            Unanswered { token: unanswered.token, why: unanswered.why }
        })
    });
    let (is, token) = kind!(Fetch alone);
    let retr = b"USER a\r\nPASS b\r\nRETR 1\r\n";
    takes_its_own_only(retr, is, token, |m, fetch, _| m.send_body(fetch));
    takes_its_own_only(retr, is, token, |m, fetch, _| m.send_body_of(fetch, 19));
    takes_its_own_only(retr, is, token, |m, fetch, _| m.send_body_estimated(fetch, 19));
    takes_its_own_only(retr, is, token, |m, fetch, _| m.refuse(fetch, Refusal::NoSuchMessage));
    let (is, token) = kind!(Commit alone);
    takes_its_own_only(b"USER a\r\nPASS b\r\nQUIT\r\n", is, token, |m, commit, _| m.removed(commit));
    takes_its_own_only(b"USER a\r\nPASS b\r\nQUIT\r\n", is, token, |m, commit, _| {
        m.not_removed(commit, Refusal::Temporary)
    });
    let (is, token) = kind!(StartTls alone);
    takes_its_own_only(b"STLS\r\n", is, token, |m, start, _| m.tls_started(start, Input::more(b"")));
    let (is, token) = kind!(Other);
    takes_its_own_only(b"XTND\r\n", is, token, |m, other, sink| m.other(other, Text::EMPTY, sink));
    takes_its_own_only(b"XTND\r\n", is, token, |m, other, _| m.refuse(other, Refusal::Permanent));
}

/// Returns a server that is asked for a message, before its status line is written.
fn fetched(config: ServerConfig<'static>, octets: u64) -> Machine {
    let mut machine = Server::new(config, 1);
    let wire = b"USER a\r\nPASS b\r\nRETR 1\r\n";
    let Ask::Fetch(fetch) = ask!(&mut machine, wire, Fetch(_)) else { unreachable!() };
    machine.send_body_of(fetch, octets).unwrap();
    machine
}

#[test]
fn law_4_message_bytes_go_out_only_while_a_message_is_open() {
    let (mut machine, mut sink) = (server(1), SendBuf::new(vec![]));
    let before = format!("{machine:?}");
    assert_eq!(machine.write_body(b"x", &mut sink), Err(BodyError::NoBody));
    assert_eq!(machine.body_slice(&mut &b"x"[..]), Err(BodyError::NoBody));
    assert_eq!(machine.finish_body(), Err(BodyError::NoBody));
    assert_eq!((format!("{machine:?}"), sink.pending()), (before, &b""[..]));

    let mut machine = fetched(ServerConfig::new(TlsPolicy::Cleartext), 19);
    let (mut rest, before) = (&b"x"[..], format!("{machine:?}"));
    assert_eq!(machine.body_slice(&mut rest), Err(BodyError::StatusPending));
    assert_eq!((format!("{machine:?}"), rest), (before, &b"x"[..]));
    assert!(matches!(machine.poll(&mut Input::more(b""), &mut sink), Ok(Step::NeedBody)));
    assert_eq!(machine.body_slice(&mut rest), Ok(Some(&b"x"[..])));
}

#[test]
fn law_4_a_bare_lf_in_a_verbatim_message_takes_nothing() {
    let (mut machine, mut sink) = (
        fetched(ServerConfig::new(TlsPolicy::Cleartext).with_bodies(StuffMode::Verbatim), 19),
        SendBuf::new(vec![]),
    );
    assert_eq!(machine.write_body(b"x\ny", &mut sink), Ok(1));
    let (mut rest, before, sent) = (&b"\ny"[..], format!("{machine:?}"), sink.pending().to_vec());
    assert_eq!(machine.write_body(rest, &mut sink), Err(BodyError::BareLf));
    assert_eq!(machine.body_slice(&mut rest), Err(BodyError::BareLf));
    assert_eq!((format!("{machine:?}"), sink.pending(), rest), (before, &sent[..], &b"\ny"[..]));
    assert_eq!(machine.write_body(b"\r\n", &mut sink), Ok(2));
}

/// Writes a message into sinks with every amount of room. The accepted bytes are the written bytes, and in the end
/// the complete message is written.
#[test]
fn law_4_a_message_is_taken_as_far_as_there_is_room() {
    let message = b"Subject: x\r\n\r\n.\r\n..\n.end";
    let whole = b"+OK 27 octets\r\nSubject: x\r\n\r\n..\r\n...\r\n..end\r\n.\r\n";
    for room in 0..=whole.len() {
        let mut machine = fetched(ServerConfig::new(TlsPolicy::Cleartext), 27);
        let mut sink = SendBuf::new([0; MIN_SEND_BUF]);
        sink.put(&[&vec![b'-'; MIN_SEND_BUF - room]]).unwrap();
        let mut at = machine.write_body(message, &mut sink).unwrap();
        let mut wire = sink.pending()[MIN_SEND_BUF - room..].to_vec();
        assert_eq!(wire, whole[..wire.len()], "{room}");
        assert_eq!(machine.write_body(&message[at..], &mut sink), Ok(0), "{room}");
        sink.sent(MIN_SEND_BUF);
        at += machine.write_body(&message[at..], &mut sink).unwrap();
        assert_eq!(at, message.len());
        machine.finish_body().unwrap();
        assert!(matches!(machine.poll(&mut Input::more(b""), &mut sink), Ok(Step::NeedSpace(_))));
        wire.extend_from_slice(sink.pending());
        assert_eq!(wire, whole, "{room}");
    }
}

/// The end of a message with another size than stated: the server writes nothing, and the missing part may follow.
#[test]
fn law_4_a_message_of_another_size_is_not_ended() {
    let (mut machine, mut sink) = (fetched(ServerConfig::new(TlsPolicy::Cleartext), 5), SendBuf::new(vec![]));
    assert_eq!(machine.write_body(b"abc", &mut sink), Ok(3));
    for (more, sent) in [(b"d".as_slice(), 6), (b"efg", 9)] {
        assert_eq!(machine.write_body(more, &mut sink), Ok(more.len()));
        let (before, wire) = (format!("{machine:?}"), sink.pending().to_vec());
        assert_eq!(machine.finish_body(), Err(BodyError::Size { sent, stated: 5 }));
        assert_eq!((format!("{machine:?}"), sink.pending()), (before, &wire[..]));
    }
    machine.close();
    assert_eq!(machine.finish_body(), Err(BodyError::NoBody));
}

/// A poll without room only starts the output timer, however often it is called.
#[test]
fn law_4_a_poll_without_room_changes_nothing() {
    let mut machine = server(1);
    let Ask::Greet(greet) = ask!(&mut machine, b"", Greet(_)) else { unreachable!() };
    machine.greet(greet, Text::EMPTY, &mut SendBuf::new(vec![])).unwrap();
    for room in [0, 1, MIN_SEND_BUF - 1] {
        let mut memory = vec![0; MIN_SEND_BUF];
        let mut sink = SendBuf::new(&mut memory[..]);
        sink.put(&[&vec![b'-'; MIN_SEND_BUF - room]]).unwrap();
        let mut input = Input::more(b"CAPA\r\n");
        assert!(matches!(machine.poll(&mut input, &mut sink), Ok(Step::NeedSpace(_))));
        let before = format!("{machine:?}");
        for _ in 0..3 {
            let Ok(Step::NeedSpace(full)) = machine.poll(&mut input, &mut sink) else { panic!() };
            assert_eq!(full, BufferFull { needed: MIN_SEND_BUF, capacity: MIN_SEND_BUF });
            assert_eq!((format!("{machine:?}"), input.remaining(), sink.room()), (before.clone(), 6, room));
        }
    }
    // A sink that is always too small has its own error.
    let mut memory = [0; MIN_SEND_BUF - 1];
    let polled = machine.poll(&mut Input::more(b"CAPA\r\n"), &mut SendBuf::new(&mut memory[..]));
    assert!(matches!(polled, Ok(Step::NeedSpace(full)) if full.never_fits()));
}
