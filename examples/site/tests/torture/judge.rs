//! Whether what nodes were told fits what happened.

use crate::history::{History, Moment};
use crate::kit::Promise;
use crate::log::{Event, Number};
use pop3_proto_site::operations::Maildrop;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the events add up to.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Figures {
    pub(crate) sessions: u64,
    pub(crate) in_use: u64,
    pub(crate) deliveries: u64,
    pub(crate) delivered: u64,
    pub(crate) refused: u64,
    pub(crate) removed: u64,
    pub(crate) done: u64,
    pub(crate) not_done: u64,
    /// Told what became of the messages, after a result was lost.
    pub(crate) after_lost_result: u64,
    /// Told that it is unknown.
    pub(crate) unknown: u64,
    /// Not told, because the node was killed.
    pub(crate) never_told: u64,
    /// Reads that failed after the lease was lost and another session had removed the message.
    pub(crate) late_reads: u64,
    pub(crate) orphans: u64,
}

/// The promises that were broken, with how often and one example.
pub(crate) type Broken = BTreeMap<Promise, (u64, String)>;

/// A session, as its node saw it.
#[derive(Default)]
struct Session {
    opened: Option<Opened>,
    marked: Option<Vec<Number>>,
    has_lost: bool,
    told: Option<Option<bool>>,
}

struct Opened {
    maildrop: Maildrop,
    began: u64,
    listed: Vec<Number>,
}

#[derive(Default)]
struct Judge {
    figures: Figures,
    broken: Broken,
    sessions: HashMap<Number, Session>,
    /// The messages of each maildrop that were reported as delivered, and when.
    delivered: HashMap<Maildrop, Vec<(Number, u64)>>,
    refused: HashSet<Number>,
    missing: Vec<(Number, Number)>,
}

/// Judges what nodes told against the history.
pub(crate) fn judge(events: Vec<Event>, history: &History) -> (Broken, Figures) {
    let mut judge = Judge::default();
    events.into_iter().for_each(|event| judge.note(event));
    judge.check_messages(history);
    judge.check_removals(history);
    for (token, session) in std::mem::take(&mut judge.sessions) {
        judge.check_session(token, &session, history);
    }
    judge.figures.removed = history.removed.len() as u64;
    judge.figures.orphans = history.orphans as u64;
    (judge.broken, judge.figures)
}

