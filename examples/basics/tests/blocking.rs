//! `Connection` against silent, slow and closed servers, on loopback.

use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{Command, ConnectionError, NothingDue, Timer, Timers, TlsPolicy};
use pop3_proto_basics::blocking::{Connection, Socket, unless_late};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Returns a client, connected to a server that consists of this function.
fn connect(config: ClientConfig, serve: impl FnOnce(TcpStream) + Send + 'static) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    Connection::connect(&address, config).unwrap()
}

/// Waits for an event for which `wanted` is true, or for an error.
fn wait(pop: &mut Connection, wanted: impl Fn(&Event<'_>) -> bool) -> Result<(), ConnectionError> {
    loop {
        match pop.event() {
            Ok(event) if wanted(&event) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(*error.downcast_ref().unwrap()),
        }
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let timers = Timers::DEFAULT.with_greeting(Duration::from_millis(200));
    let (start, config) = (Instant::now(), ClientConfig::new(TlsPolicy::Cleartext).with_timers(timers));
    let mut pop = connect(config, |stream| {
        thread::sleep(Duration::from_secs(10));
        drop(stream);
    });
    let end = wait(&mut pop, |_| true);
    assert_eq!(end, Err(ConnectionError::TimedOut(Timer::Greeting)));
    assert!((200..5_000).contains(&start.elapsed().as_millis()));
}

#[test]
fn a_server_that_is_gone_is_an_error() {
    let mut pop =
        connect(ClientConfig::new(TlsPolicy::Cleartext), |mut stream| stream.write_all(b"+OK rea").unwrap());
    assert_eq!(wait(&mut pop, |_| true), Err(ConnectionError::UnexpectedEof));
}

#[test]
fn bytes_may_arrive_one_at_a_time() {
    let mut pop = connect(ClientConfig::new(TlsPolicy::Cleartext), |mut stream| {
        stream.set_nodelay(true).unwrap();
        let mut say = |octets: &[u8]| {
            for octet in octets {
                stream.write_all(&[*octet]).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
            let _ = stream.read(&mut [0; 64]).unwrap();
        };
        say(b"+OK ready\r\n");
        say(b"+OK\r\nUIDL\r\n.\r\n");
        say(b"+OK bye\r\n");
    });
    wait(&mut pop, |event| matches!(event, Event::Greeting(_))).unwrap();
    pop.send(Command::Capa).unwrap();
    wait(&mut pop, |event| matches!(event, Event::End(_, 1))).unwrap();
    pop.send(Command::Quit).unwrap();
    wait(&mut pop, |event| matches!(event, Event::Closed(_))).unwrap();
}

#[test]
fn a_server_of_another_protocol_is_shown() {
    let mut pop = connect(ClientConfig::new(TlsPolicy::Cleartext), |mut stream| {
        stream.write_all(b"* OK \x1b[2J IMAP4 ready\r\n").unwrap();
        let _ = stream.read(&mut [0; 64]);
    });
    let error = pop.event().unwrap_err().to_string();
    assert!(error.contains(r"'* OK \x1b[2J IMAP4 ready'"), "{error}");
}

#[test]
fn waiting_without_a_pending_response_is_an_error() {
    let mut pop = connect(ClientConfig::new(TlsPolicy::Cleartext), |mut stream| {
        stream.write_all(b"+OK ready\r\n").unwrap();
        let _ = stream.read(&mut [0; 64]);
    });
    wait(&mut pop, |event| matches!(event, Event::Greeting(_))).unwrap();
    let error = pop.event().unwrap_err();
    let error: &io::Error = error.downcast_ref().unwrap();
    assert!(error.get_ref().unwrap().is::<NothingDue>());
}

#[test]
fn a_deadline_holds_although_the_peer_sends_byte_by_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut socket = Socket::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap()).unwrap();
    let mut peer = listener.accept().unwrap().0;
    thread::spawn(move || {
        while peer.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    socket.set_until(Some(socket.now() + Duration::from_millis(200)));
    let error = loop {
        match socket.read(&mut [0; 64]) {
            Ok(count) => assert!(count > 0),
            Err(error) => break error,
        }
    };
    unless_late(Err::<(), _>(error)).unwrap();
    assert!((200..5_000).contains(&start.elapsed().as_millis()));
}
