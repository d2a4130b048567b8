//! A mail fetcher: what is not here yet comes here, once, whatever happens on the way.

mod account;
mod age;
mod connect;
mod connection;
mod failure;
mod files;
mod known;
mod listing;
mod login;
mod pace;
mod plan;
mod port;
mod progress;
mod race;
pub mod scram;
mod shown;
mod store;
mod talk;
pub mod tls;
mod trace;
mod trouble;
mod visit;

pub use account::{Account, Tls};
pub use failure::{Exit, Failure};
pub use login::Auth;
pub use store::{Layout, Store};

use failure::Again;
use pace::Pace;
use plan::Here;
use pop3_proto::{Secret, Text};
use progress::Progress;
use shown::Shown;
use std::collections::HashSet;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use trouble::{Key, Trouble};

/// Any error: the program only reports it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The longest that a server's wish for distance between logins is waited for.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The same if all that the server listed is fetched, and it only may have more.
const CURIOSITY: Duration = Duration::from_secs(60);
/// How long a server may take to list its messages if it only may have more.
const LOOK: Duration = Duration::from_secs(10);
/// The most sessions of a run.
const MOST_SESSIONS: u32 = 200;

const MAY_BE_MORE: &str = "the server may have more than it listed";

/// What is wanted.
#[allow(missing_debug_implementations)] // it holds the password
pub struct Options {
    pub account: Account,
    /// The bytes that the server is sent. Ways to log in that are for UTF-8 alone refuse others.
    pub password: Vec<u8>,
    pub auth: Auth,
    /// None if everything is sent in cleartext.
    pub connector: Option<TlsConnector>,
    /// Deletes on the server what is stored here.
    pub delete: bool,
    /// How long connecting, a handshake and each response may take; `None` for the usual times.
    pub timeout: Option<Duration>,
    /// For how many days what is stored here is not deleted on the server.
    pub keep_days: Option<u32>,
    /// The most messages that are fetched.
    pub limit: usize,
    /// How many sessions in a row may break before it is given up.
    pub retries: u32,
    /// The wait after the first session that broke. It doubles with each session that achieves nothing.
    pub backoff: Duration,
    /// The most octets of a message. Without it, twice the size that the server lists, and 1 MiB more.
    pub max_message: Option<u64>,
    pub trace: bool,
    pub quiet: bool,
}

impl Options {
    /// Returns what is done unless more is said: in cleartext, the best way to log in, all messages, and none deleted.
    pub fn new(account: Account, password: Vec<u8>) -> Self {
        Options {
            account,
            password,
            auth: Auth::Auto,
            connector: None,
            delete: false,
            timeout: None,
            keep_days: None,
            limit: usize::MAX,
            retries: 5,
            backoff: Duration::from_secs(1),
            max_message: None,
            trace: false,
            quiet: false,
        }
    }
}

/// Fetches into a store.
#[allow(missing_debug_implementations)]
pub struct Fetch {
    options: Options,
    store: Store,
    progress: Progress,
    tally: Tally,
    /// What the last session told, for the next one to keep the distance that the server wants.
    last_login: Option<Instant>,
    login_delay: Duration,
    /// The server has unique-ids.
    has_ids: bool,
    /// It announces UIDL.
    announces_ids: bool,
    /// No session broke after UTF8.
    may_ask_for_utf8: bool,
    /// A connection broke. Now each command waits for the response to the one before, to find out which of them breaks it.
    one_by_one: bool,
    trouble: Trouble,
    /// What the server has removed in this run, by unique-id and size.
    removed: HashSet<(Key, Option<u64>)>,
    /// This many messages were marked for deletion in a session whose QUIT was not answered.
    in_doubt: usize,
    // Of the session that runs, or was the last:
    /// The server has listed its messages.
    has_listed: Arc<AtomicBool>,
    /// The message that was stored last, until a response to something else shows that it ended where it should.
    last_stored: Option<Here>,
    pace: Pace,
}

/// What was done.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Messages that were stored, and their octets.
    pub stored: usize,
    pub octets: u64,
    /// Those that were there from earlier runs.
    pub known: usize,
    /// Those that the server has removed.
    pub deleted: usize,
    /// Those with which something went wrong.
    pub failed: usize,
}

impl Fetch {
    pub fn new(options: Options, store: Store) -> Self {
        let progress = Progress::new(options.quiet, options.trace, Shown::new(&options));
        Fetch {
            options,
            store,
            progress,
            tally: Tally::default(),
            last_login: None,
            login_delay: Duration::ZERO,
            has_ids: true,
            announces_ids: false,
            may_ask_for_utf8: true,
            one_by_one: false,
            trouble: Trouble::default(),
            removed: HashSet::new(),
            in_doubt: 0,
            has_listed: Arc::default(),
            last_stored: None,
            pace: Pace::new(Instant::now()),
        }
    }

