//! What a token is given back with: a response to a challenge, the mechanism's verdict, the end of the TLS handshake.

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
    /// The step comes back where it is an old one, the line would be over the limit, the sink is full, or the
    /// challenge was one that can only be cancelled.
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

    /// As [`respond`](Self::respond), with a message that is turned into base64 on its way into the sink: no buffer
    /// holds it in between.
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
    /// As those of [`respond`](Self::respond).
    #[cfg(feature = "sasl")]
    pub fn respond_message(
        &mut self,
        step: SaslStep,
        message: &crate::sasl::Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<SaslStep>> {
        self.put_response(step, message.encoded_len(), sink, |sink| message.put(Text::EMPTY, sink))
    }

    /// Cancels the exchange; the server answers AUTH with `-ERR` (RFC 5034 section 4), and the session goes on.
    ///
    /// # Errors
    /// The step comes back where it is an old one, or the sink is full.
    pub fn cancel(&mut self, step: SaslStep, sink: &mut dyn Sink) -> Result<(), Unanswered<SaslStep>> {
        self.put_line(step, Turn::Cancelled, sink, |sink| sink.put(&[b"*\r\n"]))
    }

    /// The mechanism agrees that the exchange succeeded: the session is in TRANSACTION.
    ///
    /// PLAIN and the like have nothing to check; SCRAM has to have seen the server's proof.
    ///
    /// # Errors
    /// The token comes back where it is an old one.
    pub fn verified(&mut self, done: SaslDone) -> Result<(), Unanswered<SaslDone>> {
        if let Err(why) = self.check(&done.mark, |turn| matches!(turn, Turn::Verdict)) {
            return Unanswered::because(done, why);
        }
        self.turn = Turn::Status;
        self.logged_in();
        Ok(())
    }

    /// The TLS handshake succeeded by the driver's standards; `unread` is what the driver still holds of the
    /// input in clear.
    ///
    /// Any octet in it was sent by somebody who wants it to be taken for the server's word inside TLS: the
    /// session ends, and the next `poll` says so. Everything learned before is forgotten: capabilities, user
    /// name, greeting timestamp, quirks, how lines end.
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
    /// // Here the driver makes the handshake, over a stream with nothing of the clear one in it.
    /// client.tls_started(start, recv.input()).unwrap();
    /// assert!(client.is_tls());
    /// ```
    ///
    /// # Errors
    /// The token comes back where it is an old one.
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

    /// A new token's mark; older ones are stale from now on.
    pub(super) const fn next_token(&mut self) -> Mark {
        self.tokens = self.tokens.wrapping_add(1);
        Mark { connection: self.id, sequence: self.tokens }
    }

    /// Whether this is the token of a challenge that is still open.
    pub(crate) fn is_open(&self, step: &SaslStep) -> bool {
        self.check(&step.mark, |turn| matches!(turn, Turn::Challenge)).is_ok()
    }

    /// Whether the caller owes what the token with this mark is for.
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

    /// A response of so many octets without its line end.
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
