//! Generated input, the same in each run.

use pop3_proto::client::ClientConfig;
use pop3_proto::server::MessageInfo;
use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy, UniqueId};
use std::fmt::Write;

/// Returns `count` command lines, mixed as in a session.
pub(crate) fn commands(count: usize) -> Vec<u8> {
    let mut lines = String::new();
    for n in 1..=count {
        match n % 8 {
            0 => write!(lines, "RETR {n}\r\n"),
            1 => write!(lines, "DELE {n}\r\n"),
            2 => write!(lines, "LIST {n}\r\n"),
            3 => write!(lines, "TOP {n} 10\r\n"),
            4 => write!(lines, "UIDL {n}\r\n"),
            5 => write!(lines, "STAT\r\n"),
            6 => write!(lines, "NOOP\r\n"),
            _ => write!(lines, "USER user{n}@example.org\r\n"),
        }
        .expect("a String takes all");
    }
    lines.into_bytes()
}

/// Returns a response to LIST with `count` rows, and the sum of its sizes.
pub(crate) fn scan_listing(count: usize) -> (Vec<u8>, u64) {
    let sizes = (1..=count as u64).map(|n| n * 7919 % 100_000);
    let rows: String = sizes.clone().zip(1..).map(|(octets, n)| format!("{n} {octets}\r\n")).collect();
    (format!("+OK\r\n{rows}.\r\n").into_bytes(), sizes.sum())
}

/// Returns a response to UIDL with `count` rows, and the total length of the unique-ids.
pub(crate) fn unique_id_listing(count: usize) -> (Vec<u8>, u64) {
    let ids: Vec<_> = (1..=count as u64).map(|n| format!("{:x}.example", n * 0x1234_5678_9ABC)).collect();
    let rows: String = ids.iter().zip(1..).map(|(id, n)| format!("{n} {id}\r\n")).collect();
    (format!("+OK\r\n{rows}.\r\n").into_bytes(), ids.iter().map(|id| id.len() as u64).sum())
}

/// Returns a text of about `octets` bytes whose lines end in LF. One line of a hundred begins with a dot.
pub(crate) fn text(octets: usize) -> String {
    let mut text = String::from("Subject: a fixed one\n\n");
    for n in 1.. {
        if text.len() >= octets {
            break;
        }
        text.push_str(if n % 100 == 0 { "." } else { "T" });
        text.push_str("he quick brown fox jumps over the lazy dog, then back, and so on for long.\n");
    }
    text
}

/// Returns `count` messages of one size, and their octets in total.
pub(crate) fn slots(count: u32, octets: u64) -> (Vec<MessageInfo<UniqueId<'static>>>, u64) {
    let id = UniqueId::new(b"id").expect("it is one");
    (vec![MessageInfo::new(octets, id); count as usize], u64::from(count) * octets)
}

/// Returns a client that is logged in and waits for the response to this command.
pub(crate) fn client(command: &Command<'_>) -> Client {
    let mut client = Client::new(ClientConfig::new(TlsPolicy::Cleartext), 1);
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    client.poll(&mut Input::more(b"+OK\r\n")).expect("a greeting");
    for line in ["USER mrose", "PASS secret"] {
        client.send(&Command::parse(line.as_bytes()).expect("a command"), &mut out).expect("sent");
        client.poll(&mut Input::more(b"+OK\r\n")).expect("an answer");
    }
    client.send(command, &mut out).expect("sent");
    client
}
