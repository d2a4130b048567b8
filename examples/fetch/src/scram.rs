//! A client's side of SCRAM-SHA-256, through rsasl.

use crate::Result;
use rsasl::config::SASLConfig;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, Session, State};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Rounds of PBKDF2 that a server may ask for. Fewer than RFC 7677 section 4 wants is what somebody asks for who means to try passwords
/// against the proof; a great many more would keep the client busy for hours.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// An exchange, on the client's side.
#[allow(missing_debug_implementations)] // it holds the password
pub struct Exchange {
    /// Gone once it failed: rsasl panics when it is asked again.
    session: Option<Session>,
    has_sent_proof: bool,
    server_is_proven: bool,
}

impl Exchange {
    /// Returns an exchange and the client's first message. Name and password are prepared (RFC 4013), so that it does not matter how they
    /// were typed.
    pub fn new(name: &str, password: &str) -> Result<(Self, Vec<u8>)> {
        let config = SASLConfig::with_credentials(None, prepared(name), prepared(password))?;
        let mut session = SASLClient::new(config).start_suggested([&Mechname::parse(b"SCRAM-SHA-256")?])?;
        let mut first = Vec::new();
        session.step(None, &mut first)?;
        Ok((Exchange { session: Some(session), has_sent_proof: false, server_is_proven: false }, first))
    }

    /// The response to a challenge. To the last one, in which the server proves that it knows the password too, it is empty.
    pub fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>> {
        let mut session = self.session.take().ok_or("the exchange is over")?;
        if !is_sound(challenge) {
            return Err("not a message of SCRAM".into());
        }
        let mut response = Vec::new();
        match session.step(Some(challenge), &mut response)? {
            State::Running => {
                self.has_sent_proof = true;
                self.session = Some(session);
            }
            State::Finished(_) => self.server_is_proven = true,
        }
        Ok(response)
    }

    /// Returns whether the server was sent a proof that the client knows the password. With it, the server can try passwords.
    #[must_use]
    pub fn has_sent_proof(&self) -> bool {
        self.has_sent_proof
    }

    /// Whether the server has proved that it knows the password. Until then its `+OK` means nothing.
    #[must_use]
    pub fn server_is_proven(&self) -> bool {
        self.server_is_proven
    }
}

/// A text that the rules do not allow is taken as it is: the server decides.
fn prepared(text: &str) -> String {
    stringprep::saslprep(text).map_or_else(|_| text.into(), Cow::into_owned)
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

#[cfg(test)]
mod tests {
    use super::*;
    use pop3_proto_serve::scram::{self as server, ITERATIONS, Progress, Verifier};

    /// An exchange with a server that knows this password.
    fn exchange(name: &str, password: &str, known: &str) -> (Result<Vec<u8>>, bool) {
        let verifier = Verifier::new(known.as_bytes(), ITERATIONS).unwrap();
        let mut server = server::Exchange::new(move |_| verifier.clone()).unwrap();
        let (mut client, mut message) = Exchange::new(name, password).unwrap();
        loop {
            match server.step(&message) {
                Progress::Challenge(challenge) => match client.step(&challenge) {
                    Ok(response) => message = response,
                    error => return (error, client.server_is_proven()),
                },
                Progress::Verified(verified) => return (Ok(verified.into()), client.server_is_proven()),
                Progress::Failed => return (Ok(Vec::new()), client.server_is_proven()),
            }
        }
    }

    #[test]
    fn both_prove_that_they_know_the_password() {
        for name in ["mrose", "a,b=c", "=2C", "ü"] {
            let (verified, proven) = exchange(name, "tanstaaf", "tanstaaf");
            assert_eq!((verified.unwrap(), proven), (name.into(), true), "{name}");
        }
        let (verified, proven) = exchange("mrose", "guess", "tanstaaf");
        assert_eq!((verified.unwrap(), proven), (Vec::new(), false));
    }

    #[test]
    fn a_password_is_the_same_however_it_was_typed() {
        let (verified, proven) = exchange("u\u{308}", "tansta\u{308}f", "tanst\u{e4}f");
        assert_eq!((verified.unwrap(), proven), ("\u{fc}".into(), true));
    }

    #[test]
    fn a_proof_is_sent_with_the_second_message() {
        let mut exchange = Exchange::new("mrose", "tanstaaf").unwrap().0;
        assert!(exchange.step(b"r=x,s=eA==,i=1").is_err() && !exchange.has_sent_proof());
        let (mut exchange, first) = Exchange::new("mrose", "tanstaaf").unwrap();
        let nonce = String::from_utf8(first).unwrap().rsplit_once("r=").unwrap().1.to_owned();
        exchange.step(format!("r={nonce}x,s=eA==,i=4096").as_bytes()).unwrap();
        assert!(exchange.has_sent_proof() && !exchange.server_is_proven());
        assert!(exchange.step(b"v=eA==").is_err() && !exchange.server_is_proven());
    }

    #[test]
    fn what_a_server_may_say_instead_is_an_error() {
        for challenge in [
            "",
            ",",
            "r",
            "r=",
            "r=,",
            "r=x,s",
            "r=x,s=,i=4096",
            "e=other-error",
            "v=",
            "m=x,r=x,s=eA==,i=4096",
            "r=x,s=eA==,i=",
            "r=x,s=eA==",
        ] {
            let mut exchange = Exchange::new("mrose", "tanstaaf").unwrap().0;
            assert!(exchange.step(challenge.as_bytes()).is_err(), "{challenge}");
            assert!(exchange.step(b"v=").is_err(), "rsasl would panic");
            assert!(!exchange.server_is_proven());
        }
        for (count, may_be) in [(1, false), (4095, false), (4096, true), (1_000_000, true), (u32::MAX, false)]
        {
            assert_eq!(is_sound(format!("r=x,s=eA==,i={count}").as_bytes()), may_be, "{count}");
        }
    }
}
