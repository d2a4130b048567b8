use crate::kit::{Broken, Faults, Stream, block_on, fast, script, still};
use embedded_io::{BufRead, ErrorKind};
use pop3_embedded::pop3_proto::server::{
    BodyError, CloseReason, Event, Fetch, MessageInfo, ServerConfig, StartTls,
};
use pop3_embedded::pop3_proto::{ConnectionError, OctetCount, Text, Timer, TlsPolicy, UniqueId};
use pop3_embedded::{Buffered, Error, Session};
use std::time::Duration;

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Opportunistic);

const MAIL: &[u8] = b"one\n.two\n";

type Server<'s> =
    Session<Stream<'s>, fn() -> Duration, Vec<MessageInfo<UniqueId<'static>>>, [u8; 512], [u8; 512]>;

fn server(stream: Stream<'_>, now: fn() -> Duration) -> Server<'_> {
    Session::new(&CONFIG, 1, stream, now, [0; 512], [0; 512]).unwrap()
}

/// The points of a session at which a test decides.
enum Stop {
    Fetch(Fetch),
    StartTls(StartTls),
    Closed(CloseReason),
    Failed(Error<ErrorKind>),
}

/// Answers events until the client asks for a message or TLS, or until the end.
fn run(pop3: &mut Server<'_>) -> Stop {
    loop {
        let (event, mut responder) = match pop3.next() {
            Ok(next) => next.unwrap(),
            Err(error) => return Stop::Failed(error),
        };
        let answered = match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")),
            Event::User(user, _) => responder.accept_name(user),
            Event::Login(login, _) => {
                let id = UniqueId::new(b"1").unwrap();
                responder.accept(login, vec![MessageInfo::new(OctetCount::of(MAIL), id)])
            }
            Event::Commit(commit) => responder.removed(commit),
            Event::Fetch(fetch) => return Stop::Fetch(fetch),
            Event::StartTls(start) => return Stop::StartTls(start),
            Event::Closed(why) => return Stop::Closed(why),
            other => panic!("{other:?}"),
        };
        answered.unwrap();
    }
}

const LOGIN: &str = "S: +OK ready\nC: USER mrose\nS: +OK send PASS\nC: PASS tanstaaf\nS: +OK maildrop open\n";
const RETR: &str = "C: RETR 1\nS: +OK 11 octets\nS: one\nS: ..two\nS: .\n";

fn whole() -> String {
    format!(
        "{LOGIN}{RETR}C: TOP 1 0\nS: +OK top of message follows\nS: one\nS: ..two\nS: .\nC: QUIT\nS: +OK bye\n* connection closes"
    )
}

#[test]
fn a_message_from_memory_and_from_a_source() {
    let text = format!("{LOGIN}{RETR}{RETR}C: QUIT\nS: +OK bye\n* connection closes");
    let mut pop3 = server(Stream::new(script(&text).client()), still);
    let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
    assert_eq!(pop3.send_message(fetch, MAIL).unwrap().octets, 11);
    let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
    let mut buffer = [0; 3];
    assert_eq!(pop3.send_message(fetch, Buffered::new(MAIL, &mut buffer)).unwrap().octets, 11);
    assert!(matches!(run(&mut pop3), Stop::Closed(CloseReason::Quit)));
    pop3.stream_mut().finish(); // already at `Closed`
    assert!(pop3.next().unwrap().is_none());
}

#[test]
fn a_message_async() {
    let text = format!("{LOGIN}{RETR}{RETR}C: QUIT\nS: +OK bye\n* connection closes");
    let mut pop3 = server(Stream::new(script(&text).client()), still);
    let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
    assert_eq!(block_on(pop3.send_message_async(fetch, MAIL)).unwrap().octets, 11);
    let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
    let mut buffer = [0; 3];
    let source = Buffered::new(MAIL, &mut buffer);
    assert_eq!(block_on(pop3.send_message_async(fetch, source)).unwrap().octets, 11);
    assert!(matches!(run(&mut pop3), Stop::Closed(CloseReason::Quit)));
    pop3.stream_mut().finish();
}

#[test]
fn top_reads_only_the_lines_it_needs() {
    let text = format!(
        "{LOGIN}C: TOP 1 0\nS: +OK top of message follows\nS: one\nS:\x20\nS: .\nC: QUIT\nS: +OK bye\n* connection closes"
    );
    let mut pop3 = server(Stream::new(script(&text).client()), still);
    let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
    let mut message: &[u8] = b"one\n\nnever read\n";
    let mut buffer = [0; 5];
    let mut source = Buffered::new(&mut message, &mut buffer);
    assert_eq!(pop3.send_message(fetch, &mut source).unwrap().octets, 7);
    assert!(message.starts_with(b"never"), "{}", message.escape_ascii());
    assert!(matches!(run(&mut pop3), Stop::Closed(CloseReason::Quit)));
    pop3.stream_mut().finish();
}

