//! What the tasks of a node do. They follow the rules of a site, and report to the judge what they were told.

use crate::events::Event;
use crate::judge::Judge;
use crate::link::Link;
use fastrand::Rng;
use pop3_proto::MessageNumber;
use pop3_proto::server::Maildrop as _;
use pop3_proto_site::id::Id;
use pop3_proto_site::operations::{Ages, Lease, Maildrop};
use pop3_proto_site::{Keeper, Listing, Site, Time as _};
use std::fmt;
use std::time::Duration;

/// How long a lease lasts, in milliseconds.
pub(crate) const LEASE: i64 = 900;

/// How old bodies are when they are collected, in milliseconds.
pub(crate) const AGES: Ages = Ages { coming: 1_200, going: 1_500 };

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Session(Visit),
    Delivery { maildrop: Maildrop, has_uid: bool },
    Collection,
}

/// A session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Visit {
    pub(crate) maildrop: Maildrop,
    pub(crate) reads: bool,
    /// How long it stays, in milliseconds.
    pub(crate) stays: u64,
    /// Which messages QUIT removes: one bit for each, and again for every eight. `None` if the connection breaks.
    pub(crate) marks: Option<u8>,
}

/// What a task has of its node.
pub(crate) struct Place {
    pub(crate) task: u32,
    pub(crate) link: Link,
    pub(crate) keeper: Keeper,
    /// Makes the ids of messages the same in each run.
    pub(crate) seed: u64,
}

impl Place {
    pub(crate) async fn play(self, role: Role) {
        match role {
            Role::Session(visit) => self.visit(visit).await,
            Role::Delivery { maildrop, has_uid } => self.deliver(maildrop, has_uid).await,
            Role::Collection => drop(self.site().collect(AGES).await),
        }
    }

    fn site(&self) -> Site<Link, Link, Link> {
        Site { rows: self.link.clone(), bodies: self.link.clone(), clock: self.link.clone() }
    }

    /// Reports to the judge, and to whoever reads the story.
    fn report(&self, text: impl FnOnce() -> String, report: impl FnOnce(&mut Judge)) {
        let mut world = self.link.world();
        world.tell(|_| format!("            task {} is told: {}", self.task, text()));
        report(&mut world.judge);
    }

    async fn visit(self, visit: Visit) {
        let asked = self.link.world().judge.moment();
        let opened = self.site().open(visit.maildrop).await;
        let Ok(Some((lease, mut listing))) = opened else {
            return self.report(|| "maildrop not opened".into(), |_| {});
        };
        self.report(
            || format!("maildrop open, {} messages", listing.count()),
            |judge| judge.opened(lease, &listing, asked),
        );
        let held = self.keeper.hold(lease);
        self.link.sleep(Duration::from_millis(visit.stays)).await;
        if visit.reads {
            self.read(lease, &listing, || held.is_lost()).await;
        }
        let Some(marks) = visit.marks else { return };
        for number in (1..=listing.count()).filter(|number| marks >> (number % 8) & 1 == 1) {
            listing.mark(MessageNumber::new(number).unwrap()).unwrap();
        }
        let marked = listing.marked();
        self.link.world().judge.asked(lease, &marked);
        let removal = self.site().remove(lease, &marked).await;
        self.report(|| format!("removal {removal:?}"), |judge| judge.told_removal(lease, removal));
    }

    async fn read(&self, lease: Lease, listing: &Listing, is_lost: impl Fn() -> bool) {
        for number in 1..=listing.count() {
            let (id, octets) = listing.get(MessageNumber::new(number).unwrap()).unwrap();
            if is_lost() {
                return;
            }
            if let Ok(body) = self.link.read(id).await {
                self.link.world().judge.read(lease, octets, body.as_deref(), &body_of(id));
            }
        }
    }

    async fn deliver(self, maildrop: Maildrop, has_uid: bool) {
        let mut rng = Rng::with_seed(self.seed ^ u64::from(self.task) << 32);
        let time = u64::try_from(self.link.world().model.now).unwrap();
        // The clocks of nodes differ.
        let id = Id::with_random(1_000_000 + time - rng.u64(0..2000), rng.u128(..).to_be_bytes());
        self.link.world().deliveries.insert(id, self.task);
        let uid = has_uid.then(|| self.task.to_string());
        let delivered = self.site().deliver(maildrop, (id, uid.as_deref()), &body_of(id)[..]).await;
        match delivered {
            Ok(delivery) => {
                self.report(
                    || format!("delivery {delivery:?}"),
                    |judge| judge.told_delivery(maildrop, id, delivery),
                );
            }
            Err(_) => self.report(|| "delivery unknown".into(), |_| {}),
        }
    }

    /// Renews the leases of the node for as long as it runs.
    pub(crate) async fn keep(self) {
        let lease = Duration::from_millis(LEASE.unsigned_abs());
        self.keeper.run(&self.link, &self.link, lease).await;
    }

    /// Releases the leases of a node that ends.
    pub(crate) async fn drain(self) {
        if self.keeper.release_all(&self.link).await.is_ok() {
            self.report(|| "drained".into(), |judge| judge.events.count(Event::Drained));
        }
    }
}

/// Returns the body of a message. Each message has another one, and the sizes differ.
fn body_of(id: Id) -> Vec<u8> {
    let text = id.text();
    let size = text.iter().map(|byte| usize::from(*byte)).sum::<usize>() % 48;
    text.into_iter().cycle().take(size).collect()
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Session(Visit { maildrop, reads, stays, marks }) => {
                let reads = if *reads { "reads all, " } else { "" };
                let end = marks.map_or("breaks off".into(), |marks| format!("removes by {marks:08b}"));
                write!(f, "session in maildrop {maildrop}: stays {stays} ms, {reads}{end}")
            }
            Role::Delivery { maildrop, has_uid: false } => write!(f, "delivery to maildrop {maildrop}"),
            Role::Delivery { maildrop, has_uid: true } => {
                write!(f, "delivery to maildrop {maildrop} with a unique-id")
            }
            Role::Collection => write!(f, "collection"),
        }
    }
}
