//! What an adapter must do, over a stream that never fails: connections alone.

use crate::{Adapter, ClientProgram, Config, Ended, Fault, Link, ServerProgram, Then};
use pop3_proto::{ClientConfig, ClientConnection, NothingDue, ServerConnection};
use std::io;
use std::time::Duration;

/// The connections of the crate, with a loop.
#[derive(Debug)]
pub struct Reference;

/// A time after every timer, which comes if the peer is silent.
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
                            link.start_tls();
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
            pop3.tick(Duration::ZERO).expect("no timer has run out");
            let moved = write(|| pop3.write_to(&mut link.clone()))
                .and_then(|()| write(|| pop3.read_from(&mut link.clone())));
            match moved {
                Ok(_) => {}
                Err(Ended::Io(kind)) if kind == io::Error::from(Fault::Silent).kind() => {
                    return Ended::Connection(pop3.tick(LATE).expect_err("a timer runs"));
                }
                Err(ended) => return ended,
            }
        }
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
                            link.start_tls();
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

/// Moves bytes, again if nothing moved for now.
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
