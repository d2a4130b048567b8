use super::event::Event;
use crate::codec::ResponseCode;
use crate::error::{AnswerError, Unanswered};
use crate::server::{
    AsConfig, BodyError, Commit, Fetch, Greet, Login, Maildrop, Other, Refusable, Refusal, Sent, Server,
    ServerConfig, Token, Unaccepted, User, UserPolicy,
};
use crate::sink::Sink;
use crate::types::{Base64, MessageNumber, Text};
use core::fmt;

/// The answers of a server connection. [`ServerConnection::poll`](super::ServerConnection::poll) returns one with
/// each event, and [`ServerConnection::responder`](super::ServerConnection::responder) returns one without an event.
///
/// An event borrows the bytes received, and a responder borrows the rest of the connection, so you can answer while you
/// hold an event.
///
/// # Errors
/// Every answer returns [`AnswerError`] if it cannot be given, because the text is too long or the send buffer is
/// full. Then nothing has changed, and the next `poll` returns the event again, with a token. A token that is old or
/// belongs to another connection is lost.
pub struct Responder<'c, M, C: AsConfig = &'static ServerConfig<'static>> {
    server: &'c mut Server<M, C>,
    sink: &'c mut (dyn Sink + Send),
    due: &'c mut bool,
}

impl<'c, M: Maildrop, C: AsConfig> Responder<'c, M, C> {
    pub(super) fn new(
        server: &'c mut Server<M, C>,
        sink: &'c mut (dyn Sink + Send),
        due: &'c mut bool,
    ) -> Self {
        Responder { server, sink, due }
    }

    /// Greets the client. A text with a timestamp in it offers APOP: see [`Server::greet`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the greeting cannot be sent, and the next `poll` asks again.
    pub fn greet(&mut self, greet: Greet, text: Text<'_>) -> Result<(), AnswerError> {
        let answered = self.server.greet(greet, text, self.sink);
        self.answered(answered)
    }