#[test]
fn a_message_of_another_size_never_ends() {
    for message in [&b"one\n"[..], b"one\n.two\nthree\n", b""] {
        let text = format!("{LOGIN}C: RETR 1\nS: +OK 11 octets");
        let stream = Stream::with(script(&text).client(), Faults { patient: true, ..Faults::default() });
        let mut pop3 = server(stream, still);
        let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
        let failed = pop3.send_message(fetch, message).unwrap_err();
        assert!(matches!(failed, Error::Body(BodyError::Size { stated: 11, .. })), "{failed:?}");
        pop3.stream_mut().ignore();
        assert!(matches!(run(&mut pop3), Stop::Closed(CloseReason::Aborted)));
        assert!(pop3.next().unwrap().is_none());
        let said = pop3.stream_mut().said();
        assert!(!said.ends_with(b"\r\n.\r\n"), "{}", said.escape_ascii());
    }
}

#[test]
fn a_source_that_fails_ends_the_session() {
    let text = format!("{LOGIN}C: RETR 1\nS: +OK 11 octets\n* connection closes");
    let mut pop3 = server(Stream::new(script(&text).client()), still);
    let Stop::Fetch(fetch) = run(&mut pop3) else { panic!() };
    let mut buffer = [0; 64];
    let failed = pop3.send_message(fetch, Buffered::new(Broken, &mut buffer)).unwrap_err();
    assert_eq!(failed, Error::Message(ErrorKind::Other));
    assert!(matches!(run(&mut pop3), Stop::Closed(CloseReason::Aborted)));
    assert!(pop3.next().unwrap().is_none());
}

#[test]
fn stls_in_one_call_after_all_is_flushed() {
    let text =
        "S: +OK ready\nC: STLS\nS: +OK begin TLS\n* TLS starts\nC: QUIT\nS: +OK bye\n* connection closes";
    for is_async in [false, true] {
        let mut pop3 = server(Stream::new(script(text).client()), still);
        let Stop::StartTls(start) = run(&mut pop3) else { panic!() };
        let deadline = Some(Duration::from_secs(9));
        pop3.set_deadline(deadline);
        let upgraded = if is_async {
            let handshake = async |stream: Stream<'static>| Ok::<_, ErrorKind>(stream.start_tls());
            block_on(pop3.start_tls_async(start, handshake))
        } else {
            pop3.start_tls(start, |stream| Ok::<_, ErrorKind>(stream.start_tls()))
        };
        let mut pop3 = upgraded.unwrap();
        assert!(pop3.server().is_tls());
        assert_eq!(pop3.tick(), Ok(deadline), "the deadline is for the whole session");
        assert!(matches!(run(&mut pop3), Stop::Closed(CloseReason::Quit)));
        pop3.stream_mut().finish();
    }
}

#[test]
fn bytes_after_stls_are_fatal_before_the_handshake() {
    let text = "S: +OK ready\nC: STLS\nC: NOOP\nS: +OK begin TLS";
    let mut pop3 = server(Stream::new(script(text).client()), still);
    let Stop::Failed(failed) = run(&mut pop3) else { panic!("a token") };
    assert_eq!(failed, Error::Connection(ConnectionError::PlaintextAfterStls));
}

#[test]
fn a_missing_answer_is_an_error_not_a_wait() {
    let mut pop3 = server(Stream::new(script(&whole()).client()), still);
    let (event, _) = pop3.next().unwrap().unwrap();
    let Event::Greet(greet) = event else { panic!() };
    assert_eq!(pop3.next().unwrap_err(), Error::NothingDue);
    pop3.responder().greet(greet, Text::from_static("ready")).unwrap(); // the session continues
    assert!(matches!(pop3.next(), Ok(Some((Event::User(..), _)))));
}

#[test]
fn a_client_that_takes_nothing_runs_into_the_timer() {
    let text = format!("{LOGIN}C: QUIT\nS: +OK bye\n* connection closes");
    // Everything except the response to QUIT.
    let takes = "+OK ready\r\n+OK send PASS\r\n+OK maildrop open\r\n".len();
    let faults = Faults { takes: Some(takes), ..Faults::default() };
    let mut pop3 = server(Stream::with(script(&text).client(), faults), fast);
    let Stop::Failed(failed) = run(&mut pop3) else { panic!() };
    assert_eq!(failed, Error::Connection(ConnectionError::TimedOut(Timer::Output)));
}

#[test]
fn a_deadline_ends_a_session() {
    let stream = Stream::with(
        script(&format!("{LOGIN}C: NOOP")).client(),
        Faults { patient: true, ..Faults::default() },
    );
    let mut pop3 = server(stream, fast);
    pop3.set_deadline(Some(fast() + Duration::from_secs(30)));
    pop3.stream_mut().ignore();
    let Stop::Failed(failed) = run(&mut pop3) else { panic!() };
    assert_eq!(failed, Error::Deadline);
}

#[test]
fn a_buffered_source_reads_as_its_source() {
    let mut buffer = [0; 3];
    let mut source = Buffered::new(&b"abcdefgh"[..], &mut buffer);
    let mut read = Vec::new();
    while let [first, ..] = source.fill_buf().unwrap() {
        read.push(*first);
        source.consume(1);
    }
    assert_eq!(read, b"abcdefgh");
    let mut buffer = [0; 3];
    let mut to = [0; 2];
    let mut source = Buffered::new(&b"abcd"[..], &mut buffer);
    let counts: Vec<_> = (0..4).map(|_| embedded_io::Read::read(&mut source, &mut to).unwrap()).collect();
    assert_eq!(counts, [2, 1, 1, 0]);
}
