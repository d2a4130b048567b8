//! What an attacker does so that a monitor and a client see different messages, one test for each way.
//!
//! The rule: if a message is reported as complete and not as ambiguous, then each client that returns a message returns this one.
//! Otherwise a deviation is reported. The reading of each client is pinned, so that a new version that reads differently shows.

use super::clients::{FETCH, FETCH_TOP, RETR, Reading, Replay, TOP};
use super::{Log, inspect, inspect_with, logged_in, talk};
use inspect::make::{CLIENT as C, Flags, SERVER as S, Talk};
use std::fs;

/// What this crate's client, curl and poplib read.
struct Readings {
    own: Reading,
    curl: Reading,
    poplib: Reading,
}

/// A session that fetches a message with this response, in packets of this size.
fn fetched(response: &[u8], command: &str, largest: usize) -> Talk {
    let mut talk = Talk::new(super::CLIENT, super::SERVER).with_largest(largest);
    talk.open()
        .server("+OK ready\r\n")
        .client("USER mrose\r\n")
        .server("+OK\r\n")
        .client("PASS tanstaaf\r\n")
        .server("+OK\r\n");
    talk.client(format!("{command}\r\n")).server(response).client("QUIT\r\n").server("+OK\r\n").close();
    talk
}

/// What is reported of a message: its lines, and whether clients agree on them.
fn reported(response: &[u8], largest: usize) -> (Option<Vec<String>>, bool, Log) {
    let folder = tempfile::tempdir().unwrap();
    let store = inspect::Store::open(folder.path(), inspect::StoreLimits::DEFAULT).unwrap();
    let capture = super::capture_of(fetched(response, "RETR 1", largest));
    let log = inspect_with(&capture, inspect::Options::default(), Some(store));
    let file = log.files().into_iter().next().cloned().unwrap_or_default();
    let lines = (file["stored"] == true).then(|| {
        let octets = fs::read(folder.path().join(file["filename"].as_str().unwrap())).unwrap();
        let Reading::Message(lines) = Reading::lines(&octets) else { panic!() };
        lines
    });
    (lines, file["ambiguous"] == true, log)
}

fn message(lines: &[&str]) -> Reading {
    Reading::Message(lines.iter().map(|line| (*line).to_owned()).collect())
}

/// Compares the clients with what is pinned, and the report with the clients.
fn compare(response: &[u8], pinned: &Readings, deviation: Option<&str>) {
    let replay = Replay::new(response);
    let (own, curl, poplib) = (replay.own(RETR), replay.curl(&[], "1").0, replay.poplib(FETCH).0);
    let shown = response.escape_ascii();
    assert_eq!(own, pinned.own, "this crate, {shown}");
    for (name, reading, expected) in [("curl", &curl, &pinned.curl), ("poplib", &poplib, &pinned.poplib)] {
        assert!(reading == expected || *reading == Reading::Absent, "{name}, {shown}: {reading:?}");
    }
    for largest in [1, 2, 3, 1460] {
        let (lines, ambiguous, log) = reported(response, largest);
        let expected: Vec<&str> = deviation.into_iter().collect();
        assert_eq!(log.anomalies(), expected, "{shown}");
        assert!(deviation.is_some() || lines.is_some(), "{shown}");
        let Some(lines) = lines.filter(|_| !ambiguous) else { continue };
        for reading in [&own, &curl, &poplib] {
            let same = match reading {
                Reading::Message(read) => *read == lines,
                Reading::Error | Reading::Absent => true,
            };
            assert!(same, "{shown}: {reading:?} is not {lines:?}");
        }
    }
}

/// All clients read these lines.
fn all(lines: &[&str]) -> Readings {
    Readings { own: message(lines), curl: message(lines), poplib: message(lines) }
}

