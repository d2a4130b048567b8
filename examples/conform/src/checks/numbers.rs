//! Numbers of messages: those without a message, and what is not a number.

use super::listings::ask_ok;
use super::{HANGS_UP, REFUSED, all_refused, nothing_after, numbers};
use crate::check::{Check, Edit, Needs, Probe, Seen, Twist};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "number.range",
        rows: &["1939.5.d"],
        asks: "A number without a message is refused, also if it is a message modulo a power of two.",
        needs: Needs::LOGIN,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(number_range),
        breaks: &[
            Twist { name: "0 is the first", edit: Edit::Command { from: "LIST 0", to: "LIST 1" } },
            Twist { name: "numbers wrap at 2^16", edit: Edit::Command { from: "LIST 65537", to: "LIST 1" } },
            Twist {
                name: "numbers wrap at 2^32",
                edit: Edit::Command { from: "LIST 4294967297", to: "LIST 1" },
            },
            Twist {
                name: "numbers wrap at 2^64",
                edit: Edit::Command { from: "LIST 18446744073709551617", to: "LIST 1" },
            },
            Twist { name: "one beyond the last", edit: Edit::Command { from: "LIST 13", to: "LIST 12" } },
        ],
        keeps: &[
            Twist { name: "no text", edit: Edit::Say { to: "LIST 0", instead: "-ERR\r\n" } },
            Twist { name: "hangs up at the second", edit: Edit::Code(hang_up_at_second) },
        ],
    },
    Check {
        id: "number.decimal",
        rows: &["1939.4.l"],
        asks: "A number with anything but decimal digits is refused.",
        needs: Needs::LOGIN,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            // Each of them is message 1 to a reader that takes what it can.
            let commands = ["LIST 1x", "LIST 1.0", "LIST 0x1", "LIST -1"];
            all_refused(lab, State::Transaction, &commands, "not a decimal number", nothing_after)
        }),
        breaks: &[
            Twist { name: "letters after the number", edit: Edit::Command { from: "LIST 1x", to: "LIST 1" } },
            Twist { name: "a fraction", edit: Edit::Command { from: "LIST 1.0", to: "LIST 1" } },
            Twist { name: "hexadecimal", edit: Edit::Command { from: "LIST 0x1", to: "LIST 1" } },
            Twist { name: "a sign", edit: Edit::Command { from: "LIST -1", to: "LIST 1" } },
        ],
        keeps: &[Twist { name: "hangs up at the second", edit: Edit::Code(hang_up_at_second) }],
    },
    Check {
        id: "number.messages",
        rows: &["1939.5.d"],
        asks: "RETR, TOP and UIDL of a number without a message are refused, also if it is a message modulo 2^32.",
        needs: Needs::LOGIN,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            let count = numbers(&lab.login()?.ask("STAT")?).map_or(0, |(count, _)| count);
            let next = format!("RETR {}", count + 1);
            let commands = [
                "RETR 0",
                &next,
                "RETR 4294967297",
                "TOP 0 0",
                "TOP 4294967297 0",
                "UIDL 0",
                "UIDL 4294967297",
            ];
            all_refused(lab, State::Transaction, &commands, "there is no such message", nothing_after)
        }),
        breaks: &[
            Twist { name: "RETR wraps", edit: Edit::Command { from: "RETR 4294967297", to: "RETR 1" } },
            Twist { name: "TOP wraps", edit: Edit::Command { from: "TOP 4294967297 0", to: "TOP 1 0" } },
            Twist { name: "UIDL wraps", edit: Edit::Command { from: "UIDL 4294967297", to: "UIDL 1" } },
            Twist { name: "UIDL 0", edit: Edit::Command { from: "UIDL 0", to: "UIDL 1" } },
            Twist { name: "beyond the last", edit: Edit::Command { from: "RETR 13", to: "RETR 12" } },
        ],
        keeps: &[Twist { name: "hangs up at the second", edit: Edit::Code(hang_up_at_second) }],
    },
    Check {
        id: "number.huge",
        rows: &["ROB.8"],
        asks: "A number of 60 digits is refused.",
        needs: Needs::LOGIN,
        legal: &[REFUSED],
        probe: Probe::Ask(|lab| {
            let command = format!("LIST {}", "9".repeat(60));
            all_refused(lab, State::Transaction, &[&command], "there is no such message", nothing_after)
        }),
        breaks: &[Twist {
            name: "the last message",
            edit: Edit::Code(|turn| match turn.is("LIST 9999*") {
                true => {
                    let answer = turn.ask("LIST 12");
                    turn.say(&answer);
                }
                false => turn.through(),
            }),
        }],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "LIST 9*", instead: "-ERR\r\n" } }],
    },
];

fn number_range(lab: &mut Lab) -> Seen {
    let list = ask_ok(&mut lab.login()?, "LIST")?;
    let count = list.rows.len() as u64;
    let mut commands = vec!["LIST 0".to_owned(), format!("LIST {}", count + 1)];
    // Each of them is message 1 if a number wraps.
    for wrapping in [257, 65_537, 4_294_967_297] {
        if wrapping > count + 1 {
            commands.push(format!("LIST {wrapping}"));
        }
    }
    commands.push("LIST 18446744073709551617".to_owned());
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    all_refused(lab, State::Transaction, &commands, "there is no such message", nothing_after)
}

fn hang_up_at_second(turn: &mut Turn<'_>) {
    super::session::hang_up_at(turn, 2);
}
