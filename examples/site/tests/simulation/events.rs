//! What a simulation must have seen, or it shows nothing.

/// Something worth seeing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    DoneAfterLostResult,
    NotDoneAfterLostResult,
    UnknownButDone,
    UnknownAndNotDone,
    DeliveredAfterLostResult,
    DeliveredAfterRemoval,
    DeliveryRefused,
    RefusedAfterRemoval,
    ExpiredLeaseUsed,
    FenceRefused,
    SnapshotRefused,
    InUse,
    LateAcquire,
    LateCommit,
    CommitOfTheDead,
    LateRenewal,
    RenewalRefused,
    PutAfterDoom,
    DeletedTwice,
    UnreadableAfterLoss,
    SecondAttempt,
    Released,
    Drained,
    PausedTooLong,
    Killed,
}

/// Each event, and what it is.
pub(crate) const ALL: [(Event, &str); 25] = [
    (Event::DoneAfterLostResult, "QUIT reported as done after the result of its commit was lost"),
    (Event::NotDoneAfterLostResult, "QUIT reported as not done after the result of its commit was lost"),
    (Event::UnknownButDone, "QUIT reported as unknown, and it had removed the messages"),
    (Event::UnknownAndNotDone, "QUIT reported as unknown, and it had removed nothing so far"),
    (Event::DeliveredAfterLostResult, "message reported as delivered after the result was lost"),
    (Event::DeliveredAfterRemoval, "message reported as delivered after a session removed it"),
    (Event::DeliveryRefused, "message reported as not delivered"),
    (
        Event::RefusedAfterRemoval,
        "message reported as not delivered after it was delivered, removed and collected",
    ),
    (Event::ExpiredLeaseUsed, "expired lease used by a commit"),
    (Event::FenceRefused, "commit refused by the fence"),
    (Event::SnapshotRefused, "lease lost between login and snapshot"),
    (Event::InUse, "login refused because the maildrop is in use"),
    (Event::LateAcquire, "maildrop taken by a login that had given up"),
    (Event::LateCommit, "commit applied after its session was told the outcome"),
    (Event::CommitOfTheDead, "commit applied after its node was killed"),
    (Event::LateRenewal, "renewal of a lease that has ended"),
    (Event::RenewalRefused, "keeper told that a lease is lost"),
    (Event::PutAfterDoom, "body written after its row was doomed"),
    (Event::DeletedTwice, "body deleted after another collector forgot it"),
    (Event::UnreadableAfterLoss, "message not readable any more in a session that lost its lease"),
    (Event::SecondAttempt, "maildrop opened by the second attempt"),
    (Event::Released, "lease of a dropped session released by the keeper"),
    (Event::Drained, "node drained"),
    (Event::PausedTooLong, "node with leases paused for longer than a lease"),
    (Event::Killed, "node with leases killed"),
];

/// How often each event happened.
#[derive(Clone, Default, Debug)]
pub(crate) struct Events([u64; ALL.len()]);

impl Events {
    pub(crate) fn count(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    pub(crate) fn get(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    pub(crate) fn add(&mut self, other: &Events) {
        self.0.iter_mut().zip(other.0).for_each(|(count, other)| *count += other);
    }

    /// Returns each event with its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ALL.into_iter().map(|(event, text)| (text, self.get(event)))
    }
}