#[test]
fn bare_lf_around_a_dot() {
    for response in [&b"+OK\r\na\n.\nhidden\r\n.\r\n"[..], b"+OK\r\na\n.\r\nhidden\r\n.\r\n"] {
        let pinned = Readings { poplib: message(&["a"]), ..all(&["a", ".", "hidden"]) };
        compare(response, &pinned, Some("AMBIGUOUS_TERMINATOR"));
    }
    let pinned = Readings {
        own: message(&["a", "", "hidden"]),
        curl: message(&["a", ".", "hidden"]),
        poplib: message(&["a"]),
    };
    compare(b"+OK\r\na\r\n.\nhidden\r\n.\r\n", &pinned, Some("AMBIGUOUS_TERMINATOR"));
}

#[test]
fn bare_lf_in_a_status_line() {
    let pinned = Readings { own: Reading::Error, curl: Reading::Error, poplib: message(&["a"]) };
    compare(b"+OK\na\n.\n", &pinned, Some("AMBIGUOUS_LINE_END"));
    compare(b"+OK\na\r\n.\r\n", &Readings { curl: message(&["a"]), ..pinned }, Some("AMBIGUOUS_LINE_END"));
}

#[test]
fn bare_lf_without_a_dot() {
    compare(b"+OK\r\na\nb\n.c\r\n.\r\n", &all(&["a", "b", ".c"]), None);
}

#[test]
fn dots_that_are_not_doubled() {
    let pinned = Readings { own: message(&["a", " ", "b"]), ..all(&["a", ". ", ".b"]) };
    compare(b"+OK\r\na\r\n. \r\n.b\r\n.\r\n", &pinned, Some("AMBIGUOUS_DOTS"));
    // As the first line, curl makes something else of it.
    let pinned = Readings { own: message(&["b"]), curl: message(&["\rb"]), poplib: message(&[".b"]) };
    compare(b"+OK\r\n.b\r\n.\r\n", &pinned, Some("AMBIGUOUS_DOTS"));
    let pinned = Readings { poplib: message(&["a", ".c"]), ..all(&["a", "..c"]) };
    compare(b"+OK\r\na\n..c\r\n.\r\n", &pinned, Some("AMBIGUOUS_DOTS"));
}

#[test]
fn bare_cr_around_a_dot() {
    compare(b"+OK\r\na\r.\r\nb\r.\r.\r\n.\r\n", &all(&["a\r.", "b\r.\r."]), None);
    let pinned = Readings { own: message(&["a", "", "b"]), ..all(&["a", ".", "b"]) };
    compare(b"+OK\r\na\r\n.\r\r\nb\r\n.\r\n", &pinned, Some("AMBIGUOUS_DOTS"));
}

#[test]
fn nul_in_a_message() {
    compare(b"+OK\r\na\0b\r\n\0.\r\n\0\r\n.\r\n", &all(&["a\0b", "\0.", "\0"]), None);
    let pinned = Readings { own: message(&["a", "\0", "b"]), ..all(&["a", ".\0", "b"]) };
    compare(b"+OK\r\na\r\n.\0\r\nb\r\n.\r\n", &pinned, Some("AMBIGUOUS_DOTS"));
}

/// What follows `+OK` is not a status, so nobody can know what the client makes of the rest.
#[test]
fn nul_or_letters_in_a_status() {
    for response in [&b"+OK\0x\r\na\r\n.\r\n"[..], b"+OKAY\r\na\r\n.\r\n"] {
        let pinned = Readings { own: Reading::Error, ..all(&["a"]) };
        let replay = Replay::new(response);
        assert_eq!(replay.own(RETR), pinned.own);
        for reading in [replay.curl(&[], "1").0, replay.poplib(FETCH).0] {
            assert!(reading == pinned.curl || reading == Reading::Absent, "{reading:?}");
        }
        let (lines, _, log) = reported(response, 1460);
        assert_eq!((lines, log.anomalies()), (None, vec!["NOT_A_RESPONSE", "IN_STEP"]));
        assert_eq!(log.transactions()[3..], ["RETR 1: lost", "QUIT: ok (guess)"]);
    }
}

