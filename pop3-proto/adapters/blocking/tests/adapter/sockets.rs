//! Over sockets: time, ends, and faults of the application.

use crate::kit::{Locked, MESSAGE, mail, once, serve};
use pop3_blocking::pop3_proto::client::Event;
use pop3_blocking::pop3_proto::login::LoginError;
use pop3_blocking::pop3_proto::server::{self, BodyError, CloseReason};
use pop3_blocking::pop3_proto::{
    ClientConfig, Command, ConnectionError, MessageNumber, ServerConfig, Text, Timer, Timers, TlsPolicy,
};
use pop3_blocking::{Connection, Error, Session, Shutdown};
use std::error::Error as _;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Cleartext);

fn logged_in(address: std::net::SocketAddr) -> Connection<TcpStream> {
    let mut pop3 = Connection::connect(address, TlsPolicy::Cleartext).unwrap();
    pop3.log_in("mrose", "tanstaaf").unwrap();
    pop3
}

/// Sends RETR in a client, and continues until its session ends.
fn fetch(mut pop3: Connection<TcpStream>) -> Result<Vec<u8>, Error> {
    pop3.sender().send(Command::Retr(MessageNumber::FIRST))?;
    let mut message = Vec::new();
    while let Some((event, mut sender)) = pop3.next()? {
        match event {
            Event::Body(_, bytes) => message.extend_from_slice(bytes),
            Event::End(..) => _ = sender.send(Command::Quit)?,
            _ => {}
        }
    }
    Ok(message)
}

#[test]
fn a_client_fetches_from_a_server() {
    let (address, server) = once(|socket| {
        let mut pop3 = Session::new(socket, &CONFIG);
        serve(&mut pop3, MESSAGE).unwrap();
        pop3.finish().unwrap();
    });
    assert_eq!(fetch(logged_in(address)).unwrap(), b"Subject: one\r\n\r\n.dots\r\n");
    server.join().unwrap();
}

#[test]
fn a_deadline_ends_a_session_that_never_ends() {
    let (address, server) = once(|mut socket| {
        while socket.write_all(b"+").is_ok() {
            sleep(Duration::from_millis(1));
        }
    });
    let pop3 = Connection::connect(address, TlsPolicy::Cleartext).unwrap();
    let mut pop3 = pop3.with_deadline(Duration::from_millis(100));
    assert!(matches!(pop3.next(), Err(Error::Deadline)));
    drop(pop3);
    server.join().unwrap();
}

#[test]
fn a_deadline_ends_the_session_of_a_busy_client() {
    let (address, server) = once(|socket| {
        let mut pop3 = Session::new(socket, &CONFIG).with_deadline(Duration::from_millis(200));
        serve(&mut pop3, MESSAGE).map(drop)
    });
    let mut pop3 = logged_in(address);
    let failed = loop {
        pop3.sender().send(Command::Noop).unwrap();
        if let Err(error) = pop3.next() {
            break error;
        }
    };
    assert!(matches!(failed, Error::Connection(_) | Error::Io(_)), "{failed:?}");
    assert!(matches!(server.join().unwrap(), Err(Error::Deadline)));
}

#[test]
fn a_client_that_is_dropped_ends_the_session_and_removes_nothing() {
    let (address, server) = once(|socket| {
        let mut pop3 = Session::new(socket, &CONFIG);
        let over = serve(&mut pop3, MESSAGE).map(|start| start.is_none()); // a commit would be answered
        (over, pop3.server().maildrop().is_none())
    });
    let mut pop3 = logged_in(address);
    pop3.sender().send(Command::Dele(MessageNumber::FIRST)).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Ok(..), _)))));
    drop(pop3);
    let (over, is_released) = server.join().unwrap();
    assert!(over.unwrap() && is_released);
}

#[test]
fn a_timer_ends_the_wait_for_a_silent_server() {
    let (address, server) = once(|mut socket| socket.read_to_end(&mut Vec::new()));
    let timers = Timers::DEFAULT.with_greeting(Duration::from_millis(50));
    let config = ClientConfig::new(TlsPolicy::Cleartext).with_timers(timers);
    let mut pop3 = Connection::connect(address, config).unwrap();
    let error = pop3.next().map(drop).unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::TimedOut(Timer::Greeting))), "{error:?}");
    assert!(error.source().is_some());
    drop(pop3);
    server.join().unwrap().unwrap();
}

#[test]
fn reading_without_a_pending_response_fails_instead_of_waiting() {
    let (address, server) = once(|socket| serve(&mut Session::new(socket, &CONFIG), MESSAGE).map(drop));
    let mut pop3 = logged_in(address);
    assert!(matches!(pop3.next(), Err(Error::NothingDue)));
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))), "the session goes on");
    assert!(matches!(pop3.next(), Ok(None)));
    server.join().unwrap().unwrap();
}

