//! What users and senders do in a node, with a log of it.

use crate::log::{Event, Log, now, number};
use fastrand::Rng;
use futures_util::stream;
use pop3_proto::MessageNumber;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Ages, Arrival, Lease, Maildrop, Rows};
use pop3_proto_site::{Database, Held, Keeper, Listing, Objects, Result, Site};
use std::io::{self, Cursor, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::sleep;
use tokio_util::io::StreamReader;

/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_millis(600);

/// When bodies are collected. Some deliveries take longer.
pub(crate) const AGES: Ages = Ages { coming: 1500, going: 700 };

/// Returns the body that a message has. Most are short, and some are longer than the first part that a node asks for.
pub(crate) fn body(id: Id) -> Vec<u8> {
    let random = number(id) & 0xffff_ffff;
    let size = match random % 64 {
        0 => 150_000,
        1 | 2 => 65_400 + random / 64 % 300,
        _ => random / 64 % 3000,
    };
    let mut body = Vec::new();
    for line in 0.. {
        body.extend(format!("{id} {line}\r\n").bytes());
        if body.len() as u128 >= size {
            break;
        }
    }
    body
}

/// The database of a node that is tortured. It logs when the result of a QUIT is lost.
pub(crate) struct Watched {
    pub(crate) rows: Database,
    pub(crate) log: Arc<Log>,
}

impl Watched {
    fn watch<T>(&self, lease: Lease, result: Result<T>) -> Result<T> {
        result.inspect_err(|_| self.log.lost(lease))
    }
}

impl Rows for Watched {
    async fn acquire(&self, lease: Lease) -> Result<bool> {
        self.rows.acquire(lease).await
    }
    async fn snapshot(&self, lease: Lease) -> Result<Option<Listing>> {
        self.rows.snapshot(lease).await
    }
    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Token>> {
        self.rows.renew(leases).await
    }
    async fn release(&self, leases: &[Lease]) -> Result<()> {
        self.rows.release(leases).await
    }
    async fn commit(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        self.watch(lease, self.rows.commit(lease, ids).await)
    }
    async fn left(&self, maildrop: Maildrop, ids: &[Id]) -> Result<u64> {
        self.rows.left(maildrop, ids).await
    }
    async fn announce(&self, id: Id) -> Result<()> {
        self.rows.announce(id).await
    }
    async fn arrive(&self, maildrop: Maildrop, arrival: Arrival<'_>) -> Result<bool> {
        self.rows.arrive(maildrop, arrival).await
    }
    async fn has_arrived(&self, maildrop: Maildrop, id: Id) -> Result<bool> {
        self.rows.has_arrived(maildrop, id).await
    }
    async fn doom(&self, ages: Ages) -> Result<Vec<Id>> {
        self.rows.doom(ages).await
    }
    async fn forget(&self, ids: &[Id]) -> Result<()> {
        self.rows.forget(ids).await
    }
}

/// A user or a sender, who does one thing after the other.
pub(crate) struct Worker {
    pub(crate) site: Arc<Site<Watched, Objects>>,
    pub(crate) keeper: Keeper,
    pub(crate) log: Arc<Log>,
    pub(crate) maildrops: Maildrop,
    pub(crate) rng: Rng,
}

impl Worker {
    pub(crate) async fn run(mut self) {
        loop {
            let maildrop = self.rng.i64(1..=self.maildrops);
            match self.rng.u8(0..10) {
                0..4 => self.deliver(maildrop).await,
                _ => self.visit(maildrop).await,
            }
        }
    }

    async fn deliver(&mut self, maildrop: Maildrop) {
        let id = Id::new().unwrap();
        self.log.write(&Event::Delivers(maildrop, number(id)));
        // Some senders are so slow that the body is collected first.
        let pause = match self.rng.u8(0..40) {
            0 => self.rng.u64(0..2 * AGES.coming),
            _ => 0,
        };
        let delivery =
            self.site.deliver(maildrop, (id, None), slow(body(id), Duration::from_millis(pause))).await;
        if let Ok(delivery) = delivery {
            self.log.delivered(maildrop, id, delivery);
        }
    }

    async fn visit(&mut self, maildrop: Maildrop) {
        let began = now();
        let (lease, listing) = match self.site.open(maildrop).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return self.log.write(&Event::InUse(maildrop)),
            Err(_) => return,
        };
        let ids: Vec<Id> = listing.ids().collect();
        self.log.opened(lease, began, &ids);
        // The node does not know some sessions, so their leases end by themselves.
        let held = (self.rng.u8(0..4) > 0).then(|| self.keeper.hold(lease));
        for _ in 0..self.rng.u8(0..4) {
            self.read(lease, &listing, held.as_ref()).await;
        }
        self.stay().await;
        let is_broken = self.rng.u8(0..5) == 0;
        if !is_broken {
            self.quit(lease, &ids).await;
        }
    }

    async fn read(&mut self, lease: Lease, listing: &Listing, held: Option<&Held>) {
        let count = u32::try_from(listing.ids().count()).unwrap();
        if count == 0 || held.is_some_and(Held::is_lost) {
            return;
        }
        let chosen = MessageNumber::new(self.rng.u32(1..=count)).unwrap();
        let (id, octets) = listing.get(chosen).unwrap();
        // RETR or TOP.
        let most = if self.rng.bool() { u64::MAX } else { 300 };
        match self.fetch(id, octets, most).await {
            Ok(read) if read[..] != body(id)[..read.len()] || read.len() as u64 != octets.min(most) => {
                self.log.differs(lease, id);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => self.log.missing(lease, id),
            Ok(_) | Err(_) => {}
        }
    }

    async fn fetch(&self, id: Id, octets: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        self.site.bodies.open(id, octets).await?.take(most).read_to_end(&mut read).await?;
        Ok(read)
    }

    /// Most sessions are short, and some are longer than a lease.
    async fn stay(&mut self) {
        let lease = u64::try_from(LEASE.as_millis()).unwrap();
        let time = match self.rng.u8(0..10) {
            0..5 => 0,
            5..9 => self.rng.u64(0..lease / 2),
            _ => self.rng.u64(0..2 * lease),
        };
        sleep(Duration::from_millis(time)).await;
    }

    async fn quit(&mut self, lease: Lease, ids: &[Id]) {
        let is_all = self.rng.u8(0..3) == 0;
        let marked: Vec<Id> = ids.iter().copied().filter(|_| is_all || self.rng.u8(0..3) > 0).collect();
        self.log.removes(lease, &marked);
        let removal = self.site.remove(lease, &marked).await;
        self.log.told(lease, removal);
    }
}

/// Returns a message whose second half comes after a pause.
fn slow(mut body: Vec<u8>, pause: Duration) -> impl AsyncRead + Send + Unpin {
    let rest = body.split_off(body.len() / 2);
    let rest = stream::once(Box::pin(async move {
        sleep(pause).await;
        io::Result::Ok(Cursor::new(rest))
    }));
    Cursor::new(body).chain(StreamReader::new(rest))
}