/// No client goes by the number that the status line states.
#[test]
fn false_octet_counts() {
    for count in ["3 octets", "0", "999999 octets", "99999999999999999999999"] {
        let response = format!("+OK {count}\r\nfirst\r\nhidden\r\n.\r\n");
        compare(response.as_bytes(), &all(&["first", "hidden"]), Some("SIZE_MISMATCH"));
    }
    compare(b"+OK 15 octets\r\nfirst\r\nhidden\r\n.\r\n", &all(&["first", "hidden"]), None);
}

/// `compare` cuts each response into segments of 1, 2, 3 and 1460 bytes.
#[test]
fn dots_at_the_borders_of_segments() {
    compare(b"+OK\r\n..\r\n...\r\n\r\n..\r\n.\r\n", &all(&[".", "..", "", "."]), None);
    let response = b"+OK\r\na\r\n..\r\n..b\r\n.\r\n";
    for cut in 1..response.len() {
        let mut talk = logged_in();
        talk.client("RETR 1\r\n").raw(S, cut as i32, &response[cut..], Flags::default());
        talk.raw(S, 0, &response[..cut], Flags::default()).skip(S, response.len()).acknowledge(C);
        let log = inspect(talk);
        assert_eq!((log.octets(3), log.anomalies().len()), (Some(10), 0), "cut at {cut}");
    }
}

/// Which of the two the client has read is not known, so neither is reported.
#[test]
fn overlapping_segments_with_different_content() {
    let (one, other) = (b"+OK\r\nSubject: one\r\n.\r\n", b"+OK\r\nSubject: two\r\n.\r\n");
    for (first, second) in [(one, other), (other, one)] {
        for cut in [0, 5, 14] {
            let mut talk = logged_in();
            talk.client("RETR 1\r\n").raw(S, cut as i32, &first[cut..], Flags::default());
            talk.say(S, second).client("NOOP\r\n").server("+OK\r\n");
            let log = inspect(talk);
            assert_eq!(log.anomalies(), ["OVERLAP_DIFFERENT_DATA", "GAP", "OUT_OF_STEP_GAP", "IN_STEP"]);
            assert_eq!(log.transactions()[3..], ["RETR 1: lost", "NOOP: ok (guess)"]);
            assert!(log.files().iter().all(|file| file["state"] == "TRUNCATED"));
        }
    }
    // After the acknowledgement, the client has the first one.
    let mut talk = logged_in();
    talk.client("RETR 1\r\n").server(one).raw(S, -(other.len() as i32), other, Flags::default());
    talk.client("NOOP\r\n").server("+OK\r\n");
    let log = inspect(talk);
    assert_eq!((log.octets(3), log.anomalies().len()), (Some(14), 0));
}

#[test]
fn overlapping_commands_with_different_content() {
    let mut talk = logged_in();
    talk.raw(C, 0, b"RETR 1\r\n", Flags::default()).client("RETR 2\r\n").server("+OK\r\na\r\n.\r\n");
    talk.client("NOOP\r\n").server("+OK\r\n");
    let log = inspect(talk);
    assert!(log.anomalies().contains(&"OVERLAP_DIFFERENT_DATA"));
    assert!(
        !log.transactions().iter().any(|line| line.contains("RETR") && line.contains("ok")),
        "{:?}",
        log.transactions()
    );
}

