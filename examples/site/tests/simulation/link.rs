//! How a task reaches the database, the object store and the clock: each operation goes into the bag, and the task waits.

use crate::model::{Message, Outcome, Statement};
use crate::variants::Variant;
use crate::world::{Operation, World};
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Ages, Arrival, Bodies, Lease, Maildrop, Rows};
use pop3_proto_site::{Error, Listing, Result, Time};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The world, which all tasks share. There is one thread, so nobody ever waits for it.
pub(crate) type Shared = Arc<Mutex<World>>;

/// The operations of one task.
#[derive(Clone)]
pub(crate) struct Link {
    world: Shared,
    task: u32,
    sent: Arc<AtomicU32>,
    pub(crate) variant: Variant,
    /// For [`Variant::OneView`]: what was listed before the lease was taken.
    pub(crate) view: Arc<Mutex<Option<Listing>>>,
}

/// An operation that a task waits for.
struct Call<'a> {
    link: &'a Link,
    /// It is sent when the task first waits for it.
    operation: Option<Operation>,
    is_done: bool,
}

impl Link {
    pub(crate) fn new(world: &Shared, task: u32, variant: Variant) -> Self {
        Link { world: Arc::clone(world), task, sent: Arc::default(), variant, view: Arc::default() }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) async fn ask(&self, operation: Operation) -> Result<Outcome> {
        Call { link: self, operation: Some(operation), is_done: false }.await.map_err(Error::from)
    }

    pub(crate) async fn statement(&self, statement: Statement) -> Result<Outcome> {
        self.ask(Operation::Statement(statement)).await
    }

    /// Reads a body.
    pub(crate) async fn read(&self, id: Id) -> Result<Option<Vec<u8>>> {
        match self.ask(Operation::Read(id)).await? {
            Outcome::Body(body) => Ok(body),
            other => Err(unexpected(&other)),
        }
    }
}

impl Future for Call<'_> {
    type Output = Result<Outcome, &'static str>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (task, operation) = (self.link.task, self.operation.take());
        let mut world = self.link.world();
        if let Some(operation) = operation {
            let number = self.link.sent.fetch_add(1, Relaxed);
            world.send((task, number), operation, context.waker().clone());
            return Poll::Pending;
        }
        let answer = world.take_answer(task);
        drop(world);
        self.is_done = answer.is_some();
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_done && self.operation.is_none() {
            self.link.world().abandon(self.link.task);
        }
    }
}

impl Rows for Link {
    async fn acquire(&self, lease: Lease) -> Result<bool> {
        match self.variant {
            Variant::SameToken => self.acquire_twice(lease).await,
            Variant::OneView => self.acquire_after_view(lease).await,
            _ => truth(self.statement(Statement::Acquire(lease)).await?),
        }
    }

    async fn snapshot(&self, lease: Lease) -> Result<Option<Listing>> {
        let outcome = match self.variant {
            Variant::OneView => return Ok(self.view.lock().unwrap().take()),
            Variant::AnyHolder => self.ask(Operation::List(lease.maildrop)).await?,
            _ => self.statement(Statement::Snapshot(lease)).await?,
        };
        match outcome {
            Outcome::Listing(listing) => Ok(listing),
            other => Err(unexpected(&other)),
        }
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Token>> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        match self.statement(Statement::Renew(in_order(leases))).await? {
            Outcome::Tokens(tokens) => Ok(tokens),
            other => Err(unexpected(&other)),
        }
    }

    async fn release(&self, leases: &[Lease]) -> Result<()> {
        if leases.is_empty() {
            return Ok(());
        }
        self.statement(Statement::Release(in_order(leases))).await.map(drop)
    }

    async fn commit(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        match self.variant {
            Variant::CheckFirst => self.check_then_remove(lease, ids).await,
            Variant::BodyFirst => self.delete_then_commit(lease, ids).await,
            Variant::OneByOne => self.commit_one_by_one(lease, ids).await,
            _ => truth(self.statement(Statement::Commit(lease, ids.to_vec())).await?),
        }
    }

    async fn left(&self, maildrop: Maildrop, ids: &[Id]) -> Result<u64> {
        if self.variant == Variant::NothingAsked {
            return Ok(1);
        }
        match self.statement(Statement::Left(maildrop, ids.to_vec())).await? {
            Outcome::Count(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }

    async fn announce(&self, id: Id) -> Result<()> {
        match self.variant {
            Variant::ObjectAge => Ok(()),
            _ => self.statement(Statement::Announce(id)).await.map(drop),
        }
    }

    async fn arrive(&self, maildrop: Maildrop, arrival: Arrival<'_>) -> Result<bool> {
        let octets = arrival.octets + u64::from(self.variant == Variant::OtherSize);
        let message = Message { octets, uid: arrival.uid.map(str::to_owned) };
        if self.variant == Variant::ObjectAge {
            return self.ask(Operation::Insert(maildrop, arrival.id, message)).await.map(|_| true);
        }
        truth(self.statement(Statement::Arrive(maildrop, arrival.id, message)).await?)
    }

    async fn has_arrived(&self, maildrop: Maildrop, id: Id) -> Result<bool> {
        match self.variant {
            Variant::ArrivalAssumed => Ok(true),
            Variant::ArrivalDenied => Ok(false),
            _ => truth(self.statement(Statement::HasArrived(maildrop, id)).await?),
        }
    }

    async fn doom(&self, ages: Ages) -> Result<Vec<Id>> {
        let outcome = match self.variant {
            Variant::ObjectAge => self.ask(Operation::Old(ages.coming)).await?,
            _ => self.statement(Statement::Doom(ages)).await?,
        };
        match outcome {
            Outcome::Ids(ids) => Ok(ids),
            other => Err(unexpected(&other)),
        }
    }

    async fn forget(&self, ids: &[Id]) -> Result<()> {
        match self.variant {
            Variant::NothingForgotten => Ok(()),
            _ => self.statement(Statement::Forget(ids.to_vec())).await.map(drop),
        }
    }
}

impl Bodies for Link {
    async fn put(&self, id: Id, mut body: impl AsyncRead + Send + Unpin) -> Result<u64> {
        let mut octets = Vec::new();
        body.read_to_end(&mut octets).await?;
        let count = octets.len() as u64;
        self.ask(Operation::Put(id, octets)).await.map(|_| count)
    }

    async fn delete(&self, ids: &[Id]) -> Vec<Id> {
        match self.ask(Operation::Delete(ids.to_vec())).await {
            Ok(_) => ids.to_vec(),
            Err(_) => Vec::new(),
        }
    }
}

impl Time for Link {
    async fn sleep(&self, duration: Duration) {
        let until = self.world().model.now + i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let mut is_set = false;
        std::future::poll_fn(|context| {
            let mut world = self.world();
            if world.model.now >= until {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut is_set, true) {
                world.set_timer(until, context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

pub(crate) fn truth(outcome: Outcome) -> Result<bool> {
    match outcome {
        Outcome::Truth(truth) => Ok(truth),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(outcome: &Outcome) -> Error {
    format!("the simulation answered {outcome:?}").into()
}

/// A keeper has its leases in no order. Here they have one, so each run is the same.
fn in_order(leases: &[Lease]) -> Vec<Lease> {
    let mut leases = leases.to_vec();
    leases.sort_unstable_by_key(|lease| lease.maildrop);
    leases
}
