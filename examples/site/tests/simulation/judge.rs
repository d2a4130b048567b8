//! What happened, what was told, and whether the one fits the other.

use crate::events::{Event, Events};
use crate::model::Change;
use crate::promise::Promise;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Lease, Maildrop};
use pop3_proto_site::{Delivery, Listing, Removal};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A promise that was broken.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) promise: Promise,
    pub(crate) text: String,
}

/// A moment: how many things had happened.
pub(crate) type Moment = u64;

/// Watches a site.
#[derive(Default)]
pub(crate) struct Judge {
    now: Moment,
    pub(crate) failure: Option<Failure>,
    pub(crate) events: Events,
    sessions: HashMap<Token, Session>,
    maildrops: HashMap<Maildrop, Mail>,
    messages: HashMap<Id, Fate>,
    bodies: HashSet<Id>,
    /// The bodies that were written after they were collected.
    late: HashSet<Id>,
}

/// A session, from the moment its token began.
struct Session {
    began: Moment,
    /// What QUIT is to remove.
    marked: Option<Vec<Id>>,
    has_removed: bool,
    told: Option<Removal>,
    lost: Lost,
}

/// Which results of its commits a session did not get.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lost {
    None,
    /// The operation may run later.
    Unknown,
    Applied,
}

#[derive(Default)]
struct Mail {
    /// The token that began last.
    last: Option<Token>,
    /// The messages that are there and were reported as delivered.
    told: BTreeSet<Id>,
    /// The messages that were removed, in order.
    removed: Vec<(Moment, Id)>,
}

#[derive(Default)]
struct Fate {
    is_inserted: bool,
    is_removed: bool,
    told: Option<(Delivery, Moment)>,
    has_lost_result: bool,
}

impl Judge {
    /// Returns the present moment.
    pub(crate) fn moment(&mut self) -> Moment {
        self.now += 1;
        self.now
    }

    /// Records a broken promise. Only the first counts.
    pub(crate) fn fail(&mut self, promise: Promise, text: impl Into<String>) {
        self.failure.get_or_insert_with(|| Failure { promise, text: text.into() });
    }

    /// Records what one transaction changed.
    pub(crate) fn transaction(
        &mut self,
        by: Option<Token>,
        changes: &[Change],
        size: impl Fn(Id) -> Option<u64>,
    ) {
        for change in changes {
            match *change {
                Change::Began(lease) => self.began(lease),
                Change::Inserted(maildrop, id, octets) => self.inserted(maildrop, id, octets, size(id)),
                Change::Removed(maildrop, id) => self.removed(by, maildrop, id),
            }
        }
        let removed = || changes.iter().filter(|change| matches!(change, Change::Removed(..))).count();
        if let Some(session) = by.and_then(|by| self.sessions.get_mut(&by)) {
            let (count, marked) = (removed(), session.marked.as_ref().map_or(0, Vec::len));
            let is_second = session.has_removed;
            session.has_removed |= count > 0;
            if count > 0 && (count != marked || is_second) {
                self.fail(Promise::Whole, format!("{count} of {marked} marked messages removed"));
            }
        }
    }

    fn began(&mut self, lease: Lease) {
        let began = self.moment();
        self.maildrops.entry(lease.maildrop).or_default().last = Some(lease.token);
        let session = Session { began, marked: None, has_removed: false, told: None, lost: Lost::None };
        if self.sessions.insert(lease.token, session).is_some() {
            self.fail(Promise::Unique, "a token began again");
        }
    }

    fn inserted(&mut self, maildrop: Maildrop, id: Id, octets: u64, size: Option<u64>) {
        let fate = self.messages.entry(id).or_default();
        let is_second = std::mem::replace(&mut fate.is_inserted, true);
        let is_refused = matches!(fate.told, Some((Delivery::NotDone, _)));
        if matches!(fate.told, Some((Delivery::Done, _))) {
            self.maildrops.entry(maildrop).or_default().told.insert(id);
        }
        if is_second {
            self.fail(Promise::Unique, "a message was inserted again");
        }
        if is_refused {
            self.fail(Promise::Refused, "a message arrived after it was reported as not delivered");
        }
        match size {
            None => self.fail(Promise::Bodied, "a message arrived without a body"),
            Some(size) if size != octets => {
                self.fail(Promise::Sized, format!("{octets} octets, but a body of {size}"));
            }
            Some(_) => {}
        }
    }

