//! The required behaviour of an adapter, over a stream that never fails: the connections alone.

use crate::{Adapter, ClientProgram, Config, Ended, Fault, Link, ServerProgram, Then, USER};
use pop3_proto::login::{Login, LoginError};
use pop3_proto::{ClientConfig, ClientConnection, Command, NothingDue, ServerConnection};
use std::io;
use std::time::Duration;

/// The connections of the crate, with a loop.
#[derive(Debug)]
pub struct Reference;

/// A time after every timer, used if the peer is silent.
const LATE: Duration = Duration::from_secs(1 << 20);

impl Adapter for Reference {
    fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended {
        let mut pop3 = ClientConnection::new(config, 1);
        loop {
            loop {
                match pop3.poll() {
                    Ok(Some((event, sender))) => {
                        if let Then::StartTls(start) = program.handle(event, sender) {
                            if let Err(ended) = write(|| pop3.write_to(&mut link.clone())) {
                                return ended;
                            }
                            if let Err(ended) = write(|| Ok(link.start_tls()?)) {
                                return ended;
                            }
                            pop3.tls_started(start).expect("the token is its own");
                            program.send(&mut pop3.sender());
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return Ended::Connection(error),
                }
            }
            if pop3.is_closed() {
                return Ended::Over;
            }
            if let Err(ended) = turn(&mut pop3, &link) {
                return ended;
            }
        }
    }

    fn log_in(link: Link, config: ClientConfig, log: &mut Vec<String>) -> Ended {
        let mut pop3 = ClientConnection::new(config, 1);
        let [name, password] = USER;
        let (name, password) = (name.try_into().expect("a name"), password.try_into().expect("a password"));
        let mut login = Some(Login::new(name, password));
        loop {
            loop {
                let (event, mut sender) = match pop3.poll() {
                    Ok(Some(polled)) => polled,
                    Ok(None) => break,
                    Err(error) => return Ended::Connection(error),
                };
                let Some(open) = &mut login else {
                    log.push(format!("{event:?}"));
                    continue;
                };
                match open.handle(event, &mut sender) {
                    Ok(None) => continue,
                    Ok(Some(way)) => {
                        log.push(format!("{way:?}"));
                        sender.send(Command::Quit).expect("QUIT is always possible");
                    }
                    Err(why) => {
                        log.push(format!("{why:?}"));
                        pop3.close();
                    }
                }
                login = None;
            }
            if pop3.is_closed() {
                break;
            }
            if let Err(ended) = turn(&mut pop3, &link) {
                return ended;
            }
        }
        if login.is_some() {
            log.push(format!("{:?}", LoginError::Ended));
        }
        Ended::Over
    }

    fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended {
        let mut pop3 = ServerConnection::new(config, 1);
        loop {
            loop {
                match pop3.poll() {
                    Ok(Some((event, responder))) => match program.handle(event, responder) {
                        Then::Next => {}
                        Then::Send(fetch) => pop3.responder().send_body(fetch).expect("the token is its own"),
                        Then::StartTls(start) => {
                            if let Err(ended) = write(|| pop3.write_to(&mut link.clone())) {
                                return ended;
                            }
                            if let Err(ended) = write(|| Ok(link.start_tls()?)) {
                                return ended;
                            }
                            pop3.tls_started(start).expect("the token is its own");
                        }
                    },
                    Ok(None) => break,
                    Err(error) => return Ended::Connection(error),
                }
            }
            pop3.tick(Duration::ZERO).expect("no timer has run out");
            if let Err(ended) = write(|| pop3.write_to(&mut link.clone())) {
                return ended;
            }
            if pop3.is_closed() {
                return Ended::Over;
            }
            match write(|| pop3.read_from(&mut link.clone())) {
                Ok(_) => {}
                Err(Ended::Io(kind)) if kind == io::Error::from(Fault::Silent).kind() => {
                    return Ended::Connection(pop3.tick(LATE).expect_err("a timer runs"));
                }
                Err(ended) => return ended,
            }
        }
    }
}

/// Writes and reads for a client.
fn turn(pop3: &mut ClientConnection<Vec<u8>>, link: &Link) -> Result<(), Ended> {
    pop3.tick(Duration::ZERO).expect("no timer has run out");
    let moved =
        write(|| pop3.write_to(&mut link.clone())).and_then(|()| write(|| pop3.read_from(&mut link.clone())));
    match moved {
        Err(Ended::Io(kind)) if kind == io::Error::from(Fault::Silent).kind() => {
            Err(Ended::Connection(pop3.tick(LATE).expect_err("a timer runs")))
        }
        moved => moved.map(drop),
    }
}

/// Moves bytes, and again if nothing moved for now.
fn write<T>(mut moves: impl FnMut() -> io::Result<T>) -> Result<T, Ended> {
    loop {
        match moves() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error)
                if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<NothingDue>) =>
            {
                return Err(Ended::NothingDue);
            }
            Err(error) => return Err(Ended::Io(error.kind())),
            Ok(moved) => return Ok(moved),
        }
    }
}
