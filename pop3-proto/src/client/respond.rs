//! The answers that take a token: a response to a challenge, the verdict of a mechanism, the end of the TLS handshake.

use super::event::{Mark, SaslDone, SaslStep, StartTls};
use super::{AsConfig, Capabilities, Client, Lines, Tls, Turn, Welcome};
use crate::error::{AnswerError, ConnectionError, Unanswered};
use crate::input::Input;
use crate::quirks::Quirks;
use crate::sink::{BufferFull, Sink};
use crate::types::Base64;
#[cfg(feature = "sasl")]
use crate::types::Text;

impl<C: AsConfig> Client<C> {
    /// Answers a challenge. An empty response is [`Base64::EMPTY`].
    ///
    /// ```
    /// use pop3_proto::{Base64, Client, Command, Input, Mechanism, SendBuf, State, TlsPolicy, client::Event};
    ///
    /// let mut client = Client::new(TlsPolicy::Implicit, 1);
    /// let mut send = SendBuf::new(vec![]);
    /// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
    /// client.send(&Command::Auth { mechanism: Mechanism::PLAIN, initial: None }, &mut send).unwrap();
    /// # send.clear();
    ///
    /// let mut input = Input::more(b"+ \r\n");
    /// let Some(Event::Challenge(step, _)) = client.poll(&mut input).unwrap() else { panic!() };
    /// client.respond(step, Base64::from_static("AHRlc3QAdGVzdA=="), &mut send).unwrap();
    /// assert_eq!(send.pending(), b"AHRlc3QAdGVzdA==\r\n");
    ///
    /// let mut input = Input::more(b"+OK\r\n");
    /// let Some(Event::AuthAccepted(done, _)) = client.poll(&mut input).unwrap() else { panic!() };
    /// client.verified(done).unwrap();
    /// assert_eq!(client.state(), State::Transaction);
    /// ```
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the step and one of these causes:
    /// - [`AnswerError::Stale`] or [`AnswerError::OtherConnection`] if the step does not belong to the open challenge,
    /// - [`AnswerError::TooLong`] if the line would exceed the limit,
    /// - [`AnswerError::BufferFull`] if the line does not fit in the sink,
    /// - [`AnswerError::MustCancel`] if the challenge can only be cancelled.
    #[doc(alias = "AUTH")]
    pub fn respond(
        &mut self,
        step: SaslStep,
        response: Base64<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<SaslStep>> {
        let response = response.as_bytes();
        self.put_response(step, response.len(), sink, |sink| sink.put(&[response, b"\r\n"]))
    }

    /// Answers a challenge with a message, which is encoded directly into the sink, without another buffer.
    ///
    /// ```
    /// use pop3_proto::{Client, Command, Input, Mechanism, SendBuf, Secret, Text, TlsPolicy, client::Event, sasl};
    ///
    /// let mut client = Client::new(TlsPolicy::Implicit, 1);
    /// let mut buffer = [0; 512];
    /// let mut out = SendBuf::new(&mut buffer[..]);
    /// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
    /// client.send(&Command::Auth { mechanism: Mechanism::PLAIN, initial: None }, &mut out).unwrap();
    /// # out.clear();
    /// let event = client.poll(&mut Input::more(b"+ \r\n")).unwrap();
    /// let Some(Event::Challenge(step, _)) = event else { panic!() };
    /// let message = sasl::plain(Text::EMPTY, Text::from_static("test"), Secret::new(b"test").unwrap()).unwrap();
    /// client.respond_message(step, &message, &mut out).unwrap();
    /// assert_eq!(out.pending(), b"AHRlc3QAdGVzdA==\r\n");
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`respond`](Self::respond).
    #[cfg(feature = "sasl")]
    pub fn respond_message(
        &mut self,
        step: SaslStep,
        message: &crate::sasl::Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<SaslStep>> {
        self.put_response(step, message.encoded_len(), sink, |sink| message.put(Text::EMPTY, sink))
    }

    /// Cancels the exchange. The server then refuses AUTH with `-ERR` (RFC 5034 section 4), and the session continues.
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the step if it does not belong to the open challenge, or if the line does not fit in the
    /// sink.
    pub fn cancel(&mut self, step: SaslStep, sink: &mut dyn Sink) -> Result<(), Unanswered<SaslStep>> {
        self.put_line(step, Turn::Cancelled, sink, |sink| sink.put(&[b"*\r\n"]))
    }

    /// Confirms that the exchange succeeded. The session is then in TRANSACTION.
    ///
    /// PLAIN and LOGIN have nothing to check. SCRAM must have verified the server's proof.
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the token if it does not belong to the open exchange.
    pub fn verified(&mut self, done: SaslDone) -> Result<(), Unanswered<SaslDone>> {
        if let Err(why) = self.check(&done.mark, |turn| matches!(turn, Turn::Verdict)) {
            return Unanswered::because(done, why);
        }
        self.turn = Turn::Status;
        self.logged_in();
        Ok(())
    }

    /// Reports that the TLS handshake succeeded. Pass any input that is left from before TLS as `unread`.
    ///
    /// If `unread` is not empty, its bytes were injected, and the next `poll` fails with
    /// [`ConnectionError::PlaintextAfterStls`]. The client forgets everything that it learned before TLS: capabilities, user name,
    /// timestamp of the greeting, quirks and the form of line ends.
    ///
    /// ```
    /// use pop3_proto::{Client, Command, RecvBuf, SendBuf, TlsPolicy, client::Event};
    ///
    /// let mut client = Client::new(TlsPolicy::Required, 1);
    /// let mut send = SendBuf::new(vec![]);
    /// let mut recv = RecvBuf::new([0; 512]);
    /// # let mut receive = |recv: &mut RecvBuf<[u8; 512]>, octets: &[u8]| {
    /// #     recv.spare_mut()[..octets.len()].copy_from_slice(octets);
    /// #     recv.received(octets.len());
    /// # };
    /// receive(&mut recv, b"+OK ready\r\n");
    /// recv.with(|input| client.poll(input)).unwrap();
    /// client.send(&Command::Stls, &mut send).unwrap();
    ///
    /// receive(&mut recv, b"+OK begin TLS\r\n");
    /// let Some(Event::StartTls(start)) = recv.with(|input| client.poll(input)).unwrap() else { panic!() };
    /// // Do the handshake here, on a stream that has read no cleartext ahead.
    /// client.tls_started(start, recv.input()).unwrap();
    /// assert!(client.is_tls());
    /// ```
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the token if it does not belong to the open handshake.
    #[doc(alias = "STLS")]
    pub fn tls_started(&mut self, start: StartTls, unread: Input<'_>) -> Result<(), Unanswered<StartTls>> {
        if let Err(why) = self.check(&start.mark, |turn| matches!(turn, Turn::Handshake)) {
            return Unanswered::because(start, why);
        }
        if unread.remaining() > 0 {
            self.fatal = Some(ConnectionError::PlaintextAfterStls);
            return Ok(());
        }
        self.turn = Turn::Status;
        self.tls = Tls::On;
        self.lines = Lines::Undecided;
        self.searched = 0;
        self.greeting = Welcome::Plain;
        self.named = false;
        self.capabilities = Capabilities::NONE;
        self.quirks = Quirks::NONE;
        Ok(())
    }

    /// Returns the mark of a new token. Older tokens become stale.
    pub(super) const fn next_token(&mut self) -> Mark {
        self.tokens = self.tokens.wrapping_add(1);
        Mark { connection: self.id, sequence: self.tokens }
    }

    /// Returns whether this is the token of a challenge that is still open.
    pub(crate) fn is_open(&self, step: &SaslStep) -> bool {
        self.check(&step.mark, |turn| matches!(turn, Turn::Challenge)).is_ok()
    }

    /// Checks that the client waits for the answer of the token with this mark.
    fn check(&self, mark: &Mark, due: impl FnOnce(&Turn) -> bool) -> Result<(), AnswerError> {
        if mark.connection != self.id {
            Err(AnswerError::OtherConnection)
        } else if self.fatal.is_some()
            || self.is_parting()
            || mark.sequence != self.tokens
            || !due(&self.turn)
        {
            Err(AnswerError::Stale)
        } else {
            Ok(())
        }
    }

    /// Writes a response of this length, which does not include its line end.
    fn put_response(
        &mut self,
        step: SaslStep,
        octets: usize,
        sink: &mut dyn Sink,
        put: impl FnOnce(&mut dyn Sink) -> Result<(), BufferFull>,
    ) -> Result<(), Unanswered<SaslStep>> {
        let limit = usize::from(self.config.as_config().limits.sasl_line);
        let refused = match self.check(&step.mark, |turn| matches!(turn, Turn::Challenge)) {
            Err(why) => Some(why),
            Ok(()) if step.cancel_only => Some(AnswerError::MustCancel),
            Ok(()) if octets.saturating_add(2) > limit => Some(AnswerError::TooLong { limit }),
            Ok(()) => None,
        };
        match refused {
            Some(why) => Unanswered::because(step, why),
            None => self.put_line(step, Turn::Status, sink, put),
        }
    }

    fn put_line(
        &mut self,
        step: SaslStep,
        next: Turn,
        sink: &mut dyn Sink,
        put: impl FnOnce(&mut dyn Sink) -> Result<(), BufferFull>,
    ) -> Result<(), Unanswered<SaslStep>> {
        if let Err(why) = self.check(&step.mark, |turn| matches!(turn, Turn::Challenge)) {
            return Unanswered::because(step, why);
        }
        if let Err(full) = put(sink) {
            return Unanswered::because(step, AnswerError::BufferFull(full));
        }
        self.turn = next;
        self.arm();
        Ok(())
    }
}