    fn removed(&mut self, by: Option<Token>, maildrop: Maildrop, id: Id) {
        let moment = self.moment();
        let drop = self.maildrops.entry(maildrop).or_default();
        drop.told.remove(&id);
        drop.removed.push((moment, id));
        let is_last = by.is_some() && drop.last == by;
        self.messages.entry(id).or_default().is_removed = true;
        let session = by.and_then(|by| self.sessions.get(&by));
        let is_marked =
            session.and_then(|session| session.marked.as_ref()).is_some_and(|ids| ids.contains(&id));
        let was_refused = session.is_some_and(|session| session.told == Some(Removal::NotDone));
        if !is_last || !is_marked {
            self.fail(Promise::Fenced, "removed by another than the last session, or without a mark");
        }
        if was_refused {
            self.fail(Promise::Truthful, "removed after the session was told that nothing is removed");
        }
    }

    /// Returns whether a body was written after it was collected. Only a sweep over all objects finds it.
    pub(crate) fn was_put_late(&self, id: Id) -> bool {
        self.late.contains(&id)
    }

    /// Records that a body was written.
    pub(crate) fn put(&mut self, id: Id, is_late: bool) {
        self.late.extend(is_late.then_some(id));
        if !self.bodies.insert(id) {
            self.fail(Promise::Unique, "a body was written again");
        }
    }

    /// Records that a body was deleted.
    pub(crate) fn deleted(&mut self, id: Id) {
        if self.messages.get(&id).is_some_and(|fate| fate.is_inserted && !fate.is_removed) {
            self.fail(Promise::Bodied, "the body of a message was deleted");
        }
    }

    /// Records that a session saw its messages. It asked at this moment.
    pub(crate) fn opened(&mut self, lease: Lease, listing: &Listing, asked: Moment) {
        let Some(session) = self.sessions.get(&lease.token) else {
            return self.fail(Promise::Fenced, "a session opened without a lease");
        };
        let began = session.began;
        let listed: BTreeSet<Id> = listing.ids().collect();
        let drop = self.maildrops.entry(lease.maildrop).or_default();
        let last = drop.removed.iter().rev();
        let removed_since: Vec<Id> =
            last.take_while(|(moment, _)| *moment > began).map(|(_, id)| *id).collect();
        let told_before = |id: &&Id| {
            let told = self.messages.get(*id).and_then(|fate| fate.told);
            matches!(told, Some((Delivery::Done, moment)) if moment < asked)
        };
        let due = drop.told.iter().chain(&removed_since).filter(told_before);
        let missing = due.filter(|id| !listed.contains(id)).count();
        let is_known = |id: &Id| self.messages.get(id).is_some_and(|fate| fate.is_inserted);
        let is_gone = |id: &Id| self.messages.get(id).is_some_and(|fate| fate.is_removed);
        let wrong =
            listed.iter().filter(|id| !is_known(id) || is_gone(id) && !removed_since.contains(id)).count();
        if missing > 0 {
            self.fail(Promise::Current, format!("{missing} messages are missing"));
        }
        if wrong > 0 {
            self.fail(Promise::Current, format!("{wrong} messages were removed before"));
        }
    }

    /// Records what a session read.
    pub(crate) fn read(&mut self, lease: Lease, octets: u64, body: Option<&[u8]>, delivered: &[u8]) {
        let is_held = self.maildrops.get(&lease.maildrop).is_some_and(|drop| drop.last == Some(lease.token));
        match body {
            None if is_held => self.fail(Promise::Bodied, "a listed message cannot be read"),
            None => self.events.count(Event::UnreadableAfterLoss),
            Some(body) if body != delivered || body.len() as u64 != octets => {
                self.fail(Promise::Sized, "a session read something else than was delivered");
            }
            Some(_) => {}
        }
    }

