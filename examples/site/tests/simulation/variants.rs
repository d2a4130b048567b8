//! Rules that look right and are wrong. The simulation must find each.

use crate::link::{Link, truth};
use crate::model::{Outcome, Statement};
use crate::world::Operation;
use pop3_proto_site::Result;
use pop3_proto_site::id::Id;
use pop3_proto_site::operations::Lease;

/// The rules that tasks follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Variant {
    /// The rules of a site.
    Right,
    /// The lease is checked before the commit, not in it.
    CheckFirst,
    /// A body is deleted before its row.
    BodyFirst,
    /// Lease and snapshot have one view of the data, which is older than the wait for the lease.
    OneView,
    /// Bodies are not announced, and are collected by the age of the object.
    ObjectAge,
    /// A login whose result was lost is tried again with the same token.
    SameToken,
    /// A snapshot does not check who holds the maildrop.
    AnyHolder,
    /// A commit that was refused counts as not done, although an earlier attempt may have been applied.
    NothingAsked,
    /// An arrival that was refused counts as done if the result of an earlier attempt was lost.
    ArrivalAssumed,
    /// An arrival that was refused counts as not done, although an earlier attempt may have been applied.
    ArrivalDenied,
    /// Each message is removed by a statement of its own.
    OneByOne,
    /// The size of a message is the size it had before its line ends were changed.
    OtherSize,
    /// Bodies are deleted, but not forgotten.
    NothingForgotten,
}

impl Link {
    pub(crate) async fn acquire_twice(&self, lease: Lease) -> Result<bool> {
        match self.statement(Statement::Acquire(lease)).await {
            Ok(outcome) => truth(outcome),
            Err(_) => truth(self.statement(Statement::Acquire(lease)).await?),
        }
    }

    /// The statement begins with the list, and waits before it takes the lease.
    pub(crate) async fn acquire_after_view(&self, lease: Lease) -> Result<bool> {
        if let Outcome::Listing(listing) = self.ask(Operation::List(lease.maildrop)).await? {
            *self.view.lock().unwrap() = listing;
        }
        truth(self.statement(Statement::Acquire(lease)).await?)
    }

    pub(crate) async fn check_then_remove(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        if !truth(self.ask(Operation::Holds(lease)).await?)? {
            return Ok(false);
        }
        self.ask(Operation::Remove(lease, ids.to_vec())).await?;
        self.statement(Statement::Release(vec![lease])).await?;
        Ok(true)
    }

    pub(crate) async fn commit_one_by_one(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        let mut is_done = true;
        for id in ids {
            is_done &= truth(self.statement(Statement::Commit(lease, vec![*id])).await?)?;
        }
        Ok(is_done)
    }

    pub(crate) async fn delete_then_commit(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        self.ask(Operation::Delete(ids.to_vec())).await?;
        truth(self.statement(Statement::Commit(lease, ids.to_vec())).await?)
    }
}
