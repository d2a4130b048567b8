//! The leases of a node: renewed while their sessions run, released when they end.

use crate::Result;
use crate::id::Token;
use crate::operations::{Lease, Rows};
use crate::site::Time;
use futures_util::future::{Either, select};
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The leases of all sessions of a node.
#[derive(Clone, Default)]
pub struct Keeper(Arc<Inner>);

#[derive(Default)]
struct Inner {
    leases: Mutex<Leases>,
    has_dropped: Notify,
}

#[derive(Default)]
struct Leases {
    held: HashMap<Token, (Lease, Arc<AtomicBool>)>,
    /// The leases of sessions that ended without QUIT.
    dropped: Vec<Lease>,
    /// When the database last answered.
    answered: Option<Instant>,
}

/// The lease of one session. Dropping it releases the maildrop soon.
pub struct Held {
    lease: Lease,
    is_lost: Arc<AtomicBool>,
    keeper: Keeper,
}

impl Keeper {
    /// Keeps a lease until the result is dropped.
    #[must_use]
    pub fn hold(&self, lease: Lease) -> Held {
        let is_lost = Arc::new(AtomicBool::new(false));
        self.leases().held.insert(lease.token, (lease, Arc::clone(&is_lost)));
        Held { lease, is_lost, keeper: self.clone() }
    }

    /// Keeps the leases, which last as long as this, for as long as the future runs.
    pub async fn run(&self, rows: &impl Rows, clock: &impl Time, lease: Duration) {
        loop {
            if let Err(error) = self.renew(rows).await {
                tracing::error!(%error, "the leases cannot be renewed: sessions lose their maildrops if this lasts");
            }
            let mut pause = pin!(clock.sleep(lease / 3));
            // Releases at once what sessions drop meanwhile, because their users may log in again at once. The pause comes first, so
            // sessions that end all the time do not delay the renewal.
            while let Either::Right(_) = select(pause.as_mut(), pin!(self.0.has_dropped.notified())).await {
                if let Err(error) = self.release_dropped(rows).await {
                    tracing::warn!(%error, "leases cannot be released: they end by themselves");
                }
            }
        }
    }

    /// Renews all leases, and notes those that are lost.
    ///
    /// # Errors
    /// Returns an error if the database failed.
    pub async fn renew(&self, rows: &impl Rows) -> Result<()> {
        let asked: Vec<Lease> = self.leases().held.values().map(|(lease, _)| *lease).collect();
        let held = rows.renew(&asked).await?;
        let held: HashSet<Token> = held.into_iter().collect();
        let mut leases = self.leases();
        leases.answered = Some(Instant::now());
        for lease in asked.iter().filter(|lease| !held.contains(&lease.token)) {
            if let Some((_, is_lost)) = leases.held.remove(&lease.token) {
                is_lost.store(true, Relaxed);
            }
        }
        Ok(())
    }

    /// Releases the leases of the sessions that were dropped.
    ///
    /// # Errors
    /// Returns an error if the database failed.
    pub async fn release_dropped(&self, rows: &impl Rows) -> Result<()> {
        let dropped = std::mem::take(&mut self.leases().dropped);
        rows.release(&dropped).await
    }

    /// Releases every lease, after the last session has ended.
    ///
    /// # Errors
    /// Returns an error if the database failed.
    pub async fn release_all(&self, rows: &impl Rows) -> Result<()> {
        let mut all = std::mem::take(&mut self.leases().dropped);
        all.extend(self.leases().held.drain().map(|(_, (lease, _))| lease));
        rows.release(&all).await
    }

    /// Returns how many maildrops the node holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.leases().held.len()
    }

    /// Returns whether the database has answered within this time.
    #[must_use]
    pub fn has_answered(&self, within: Duration) -> bool {
        self.leases().answered.is_some_and(|answered| answered.elapsed() < within)
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.0.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Returns the lease.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease
    }

    /// Notes that QUIT has ended the lease, so it need not be released.
    pub fn end(&self) {
        self.keeper.leases().held.remove(&self.lease.token);
    }

    /// Returns whether another session may have taken the maildrop.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut leases = self.keeper.leases();
        if leases.held.remove(&self.lease.token).is_some() {
            leases.dropped.push(self.lease);
            drop(leases);
            self.keeper.0.has_dropped.notify_one();
        }
    }
}
