//! The whole way from packets to JSON, as a network monitor goes it: files, segments, connections, transactions, records.

use inspect::capture;
use inspect::make::{CLIENT, Capture, Flags, SERVER, Talk};
use inspect::{Format, Inspector, Options};

/// The first octet picks a file of any octets, segments of any order and overlap, or a calm connection with a password.
pub fn run(data: &[u8]) {
    let Some((pick, data)) = data.split_first() else { return };
    match pick % 3 {
        0 => _ = inspect(data),
        1 => segments(data),
        _ => calm(data),
    }
}

/// Reads a file, and returns its records. Bounds hold after every packet, and every line is an object.
fn inspect(file: &[u8]) -> String {
    let options =
        Options { flows: 4, flow_bytes: 4096, total_bytes: 8192, probe_bytes: 512, ..Options::default() };
    let mut log = Vec::new();
    let mut inspector = Inspector::new(options, &mut log, Format::Json, None);
    let (flows, total) = (inspector.options().flows, inspector.options().total_bytes);
    // A damaged file ends early; what came before is reported.
    _ = capture::read(file, 1 << 16, |link, time, bytes| {
        inspector.packet(link, time, bytes)?;
        assert!(inspector.flows() <= flows && inspector.buffered() <= total, "{inspector:?}");
        Ok(())
    });
    let totals = inspector.finish().expect("a vector takes everything");
    let text = String::from_utf8(log).expect("JSON is UTF-8");
    let count = |kind: &str| text.lines().filter(|line| line.contains(kind)).count() as u64;
    for line in text.lines() {
        assert!(line.starts_with(r#"{"timestamp":""#) && line.ends_with('}'), "{line}");
        assert!(!line.chars().any(char::is_control), "{}", line.escape_debug());
    }
    assert_eq!(count(r#""event_type":"pop3""#), totals.transactions);
    assert_eq!(count(r#""event_type":"anomaly""#), totals.anomalies);
    assert_eq!(count(r#""state":"CLOSED""#), totals.messages);
    text
}

/// Segments: an octet for the side, the flags and how far it is ahead, one for the length, and the octets.
fn segments(mut data: &[u8]) {
    let mut talk = Talk::new("192.0.2.1:50000", "192.0.2.110:110");
    if data.first().is_none_or(|octet| octet % 2 == 0) {
        talk.open();
    }
    while let [how, length, rest @ ..] = data {
        let (octets, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let side = usize::from(how & 1);
        if how & 2 == 0 {
            talk.say(side, octets);
        } else {
            let flags = Flags {
                syn: how & 0xFC == 0xFC,
                fin: how & 0xFC == 0xF8,
                rst: how & 0xFC == 0xF4,
                urgent: how & 0xFC == 0xF0,
                no_ack: how & 4 != 0,
                bad_checksum: false,
            };
            talk.raw(side, i32::from(how >> 3) - 16, octets, flags);
        }
        data = rest;
    }
    let mut capture = Capture::new();
    capture.add(talk);
    let text = inspect(&capture.pcap_nanoseconds());
    assert_eq!(text, inspect(&capture.pcapng()), "another kind of file");
}

/// A password on a line of its own, between any lines: no record has it, unless the octets do.
fn calm(data: &[u8]) {
    const PASSWORD: &str = "tanstaaf77";
    let mut talk = Talk::new("192.0.2.1:50000", "192.0.2.110:110");
    talk.open();
    for (turn, lines) in data.split(|octet| *octet == 0xFF).enumerate() {
        match turn % 3 {
            0 => talk.say(SERVER, lines),
            1 => talk.say(CLIENT, lines),
            _ => talk.client(format!("\r\nPASS {PASSWORD}\r\n")).say(SERVER, lines),
        };
    }
    let mut capture = Capture::new();
    capture.add(talk);
    let text = inspect(&capture.pcap());
    assert!(
        !text.contains(PASSWORD) || data.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes())
    );
}