    /// Accepts the name. The login reveals whether the user exists.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn accept_name(&mut self, user: User) -> Result<(), AnswerError> {
        let answered = self.server.accept_name(user);
        self.answered(answered)
    }

    /// Accepts the login, with the maildrop of the client: see [`Server::accept`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question. The maildrop is then dropped.
    pub fn accept(&mut self, login: Login, maildrop: M) -> Result<(), AnswerError> {
        self.accept_with(login, maildrop, UserPolicy::default())
    }

    /// Accepts the login, and announces this LOGIN-DELAY and EXPIRE to the client instead of the configuration's.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question. The maildrop is then dropped.
    pub fn accept_with(
        &mut self,
        login: Login,
        maildrop: M,
        announce: UserPolicy,
    ) -> Result<(), AnswerError> {
        let accepted = self.server.accept_with(login, maildrop, announce);
        self.answered(accepted.map_err(|Unaccepted { token, why, .. }| Unanswered { token, why }))
    }

    /// Continues AUTH with a challenge: see [`Server::challenge`]. The client's response is another [`Event::Login`].
    /// An empty challenge is [`Base64::EMPTY`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the challenge cannot be sent, and the next `poll` asks again.
    /// Returns [`AnswerError::Stale`] if the login is not by AUTH ([`Login::is_auth`]).
    pub fn challenge(&mut self, login: Login, challenge: Base64<'_>) -> Result<(), AnswerError> {
        let answered = self.server.challenge(login, challenge, self.sink);
        self.answered(answered)
    }

    /// Continues AUTH with a message, which is encoded in base64 directly into the send buffer.
    ///
    /// # Errors
    /// Returns the same errors as [`challenge`](Self::challenge).
    #[cfg(feature = "sasl")]
    pub fn challenge_message(
        &mut self,
        login: Login,
        message: &crate::sasl::Message<'_>,
    ) -> Result<(), AnswerError> {
        let answered = self.server.challenge_message(login, message, self.sink);
        self.answered(answered)
    }

    /// Accepts the login, and leaves the rest of the connection to another program, as a proxy does: see
    /// [`Server::hand_over`]. The bytes that the client pipelined are in [`RecvBuf::unread`](crate::RecvBuf::unread).
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn hand_over(&mut self, login: Login) -> Result<(), AnswerError> {
        let answered = self.server.hand_over(login);
        self.answered(answered)
    }

    /// Sends the message, with the size that the maildrop lists. [`Event::Body`] follows each time there is room.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn send_body(&mut self, fetch: Fetch) -> Result<(), AnswerError> {
        let answered = self.server.send_body(fetch);
        self.answered(answered)
    }

    /// Sends the message, with a size that is not the listed one: see [`Server::send_body_of`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn send_body_of(&mut self, fetch: Fetch, octets: u64) -> Result<(), AnswerError> {
        let answered = self.server.send_body_of(fetch, octets);
        self.answered(answered)
    }

    /// Sends the message, with an estimated size: see [`Server::send_body_estimated`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn send_body_estimated(&mut self, fetch: Fetch, octets: u64) -> Result<(), AnswerError> {
        let answered = self.server.send_body_estimated(fetch, octets);
        self.answered(answered)
    }

    /// Takes the next bytes of the message, and returns how many there was room for. The next [`Event::Body`] asks
    /// for the rest: see [`Server::write_body`].
    ///
    /// # Errors
    /// Returns [`BodyError`] if no message is open.
    /// Returns [`BodyError`] if the bytes cannot be sent.
    pub fn write_body(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        self.server.write_body(bytes, self.sink)
    }

    /// Returns the next bytes of the message as a slice of them, or as a static slice. A driver writes the slice
    /// after the pending bytes, without a copy: see [`Server::body_slice`]. Report how many bytes were sent with
    /// [`body_sent`](Self::body_sent).
    ///
    /// # Errors
    /// Returns [`BodyError`] if no message is open.
    /// Returns [`BodyError`] if the bytes cannot be sent.
    pub fn body_slice<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<Option<&'b [u8]>, BodyError> {
        self.server.body_slice(bytes)
    }

    /// Reports that `count` bytes of slices were sent: see [`Server::body_sent`].
    pub fn body_sent(&mut self, count: usize) {
        self.server.body_sent(count, self.sink);
    }

    /// Returns whether more bytes would be sent. Once it returns false, TOP has its lines, and you can stop reading
    /// the message.
    pub fn wants_body(&self) -> bool {
        self.server.wants_body()
    }

    /// Completes the message, and returns how much was sent: see [`Server::finish_body`].
    ///
    /// # Errors
    /// Returns [`BodyError`] if no message is open.
    /// Returns [`BodyError`] if its size differs from the size that the client got. Then you can only
    /// [`close`](Self::close).
    pub fn finish_body(&mut self) -> Result<Sent, BodyError> {
        self.server.finish_body()
    }

    /// Reports that all marked messages are permanently removed.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    #[doc(alias = "QUIT")]
    pub fn removed(&mut self, commit: Commit) -> Result<(), AnswerError> {
        let answered = self.server.removed(commit);
        self.answered(answered)
    }

    /// Reports that some marked messages are not removed, and why.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    #[doc(alias = "QUIT")]
    pub fn not_removed(&mut self, commit: Commit, why: Refusal) -> Result<(), AnswerError> {
        let answered = self.server.not_removed(commit, why);
        self.answered(answered)
    }

    /// Answers a command that the crate does not know with `+OK` and this text.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the text cannot be sent, and the next `poll` asks again.
    pub fn other(&mut self, other: Other, text: Text<'_>) -> Result<(), AnswerError> {
        let answered = self.server.other(other, text, self.sink);
        self.answered(answered)
    }

    /// Refuses, for this reason: see [`Server::refuse`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn refuse<T: Refusable>(&mut self, token: T, refusal: Refusal) -> Result<(), AnswerError> {
        let answered = self.server.refuse(token, refusal);
        self.answered(answered)
    }

    /// Refuses the login with a response code that came from elsewhere: see [`Server::refuse_with_code`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the code cannot be sent, and the next `poll` asks again.
    pub fn refuse_with_code(&mut self, login: Login, code: ResponseCode<'_>) -> Result<(), AnswerError> {
        let answered = self.server.refuse_with_code(login, code, self.sink);
        self.answered(answered)
    }

    /// Declines any event. Use it in the last arm of every `match`, also for variants that are added later.
    ///
    /// | event | effect for the client |
    /// |---|---|
    /// | [`Greet`](Event::Greet), [`Fetch`](Event::Fetch) | `-ERR`, temporary trouble |
    /// | [`User`](Event::User), [`Login`](Event::Login) | `-ERR`, as for wrong credentials, and it counts as a failed login |
    /// | [`Commit`](Event::Commit) | `-ERR`, not removed |
    /// | [`Other`](Event::Other) | `-ERR`, as for a command that does not exist |
    /// | [`Body`](Event::Body), [`StartTls`](Event::StartTls) | the connection ends ([`close`](Self::close)) |
    /// | [`Closed`](Event::Closed) | nothing |
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token belongs to another question.
    pub fn decline(&mut self, event: Event<'_>) -> Result<(), AnswerError> {
        match event {
            Event::Greet(token) => self.refuse(token, Refusal::Temporary),
            Event::User(token, _) => self.refuse(token, Refusal::Credentials),
            Event::Login(token, _) => self.refuse(token, Refusal::Credentials),
            Event::Fetch(token) => self.refuse(token, Refusal::Temporary),
            Event::Other(token, ..) => self.refuse(token, Refusal::UnknownCommand),
            Event::Commit(token) => self.not_removed(token, Refusal::Temporary),
            Event::Body | Event::StartTls(_) => {
                self.close();
                Ok(())
            }
            Event::Closed(_) => Ok(()),
        }
    }

    /// Ends the session without UPDATE, so no message is removed. `poll` then returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.server.close();
    }

    /// Returns the maildrop, from login until the session is over. Do not change the number, order or sizes of its
    /// messages.
    pub fn maildrop(&mut self) -> Option<&mut M> {
        self.server.maildrop_mut()
    }

    /// Returns the messages that are marked for deletion, in ascending order. Remove them at [`Event::Commit`].
    ///
    /// The [index](MessageNumber::index) of a number is the place in the list that you gave to `accept`. Removing
    /// from a `Vec` moves later elements, so go from the last to the first, or use `retain`.
    pub fn marked(&self) -> impl Iterator<Item = MessageNumber> {
        self.server.marked()
    }

    /// Returns the machine, which you can ask for the state.
    pub fn server(&self) -> &Server<M, C> {
        self.server
    }

    /// Lets `poll` ask again if the answer was not taken and the question is still open.
    fn answered<T: Token>(&mut self, answered: Result<(), Unanswered<T>>) -> Result<(), AnswerError> {
        answered.map_err(|Unanswered { token, why }| {
            *self.due |= self.server.is_open(&token);
            why
        })
    }
}

/// Shows the machine.
impl<M, C: AsConfig> fmt::Debug for Responder<'_, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("server", self.server).finish_non_exhaustive()
    }
}
