//! The table of all works and their rows, and the table of goals.

use crate::measure::Takes::{Copies, Either, Lends};
use crate::measure::Who::{Limit, Ours, Peer, Variant};
use crate::measure::{CONDITIONS, Row, Run, Takes, Unit, Who, Work};
#[cfg(feature = "peers")]
use crate::peers::{codec, rfc, sawp, smtp};
use crate::samples::Sample;
use crate::{limits, ours, samples};

const fn row(who: Who, takes: Takes, name: &'static str, run: for<'s> fn(&'s Sample) -> Run<'s>) -> Row {
    Row { who, takes, name, run }
}

const fn main(name: &'static str, unit: Unit, samples: fn() -> Vec<Sample>, rows: &'static [Row]) -> Work {
    Work { name, unit, is_main: true, samples, rows }
}

const fn also(name: &'static str, unit: Unit, samples: fn() -> Vec<Sample>, rows: &'static [Row]) -> Work {
    Work { name, unit, is_main: false, samples, rows }
}

pub(crate) static WORKS: [Work; 22] = [
    main("UIDL", Unit::Each("row"), samples::uidl, UIDL),
    main("LIST", Unit::Each("row"), samples::list, LIST),
    main("status lines", Unit::Each("line"), samples::status_lines, STATUS_LINES),
    main("commands", Unit::Each("command"), samples::commands, COMMANDS),
    main("base64 received and copied", Unit::Octet, samples::received_base64, RECEIVED_COPIED),
    main("text received and copied", Unit::Octet, samples::received_text, RECEIVED_COPIED),
    main("dotted lines received and copied", Unit::Octet, samples::received_dotted, RECEIVED_COPIED),
    main("base64 received, lent", Unit::Octet, samples::received_base64, RECEIVED_LENT),
    main("text received, lent", Unit::Octet, samples::received_text, RECEIVED_LENT),
    also("dotted lines received, lent", Unit::Octet, samples::received_dotted, RECEIVED_LENT),
    main("sent from a store of LF lines", Unit::Octet, samples::sent_from_lf, SENT_FROM_LF),
    main("sent from a store of CRLF lines", Unit::Octet, samples::sent_from_crlf, SENT_FROM_CRLF),
    also("dotted lines sent from a store of LF lines", Unit::Octet, samples::dotted_from_lf, SENT_FROM_LF),
    also(
        "dotted lines sent from a store of CRLF lines",
        Unit::Octet,
        samples::dotted_from_crlf,
        SENT_FROM_CRLF,
    ),
    main("RETR and DELE of 1 KiB", Unit::Each("message"), samples::fetched, FETCHED),
    also("login and QUIT", Unit::Each("session"), samples::logins, LOGINS),
    also("received from memory", Unit::Octet, samples::received_from_memory, FROM_MEMORY),
    also("sent from memory", Unit::Octet, samples::sent_from_memory, SENT_FROM_CRLF),
    also("listings written", Unit::Each("row"), samples::maildrop, WRITTEN),
    also("octet by octet: message received", Unit::Each("octet"), samples::by_octet_body, BODY_BY_OCTET),
    also("octet by octet: LIST received", Unit::Each("octet"), samples::by_octet_list, LIST_BY_OCTET),
    also(
        "octet by octet: commands answered",
        Unit::Each("octet"),
        samples::by_octet_commands,
        COMMANDS_BY_OCTET,
    ),
];

const UIDL: &[Row] = &[
    row(Ours, Lends, "by field", ours::uidl_fields),
    row(Ours, Lends, "black_box(&value)", ours::uidl_values),
    row(Ours, Lends, "Vec with room", ours::uidl_vec_with_room),
    row(Ours, Lends, "new Vec", ours::uidl_new_vec),
    row(Ours, Copies, "ids copied", ours::uidl_copied),
    row(Variant, Lends, "connection", ours::uidl_connected),
    row(Limit, Either, "memchr line split", limits::line_split),
    #[cfg(feature = "peers")]
    row(Peer, Lends, "rfc1939", rfc::uidl),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "pop3-codec", codec::uidl),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "sawp-pop3", sawp::uidl),
];

const LIST: &[Row] = &[
    row(Ours, Either, "by field", ours::list_fields),
    row(Ours, Either, "black_box(&value)", ours::list_values),
    row(Ours, Either, "Vec with room", ours::list_vec_with_room),
    row(Ours, Either, "new Vec", ours::list_new_vec),
    row(Variant, Either, "connection", ours::list_connected),
    row(Limit, Either, "memchr line split", limits::line_split),
    #[cfg(feature = "peers")]
    row(Peer, Either, "rfc1939", rfc::list),
    #[cfg(feature = "peers")]
    row(Peer, Either, "pop3-codec", codec::list),
    #[cfg(feature = "peers")]
    row(Peer, Either, "sawp-pop3", sawp::list),
];