    /// Fetches, in as many sessions as it takes: a session that broke is taken up again, and as some servers list a part of the messages
    /// in each session, the last session is one that brings nothing.
    ///
    /// # Cancel safety
    /// To drop it ends the session. What is stored stays, and is not fetched again by the next one; the server has removed nothing, unless
    /// that happened while it was said QUIT.
    pub async fn run(&mut self) -> Result<(), Failure> {
        Text::new(&self.options.account.user).map_err(Failure::usage)?;
        Secret::new(&self.options.password).map_err(Failure::usage)?;
        let done = self.sessions().await;
        done.map_err(|failure| failure.shown(&Shown::new(&self.options)))
    }

    async fn sessions(&mut self) -> Result<(), Failure> {
        let (mut broken, mut complete) = (0, false);
        for left in (0..MOST_SESSIONS).rev() {
            let (session, progressed) = self.one_session(complete).await;
            let pause = match session {
                Ok(()) if !progressed || self.tally.stored >= self.options.limit => return Ok(()),
                Ok(()) => {
                    (broken, complete) = (0, true);
                    self.pause_to_look_again(left)
                }
                // All that the server listed before is fetched.
                Err(failure) if complete && !self.has_listed.load(Relaxed) => {
                    self.progress.note(&format!("{MAY_BE_MORE}, and does not tell now: {failure}"));
                    None
                }
                Err(failure) if left == 0 => return Err(failure),
                Err(failure) => {
                    broken =
                        if progressed { 1 } else { broken + u32::from(failure.again != Again::Otherwise) };
                    complete = false;
                    Some(self.pause_to_try_again(failure, broken)?)
                }
            };
            let Some(pause) = pause else { return Ok(()) };
            sleep(pause).await;
        }
        Ok(())
    }

    /// Whether the session ended well, and whether messages were fetched or removed in it. One that only looks for more does not wait
    /// for long.
    async fn one_session(&mut self, only_looks: bool) -> (Result<(), Failure>, bool) {
        let before = (self.tally.stored, self.tally.deleted);
        self.has_listed.store(false, Relaxed);
        self.last_stored = None;
        let has_listed = Arc::clone(&self.has_listed);
        let done = {
            let mut session = pin!(self.session());
            match timeout(if only_looks { LOOK } else { Duration::MAX }, &mut session).await {
                Ok(done) => done,
                Err(_) if has_listed.load(Relaxed) => session.await,
                Err(_) => Err(Failure::broken("it took too long")),
            }
        };
        self.progress.end();
        (done, before != (self.tally.stored, self.tally.deleted))
    }

    /// What a server lists may have been a part of what it has. `None` if it is not asked once more.
    fn pause_to_look_again(&mut self, left: u32) -> Option<Duration> {
        self.one_by_one = false;
        let pause = self.distance();
        let why = match () {
            () if left == 0 => format!("it brought more in each of {MOST_SESSIONS} sessions"),
            () if !self.has_ids => "it has no unique-ids to tell".into(),
            () if pause > CURIOSITY => format!("it wants {} s between logins", self.login_delay.as_secs()),
            () => return Some(pause),
        };
        self.progress.note(&format!("{MAY_BE_MORE}, and is not asked now: {why}"));
        None
    }

    fn pause_to_try_again(&mut self, failure: Failure, broken: u32) -> Result<Duration, Failure> {
        self.one_by_one |= failure.exit == Exit::Connection;
        let pause = self.pause(&failure, broken);
        if !self.may_try_again(&failure) || broken > self.options.retries || pause > PATIENCE {
            return Err(failure);
        }
        let what = format!("{failure}; next try in {} s", pause.as_secs());
        match failure.again {
            Again::Otherwise => self.progress.warn(&what), // not the same messages may come of it
            _ => self.progress.note(&what),
        }
        Ok(pause)
    }

    /// What was done up to now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally { failed: self.trouble.failed(), ..self.tally }
    }

    fn may_try_again(&self, failure: &Failure) -> bool {
        // Without unique-ids all that is stored would be fetched once more.
        let resumable = self.has_ids || self.tally.stored == 0;
        match failure.again {
            Again::No => false,
            Again::Later | Again::Otherwise => resumable,
            // If no session got as far as that, it is likelier that the name or the port is wrong.
            Again::OnceLoggedIn => resumable && self.last_login.is_some(),
        }
    }

    /// Twice as long with each session that achieves nothing, and as long as the server wants it (RFC 2449 section 6.5).
    fn pause(&self, failure: &Failure, broken: u32) -> Duration {
        let backoff = match failure.again {
            Again::Otherwise => Duration::ZERO,
            _ => self.options.backoff * (1 << broken.saturating_sub(1).min(6)),
        };
        // Somebody else logged in, at a time that nobody here knows.
        let distance = if failure.too_soon { self.login_delay } else { self.distance() };
        backoff.max(distance)
    }

    /// How long the server wants the next login to wait.
    fn distance(&self) -> Duration {
        let next = self.last_login.map(|login| login + self.login_delay);
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { stored, octets, known, deleted, failed } = self;
        write!(f, "{stored} fetched ({octets} octets), {known} known, {deleted} deleted, {failed} failed")
    }
}
