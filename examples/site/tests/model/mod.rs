//! The small data of a site as maps. Each statement of `sql.rs` is a function here, with exactly its meaning.

use pop3_proto_site::Listing;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Ages, Lease, Maildrop};
use std::collections::BTreeMap;

/// How many bodies one statement dooms.
const DOOMED: usize = 500;

/// The tables, and the time.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// Milliseconds.
    pub(crate) now: i64,
    /// How long a lease lasts, in milliseconds.
    pub(crate) lease: i64,
    pub(crate) maildrops: BTreeMap<Maildrop, Row>,
    pub(crate) messages: BTreeMap<(Maildrop, Id), Message>,
    pub(crate) loose: BTreeMap<Id, Loose>,
    /// What the statements changed, as triggers would record it.
    pub(crate) changes: Vec<Change>,
}

/// A maildrop and its lease.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Row {
    pub(crate) holder: Option<Token>,
    /// `None` is `-infinity`.
    pub(crate) expires: Option<i64>,
    pub(crate) moved: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) octets: u64,
    pub(crate) uid: Option<String>,
}

/// A body without a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Loose {
    pub(crate) state: State,
    pub(crate) since: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Coming,
    Going,
    Doomed,
}

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Acquire(Lease),
    Snapshot(Lease),
    Renew(Vec<Lease>),
    Release(Vec<Lease>),
    Commit(Lease, Vec<Id>),
    Left(Maildrop, Vec<Id>),
    Announce(Id),
    Arrive(Maildrop, Id, Message),
    HasArrived(Maildrop, Id),
    Doom(Ages),
    Forget(Vec<Id>),
}

/// The result of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done,
    Truth(bool),
    Count(u64),
    Tokens(Vec<Token>),
    Ids(Vec<Id>),
    Listing(Option<Listing>),
    #[allow(dead_code)] // for the simulation, which has bodies too
    Body(Option<Vec<u8>>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// A session has become the holder.
    Began(Lease),
    Inserted(Maildrop, Id, u64),
    Removed(Maildrop, Id),
}

/// A statement that failed has changed nothing.
pub(crate) type Result<T = Outcome> = std::result::Result<T, &'static str>;

impl Model {
    pub(crate) fn new(maildrops: impl IntoIterator<Item = Maildrop>, lease: i64) -> Self {
        let maildrops = maildrops.into_iter().map(|maildrop| (maildrop, Row::default())).collect();
        let (messages, loose, changes) = Default::default();
        Model { now: 0, lease, maildrops, messages, loose, changes }
    }

    /// Runs a statement.
    pub(crate) fn run(&mut self, statement: &Statement) -> Result {
        match statement {
            Statement::Acquire(lease) => Ok(Outcome::Truth(self.acquire(*lease))),
            Statement::Snapshot(lease) => self.snapshot(*lease).map(Outcome::Listing),
            Statement::Renew(leases) => Ok(Outcome::Tokens(self.renew(leases))),
            Statement::Release(leases) => {
                self.release(leases);
                Ok(Outcome::Done)
            }
            Statement::Commit(lease, ids) => self.commit(*lease, ids).map(Outcome::Truth),
            Statement::Left(maildrop, ids) => Ok(Outcome::Count(self.there(*maildrop, ids).len() as u64)),
            Statement::Announce(id) => {
                self.loose.entry(*id).or_insert(Loose { state: State::Coming, since: self.now });
                Ok(Outcome::Done)
            }
            Statement::Arrive(maildrop, id, message) => {
                self.arrive(*maildrop, *id, message).map(Outcome::Truth)
            }
            Statement::HasArrived(maildrop, id) => {
                let is_going = self.loose.get(id).is_some_and(|loose| loose.state == State::Going);
                Ok(Outcome::Truth(is_going || self.messages.contains_key(&(*maildrop, *id))))
            }
            Statement::Doom(ages) => Ok(Outcome::Ids(self.doom(*ages))),
            Statement::Forget(ids) => {
                self.loose.retain(|id, loose| loose.state != State::Doomed || !ids.contains(id));
                Ok(Outcome::Done)
            }
        }
    }

    fn acquire(&mut self, lease: Lease) -> bool {
        let Some(row) = self.maildrops.get_mut(&lease.maildrop) else { return false };
        if row.moved || row.expires > Some(self.now) {
            return false;
        }
        (row.holder, row.expires) = (Some(lease.token), Some(self.now + self.lease));
        self.changes.push(Change::Began(lease));
        true
    }

    fn snapshot(&self, lease: Lease) -> Result<Option<Listing>> {
        let is_held = self.maildrops.get(&lease.maildrop).is_some_and(|row| row.holder == Some(lease.token));
        is_held.then(|| self.list(lease.maildrop)).transpose()
    }

