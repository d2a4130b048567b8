//! The client's timers, and the server's timers that bodies affect: when each runs, what restarts it, and the error
//! when it expires.

use super::reach::{LOGIN, ask, cleartext, client, hear, logged_in, say};
use super::sessions::number;
use pop3_proto::client::{Client, Deletions, Event};
use pop3_proto::server::{self, Ask, Server, Step};
use pop3_proto::{
    Base64, Command, ConnectionError, Input, MIN_SEND_BUF, Mechanism, SendBuf, Sink, Timer, Timers, TlsPolicy,
};
use pop3_proto_kit::Infos;
use std::time::Duration;

const TIMERS: Timers = Timers::DEFAULT
    .with_greeting(Duration::from_millis(10))
    .with_answer(Duration::from_millis(20))
    .with_tls(Duration::from_millis(30))
    .with_output(Duration::from_millis(50));

fn timed() -> pop3_proto::client::ClientConfig {
    cleartext().with_timers(TIMERS)
}

fn auth() -> Command<'static> {
    Command::Auth { mechanism: Mechanism::PLAIN, initial: None }
}

fn sent(mut client: Client, command: &Command<'_>) -> Client {
    client.send(command, &mut SendBuf::new(vec![])).unwrap();
    client
}

/// A client in which the timer runs, its span, and the timer.
type Case = (fn() -> Client, u64, Timer);

#[test]
fn rob_36_each_timer_of_a_client_runs_from_the_first_tick_to_its_span() {
    let greeted = || client(timed(), b"+OK\r\n", &[]);
    let rows: [Case; 3] = [
        (|| Client::new(timed(), 1), 10, Timer::Greeting),
        (|| sent(logged_in(timed()), &Command::Stat), 20, Timer::Answer),
        (
            || {
                let mut client = client(timed(), b"+OK\r\n", &[]);
                let _token = say(&mut client, &Command::Stls, b"+OK\r\n");
                client
            },
            30,
            Timer::Tls,
        ),
    ];
    for (client, span, timer) in rows {
        for start in [0, 5_000] {
            let mut client = client();
            assert_eq!(
                client.tick(Duration::from_millis(start)),
                Ok(Some(Duration::from_millis(start + span))),
                "{timer}"
            );
            assert_eq!(
                client.tick(Duration::from_millis(start + span - 1)),
                Ok(Some(Duration::from_millis(start + span))),
                "{timer}"
            );
            for now in [start + span, start + span, u64::MAX, 0] {
                assert_eq!(client.tick(Duration::from_millis(now)), Err(ConnectionError::TimedOut(timer)));
            }
            assert_eq!(
                client.poll(&mut Input::more(b"+OK\r\n")).unwrap_err(),
                ConnectionError::TimedOut(timer)
            );
            assert_eq!(client.deletions(), Deletions::NoneAsked);
        }
    }
    assert_eq!(greeted().tick(Duration::from_millis(7)), Ok(None), "no response is pending");
}

#[test]
fn rob_36_no_timer_of_a_client_runs_while_the_caller_owes_something() {
    let mut client = client(timed(), b"+OK\r\n", &[]);
    let Some(Event::Challenge(step, _)) = say(&mut client, &auth(), b"+ \r\n") else { panic!() };
    assert_eq!(client.tick(Duration::ZERO), Ok(None));
    assert_eq!(client.tick(Duration::from_millis(1_000)), Ok(None));
    client.respond(step, Base64::EMPTY, &mut SendBuf::new(vec![])).unwrap();
    assert_eq!(client.tick(Duration::from_millis(2_000)), Ok(Some(Duration::from_millis(2_020))));
    let Some(Event::AuthAccepted(done, _)) = hear(&mut client, b"+OK\r\n") else { panic!() };
    assert_eq!(client.tick(Duration::from_millis(9_000)), Ok(None));
    client.verified(done).unwrap();
    assert_eq!(client.tick(Duration::from_millis(10_000)), Ok(None));
    let client = &mut sent(client, &Command::Quit);
    assert_eq!(client.tick(Duration::from_millis(11_000)), Ok(Some(Duration::from_millis(11_020))));
    hear(client, b"+OK\r\n");
    assert_eq!(client.tick(Duration::from_millis(99_000)), Ok(None));
}

