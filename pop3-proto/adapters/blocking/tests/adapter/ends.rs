//! How sessions and the server end, and how the adapter handles streams that do only part of their work.

use crate::kit::{MESSAGE, Mail, mail, once, serve};
use pop3_blocking::pop3_proto::client::{self, Event};
use pop3_blocking::pop3_proto::login::Way;
use pop3_blocking::pop3_proto::script::Script;
use pop3_blocking::pop3_proto::server::{self, CloseReason};
use pop3_blocking::pop3_proto::{
    AnswerError, Command, ConnectionError, ServerConfig, Text, Timer, TlsPolicy, client::StartTls,
};
use pop3_blocking::{Connection, Error, NoTimeouts, Session, Shutdown, Stream};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Opportunistic);

#[test]
fn finish_ends_the_stream_and_waits_until_the_client_closes() {
    let (address, server) = once(|socket| {
        let mut pop3 = Session::new(socket, &CONFIG);
        serve(&mut pop3, MESSAGE).unwrap();
        let began = Instant::now();
        pop3.finish().unwrap();
        began.elapsed()
    });
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"QUIT\r\n").unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap(); // reads to the end, which only `finish` sends
    assert_eq!(said.lines().count(), 2, "{said}");
    sleep(Duration::from_millis(300));
    drop(client);
    let took = server.join().unwrap();
    assert!(took > Duration::from_millis(200) && took < Duration::from_millis(900), "{took:?}");
}

/// A stream that sends this, and takes `room` bytes. Then writes move nothing until their time is up, or return 0.
struct Stuck {
    says: &'static [u8],
    room: usize,
    is_full: bool,
    timeout: Option<Duration>,
}

impl Stuck {
    fn new(says: &'static str, room: usize, is_full: bool) -> Self {
        Stuck { says: says.as_bytes(), room, is_full, timeout: None }
    }
}

impl Read for Stuck {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.says.read(to)
    }
}

