//! TRANSACTION: RFC 1939 section 5, DELE, RSET, NOOP, STAT, and how a mark hides a message.

use super::*;
use pop3_proto::State;

const GONE: &str = "-ERR no such message\r\n";
const MARKED: &str = "+OK marked for deletion\r\n";
const UNMARKED: &str = "+OK all messages are unmarked\r\n";

fn open() -> Host {
    Host::three(PATIENT).login()
}

#[test]
fn r1939_5_b_the_commands_of_a_minimal_server() {
    let mut host = Host::three(PATIENT.without_top().without_uidl()).login();
    for line in ["STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "NOOP", "RSET", "QUIT"] {
        assert!(host.say(format!("{line}\r\n")).starts_with("+OK"), "{line}");
    }
}

/// Also 1939.5.a: in any order, any number of times.
#[test]
fn r1939_5_a_any_order_any_number_of_times() {
    let mut host = open();
    for _ in 0..3 {
        for line in [
            "NOOP", "STAT", "UIDL 2", "LIST 2", "RETR 2", "TOP 2 1", "RSET", "DELE 2", "LIST", "UIDL", "RSET",
        ] {
            assert!(host.say(format!("{line}\r\n")).starts_with("+OK"), "{line}");
        }
    }
    assert_eq!(host.say("STAT\r\n"), "+OK 3 325\r\n");
}

/// Also 1939.4.l, 1939.5.list.f, 1939.5.dele.c, 1939.7.uidl.j, 1939.7.top.f.
#[test]
fn r1939_5_d_a_number_that_names_no_message_is_refused() {
    let mut host = open();
    assert_eq!(host.say("DELE 2\r\n"), MARKED);
    for number in [
        "0",
        "00",
        "2",
        "02",
        "4",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "99999999999999999999999",
    ] {
        for line in ["LIST n", "RETR n", "DELE n", "TOP n 0", "UIDL n"] {
            let line = line.replace('n', number);
            assert_eq!(host.say(format!("{line}\r\n")), GONE, "{line}");
        }
    }
    assert_eq!(host.asked, [] as [&str; 0]);
    assert_eq!(host.marked(), [2]);
}

#[test]
fn r1939_4_k_numbers_follow_the_order_of_the_maildrop() {
    assert_eq!(open().say("LIST\r\n"), "+OK scan listing follows\r\n1 120\r\n2 200\r\n3 5\r\n.\r\n");
}

#[test]
fn r1939_5_retr_d_retr_marks_nothing() {
    let mut host = open();
    host.say("RETR 1\r\nTOP 2 0\r\nRETR 1\r\n");
    assert!(host.marked().is_empty());
    assert_eq!(host.say("STAT\r\n"), "+OK 3 325\r\n");
}

#[test]
fn r1939_5_dele_b_dele_only_marks() {
    let mut host = open();
    host.say("DELE 1\r\nDELE 3\r\n");
    assert_eq!(host.marked(), [1, 3]);
    assert_eq!(host.server().maildrop().unwrap().len(), 3);
    assert_eq!(host.asked, [] as [&str; 0]);
    assert_eq!(host.server().state(), State::Transaction);
}

#[test]
fn r1939_5_noop_a_noop_does_nothing() {
    let mut host = open();
    host.say("DELE 2\r\n");
    assert_eq!(host.say("NOOP\r\n"), "+OK no operation\r\n");
    assert_eq!(host.marked(), [2]);
    assert_eq!(host.say("NOOP x\r\n"), "-ERR syntax error\r\n");
}

#[test]
fn r1939_5_rset_a_rset_clears_every_mark() {
    let mut host = open();
    assert_eq!(host.say("RSET\r\n"), UNMARKED);
    host.say("DELE 1\r\nDELE 2\r\nDELE 3\r\n");
    assert_eq!(host.say("RSET\r\n"), UNMARKED);
    assert!(host.marked().is_empty());
    assert_eq!(host.say("DELE 2\r\nRSET 2\r\n"), format!("{MARKED}-ERR syntax error\r\n"));
    assert_eq!(host.marked(), [2]);
}

/// Also ROB.9 and quirk 50: leading zeros and spaces at the end are accepted; a sign or a letter is refused.
#[test]
fn quirk_50_an_invalid_number_names_no_message() {
    let mut host = open();
    assert_eq!(host.say("LIST 003\r\n"), "+OK 3 5\r\n");
    assert_eq!(host.say("LIST 3 \r\n"), "+OK 3 5\r\n");
    assert_eq!(host.say("LIST  3\t\r\n"), "+OK 3 5\r\n");
    for number in ["+1", "-1", "1xyz", "1e0", "0x1", "1.5", "1,", "*", "one", "1 2", "\u{661}", "1\u{b}"] {
        for line in ["LIST n", "RETR n", "DELE n", "TOP n 0", "UIDL n", "TOP 1 n"] {
            let line = line.replace('n', number);
            assert_eq!(host.say(format!("{line}\r\n")), "-ERR syntax error\r\n", "{line}");
        }
    }
    assert!(host.marked().is_empty());
    let mut strict = Host::three(PATIENT.with_profile(pop3_proto::Profile::Strict)).login();
    for line in ["LIST 003", "LIST 3 ", "LIST  3", "NOOP ", "DELE 03"] {
        assert_eq!(strict.say(format!("{line}\r\n")), "-ERR syntax error\r\n", "{line}");
    }
    assert!(strict.server().quirks().is_empty());
}

/// Some servers delete message 1.
#[test]
fn sec_dele_0_deletes_nothing() {
    let mut host = open();
    for line in ["DELE 0", "DELE 00", "DELE -0", "DELE", "DELE ", "DELE 4294967296", "DELE 4294967297"] {
        assert!(host.say(format!("{line}\r\n")).starts_with("-ERR "), "{line}");
    }
    assert!(host.marked().is_empty());
    assert_eq!(host.say("STAT\r\n"), "+OK 3 325\r\n");
}

/// Also 1939.5.stat.a, 1939.5.retr.a, 1939.5.dele.a, 1939.5.list.a, 1939.7.uidl.a.
#[test]
fn rob_42_surplus_arguments_are_refused_in_every_profile() {
    for profile in [pop3_proto::Profile::Tolerant, pop3_proto::Profile::Strict] {
        let mut host = Host::three(PATIENT.with_profile(profile)).login();
        for line in [
            "STAT x",
            "NOOP x",
            "RSET 1",
            "UIDL 1 2",
            "LIST 1 2",
            "RETR 1 2",
            "DELE 1 2",
            "TOP 1 2 3",
            "QUIT now",
            "CAPA x",
        ] {
            assert_eq!(host.say(format!("{line}\r\n")), "-ERR syntax error\r\n", "{line}");
        }
        assert_eq!(host.server().state(), State::Transaction);
    }
}
