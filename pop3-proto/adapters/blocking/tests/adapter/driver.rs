//! This adapter, driven by the programs of the suite.

use pop3_adapter_suite::{Adapter, ClientProgram, Config, Ended, Fault, Link, ServerProgram, Then, USER};
use pop3_blocking::pop3_proto::{ClientConfig, Command};
use pop3_blocking::{Connection, Error, Session, Stream};
use std::cell::Cell;
use std::error::Error as _;
use std::io::{self, Read, Write};
use std::thread::sleep;
use std::time::Duration;

/// The stream of the suite with timeouts.
struct Timed {
    link: Link,
    /// Whether a signal interrupts the next call that moves nothing, instead of a timeout.
    is_signal: Cell<bool>,
    timeout: Option<Duration>,
}

impl Timed {
    fn new(link: Link) -> Self {
        Timed { link, is_signal: Cell::new(false), timeout: None }
    }

    fn waited<T>(&self, result: Result<T, Fault>) -> io::Result<T> {
        if let Err(Fault::Silent) = result {
            sleep(self.timeout.expect("a timer limits each wait"));
        }
        if let Err(Fault::NotNow) = result {
            let is_signal = self.is_signal.replace(!self.is_signal.get());
            let kind = if is_signal { io::ErrorKind::Interrupted } else { io::ErrorKind::TimedOut };
            return Err(kind.into());
        }
        Ok(result?)
    }
}

impl Read for Timed {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.waited(self.link.read(to))
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.waited(self.link.write(from))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waited(self.link.flush())
    }
}

impl Stream for Timed {
    fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeout = timeout;
        Ok(())
    }
}

/// Starts TLS in place, or with another stream.
macro_rules! upgraded {
    ($pop3:ident, $start:ident) => {
        if $pop3.stream().link.upgrades_in_place() {
            let shaken = shake(&$pop3.stream_mut().link);
            shaken.map_err(Error::from).and_then(|()| $pop3.tls_started($start)).map(|()| $pop3)
        } else {
            $pop3.start_tls($start, |stream| {
                let stream = stream.into_inner();
                shake(&stream.link).map(|()| stream)
            })
        }
    };
}

pub(crate) struct Blocking;

impl Adapter for Blocking {
    const HAS_REAL_CLOCK: bool = true;

    fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended {
        let mut pop3 = Connection::new(Timed::new(link), config);
        loop {
            let failed = match pop3.next() {
                Ok(None) => return Ended::Over,
                Ok(Some((event, sender))) => match program.handle(event, sender) {
                    Then::StartTls(start) => {
                        while let Err(error) = pop3.stream_for_tls(&start).map(drop) {
                            let ended = ended(error);
                            if !program.retries(&ended) {
                                return ended;
                            }
                        }
                        pop3 = match upgraded!(pop3, start) {
                            Ok(pop3) => pop3,
                            Err(error) => return ended(error),
                        };
                        program.send(&mut pop3.sender());
                        continue;
                    }
                    _ => continue,
                },
                Err(error) => ended(error),
            };
            if !program.retries(&failed) {
                if failed.lasts() {
                    let again = pop3.next().map(drop).map_err(ended);
                    assert_eq!(again, Err(failed.clone()), "a failed session goes on");
                }
                return failed;
            }
        }
    }

    fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended {
        let mut pop3 = Session::new(Timed::new(link), config);
        loop {
            let failed = match pop3.next() {
                Ok(None) => return Ended::Over,
                Ok(Some((event, responder))) => match program.handle(event, responder) {
                    Then::Next => continue,
                    Then::Send(fetch) => match pop3.send_message(fetch, &mut program.body) {
                        Ok(_) => continue,
                        Err(error) => ended(error),
                    },
                    Then::StartTls(start) => {
                        while let Err(error) = pop3.stream_for_tls(&start).map(drop) {
                            let ended = ended(error);
                            if !program.retries(&ended) {
                                return ended;
                            }
                        }
                        pop3 = match upgraded!(pop3, start) {
                            Ok(pop3) => pop3,
                            Err(error) => return ended(error),
                        };
                        continue;
                    }
                },
                Err(error) => ended(error),
            };
            if !program.retries(&failed) {
                if failed.lasts() {
                    let again = pop3.next().map(drop).map_err(ended);
                    assert_eq!(again, Err(failed.clone()), "a failed session goes on");
                }
                return failed;
            }
        }
    }

    fn log_in(link: Link, config: ClientConfig, log: &mut Vec<String>) -> Ended {
        let mut pop3 = Connection::new(Timed::new(link), config);
        let [name, password] = USER;
        match pop3.log_in(name, password) {
            Ok(way) => {
                log.push(format!("{way:?}"));
                pop3.sender().send(Command::Quit).unwrap();
            }
            Err(Error::Login { why, .. }) => {
                log.push(format!("{why:?}"));
                pop3.close();
            }
            Err(error) => return ended(error),
        }
        loop {
            match pop3.next() {
                Ok(Some((event, _))) => log.push(format!("{event:?}")),
                Ok(None) => return Ended::Over,
                Err(error) => return ended(error),
            }
        }
    }
}

/// Does the handshake, and again if it has to wait.
fn shake(link: &Link) -> io::Result<()> {
    loop {
        match link.start_tls() {
            Err(Fault::NotNow) => {}
            shaken => return Ok(shaken?),
        }
    }
}

fn ended(error: Error) -> Ended {
    match error {
        Error::NothingDue => Ended::NothingDue,
        Error::Deadline => Ended::Deadline,
        Error::Io(error) => Ended::Io(error.kind()),
        Error::Connection(error) => Ended::Connection(error),
        other => Ended::Other(format!("{other}: {:?}", other.source())),
    }
}
