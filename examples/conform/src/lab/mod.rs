//! What a check works with: sessions with the server under test, and what is known about the mailbox.

pub mod between;
pub mod listen;
mod sasl;
pub mod twist;
pub mod world;

use crate::check::{Finding, Needs, Offence, Seen};
use crate::corpus::Message;
use crate::engine::log::masked;
use crate::engine::md5;
use crate::engine::session::{MOST_REFUSALS, Shared};
use crate::engine::{Dial, Heard, Log, Response, Session, Stop};
use std::rc::Rc;
use std::time::Duration;

/// How often a login is tried if it is refused because the maildrop is locked.
const ATTEMPTS: u32 = 5;

/// What the kit knows about the server and its mailbox, from the options.
#[derive(Clone, Debug)]
pub struct Facts {
    pub user: String,
    pub password: String,
    pub second: Option<(String, String)>,
    /// A token of the user, for OAUTHBEARER.
    pub bearer: Option<String>,
    /// Each login is inside TLS, after STLS.
    pub stls: bool,
    /// Each login is by APOP in place of USER and PASS.
    pub apop: bool,
    /// What is there of all that a check may need.
    pub given: Needs,
    /// The messages of the mailbox; empty if they are not known.
    pub manifest: Vec<Message>,
}

/// The server under test, as a check sees it.
pub struct Lab {
    pub facts: Rc<Facts>,
    dial: Box<dyn Dial>,
    shared: Shared,
    /// One reference is here, and one in each session that is logged in.
    logged_in: Rc<()>,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").finish_non_exhaustive()
    }
}

/// Where a session is when a check begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Authorization,
    Transaction,
}

impl Lab {
    #[must_use]
    pub fn new(dial: Box<dyn Dial>, facts: Rc<Facts>) -> Self {
        let shared = Shared::default();
        let mut secrets = vec![facts.password.clone()];
        secrets.extend(facts.second.iter().map(|(_, password)| password.clone()));
        secrets.extend(facts.bearer.clone());
        *shared.secrets.borrow_mut() = secrets.into_iter().map(String::into_bytes).collect();
        Lab { facts, dial, shared, logged_in: Rc::new(()) }
    }

    /// Masks this too from now on, wherever a server sends it: a digest, or a password in base64.
    pub fn mask(&mut self, secret: &[u8]) {
        self.shared.secrets.borrow_mut().push(secret.to_vec());
    }

