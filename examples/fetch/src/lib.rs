//! A mail fetcher, which stores each message exactly once, regardless of failures on the way.

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

/// Any error. The program only prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The longest wait for a server that requires a distance between logins.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The same, if all listed messages are fetched and the server merely may have more.
const CURIOSITY: Duration = Duration::from_secs(60);
/// How long a server may take to list its messages if it merely may have more.
const LOOK: Duration = Duration::from_secs(10);
/// The maximum number of sessions in a run.
const MOST_SESSIONS: u32 = 200;

const MAY_BE_MORE: &str = "the server may have more than it listed";

/// The options of a run.
#[allow(missing_debug_implementations)] // it holds the password
pub struct Options {
    pub account: Account,
    /// The bytes that the server receives. Login methods that require UTF-8 reject other bytes.
    pub password: Vec<u8>,
    pub auth: Auth,
    /// `None` if everything is sent in cleartext.
    pub connector: Option<TlsConnector>,
    /// Whether to delete stored messages on the server.
    pub delete: bool,
    /// How long connecting, a handshake and each response may take; `None` for the default times.
    pub timeout: Option<Duration>,
    /// For how many days a stored message stays on the server.
    pub keep_days: Option<u32>,
    /// The maximum number of messages to fetch.
    pub limit: usize,
    /// How many sessions in a row may break before `fetch` gives up.
    pub retries: u32,
    /// The wait after the first broken session. It doubles with each session that achieves nothing.
    pub backoff: Duration,
    /// The maximum octets of a message. By default, twice the size that the server lists, plus 1 MiB.
    pub max_message: Option<u64>,
    pub trace: bool,
    pub quiet: bool,
}

impl Options {
    /// Returns the default options: cleartext, the best login method, all messages, and no deletion.
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
    /// The last login and the server's minimum distance between logins, for the next session.
    last_login: Option<Instant>,
    login_delay: Duration,
    /// Whether the server has unique-ids.
    has_ids: bool,
    /// Whether the server announces UIDL.
    announces_ids: bool,
    /// Whether no session has broken after UTF8.
    may_ask_for_utf8: bool,
    /// Whether a connection broke. Each command then waits for the previous response, to find out which command breaks the
    /// connection.
    one_by_one: bool,
    trouble: Trouble,
    /// The messages that the server has removed in this run, by unique-id and size.
    removed: HashSet<(Key, Option<u64>)>,
    /// How many messages were marked for deletion in a session whose QUIT was not answered.
    in_doubt: usize,
    // About the current or the last session:
    /// Whether the server has listed its messages.
    has_listed: Arc<AtomicBool>,
    /// The message that was stored last, until the response to another command shows that it ended correctly.
    last_stored: Option<Here>,
    pace: Pace,
}

/// The results of a run.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Messages that were stored, and their octets.
    pub stored: usize,
    pub octets: u64,
    /// Messages that were stored by earlier runs.
    pub known: usize,
    /// Messages that the server has removed.
    pub deleted: usize,
    /// Messages that could not be fetched or deleted.
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

    /// Fetches mail in as many sessions as necessary. After a broken session, the next one continues. Some servers list only part of the
    /// messages in each session, so the last session is one that finds nothing new.
    ///
    /// # Cancel safety
    /// Dropping the future ends the session. Stored messages stay, and the next run does not fetch them again. The server has
    /// removed nothing, unless it was already processing QUIT.
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
                // Everything that the server listed before is fetched.
                Err(failure) if complete && !self.has_listed.load(Relaxed) => {
                    self.progress.note(&format!("{MAY_BE_MORE}, but cannot be asked now: {failure}"));
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

    /// Returns whether the session ended well, and whether it fetched or removed any messages. A session that only looks for more
    /// does not wait for long.
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

    /// Returns how long to wait before looking for more messages, because the server may have listed only
    /// part of them. Returns `None` if it should not be asked again.
    fn pause_to_look_again(&mut self, left: u32) -> Option<Duration> {
        self.one_by_one = false;
        let pause = self.distance();
        let why = match () {
            () if left == 0 => format!("it listed more in each of {MOST_SESSIONS} sessions"),
            () if !self.has_ids => "it has no unique-ids".into(),
            () if pause > CURIOSITY => format!("it wants {} s between logins", self.login_delay.as_secs()),
            () => return Some(pause),
        };
        self.progress.note(&format!("{MAY_BE_MORE}, but is not asked now: {why}"));
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
            Again::Otherwise => self.progress.warn(&what), // the next session may achieve something else
            _ => self.progress.note(&what),
        }
        Ok(pause)
    }

    /// Returns the results so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally { failed: self.trouble.failed(), ..self.tally }
    }

    fn may_try_again(&self, failure: &Failure) -> bool {
        // Without unique-ids, all stored messages would be fetched again.
        let resumable = self.has_ids || self.tally.stored == 0;
        match failure.again {
            Again::No => false,
            Again::Later | Again::Otherwise => resumable,
            // If no session got that far, the name or the port is more likely to be wrong.
            Again::OnceLoggedIn => resumable && self.last_login.is_some(),
        }
    }

    /// Returns the pause: twice as long with each session that achieves nothing, and at least as long as the server
    /// requires (RFC 2449 section 6.5).
    fn pause(&self, failure: &Failure, broken: u32) -> Duration {
        let backoff = match failure.again {
            Again::Otherwise => Duration::ZERO,
            _ => self.options.backoff * (1 << broken.saturating_sub(1).min(6)),
        };
        // Another client logged in, at an unknown time.
        let distance = if failure.too_soon { self.login_delay } else { self.distance() };
        backoff.max(distance)
    }

    /// Returns the server's minimum distance between logins.
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
