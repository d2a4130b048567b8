//! What a site promises.

use std::fmt;

/// A promise that a judge checks. The first eight are the invariants of the design.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Promise {
    Delivered,
    Fenced,
    Whole,
    Unique,
    Current,
    Sized,
    Bodied,
    Truthful,
    Refused,
    Recovers,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Promise::Delivered => {
                "1: a message that was reported as delivered is in the store, byte for byte, until a QUIT removes it"
            }
            Promise::Fenced => "2: only the QUIT of the token that began last removes messages",
            Promise::Whole => "3: a QUIT removes all marked messages or none, in one transaction",
            Promise::Unique => "4: no token begins twice, and no id is used twice",
            Promise::Current => {
                "5: a snapshot has every message that was delivered before, and none that an earlier session removed"
            }
            Promise::Sized => "6: the size of a message is the size of its body, and RETR sends what was delivered",
            Promise::Bodied => "7: every row has a body",
            Promise::Truthful => "8: after \"done\" the messages are gone, after \"not done\" this session never removes them",
            Promise::Refused => "9: a message that was reported as not delivered is never in the store",
            Promise::Recovers => "10: after the faults, each maildrop opens within one lease, and nothing is left over",
        })
    }
}