/// The server answers before it is asked: some clients take this for the response to a later command.
#[test]
fn responses_before_commands() {
    let greeting = b"+OK ready\r\n+OK\r\n+OK\r\n+OK\r\nfake\r\n.\r\n";
    let replay = Replay { greeting, ..Replay::new(b"+OK\r\nreal\r\n.\r\n") };
    assert_eq!(replay.own(RETR), Reading::Error);
    let (curl, poplib) = (replay.curl(&[], "1").0, replay.poplib(FETCH).0);
    assert!(matches!(curl, Reading::Error | Reading::Absent), "{curl:?}");
    assert!(poplib == message(&["fake"]) || poplib == Reading::Absent, "{poplib:?}");

    let mut talk = talk();
    talk.server(greeting)
        .client("USER mrose\r\n")
        .server("+OK\r\n")
        .client("PASS tanstaaf\r\n")
        .server("+OK\r\n");
    talk.client("RETR 1\r\n").server("+OK\r\nreal\r\n.\r\n");
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["UNSOLICITED_RESPONSE", "IN_STEP"]);
    assert_eq!(log.transactions()[1..], ["USER mrose: ok (guess)", "PASS: ok (guess)", "RETR 1: ok (guess)"]);
    assert!(log.files().iter().all(|file| file["guess"] == true));
}

/// A second message in one response: this crate's client refuses, curl returns both as one, poplib the first.
#[test]
fn a_response_after_a_response() {
    let response = b"+OK\r\na\r\n.\r\n+OK\r\nsecond\r\n.\r\n";
    let replay = Replay::new(response);
    assert_eq!(replay.own(RETR), Reading::Error);
    let (curl, poplib) = (replay.curl(&[], "1").0, replay.poplib(FETCH).0);
    assert!(curl == message(&["a", ".", "+OK", "second"]) || curl == Reading::Absent, "{curl:?}");
    assert!(poplib == message(&["a"]) || poplib == Reading::Absent, "{poplib:?}");
    let (_, _, log) = reported(response, 1460);
    assert_eq!(log.anomalies(), ["UNSOLICITED_RESPONSE", "IN_STEP"]);
}

/// Somebody between the two removes TLS: the client that insists on it sends no password, the other is reported.
#[test]
fn stls_stripped() {
    let replay = Replay::new(b"+OK\r\na\r\n.\r\n");
    let (reading, code, lines) = replay.curl(&["--ssl-reqd"], "1");
    assert!(reading == Reading::Absent || reading == Reading::Error && code == 64, "{reading:?} {code}");
    assert!(!lines.iter().any(|line| line.starts_with("PASS")));
    let (reading, lines) = replay.poplib("pop.stls(); pop.user('mrose'); pop.pass_('tanstaaf')");
    assert!(matches!(reading, Reading::Error | Reading::Absent));
    assert!(!lines.iter().any(|line| line.starts_with("PASS")));

    let mut talk = talk();
    talk.server("+OK ready\r\n").client("STLS\r\n").server("-ERR no\r\n");
    talk.client("USER mrose\r\n").server("+OK\r\n").client("PASS tanstaaf\r\n").server("+OK\r\n");
    let log = inspect(talk);
    assert_eq!(log.transactions(), ["greeting: ok", "STLS: refused", "USER mrose: ok", "PASS: ok"]);
    assert!(log.text.contains("LOGIN_WITHOUT_TLS"));
}

