//! A client's side of SCRAM-SHA-256, through rsasl.

use crate::Result;
use rsasl::config::SASLConfig;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, Session, State};
use std::ops::RangeInclusive;

/// Rounds of PBKDF2 that a server may ask for. Fewer than RFC 7677 section 4 wants is what somebody asks for who means to try passwords
/// against the proof; a great many more would keep the client busy for hours.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// An exchange, on the client's side.
#[allow(missing_debug_implementations)] // it holds the password
pub struct Exchange {
    /// Gone once it failed: rsasl panics when it is asked again.
    session: Option<Session>,
    server_is_proven: bool,
}

impl Exchange {
    /// An exchange, and the client's first message. Name and password are taken as they are: whoever has some that are not ASCII
    /// prepares them (RFC 4013).
    pub fn new(name: &str, password: &str) -> Result<(Self, Vec<u8>)> {
        let config = SASLConfig::with_credentials(None, name.into(), password.into())?;
        let mut session = SASLClient::new(config).start_suggested([&Mechname::parse(b"SCRAM-SHA-256")?])?;
        let mut first = Vec::new();
        session.step(None, &mut first)?;
        Ok((Exchange { session: Some(session), server_is_proven: false }, first))
    }

    /// The response to a challenge. To the last one, in which the server proves that it knows the password too, it is empty.
    pub fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>> {
        let mut session = self.session.take().ok_or("the exchange is over")?;
        if !is_sound(challenge) {
            return Err("not a message of SCRAM".into());
        }
        let mut response = Vec::new();
        match session.step(Some(challenge), &mut response)? {
            State::Running => self.session = Some(session),
            State::Finished(_) => self.server_is_proven = true,
        }
        Ok(response)
    }

    /// Whether the server has proved that it knows the password. Until then its `+OK` means nothing.
    #[must_use]
    pub fn server_is_proven(&self) -> bool {
        self.server_is_proven
    }
}

/// Whether rsasl can read this without a panic, as each attribute is a letter and `=`, and whether it may take its time over it.
fn is_sound(challenge: &[u8]) -> bool {
    challenge.split(|octet| *octet == b',').all(|attribute| match attribute {
        [b'i', b'=', count @ ..] => {
            let count = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
            count.is_some_and(|count| ITERATIONS.contains(&count))
        }
        [_, b'=', ..] => true,
        _ => false,
    })
}
