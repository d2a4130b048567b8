//! The application's answers. Each takes the token of its question, and returns it if the answer fails.

use super::phrase::Phrase;
use super::question::{Commit, Fetch, Greet, Login, Other, Question, Refusable, StartTls, Token, User};
use super::reply::{Extent, Reply, Then};
use super::text::is_status;
use super::{AsConfig, CloseReason, Maildrop, Refusal, Server, Totals, Turn, Unaccepted, UserPolicy};
use crate::codec::{Response, ResponseCode, State, StatusText};
use crate::error::{AnswerError, ConnectionError, Unanswered};
use crate::input::Input;
use crate::quirks::Quirks;
use crate::sink::{BufferFull, MIN_SEND_BUF, Sink};
use crate::types::{ApopTimestamp, Base64, MessageNumber, Text};

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Sends the greeting. A text that contains a timestamp offers APOP. Use a different timestamp on every connection, and store it,
    /// because the machine does not (RFC 1939 section 7).
    ///
    /// The text must be UTF-8 without control characters. If it begins with `[`, it must begin with a [response code](crate::ResponseCode)
    /// in brackets, followed by a space or nothing (RFC 2449 section 8).
    ///
    /// ```
    /// use pop3_proto::server::{Ask, Server, ServerConfig, Step};
    /// use pop3_proto::{AnswerError, Input, SendBuf, Text, TlsPolicy};
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
    /// let mut server = Server::<core::convert::Infallible>::new(&CONFIG, 1);
    /// let mut send = SendBuf::new(vec![]);
    /// let Ok(Step::Ask(Ask::Greet(greet))) = server.poll(&mut Input::more(b""), &mut send) else { panic!() };
    /// let unanswered = server.greet(greet, Text::from_static("[ready"), &mut send).unwrap_err();
    /// assert_eq!(unanswered.why, AnswerError::Text);
    /// server.greet(unanswered.token, Text::from_static("ready"), &mut send).unwrap();
    /// ```
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the token and one of these causes:
    /// - [`AnswerError::Text`] if the text breaks these rules,
    /// - [`AnswerError::TooLong`] if the line would be longer than 512 bytes,
    /// - [`AnswerError::BufferFull`] if the line does not fit in the sink,
    /// - [`AnswerError::Stale`] or [`AnswerError::OtherConnection`] if the token belongs to another question.
    pub fn greet(
        &mut self,
        greet: Greet,
        text: Text<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Greet>> {
        self.write_ok(greet, text, sink)?;
        self.apop = ApopTimestamp::find(text.as_bytes()).is_some();
        self.state = State::Authorization;
        self.turn = Turn::Command;
        Ok(())
    }

    /// Accepts the name. Accept names of unknown users too, and refuse their password later.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn accept_name(&mut self, user: User) -> Result<(), Unanswered<User>> {
        drop(self.redeem(user)?);
        self.named = true;
        self.turn = Turn::Reply(Reply::ok(Phrase::NameAccepted, Then::Read));
        Ok(())
    }

    /// Accepts the login and opens this maildrop. The session is then in TRANSACTION. The server clears any marks in the maildrop, and reads
    /// each entry once to compute the total size.
    ///
    /// # Errors
    /// Returns [`Unaccepted`] with the token and the maildrop if the token belongs to another question.
    pub fn accept(&mut self, login: Login, maildrop: L) -> Result<(), Unaccepted<L>> {
        self.accept_with(login, maildrop, UserPolicy::default())
    }

    /// Accepts a login as [`accept`](Self::accept) does, and announces this user's own LOGIN-DELAY or EXPIRE in TRANSACTION.
    ///
    /// # Errors
    /// Returns [`Unaccepted`] with the token and the maildrop if the token belongs to another question.
    pub fn accept_with(
        &mut self,
        login: Login,
        maildrop: L,
        announce: UserPolicy,
    ) -> Result<(), Unaccepted<L>> {
        if let Err(why) = self.check(&login) {
            return Err(Unaccepted { token: login, maildrop, why });
        }
        drop(login);
        let mut maildrop = maildrop;
        maildrop.unmark_all();
        self.totals = sum(&maildrop);
        self.maildrop = Some(maildrop);
        self.announce = announce;
        self.named = false;
        self.state = State::Transaction;
        self.turn = Turn::Reply(Reply::ok(Phrase::LoggedIn, Then::Read));
        Ok(())
    }

    /// Accepts the login and hands the connection over to another server, as a proxy does. `poll` writes `+OK`, then returns
    /// [`Closed`](super::Step::Closed) with [`HandedOver`](CloseReason::HandedOver).
    ///
    /// The machine reads no byte after the login. Pipelined commands stay in the receive buffer, so you can pass them on. Use a
    /// `Server<Infallible>` for a server that never opens a maildrop itself.
    ///
    /// ```
    /// use core::convert::Infallible;
    /// use pop3_proto::{Input, SendBuf, Server, Text, TlsPolicy};
    /// use pop3_proto::server::{Ask, CloseReason, ServerConfig, Step};
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
    /// let mut server = Server::<Infallible>::new(&CONFIG, 1);
    /// let mut buffer = [0; 1024];
    /// let mut out = SendBuf::new(&mut buffer[..]);
    /// let mut input = Input::more(b"USER mrose\r\nPASS secret\r\nSTAT\r\n");
    /// loop {
    ///     match server.poll(&mut input, &mut out).unwrap() {
    ///         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut out).unwrap(),
    ///         Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
    ///         Step::Ask(Ask::Login(login, _credentials)) => server.hand_over(login).unwrap(),
    ///         Step::Closed(CloseReason::HandedOver) => break,
    ///         step => panic!("{step:?}"),
    ///     }
    /// }
    /// assert_eq!(out.pending(), b"+OK ready\r\n+OK send PASS\r\n+OK maildrop open\r\n");
    /// assert_eq!(input.unread(), b"STAT\r\n");
    /// ```
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn hand_over(&mut self, login: Login) -> Result<(), Unanswered<Login>> {
        drop(self.redeem(login)?);
        self.named = false;
        self.turn = Turn::Reply(Reply::ok(Phrase::LoggedIn, Then::Close(CloseReason::HandedOver)));
        Ok(())
    }

    /// Sends a challenge in AUTH. The client's response follows as another [`Ask::Login`](super::Ask::Login). An empty challenge is
    /// [`Base64::EMPTY`]. If the mechanism ends with a message of the server, send it as a challenge, and accept after the client's
    /// empty response (RFC 5034 section 4).
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the token and one of these causes:
    /// - [`AnswerError::Stale`] or [`AnswerError::OtherConnection`] if the token belongs to another question, or if the login is not AUTH,
    /// - [`AnswerError::TooLong`] if the line would exceed the limit,
    /// - [`AnswerError::BufferFull`] if the line does not fit in the sink.
    pub fn challenge(
        &mut self,
        login: Login,
        challenge: Base64<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Login>> {
        let challenge = challenge.as_bytes();
        self.challenge_within(login, challenge.len(), sink, |sink| sink.put(&[b"+ ", challenge, b"\r\n"]))
    }

    /// Sends a challenge from a message, which is encoded directly into the sink, without another buffer.
    ///
    /// ```
    /// use pop3_proto::{Input, Mechanism, SendBuf, Server, Text, TlsPolicy, sasl};
    /// use pop3_proto::server::{Ask, MessageInfo, ServerConfig, Step};
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Implicit).with_sasl(&[Mechanism::LOGIN]);
    /// let mut server = Server::<Vec<MessageInfo<pop3_proto::UniqueId<'_>>>>::new(&CONFIG, 1);
    /// let mut buffer = [0; 1024];
    /// let mut out = SendBuf::new(&mut buffer[..]);
    /// let mut input = Input::more(b"AUTH LOGIN\r\n");
    /// let Ok(Step::Ask(Ask::Greet(greet))) = server.poll(&mut input, &mut out) else { panic!() };
    /// server.greet(greet, Text::from_static("ready"), &mut out).unwrap();
    /// let Ok(Step::Ask(Ask::Login(login, _))) = server.poll(&mut input, &mut out) else { panic!() };
    /// server.challenge_message(login, &sasl::Message::new(b"User Name"), &mut out).unwrap();
    /// assert_eq!(out.pending(), b"+OK ready\r\n+ VXNlciBOYW1l\r\n");
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`challenge`](Self::challenge).
    #[cfg(feature = "sasl")]
    pub fn challenge_message(
        &mut self,
        login: Login,
        message: &crate::sasl::Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Login>> {
        const PREFIX: Text<'_> = Text::from_static("+ ");
        self.challenge_within(login, message.encoded_len(), sink, |sink| message.put(PREFIX, sink))
    }

    /// Writes a challenge of this length, which does not include `+ ` and its line end.
    fn challenge_within(
        &mut self,
        login: Login,
        octets: usize,
        sink: &mut dyn Sink,
        put: impl FnOnce(&mut dyn Sink) -> Result<(), BufferFull>,
    ) -> Result<(), Unanswered<Login>> {
        let limit = usize::from(self.config.as_config().limits.sasl_line);
        let login = self.redeem(login)?;
        if !login.is_auth {
            return Unanswered::because(login, AnswerError::Stale);
        }
        if octets.saturating_add(4) > limit {
            return Unanswered::because(login, AnswerError::TooLong { limit });
        }
        if let Err(full) = put(sink) {
            return Unanswered::because(login, AnswerError::BufferFull(full));
        }
        self.turn = Turn::Response;
        Ok(())
    }

    /// Sends the message with the size that the maildrop lists ([`Fetch::octets`]). `poll` writes the status line, then asks for the body.
    ///
    /// For RETR, [`finish_body`](Self::finish_body) fails if the message has another size. If your program can compare the sizes now, do so,
    /// and refuse a message that has changed since login.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn send_body(&mut self, fetch: Fetch) -> Result<(), Unanswered<Fetch>> {
        let octets = fetch.octets;
        self.send_body_of(fetch, octets)
    }

    /// Sends the message with this size, which is not the one that the maildrop lists.
    ///
    /// For RETR, the status line states `octets`, and [`finish_body`](Self::finish_body) fails if the message has another size. For TOP, the
    /// server states no size and ignores `octets`.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn send_body_of(&mut self, fetch: Fetch, octets: u64) -> Result<(), Unanswered<Fetch>> {
        self.open_body(fetch, Extent::Exact(octets))
    }

    /// Sends the message with this size, which is only an estimate. [`finish_body`](Self::finish_body) does not compare it.
    ///
    /// RFC 1939 section 5 requires the exact size. Use this only for a store that must read the whole message to learn its size. A client
    /// then cannot notice a message that the store truncated.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn send_body_estimated(&mut self, fetch: Fetch, octets: u64) -> Result<(), Unanswered<Fetch>> {
        self.open_body(fetch, Extent::Estimated(octets))
    }

    fn open_body(&mut self, fetch: Fetch, extent: Extent<u64>) -> Result<(), Unanswered<Fetch>> {
        let fetch = self.redeem(fetch)?;
        self.turn = Turn::Reply(Reply::message(fetch.top.map_or(extent, Extent::Top)));
        Ok(())
    }

    /// Reports that all marked messages are permanently removed.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    #[doc(alias = "QUIT")]
    pub fn removed(&mut self, commit: Commit) -> Result<(), Unanswered<Commit>> {
        drop(self.redeem(commit)?);
        self.turn = Turn::Reply(Reply::ok(Phrase::Bye, Then::Close(CloseReason::Quit)));
        Ok(())
    }

    /// Reports that some marked messages are not removed, and ends the session with `-ERR` (RFC 1939 section 6).
    ///
    /// [`Refusal::Temporary`] and [`Refusal::Permanent`] add their response code, `[SYS/TEMP]` or `[SYS/PERM]`, if the configuration has
    /// response codes. Other reasons add no code, because their codes are not allowed in a response to QUIT (RFC 2449 section 8). The text
    /// is [`Phrase::NotRemoved`] for every reason.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    #[doc(alias = "QUIT")]
    pub fn not_removed(&mut self, commit: Commit, why: Refusal) -> Result<(), Unanswered<Commit>> {
        drop(self.redeem(commit)?);
        let coded = has_code(Question::Commit, why) && self.config.as_config().resp_codes;
        self.turn = Turn::Reply(Reply::not_removed(why, coded));
        Ok(())
    }

    /// Reports that the TLS handshake succeeded. Pass any input that is left from before TLS as `unread`.
    ///
    /// If `unread` is not empty, its bytes were injected, and the next `poll` fails with [`ConnectionError::PlaintextAfterStls`]. The server
    /// forgets everything that it learned before TLS: user name, timestamp of the greeting, language and quirks.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    #[doc(alias = "STLS")]
    pub fn tls_started(&mut self, start: StartTls, unread: Input<'_>) -> Result<(), Unanswered<StartTls>> {
        drop(self.redeem(start)?);
        if unread.remaining() > 0 {
            self.fatal = Some(ConnectionError::PlaintextAfterStls);
            return Ok(());
        }
        self.tls = true;
        self.apop = false;
        self.named = false;
        self.language = 0;
        self.quirks = Quirks::NONE;
        self.searched = 0;
        self.turn = Turn::Command;
        Ok(())
    }

    /// Responds `+OK` with this text to a command that the crate does not know. The text must follow the rules of [`greet`](Self::greet).
    ///
    /// ```
    /// use pop3_proto::server::{Ask, Server, ServerConfig, Step};
    /// use pop3_proto::{Input, Keyword, SendBuf, Text, TlsPolicy};
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext).with_other_commands();
    /// let mut server = Server::<core::convert::Infallible>::new(&CONFIG, 1);
    /// let mut send = SendBuf::new(vec![]);
    /// let mut input = Input::more(b"xping\r\n");
    /// loop {
    ///     match server.poll(&mut input, &mut send).unwrap() {
    ///         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut send).unwrap(),
    ///         Step::Ask(Ask::Other(other, keyword, _)) if keyword == Keyword::new(b"XPING").unwrap() => {
    ///             server.other(other, Text::from_static("pong"), &mut send).unwrap();
    ///         }
    ///         _ => break,
    ///     }
    /// }
    /// assert_eq!(send.pending(), b"+OK ready\r\n+OK pong\r\n");
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`greet`](Self::greet).
    pub fn other(
        &mut self,
        other: Other,
        text: Text<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Other>> {
        self.write_ok(other, text, sink)?;
        self.turn = Turn::Command;
        Ok(())
    }

    /// Responds `-ERR` for this reason. A refused name or login counts as a failed login
    /// ([`Limits::with_failed_logins`](crate::Limits::with_failed_logins)), unless the maildrop is in use or the server has a problem.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn refuse<T: Refusable>(&mut self, token: T, refusal: Refusal) -> Result<(), Unanswered<T>> {
        let question = T::QUESTION;
        drop(self.redeem(token)?);
        let then = match question {
            Question::Greet => Then::Close(CloseReason::Refused),
            Question::User | Question::Login if is_failed_login(refusal) && self.login_failed() => {
                Then::Close(CloseReason::FailedLogins)
            }
            Question::Other if self.is_last_bad_command() => Then::Close(CloseReason::BadCommands),
            _ => Then::Read,
        };
        self.turn = Turn::Reply(match has_code(question, refusal) {
            true => Reply::refusal(refusal, &self.config.as_config(), then),
            false => Reply::err(refusal.phrase(), then),
        });
        Ok(())
    }

    /// Refuses a login with the response code of another server, for a proxy that passes on the code of its back end. The crate need not
    /// know the code.
    ///
    /// The server writes the code with the phrase that fits it, or with [`Phrase::LoginFailed`] for an unknown code. As with
    /// [`refuse`](Self::refuse), it leaves the code out if the configuration has no response codes, and the refusal counts as a failed login
    /// unless the code is about the server or its maildrop. If the back end sent no code, use [`refuse`](Self::refuse) with
    /// [`Refusal::NotAllowed`], which has no code.
    ///
    /// ```
    /// use pop3_proto::server::{Ask, Server, ServerConfig, Step};
    /// use pop3_proto::{Input, SendBuf, ResponseCode, Text, TlsPolicy};
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
    /// let mut server = Server::<core::convert::Infallible>::new(&CONFIG, 1);
    /// let mut send = SendBuf::new(vec![]);
    /// let mut input = Input::more(b"USER mrose\r\nPASS tanstaaf\r\n");
    /// loop {
    ///     match server.poll(&mut input, &mut send).unwrap() {
    ///         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut send).unwrap(),
    ///         Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
    ///         Step::Ask(Ask::Login(login, _)) => {
    ///             let code = ResponseCode::new(b"LIMIT").unwrap();
    ///             server.refuse_with_code(login, code, &mut send).unwrap();
    ///         }
    ///         _ => break,
    ///     }
    /// }
    /// assert!(send.pending().ends_with(b"-ERR [LIMIT] login failed\r\n"));
    /// ```
    ///
    /// # Errors
    /// Returns [`Unanswered`] with the token and one of these causes:
    /// - [`AnswerError::TooLong`] if the line would be longer than 512 bytes,
    /// - [`AnswerError::BufferFull`] if the line does not fit in the sink,
    /// - [`AnswerError::Stale`] or [`AnswerError::OtherConnection`] if the token belongs to another question.
    pub fn refuse_with_code(
        &mut self,
        login: Login,
        code: ResponseCode<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Login>> {
        let login = self.redeem(login)?;
        let refusal = refusal_of(&code);
        let config = self.config.as_config();
        let coded = config.resp_codes;
        let status = StatusText::new(coded.then_some(code), self.say(refusal.phrase())).unwrap_or_default();
        let octets = if coded { code.as_bytes().len() } else { 0 };
        if octets.saturating_add(status.text().as_bytes().len()).saturating_add("-ERR [] \r\n".len())
            > MIN_SEND_BUF
        {
            return Unanswered::because(login, AnswerError::TooLong { limit: MIN_SEND_BUF });
        }
        if let Err(full) = Response::Err(status).encode(sink) {
            return Unanswered::because(login, AnswerError::BufferFull(full));
        }
        drop(login);
        if is_failed_login(refusal) && self.login_failed() {
            self.end(CloseReason::FailedLogins);
        } else {
            self.turn = Turn::Command;
        }
        Ok(())
    }

    /// Checks that the token belongs to the open question, and returns it.
    fn redeem<T: Token>(&self, token: T) -> Result<T, Unanswered<T>> {
        match self.check(&token) {
            Ok(()) => Ok(token),
            Err(why) => Unanswered::because(token, why),
        }
    }

    /// Returns whether this is the token of a question that is still open.
    pub(crate) fn is_open<T: Token>(&self, token: &T) -> bool {
        self.check(token).is_ok()
    }

    fn check<T: Token>(&self, token: &T) -> Result<(), AnswerError> {
        let asked = matches!(self.turn, Turn::Asked(question) if question == T::QUESTION);
        if token.mark().connection != self.id {
            Err(AnswerError::OtherConnection)
        } else if !asked || token.mark().sequence != self.tokens || self.fatal.is_some() {
            Err(AnswerError::Stale)
        } else {
            Ok(())
        }
    }

    /// Writes `+OK` with the application's text.
    fn write_ok<T: Token>(&self, token: T, text: Text<'_>, sink: &mut dyn Sink) -> Result<(), Unanswered<T>> {
        let token = self.redeem(token)?;
        if !is_status(text) {
            return Unanswered::because(token, AnswerError::Text);
        }
        if text.as_bytes().len().saturating_add("+OK \r\n".len()) > MIN_SEND_BUF {
            return Unanswered::because(token, AnswerError::TooLong { limit: MIN_SEND_BUF });
        }
        match sink.put(&[b"+OK ", text.as_bytes(), b"\r\n"]) {
            Ok(()) => Ok(()),
            Err(full) => Unanswered::because(token, AnswerError::BufferFull(full)),
        }
    }
}

