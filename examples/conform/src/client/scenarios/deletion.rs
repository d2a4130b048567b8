//! DELE and QUIT. A message is deleted only after it is stored.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::{Expect, Scenario};

const fn deletion(id: &'static str, rows: &'static [&'static str], asks: &'static str) -> Scenario {
    Scenario::new(id, rows, asks).deletes()
}

pub(super) static SCENARIOS: &[Scenario] = &[
    deletion("delete.base", &["1939.8.a"], "each message is stored, then deleted, and QUIT removes it")
        .broken(&[Flaw::DeletesFirst]),
    deletion("delete.message_refused", &["1939.8.a"], "RETR of message 2 is refused: no DELE of it")
        .twist(Edit::Say { to: "RETR 2", instead: "-ERR this message cannot be read\r\n" })
        .expect(Expect::Harmless)
        .broken(&[Flaw::DeletesAll]),
    deletion(
        "delete.same_uidl",
        &["1939.7.uidl.h"],
        "all messages have the same unique-id: none is deleted unseen",
    )
    .twist(Edit::Say { to: "UIDL", instead: "+OK\r\n1 same\r\n2 same\r\n3 same\r\n.\r\n" })
    .expect(Expect::Harmless)
    .broken(&[Flaw::DeletesDuplicates]),
    deletion("delete.refused", &["1939.3.k"], "DELE of message 2 is refused")
        .twist(Edit::Say { to: "DELE 2", instead: "-ERR it stays\r\n" })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero]),
    deletion("delete.lost", &["1939.6.g"], "the stream ends in place of the response to DELE of message 2")
        .twist(Edit::Say { to: "DELE 2", instead: "" })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero, Flaw::Hangs]),
    deletion("delete.message_cut", &["1939.8.a", "ROB.29"], "the stream ends in message 2: no DELE of it")
        .twist(Edit::Cut { to: "RETR 2", before: "second" })
        .expect(Expect::Error)
        .broken(&[Flaw::StoresHalf]),
    deletion("delete.quit_refused", &["1939.6.g"], "QUIT is refused, and removes nothing")
        .twist(Edit::Say { to: "QUIT", instead: "-ERR some messages stay\r\n" })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero]),
    deletion(
        "delete.quit_lost",
        &["1939.6.g"],
        "the stream ends in place of the response to QUIT, which removes nothing",
    )
    .twist(Edit::Say { to: "QUIT", instead: "" })
    .expect(Expect::Error)
    .broken(&[Flaw::ExitsZero]),
    deletion(
        "delete.quit_unanswered",
        &["1939.6.g"],
        "QUIT removes the messages, and the stream ends before its response",
    )
    .twist(Edit::Cut { to: "QUIT", before: "+OK" })
    .expect(Expect::Stored)
    .broken(&[Flaw::UnlinksOnError]),
];