    /// Records which messages a session wants to remove.
    pub(crate) fn asked(&mut self, lease: Lease, marked: &[Id]) {
        if let Some(session) = self.sessions.get_mut(&lease.token) {
            session.marked = Some(marked.to_vec());
        }
    }

    /// Records that a session did not get the result of its commit.
    pub(crate) fn lost_commit(&mut self, token: Token, is_applied: bool) {
        if let Some(session) = self.sessions.get_mut(&token) {
            session.lost = session.lost.max(if is_applied { Lost::Applied } else { Lost::Unknown });
        }
    }

    /// Records what a session was told about its QUIT.
    pub(crate) fn told_removal(&mut self, lease: Lease, removal: Removal) {
        let Some(session) = self.sessions.get_mut(&lease.token) else { return };
        session.told = Some(removal);
        let (has_removed, lost) = (session.has_removed, session.lost);
        let marked = session.marked.as_deref().unwrap_or_default();
        let there = |id: &Id| self.messages.get(id).is_some_and(|fate| fate.is_inserted && !fate.is_removed);
        let (left, is_empty) = (marked.iter().filter(|id| there(id)).count(), marked.is_empty());
        match removal {
            Removal::Done if left > 0 => self.fail(Promise::Truthful, "told done, but messages are there"),
            Removal::NotDone if has_removed => {
                self.fail(Promise::Truthful, "told not done, but messages are gone");
            }
            _ if is_empty => {}
            Removal::Done if lost == Lost::Applied => self.events.count(Event::DoneAfterLostResult),
            Removal::NotDone if lost > Lost::None => self.events.count(Event::NotDoneAfterLostResult),
            Removal::Unknown if has_removed => self.events.count(Event::UnknownButDone),
            Removal::Unknown => self.events.count(Event::UnknownAndNotDone),
            Removal::Done | Removal::NotDone => {}
        }
    }

    /// Returns whether a session was told what became of its QUIT.
    pub(crate) fn is_told(&self, token: Token) -> bool {
        self.sessions.get(&token).is_some_and(|session| session.told.is_some())
    }

    /// Records that a sender did not get the result of an arrival that was applied.
    pub(crate) fn lost_arrival(&mut self, id: Id) {
        self.messages.entry(id).or_default().has_lost_result = true;
    }

    /// Records what a sender was told.
    pub(crate) fn told_delivery(&mut self, maildrop: Maildrop, id: Id, delivery: Delivery) {
        let moment = self.moment();
        let fate = self.messages.entry(id).or_default();
        fate.told = Some((delivery, moment));
        let (is_inserted, is_removed, was_lost) = (fate.is_inserted, fate.is_removed, fate.has_lost_result);
        match delivery {
            Delivery::Done if !is_inserted => {
                self.fail(Promise::Delivered, "told done, but never in the store");
            }
            Delivery::NotDone if is_inserted && !is_removed => {
                self.fail(Promise::Refused, "told not done, but in the store");
            }
            Delivery::NotDone if is_inserted => self.events.count(Event::RefusedAfterRemoval),
            Delivery::NotDone => self.events.count(Event::DeliveryRefused),
            Delivery::Done if is_removed => self.events.count(Event::DeliveredAfterRemoval),
            Delivery::Done => {
                self.maildrops.entry(maildrop).or_default().told.insert(id);
                if was_lost {
                    self.events.count(Event::DeliveredAfterLostResult);
                }
            }
        }
    }

    /// Compares all messages that were reported with those that are in the store.
    pub(crate) fn compare(&mut self, is_there: impl Fn(Maildrop, Id) -> bool) {
        let told =
            self.maildrops.iter().flat_map(|(maildrop, drop)| drop.told.iter().map(|id| (*maildrop, *id)));
        let missing = told.filter(|(maildrop, id)| !is_there(*maildrop, *id)).count();
        if missing > 0 {
            self.fail(Promise::Delivered, format!("{missing} messages are missing"));
        }
    }
}
