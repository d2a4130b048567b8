//! Formats of files, ways in which packets begin, and damage.

use super::{CLIENT, SERVER, capture_of, inspect, inspect_file, inspect_with, logged_in};
use inspect::capture::{self, CaptureError};
use inspect::make::{Talk, sample};
use inspect::{Inspector, Link, Options};

const EXPECTED: [&str; 5] = ["greeting: ok", "USER mrose: ok", "PASS: ok", "STAT: ok", "QUIT: ok"];

fn session(mut talk: Talk) -> Talk {
    talk.open().server("+OK ready\r\n").client("USER mrose\r\nPASS tanstaaf\r\n").server("+OK\r\n+OK\r\n");
    talk.client("STAT\r\n").server("+OK 1 2\r\n").client("QUIT\r\n").server("+OK\r\n").close();
    talk
}

#[test]
fn every_kind_of_file_gives_the_same_records() {
    let capture = sample();
    let expected = inspect_file(&capture.pcap(), Options::default(), None).text;
    assert!(expected.lines().count() > 30);
    for file in [capture.pcap_nanoseconds(), capture.pcapng()] {
        assert_eq!(inspect_file(&file, Options::default(), None).text, expected);
    }
    // A file of the other order of bytes.
    let mut file = capture.pcap();
    let mut swap = |at: usize, size: usize| file[at..at + size].reverse();
    [(0, 4), (4, 2), (6, 2), (8, 4), (12, 4), (16, 4), (20, 4)]
        .into_iter()
        .for_each(|(at, size)| swap(at, size));
    let mut at = 24;
    for (_, packet) in capture.packets() {
        (0..4).for_each(|word| file[at + 4 * word..at + 4 * word + 4].reverse());
        at += 16 + packet.len();
    }
    assert_eq!(inspect_file(&file, Options::default(), None).text, expected);
}

#[test]
fn every_kind_of_link_is_read() {
    let ethernet = [Talk::new(CLIENT, SERVER), Talk::new(CLIENT, SERVER).with_vlan()];
    let v6 = ["[2001:db8::1]:50000", "[2001:db8::2]:110"];
    let others = [Link::NULL, Link::LOOP, Link::RAW, Link::LINUX_SLL, Link::LINUX_SLL2];
    let others = others.into_iter().flat_map(|link| {
        [Talk::new(CLIENT, SERVER).with_link(link), Talk::new(v6[0], v6[1]).with_link(link)]
    });
    for talk in ethernet.into_iter().chain(others).chain([Talk::new(v6[0], v6[1]).with_vlan()]) {
        let log = inspect(session(talk));
        assert_eq!(log.transactions(), EXPECTED);
        assert!(log.anomalies().is_empty());
    }
}

/// A capture that ends within a packet reports what comes before, and ends.
#[test]
fn a_file_may_end_anywhere() {
    for file in [sample().pcap(), sample().pcapng()] {
        for end in (0..file.len()).step_by(37) {
            let mut log = Vec::new();
            let mut inspector = Inspector::new(Options::default(), &mut log, inspect::Format::Json, None);
            let result =
                capture::read(&file[..end], 1 << 20, |link, time, bytes| inspector.packet(link, time, bytes));
            inspector.finish().unwrap();
            assert!(
                matches!(result, Ok(()) | Err(CaptureError::Truncated | CaptureError::Format)),
                "{end}: {result:?}"
            );
        }
    }
}

#[test]
fn other_files_are_refused() {
    for file in [&b""[..], b"From: someone\r\n\r\n", &[0; 100], b"\xd4\xc3\xb2"] {
        let result = capture::read(file, 1 << 20, |_, _, _| Ok(()));
        assert!(matches!(result, Err(CaptureError::Truncated | CaptureError::Format)), "{result:?}");
    }
    // A packet that claims four gigabytes.
    let mut file = sample().pcap();
    file[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    let result = capture::read(&file[..], 1 << 20, |_, _, _| Ok(()));
    assert!(
        matches!(result, Err(CaptureError::TooLarge | CaptureError::Truncated | CaptureError::Damaged)),
        "{result:?}"
    );
}

/// Reads that are as short as those of a pipe can be.
#[test]
fn short_reads_make_no_difference() {
    struct Dribble(Vec<u8>, usize);
    impl std::io::Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = buffer.len().min(self.0.len() - self.1).min(1 + self.1 % 3);
            buffer[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
            self.1 += count;
            Ok(count)
        }
    }
    for file in [sample().pcap(), sample().pcapng()] {
        let (mut packets, expected) = (0, sample().packets().len());
        capture::read(Dribble(file, 0), 1 << 20, |_, _, _| {
            packets += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(packets, expected);
    }
}

#[test]
fn other_protocols_are_left_alone() {
    let mut talk = Talk::new(CLIENT, "192.0.2.110:80");
    talk.open().client("GET / HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\n\r\n").close();
    assert!(inspect(talk).records.is_empty());
    let mut talk = Talk::new(CLIENT, "192.0.2.110:21");
    talk.open()
        .server("220 FTP\r\n")
        .client("USER mrose\r\n")
        .server("331 password?\r\n")
        .client("QUIT\r\n")
        .close();
    assert!(inspect(talk).records.is_empty());
}

/// POP3 is recognized on any port, and from the middle on its own.
#[test]
fn pop3_is_found_on_any_port() {
    let log = inspect(session(Talk::new(CLIENT, "192.0.2.110:8110")));
    assert_eq!(log.transactions(), EXPECTED);
    let mut talk = logged_in();
    talk.packets().drain(..10);
    talk.client("NOOP\r\n").server("+OK\r\n").client("STAT\r\n").server("+OK 1 2\r\n");
    let log = inspect_with(&capture_of(talk), Options::default(), None);
    assert_eq!(log.anomalies()[0], "JOINED_LATE");
    assert_eq!(log.transactions().last().unwrap(), "STAT: ok (guess)");
}
