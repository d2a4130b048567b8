//! The questions that a site asks its database and its object store: one method for each statement and each request.
//!
//! The rules of the site are in [`Site`](crate::Site), written against these traits. [`Database`](crate::Database) and
//! [`Objects`](crate::Objects) implement them; the simulation of the tests implements them with maps and a clock that is a number.
//!
//! An error means that the result is unknown: the operation ran, did not run, or runs later.

use crate::Result;
use crate::id::{Id, Token};
use crate::listing::Listing;
use std::future::Future;
use tokio::io::AsyncRead;

/// The number of a maildrop.
pub type Maildrop = i64;

/// The right of one session to remove messages from a maildrop.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Lease {
    pub maildrop: Maildrop,
    pub token: Token,
}

/// A message whose body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival<'a> {
    pub id: Id,
    /// The size of the body.
    pub octets: u64,
    /// The unique-id, if it is not the id.
    pub uid: Option<&'a str>,
}

/// The small data. Each method is one statement, which is a transaction of its own.
pub trait Rows: Send + Sync {
    /// Takes the lease of a maildrop. Returns whether it was free.
    fn acquire(&self, lease: Lease) -> impl Future<Output = Result<bool>> + Send;

    /// Lists the messages. Returns `None` if the lease is lost.
    fn snapshot(&self, lease: Lease) -> impl Future<Output = Result<Option<Listing>>> + Send;

    /// Renews leases. Returns the tokens of those that are still held.
    fn renew(&self, leases: &[Lease]) -> impl Future<Output = Result<Vec<Token>>> + Send;

    /// Ends leases.
    fn release(&self, leases: &[Lease]) -> impl Future<Output = Result<()>> + Send;

    /// Removes messages and ends the lease, if the session still holds the maildrop. Returns whether it did.
    fn commit(&self, lease: Lease, ids: &[Id]) -> impl Future<Output = Result<bool>> + Send;

    /// Returns how many of these messages are in the maildrop.
    fn left(&self, maildrop: Maildrop, ids: &[Id]) -> impl Future<Output = Result<u64>> + Send;

    /// Announces a body that is going to be written.
    fn announce(&self, id: Id) -> impl Future<Output = Result<()>> + Send;

    /// Delivers a message whose body is written. Returns false if the maildrop is being moved, if the body has been collected, or if an earlier
    /// call delivered it.
    fn arrive(&self, maildrop: Maildrop, arrival: Arrival<'_>) -> impl Future<Output = Result<bool>> + Send;

    /// Returns whether a message was delivered.
    fn has_arrived(&self, maildrop: Maildrop, id: Id) -> impl Future<Output = Result<bool>> + Send;

    /// Chooses bodies to delete: what was announced or let go longer ago than the two ages, in milliseconds.
    fn doom(&self, ages: Ages) -> impl Future<Output = Result<Vec<Id>>> + Send;

    /// Forgets bodies that are deleted.
    fn forget(&self, ids: &[Id]) -> impl Future<Output = Result<()>> + Send;
}

/// How old a body without a message must be before it is collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ages {
    /// Milliseconds since it was announced. It must be longer than the longest delivery.
    pub coming: u64,
    /// Milliseconds since its message was removed. It must be longer than the oldest backup of the database that may be restored.
    pub going: u64,
}

/// The bodies. An id is put once.
pub trait Bodies: Send + Sync {
    /// Writes a body, in the form that RETR sends. Returns its size.
    fn put(&self, id: Id, body: impl AsyncRead + Send + Unpin) -> impl Future<Output = Result<u64>> + Send;

    /// Deletes bodies, and returns those that are gone. A body that is not there is gone.
    fn delete(&self, ids: &[Id]) -> impl Future<Output = Vec<Id>> + Send;
}
