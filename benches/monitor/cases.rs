//! Sessions that are easy to misread, and what each reader makes of them.

use crate::readers::{Reader, Sawp, Tap, Transaction};
use pop3_proto::tap::Side;
use std::fmt::Write;

/// A session: what each side says in turn, the server first, and the transactions that it has.
struct Case {
    name: &'static str,
    turns: &'static [&'static str],
    /// Commands, `-` before those that are refused, with their payloads.
    expected: &'static [(&'static str, u64)],
}

const CASES: &[Case] = &[
    Case {
        name: "one command after the other",
        turns: &["+OK\r\n", "USER a\r\n", "+OK\r\n", "PASS b\r\n", "+OK\r\n", "STAT\r\n", "+OK 1 2\r\n"],
        expected: &[("", 0), ("USER", 0), ("PASS", 0), ("STAT", 0)],
    },
    Case {
        name: "a listing and a message",
        turns: &[
            "+OK\r\n",
            "LIST\r\n",
            "+OK\r\n1 12\r\n2 9\r\n.\r\n",
            "RETR 1\r\n",
            "+OK\r\na: b\r\n\r\nc\r\n.\r\n",
        ],
        expected: &[("", 0), ("LIST", 2), ("RETR", 11)],
    },
    Case {
        name: "AUTH with an empty challenge",
        turns: &[
            "+OK\r\n",
            "AUTH PLAIN\r\n",
            "+ \r\n",
            "AG1yb3NlAHRhbnN0YWFm\r\n",
            "+OK\r\n",
            "STAT\r\n",
            "+OK 1 2\r\n",
        ],
        expected: &[("", 0), ("AUTH", 0), ("STAT", 0)],
    },
    Case {
        name: "AUTH with base64 in both directions",
        turns: &[
            "+OK\r\n",
            "AUTH LOGIN\r\n",
            "+ VXNlcm5hbWU6\r\n",
            "bXJvc2U=\r\n",
            "+ UGFzc3dvcmQ6\r\n",
            "dGFuc3RhYWY=\r\n",
            "-ERR no\r\n",
            "NOOP\r\n",
            "+OK\r\n",
        ],
        expected: &[("", 0), ("-AUTH", 0), ("NOOP", 0)],
    },
    Case {
        name: "a count that is too small",
        turns: &["+OK\r\n", "RETR 1\r\n", "+OK 3 octets\r\nfirst\r\nhidden\r\n.\r\n", "NOOP\r\n", "+OK\r\n"],
        expected: &[("", 0), ("RETR", 15), ("NOOP", 0)],
    },
    Case {
        name: "TOP that ends in dots",
        turns: &["+OK\r\n", "TOP 1 2\r\n", "+OK\r\na: b\r\n\r\n..\r\n...\r\n.\r\n", "NOOP\r\n", "+OK\r\n"],
        expected: &[("", 0), ("TOP", 15), ("NOOP", 0)],
    },
    Case {
        name: "a message that contains responses",
        turns: &["+OK\r\n", "RETR 1\r\n", "+OK\r\n+OK\r\n-ERR\r\n\r\n.\r\n", "NOOP\r\n", "+OK\r\n"],
        expected: &[("", 0), ("RETR", 13), ("NOOP", 0)],
    },
    Case {
        name: "pipelining: short responses before a listing",
        turns: &["+OK\r\n", "STAT\r\nDELE 1\r\nUIDL\r\n", "+OK 1 2\r\n-ERR no\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n"],
        expected: &[("", 0), ("STAT", 0), ("-DELE", 0), ("UIDL", 2)],
    },
    Case {
        name: "pipelining: messages one after the other",
        turns: &[
            "+OK\r\n",
            "RETR 1\r\nRETR 2\r\nQUIT\r\n",
            "+OK\r\none\r\n.\r\n+OK\r\ntwo\r\n..\r\n.\r\n+OK\r\n",
        ],
        expected: &[("", 0), ("RETR", 5), ("RETR", 8), ("QUIT", 0)],
    },
    Case {
        name: "lowercase commands",
        turns: &["+OK\r\n", "stat\r\n", "+OK 1 2\r\n"],
        expected: &[("", 0), ("STAT", 0)],
    },
    Case {
        name: "a dot and a bare LF inside a message",
        turns: &["+OK\r\n", "RETR 1\r\n", "+OK\r\na\n.\nb\r\n.\r\n", "NOOP\r\n", "+OK\r\n"],
        expected: &[("", 0), ("RETR", 7), ("NOOP", 0)],
    },
    Case {
        name: "STLS, and TLS after it",
        turns: &["+OK\r\n", "STLS\r\n", "+OK\r\n", "\u{16}\u{3}\u{1}.\r\n", "\u{16}\u{3}\u{3}+OK\r\n"],
        expected: &[("", 0), ("STLS", 0)],
    },
];

impl Case {
    fn expected(&self) -> Vec<Transaction> {
        let one = |(command, payload): &(&'static str, u64)| {
            let refused = command.strip_prefix('-');
            Transaction {
                command: refused.unwrap_or(command),
                accepted: refused.is_none(),
                payload: *payload,
            }
        };
        self.expected.iter().map(one).collect()
    }

    /// What a reader makes of it in pieces of this size.
    fn read(&self, mut reader: impl Reader, size: usize) -> Vec<Transaction> {
        for (turn, said) in self.turns.iter().enumerate() {
            let side = if turn % 2 == 0 { Side::Server } else { Side::Client };
            said.as_bytes().chunks(size).for_each(|piece| reader.read(side, piece));
        }
        reader.end()
    }
}

pub(crate) fn table() -> String {
    let mut text = "| session | tap, at any cut | sawp-pop3, complete turns | sawp-pop3, in packets of 20 bytes |\n|---|---|---|---|\n".to_owned();
    for case in CASES {
        let expected = case.expected();
        for size in [1, 2, 3, 5, 20, usize::MAX] {
            assert_eq!(case.read(Tap::new(), size), expected, "{} in pieces of {size}", case.name);
        }
        let sawp = |size| verdict(&case.read(Sawp::default(), size), &expected);
        _ = writeln!(text, "| {} | right | {} | {} |", case.name, sawp(usize::MAX), sawp(20));
    }
    text
}

/// Says in words how a reading differs.
fn verdict(read: &[Transaction], expected: &[Transaction]) -> String {
    if read == expected {
        return "right".to_owned();
    }
    let differs = read.iter().zip(expected).position(|(read, expected)| read != expected);
    let name = |transaction: &Transaction| match transaction.command {
        "" => "the greeting",
        command => command,
    };
    match differs {
        None if read.len() < expected.len() => format!("stops after {} of {}", read.len(), expected.len()),
        None => format!("{} transactions too many", read.len() - expected.len()),
        Some(at) if read[at].command != expected[at].command => {
            format!("takes `{}` for {}", name(&expected[at]), name(&read[at]))
        }
        Some(at) if read[at].accepted != expected[at].accepted => {
            format!("wrong status of `{}`", name(&expected[at]))
        }
        Some(at) => format!(
            "payload of {}: {} instead of {}",
            name(&expected[at]),
            read[at].payload,
            expected[at].payload
        ),
    }
}