/// Somebody puts plaintext after STLS, on either side: no client that takes care reads it.
#[test]
fn stls_injected() {
    let stls = b"+OK begin\r\n+OK injected\r\n";
    let replay = Replay { stls, greeting: b"+OK ready\r\n", response: b"-ERR\r\n" };
    let (reading, _) = replay.poplib("pop.stls(); pop.user('mrose'); pop.pass_('tanstaaf')");
    assert!(matches!(reading, Reading::Error | Reading::Absent));
    let mut client = pop3_proto::ClientConnection::new(pop3_proto::TlsPolicy::Required, 1);
    for (bytes, command) in [
        (&b"+OK ready\r\n"[..], pop3_proto::Command::Capa),
        (b"+OK\r\nSTLS\r\n.\r\n", pop3_proto::Command::Stls),
    ] {
        client.recv_buf().spare_mut()[..bytes.len()].copy_from_slice(bytes);
        client.recv_buf().received(bytes.len());
        while client.poll().unwrap().is_some() {}
        client.sender().send(command).unwrap();
        client.send_buf().clear();
    }
    client.recv_buf().spare_mut()[..stls.len()].copy_from_slice(stls);
    client.recv_buf().received(stls.len());
    assert_eq!(client.poll().unwrap_err(), pop3_proto::ConnectionError::PlaintextAfterStls);

    let mut talk = talk();
    talk.server("+OK ready\r\n").client("STLS\r\n").server(stls).client(b"\x16\x03\x01");
    assert_eq!(inspect(talk).anomalies(), ["PLAINTEXT_AFTER_STLS"]);

    let mut talk = self::talk();
    talk.server("+OK ready\r\n").client("STLS\r\nUSER mallory\r\n").server("+OK\r\n\x16\x03\x03");
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["PLAINTEXT_AFTER_STLS"]);
    assert_eq!(log.transactions()[1..], ["STLS: ok", "USER mallory: unanswered"]);
}

#[test]
fn fake_terminators_in_top() {
    let response = b"+OK\r\nSubject: a\r\n..\r\n...\r\n\r\n..\r\n.\r\n";
    let replay = Replay::new(response);
    let expected = message(&["Subject: a", ".", "..", "", "."]);
    assert_eq!(replay.own(TOP), expected);
    for reading in [replay.curl(&["-X", "TOP"], "1%200").0, replay.poplib(FETCH_TOP).0] {
        assert!(reading == expected || reading == Reading::Absent, "{reading:?}");
    }
    for largest in 1..8 {
        let log = inspect(fetched(response, "TOP 1 0", largest));
        assert_eq!(log.transactions()[3..], ["TOP 1 0: ok", "QUIT: ok"]);
        assert_eq!((log.octets(3), log.anomalies().len()), (Some(24), 0));
    }
    let log = inspect(fetched(b"+OK\r\nSubject: a\n.\n+OK fake\r\n.\r\n", "TOP 1 0", 1460));
    assert_eq!(log.anomalies(), ["AMBIGUOUS_TERMINATOR"]);
}

/// A proxy greets, then the server does: clients differ in what they take for the response to their first command.
#[test]
fn greeting_of_a_proxy() {
    let greeting = b"+OK proxy\r\n+OK server\r\n";
    let replay = Replay { greeting, ..Replay::new(b"+OK\r\na\r\n.\r\n") };
    assert_eq!(replay.own(RETR), Reading::Error);
    let (curl, poplib) = (replay.curl(&[], "1").0, replay.poplib(FETCH).0);
    assert!(curl == message(&["a"]) || curl == Reading::Absent, "{curl:?}");
    assert!(poplib == message(&["+OK", "a"]) || poplib == Reading::Absent, "{poplib:?}");

    let mut talk = talk();
    talk.server(greeting)
        .client("USER mrose\r\n")
        .server("+OK\r\n")
        .client("RETR 1\r\n")
        .server("+OK\r\na\r\n.\r\n");
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["UNSOLICITED_RESPONSE", "IN_STEP"]);
    assert!(log.transactions()[1..].iter().all(|line| line.ends_with("(guess)")));

    // The header of the PROXY protocol has no response, and what follows it is matched all the same.
    let mut talk = self::talk();
    talk.client("PROXY TCP4 192.0.2.1 192.0.2.2 50000 110\r\n").server("+OK ready\r\n");
    talk.client("STAT\r\n").server("+OK 1 2\r\n");
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["PROXY_HEADER"]);
    assert_eq!(log.transactions()[1..], ["STAT: ok (guess)"]);
}