const STATUS_LINES: &[Row] = &[
    row(Ours, Lends, "by field", ours::response_fields),
    row(Ours, Lends, "black_box(&value)", ours::response_values),
    row(Variant, Lends, "new Vec", ours::response_new_vec),
    row(Ours, Copies, "texts copied", ours::response_copied),
    row(Limit, Either, "memchr line split", limits::line_split),
    #[cfg(feature = "peers")]
    row(Peer, Lends, "rfc1939", rfc::status_lines),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "pop3-codec", codec::status_lines),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "sawp-pop3", sawp::status_lines),
];

const COMMANDS: &[Row] = &[
    row(Ours, Lends, "by field", ours::command_fields),
    row(Ours, Lends, "black_box(&value)", ours::command_values),
    row(Variant, Lends, "new Vec", ours::command_new_vec),
    row(Ours, Copies, "names copied", ours::command_copied),
    row(Limit, Either, "memchr line split", limits::line_split),
    #[cfg(feature = "peers")]
    row(Peer, Lends, "rfc1939, command named", rfc::commands_told),
    #[cfg(feature = "peers")]
    row(Peer, Lends, "rfc1939, by four octets", rfc::commands),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "pop3-codec", codec::commands),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "sawp-pop3", sawp::commands),
];

const RECEIVED_COPIED: &[Row] = &[
    row(Ours, Copies, "client", ours::message_copied),
    row(Ours, Copies, "Unstuff", ours::payload_copied),
    row(Limit, Copies, "memcpy, read by read", limits::memcpy_reads),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "smtp-proto", smtp::copied),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "pop3-codec", codec::message),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "sawp-pop3", sawp::message),
];

const RECEIVED_LENT: &[Row] = &[
    row(Ours, Lends, "client", ours::message_lent),
    row(Ours, Lends, "Unstuff", ours::payload_lent),
    row(Variant, Lends, "reads of 512 B", ours::message_in_reads::<512>),
    row(Variant, Lends, "reads of 4 KiB", ours::message_in_reads::<4096>),
    row(Variant, Lends, "reads of 64 KiB", ours::message_in_reads::<65_536>),
    row(Variant, Lends, "connection", ours::message_connected),
    row(Limit, Lends, "memmem scan", limits::memmem_scan),
    row(Limit, Lends, "memchr line split", limits::line_split),
    row(Limit, Lends, "byte loop", limits::unstuff_loop),
    #[cfg(feature = "peers")]
    row(Peer, Lends, "smtp-proto, discarding", smtp::discarded),
];

const SENT_FROM_LF: &[Row] = &[
    row(Ours, Copies, "Server, copied", ours::server_copied),
    row(Ours, Copies, "Stuff, copied", ours::stuff_copied),
    row(Variant, Lends, "Server, lent", ours::server_lent),
    row(Variant, Lends, "Stuff, lent", ours::stuff_lent),
    row(Limit, Copies, "memchr loop, copying", limits::lf_loop),
    row(Limit, Copies, "byte loop, copying", limits::stuff_loop),
    row(Limit, Lends, "memchr line split", limits::line_split),
];

const SENT_FROM_CRLF: &[Row] = &[
    row(Ours, Copies, "Server, copied", ours::server_copied),
    row(Ours, Copies, "Stuff, copied", ours::stuff_copied),
    row(Ours, Lends, "Server, lent", ours::server_lent),
    row(Ours, Lends, "Stuff, lent", ours::stuff_lent),
    row(Limit, Lends, "memmem scan", limits::memmem_scan),
    row(Limit, Copies, "memcpy, read by read", limits::memcpy_reads),
    row(Limit, Copies, "byte loop, copying", limits::stuff_loop),
];

const FETCHED: &[Row] = &[
    row(Ours, Either, "both machines", ours::fetched),
    row(Limit, Either, "the two commands decoded", ours::fetched_commands),
    row(Limit, Either, "memcpy of the messages", limits::memcpy_messages),
];

const LOGINS: &[Row] = &[
    row(Ours, Either, "both machines", ours::logins),
    row(Limit, Either, "memchr line split", limits::line_split_sessions),
];

const FROM_MEMORY: &[Row] = &[
    row(Ours, Lends, "client", ours::message_lent),
    row(Ours, Copies, "client, copied", ours::message_copied),
    row(Limit, Copies, "memcpy, read by read", limits::memcpy_reads),
    row(Limit, Copies, "memcpy", limits::memcpy),
    row(Limit, Lends, "memmem scan", limits::memmem_scan),
    #[cfg(feature = "peers")]
    row(Peer, Copies, "smtp-proto", smtp::copied),
];

const WRITTEN: &[Row] = &[
    row(Ours, Copies, "LIST", ours::list_written),
    row(Variant, Copies, "UIDL, ids of 16", ours::uidl_written),
    row(Limit, Copies, "core::fmt to a String", limits::format_rows),
];

const BODY_BY_OCTET: &[Row] = &[
    row(Ours, Lends, "one octet a read", ours::message_in_reads::<1>),
    row(Variant, Lends, "reads of 16 KiB", ours::message_lent),
    row(Limit, Lends, "byte loop", limits::unstuff_loop),
];

