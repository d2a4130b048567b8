//! What the commands of all sessions look like.

use crate::client::Scenario;
use crate::client::broken::Flaw;
use crate::client::watch;

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::watch("command.crlf", &["1939.3.d"], "does each command end in CR LF?", watch::crlf)
        .broken(&[Flaw::BareLf]),
    Scenario::watch(
        "command.keyword",
        &["1939.3.g"],
        "does each keyword have three or four letters?",
        watch::keyword,
    )
    .broken(&[Flaw::LongKeyword]),
    Scenario::watch("command.spaces", &["1939.3.i"], "does a single space separate words?", watch::spaces)
        .broken(&[Flaw::SpaceAtEnd]),
    Scenario::watch("command.ascii", &["1939.3.h"], "is each command printable ASCII?", watch::ascii)
        .broken(&[Flaw::ControlInCommand]),
    Scenario::watch(
        "command.length",
        &["2449.3.h"],
        "does each command have at most 255 octets?",
        watch::length,
    )
    .broken(&[Flaw::LongCommand]),
    Scenario::watch(
        "command.number",
        &["1939.4.l"],
        "are message numbers plain decimal digits?",
        watch::number,
    )
    .broken(&[Flaw::SignedNumber]),
    Scenario::watch(
        "apop.without_timestamp",
        &["1939.7.apop.h"],
        "is APOP sent only after a greeting with a timestamp?",
        watch::apop,
    )
    .broken(&[Flaw::ApopBlindly]),
    Scenario::watch(
        "pipelining.unannounced",
        &["1939.3.ag", "ROB.37"],
        "does the client wait for each response if PIPELINING is not announced?",
        watch::unannounced,
    )
    .legal_only()
    .broken(&[Flaw::Pipelines]),
];
