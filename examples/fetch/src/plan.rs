//! What to do about each message that the server lists.
//!
//! A message counts as known if its unique-id and its listed size are those of a message that is here. A server may use a unique-id again
//! once its message is gone, so the size has to agree too, and only what agrees is ever deleted.

use super::known::{Entry, Note};
use super::listing::Listing;
use super::store::Store;
use pop3_proto::MessageNumber;
use std::ffi::OsString;

/// A listed message that is safely here, in a file with this name.
#[derive(Clone, Debug)]
pub(super) struct Here {
    pub(super) number: MessageNumber,
    pub(super) name: OsString,
}

/// A line for the state file, about the unique-id of a listed message or about another.
pub(super) type Line = (Vec<u8>, OsString, Note);

/// What is to be done in a session. All lists are by number.
#[derive(Default, Debug)]
pub(super) struct Plan {
    /// To be fetched.
    pub(super) wanted: Vec<MessageNumber>,
    /// Here, and may be deleted.
    pub(super) here: Vec<Here>,
    /// Here by their unique-ids, but nothing shows yet that they are the same: they may be deleted in another session.
    pub(super) unproven: Vec<MessageNumber>,
    /// Without a unique-id, on a server that has unique-ids.
    pub(super) nameless: Vec<MessageNumber>,
    /// What was learned.
    pub(super) lines: Vec<Line>,
    /// How many messages are not listed any more whose deletion was asked for.
    pub(super) gone: usize,
    /// How many of the listed messages this run has not met before.
    pub(super) met: usize,
}

/// How a session compares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// It is in UTF-8 mode.
    pub(super) utf8: bool,
    /// What is here will be deleted.
    pub(super) delete: bool,
}

impl Plan {
    /// All there is, as nobody can tell what was fetched before.
    pub(super) fn all(listing: &Listing) -> Self {
        Plan { wanted: listing.numbers().collect(), ..Plan::default() }
    }

    /// By unique-ids and sizes.
    pub(super) fn new(listing: &Listing, store: &mut Store, rules: Rules) -> Self {
        let mut plan = Plan::default();
        let by_id = listing.by_id();
        for same in by_id.chunk_by(|a, b| listing.id(*a) == listing.id(*b)) {
            plan.compare(listing, same, store, rules);
        }
        for (id, entry) in store.known().iter().filter(|(id, entry)| entry.marked && !id.is_empty()) {
            if by_id.binary_search_by(|number| listing.id(*number).cmp(&Some(id))).is_err() {
                plan.forget(id, entry);
                plan.gone += 1;
            }
        }
        plan.nameless = listing.numbers().filter(|number| listing.id(*number).is_none()).collect();
        plan.wanted.sort_unstable();
        plan.here.sort_unstable_by_key(|here| here.number);
        plan.unproven.sort_unstable();
        plan
    }

    /// The listed messages with one unique-id, and what is here under it.
    fn compare(&mut self, listing: &Listing, same: &[MessageNumber], store: &mut Store, rules: Rules) {
        let id = same.first().and_then(|number| listing.id(*number)).unwrap_or_default();
        let mode = usize::from(rules.utf8);
        let mut free: Vec<&Entry> = store.known().entries(id).iter().collect();
        let mut met = Vec::new();
        let (mut odd, mut wanted) = (Vec::new(), Vec::new());
        for number in same {
            let size = listing.size(*number);
            match free.iter().position(|entry| size.is_some() && entry.sizes[mode] == size) {
                Some(place) => {
                    let entry = free.remove(place);
                    met.push(entry.name.clone());
                    self.here.push(Here { number: *number, name: entry.name.clone() });
                }
                None => odd.push(*number),
            }
        }
        for number in odd {
            let size = listing.size(number);
            let Some(place) = free.iter().position(|entry| size.is_none() || entry.sizes[mode].is_none())
            else {
                wanted.push(number);
                continue;
            };
            let verdict =
                size.map_or(Verdict::Unproven, |size| unsized_verdict(store, free[place], size, rules));
            if verdict == Verdict::Other {
                wanted.push(number);
                continue;
            }
            let entry = free.remove(place);
            met.push(entry.name.clone());
            match verdict {
                Verdict::Same => self.here.push(Here { number, name: entry.name.clone() }),
                _ => self.unproven.push(number),
            }
            if let (Some(size), Verdict::Same | Verdict::Sized) = (size, verdict) {
                let note = Note::Listed { utf8: rules.utf8, size };
                self.lines.push((id.into(), entry.name.clone(), note));
            }
        }
        // What is listed under this unique-id is not what it stood for, and what was marked is gone.
        for entry in free {
            let other = !wanted.is_empty() && same.iter().all(|number| listing.size(*number).is_some());
            if entry.marked || other {
                self.forget(id, entry);
                self.gone += usize::from(entry.marked);
            }
        }
        self.wanted.extend(wanted);
        for entry in store.known_mut().entries_mut(id).iter_mut().filter(|entry| met.contains(&entry.name)) {
            self.met += usize::from(!entry.met);
            entry.met = true;
        }
    }

    fn forget(&mut self, id: &[u8], entry: &Entry) {
        self.lines.push((id.into(), entry.name.clone(), Note::Forgotten));
    }
}

/// What a listed message is to one that is here under its unique-id, if no size was recorded in this mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Same,
    /// The same, as far as can be told; from now on the size tells.
    Sized,
    /// The same, as far as can be told, and nothing will tell.
    Unproven,
    Other,
}

fn unsized_verdict(store: &Store, entry: &Entry, size: u64, rules: Rules) -> Verdict {
    let resembles = store.resembles(&entry.name, size);
    match resembles {
        Some(true) => Verdict::Same,
        // Outside UTF-8 mode a server may have sent something in place of the message (RFC 6856 section 2.1).
        _ if rules.utf8 && !entry.utf8 => {
            if rules.delete {
                Verdict::Other
            } else {
                Verdict::Unproven
            }
        }
        Some(false) if entry.sizes == [None; 2] => Verdict::Other,
        _ => Verdict::Sized,
    }
}
