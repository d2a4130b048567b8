//! Captures that are made to fill the memory. `written` checks the bounds after every packet.

use super::{SERVER, capture_of, inspect_with, logged_in, talk};
use inspect::make::{CLIENT as C, Capture, Flags, SERVER as S, Talk};
use inspect::{Options, Time};

#[test]
fn the_number_of_connections_is_bounded() {
    let mut capture = Capture::new();
    for client in 0..300u64 {
        let address = format!("192.0.2.{}:{}", client % 250, 1000 + client);
        let mut talk = Talk::new(&address, SERVER).at(Time::new(1_700_000_000 + client, 0));
        talk.open().server("+OK ready\r\n").client("USER a\r\n").server("+OK\r\n");
        capture.add(talk);
    }
    let log = inspect_with(&capture, Options { flows: 10, ..Options::default() }, None);
    assert_eq!(log.anomalies(), ["FLOW_EVICTED"; 290]);
    assert_eq!(log.transactions().len(), 600, "what was seen of them is reported");
}

#[test]
fn bytes_that_wait_are_bounded() {
    // Nothing is ever acknowledged, and the first byte is missing.
    let mut talk = logged_in();
    for place in 0..2000 {
        talk.raw(S, 1 + 1000 * place, &[b'x'; 1000], Flags { no_ack: true, ..Flags::default() });
    }
    let options = Options { flow_bytes: 50_000, total_bytes: 100_000, ..Options::default() };
    let log = inspect_with(&capture_of(talk), options, None);
    assert!(log.anomalies().contains(&"GAP") && !log.anomalies().contains(&"FLOW_EVICTED"));

    // Single bytes, whose bookkeeping is larger than they are.
    let mut talk = logged_in();
    for place in 0..20_000 {
        talk.raw(S, 1 + 2 * place, b"x", Flags { no_ack: true, ..Flags::default() });
    }
    let options = Options { flow_bytes: 50_000, total_bytes: 100_000, ..Options::default() };
    let log = inspect_with(&capture_of(talk), options, None);
    assert!(!log.anomalies().contains(&"FLOW_EVICTED"));
}

#[test]
fn bytes_of_all_connections_are_bounded() {
    let mut capture = Capture::new();
    for client in 0..100u64 {
        let address = format!("192.0.2.1:{}", 1000 + client);
        let mut talk = Talk::new(&address, SERVER).at(Time::new(1_700_000_000 + client, 0));
        talk.open().raw(C, 0, &[b'x'; 10_000], Flags { no_ack: true, ..Flags::default() });
        capture.add(talk);
    }
    inspect_with(&capture, Options { total_bytes: 100_000, ..Options::default() }, None);
}

#[test]
fn a_connection_that_is_never_recognized_is_forgotten() {
    let mut talk = Talk::new(super::CLIENT, "192.0.2.110:80");
    talk.open();
    for _ in 0..100 {
        talk.client([b'x'; 1000]);
    }
    let log = inspect_with(&capture_of(talk), Options { total_bytes: 40_000, ..Options::default() }, None);
    assert!(log.records.is_empty());
}

/// Each deviation of TCP is reported a few times for a connection, not for every packet.
#[test]
fn records_of_deviations_are_bounded() {
    let mut talk = logged_in();
    for byte in 0..200u8 {
        talk.raw(S, 0, &[byte; 10], Flags::default());
    }
    let log = inspect_with(&capture_of(talk), Options::default(), None);
    assert_eq!(log.anomalies().iter().filter(|event| **event == "OVERLAP_DIFFERENT_DATA").count(), 8);
}

#[test]
fn names_and_texts_are_bounded() {
    let mut talk = talk();
    let long = "\u{e9}".repeat(200);
    talk.server(format!("+OK {long}\r\n"))
        .client(format!("USER {long}\r\n"))
        .server(format!("-ERR {long}\r\n"));
    let log = inspect_with(&capture_of(talk), Options { text_bytes: 11, ..Options::default() }, None);
    assert!(log.text.contains("\u{e9}\u{e9}") && !log.text.contains(&"\u{e9}".repeat(6)), "{}", log.text);
}