impl Judge {
    fn break_promise(&mut self, promise: Promise, text: impl FnOnce() -> String) {
        self.broken.entry(promise).or_insert_with(|| (0, text())).0 += 1;
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Delivers(..) => self.figures.deliveries += 1,
            Event::Delivered(maildrop, id, true, time) => {
                self.figures.delivered += 1;
                self.delivered.entry(maildrop).or_default().push((id, time));
            }
            Event::Delivered(_, id, false, _) => {
                self.figures.refused += 1;
                self.refused.insert(id);
            }
            Event::InUse(_) => self.figures.in_use += 1,
            Event::Opened { maildrop, token, began, listed } => {
                self.figures.sessions += 1;
                self.sessions.entry(token).or_default().opened = Some(Opened { maildrop, began, listed });
            }
            Event::Removes(token, marked) => self.sessions.entry(token).or_default().marked = Some(marked),
            Event::Lost(token) => self.sessions.entry(token).or_default().has_lost = true,
            Event::Told(token, told) => self.sessions.entry(token).or_default().told = Some(told),
            Event::Missing(token, id) => self.missing.push((token, id)),
            Event::Differs(token, id) => {
                self.break_promise(Promise::Sized, || format!("{token:x} read {id:x} with other bytes"));
            }
        }
    }

    /// Checks the messages that are there, and looks for those that were delivered.
    fn check_messages(&mut self, history: &History) {
        for (id, stored) in &history.stored {
            match stored.size {
                None => self.break_promise(Promise::Bodied, || format!("{id:x} has no body")),
                Some(size) if size != stored.octets => {
                    self.break_promise(Promise::Sized, || format!("{id:x} has a body of {size} octets"));
                }
                Some(_) if !stored.is_intact => {
                    self.break_promise(Promise::Delivered, || format!("{id:x} has another body"));
                }
                Some(_) => {}
            }
            if self.refused.contains(id) {
                self.break_promise(Promise::Refused, || format!("{id:x} is there"));
            }
        }
        let delivered: Vec<Number> = self.delivered.values().flatten().map(|(id, _)| *id).collect();
        for id in delivered {
            if !history.stored.contains_key(&id) && !history.removed.contains_key(&id) {
                self.break_promise(Promise::Delivered, || format!("{id:x} is not there"));
            }
        }
        for (token, id) in std::mem::take(&mut self.missing) {
            // Its own QUIT follows its reads. Another session may have removed the message if the lease was lost.
            match history.removed.get(&id).is_some_and(|removed| removed.by != Some(token)) {
                true => self.figures.late_reads += 1,
                false => self.break_promise(Promise::Bodied, || format!("{token:x} cannot read {id:x}")),
            }
        }
        if history.again > 0 {
            self.break_promise(Promise::Unique, || format!("{} times", history.again));
        }
    }

    /// Checks that each message was removed by the session that held the maildrop, with its mark.
    fn check_removals(&mut self, history: &History) {
        for (id, removed) in &history.removed {
            let session = removed.by.and_then(|token| self.sessions.get(&token));
            let marked = session.and_then(|session| session.marked.as_ref());
            if !marked.is_some_and(|marked| marked.contains(id)) {
                self.break_promise(Promise::Fenced, || format!("{id:x} without a mark of {:x?}", removed.by));
            }
        }
    }

    fn check_session(&mut self, token: Number, session: &Session, history: &History) {
        let Some(&began) = history.began.get(&token) else {
            return self.break_promise(Promise::Fenced, || format!("{token:x} has never had the lease"));
        };
        if let Some(opened) = &session.opened {
            self.check_snapshot(token, began, opened, history);
        }
        let Some(marked) = &session.marked else { return };
        let removed =
            marked.iter().filter_map(|id| history.removed.get(id)).filter(|one| one.by == Some(token));
        let transactions: Vec<i64> = removed.map(|removed| removed.transaction).collect();
        let count = transactions.len();
        let is_one = transactions.windows(2).all(|pair| pair[0] == pair[1]);
        if count > 0 && (count != marked.len() || !is_one) {
            self.break_promise(Promise::Whole, || format!("{token:x} removed {count} of {}", marked.len()));
        }
        self.figures.after_lost_result +=
            u64::from(session.has_lost && matches!(session.told, Some(Some(_))));
        match session.told {
            Some(Some(true)) => {
                self.figures.done += 1;
                if marked.iter().any(|id| history.stored.contains_key(id)) {
                    self.break_promise(Promise::Truthful, || {
                        format!("{token:x}: done, and messages are there")
                    });
                }
            }
            Some(Some(false)) => {
                self.figures.not_done += 1;
                if count > 0 {
                    self.break_promise(Promise::Truthful, || {
                        format!("{token:x}: not done, and {count} are gone")
                    });
                }
            }
            Some(None) => self.figures.unknown += 1,
            None => self.figures.never_told += 1,
        }
    }

    fn check_snapshot(&mut self, token: Number, began: Moment, opened: &Opened, history: &History) {
        let was_removed = |id: &Number| history.removed.get(id).is_some_and(|removed| removed.moment < began);
        let listed: HashSet<Number> = opened.listed.iter().copied().collect();
        if let Some(id) = listed.iter().find(|id| was_removed(id)) {
            self.break_promise(Promise::Current, || format!("{token:x} lists {id:x}, which was removed"));
        }
        if let Some(id) = listed.iter().find(|id| !history.arrived.contains_key(id)) {
            self.break_promise(Promise::Current, || format!("{token:x} lists {id:x}, which never arrived"));
        }
        let before = self.delivered.get(&opened.maildrop).into_iter().flatten();
        let mut before = before.filter(|(_, time)| *time < opened.began).map(|(id, _)| *id);
        if let Some(id) = before.find(|id| !listed.contains(id) && !was_removed(id)) {
            self.break_promise(Promise::Current, || format!("{token:x} does not list {id:x}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Removed, Stored};

    /// What happened in the maildrop 1: the message 10 was delivered, and the session 7 removed it.
    struct Case {
        events: Vec<Event>,
        history: History,
    }

    impl Case {
        fn new() -> Self {
            let events = vec![
                Event::Delivers(1, 10),
                Event::Delivered(1, 10, true, 100),
                Event::Opened { maildrop: 1, token: 7, began: 200, listed: vec![10] },
                Event::Removes(7, vec![10]),
                Event::Told(7, Some(true)),
            ];
            let mut case = Case { events, history: History::default() };
            case.history.arrived.insert(10, 1);
            case.history.began.insert(7, 2);
            case.remove(10, 3, 7);
            case
        }

        fn remove(&mut self, id: Number, moment: Moment, by: Number) {
            self.history.removed.insert(id, Removed { moment, by: Some(by), transaction: moment });
        }

        /// Puts a message of 5 octets into the store.
        fn store(&mut self, id: Number, size: Option<u64>, is_intact: bool) {
            self.history.arrived.insert(id, 1);
            self.history.stored.insert(id, Stored { octets: 5, size, is_intact });
        }

        fn mark(&mut self, marked: &[Number], told: Option<bool>) {
            self.events.retain(|event| !matches!(event, Event::Removes(..) | Event::Told(..)));
            self.events.extend([Event::Removes(7, marked.to_vec()), Event::Told(7, told)]);
        }
    }

    #[track_caller]
    fn assert_broken(promise: Promise, change: impl FnOnce(&mut Case)) {
        let mut case = Case::new();
        change(&mut case);
        let (broken, _) = judge(case.events, &case.history);
        assert_eq!(broken.into_keys().collect::<Vec<_>>(), [promise]);
    }

    #[test]
    fn a_session_that_removes_its_messages_breaks_no_promise() {
        let Case { events, history } = Case::new();
        let (broken, figures) = judge(events, &history);
        assert!(broken.is_empty(), "{broken:?}");
        assert_eq!((figures.sessions, figures.delivered, figures.done, figures.removed), (1, 1, 1, 1));
    }

    #[test]
    fn messages_that_are_lost_or_changed_break_the_promises_about_them() {
        assert_broken(Promise::Delivered, |case| case.events.push(Event::Delivered(2, 11, true, 100)));
        assert_broken(Promise::Delivered, |case| case.store(11, Some(5), false));
        assert_broken(Promise::Sized, |case| case.store(11, Some(6), true));
        assert_broken(Promise::Sized, |case| case.events.push(Event::Differs(7, 10)));
        assert_broken(Promise::Bodied, |case| case.store(11, None, false));
        assert_broken(Promise::Bodied, |case| case.events.push(Event::Missing(7, 10)));
        assert_broken(Promise::Refused, |case| {
            case.events.push(Event::Delivered(1, 11, false, 100));
            case.store(11, Some(5), true);
        });
    }

    #[test]
    fn removals_that_nobody_asked_for_or_that_are_not_as_told_break_the_promises_about_them() {
        assert_broken(Promise::Fenced, |case| case.remove(10, 3, 8));
        assert_broken(Promise::Fenced, |case| case.remove(11, 3, 7)); // not marked
        assert_broken(Promise::Whole, |case| {
            case.mark(&[10, 11], None);
            case.store(11, Some(5), true);
        });
        assert_broken(Promise::Whole, |case| {
            case.mark(&[10, 11], None);
            case.remove(11, 4, 7);
        });
        assert_broken(Promise::Truthful, |case| case.mark(&[10], Some(false)));
        assert_broken(Promise::Truthful, |case| {
            case.history.removed.clear();
            case.store(10, Some(5), true);
        });
    }

    #[test]
    fn sessions_that_see_the_wrong_messages_or_begin_twice_break_the_promises_about_them() {
        assert_broken(Promise::Unique, |case| case.history.again = 1);
        assert_broken(Promise::Fenced, |case| {
            case.events.push(Event::Opened { maildrop: 2, token: 8, began: 200, listed: vec![] });
        });
        for (moment, listed) in [(4, vec![]), (1, vec![10]), (4, vec![10, 11])] {
            assert_broken(Promise::Current, |case| {
                let Some(Event::Opened { listed: list, .. }) = case.events.get_mut(2) else { panic!() };
                *list = listed;
                case.remove(10, moment, 7);
            });
        }
    }
}
