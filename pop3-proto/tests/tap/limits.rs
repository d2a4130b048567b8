//! Lines and queues over their limits.

use super::Watch;
use pop3_proto::tap::Side;

fn logged_in() -> Watch {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("PASS x\r\n");
    watch.server("+OK\r\n");
    watch.notes();
    watch
}

/// Returns bytes of a line that is over the limit, and its length in pieces.
fn long(watch: &Watch) -> String {
    "x".repeat(2 * watch.tap.min_recv_buf())
}

#[test]
fn an_over_long_command_is_one_command() {
    let mut watch = logged_in();
    let line = format!("{}\r\nNOOP\r\n", long(&watch));
    let cuts: Vec<usize> = (0..line.len()).step_by(1000).collect();
    watch.feed(Side::Client, line.as_bytes(), &cuts);
    watch.server("-ERR too long\r\n+OK\r\n");
    let notes = watch.notes();
    assert_eq!(notes[..2], ["LongLine(Client)", "Command(Noop)"]);
    assert!(notes[2].contains("Refused(Ticket { verb: Other"), "{notes:#?}");
    assert!(notes[3].contains("Ok(Ticket { verb: Noop"), "{notes:#?}");
}

#[test]
fn an_over_long_status_line_is_lost_and_no_other() {
    let mut watch = logged_in();
    watch.client("NOOP\r\n");
    let line = format!("+OK {}", long(&watch));
    watch.server(&line);
    watch.server(&line);
    watch.server("\r\n");
    assert_eq!(watch.notes(), ["Command(Noop)", "OutOfStep(LongLine)"]);
    watch.client("STAT\r\n");
    watch.server("+OK 1 2\r\n");
    let notes = watch.notes();
    assert_eq!(notes[..2], ["InStep", "Command(Stat)"]);
    assert!(notes[2].contains("DropListing"), "{notes:#?}");
}

#[test]
fn an_over_long_greeting_is_lost() {
    let mut watch = Watch::from_start();
    let line = format!("+OK {}\r\n", long(&watch));
    watch.server(line);
    assert_eq!(watch.notes(), ["OutOfStep(LongLine)"]);
}

/// No byte inside the row ends it. A reader of lines would stop at its dot, so it is ambiguous.
#[test]
fn an_over_long_row_is_one_row() {
    let mut watch = logged_in();
    watch.client("UIDL\r\n");
    watch.notes();
    let rows = format!("+OK\r\n1 a\r\n2 {}\n.\r\n3 c\r\n.\r\n", long(&watch));
    let all = rows.len();
    for cuts in [vec![], (0..all).collect(), vec![all - 5], vec![all - 11], vec![all - 12]] {
        watch.client("UIDL\r\n");
        watch.feed(Side::Server, rows.as_bytes(), &cuts);
        let notes = watch.notes();
        let kinds: Vec<_> = notes.iter().map(|note| note.split("(Ticket").next().unwrap()).collect();
        assert_eq!(
            kinds[1..],
            [
                "Answer(Begin",
                "Answer(UniqueId",
                "LongLine(Server)",
                "Answer(UniqueId",
                "Ambiguous",
                "Answer(End"
            ],
        );
    }
}

/// The tap did not count the last command before the first response, so it counts none after it, although it has room again.
#[test]
fn after_a_full_queue_no_later_command_takes_the_place_of_an_uncounted_one() {
    for answers in ["+OK 1 2\r\n", "+OK\r\n+OK 1 2\r\n"] {
        let mut watch = logged_in();
        watch.client("DELE 1\r\n".repeat(17));
        watch.server("+OK\r\n");
        watch.client("STAT\r\n");
        watch.server("+OK\r\n".repeat(15));
        watch.notes();
        watch.server(answers);
        assert_eq!(watch.notes(), ["OutOfStep(QueueFull)"]);
    }
}

/// Each of two long lines may be a response to a command that was not counted, in one piece or in two.
#[test]
fn law_5_over_long_responses_after_a_full_queue_are_counted_at_any_cut() {
    for (start, is_response) in [("+OK ", true), ("-ERR ", true), ("no ", false)] {
        for cut in [0, 1] {
            let mut watch = logged_in();
            watch.client("DELE 1\r\n".repeat(19));
            watch.server("+OK\r\n".repeat(17));
            let line = [start, &long(&watch), "\r\n"].concat();
            watch.feed(Side::Server, line.repeat(2).as_bytes(), &[cut * line.len()]);
            watch.notes();
            watch.client("STAT\r\n");
            assert_eq!(watch.notes().contains(&"InStep".into()), is_response, "{start:?} cut {cut} times");
        }
    }
}

#[test]
fn a_line_of_exactly_the_limit_is_reported() {
    let mut watch = logged_in();
    let room = watch.tap.min_recv_buf() - "XTND \r\n".len();
    watch.client(format!("XTND {}\r\n", "x".repeat(room)));
    watch.client(format!("XTND {}\r\n", "x".repeat(room + 1)));
    assert_eq!(watch.notes(), ["Unknown(Secret(..))", "LongLine(Client)"]);
}

/// The first 16 responses are recognized, all later responses are not, and the next command is in step.
#[test]
fn more_commands_ahead_than_it_counts() {
    for last in ["NOOP\r\n", "AUTH PLAIN\r\n", "x y\r\n", "\r\n"] {
        for ahead in [15, 16, 17, 40] {
            let mut watch = logged_in();
            (1..=ahead).for_each(|message| watch.client(format!("DELE {message}\r\n")));
            watch.client(last);
            let commands = watch.notes();
            assert_eq!(commands.len(), ahead + 1, "{commands:#?}");
            watch.server("+OK\r\n".repeat(ahead));
            watch.server("-ERR no\r\n");
            let answers = watch.notes();
            for (place, note) in answers.iter().take(ahead.min(16)).enumerate() {
                let message = format!("verb: Dele, message: Some(MessageNumber({}))", place + 1);
                assert!(note.starts_with("Answer(Ok(") && note.contains(&message), "{note}");
            }
            let lost = if ahead < 16 { 0 } else { 1 };
            assert_eq!(answers.len(), ahead.min(16) + 1, "{answers:#?}");
            assert_eq!(answers.iter().filter(|note| *note == "OutOfStep(QueueFull)").count(), lost);
            watch.client("STAT\r\n");
            watch.server("+OK 1 2\r\n");
            let notes = watch.notes();
            assert_eq!(notes[lost - lost.min(1)..][..lost], ["InStep"][..lost]);
            assert!(notes[lost] == "Command(Stat)" && notes[lost + 1].contains("DropListing"), "{notes:#?}");
        }
    }
}

/// After a full queue, one response is pending, and only a line that may begin a response is taken for it.
#[test]
fn lines_that_may_begin_a_response_are_counted_after_a_full_queue() {
    let long = long(&logged_in());
    for (line, counts) in [
        ("+OK", true),
        ("-ERR no", true),
        ("+", true),
        ("+ ", true),
        ("1 120", false),
        (".", false),
        ("+1", false),
        (&format!("+OK {long}"), true),
        (&long, false),
    ] {
        let mut watch = logged_in();
        watch.client("DELE 1\r\n".repeat(17));
        watch.server("+OK\r\n".repeat(16));
        watch.server(format!("{line}\r\n"));
        assert_eq!(watch.notes().last().unwrap(), "OutOfStep(QueueFull)");
        watch.client("STAT\r\n");
        assert_eq!(watch.notes()[0] == "InStep", counts, "{line:.9}");
    }
}
