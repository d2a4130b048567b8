//! Decides what to do about each message that the server lists.
//!
//! A message counts as known if its unique-id and its listed size equal those of a stored message. A server may use a unique-id again
//! once its message is removed, so the size has to agree too. Only a message that agrees in both is ever deleted.

use super::known::{Entry, Note};
use super::listing::Listing;
use super::store::Store;
use pop3_proto::MessageNumber;
use std::ffi::OsString;

/// A listed message that is safely stored, in a file with this name.
#[derive(Clone, Debug)]
pub(super) struct Here {
    pub(super) number: MessageNumber,
    pub(super) name: OsString,
}

/// A line for the state file, about a unique-id that may or may not be listed.
pub(super) type Line = (Vec<u8>, OsString, Note);

/// The work of a session. All lists are by number.
#[derive(Default, Debug)]
pub(super) struct Plan {
    /// Messages to fetch.
    pub(super) wanted: Vec<MessageNumber>,
    /// Stored messages that may be deleted.
    pub(super) here: Vec<Here>,
    /// Messages that are stored by their unique-ids, without proof that they are the same. Another session may delete
    /// them.
    pub(super) unproven: Vec<MessageNumber>,
    /// Messages without a unique-id, on a server that has unique-ids.
    pub(super) nameless: Vec<MessageNumber>,
    /// The lines to add to the state file.
    pub(super) lines: Vec<Line>,
    /// How many messages whose deletion was requested are no longer listed.
    pub(super) gone: usize,
    /// How many of the listed messages this run has not met before.
    pub(super) met: usize,
}

/// The rules of comparison for a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether the session is in UTF-8 mode.
    pub(super) utf8: bool,
    /// Whether stored messages will be deleted.
    pub(super) delete: bool,
}

impl Plan {
    /// Plans to fetch everything, because nothing shows which messages were fetched before.
    pub(super) fn all(listing: &Listing) -> Self {
        Plan { wanted: listing.numbers().collect(), ..Plan::default() }
    }

    /// Compares messages by unique-ids and sizes.
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

    /// Compares the listed messages that share a unique-id with the stored messages that have it.
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
        // The unique-id now refers to another message, and the marked message is gone.
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

/// How a listed message relates to a stored one with the same unique-id, if no size was recorded in this
/// mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Same,
    /// They are the same as far as can be determined. From now on the size decides.
    Sized,
    /// They are the same as far as can be determined. Nothing can prove it.
    Unproven,
    Other,
}

fn unsized_verdict(store: &Store, entry: &Entry, size: u64, rules: Rules) -> Verdict {
    let resembles = store.resembles(&entry.name, size);
    match resembles {
        Some(true) => Verdict::Same,
        // Outside UTF-8 mode the server may have sent a substitute for the message (RFC 6856 section 2.1).
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