    /// Masks the secrets in a text that quotes a server.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        let secrets = self.shared.secrets.borrow();
        let quoted = secrets
            .iter()
            .map(|secret| String::from_utf8_lossy(secret).escape_debug().to_string().into_bytes());
        let forms: Vec<Vec<u8>> = secrets.iter().cloned().chain(quoted).collect();
        String::from_utf8_lossy(&masked(text.as_bytes(), &forms)).into_owned()
    }

    /// Returns a copy of all lines so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.log.borrow().clone()
    }

    /// Looks at each line that was heard so far.
    pub fn each_line(&self, mut look: impl FnMut(&Heard)) {
        for record in &self.shared.log.borrow().sessions {
            record.lines.iter().for_each(&mut look);
        }
    }

    /// Connects. The greeting is unread.
    ///
    /// # Errors
    /// Returns [`Stop::Unreachable`] if there is no connection.
    pub fn open(&mut self) -> Result<Session, Stop> {
        Session::open(&mut *self.dial, &self.shared)
    }

    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no greeting, or if it is a refusal.
    pub fn connect(&mut self) -> Result<Session, Stop> {
        let mut session = self.open()?;
        let greeting = session.greeting()?;
        match greeting.is_err() {
            true => Err(Stop::Unreachable("the greeting is a refusal".to_owned())),
            false => Ok(session),
        }
    }

    /// Connects and, if logins must be inside TLS, begins TLS. The session is in AUTHORIZATION.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no such session.
    pub fn secure(&mut self) -> Result<Session, Stop> {
        let mut session = self.connect()?;
        if self.facts.stls {
            if !session.ask("STLS")?.is_ok() {
                return Err(Stop::Unreachable("STLS is refused".to_owned()));
            }
            session.start_tls()?;
        }
        Ok(session)
    }

    /// Connects and logs in. Only one session may be logged in at a time.
    ///
    /// # Errors
    /// Returns [`Stop::Login`] if the login is refused, and another [`Stop`] if there is no response.
    pub fn login(&mut self) -> Result<Session, Stop> {
        if Rc::strong_count(&self.logged_in) > 1 {
            return Err(Stop::Kit("a check logs in while another session of it is logged in".to_owned()));
        }
        let (user, password) = (self.facts.user.clone(), self.facts.password.clone());
        let mut attempt = 1;
        loop {
            let (session, response) = self.try_login(&user, &password)?;
            if response.is_ok() {
                return Ok(session);
            }
            if attempt >= ATTEMPTS || !is_locked(&response) {
                return Err(Stop::Login);
            }
            drop(session);
            self.dial.pause(attempt);
            attempt += 1;
        }
    }

    /// Runs a login of a check again, on a new connection, while its response says that the maildrop is locked.
    ///
    /// # Errors
    /// Returns the finding of the login.
    pub fn unlocked(
        &mut self,
        mut log_in: impl FnMut(&mut Lab) -> Result<(Session, Response), Finding>,
    ) -> Result<(Session, Response), Finding> {
        for attempt in 1..ATTEMPTS {
            let (session, response) = log_in(self)?;
            if response.is_ok() || !is_locked(&response) {
                return Ok((session, response));
            }
            drop(session);
            self.dial.pause(attempt);
        }
        log_in(self)
    }

    /// Notes that this session is logged in, if the response is `+OK`.
    pub fn note_login(&self, session: &mut Session, response: &Response) {
        if response.is_ok() {
            session.lock = Some(Rc::clone(&self.logged_in));
        }
    }

    /// Sends nothing for this time.
    pub fn idle(&mut self, time: Duration) {
        self.dial.idle(time);
    }

    /// Connects and tries to log in, even if another session is logged in. Returns the session with the response to PASS, or to USER if that was
    /// refused.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no response.
    pub fn try_login(&mut self, user: &str, password: &str) -> Result<(Session, Response), Stop> {
        let mut session = self.secure()?;
        if self.facts.apop {
            let response = self.apop(&mut session, user, password)?;
            return Ok((session, response));
        }
        let mut response = session.ask(&format!("USER {user}"))?;
        if response.is_ok() {
            response = self.pass(&mut session, password)?;
        }
        Ok((session, response))
    }

    /// Sends APOP, masked, and reads the response. The session counts as logged in if it is `+OK`.
    ///
    /// # Errors
    /// Returns [`Stop::Login`] if the greeting has no timestamp, and another [`Stop`] if there is no response.
    pub fn apop(&mut self, session: &mut Session, user: &str, password: &str) -> Result<Response, Stop> {
        let stamp = session.timestamp().ok_or(Stop::Login)?;
        let digest = md5::hex(format!("{stamp}{password}").as_bytes());
        self.mask(digest.as_bytes());
        let shown = format!("APOP {user} ***");
        session.send_shown(format!("APOP {user} {digest}\r\n").as_bytes(), format!("{shown}\r\n").as_bytes());
        let response = session.response(&shown)?;
        self.note_login(session, &response);
        Ok(response)
    }

    /// Sends PASS, masked, and reads the response. The session counts as logged in if it is `+OK`.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no response.
    pub fn pass(&self, session: &mut Session, password: &str) -> Result<Response, Stop> {
        session.send_shown(format!("PASS {password}\r\n").as_bytes(), b"PASS ***\r\n");
        let response = session.response("PASS ***")?;
        self.note_login(session, &response);
        Ok(response)
    }

    /// Returns a new session in this state.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no such session.
    pub fn session(&mut self, state: State) -> Result<Session, Stop> {
        match state {
            State::Authorization => self.secure(),
            State::Transaction => self.login(),
        }
    }

    /// Sends each command and hands its response to `judge`, with the session that it was received in. After three refusals a new
    /// session goes on. A session that `judge` has used up may be replaced.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no response. A close after at least one refusal is [`Stop::Closed`] with `refusals > 0`; it is legal
    /// to limit bad commands.
    pub fn each(
        &mut self,
        state: State,
        commands: &[&str],
        mut judge: impl FnMut(&mut Session, &str, Response) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut session = self.session(state)?;
        for command in commands {
            if session.refusals() >= MOST_REFUSALS {
                drop(session);
                session = self.session(state)?;
            }
            let response = session.ask(command)?;
            judge(&mut session, command, response)?;
        }
        Ok(())
    }

    /// Fills the mailbox again, for a check that removes messages.
    ///
    /// # Errors
    /// Returns [`Stop::Kit`] if it could not be filled.
    pub fn fill(&mut self) -> Result<(), Stop> {
        self.dial.fill().map_err(Stop::Kit)
    }
}

/// Words are for people, but a maildrop that is still locked is never a fault of the server.
pub(crate) fn is_locked(response: &Response) -> bool {
    let text = response.text().to_ascii_lowercase();
    ["in-use", "lock", "in use", "busy", "another session"].iter().any(|word| text.contains(word))
}

impl Heard {
    /// An offence that this byte of the line shows.
    #[must_use]
    pub fn wrong(&self, byte: usize, why: impl Into<String>) -> Offence {
        Offence::new(why, self.session, self.at + byte as u64)
    }
}

impl Response {
    /// An offence that this status line shows.
    #[must_use]
    pub fn wrong(&self, why: impl Into<String>) -> Offence {
        self.line.wrong(0, why)
    }
}

/// Returns the legal answer if there is no offence.
///
/// # Errors
/// Returns [`Finding::Wrong`] with the offences if there are any.
pub fn seen(legal: &'static str, offences: Vec<Offence>) -> Seen {
    match offences.is_empty() {
        true => Ok(legal),
        false => Err(Finding::Wrong(offences)),
    }
}
