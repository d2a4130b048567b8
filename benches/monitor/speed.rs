//! Bytes and packets a second, and memory.

use crate::heap;
use crate::readers::{Reader, Sawp, Tap};
use inspect::make::{Capture, Talk};
use inspect::{Format, Inspector, Options, Time, capture};
use pop3_proto::tap::Side;
use pop3_proto_benches::clock::time;
use std::fmt::Write;
use std::hint::black_box;

/// The bytes of a session, in turns, and in packets.
struct Session {
    turns: Vec<(Side, Vec<u8>)>,
}

const PACKET: usize = 1460;

impl Session {
    fn small(number: usize) -> Self {
        let mut session = Session { turns: Vec::new() };
        session.server("+OK POP3 server ready\r\n").client("CAPA\r\n");
        session.server("+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n");
        session
            .client("USER mrose\r\n")
            .server("+OK\r\n")
            .client("PASS tanstaaf\r\n")
            .server("+OK logged in\r\n");
        session.client("STAT\r\n").server("+OK 3 960\r\n").client("UIDL\r\n");
        session.server(format!("+OK\r\n1 {number}a\r\n2 {number}b\r\n3 {number}c\r\n.\r\n"));
        let message = format!("Subject: number {number}\r\n\r\n{}", "A short line.\r\n".repeat(20));
        session.client("RETR 1\r\n");
        session.server(format!("+OK {} octets\r\n{message}.\r\n", message.len()));
        session.client("DELE 1\r\n").server("+OK\r\n").client("QUIT\r\n").server("+OK bye\r\n");
        session
    }

    fn large(messages: usize, line: &str) -> Self {
        let mut session = Session { turns: Vec::new() };
        session.server("+OK POP3 server ready\r\n").client("USER mrose\r\n").server("+OK\r\n");
        session.client("PASS tanstaaf\r\n").server("+OK\r\n");
        let body = line.repeat((1 << 20) / line.len());
        for number in 1..=messages {
            session.client(format!("RETR {number}\r\n"));
            session.server(format!("+OK\r\n{body}.\r\n"));
        }
        session.client("QUIT\r\n").server("+OK bye\r\n");
        session
    }

    fn client(&mut self, bytes: impl Into<String>) -> &mut Self {
        self.turns.push((Side::Client, bytes.into().into_bytes()));
        self
    }

    fn server(&mut self, bytes: impl Into<String>) -> &mut Self {
        self.turns.push((Side::Server, bytes.into().into_bytes()));
        self
    }

    fn transactions(&self) -> usize {
        self.turns.iter().filter(|(side, _)| *side == Side::Client).count() + 1
    }

    fn talk(&self, number: usize) -> Talk {
        let client = format!("10.{}.{}.{}:50000", number >> 16, number >> 8 & 255, number & 255);
        let mut talk = Talk::new(&client, "192.0.2.110:110").at(Time::new(1_700_000_000 + number as u64, 0));
        talk.open();
        for (side, bytes) in &self.turns {
            talk.say(usize::from(*side == Side::Server), bytes);
        }
        talk.close();
        talk
    }
}

/// Sessions, and their numbers.
struct Load {
    title: &'static str,
    sessions: Vec<Session>,
    bytes: usize,
    packets: usize,
}

impl Load {
    fn new(title: &'static str, sessions: Vec<Session>) -> Self {
        let turns = || sessions.iter().flat_map(|session| &session.turns);
        let bytes = turns().map(|(_, bytes)| bytes.len()).sum();
        let packets = turns().map(|(_, bytes)| bytes.len().div_ceil(PACKET)).sum();
        Load { title, sessions, bytes, packets }
    }

    /// Reads all sessions, in pieces of this size.
    fn read<R: Reader>(&self, new: fn() -> R, size: usize) {
        for session in &self.sessions {
            let mut reader = new();
            for (side, bytes) in &session.turns {
                bytes.chunks(size).for_each(|piece| reader.read(*side, piece));
            }
            assert_eq!(black_box(reader.end()).len(), session.transactions());
        }
    }

    /// The same for a parser that needs complete responses: they are collected first.
    fn read_collected<R: Reader>(&self, new: fn() -> R) {
        let mut buffer = Vec::new();
        for session in &self.sessions {
            let mut reader = new();
            for (side, bytes) in &session.turns {
                buffer.clear();
                bytes.chunks(PACKET).for_each(|piece| buffer.extend_from_slice(piece));
                reader.read(*side, black_box(&buffer));
            }
            assert_eq!(black_box(reader.end()).len(), session.transactions());
        }
    }

    fn capture(&self) -> Vec<u8> {
        let mut capture = Capture::new();
        for (number, session) in self.sessions.iter().enumerate() {
            capture.add(session.talk(number));
        }
        capture.pcap()
    }

    fn inspect(file: &[u8]) -> u64 {
        let mut log = std::io::sink();
        let mut inspector = Inspector::new(Options::default(), &mut log, Format::Json, None);
        let read = capture::read(file, 1 << 20, |link, time, bytes| inspector.packet(link, time, bytes));
        read.expect("a capture");
        inspector.finish().expect("a sink").packets
    }

    fn table(&self, quick: bool) -> String {
        let file = self.capture();
        let packets = Load::inspect(&file) as usize;
        let runs: [(&str, usize, &dyn Fn()); 3] = [
            ("tap, packet by packet", self.packets, &|| self.read(Tap::new, PACKET)),
            ("sawp-pop3, complete responses", self.packets, &|| self.read_collected(Sawp::default)),
            ("`inspect`, from pcap to JSON", packets, &|| _ = Load::inspect(&file)),
        ];
        let mut text =
            format!("\n## {}\n\n| | MB/s | packets/s | memory |\n|---|---:|---:|---:|\n", self.title);
        for (name, packets, run) in runs {
            let memory = heap::peak(run);
            let count = if quick { 1 } else { 7 };
            let fastest = (0..count).map(|_| time(run)).fold(f64::INFINITY, f64::min);
            let rate = |units: usize| units as f64 / fastest;
            _ = writeln!(
                text,
                "| {name} | {:.0} | {:.1} million | {:.1} KiB |",
                rate(self.bytes) * 1000.0,
                rate(packets) * 1000.0,
                memory as f64 / 1024.0
            );
        }
        text
    }
}

pub(crate) fn tables(quick: bool) -> String {
    let (sessions, messages) = if quick { (50, 2) } else { (5000, 24) };
    let base64 = "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxpdCwg\r\n";
    let text = "A sentence, and another one. Then a third.\r\nShort.\r\n..\r\n\r\n";
    let loads = [
        Load::new("Many small sessions", (0..sessions).map(Session::small).collect()),
        Load::new("Messages of 1 MiB, base64", vec![Session::large(messages, base64)]),
        Load::new("Messages of 1 MiB, text with dots", vec![Session::large(messages, text)]),
    ];
    loads.iter().map(|load| load.table(quick)).collect()
}
