//! The client's side of SCRAM-SHA-256, through rsasl.

use crate::Result;
use pop3_proto::login::Scram;
use pop3_proto::{Secret, Text};
use rsasl::config::SASLConfig;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, Session, State};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The accepted numbers of PBKDF2 rounds. A server that asks for fewer than RFC 7677 section 4 requires may want to guess passwords
/// from the proof. A far greater number would keep the client busy for hours.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// The client's side of an exchange. It begins with [`first`](Scram::first).
#[allow(missing_debug_implementations)] // it holds the password
pub struct Exchange<'e> {
    name: Text<'e>,
    password: Secret<'e>,
    /// `None` after a failure, because rsasl panics if it is used again.
    session: Option<Session>,
    /// The last message that was sent.
    message: Vec<u8>,
    has_sent_proof: bool,
    is_server_proven: bool,
}

impl<'e> Exchange<'e> {
    /// Returns an exchange. Prepares name and password (RFC 4013), so it does not matter how they were typed.
    #[must_use]
    pub fn new(name: Text<'e>, password: Secret<'e>) -> Self {
        Exchange {
            name,
            password,
            session: None,
            message: Vec::new(),
            has_sent_proof: false,
            is_server_proven: false,
        }
    }

    fn begin(&mut self) -> Result<()> {
        self.session = None;
        self.is_server_proven = false;
        let name = self.name.to_str().ok_or("the name is not UTF-8")?;
        let config = SASLConfig::with_credentials(
            None,
            prepared(name),
            prepared(std::str::from_utf8(self.password.expose())?),
        )?;
        let mut session = SASLClient::new(config).start_suggested([&Mechname::parse(b"SCRAM-SHA-256")?])?;
        self.message.clear();
        session.step(None, &mut self.message)?;
        self.session = Some(session);
        Ok(())
    }

    fn go_on(&mut self, challenge: &[u8]) -> Result<()> {
        let mut session = self.session.take().ok_or("the exchange is over")?;
        if !is_sound(challenge) {
            return Err("not a message of SCRAM".into());
        }
        self.message.clear();
        match session.step(Some(challenge), &mut self.message)? {
            State::Running => {
                self.has_sent_proof = true;
                self.session = Some(session);
            }
            State::Finished(_) => self.is_server_proven = true,
        }
        Ok(())
    }
}

impl Scram for Exchange<'_> {
    /// Begins an exchange with a new nonce. If it cannot begin, the message is empty and the server refuses it.
    fn first(&mut self) -> &[u8] {
        if self.begin().is_err() {
            self.message.clear();
        }
        &self.message
    }

    fn step(&mut self, challenge: &[u8]) -> Option<&[u8]> {
        self.go_on(challenge).ok()?;
        Some(&self.message)
    }

    fn has_sent_proof(&self) -> bool {
        self.has_sent_proof
    }

    fn is_server_proven(&self) -> bool {
        self.is_server_proven
    }
}

/// Returns a text prepared, or unchanged if the rules do not allow it: the server decides.
fn prepared(text: &str) -> String {
    stringprep::saslprep(text).map_or_else(|_| text.into(), Cow::into_owned)
}

/// Returns whether rsasl can read this without a panic, because each attribute is a letter and `=`, and within a reasonable
/// time.
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

    fn client<'e>(name: &'e str, password: &'e str) -> Exchange<'e> {
        Exchange::new(Text::try_from(name).unwrap(), Secret::new(password.as_bytes()).unwrap())
    }

    /// Runs an exchange with a server that knows this password. Returns the client's result and the name that
    /// the server verified.
    fn exchange(name: &str, password: &str, known: &str) -> (Option<String>, bool) {
        let mut client = client(name, password);
        (exchange_of(&mut client, known), client.is_server_proven())
    }

    /// Runs an exchange of this client. Returns the name that the server verified.
    fn exchange_of(client: &mut Exchange<'_>, known: &str) -> Option<String> {
        let verifier = Verifier::new(known.as_bytes(), ITERATIONS).unwrap();
        let mut server = server::Exchange::new(move |_| verifier.clone()).unwrap();
        let mut message = client.first().to_vec();
        loop {
            match server.step(&message) {
                Progress::Challenge(challenge) => message = client.step(&challenge).unwrap().to_vec(),
                Progress::Verified(verified) => return Some(verified),
                Progress::Failed => return None,
            }
        }
    }

    #[test]
    fn both_prove_that_they_know_the_password() {
        for name in ["mrose", "a,b=c", "=2C", "ü"] {
            let (verified, proven) = exchange(name, "tanstaaf", "tanstaaf");
            assert_eq!((verified.as_deref(), proven), (Some(name), true), "{name}");
        }
        let (verified, proven) = exchange("mrose", "guess", "tanstaaf");
        assert_eq!((verified, proven), (None, false));
    }

    #[test]
    fn a_proof_counts_for_one_exchange() {
        let mut client = client("mrose", "tanstaaf");
        assert!(exchange_of(&mut client, "tanstaaf").is_some() && client.is_server_proven());
        client.first();
        assert!(!client.is_server_proven());
    }

    #[test]
    fn a_password_is_the_same_however_it_was_typed() {
        let (verified, proven) = exchange("u\u{308}", "tansta\u{308}f", "tanst\u{e4}f");
        assert_eq!((verified.as_deref(), proven), (Some("\u{fc}"), true));
    }

    #[test]
    fn a_proof_is_sent_with_the_second_message() {
        let mut exchange = client("mrose", "tanstaaf");
        exchange.first();
        assert!(exchange.step(b"r=x,s=eA==,i=1").is_none() && !exchange.has_sent_proof());
        let nonce =
            String::from_utf8(exchange.first().to_vec()).unwrap().rsplit_once("r=").unwrap().1.to_owned();
        exchange.step(format!("r={nonce}x,s=eA==,i=4096").as_bytes()).unwrap();
        assert!(exchange.has_sent_proof() && !exchange.is_server_proven());
        assert!(exchange.step(b"v=eA==").is_none() && !exchange.is_server_proven());
    }

    #[test]
    fn any_other_server_message_is_an_error() {
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
            let mut exchange = client("mrose", "tanstaaf");
            exchange.first();
            assert!(exchange.step(challenge.as_bytes()).is_none(), "{challenge}");
            assert!(exchange.step(b"v=").is_none(), "rsasl would panic");
            assert!(!exchange.is_server_proven());
        }
        for (count, may_be) in [(1, false), (4095, false), (4096, true), (1_000_000, true), (u32::MAX, false)]
        {
            assert_eq!(is_sound(format!("r=x,s=eA==,i={count}").as_bytes()), may_be, "{count}");
        }
    }
}
