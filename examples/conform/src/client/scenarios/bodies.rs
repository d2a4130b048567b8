//! Messages that a client must store as they are.

use super::{put, with};
use crate::check::Edit;
use crate::client::Scenario;
use crate::client::broken::Flaw;
use crate::corpus;
use crate::lab::world::World;

/// The good server writes CR LF, so a byte of the same length stands for a bare LF or CR.
const TO_LF: Edit = Edit::Answers { to: "RETR*", old: "~", new: "\n" };
const TO_CR: Edit = Edit::Answers { to: "RETR*", old: "~", new: "\r" };

/// The body of a message that is removed with its header.
const EMPTY: &str = "empty";

fn only(world: &World, ids: &[&str]) {
    world.put(corpus::messages().into_iter().filter(|message| ids.contains(&message.id.as_str())).collect());
}

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::new("body.dots", &["1939.3.u", "1939.3.t"], "lines that begin with dots")
        .mail(|world| only(world, &["plain", "dots", "last-dot"]))
        .broken(&[Flaw::KeepsDots]),
    Scenario::new(
        "body.single_dot",
        &["1939.3.u"],
        "a line that begins with a dot, which was not doubled: it loses the dot",
    )
    .mail(|world| with(world, "Before.\r\n~~hidden\r\nThe end.\r\n"))
    .twist(Edit::Answers { to: "RETR*", old: "~~", new: ".~" })
    .broken(&[Flaw::KeepsSingleDots]),
    Scenario::new("body.lf_dot_lf", &["1939.3.t"], "LF, a dot and LF inside a message: not a terminator")
        .mail(|world| with(world, "Before.~.~After the dot.\r\nThe end.\r\n"))
        .twist(TO_LF)
        .broken(&[Flaw::LfDotEnds]),
    Scenario::new(
        "body.lf_dot_crlf",
        &["1939.3.t"],
        "LF, a dot and CR LF inside a message: not a terminator",
    )
    .mail(|world| with(world, "Before.~.\r\nAfter the dot.\r\n"))
    .twist(TO_LF)
    .broken(&[Flaw::LfDotEnds]),
    Scenario::new(
        "body.dot_lf",
        &["1939.3.t", "1939.3.u"],
        "CR LF, a dot and LF inside a message: not a terminator",
    )
    .mail(|world| with(world, "Before.\r\n~~After the dot.\r\n"))
    .twist(Edit::Answers { to: "RETR*", old: "~~", new: ".\n" })
    .broken(&[Flaw::LfDotEnds]),
    Scenario::new("body.bare_lf", &["ROB.7"], "LF without CR inside a message")
        .mail(|world| with(world, "One line~and one more~\r\nThe end.\r\n"))
        .twist(TO_LF)
        .broken(&[Flaw::DropsLf]),
    Scenario::new("body.bare_cr", &["ROB.7"], "CR without LF inside a message")
        .mail(|world| with(world, "One line~still the same line.\r\nThe end.\r\n"))
        .twist(TO_CR)
        .broken(&[Flaw::CrEndsLine]),
    Scenario::new("body.nul", &["ROB.7"], "NUL inside a message")
        .mail(|world| with(world, "Before NUL\0after NUL.\r\nThe end.\r\n"))
        .broken(&[Flaw::NulCuts]),
    Scenario::new("body.eight_bit", &["ROB.7"], "octets that are not ASCII")
        .mail(|world| only(world, &["plain", "eight-bit", "utf8"]))
        .broken(&[Flaw::AsciiOnly]),
    Scenario::new("body.long_line", &["ROB.6"], "a line of 200000 octets")
        .mail(|world| with(world, &format!("{}\r\nThe end.\r\n", "0123456789".repeat(20_000))))
        .broken(&[Flaw::ShortLines]),
    Scenario::new("body.empty", &["ROB.7"], "a message without any line, between two others")
        .mail(|world| {
            put(world, &["The first message.\r\n", EMPTY, "The third message.\r\n"]);
            world.rewrite(|text| if text.ends_with(EMPTY.as_bytes()) { Vec::new() } else { text.to_vec() });
        })
        .broken(&[Flaw::EmptyDot, Flaw::StoresDot]),
    Scenario::new("body.status_words", &["1939.3.n"], "lines of a message that look like status lines")
        .mail(|world| only(world, &["plain", "status-words", "spaces"]))
        .broken(&[Flaw::StatusInBody]),
    Scenario::new("body.spaces", &["ROB.7"], "spaces and tabs at the ends of lines")
        .mail(|world| only(world, &["plain", "spaces"]))
        .broken(&[Flaw::TrimsLines]),
    Scenario::new("body.blank_lines", &["2449.3.g"], "blank lines at the start and at the end of a body")
        .mail(|world| only(world, &["plain", "blank-lines", "empty-body"]))
        .broken(&[Flaw::DropsBlank]),
];