#[test]
fn thousands_of_pipelined_commands() {
    let mut talk = logged_in();
    talk.client("RETR 1\r\n".repeat(5000)).server("+OK\r\na\r\n.\r\n".repeat(3000));
    // Older responses are pending, so this is not the response to it.
    talk.client("STAT\r\n").server("+OK 9 9\r\n.\r\n").server("+OK\r\na\r\n.\r\n".repeat(2000));
    talk.client("NOOP\r\n").server("+OK\r\n");
    let log = inspect(talk);
    let transactions = log.transactions();
    let count = |suffix: &str| transactions.iter().filter(|line| line.ends_with(suffix)).count();
    assert_eq!((count(": ok"), count(": untold"), count("(guess)")), (3 + 16, 5000 - 16 + 1, 1));
    assert_eq!(transactions.last().unwrap(), "NOOP: ok (guess)");
    assert_eq!(log.anomalies(), ["TOO_MANY_COMMANDS", "IN_STEP"]);
}

/// A SYN, a FIN or a RST that the server never sees ends nothing.
#[test]
fn forged_packets_do_not_end_a_session() {
    let flags = [
        Flags { syn: true, no_ack: true, ..Flags::default() },
        Flags { rst: true, ..Flags::default() },
        Flags { fin: true, ..Flags::default() },
    ];
    for (forged, ahead) in flags.into_iter().flat_map(|flags| [(flags, 0), (flags, 5000)]) {
        let mut talk = logged_in();
        talk.raw(C, ahead, b"", forged)
            .client("STAT\r\n")
            .server("+OK 1 2\r\n")
            .client("QUIT\r\n")
            .server("+OK\r\n");
        let log = inspect_with(&super::capture_of(talk), inspect::Options::default(), None);
        assert_eq!(log.transactions()[3..], ["STAT: ok", "QUIT: ok"], "{forged:?}");
    }
}

/// Urgent bytes may or may not be part of what the client reads.
#[test]
fn urgent_bytes_are_not_known() {
    let mut talk = logged_in();
    talk.client("RETR 1\r\n").server("+OK\r\n").raw(S, 0, b"x", Flags { urgent: true, ..Flags::default() });
    talk.skip(S, 1).server("a\r\n.\r\n");
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["URGENT_DATA", "GAP", "OUT_OF_STEP_GAP"]);
}

/// What a client sends first does not hide what follows.
#[test]
fn nonsense_before_the_first_command() {
    for first in
        [&b"\0\r\n"[..], b"\x16\x03\x01\r\n", b"GET / HTTP/1.1\r\n", b"+OK\r\n", b"*\r\n", &[b'x'; 5000]]
    {
        for before in [true, false] {
            let mut talk = talk();
            if before {
                talk.client(first);
            }
            talk.server("+OK ready\r\n");
            if !before {
                talk.client(first);
            }
            if !first.ends_with(b"\n") {
                talk.client("\r\n");
            }
            talk.server("-ERR what?\r\n").client("STAT\r\n").server("+OK 1 2\r\n");
            let transactions = inspect(talk).transactions();
            assert_eq!(transactions.last().unwrap(), "STAT: ok", "{} {before}", first.escape_ascii());
        }
    }
}

/// Parts of IP packets are not put together, so what they contain is a gap.
#[test]
fn fragments_are_reported() {
    let mut talk = logged_in();
    talk.client("RETR 1\r\n")
        .server("+OK\r\na\r\n")
        .server("hidden\r\n")
        .server("b\r\n.\r\n")
        .client("NOOP\r\n");
    let hidden = talk.packets().iter().position(|(_, packet)| packet.ends_with(b"hidden\r\n")).unwrap();
    // More fragments follow: a flag after the Ethernet header and six bytes of IPv4.
    talk.packets()[hidden].1[20] |= 0x20;
    let log = inspect(talk);
    assert_eq!(log.anomalies(), ["IP_FRAGMENT", "GAP", "OUT_OF_STEP_GAP", "IN_STEP"]);
    assert_eq!(log.transactions()[3..], ["RETR 1: lost", "NOOP: unanswered (guess)"]);
}
