//! The database, the object store, the clock, and every operation that is on its way to them.

use crate::events::Event;
use crate::judge::Judge;
use crate::model::{Message, Model, Outcome, State, Statement};
use crate::promise::Promise;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Lease, Maildrop};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::task::Waker;

/// The name of an operation on its way. It stays the same if other things are left out of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// The one that this task waits for.
    Awaited(u32),
    /// Of those that this task waits for no more, the one at this place.
    Late(u32, usize),
}

/// Tasks with these numbers and above belong to the simulation: keepers, and what checks the end.
pub(crate) const KEEPERS: u32 = 1_000_000;

/// What a node asks. The last five are for variants of the rules that are wrong.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Statement(Statement),
    Put(Id, Vec<u8>),
    Delete(Vec<Id>),
    Read(Id),
    /// Returns whether a session holds a maildrop.
    Holds(Lease),
    /// Removes messages without a look at the lease.
    Remove(Lease, Vec<Id>),
    List(Maildrop),
    /// Delivers a message that was not announced.
    Insert(Maildrop, Id, Message),
    /// Lists the objects without a message that are older than this.
    Old(u64),
}

/// An operation on its way.
pub(crate) struct Flight {
    pub(crate) task: u32,
    /// How many operations the task had sent before.
    number: u32,
    operation: Operation,
    /// The result, on its way back.
    outcome: Option<Result<Outcome, &'static str>>,
    waker: Waker,
    /// The sender waits no more. The operation may still run.
    pub(crate) is_abandoned: bool,
    /// The sender was killed.
    is_of_dead: bool,
}

/// A body in the object store.
struct Object {
    body: Vec<u8>,
    since: i64,
}

/// Everything but the nodes.
pub(crate) struct World {
    pub(crate) model: Model,
    objects: HashMap<Id, Object>,
    pub(crate) flights: Vec<Flight>,
    answers: HashMap<u32, Result<Outcome, &'static str>>,
    timers: BTreeMap<(i64, u64), Waker>,
    timer: u64,
    pub(crate) judge: Judge,
    /// Which delivery made a message. For the schedule.
    pub(crate) deliveries: HashMap<Id, u32>,
    /// What happened, in words, if somebody wants to read it.
    pub(crate) story: Option<Vec<String>>,
}

impl Flight {
    /// Returns whether the operation has run, and its result is on its way back.
    pub(crate) fn is_applied(&self) -> bool {
        self.outcome.is_some()
    }
}

impl World {
    pub(crate) fn new(maildrops: i64, lease: i64) -> Self {
        let (objects, flights, answers, timers, judge, deliveries) = Default::default();
        let model = Model::new(1..=maildrops, lease);
        World { model, objects, flights, answers, timers, timer: 0, judge, deliveries, story: None }
    }