/// The answer timer: it starts with the command, and starts over with every byte of the answer that the client reads.
#[test]
fn rob_36_progress_starts_the_answer_timer_over() {
    let mut client = logged_in(timed());
    client.tick(Duration::ZERO).unwrap();
    // A long silence before the command is not counted.
    let mut client = sent(client, &Command::Retr(number(1)));
    assert_eq!(client.tick(Duration::from_millis(1_000)), Ok(Some(Duration::from_millis(1_020))));
    for (now, octets) in
        [(1_019, &b"+OK\r\n"[..]), (1_038, b"S"), (1_057, b"ubject"), (1_076, b": x\r\n\r\n")]
    {
        assert_eq!(
            client.tick(Duration::from_millis(now)),
            Ok(Some(Duration::from_millis(now + 1))),
            "one millisecond is left"
        );
        hear(&mut client, octets);
        assert_eq!(client.tick(Duration::from_millis(now)), Ok(Some(Duration::from_millis(now + 20))));
    }
    assert_eq!(client.tick(Duration::from_millis(1_096)), Err(ConnectionError::TimedOut(Timer::Answer)));
}

#[test]
fn rob_36_part_of_a_status_line_starts_nothing_over() {
    let mut client = sent(logged_in(timed()), &Command::Stat);
    client.tick(Duration::ZERO).unwrap();
    for (now, part) in [(9, &b"+O"[..]), (18, b"+OK 1 ")] {
        assert!(client.poll(&mut Input::more(part)).unwrap().is_none());
        assert_eq!(client.tick(Duration::from_millis(now)), Ok(Some(Duration::from_millis(20))));
    }
    assert_eq!(client.tick(Duration::from_millis(20)), Err(ConnectionError::TimedOut(Timer::Answer)));
}

/// A command that is sent ahead does not prolong the time for the command before it.
#[test]
fn rob_36_a_further_command_starts_nothing_over() {
    let config = timed().assume_pipelining();
    let mut client = sent(logged_in(config), &Command::Noop);
    client.tick(Duration::ZERO).unwrap();
    let mut client = sent(client, &Command::Noop);
    assert_eq!(client.tick(Duration::from_millis(15)), Ok(Some(Duration::from_millis(20))));
    hear(&mut client, b"+OK\r\n");
    assert_eq!(client.tick(Duration::from_millis(16)), Ok(Some(Duration::from_millis(36))));
    hear(&mut client, b"+OK\r\n");
    assert_eq!(client.tick(Duration::from_millis(17)), Ok(None));
}

#[test]
fn r1939_6_g_a_deletion_is_unknown_when_the_answer_to_quit_is_late() {
    let mut client = client(timed(), b"+OK\r\n", &LOGIN);
    say(&mut client, &Command::Dele(number(1)), b"+OK\r\n");
    let mut client = sent(client, &Command::Quit);
    client.tick(Duration::ZERO).unwrap();
    assert_eq!(client.tick(Duration::from_millis(20)), Err(ConnectionError::TimedOut(Timer::Answer)));
    assert_eq!(client.deletions(), Deletions::Unknown);
}

#[test]
fn rob_36_a_span_is_at_least_a_millisecond_and_at_most_49_days() {
    let span = |span| {
        let timers = Timers::DEFAULT.with_greeting(Duration::from_millis(span));
        Client::new(cleartext().with_timers(timers), 1).tick(Duration::ZERO).unwrap().unwrap().as_millis()
    };
    assert_eq!((span(0), span(1), span(u64::MAX)), (1, 1, u128::from(u32::MAX)));
    let mut late = Client::new(cleartext(), 1);
    let last = Duration::MAX - Duration::from_secs(60);
    assert_eq!(late.tick(last), Ok(Some(Duration::MAX)));
    assert_eq!(late.tick(Duration::MAX), Ok(None), "no moment is later");
}

