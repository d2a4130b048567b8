//! A mail fetcher: what is not here yet comes here, once, whatever happens on the way.

mod account;
mod age;
mod connect;
mod failure;
mod files;
mod login;
mod port;
mod progress;
mod race;
mod session;
mod shown;
mod store;
mod talk;
mod trace;
mod ways;

pub use account::{Account, Tls};
pub use failure::{Exit, Failure};
pub use login::Auth;
pub use store::{Layout, Store};

use failure::Again;
use pop3_proto::{Secret, Text};
use progress::Progress;
use shown::Shown;
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;

/// The longest that a server's wish for distance between logins is waited for.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

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
            keep_days: None,
            timeout: None,
            limit: usize::MAX,
            retries: 5,
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
    /// So many messages were marked for deletion in a session whose QUIT was not answered.
    in_doubt: usize,
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
            in_doubt: 0,
        }
    }

    /// Fetches, in as many sessions as it takes.
    ///
    /// # Cancel safety
    /// To drop it ends the session. What is stored stays, and is not fetched again by the next one; the server has removed nothing, unless
    /// that happened while it was said QUIT.
    pub async fn run(&mut self) -> Result<(), Failure> {
        Text::new(&self.options.account.user).map_err(Failure::usage)?;
        Secret::new(&self.options.password).map_err(Failure::usage)?;
        let mut broken = 0;
        loop {
            let stored = self.tally.stored;
            let session = self.session().await;
            self.progress.end();
            let Err(failure) = session else { return Ok(()) };
            broken = if self.tally.stored > stored { 1 } else { broken + 1 };
            let pause = self.pause(&failure, broken);
            if !self.may_try_again(&failure) || broken > self.options.retries || pause > PATIENCE {
                return Err(failure.shown(&Shown::new(&self.options)));
            }
            self.progress.note(&format!("{failure}; next try in {} s", pause.as_secs()));
            sleep(pause).await;
        }
    }

    /// What was done up to now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn may_try_again(&self, failure: &Failure) -> bool {
        // Without unique-ids all that is stored would be fetched once more.
        let resumable = self.has_ids || self.tally.stored == 0;
        match failure.again {
            Again::No => false,
            Again::Later => resumable,
            // Where no session got as far as that, it is likelier that the name or the port is wrong.
            Again::OnceLoggedIn => resumable && self.last_login.is_some(),
        }
    }

    /// Twice as long with each session that achieves nothing, and as long as the server wants it (RFC 2449 section 6.5).
    fn pause(&self, failure: &Failure, broken: u32) -> Duration {
        let backoff = Duration::from_secs(1 << (broken - 1).min(6));
        let distance = match self.last_login {
            // Somebody else logged in, at a time that nobody here knows.
            _ if failure.too_soon => self.login_delay,
            Some(login) => (login + self.login_delay).saturating_duration_since(Instant::now()),
            None => Duration::ZERO,
        };
        backoff.max(distance)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { stored, octets, known, deleted, failed } = self;
        write!(f, "{stored} fetched ({octets} octets), {known} known, {deleted} deleted, {failed} failed")
    }
}
