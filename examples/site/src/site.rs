//! The rules of a site: how a session begins and ends, how a message is delivered, and how bodies are collected.

use crate::Result;
use crate::id::{Id, Token};
use crate::listing::Listing;
use crate::operations::{Ages, Arrival, Bodies, Lease, Maildrop, Rows};
use std::future::Future;
use std::time::Duration;
use tokio::io::AsyncRead;

/// How often an operation is tried whose result was lost, and the first of the pauses in between. Each pause is twice as long as
/// the last, so all of them take 0.9 s.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(60);

/// A database, an object store and a clock.
#[derive(Clone, Debug)]
pub struct Site<R, B, C = Clock> {
    pub rows: R,
    pub bodies: B,
    pub clock: C,
}

/// The time, which passes by itself or in a simulation.
pub trait Time: Send + Sync {
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The time of the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Clock;

impl Time for Clock {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}

/// What became of the messages that a session marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// All are removed.
    Done,
    /// None is removed, and none will be: another session has taken the maildrop.
    NotDone,
    /// The database did not tell. All are removed or none is.
    Unknown,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// It is in the maildrop.
    Done,
    /// It is not, and will not be. The maildrop is being moved, or the delivery took so long that the body was collected.
    NotDone,
}

impl<R: Rows, B: Bodies, C: Time> Site<R, B, C> {
    /// Opens a maildrop for one session. Returns `None` if another session has it.
    ///
    /// # Errors
    /// Returns an error if the database failed twice. The maildrop may then be in use until the lease ends.
    pub async fn open(&self, maildrop: Maildrop) -> Result<Option<(Lease, Listing)>> {
        match self.open_once(maildrop).await {
            Err(_) => self.open_once(maildrop).await,
            opened => opened,
        }
    }

    async fn open_once(&self, maildrop: Maildrop) -> Result<Option<(Lease, Listing)>> {
        let lease = Lease { maildrop, token: Token::new()? }; // a new token for each attempt: see sql::ACQUIRE
        let listing = match self.rows.acquire(lease).await {
            Ok(true) => self.rows.snapshot(lease).await,
            Ok(false) => return Ok(None),
            Err(error) => Err(error),
        };
        match listing {
            Ok(listing) => Ok(listing.map(|listing| (lease, listing))),
            Err(error) => {
                self.rows.release(&[lease]).await.ok(); // otherwise the lease ends by itself
                Err(error)
            }
        }
    }

    /// Removes messages, all or none, and ends the lease. It is repeated until the database tells.
    pub async fn remove(&self, lease: Lease, ids: &[Id]) -> Removal {
        for attempt in 0..ATTEMPTS {
            self.wait_before(attempt).await;
            match self.remove_once(lease, ids).await {
                Ok(true) => return Removal::Done,
                Ok(false) => return Removal::NotDone,
                Err(error) => {
                    tracing::warn!(%error, "the database did not tell whether messages are removed");
                }
            }
        }
        Removal::Unknown
    }

    /// Only an earlier attempt can have removed them if the session does not hold the maildrop any more.
    async fn remove_once(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        Ok(self.rows.commit(lease, ids).await? || self.rows.left(lease.maildrop, ids).await? == 0)
    }

    /// Delivers a message, in the form that RETR sends.
    ///
    /// # Errors
    /// Returns an error if it is unknown whether the message was delivered. A sender that tries again may deliver it twice, but does not lose it.
    pub async fn deliver(
        &self,
        maildrop: Maildrop,
        (id, uid): (Id, Option<&str>),
        body: impl AsyncRead + Send + Unpin,
    ) -> Result<Delivery> {
        self.rows.announce(id).await?;
        let octets = self.bodies.put(id, body).await?;
        let arrival = Arrival { id, octets, uid };
        for attempt in 0.. {
            self.wait_before(attempt).await;
            match self.rows.arrive(maildrop, arrival).await {
                Ok(true) => return Ok(Delivery::Done),
                Ok(false) if attempt == 0 => return Ok(Delivery::NotDone),
                Ok(false) => return self.after_lost_result(maildrop, id).await,
                Err(error) if attempt + 1 == ATTEMPTS => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Delivery::NotDone)
    }

    async fn after_lost_result(&self, maildrop: Maildrop, id: Id) -> Result<Delivery> {
        match self.rows.has_arrived(maildrop, id).await? {
            true => Ok(Delivery::Done),
            false => Ok(Delivery::NotDone),
        }
    }

    /// Deletes bodies without a message. Returns how many. A body that cannot be deleted stays for the next time, and keeps no other body from
    /// being deleted.
    ///
    /// # Errors
    /// Returns an error if the database failed. The bodies are then deleted again next time.
    pub async fn collect(&self, ages: Ages) -> Result<usize> {
        let doomed = self.rows.doom(ages).await?;
        let gone = self.bodies.delete(&doomed).await;
        if !gone.is_empty() {
            self.rows.forget(&gone).await?;
        }
        Ok(gone.len())
    }

    async fn wait_before(&self, attempt: u32) {
        if attempt > 0 {
            self.clock.sleep(PAUSE * (1 << (attempt - 1))).await;
        }
    }
}