/// Returns whether a refused login counts as failed. It does not if the server or the maildrop is the cause.
const fn is_failed_login(refusal: Refusal) -> bool {
    !matches!(refusal, Refusal::InUse | Refusal::LoginDelay | Refusal::Temporary | Refusal::Permanent)
}

/// Returns whether the code of this refusal is defined for the response. In response to USER, the codes of a login would reveal that the
/// user exists (RFC 2449 section 8, RFC 3206 sections 4 and 5, RFC 6856 section 5).
const fn has_code(question: Question, refusal: Refusal) -> bool {
    match refusal {
        Refusal::Credentials | Refusal::InUse | Refusal::LoginDelay => matches!(question, Question::Login),
        Refusal::NeedsUtf8 => matches!(question, Question::Fetch),
        _ => true,
    }
}

/// Returns the refusal for a code. An unknown code counts as a problem with the credentials, because it may be one.
const fn refusal_of(code: &ResponseCode<'_>) -> Refusal {
    match code {
        ResponseCode::LoginDelay => Refusal::LoginDelay,
        ResponseCode::InUse => Refusal::InUse,
        ResponseCode::SysTemp | ResponseCode::Sys => Refusal::Temporary,
        ResponseCode::SysPerm => Refusal::Permanent,
        ResponseCode::Auth | ResponseCode::Utf8 | ResponseCode::Other(_) => Refusal::Credentials,
    }
}

/// Computes the number and total size of all messages that can be served.
fn sum(maildrop: &impl Maildrop) -> Totals {
    let mut totals = Totals::default();
    for number in 1..=maildrop.count() {
        let Ok(number) = MessageNumber::new(number) else { continue };
        if let Ok(entry) = maildrop.entry(number) {
            totals.add(entry.octets, entry.marked);
        }
    }
    totals
}
