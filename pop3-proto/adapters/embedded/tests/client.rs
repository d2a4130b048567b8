use crate::kit::{Faults, Stream, block_on, fast, once, script, still};
use embedded_io::ErrorKind;
use pop3_embedded::pop3_proto::client::{ClientConfig, Event, StartTls};
use pop3_embedded::pop3_proto::login::{Login, LoginError, Way};
use pop3_embedded::pop3_proto::{
    AnswerError, Command, ConnectionError, Limits, MessageNumber, Timer, TlsPolicy, Verb,
};
use pop3_embedded::{Connection, Error, StartTlsError};
use std::error::Error as _;
use std::time::Duration;

const CONFIG: ClientConfig =
    ClientConfig::new(TlsPolicy::Opportunistic).with_limits(Limits::DEFAULT.with_sasl_line(512));

type Client<S> = Connection<S, fn() -> Duration, [u8; 1024], [u8; 512]>;

fn client<S>(stream: S, now: fn() -> Duration) -> Client<S> {
    Connection::new(CONFIG, 1, stream, now, [0; 1024], [0; 512]).unwrap()
}

fn patient<'s>(text: &str) -> Stream<'s> {
    Stream::with(script(text).server(), Faults { patient: true, ..Faults::default() })
}

/// Returns the STLS token of a client that sends STLS after the greeting.
fn stls<'s>(pop3: &mut Client<Stream<'s>>) -> StartTls {
    loop {
        let (event, mut sender) = pop3.next().unwrap().unwrap();
        match event {
            Event::Greeting(_) => _ = sender.send(Command::Capa).unwrap(),
            Event::End(..) => _ = sender.send(Command::Stls).unwrap(),
            Event::StartTls(start) => return start,
            _ => {}
        }
    }
}

const STLS: &str = "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\n";

#[test]
fn stls_in_one_call() {
    let text = format!("{STLS}* TLS starts\nC: QUIT\nS: +OK");
    let mut pop3 = client(Stream::new(script(&text).server()), still);
    let start = stls(&mut pop3);
    let deadline = Some(Duration::from_secs(9));
    pop3.set_deadline(deadline);
    let mut pop3 = pop3.start_tls(start, |stream| Ok::<_, ErrorKind>(stream.start_tls())).unwrap();
    assert!(pop3.client().is_tls());
    assert_eq!(pop3.tick(), Ok(deadline), "the deadline is for the whole session");
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))));
    assert!(matches!(pop3.next(), Ok(None)));
    pop3.stream_mut().finish();
}

#[test]
fn stls_in_one_call_async() {
    let text = format!("{STLS}* TLS starts\nC: QUIT\nS: +OK");
    let mut pop3 = client(Stream::new(script(&text).server()), still);
    let start = stls(&mut pop3);
    block_on(async {
        let handshake = async |stream: Stream<'static>| Ok::<_, ErrorKind>(stream.start_tls());
        let mut pop3 = pop3.start_tls_async(start, handshake).await.unwrap();
        pop3.sender().send(Command::Quit).unwrap();
        assert!(matches!(pop3.next_async().await, Ok(Some((Event::Closed(_), _)))));
        assert!(matches!(pop3.next_async().await, Ok(None)));
        pop3.stream_mut().finish();
    });
}