/// Returns a server that sends a message.
fn sending() -> Server<Infos, server::ServerConfig<'static>> {
    let config = server::ServerConfig::new(TlsPolicy::Cleartext).with_timers(TIMERS);
    let mut server = Server::new(config, 1);
    let wire = b"USER a\r\nPASS b\r\nRETR 1\r\n";
    let Ask::Fetch(fetch) = ask!(&mut server, wire, Fetch(_)) else { unreachable!() };
    server.send_body_of(fetch, 515).unwrap();
    assert!(matches!(server.poll(&mut Input::more(b""), &mut SendBuf::new(vec![])), Ok(Step::NeedBody)));
    server
}

/// Inside a message, no timer runs while the application reads its store. The output timer runs while the client
/// reads nothing.
#[test]
fn sec_slow_reader_the_output_timer_runs_inside_a_message() {
    let mut server = sending();
    assert_eq!(server.tick(Duration::ZERO), Ok(None));
    assert_eq!(server.tick(Duration::from_millis(1_000_000)), Ok(None));
    let mut memory = [0; MIN_SEND_BUF];
    let mut sink = SendBuf::new(&mut memory[..]);
    let line = [b'x'; MIN_SEND_BUF];
    assert_eq!(server.write_body(&line, &mut sink), Ok(MIN_SEND_BUF));
    assert_eq!(server.tick(Duration::from_millis(1_000_000)), Ok(None));
    assert_eq!(server.write_body(&line, &mut sink), Ok(0));
    assert_eq!(server.tick(Duration::from_millis(2_000_000)), Ok(Some(Duration::from_millis(2_000_050))));
    // Polling again is not progress.
    assert_eq!(server.write_body(&line, &mut sink), Ok(0));
    assert_eq!(server.tick(Duration::from_millis(2_000_049)), Ok(Some(Duration::from_millis(2_000_050))));
    // The client reads some bytes.
    sink.sent(100);
    assert_eq!(server.write_body(&line, &mut sink), Ok(100));
    assert_eq!(server.tick(Duration::from_millis(2_000_060)), Ok(Some(Duration::from_millis(2_000_110))));
    assert_eq!(server.tick(Duration::from_millis(2_000_110)), Err(ConnectionError::TimedOut(Timer::Output)));
    assert_eq!(
        server.poll(&mut Input::more(b""), &mut sink).unwrap_err(),
        ConnectionError::TimedOut(Timer::Output)
    );
    assert_eq!(sink.pending().len(), MIN_SEND_BUF);
}

/// Once there is room again, the server waits for the application, and no timer runs.
#[test]
fn sec_slow_reader_room_in_a_message_stops_the_output_timer() {
    let mut server = sending();
    let mut memory = [0; MIN_SEND_BUF];
    let mut sink = SendBuf::new(&mut memory[..]);
    let line = [b'x'; MIN_SEND_BUF + 1];
    assert_eq!(server.write_body(&line, &mut sink), Ok(MIN_SEND_BUF));
    assert_eq!(server.tick(Duration::ZERO), Ok(Some(Duration::from_millis(50))));
    sink.sent(MIN_SEND_BUF);
    assert_eq!(server.write_body(&line[MIN_SEND_BUF..], &mut sink), Ok(1));
    assert_eq!(server.tick(Duration::from_millis(1_000)), Ok(None));
    server.finish_body().unwrap();
    assert!(matches!(
        server.poll(&mut Input::more(b""), &mut sink),
        Ok(Step::NeedSpace(_) | Step::NeedInput)
    ));
    assert_eq!(sink.room(), MIN_SEND_BUF - 1 - "\r\n.\r\n".len());
}
