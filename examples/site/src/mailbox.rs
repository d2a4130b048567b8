//! The mail of one user in one session, as `serve` asks for it.

use crate::keeper::Held;
use crate::listing::Listing;
use crate::node::Node;
use crate::site::Removal;
use pop3_proto::MessageNumber;
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto_serve::{Later, Octets};
use std::future::ready;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// An open maildrop. Dropping it releases the lease.
pub struct Mailbox {
    node: Arc<Node>,
    listing: Listing,
    held: Arc<Held>,
}

impl Mailbox {
    pub(crate) fn new(node: Arc<Node>, listing: Listing, held: Held) -> Self {
        Mailbox { node, listing, held: Arc::new(held) }
    }
}

impl Maildrop for Mailbox {
    fn count(&self) -> u32 {
        self.listing.count()
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Refusal> {
        self.listing.entry(number)
    }

    fn mark(&mut self, number: MessageNumber) -> Result<(), Refusal> {
        self.listing.mark(number)
    }

    fn unmark_all(&mut self) {
        self.listing.unmark_all();
    }
}

impl pop3_proto_serve::Mailbox for Mailbox {
    fn message(&self, number: MessageNumber) -> Later<io::Result<Octets>> {
        let Some((id, octets)) = self.listing.get(number) else {
            return Box::pin(ready(Err(ErrorKind::NotFound.into())));
        };
        if self.held.is_lost() {
            return Box::pin(ready(Err(io::Error::other("the lease is lost"))));
        }
        let node = Arc::clone(&self.node);
        Box::pin(async move {
            // A listed message has a body. If the store does not find it, the store has a fault, and the message may be back later.
            node.site.bodies.open(id, octets).await.map_err(io::Error::other)
        })
    }

    /// Every failure is temporary: either the database does not answer, or another session has the maildrop.
    fn removal(&self) -> Later<Result<(), Refusal>> {
        let (node, held, marked) = (Arc::clone(&self.node), Arc::clone(&self.held), self.listing.marked());
        Box::pin(async move {
            // It also ends the lease, so the user can log in again at once.
            match node.site.remove(held.lease(), &marked).await {
                Removal::Done => {
                    held.end();
                    Ok(())
                }
                _ if marked.is_empty() => Ok(()),
                Removal::NotDone | Removal::Unknown => Err(Refusal::Temporary),
            }
        })
    }
}