impl Write for Stuck {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let count = from.len().min(self.room);
        self.room -= count;
        if count > 0 || self.is_full {
            return Ok(count);
        }
        sleep(self.timeout.expect("a timer runs"));
        Err(ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Stuck {
    fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeout = timeout;
        Ok(())
    }
}

#[test]
fn a_stream_that_takes_nothing_fails() {
    let mut pop3 = Connection::new(Stuck::new("+OK ready\r\n", 0, true), TlsPolicy::Cleartext);
    assert!(matches!(pop3.next(), Ok(Some((Event::Greeting(_), _)))));
    pop3.sender().send(Command::Quit).unwrap();
    let failed = pop3.next().map(drop).unwrap_err();
    assert!(matches!(&failed, Error::Io(error) if error.kind() == ErrorKind::WriteZero), "{failed:?}");
}

#[test]
fn a_client_that_does_not_take_the_last_response_has_ten_seconds() {
    let stream = Stuck::new("QUIT\r\n", "+OK ready\r\n".len(), false);
    let began = Instant::now();
    let failed = serve(&mut Session::new(stream, &CONFIG), MESSAGE).map(drop).unwrap_err();
    assert!(matches!(failed, Error::Connection(ConnectionError::TimedOut(Timer::Output))), "{failed:?}");
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[test]
fn apop_is_possible_after_the_greeting_was_read() {
    let script =
        "S: +OK <1.2@host.example>\nC: CAPA\nS: -ERR\nC: APOP mrose b50a9b7f2627ce0d45e0f6b637b86494\nS: +OK";
    let script = Script::parse(script).unwrap();
    let mut pop3 = Connection::new(NoTimeouts(script.server()), TlsPolicy::Cleartext);
    assert!(matches!(pop3.next(), Ok(Some((Event::Greeting(_), _)))));
    assert_eq!(pop3.log_in("mrose", "tanstaaf").unwrap(), Way::Apop);
}

#[test]
fn a_connection_sends_small_commands_at_once() {
    let (address, server) = once(drop);
    assert!(Connection::connect(address, TlsPolicy::Cleartext).unwrap().stream().nodelay().unwrap());
    server.join().unwrap();
}

#[test]
fn a_server_that_missed_a_question_does_not_wait() {
    let mut pop3 = Session::<_, Mail>::new(Stuck::new("QUIT\r\n", 99, false), &CONFIG);
    let Ok(Some((server::Event::Greet(greet), _))) = pop3.next() else { panic!() };
    assert!(matches!(pop3.next(), Err(Error::NothingDue)));
    pop3.responder().greet(greet, Text::from_static("ready")).unwrap(); // the session continues
    assert!(matches!(pop3.next(), Ok(Some((server::Event::Closed(CloseReason::Quit), _)))));
}

#[test]
fn a_deadline_continues_after_tls() {
    const SHORT: Duration = Duration::from_millis(100);
    let script = Script::parse("S: +OK\nC: STLS\nS: +OK").unwrap();
    let mut client = Connection::new(NoTimeouts(script.server()), TlsPolicy::Required).with_deadline(SHORT);
    let start = asked_for_tls(&mut client);
    let mut client = client.start_tls(start, |stream| Ok(stream.into_inner())).unwrap();
    let mut server = Session::<_, Mail>::new(Stuck::new("STLS\r\n", 99, false), &CONFIG).with_deadline(SHORT);
    let start = serve(&mut server, MESSAGE).unwrap().unwrap();
    let mut server = server.start_tls(start, |stream| Ok(stream.into_inner())).unwrap();
    sleep(SHORT);
    client.sender().send(Command::Quit).unwrap();
    assert!(matches!(client.next(), Err(Error::Deadline)));
    assert!(matches!(server.next(), Err(Error::Deadline)));
}

/// Continues until the server waits for the handshake.
fn asked_for_tls(pop3: &mut Connection<impl Stream>) -> StartTls {
    loop {
        match pop3.next().unwrap().unwrap() {
            (Event::StartTls(start), _) => return start,
            (_, mut sender) => _ = sender.send(Command::Stls).unwrap(),
        }
    }
}

const NO_HANDSHAKE: fn(pop3_blocking::Timed<Stuck>) -> io::Result<Stuck> = |_| panic!("a handshake");

#[test]
fn law_4_a_token_of_another_connection_starts_no_handshake() {
    let client = || Connection::new(Stuck::new("+OK\r\n", 99, false), TlsPolicy::Required);
    let script = Script::parse("S: +OK\nC: STLS\nS: +OK").unwrap();
    let mut other = Connection::new(NoTimeouts(script.server()), TlsPolicy::Required);
    let start = asked_for_tls(&mut other);
    let failed = client().start_tls(start, NO_HANDSHAKE).map(drop).unwrap_err();
    assert!(matches!(failed, Error::Answer(AnswerError::OtherConnection)), "{failed:?}");

    let server = || Session::<_, Mail>::new(Stuck::new("STLS\r\n", 99, false), &CONFIG);
    let start: server::StartTls = serve(&mut server(), MESSAGE).unwrap().unwrap();
    let failed = server().start_tls(start, NO_HANDSHAKE).map(drop).unwrap_err();
    assert!(matches!(failed, Error::Answer(AnswerError::OtherConnection)), "{failed:?}");
}

#[test]
fn what_follows_a_login_is_handed_over() {
    let stream = Stuck::new("USER mrose\r\nPASS secret\r\nRETR 1\r\n", 999, false);
    let mut pop3 = Session::<_, Mail>::new(stream, &CONFIG);
    while let Some((event, mut responder)) = pop3.next().unwrap() {
        match event {
            server::Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
            server::Event::User(user, _) => responder.accept_name(user).unwrap(),
            server::Event::Login(login, _) => responder.hand_over(login).unwrap(),
            server::Event::Closed(why) => assert_eq!(why, CloseReason::HandedOver),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pop3.into_parts().1, b"RETR 1\r\n");
}

/// A store whose every second read is interrupted by a signal.
struct Signals(&'static [u8], bool);

impl Read for Signals {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 { Err(ErrorKind::Interrupted.into()) } else { self.0.read(to) }
    }
}

#[test]
fn a_store_that_is_interrupted_is_read_on() {
    let stream = Stuck::new("USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\nQUIT\r\n", 999, false);
    let mut pop3 = Session::<_, Mail>::new(stream, &CONFIG);
    let mut sent = 0;
    while let Some((event, mut responder)) = pop3.next().unwrap() {
        match event {
            server::Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
            server::Event::User(user, _) => responder.accept_name(user).unwrap(),
            server::Event::Login(login, _) => responder.accept(login, mail()).unwrap(),
            server::Event::Fetch(fetch) => {
                let store = BufReader::with_capacity(5, Signals(MESSAGE, false));
                sent = pop3.send_message(fetch, store).unwrap().octets;
            }
            other => responder.decline(other).unwrap(),
        }
    }
    assert_eq!(sent, 23);
}

/// Runs a server of up to `most` sessions.
fn run(
    address: &str,
    most: usize,
    session: impl Fn(TcpStream) + Send + Sync + 'static,
) -> (SocketAddr, Shutdown, JoinHandle<()>) {
    let listener = TcpListener::bind(address).unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
    let ends = shutdown.clone();
    let server = thread::spawn(move || {
        pop3_blocking::serve(&listener, most, Duration::from_millis(200), &ends, session).unwrap();
    });
    (address, shutdown, server)
}

/// Returns whether the server sends something within this time.
fn is_greeted(client: &TcpStream, within: Duration) -> bool {
    client.set_read_timeout(Some(within)).unwrap();
    BufReader::new(client).read_line(&mut String::new()).is_ok_and(|count| count > 0)
}

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_server_runs_no_more_sessions_than_it_may() {
    let (address, shutdown, server) = run("127.0.0.1:0", 1, |socket| {
        serve(&mut Session::new(socket, &CONFIG), MESSAGE).ok();
    });
    let [first, second] = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    assert!(is_greeted(&first, SOON) && !is_greeted(&second, Duration::from_millis(300)));
    drop(first);
    assert!(is_greeted(&second, SOON));
    shutdown.stop();
    server.join().unwrap();
}

#[test]
fn a_session_that_panics_makes_room_for_another() {
    let (address, shutdown, server) = run("127.0.0.1:0", 1, |mut socket| {
        socket.write_all(b"+OK\r\n").unwrap();
        panic!("on purpose");
    });
    for _ in 0..3 {
        assert!(is_greeted(&TcpStream::connect(address).unwrap(), SOON));
    }
    shutdown.stop();
    server.join().unwrap();
}

#[test]
fn the_connection_of_a_session_that_does_not_end_is_broken_after_the_time_of_grace() {
    let (address, shutdown, server) = run("127.0.0.1:0", 1, |mut socket| {
        socket.write_all(b"+OK\r\n").unwrap();
        sleep(SOON);
    });
    let mut client = TcpStream::connect(address).unwrap();
    assert!(is_greeted(&client, SOON));
    let began = Instant::now();
    shutdown.stop();
    server.join().unwrap();
    client.read_to_end(&mut Vec::new()).ok();
    assert!(began.elapsed() < SOON / 2 && began.elapsed() > Duration::from_millis(200));
}

#[test]
fn a_server_on_all_addresses_can_be_stopped() {
    let (_, shutdown, server) = run("0.0.0.0:0", 1, drop);
    while !shutdown.is_stopped() {
        sleep(Duration::from_millis(50)); // it waits in `accept`
        shutdown.stop();
    }
    server.join().unwrap();
}

#[test]
fn a_client_can_be_closed_without_quit() {
    let mut pop3 = Connection::new(Stuck::new("+OK\r\n", 99, false), TlsPolicy::Cleartext);
    pop3.next().unwrap();
    pop3.close();
    let Ok(Some((Event::Closed(closed), _))) = pop3.next() else { panic!() };
    assert_eq!(closed.deletions, client::Deletions::NoneAsked);
}
