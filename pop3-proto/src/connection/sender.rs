use crate::buffers::Place;
use crate::client::{AsConfig, Client, ClientConfig, Event, SaslDone, SaslStep, SendError, Ticket};
use crate::codec::Command;
use crate::error::{AnswerError, Unanswered};
use crate::sink::Sink;
use crate::types::Base64;
use core::fmt;

/// The calls with which a client sends. [`ClientConnection::poll`](super::ClientConnection::poll) returns one with
/// each event, and [`ClientConnection::sender`](super::ClientConnection::sender) returns one without an event.
///
/// An event borrows the bytes received, and a sender borrows the rest of the connection, so you can send while you hold an
/// event. A call that fails has changed nothing.
pub struct Sender<'c, C: AsConfig = ClientConfig> {
    client: &'c mut Client<C>,
    sink: &'c mut (dyn Sink + Send),
    asked: &'c mut Asked,
}

impl<'c, C: AsConfig> Sender<'c, C> {
    #[inline(always)]
    pub(super) fn new(
        client: &'c mut Client<C>,
        sink: &'c mut (dyn Sink + Send),
        asked: &'c mut Asked,
    ) -> Self {
        Sender { client, sink, asked }
    }

    /// Queues a command, and returns the ticket that the events of its response carry: see [`Client::send`].
    ///
    /// # Errors
    /// Returns [`SendError`] if the command cannot be sent now, or never.
    pub fn send(&mut self, command: Command<'_>) -> Result<Ticket, SendError> {
        self.client.send(&command, self.sink)
    }

    /// Answers a challenge. An empty response is [`Base64::EMPTY`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the line would exceed the limit, and `poll` then returns the challenge again.
    /// Returns [`AnswerError`] if the send buffer is full, and `poll` then returns the challenge again.
    /// Returns [`AnswerError`] if the challenge can only be cancelled, and `poll` then returns it again.
    /// Returns [`AnswerError`] if the token is an old one or belongs to another connection.
    #[doc(alias = "AUTH")]
    pub fn respond(&mut self, step: SaslStep, response: Base64<'_>) -> Result<(), AnswerError> {
        let answered = self.client.respond(step, response, self.sink);
        self.answered(answered)
    }

    /// Answers a challenge with a message, which is encoded in base64 directly into the send buffer.
    ///
    /// # Errors
    /// Returns the same errors as [`respond`](Self::respond).
    #[cfg(feature = "sasl")]
    pub fn respond_message(
        &mut self,
        step: SaslStep,
        message: &crate::sasl::Message<'_>,
    ) -> Result<(), AnswerError> {
        let answered = self.client.respond_message(step, message, self.sink);
        self.answered(answered)
    }

    /// Cancels the exchange. The server answers AUTH with `-ERR` (RFC 5034 section 4), and the session continues.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the send buffer is full, and `poll` then returns the challenge again.
    /// Returns [`AnswerError`] if the token is an old one or belongs to another connection.
    pub fn cancel(&mut self, step: SaslStep) -> Result<(), AnswerError> {
        let answered = self.client.cancel(step, self.sink);
        self.answered(answered)
    }

    /// Agrees that the exchange succeeded, which starts TRANSACTION: see [`Client::verified`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token is an old one or belongs to another connection.
    pub fn verified(&mut self, done: SaslDone) -> Result<(), AnswerError> {
        Ok(self.client.verified(done)?)
    }

    /// Ends the session without QUIT, so the server removes nothing: see [`Client::close`].
    pub fn close(&mut self) {
        self.client.close();
    }

    /// Returns the machine, which you can ask for the state, the capabilities and the deletions.
    pub fn client(&self) -> &Client<C> {
        self.client
    }

    /// Lets `poll` give the challenge again if its answer was not taken.
    fn answered(&mut self, answered: Result<(), Unanswered<SaslStep>>) -> Result<(), AnswerError> {
        match answered {
            Ok(()) => {
                *self.asked = Asked::NOTHING;
                Ok(())
            }
            Err(Unanswered { token, why }) => {
                self.asked.due |= self.client.is_open(&token);
                Err(why)
            }
        }
    }
}

/// Shows the machine.
impl<C: AsConfig> fmt::Debug for Sender<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("client", self.client).finish_non_exhaustive()
    }
}

/// The last challenge, kept so that `poll` can give it again.
#[derive(Debug)]
pub(super) struct Asked {
    challenge: Option<Challenge>,
    /// Whether its answer failed, so `poll` gives it again.
    due: bool,
}

#[derive(Debug)]
struct Challenge {
    step: SaslStep,
    place: Place,
    malformed: bool,
}

impl Asked {
    pub(super) const NOTHING: Asked = Asked { challenge: None, due: false };

    /// Keeps a challenge.
    pub(super) fn note(&mut self, event: &Event<'_>, all: &[u8]) {
        let (step, octets, malformed) = match event {
            Event::Challenge(step, challenge) => (step, challenge.as_bytes(), false),
            Event::MalformedChallenge(step, octets) => (step, *octets, true),
            _ => return,
        };
        self.challenge = Some(Challenge { step: step.again(), place: Place::of(octets, all), malformed });
    }

    /// Returns whether `poll` gives the challenge again.
    pub(super) const fn is_due(&self) -> bool {
        self.due
    }

    /// Returns whether the challenge is not yet answered.
    pub(super) fn is_open<C: AsConfig>(&self, client: &Client<C>) -> bool {
        self.challenge.as_ref().is_some_and(|challenge| client.is_open(&challenge.step))
    }

    /// Returns the challenge again.
    pub(super) fn again<'r>(&mut self, all: &'r [u8]) -> Option<Event<'r>> {
        self.due = false;
        let Challenge { step, place, malformed } = self.challenge.as_ref()?;
        let octets = place.get(all);
        Some(match malformed {
            true => Event::MalformedChallenge(step.again(), octets),
            false => Event::Challenge(step.again(), Base64::checked(octets)),
        })
    }
}
