//! The adapters, as their own tests drive them, and what a session with a peer of any bytes comes to.

#[path = "../../../pop3-proto/adapters/blocking/tests/adapter/driver.rs"]
mod blocking;
#[path = "../../../pop3-proto/adapters/embedded/tests/driver.rs"]
mod embedded;
#[path = "../../../pop3-proto/adapters/tokio/tests/adapter/driver.rs"]
mod tokio;

pub(crate) use self::blocking::Blocking;
pub(crate) use self::embedded::{Async, Blocking as Embedded};
pub(crate) use self::tokio::Tokio;

use pop3_adapter_suite::{Ended, Link, Schedule};
use pop3_proto::ConnectionError;
use std::io::ErrorKind;

/// The parts of a session that its program and its peer see.
#[derive(PartialEq, Debug)]
pub(crate) struct Played {
    pub(crate) log: Vec<String>,
    pub(crate) ended: Ended,
    pub(crate) written: Vec<u8>,
}

impl Played {
    pub(crate) fn new(mut log: Vec<String>, mut ended: Ended, link: &Link) -> Self {
        // Bytes in cleartext before TLS are found by the machine if they were received, and otherwise by the handshake.
        if ended == Ended::Io(ErrorKind::InvalidData) {
            assert_eq!(log.pop().as_deref(), Some("start TLS"), "only the handshake fails so");
            ended = Ended::Connection(ConnectionError::PlaintextAfterStls);
        }
        Played { log, ended, written: link.written() }
    }
}

/// Returns the schedules of each session, and how often its program continues after an error.
pub(crate) fn schedules(seed: u8) -> [(Schedule, usize); 4] {
    let of = |factor| Schedule { seed: (u64::from(seed) + 1) * factor, ..Schedule::default() };
    [
        (Schedule::default(), 0),
        (of(1), 0),
        (Schedule { drops_always: true, ..of(3) }, 0),
        (Schedule { error_at: Some(usize::from(seed % 64)), ..of(2) }, 1),
    ]
}
