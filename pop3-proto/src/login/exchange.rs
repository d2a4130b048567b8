//! The messages of AUTH: the first one of each mechanism, and the answers to challenges.

use super::{Credentials, Login, LoginError, Scram, Way, WhyNot};
use crate::client::{AsConfig, SaslStep, SendError, Sender};
use crate::codec::Command;
use crate::sasl::{Message, OAUTHBEARER_ACK, SaslError, decode, oauthbearer, plain, xoauth2};
use crate::types::{Base64, Text};
use core::str;

/// The largest number of decoded bytes in a challenge for a [`Scram`].
const CHALLENGE: usize = 1024;
/// The largest number of bytes in an initial response. The line limit of RFC 5034 allows fewer.
const INITIAL: usize = 256;

/// Returns why the mechanism cannot carry the credentials, or `None` if it can.
pub(super) fn unfit(way: Way, credentials: &Credentials<'_>) -> Option<WhyNot> {
    match first(way, credentials, b"") {
        Ok(_) => None,
        Err(SaslError::NotUtf8) => Some(WhyNot::NotUtf8),
        Err(_) => Some(WhyNot::DoesNotFit),
    }
}

/// Returns the client's first message. For SCRAM, that is `scram`.
fn first<'m>(way: Way, credentials: &Credentials<'m>, scram: &'m [u8]) -> Result<Message<'m>, SaslError> {
    let Credentials { name, secret, server, .. } = *credentials;
    match way {
        Way::ScramSha256 if name.to_str().is_none() || str::from_utf8(secret.expose()).is_err() => {
            Err(SaslError::NotUtf8)
        }
        Way::ScramSha256 => Ok(Message::new(scram)),
        Way::Oauthbearer => {
            oauthbearer(name, server.map(|(host, _)| host), server.map(|(_, port)| port), secret)
        }
        Way::Xoauth2 => xoauth2(name, secret),
        Way::Plain | Way::Apop | Way::User => plain(Text::EMPTY, name, secret),
    }
}

impl Login<'_> {
    /// Sends AUTH, and returns whether the first message was sent with it.
    pub(super) fn authenticate<C: AsConfig>(
        &mut self,
        way: Way,
        sender: &mut Sender<'_, C>,
    ) -> Result<bool, LoginError> {
        let Some(mechanism) = way.mechanism() else { return Ok(false) };
        let mut room = [0; INITIAL];
        // The first message of SCRAM contains only the name.
        let initial = if self.with_initial || way == Way::ScramSha256 {
            self.first(way).and_then(|first| first.encode_into(&mut room)).ok()
        } else {
            None
        };
        if initial.is_some() {
            match sender.send(Command::Auth { mechanism, initial }) {
                Err(SendError::InitialResponse | SendError::InitialResponseTooLong { .. }) => {}
                sent => return Ok(sent.map(|_| true)?),
            }
        }
        sender.send(Command::Auth { mechanism, initial: None })?;
        Ok(false)
    }

    fn first(&mut self, way: Way) -> Result<Message<'_>, SaslError> {
        let scram = match &mut self.scram {
            Some(scram) if way == Way::ScramSha256 => scram.first(),
            _ => b"",
        };
        first(way, &self.credentials, scram)
    }

    /// Answers the first challenge with the first message.
    pub(super) fn say_first<C: AsConfig>(
        &mut self,
        way: Way,
        step: SaslStep,
        sender: &mut Sender<'_, C>,
    ) -> Result<(), LoginError> {
        match self.first(way) {
            Ok(message) => Ok(sender.respond_message(step, &message)?),
            Err(_) => Ok(sender.cancel(step)?),
        }
    }

    /// Answers a later challenge, and returns whether the server must not be trusted.
    pub(super) fn say_next<C: AsConfig>(
        &mut self,
        way: Way,
        step: SaslStep,
        challenge: Base64<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<bool, LoginError> {
        let response = match (way, &mut self.scram) {
            (Way::ScramSha256, Some(scram)) => return prove(&mut **scram, step, challenge, sender),
            // The server reports why it refuses the token, and waits for this response before it refuses.
            (Way::Oauthbearer, _) => OAUTHBEARER_ACK,
            // Nothing is left to say. This is also the response of XOAUTH2 before a refusal (`XOAUTH2_ACK`).
            _ => Base64::EMPTY,
        };
        sender.respond(step, response)?;
        Ok(false)
    }
}

/// Answers a challenge of SCRAM, and returns whether the server must not be trusted.
fn prove<C: AsConfig>(
    scram: &mut dyn Scram,
    step: SaslStep,
    challenge: Base64<'_>,
    sender: &mut Sender<'_, C>,
) -> Result<bool, LoginError> {
    let mut room = [0; CHALLENGE];
    let challenge = decode(challenge, &mut room).ok();
    // A refusal in SCRAM's own words (RFC 5802 section 7) is honest.
    if challenge.as_ref().is_some_and(|challenge| challenge.starts_with(b"e=")) {
        sender.cancel(step)?;
        return Ok(false);
    }
    let response = challenge.and_then(|challenge| scram.step(challenge));
    match response {
        Some(response) => sender.respond_message(step, &Message::new(response))?,
        None => sender.cancel(step)?,
    }
    Ok(response.is_none())
}