    /// Lists the messages of a maildrop.
    pub(crate) fn list(&self, maildrop: Maildrop) -> Result<Listing> {
        let mut listing = Listing::default();
        for (id, message) in self.of(maildrop) {
            let pushed = listing.push(id, message.octets, message.uid.as_deref());
            pushed.map_err(|_| "the messages are not in order")?;
        }
        Ok(listing)
    }

    /// Returns the messages of a maildrop, in order.
    pub(crate) fn of(&self, maildrop: Maildrop) -> impl Iterator<Item = (Id, &Message)> {
        let first = Id::with_random(0, [0; 16]);
        let messages = self.messages.range((maildrop, first)..(maildrop + 1, first));
        messages.map(|((_, id), message)| (*id, message))
    }

    fn renew(&mut self, leases: &[Lease]) -> Vec<Token> {
        let expires = Some(self.now + self.lease);
        let held = self.held(leases).filter(|row| row.expires.is_some());
        held.filter_map(|row| {
            row.expires = expires;
            row.holder
        })
        .collect()
    }

    fn release(&mut self, leases: &[Lease]) {
        self.held(leases).for_each(|row| row.expires = None);
    }

    /// Returns the rows of these maildrops that one of these sessions holds.
    fn held(&mut self, leases: &[Lease]) -> impl Iterator<Item = &mut Row> {
        let has = |row: &Row| leases.iter().any(|lease| row.holder == Some(lease.token));
        let rows = self.maildrops.iter_mut();
        rows.filter(move |(maildrop, row)| {
            leases.iter().any(|lease| lease.maildrop == **maildrop) && has(row)
        })
        .map(|(_, row)| row)
    }

    fn commit(&mut self, lease: Lease, ids: &[Id]) -> Result<bool> {
        let Some(row) = self.maildrops.get_mut(&lease.maildrop) else { return Ok(false) };
        if row.moved || row.holder != Some(lease.token) {
            return Ok(false);
        }
        let before = row.expires.take();
        if let Err(error) = self.remove(lease.maildrop, ids) {
            self.maildrops.entry(lease.maildrop).and_modify(|row| row.expires = before);
            return Err(error);
        }
        Ok(true)
    }

    /// Removes messages, and lets their bodies go.
    pub(crate) fn remove(&mut self, maildrop: Maildrop, ids: &[Id]) -> Result<()> {
        let there = self.there(maildrop, ids);
        if there.iter().any(|id| self.loose.contains_key(id)) {
            return Err("the body is loose already");
        }
        for id in there {
            self.messages.remove(&(maildrop, id));
            self.loose.insert(id, Loose { state: State::Going, since: self.now });
            self.changes.push(Change::Removed(maildrop, id));
        }
        Ok(())
    }

    /// Returns those of the messages that are in the maildrop, each once.
    fn there(&self, maildrop: Maildrop, ids: &[Id]) -> Vec<Id> {
        let mut there: Vec<Id> =
            ids.iter().copied().filter(|id| self.messages.contains_key(&(maildrop, *id))).collect();
        there.sort_unstable();
        there.dedup();
        there
    }

    fn arrive(&mut self, maildrop: Maildrop, id: Id, message: &Message) -> Result<bool> {
        let is_there = self.maildrops.get(&maildrop).is_some_and(|row| !row.moved);
        let is_coming = self.loose.get(&id).is_some_and(|loose| loose.state == State::Coming);
        if !is_there || !is_coming {
            return Ok(false);
        }
        self.insert(maildrop, id, message)?;
        self.loose.remove(&id);
        Ok(true)
    }

    /// Adds a message.
    pub(crate) fn insert(&mut self, maildrop: Maildrop, id: Id, message: &Message) -> Result<()> {
        if self.messages.contains_key(&(maildrop, id)) {
            return Err("the maildrop has this id");
        }
        if let Some(uid) = &message.uid {
            if !(1..=70).contains(&uid.len()) {
                return Err("the unique-id does not have 1 to 70 bytes");
            }
            if self.of(maildrop).any(|(_, other)| other.uid.as_ref() == Some(uid)) {
                return Err("the maildrop has this unique-id");
            }
        }
        self.messages.insert((maildrop, id), message.clone());
        self.changes.push(Change::Inserted(maildrop, id, message.octets));
        Ok(())
    }

    fn doom(&mut self, ages: Ages) -> Vec<Id> {
        let before = |age: u64| self.now - i64::try_from(age).unwrap_or(i64::MAX / 2);
        let (coming, going) = (before(ages.coming), before(ages.going));
        let is_old =
            |loose: &Loose| loose.since < coming && (loose.state != State::Going || loose.since < going);
        let mut old: Vec<(i64, Id)> = self
            .loose
            .iter()
            .filter(|(_, loose)| is_old(loose))
            .map(|(id, loose)| (loose.since, *id))
            .collect();
        old.sort_unstable();
        old.truncate(DOOMED);
        for (_, id) in &old {
            self.loose.insert(*id, Loose { state: State::Doomed, since: self.now });
        }
        old.into_iter().map(|(_, id)| id).collect()
    }
}