#[test]
fn a_refused_login_gives_the_reason_and_the_servers_words() {
    let (address, server) = once(|socket| serve(&mut Session::new(socket, &CONFIG), MESSAGE).map(drop));
    let mut pop3 = Connection::connect(address, TlsPolicy::Cleartext).unwrap();
    let error = pop3.log_in("mrose", "guess").unwrap_err();
    assert_eq!(error.to_string(), "the login failed, and the server said: login failed");
    let source = error.source().unwrap().downcast_ref::<LoginError>().unwrap();
    assert!(matches!(source, LoginError::Refused { ask: true, .. }), "{source}");
    pop3.log_in("mrose", "tanstaaf").unwrap();
    drop(pop3);
    server.join().unwrap().unwrap();
}

#[test]
fn a_message_of_another_size_closes_the_session() {
    for wrong in [&b"short\n"[..], &[b'x'; 100]] {
        let (address, server) = once(move |socket| {
            let mut pop3 = Session::new(socket, &CONFIG);
            let error = serve(&mut pop3, wrong).map(drop).unwrap_err();
            assert!(matches!(error, Error::Body(BodyError::Size { .. })), "{error:?}");
            let closed = matches!(pop3.next(), Ok(Some((server::Event::Closed(CloseReason::Aborted), _))));
            assert!(closed && matches!(pop3.next(), Ok(None)));
        });
        let error = fetch(logged_in(address)).unwrap_err();
        assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error:?}");
        server.join().unwrap();
    }
}

/// A store that fails after a part of the message.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0 = 0;
        to[..8].copy_from_slice(b"Subject:");
        Ok(8)
    }
}

#[test]
fn a_message_that_cannot_be_read_closes_the_session() {
    let (address, server) = once(|socket| {
        let mut pop3 = Session::new(socket, &CONFIG);
        loop {
            let (event, mut responder) = pop3.next().unwrap().unwrap();
            match event {
                server::Event::Greet(greet) => {
                    responder.greet(greet, Text::from_static("ready")).unwrap();
                }
                server::Event::User(user, _) => responder.accept_name(user).unwrap(),
                server::Event::Login(login, _) => responder.accept(login, mail()).unwrap(),
                server::Event::Fetch(fetch) => {
                    let error = pop3.send_message(fetch, BufReader::new(Broken(1))).unwrap_err();
                    assert!(matches!(&error, Error::Message(_)) && error.source().is_some());
                    break;
                }
                _ => panic!("{event:?}"),
            }
        }
        let closed = matches!(pop3.next(), Ok(Some((server::Event::Closed(CloseReason::Aborted), _))));
        assert!(closed);
    });
    let error = fetch(logged_in(address)).unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error:?}");
    server.join().unwrap();
}

#[test]
fn a_session_that_is_dropped_releases_the_maildrop() {
    let (dropped, was_dropped) = channel();
    let (address, server) = once(move |socket| {
        let mut pop3 = Session::new(socket, &CONFIG);
        loop {
            let (event, mut responder) = pop3.next().unwrap().unwrap();
            match event {
                server::Event::Greet(greet) => {
                    responder.greet(greet, Text::from_static("ready")).unwrap();
                }
                server::Event::User(user, _) => responder.accept_name(user).unwrap(),
                server::Event::Login(login, _) => {
                    responder.accept(login, Locked(dropped)).unwrap();
                    assert!(pop3.responder().maildrop().is_some());
                    return; // the session is dropped here
                }
                _ => panic!("{event:?}"),
            }
        }
    });
    let mut pop3 = Connection::connect(address, TlsPolicy::Cleartext).unwrap();
    assert!(pop3.log_in("mrose", "tanstaaf").is_err());
    server.join().unwrap();
    was_dropped.recv().unwrap();
}

#[test]
fn a_shutdown_ends_sessions_and_the_loop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let server = thread::spawn(move || {
        pop3_blocking::serve(&listener, 2, Duration::from_secs(5), &shutdown, |socket| {
            serve(&mut Session::new(socket, &CONFIG), MESSAGE).unwrap();
        })
    });
    let mut pop3 = logged_in(address);
    let began = Instant::now();
    stop.stop();
    server.join().unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "the session ends before its time of grace does");
    pop3.sender().send(Command::Noop).unwrap();
    assert!(pop3.next().is_err());
    assert!(TcpStream::connect(address).is_err() || stop.is_stopped());
}
