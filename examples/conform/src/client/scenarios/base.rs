//! A server without any fault.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::{Expect, Offers, Scenario};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::new("base", &["1939.3.q", "1939.4.b", "1939.5.list.i"], "three plain messages").broken(&[
        Flaw::NeedsTimestamp,
        Flaw::SignedNumber,
        Flaw::KeepsStatus,
    ]),
    Scenario::new("corpus", &["1939.3.q", "1939.3.u"], "the twelve messages of `pop3-conform corpus`")
        .mail(|_| {})
        .broken(&[Flaw::KeepsDots, Flaw::StatusInBody]),
    Scenario::new("frame.drip", &["1939.3.w"], "each response arrives byte by byte")
        .twist(Edit::Drip)
        .broken(&[Flaw::NeedsWholeReads]),
    Scenario::new("frame.cuts", &["1939.3.w"], "each response is cut between CR and LF")
        .cuts()
        .broken(&[Flaw::NeedsWholeReads]),
    Scenario::new(
        "pipelining.offered",
        &["2449.6.6.c"],
        "PIPELINING is announced: responses belong to commands in order",
    )
    .offers(Offers::Pipelining)
    .broken(&[Flaw::DropsRest]),
    Scenario::new("quit.refused", &["1939.6.h"], "QUIT is refused, and nothing was deleted")
        .twist(Edit::Answer { to: "QUIT", old: "+OK", new: "-ERR" })
        .expect(Expect::Error)
        .broken(&[Flaw::Crashes]),
    Scenario::new("quit.unanswered", &["1939.6.h"], "the stream ends in place of the response to QUIT")
        .twist(Edit::Say { to: "QUIT", instead: "" })
        .expect(Expect::Error)
        .broken(&[Flaw::Crashes, Flaw::Hangs]),
];
