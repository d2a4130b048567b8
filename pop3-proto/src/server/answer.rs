//! The application's answers. Each takes the token of its question and gives it back where it could not be
//! taken.

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
    /// Greets. A text with a timestamp in it offers APOP; the timestamp differs on every connection and is
    /// the application's to keep (RFC 1939 section 7).
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
    /// Returns the token with [`AnswerError::Text`] if the text breaks these rules, with [`AnswerError::TooLong`] if the line would be over
    /// 512 bytes, with [`AnswerError::BufferFull`] if the sink has no room, or if the token belongs to another question.
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

    /// Takes the name that was given; whether there is such a user shows with the password.
    ///
    /// # Errors
    /// The token comes back where it is not this question's.
    pub fn accept_name(&mut self, user: User) -> Result<(), Unanswered<User>> {
        drop(self.redeem(user)?);
        self.named = true;
        self.turn = Turn::Reply(Reply::ok(Phrase::NameAccepted, Then::Read));
        Ok(())
    }

    /// The client is who it says, and this is its maildrop: the session is in TRANSACTION. Marks that another
    /// session left in it are taken back, and all entries are asked for once, to sum the octets.
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

    /// The client is who it says, and somebody else speaks with it from here on, as behind a proxy: `poll`
    /// writes `+OK`, then says [`Closed`](super::Step::Closed) because [`HandedOver`](CloseReason::HandedOver).
    ///
    /// No octet behind the login is read: what the client pipelined stays in the receive buffer, to be passed on. A
    /// server that never opens a maildrop itself is a `Server<Infallible>`.
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
    /// The token comes back where it is not this question's.
    pub fn hand_over(&mut self, login: Login) -> Result<(), Unanswered<Login>> {
        drop(self.redeem(login)?);
        self.named = false;
        self.turn = Turn::Reply(Reply::ok(Phrase::LoggedIn, Then::Close(CloseReason::HandedOver)));
        Ok(())
    }

    /// Goes on with AUTH: the client's response comes as another [`Ask::Login`](super::Ask::Login). An empty
    /// challenge is [`Base64::EMPTY`]; a mechanism with a last word of the server's own gives it as a
    /// challenge, and accepts behind the empty response (RFC 5034 section 4).
    ///
    /// # Errors
    /// The token comes back where it is not this question's or the login is none of AUTH, the line would be
    /// over the limit, or the sink is full.
    pub fn challenge(
        &mut self,
        login: Login,
        challenge: Base64<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Login>> {
        let challenge = challenge.as_bytes();
        self.challenge_within(login, challenge.len(), sink, |sink| sink.put(&[b"+ ", challenge, b"\r\n"]))
    }

    /// As [`challenge`](Self::challenge), with a message that is turned into base64 on its way into the sink:
    /// no buffer holds it in between.
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
    /// As those of [`challenge`](Self::challenge).
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

    /// A challenge of so many octets without `+ ` and its line end.
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

    /// Sends the message with the size that the maildrop lists ([`Fetch::octets`]): `poll` writes the status line, then asks for the body.
    ///
    /// For RETR, [`finish_body`](Self::finish_body) fails if the message turns out to have another size. A program that can compare the
    /// sizes now should do so, and refuse a message that has changed since login.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn send_body(&mut self, fetch: Fetch) -> Result<(), Unanswered<Fetch>> {
        let octets = fetch.octets;
        self.send_body_of(fetch, octets)
    }

    /// Sends the message with this size, which is not the one that the maildrop lists.
    ///
    /// For RETR, `octets` goes into the status line, and [`finish_body`](Self::finish_body) fails if the message turns out to have another
    /// size. For TOP, the server states no size and ignores `octets`.
    ///
    /// # Errors
    /// Returns the token if it belongs to another question.
    pub fn send_body_of(&mut self, fetch: Fetch, octets: u64) -> Result<(), Unanswered<Fetch>> {
        self.open_body(fetch, Extent::Exact(octets))
    }

    /// Sends the message with this size, which is only an estimate: [`finish_body`](Self::finish_body) does not compare it.
    ///
    /// RFC 1939 section 5 wants the exact size. Use this only for a store that cannot tell it without reading the whole message. A client
    /// then has no means to notice a message that the store cut short.
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

    /// Reports that all marked messages are removed, for good.
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
    /// response codes. No other reason has a code that QUIT may be answered with (RFC 2449 section 8), so any other adds none. The text
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

    /// The TLS handshake succeeded by the driver's standards; `unread` is what the driver still holds of the
    /// input in clear.
    ///
    /// Any octet in it was sent by somebody who wants it to be taken for the client's word inside TLS: the
    /// session ends, and the next `poll` says so. Everything learned before is forgotten: user name, greeting
    /// timestamp, language, quirks.
    ///
    /// # Errors
    /// The token comes back where it is not this question's.
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

    /// `+OK` with this text, to a command that the crate does not know. The rules for the text are those of [`greet`](Self::greet).
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
    /// The same as those of [`greet`](Self::greet).
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

    /// `-ERR`, for this reason. A name or a login refused for its own sake counts as a failed login
    /// ([`Limits::with_failed_logins`](crate::Limits::with_failed_logins)); one that finds the maildrop in use or the server in
    /// trouble does not.
    ///
    /// # Errors
    /// The token comes back where it is not this question's.
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

    /// Refuses a login with a response code that came from elsewhere, for a proxy that passes on what its back end said. The crate need
    /// not know the code.
    ///
    /// The code is written with the phrase that fits it; for an unknown code that is [`Phrase::LoginFailed`]. As with
    /// [`refuse`](Self::refuse), it is left out if the configuration has no response codes, and the refusal counts as a failed login
    /// unless the code speaks of the server or its maildrop. If the back end gave no code, use [`refuse`](Self::refuse) with
    /// [`Refusal::NotAllowed`], which writes none.
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
    /// Returns the token with [`AnswerError::TooLong`] if the line would be over 512 bytes, with [`AnswerError::BufferFull`] if the sink has no
    /// room, or if the token belongs to another question.
    pub fn refuse_with_code(
        &mut self,
        login: Login,
        code: ResponseCode<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<Login>> {
        let login = self.redeem(login)?;
        let refusal = refusal_of(&code);
        let config = self.config.as_config();
        let coded = config.resp_codes && (code != ResponseCode::Auth || config.auth_resp_code);
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

    /// Takes a token that is this question's.
    fn redeem<T: Token>(&self, token: T) -> Result<T, Unanswered<T>> {
        match self.check(&token) {
            Ok(()) => Ok(token),
            Err(why) => Unanswered::because(token, why),
        }
    }

    /// Whether this is the token of a question that is still open.
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

    /// Writes `+OK` with a text of the application's.
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

/// Whether a login that is refused so counts as failed: not where the trouble is the server's, or passes.
const fn is_failed_login(refusal: Refusal) -> bool {
    !matches!(refusal, Refusal::InUse | Refusal::LoginDelay | Refusal::Temporary | Refusal::Permanent)
}

/// Whether the code of this refusal is defined for the answer. In answer to USER those of a login would tell
/// that there is such a user (RFC 2449 section 8, RFC 3206 sections 4 and 5, RFC 6856 section 5).
const fn has_code(question: Question, refusal: Refusal) -> bool {
    match refusal {
        Refusal::Credentials | Refusal::InUse | Refusal::LoginDelay => matches!(question, Question::Login),
        Refusal::NeedsUtf8 => matches!(question, Question::Fetch),
        _ => true,
    }
}

/// The refusal that a code stands for. An unknown code may be about the credentials, so it counts as if it were.
const fn refusal_of(code: &ResponseCode<'_>) -> Refusal {
    match code {
        ResponseCode::LoginDelay => Refusal::LoginDelay,
        ResponseCode::InUse => Refusal::InUse,
        ResponseCode::SysTemp | ResponseCode::Sys => Refusal::Temporary,
        ResponseCode::SysPerm => Refusal::Permanent,
        ResponseCode::Auth | ResponseCode::Utf8 | ResponseCode::Other(_) => Refusal::Credentials,
    }
}

/// Sums the octets of all messages that can be served.
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
