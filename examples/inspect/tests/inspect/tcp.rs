//! Segments in every order, copies, losses, and connections that are opened again.

use super::{CLIENT, SERVER, capture_of, inspect, inspect_with, logged_in, talk};
use inspect::make::{CLIENT as C, Flags, SERVER as S, Talk};
use inspect::{Options, Time};

const MESSAGE: &str = "+OK 40 octets\r\nSubject: dots and segments\r\n\r\n..\r\n...\r\n.\r\n";

/// A session whose packets are small.
fn fetch() -> Talk {
    let mut talk = Talk::new(CLIENT, SERVER).with_largest(3);
    talk.open().server("+OK ready\r\n").client("USER a\r\nPASS tanstaaf\r\n").server("+OK\r\n+OK\r\n");
    talk.client("RETR 1\r\n").server(MESSAGE).client("QUIT\r\n").server("+OK\r\n").close();
    talk
}

fn digest(talk: Talk) -> (Vec<String>, Vec<String>) {
    let log = inspect(talk);
    let files = log.files().iter().map(|file| file["sha256"].as_str().unwrap().to_owned()).collect();
    assert!(log.anomalies().iter().all(|event| *event == "SIZE_MISMATCH"), "{:?}", log.anomalies());
    (log.transactions(), files)
}

#[test]
fn copies_and_swapped_packets_make_no_difference() {
    let expected = digest(fetch());
    assert_eq!(expected.1.len(), 1);
    let count = fetch().packets().len();
    for at in 3..count - 3 {
        let mut copied = fetch();
        let mut packet = copied.packets()[at].clone();
        for later in [0, 1, 5] {
            packet.0 = copied.packets()[(at + later).min(count - 1)].0;
            copied.packets().insert((at + later).min(count - 1), packet.clone());
        }
        assert_eq!(digest(copied), expected, "packet {at} four times");

        let mut swapped = fetch();
        let packets = swapped.packets();
        // Two segments of one side that were not acknowledged in between.
        if packets[at].1[26..30] == packets[at + 1].1[26..30] {
            let (one, other) = (packets[at].1.clone(), packets[at + 1].1.clone());
            (packets[at].1, packets[at + 1].1) = (other, one);
            assert_eq!(digest(swapped), expected, "packets {at} and {}", at + 1);
        }
    }
}

/// Whatever single packet the capture lacks, nothing wrong is reported: every message is either the right one or not complete.
#[test]
fn a_lost_packet_is_a_gap() {
    let expected = digest(fetch());
    let mut gaps = 0;
    for at in 3..fetch().packets().len() {
        let mut talk = fetch();
        talk.packets().remove(at);
        let log = inspect(talk);
        gaps += usize::from(log.anomalies().contains(&"GAP"));
        for file in log.files() {
            if file["state"] == "CLOSED" {
                assert_eq!(file["sha256"].as_str().unwrap(), expected.1[0], "without packet {at}");
            }
        }
    }
    assert!(gaps > 20, "{gaps}");
}

#[test]
fn a_gap_has_its_length_and_the_session_continues() {
    let mut talk = logged_in();
    talk.client("RETR 1\r\n").server("+OK\r\nSubject: on\r\n").skip(S, 500).server("rest\r\n.\r\n");
    talk.client("NOOP\r\n").server("+OK\r\n");
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["GAP", "OUT_OF_STEP_GAP", "IN_STEP"]);
    assert!(log.text.contains(r#""event":"GAP","side":"server","bytes":500"#));
    assert_eq!(log.transactions()[3..], ["RETR 1: lost", "NOOP: ok (guess)"]);
    assert_eq!((&log.files()[0]["state"], &log.files()[0]["gaps"]), (&"TRUNCATED".into(), &true.into()));
}

/// A capture with one direction only.
#[test]
fn one_direction_alone_is_reported_as_such() {
    let both = fetch();
    let from = |talk: &Talk, ip: u8| {
        let mut one = talk.clone();
        one.packets().retain(|(_, packet)| packet[29] == ip);
        one
    };
    let log = inspect(from(&both, 1));
    assert_eq!(log.anomalies(), ["ONE_SIDED"]);
    assert_eq!(log.transactions(), ["USER a: untold", "PASS: untold", "RETR 1: untold", "QUIT: untold"]);
    let log = inspect(from(&both, 110));
    assert_eq!(log.transactions(), ["greeting: ok"]);
    assert_eq!(log.anomalies(), ["UNSOLICITED_RESPONSE"]);
}

#[test]
fn a_connection_that_is_opened_again_is_another() {
    let mut first = talk();
    first.server("+OK first\r\n").client("QUIT\r\n").server("+OK\r\n");
    // It was never closed, as far as the capture shows.
    let mut second = Talk::new(CLIENT, SERVER).at(Time::new(1_700_000_060, 0));
    second.skip(C, 1_000_000).skip(S, 77_777_777);
    second.open().server("+OK second\r\n").client("NOOP\r\n").server("-ERR\r\n").close();
    let mut capture = capture_of(first);
    capture.add(second);
    let log = inspect_with(&capture, Options::default(), None);
    assert_eq!(log.transactions(), ["greeting: ok", "QUIT: ok", "greeting: ok", "NOOP: refused"]);
    assert_eq!(log.anomalies(), ["SYN_IN_SESSION"]);
}

#[test]
fn a_connection_that_is_silent_is_over() {
    let mut first = talk();
    first.server("+OK first\r\n").client("NOOP\r\n");
    let mut second = Talk::new("192.0.2.9:1", SERVER).at(Time::new(1_700_001_000, 0));
    second.open();
    let mut capture = capture_of(first);
    capture.add(second);
    assert_eq!(
        inspect_with(&capture, Options::default(), None).transactions(),
        ["greeting: ok", "NOOP: unanswered"]
    );
}

#[test]
fn a_wrong_checksum_is_ignored_on_request() {
    let mut talk = logged_in();
    talk.raw(C, 0, b"DELE 1\r\n", Flags { bad_checksum: true, ..Flags::default() });
    talk.client("DELE 2\r\n").server("+OK\r\n").client("QUIT\r\n").server("+OK\r\n");
    let capture = capture_of(talk);
    let log = inspect_with(&capture, Options { checksums: true, ..Options::default() }, None);
    assert_eq!(log.anomalies(), ["BAD_CHECKSUM"]);
    assert_eq!(log.transactions()[3], "DELE 2: ok");
    let log = inspect_with(&capture, Options::default(), None);
    assert_eq!(log.anomalies()[..2], ["OVERLAP_DIFFERENT_DATA", "GAP"], "which of the two is not known");
    assert!(!log.transactions().iter().any(|line| line.contains("DELE")));
}