    pub(crate) fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        let line = self.story.is_some().then(|| line(self));
        if let Some(story) = &mut self.story {
            story.extend(line);
        }
    }

    // What nodes do.

    pub(crate) fn send(&mut self, (task, number): (u32, u32), operation: Operation, waker: Waker) {
        let (outcome, is_abandoned, is_of_dead) = (None, false, false);
        self.flights.push(Flight { task, number, operation, outcome, waker, is_abandoned, is_of_dead });
    }

    pub(crate) fn take_answer(&mut self, task: u32) -> Option<Result<Outcome, &'static str>> {
        self.answers.remove(&task)
    }

    /// The task is gone, and waits no more.
    pub(crate) fn abandon(&mut self, task: u32) {
        self.answers.remove(&task);
        if let Some(at) = self.find(Name::Awaited(task)) {
            match self.flights[at].is_applied() {
                true => drop(self.flights.remove(at)),
                false => (self.flights[at].is_abandoned, self.flights[at].is_of_dead) = (true, true),
            }
        }
    }

    pub(crate) fn set_timer(&mut self, at: i64, waker: Waker) {
        self.timer += 1;
        self.timers.insert((at, self.timer), waker);
    }

    // What the scheduler does.

    pub(crate) fn find(&self, name: Name) -> Option<usize> {
        match name {
            Name::Awaited(task) => {
                self.flights.iter().position(|flight| flight.task == task && !flight.is_abandoned)
            }
            Name::Late(task, place) => {
                let late = |flight: &Flight| flight.task == task && flight.is_abandoned;
                let mut flights = self.flights.iter().enumerate().filter(|(_, flight)| late(flight));
                flights.nth(place).map(|(at, _)| at)
            }
        }
    }

    /// Returns the name of an operation.
    pub(crate) fn name(&self, at: usize) -> Name {
        let Flight { task, is_abandoned, .. } = self.flights[at];
        let late = |flight: &&Flight| flight.task == task && flight.is_abandoned;
        match is_abandoned {
            true => Name::Late(task, self.flights[..at].iter().filter(late).count()),
            false => Name::Awaited(task),
        }
    }

    /// Runs an operation.
    pub(crate) fn apply(&mut self, name: Name) {
        let Some(at) = self.find(name).filter(|at| !self.flights[*at].is_applied()) else { return };
        let mut flight = self.flights.remove(at);
        let outcome = self.execute(&flight);
        self.tell(|_| format!("            -> {}", show_outcome(&outcome)));
        if !flight.is_abandoned {
            flight.outcome = Some(outcome);
            self.flights.insert(at, flight);
        }
    }

    /// Delivers the result of an operation.
    pub(crate) fn answer(&mut self, name: Name) {
        let Some(at) = self.find(name).filter(|at| self.flights[*at].is_applied()) else { return };
        let Flight { task, outcome, waker, .. } = self.flights.remove(at);
        self.answers.extend(outcome.map(|outcome| (task, outcome)));
        waker.wake();
    }

    /// Makes the sender believe that the operation failed. If it has not run, it stays on its way.
    pub(crate) fn lose(&mut self, name: Name) {
        let Some(at) = self.find(name).filter(|at| !self.flights[*at].is_abandoned) else { return };
        let flight = &mut self.flights[at];
        let is_applied = flight.is_applied();
        flight.is_abandoned = true;
        self.answers.insert(flight.task, Err("the connection broke"));
        flight.waker.wake_by_ref();
        match (&flight.operation, &flight.outcome) {
            (Operation::Statement(Statement::Commit(lease, _)), _) => {
                self.judge.lost_commit(lease.token, is_applied);
            }
            (Operation::Statement(Statement::Arrive(_, id, _)), Some(Ok(Outcome::Truth(true)))) => {
                self.judge.lost_arrival(*id);
            }
            _ => {}
        }
        if is_applied {
            self.flights.remove(at);
        }
    }

    /// Drops an operation whose sender waits no more.
    pub(crate) fn vanish(&mut self, name: Name) {
        if let Some(at) = self.find(name).filter(|at| self.flights[*at].is_abandoned) {
            self.flights.remove(at);
        }
    }

    /// Lets time pass, and wakes whoever slept until then.
    pub(crate) fn pass(&mut self, milliseconds: i64) {
        self.model.now += milliseconds;
        let later = self.timers.split_off(&(self.model.now + 1, 0));
        let due = std::mem::replace(&mut self.timers, later);
        due.into_values().for_each(Waker::wake);
    }

    /// Returns how long it is until the next timer.
    pub(crate) fn next_timer(&self) -> Option<i64> {
        self.timers.first_key_value().map(|((at, _), _)| at - self.model.now)
    }

    fn execute(&mut self, flight: &Flight) -> Result<Outcome, &'static str> {
        let operation = &flight.operation;
        let before = self.event_before(flight);
        let outcome = self.run(operation);
        let events = before.into_iter().chain(self.event_after(flight, &outcome));
        events.for_each(|event| self.judge.events.count(event));
        let changes = std::mem::take(&mut self.model.changes);
        let objects = &self.objects;
        let size = |id: Id| objects.get(&id).map(|object| object.body.len() as u64);
        self.judge.transaction(operation.remover(), &changes, size);
        outcome
    }

    fn run(&mut self, operation: &Operation) -> Result<Outcome, &'static str> {
        let model = &mut self.model;
        match operation {
            Operation::Statement(statement) => return model.run(statement),
            Operation::Put(id, body) => {
                let is_late = model.loose.get(id).is_none_or(|loose| loose.state != State::Coming);
                self.judge.put(*id, is_late);
                self.objects.insert(*id, Object { body: body.clone(), since: model.now });
            }
            Operation::Delete(ids) => {
                for id in ids {
                    self.objects.remove(id);
                    self.judge.deleted(*id);
                }
            }
            Operation::Read(id) => {
                return Ok(Outcome::Body(self.objects.get(id).map(|object| object.body.clone())));
            }
            Operation::Holds(lease) => {
                let row = model.maildrops.get(&lease.maildrop);
                return Ok(Outcome::Truth(row.is_some_and(|row| row.holder == Some(lease.token))));
            }
            Operation::Remove(lease, ids) => model.remove(lease.maildrop, ids)?,
            Operation::List(maildrop) => {
                return model.list(*maildrop).map(|listing| Outcome::Listing(Some(listing)));
            }
            Operation::Insert(maildrop, id, message) => model.insert(*maildrop, *id, message)?,
            Operation::Old(age) => {
                let limit = model.now - i64::try_from(*age).unwrap_or(i64::MAX / 2);
                let known = |id: &Id| model.messages.keys().any(|(_, known)| known == id);
                let old = self.objects.iter().filter(|(id, object)| object.since < limit && !known(id));
                let mut old: Vec<Id> = old.map(|(id, _)| *id).collect();
                old.sort_unstable();
                return Ok(Outcome::Ids(old));
            }
        }
        Ok(Outcome::Done)
    }

    /// Returns what can be seen before an operation runs.
    fn event_before(&self, flight: &Flight) -> Option<Event> {
        let row = |lease: &Lease| self.model.maildrops.get(&lease.maildrop);
        let held = |lease: &Lease| row(lease).filter(|row| row.holder == Some(lease.token));
        let has_ended = |lease: &Lease| held(lease).is_some_and(|row| row.expires.is_none());
        let has_not_ended = |lease: &Lease| held(lease).is_some_and(|row| row.expires.is_some());
        let has_expired = |lease: &Lease| {
            has_not_ended(lease) && held(lease).is_some_and(|row| row.expires <= Some(self.model.now))
        };
        let is_coming = |id: &Id| self.model.loose.get(id).is_some_and(|loose| loose.state == State::Coming);
        let is_forgotten = |id: &Id| !self.model.loose.contains_key(id);
        match &flight.operation {
            Operation::Put(id, _) if !is_coming(id) => Some(Event::PutAfterDoom),
            Operation::Delete(ids) if ids.iter().any(is_forgotten) => Some(Event::DeletedTwice),
            Operation::Statement(statement) => match statement {
                Statement::Renew(leases) if leases.iter().any(has_ended) => Some(Event::LateRenewal),
                Statement::Release(leases) if flight.task >= KEEPERS && leases.iter().any(has_not_ended) => {
                    Some(Event::Released)
                }
                Statement::Commit(lease, ids) if !ids.is_empty() && has_expired(lease) => {
                    Some(Event::ExpiredLeaseUsed)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns what can be seen from the result of an operation.
    fn event_after(&self, flight: &Flight, outcome: &Result<Outcome, &'static str>) -> Option<Event> {
        let (Operation::Statement(statement), Ok(outcome)) = (&flight.operation, outcome) else {
            return None;
        };
        let has_changed = !self.model.changes.is_empty();
        Some(match (statement, outcome) {
            (Statement::Acquire(_), Outcome::Truth(false)) => Event::InUse,
            (Statement::Acquire(_), _) if flight.is_abandoned => Event::LateAcquire,
            (Statement::Acquire(_), _) if flight.number > 0 => Event::SecondAttempt,
            (Statement::Snapshot(_), Outcome::Listing(None)) => Event::SnapshotRefused,
            (Statement::Commit(..), Outcome::Truth(false)) => Event::FenceRefused,
            (Statement::Commit(..), _) if has_changed && flight.is_of_dead => Event::CommitOfTheDead,
            (Statement::Commit(lease, _), _) if flight.is_abandoned && self.judge.is_told(lease.token) => {
                Event::LateCommit
            }
            (Statement::Renew(leases), Outcome::Tokens(held)) if held.len() < leases.len() => {
                Event::RenewalRefused
            }
            _ => return None,
        })
    }

    /// Compares everything, after the faults are over and everything is collected. Objects that were put too late stay until a sweep.
    pub(crate) fn compare(&mut self) {
        for ((maildrop, id), message) in &self.model.messages {
            let size = self.objects.get(id).map(|object| object.body.len() as u64);
            if size != Some(message.octets) {
                self.judge.fail(Promise::Bodied, format!("maildrop {maildrop}: a body of {size:?}"));
            }
        }
        self.judge.compare(|maildrop, id| self.model.messages.contains_key(&(maildrop, id)));
        let loose = self.model.loose.len();
        if loose > 0 {
            self.judge.fail(Promise::Recovers, format!("{loose} bodies are never collected"));
        }
        let messages: HashSet<Id> = self.model.messages.keys().map(|(_, id)| *id).collect();
        let is_leaked = |id: &&Id| !messages.contains(id) && !self.judge.was_put_late(**id);
        let leaked = self.objects.keys().filter(is_leaked).count();
        if loose == 0 && leaked > 0 {
            self.judge.fail(Promise::Recovers, format!("{leaked} bodies are forgotten, but not deleted"));
        }
    }

    /// Writes an operation, with the deliveries that made its messages.
    pub(crate) fn show(&self, operation: &Operation) -> String {
        let message = |id: &Id| self.deliveries.get(id).map_or("?".into(), |task| format!("message {task}"));
        let messages = |ids: &[Id]| ids.iter().map(message).collect::<Vec<_>>().join(", ");
        match operation {
            Operation::Statement(statement) => match statement {
                Statement::Acquire(lease) => format!("acquire maildrop {}", lease.maildrop),
                Statement::Snapshot(lease) => format!("snapshot of maildrop {}", lease.maildrop),
                Statement::Renew(leases) => format!("renew {}", maildrops(leases)),
                Statement::Release(leases) => format!("release {}", maildrops(leases)),
                Statement::Commit(lease, ids) => {
                    format!("commit in maildrop {}: {}", lease.maildrop, messages(ids))
                }
                Statement::Left(maildrop, ids) => format!("count in maildrop {maildrop}: {}", messages(ids)),
                Statement::Announce(id) => format!("announce {}", message(id)),
                Statement::Arrive(maildrop, id, _) => {
                    format!("arrive in maildrop {maildrop}: {}", message(id))
                }
                Statement::HasArrived(_, id) => format!("has {} arrived?", message(id)),
                Statement::Doom(_) => "doom".into(),
                Statement::Forget(ids) => format!("forget {}", messages(ids)),
            },
            Operation::Put(id, _) => format!("put the body of {}", message(id)),
            Operation::Delete(ids) => format!("delete the bodies of {}", messages(ids)),
            Operation::Read(id) => format!("read {}", message(id)),
            Operation::Holds(lease) => format!("ask for the holder of maildrop {}", lease.maildrop),
            Operation::Remove(lease, ids) => {
                format!("remove from maildrop {}: {}", lease.maildrop, messages(ids))
            }
            Operation::List(maildrop) => format!("list maildrop {maildrop}"),
            Operation::Insert(maildrop, id, _) => format!("insert into maildrop {maildrop}: {}", message(id)),
            Operation::Old(_) => "list old objects".into(),
        }
    }

    /// Writes an operation on its way.
    pub(crate) fn show_flight(&self, name: Name) -> String {
        self.find(name).map_or("nothing".into(), |at| self.show(&self.flights[at].operation))
    }
}

impl Operation {
    /// Returns the token of the session that removes messages.
    fn remover(&self) -> Option<Token> {
        match self {
            Operation::Remove(lease, _) | Operation::Statement(Statement::Commit(lease, _)) => {
                Some(lease.token)
            }
            _ => None,
        }
    }
}

fn maildrops(leases: &[Lease]) -> String {
    let maildrops: Vec<String> = leases.iter().map(|lease| lease.maildrop.to_string()).collect();
    format!("maildrop {}", maildrops.join(", "))
}

fn show_outcome(outcome: &Result<Outcome, &'static str>) -> String {
    match outcome {
        Ok(Outcome::Done) => "done".into(),
        Ok(Outcome::Truth(truth)) => truth.to_string(),
        Ok(Outcome::Count(count)) => count.to_string(),
        Ok(Outcome::Tokens(tokens)) => format!("{} leases", tokens.len()),
        Ok(Outcome::Ids(ids)) => format!("{} bodies", ids.len()),
        Ok(Outcome::Listing(None)) => "the lease is lost".into(),
        Ok(Outcome::Listing(Some(listing))) => format!("{} messages", listing.ids().count()),
        Ok(Outcome::Body(None)) => "not found".into(),
        Ok(Outcome::Body(Some(body))) => format!("{} octets", body.len()),
        Err(error) => format!("error: {error}"),
    }
}
