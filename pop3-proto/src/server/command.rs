//! Runs each command.

use super::config::Utf8;
use super::maildrop::Entry;
use super::phrase::Phrase;
use super::question::{Commit, Fetch, Login, Other, Question, User};
use super::reply::{Reply, Rows, Then};
use super::{AsConfig, Ask, CloseReason, Credentials, Maildrop, Refusal, Server, Turn};
use crate::codec::{Command, CommandError, Keyword, LineEnding, State, Verb};
use crate::quirks::{Profile, Quirk, Quirks};
use crate::types::{Base64, LanguageRange, Mechanism, MessageNumber, Secret, Text, TlsPolicy};

/// The question that a line raises, or `None` if the machine handles the line itself.
pub(super) type Next<'i> = Option<Ask<'i>>;

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Handles a command line. `octets` is its length with the line end.
    pub(super) fn command<'i>(&mut self, line: &'i [u8], ending: LineEnding, octets: usize) -> Next<'i> {
        let mut quirks = Quirks::NONE;
        if ending == LineEnding::Lf {
            quirks.note(Quirk::BareLf);
        }
        if octets > usize::from(self.config.as_config().limits.command_line) {
            quirks.note(Quirk::LongAuthLine);
        }
        let command = Command::read(line, &mut quirks);
        let named = self.named;
        self.named = named && keeps_name(command);
        if !self.tolerate(quirks) {
            return self.bad(Phrase::Syntax);
        }
        match command {
            Ok(command) => self.valid(command, named),
            Err(CommandError::NoSuchMessage) if self.state == State::Transaction => {
                self.refusal(Refusal::NoSuchMessage)
            }
            Err(_) => self.bad(Phrase::Syntax),
        }
    }

    /// Handles a well-formed command, which may be not offered or in the wrong state. `named` means that PASS is allowed.
    fn valid<'i>(&mut self, command: Command<'i>, named: bool) -> Next<'i> {
        let verb = command.verb();
        if !self.offers(&command) {
            return self.bad(Phrase::UnknownCommand);
        }
        if !verb.is_valid_in(self.state) {
            return self.bad(Phrase::WrongState);
        }
        if matches!(verb, Verb::User | Verb::Pass | Verb::Apop | Verb::Auth) && !self.may_log_in() {
            return self.bad(Phrase::TlsRequired);
        }
        match command {
            Command::User(name) => self.user(name, named),
            Command::Pass(password) => self.pass(password, named),
            Command::Apop { name, digest } => self.apop(name, Credentials::Apop { name, digest }),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::AuthList => self.rows(Rows::Mechanisms),
            Command::Stls => self.ok(Phrase::StartTls, Then::StartTls),
            Command::Utf8 => {
                self.utf8 = true;
                self.ok(Phrase::Utf8On, Then::Read)
            }
            Command::Capa => self.rows(Rows::Capabilities),
            Command::Lang(None) => self.rows(Rows::Languages),
            Command::Lang(Some(range)) => self.lang(range),
            Command::Stat => self.reply(Reply::stat()),
            Command::List(None) => self.rows(Rows::ScanListing),
            Command::Uidl(None) => self.rows(Rows::UniqueIds),
            Command::List(Some(message)) => {
                self.with_message(message, |server, _| server.reply(Reply::scan(message)))
            }
            Command::Uidl(Some(message)) => {
                self.with_message(message, |server, _| server.reply(Reply::unique_id(message)))
            }
            Command::Retr(message) => self.fetch(message, None),
            Command::Top { message, lines } => self.fetch(message, Some(lines)),
            Command::Dele(message) => self.dele(message),
            Command::Noop => self.ok(Phrase::Nothing, Then::Read),
            Command::Rset => self.rset(),
            Command::Quit => self.quit(),
            Command::Other { keyword, arguments } => self.other_command(keyword, arguments),
        }
    }

    /// Returns whether the server offers this command on this connection.
    fn offers(&self, command: &Command<'_>) -> bool {
        let config = self.config.as_config();
        match command {
            Command::User(_) | Command::Pass(_) => config.user,
            Command::Apop { .. } => self.apop,
            Command::Auth { .. } | Command::AuthList => {
                !config.sasl.is_empty() || !config.sasl_cleartext.is_empty()
            }
            Command::Stls => self.offers_stls(),
            Command::Utf8 => config.utf8.is_some(),
            Command::Lang(_) => !config.languages.is_empty(),
            Command::Top { .. } => config.top,
            Command::Uidl(_) => config.uidl,
            Command::Other { .. } => config.other_commands,
            _ => true,
        }
    }

    /// Returns whether the server offers STLS. It does not inside TLS and in UTF-8 mode (RFC 2595 section 4, RFC 6856 section 2).
    pub(super) fn offers_stls(&self) -> bool {
        let policy = self.config.as_config().tls;
        matches!(policy, TlsPolicy::Opportunistic | TlsPolicy::Required) && !self.tls && !self.utf8
    }

    /// Returns whether the client may log in now. If TLS is required, the server does not check logins outside TLS, so a refusal
    /// reveals nothing (RFC 8314 section 4.1).
    pub(super) fn may_log_in(&self) -> bool {
        self.tls || self.config.as_config().tls != TlsPolicy::Required
    }

    /// Returns the mechanisms of AUTH that the server offers now.
    pub(super) fn mechanisms(&self) -> &[Mechanism<'_>] {
        let config = self.config.as_config();
        match self.may_log_in() {
            true if self.tls => config.sasl,
            true => config.sasl_cleartext,
            false => &[],
        }
    }

    /// Handles USER. A name right after an accepted one starts over, and counts as a failed login, so guessing names is bounded.
    fn user<'i>(&mut self, name: Text<'i>, named: bool) -> Next<'i> {
        if named && self.login_failed() {
            return self.reply(Reply::err(Phrase::TooManyLogins, Then::Close(CloseReason::FailedLogins)));
        }
        if !self.is_user_text(name.as_bytes()) {
            return self.bad(Phrase::Syntax);
        }
        let user = User { mark: self.new_mark() };
        self.ask(Question::User, Ask::User(user, name))
    }

    fn pass<'i>(&mut self, password: Secret<'i>, named: bool) -> Next<'i> {
        if !named {
            return self.bad(Phrase::WrongState);
        }
        if !self.is_user_text(password.expose()) {
            return self.bad(Phrase::Syntax);
        }
        self.ask_login(Credentials::Password(password))
    }

    fn apop<'i>(&mut self, name: Text<'i>, credentials: Credentials<'i>) -> Next<'i> {
        if self.is_user_text(name.as_bytes()) {
            self.ask_login(credentials)
        } else {
            self.bad(Phrase::Syntax)
        }
    }

    /// Returns whether the bytes may be a name or password. If the server announces UTF-8 for them, they must be well-formed UTF-8 (RFC 6856
    /// section 2.2).
    fn is_user_text(&self, octets: &[u8]) -> bool {
        self.config.as_config().utf8 != Some(Utf8::MessagesAndUsers) || core::str::from_utf8(octets).is_ok()
    }

    fn auth<'i>(&mut self, mechanism: Mechanism<'i>, initial: Option<Base64<'i>>) -> Next<'i> {
        let allowed = self.tls || mechanism != Mechanism::OAUTHBEARER;
        if allowed && self.mechanisms().contains(&mechanism) {
            self.ask_login(Credentials::Sasl { mechanism, initial })
        } else {
            self.bad(Phrase::NoSuchMechanism)
        }
    }

    fn ask_login<'i>(&mut self, credentials: Credentials<'i>) -> Next<'i> {
        let is_auth = matches!(credentials, Credentials::Sasl { .. } | Credentials::Response(_));
        let login = Login { mark: self.new_mark(), utf8: self.utf8, is_auth };
        self.ask(Question::Login, Ask::Login(login, credentials))
    }

    /// Handles a line inside AUTH, which is a response or `*` (RFC 5034 section 4).
    pub(super) fn response<'i>(&mut self, line: &'i [u8], ending: LineEnding) -> Next<'i> {
        let bare: Quirks = (ending == LineEnding::Lf).then_some(Quirk::BareLf).into_iter().collect();
        let taken = self.tolerate(bare);
        match Base64::new(line) {
            _ if line == b"*" => self.login_over(Phrase::Cancelled),
            Ok(response) if taken => self.ask_login(Credentials::Response(response)),
            _ => self.login_over(Phrase::Syntax),
        }
    }

    fn lang<'i>(&mut self, range: LanguageRange<'_>) -> Next<'i> {
        let matches = |tag| match range {
            LanguageRange::Preferred => true,
            LanguageRange::Tag(range) => range.matches(tag),
        };
        let place = self.config.as_config().languages.iter().position(|language| matches(language.tag));
        match place.and_then(|place| u8::try_from(place.saturating_add(1)).ok()) {
            Some(language) => {
                self.language = language;
                self.reply(Reply::language())
            }
            None => self.reply(Reply::err(Phrase::NoSuchLanguage, Then::Read)),
        }
    }

    /// Calls `then` for a message that exists and is not marked.
    fn with_message<'i>(
        &mut self,
        message: MessageNumber,
        then: impl FnOnce(&mut Self, u64) -> Next<'i>,
    ) -> Next<'i> {
        match self.entry(message).map(|entry| entry.octets) {
            Ok(octets) => then(self, octets),
            Err(refused) => self.refusal(refused),
        }
    }

    /// Returns a message that exists and is not marked.
    pub(super) fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let maildrop = self.maildrop.as_ref().ok_or(Refusal::NoSuchMessage)?;
        if message.get() > maildrop.count() {
            return Err(Refusal::NoSuchMessage);
        }
        maildrop
            .entry(message)
            .and_then(|entry| if entry.marked { Err(Refusal::NoSuchMessage) } else { Ok(entry) })
    }

    fn fetch<'i>(&mut self, message: MessageNumber, top: Option<u64>) -> Next<'i> {
        self.with_message(message, |server, octets| {
            let fetch = Fetch { mark: server.new_mark(), message, top, octets };
            server.ask(Question::Fetch, Ask::Fetch(fetch))
        })
    }

    fn dele<'i>(&mut self, message: MessageNumber) -> Next<'i> {
        self.with_message(message, |server, octets| {
            match server
                .maildrop
                .as_mut()
                .map_or(Err(Refusal::NoSuchMessage), |maildrop| maildrop.mark(message))
            {
                Ok(()) => {
                    server.totals.mark(octets);
                    server.ok(Phrase::Marked, Then::Read)
                }
                Err(refused) => server.refusal(refused),
            }
        })
    }

    fn rset<'i>(&mut self) -> Next<'i> {
        if let Some(maildrop) = &mut self.maildrop {
            maildrop.unmark_all();
        }
        self.totals.unmark_all();
        self.ok(Phrase::Unmarked, Then::Read)
    }

    fn quit<'i>(&mut self) -> Next<'i> {
        if self.state != State::Transaction {
            return self.ok(Phrase::Bye, Then::Close(CloseReason::Quit));
        }
        self.state = State::Update;
        let commit = Commit { mark: self.new_mark() };
        self.ask(Question::Commit, Ask::Commit(commit))
    }

    fn other_command<'i>(&mut self, keyword: Keyword<'i>, arguments: Option<Secret<'i>>) -> Next<'i> {
        let other = Other { mark: self.new_mark() };
        self.ask(Question::Other, Ask::Other(other, keyword, arguments))
    }

    /// Responds `-ERR` to a bad command. The last allowed one ends the session.
    fn bad<'i>(&mut self, phrase: Phrase) -> Next<'i> {
        if self.is_last_bad_command() {
            self.reply(Reply::err(Phrase::TooManyBad, Then::Close(CloseReason::BadCommands)))
        } else {
            self.reply(Reply::err(phrase, Then::Read))
        }
    }

    /// Counts a bad command, and returns whether it was the last allowed one.
    pub(super) fn is_last_bad_command(&mut self) -> bool {
        let limits = self.config.as_config().limits;
        self.bad_commands = self.bad_commands.saturating_add(1);
        let early = self.state == State::Authorization && self.bad_commands >= limits.early_bad_commands;
        early || self.bad_commands >= limits.bad_commands
    }

    /// Responds one `-ERR` to a line that is too long.
    pub(super) fn too_long<'i>(&mut self, response: bool) -> Next<'i> {
        if response {
            self.login_over(Phrase::LineTooLong)
        } else {
            self.named = false;
            self.bad(Phrase::LineTooLong)
        }
    }

    /// Responds `-ERR` to a login that the machine itself ends.
    fn login_over<'i>(&mut self, phrase: Phrase) -> Next<'i> {
        if self.login_failed() {
            self.reply(Reply::err(Phrase::TooManyLogins, Then::Close(CloseReason::FailedLogins)))
        } else {
            self.reply(Reply::err(phrase, Then::Read))
        }
    }

    /// Counts a failed login, and returns whether it was the last allowed one.
    pub(super) fn login_failed(&mut self) -> bool {
        self.failed_logins = self.failed_logins.saturating_add(1);
        self.failed_logins >= self.config.as_config().limits.failed_logins
    }

    /// Waits for the application's answer to this question.
    fn ask<'i>(&mut self, question: Question, ask: Ask<'i>) -> Next<'i> {
        self.turn = Turn::Asked(question);
        Some(ask)
    }

    /// Makes this reply the next output.
    fn reply<'i>(&mut self, reply: Reply) -> Next<'i> {
        self.turn = Turn::Reply(reply);
        None
    }

    fn ok<'i>(&mut self, phrase: Phrase, then: Then) -> Next<'i> {
        self.reply(Reply::ok(phrase, then))
    }

    fn rows<'i>(&mut self, rows: Rows) -> Next<'i> {
        self.reply(Reply::rows(rows))
    }

    fn refusal<'i>(&mut self, refusal: Refusal) -> Next<'i> {
        let reply = Reply::refusal(refusal, &self.config.as_config(), Then::Read);
        self.reply(reply)
    }

    /// Records deviations, and returns whether this profile accepts them.
    fn tolerate(&mut self, quirks: Quirks) -> bool {
        let taken = quirks.is_empty() || self.config.as_config().profile == Profile::Tolerant;
        if taken {
            self.quirks.note_all(quirks);
        }
        taken
    }
}

/// Returns whether an accepted name stays valid. CAPA and a failed AUTH keep it; every other command drops it (RFC 1939 section 7).
fn keeps_name(command: Result<Command<'_>, CommandError>) -> bool {
    match command {
        Ok(command) => matches!(command.verb(), Verb::Capa | Verb::Auth | Verb::AuthList),
        Err(error) => matches!(error, CommandError::Mechanism | CommandError::Base64),
    }
}
