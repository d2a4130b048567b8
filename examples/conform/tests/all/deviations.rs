//! What servers of others were seen to do, by row: each has a check that finds it.

use pop3_conform::{checks, prove};

/// The row, the check, and the twist that does what the server did.
const SEEN: &[(&str, &str, &str)] = &[
    // `LIST 4294967297` is message 1, and so are RETR, TOP and UIDL.
    ("1939.5.d", "number.range", "numbers wrap at 2^32"),
    ("1939.5.d", "number.messages", "RETR wraps"),
    ("1939.5.d", "number.messages", "TOP wraps"),
    ("1939.5.d", "number.messages", "UIDL wraps"),
    // STLS and NOOP in one segment.
    ("2595.4.e", "stls.injected", "answered inside TLS"),
    // PASS twice, the second one right.
    ("1939.7.pass.d", "login.name_used_up", "the name stays"),
    // USER PASS STAT NOOP QUIT at once.
    ("2449.6.6.b", "pipelining.login", "lost at the login"),
    ("6856.2.1.a", "utf8.argument", "accepted"),
    ("6856.2.b", "utf8.late", "accepted"),
    // `TOP 1 -1`.
    ("1939.7.top.a", "top.arguments", "a negative number"),
    ("1939.3.x", "argument.surplus", "NOOP x"),
    ("1939.3.x", "argument.surplus", "STAT x"),
    ("1939.3.x", "quit.argument", "accepted"),
    // `LIST 1x`, `LIST 1.0`.
    ("1939.4.l", "number.decimal", "letters after the number"),
    ("1939.4.l", "number.decimal", "a fraction"),
    // CAPA after the login lacks USER and SASL.
    ("2449.5.g", "capa.stays", "USER is gone"),
    ("5034.3.e", "capa.stays", "SASL is gone"),
    // `STLS x`.
    ("2595.4.d", "stls.argument", "accepted"),
    // A second session removes the messages of the first one, which is refused, or closed.
    ("1939.4.e", "lock.removal", "no lock"),
    ("1939.4.e", "lock.removal", "no lock, and the first session is closed"),
    // The echo of a long command; and of one without a status.
    ("1939.3.m", "limit.echo", "repeated"),
    ("1939.3.k", "limit.echo", "repeated without a status"),
    ("1939.7.top.b", "top.lines", "two blank lines"),
    ("1939.5.dele.c", "dele.twice", "marked again"),
    // LIST and RETR have other sizes.
    ("1939.11.b", "retr.size", "line ends count one"),
    ("1939.7.uidl.b", "uidl.one", "without the number"),
    ("1939.3.y", "state.late", "USER"),
    ("1939.3.x", "argument.surplus", "NOOP x closes"),
    // QUIT without its line end, at the end of the stream.
    ("ROB.30", "quit.half", "counts as QUIT"),
];

#[test]
fn each_deviation_that_was_seen_is_found() {
    for (row, id, name) in SEEN {
        let check = checks::find(id).unwrap_or_else(|| panic!("no check {id}"));
        assert!(check.rows.contains(row), "{id} does not have {row}");
        let twist = check.breaks.iter().find(|twist| twist.name == *name);
        let twist = twist.unwrap_or_else(|| panic!("{id} has no break {name:?}"));
        let (verdict, bites) = prove::under(check, Some(*twist));
        assert!(verdict.is_red() && bites > 0, "{id}, {name}: {verdict:?}");
    }
}
