//! Streams that end too early, and responses without an end.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::{Expect, Scenario};

/// A scenario in which the stream ends early: the client reports an error, and stores no half message.
const fn cut(id: &'static str, rows: &'static [&'static str], asks: &'static str, edit: Edit) -> Scenario {
    Scenario::new(id, rows, asks).twist(edit).expect(Expect::Error)
}

const END: &[&str] = &["1939.3.q", "ROB.29"];

pub(super) static SCENARIOS: &[Scenario] = &[
    cut(
        "end.connect",
        &["1939.3.n"],
        "the stream ends before the greeting",
        Edit::Say { to: "greeting", instead: "" },
    )
    .broken(&[Flaw::ExitsZero, Flaw::Crashes]),
    cut(
        "end.greeting",
        &["1939.3.n"],
        "the stream ends in the greeting",
        Edit::Cut { to: "greeting", before: "ready" },
    )
    .no_password()
    .broken(&[Flaw::ExitsZero, Flaw::Hangs]),
    cut(
        "end.listing",
        END,
        "the stream ends in the listing, after a row",
        Edit::Cut { to: "LIST", before: "2 " },
    )
    .broken(&[Flaw::ExitsZero]),
    cut(
        "end.row",
        END,
        "the stream ends in a row",
        Edit::Code(|turn| {
            turn.through_unless("LIST", |turn| {
                let answer = turn.pass();
                turn.say(&answer[..answer.len() / 2 + 1]);
                turn.hang_up();
            });
        }),
    )
    .broken(&[Flaw::ExitsZero, Flaw::Hangs]),
    cut(
        "end.message",
        END,
        "the stream ends in a line of message 2",
        Edit::Cut { to: "RETR 2", before: "second" },
    )
    .broken(&[Flaw::StoresHalf, Flaw::EofEnds, Flaw::ExitsZero]),
    cut(
        "end.line",
        END,
        "the stream ends in message 2, after a line",
        Edit::Cut { to: "RETR 2", before: "Message-ID" },
    )
    .broken(&[Flaw::StoresHalf, Flaw::EofEnds]),
    cut(
        "end.header",
        END,
        "the stream ends after the header of message 2",
        Edit::Cut { to: "RETR 2", before: "The second" },
    )
    .broken(&[Flaw::StoresHalf, Flaw::EofEnds]),
    cut(
        "end.terminator",
        END,
        "the stream ends before the terminator of message 3",
        Edit::Code(|turn| {
            turn.through_unless("RETR 3", |turn| {
                let answer = turn.pass();
                turn.say(answer.strip_suffix(b".\r\n").unwrap_or(&answer));
                turn.hang_up();
            });
        }),
    )
    .broken(&[Flaw::ExitsZero, Flaw::EofEnds]),
    cut(
        "end.dot",
        END,
        "the stream ends after the dot of the terminator of message 3",
        Edit::Code(|turn| {
            turn.through_unless("RETR 3", |turn| {
                let answer = turn.pass();
                turn.say(answer.strip_suffix(b"\r\n").unwrap_or(&answer));
                turn.hang_up();
            });
        }),
    )
    .broken(&[Flaw::ExitsZero]),
    cut(
        "end.glued",
        &["1939.3.t"],
        "the dot of the terminator follows the last line without a line end, and the stream ends",
        Edit::Code(|turn| {
            turn.through_unless("RETR 3", |turn| {
                let answer = turn.pass();
                turn.say(answer.strip_suffix(b"\r\n.\r\n").unwrap_or(&answer));
                turn.say(b".\r\n");
                turn.hang_up();
            });
        }),
    )
    .broken(&[Flaw::StoresHalf, Flaw::EofEnds]),
    cut(
        "end.between",
        &["1939.3.n"],
        "the stream ends after message 1, which is complete",
        Edit::Code(|turn| {
            turn.through();
            if turn.is("RETR 1") {
                turn.hang_up();
            }
        }),
    )
    .broken(&[Flaw::ExitsZero, Flaw::Hangs]),
    Scenario::new("body.endless", END, "a message of many megabytes, and then the end of the stream")
        .flood("RETR 1", "+OK\r\nSubject: endless\r\n\r\n", "One line and no terminator.\r\n")
        .broken(&[Flaw::StoresHalf, Flaw::EofEnds]),
    Scenario::new(
        "line.endless",
        END,
        "a line of many megabytes in a message, and then the end of the stream",
    )
    .flood("RETR 1", "+OK\r\nSubject: endless\r\n\r\n", "x")
    .broken(&[Flaw::StoresHalf, Flaw::EofEnds]),
];