const LIST_BY_OCTET: &[Row] = &[
    row(Ours, Either, "one octet a read", ours::list_in_reads::<1>),
    row(Variant, Either, "reads of 16 KiB", ours::list_fields),
];

const COMMANDS_BY_OCTET: &[Row] = &[
    row(Ours, Either, "one octet a read", ours::commands_answered::<1>),
    row(Variant, Either, "reads of 16 KiB", ours::commands_answered::<{ pop3_proto_benches::CHUNK }>),
];

/// The ratio of a goal.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// At least this many times as fast. The second number is the aim.
    Fast(f64, f64),
    /// At most this many times as long. The second number is the aim.
    Long(f64, f64),
    /// The same. A quick run fails above the last number, whatever the load of the machine.
    Guard(f64, f64, f64),
}

/// A goal, for the worst of the samples.
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) work: &'static str,
    /// The samples whose names begin with this.
    pub(crate) samples: &'static str,
    /// Our row. If it is empty, the slowest one.
    pub(crate) ours: &'static str,
    /// The row that it is compared with. If it is empty, the fastest peer.
    pub(crate) other: &'static str,
    pub(crate) conditions: &'static [usize],
    pub(crate) bound: Bound,
}

const ALL: &[usize] = &[0, 1, 2, 3];
const WARM: &[usize] = &[0, 2];
const _: () = assert!(ALL.len() == CONDITIONS.len());

const fn goal(
    name: &'static str,
    [work, samples]: [&'static str; 2],
    [ours, other]: [&'static str; 2],
    conditions: &'static [usize],
    bound: Bound,
) -> Goal {
    Goal { name, work, samples, ours, other, conditions, bound }
}

#[rustfmt::skip] // One line each.
pub(crate) static GOALS: [Goal; 15] = [
    goal("UIDL, any fixed length, against rfc1939 warm", ["UIDL", "ids of"], ["", "rfc1939"], WARM, Bound::Fast(1.8, 2.2)),
    goal("UIDL, mixed lengths, against rfc1939 warm", ["UIDL", "mixed ids of"], ["", "rfc1939"], WARM, Bound::Fast(1.5, 1.8)),
    goal("LIST, against the fastest peer", ["LIST", ""], ["", ""], ALL, Bound::Fast(3.0, 3.5)),
    goal("status lines, against rfc1939, which checks nothing", ["status lines", ""], ["", "rfc1939"], ALL, Bound::Fast(1.1, 1.4)),
    goal("received, both copy, base64, against smtp-proto", ["base64 received and copied", ""], ["", "smtp-proto"], ALL, Bound::Fast(1.15, 1.3)),
    goal("received, both copy, text of 1 % dotted lines, against smtp-proto", ["text received and copied", "text, 1 %"], ["", "smtp-proto"], ALL, Bound::Fast(0.8, 1.0)),
    goal("received, both copy, every line dotted, against smtp-proto", ["dotted lines received and copied", "every"], ["", "smtp-proto"], ALL, Bound::Fast(1.7, 2.0)),
    goal("received, both copy, one dot a line, against smtp-proto", ["dotted lines received and copied", "one dot"], ["", "smtp-proto"], ALL, Bound::Fast(6.0, 8.0)),
    goal("received, lent, base64, against a memmem scan", ["base64 received, lent", ""], ["", "memmem scan"], ALL, Bound::Fast(1.2, 1.4)),
    goal("sent from a store of LF lines, copied, against a memchr loop that checks nothing", ["sent from a store of LF lines", ""], ["", "memchr loop, copying"], ALL, Bound::Fast(0.75, 0.9)),
    goal("RETR and DELE of 1 KiB, both machines, against decoding the two commands", ["RETR and DELE of 1 KiB", ""], ["", "the two commands decoded"], ALL, Bound::Long(11.0, 9.0)),
    goal("LIST through a connection, against the machine", ["LIST", "sizes of 1 to 9 digits, mixed"], ["connection", "black_box(&value)"], ALL, Bound::Long(1.6, 1.3)),
    goal("UIDL rows kept as values, against rows used by field", ["UIDL", "ids of"], ["black_box(&value)", "by field"], WARM, Bound::Guard(1.3, 1.1, 2.5)),
    goal("LIST rows kept as values, against rows used by field", ["LIST", "sizes of"], ["black_box(&value)", "by field"], WARM, Bound::Guard(1.3, 1.1, 2.5)),
    goal("status lines kept as values, against lines used by field", ["status lines", ""], ["black_box(&value)", "by field"], WARM, Bound::Guard(1.3, 1.1, 4.0)),
];

impl Goal {
    pub(crate) fn is_ours(&self, row: &Row) -> bool {
        if self.ours.is_empty() { row.who == Ours } else { row.name == self.ours }
    }

    pub(crate) fn is_other(&self, row: &Row) -> bool {
        if self.other.is_empty() { row.who == Peer } else { row.name == self.other }
    }
}