#[test]
fn bytes_after_stls_are_fatal_before_the_handshake() {
    let text = format!("{STLS}S: +OK injected\n");
    let mut pop3 = client(Stream::new(script(&text).server()), still);
    let failed = loop {
        match pop3.next() {
            Ok(Some((Event::Greeting(_), mut sender))) => _ = sender.send(Command::Capa).unwrap(),
            Ok(Some((Event::End(..), mut sender))) => _ = sender.send(Command::Stls).unwrap(),
            Ok(Some((Event::StartTls(_), _))) => panic!("a token"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(failed, Error::Connection(ConnectionError::PlaintextAfterStls));
}

#[test]
fn a_token_of_another_connection_starts_no_handshake() {
    let mut one = client(Stream::new(script(STLS).server()), still);
    let start = stls(&mut one);
    let other =
        Connection::new(CONFIG, 2, Stream::new(script(STLS).server()), still, [0; 1024], [0; 512]).unwrap();
    let failed = other.start_tls(start, |_| -> Result<Stream<'static>, ErrorKind> { panic!("a handshake") });
    let failed = failed.unwrap_err();
    assert_eq!(failed, StartTlsError::Session(Error::Answer(AnswerError::OtherConnection)));
}

#[test]
fn a_handshake_that_fails() {
    let mut pop3 = client(Stream::new(script(STLS).server()), still);
    let start = stls(&mut pop3);
    let failed = pop3.start_tls(start, |_| Err::<Stream<'static>, _>(ErrorKind::InvalidData)).unwrap_err();
    assert_eq!(failed, StartTlsError::Handshake(ErrorKind::InvalidData));
    assert_eq!(failed.to_string(), "the TLS handshake failed");
    assert!(failed.source().is_some());
}

#[test]
fn a_client_that_missed_an_event_does_not_wait() {
    let mut pop3 = client(patient("S: +OK\nC: QUIT\nS: +OK"), still);
    assert!(matches!(pop3.next(), Ok(Some((Event::Greeting(_), _)))));
    assert_eq!(pop3.next().unwrap_err(), Error::NothingDue);
    pop3.sender().send(Command::Quit).unwrap(); // the session continues
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))));
}

#[test]
fn a_deadline_ends_a_session_whatever_it_does() {
    let text = format!("S: +OK\n{}", "C: CAPA\nS: +OK\nS: TOP\nS: .\n".repeat(50));
    let mut pop3 = client(patient(&text), fast);
    let deadline = fast() + Duration::from_secs(20);
    pop3.set_deadline(Some(deadline));
    pop3.next().unwrap();
    pop3.sender().send(Command::Capa).unwrap();
    assert!(pop3.tick().unwrap().unwrap() <= deadline);
    let failed = loop {
        match pop3.next() {
            Ok(Some((Event::End(..), mut sender))) => _ = sender.send(Command::Capa).unwrap(),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(failed, Error::Deadline);
    assert_eq!(pop3.next().unwrap_err(), Error::Deadline);
}

#[test]
fn a_silent_server_runs_into_the_timer() {
    let mut pop3 = client(patient("S: +OK\nC: CAPA\nS: +OK\nC: QUIT"), fast);
    pop3.next().unwrap();
    pop3.sender().send(Command::Capa).unwrap();
    pop3.next().unwrap();
    assert_eq!(pop3.next().unwrap_err(), Error::Connection(ConnectionError::TimedOut(Timer::Answer)));
}

#[test]
fn a_stream_that_takes_nothing_fails() {
    let faults = Faults { write_zero: true, ..Faults::default() };
    let mut pop3 = client(Stream::with(script("S: +OK\nC: QUIT").server(), faults), still);
    pop3.next().unwrap();
    pop3.sender().send(Command::Quit).unwrap();
    assert_eq!(pop3.next().unwrap_err(), Error::WriteZero);
}

#[test]
fn a_future_that_is_dropped_loses_nothing() {
    let text = "S: +OK\nC: CAPA\nS: +OK\nS: .\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK\nC: RETR 1\nS: +OK\nS: one\nS: .\nC: QUIT\nS: +OK";
    let mut pop3 = client(Stream::new(script(text).server()), still);
    let (mut body, mut drops) = (Vec::<u8>::new(), 0);
    loop {
        // Each future that waits is dropped once, and the next one continues.
        let next = match once(pop3.next_async()) {
            Some(next) => next,
            None => {
                drops += 1;
                block_on(pop3.next_async())
            }
        };
        let Some((event, mut sender)) = next.unwrap() else { break };
        let command = match event {
            Event::Greeting(_) => Command::Capa,
            Event::End(ticket, _) if ticket.verb == Verb::Capa => Command::User("mrose".try_into().unwrap()),
            Event::Ok(ticket, _) if ticket.verb == Verb::User => {
                Command::Pass("tanstaaf".try_into().unwrap())
            }
            Event::Ok(..) => Command::Retr(MessageNumber::FIRST),
            Event::Body(_, bytes) => {
                body.extend_from_slice(bytes);
                continue;
            }
            Event::End(..) => Command::Quit,
            _ => continue,
        };
        sender.send(command).unwrap();
    }
    assert_eq!(body, b"one\r\n");
    assert!(drops > 3, "{drops}");
    pop3.stream_mut().finish();
}

#[test]
fn a_login_by_the_best_way() {
    const LOGIN: &str = "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\n";
    let login = || Login::new("mrose".try_into().unwrap(), "tanstaaf".try_into().unwrap());
    let mut pop3 = client(Stream::new(script(&format!("{LOGIN}S: +OK\nC: QUIT\nS: +OK")).server()), still);
    assert_eq!(pop3.log_in(login()), Ok(Way::User));
    let mut pop3 =
        client(Stream::new(script(&format!("{LOGIN}S: -ERR [AUTH] no\nC: QUIT\nS: +OK")).server()), still);
    let failed = block_on(pop3.log_in_async(login())).unwrap_err();
    assert!(matches!(failed, Error::Login(LoginError::Refused { way: Way::User, .. })), "{failed:?}");
    pop3.sender().send(Command::Quit).unwrap(); // the session continues
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))));
}

#[test]
fn buffers_that_are_too_small_are_refused() {
    let failed = Connection::new(CONFIG, 1, patient("S: +OK"), still, [0; 100], [0; 512]).unwrap_err();
    let failed = Error::<ErrorKind>::from(failed);
    assert_eq!(failed.to_string(), "a buffer is too small for the configuration");
    let cause = failed.source().unwrap().to_string();
    assert!(cause.starts_with("receive buffer of 100 bytes is too small"), "{cause}");
}
