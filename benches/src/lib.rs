//! What the benches run on: made-up input, the same in each run.

use pop3_proto::{Client, Command, Input, MessageNumber, Outbox, TlsPolicy, client};

/// How many octets a driver reads at once.
pub const READ: usize = 16 * 1024;

/// So many command lines, mixed as a session mixes them.
#[must_use]
pub fn commands(count: usize) -> Vec<u8> {
    let lines: [fn(usize) -> String; 8] = [
        |n| format!("RETR {n}\r\n"),
        |n| format!("DELE {n}\r\n"),
        |n| format!("LIST {n}\r\n"),
        |n| format!("TOP {n} 10\r\n"),
        |n| format!("UIDL {n}\r\n"),
        |_| "STAT\r\n".into(),
        |_| "NOOP\r\n".into(),
        |n| format!("USER user{n}@example.org\r\n"),
    ];
    lines.iter().cycle().zip(1..=count).map(|(line, n)| line(n)).collect::<String>().into_bytes()
}

/// An answer to LIST with so many rows.
#[must_use]
pub fn scan_listing(count: usize) -> Vec<u8> {
    let rows: String = (1..=count).map(|n| format!("{n} {}\r\n", n * 7919 % 100_000)).collect();
    format!("+OK scan listing follows\r\n{rows}.\r\n").into_bytes()
}

/// A message in text of about so many octets: lines of 76, now and then one that begins with a dot.
#[must_use]
pub fn message(octets: usize) -> Vec<u8> {
    let mut message = b"Subject: a bench\r\n\r\n".to_vec();
    for n in 0.. {
        if message.len() >= octets {
            return message;
        }
        let first = if n % 50 == 49 { "." } else { "t" };
        message.extend_from_slice(format!("{first}{}\r\n", "ext ".repeat(19).trim_end()).as_bytes());
    }
    message
}

/// A message as an answer to RETR.
#[must_use]
pub fn retrieved(message: &[u8]) -> Vec<u8> {
    let mut wire = b"+OK message follows\r\n".to_vec();
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// A client in TRANSACTION that may pipeline.
///
/// # Panics
/// Where the crate does not do what it says.
#[must_use]
pub fn logged_in() -> Client {
    let mut client = Client::new(client::Config::new(TlsPolicy::Cleartext).assume_pipelining());
    let mut out = Outbox::new();
    let mut answers = Input::more(b"+OK\r\n+OK\r\n+OK\r\n");
    let lines: [&[u8]; 2] = [b"USER mrose", b"PASS secret"];
    client.poll(&mut answers).expect("a greeting");
    for line in lines {
        client.send(&Command::parse(line).expect("a command"), &mut out).expect("sent");
        client.poll(&mut answers).expect("an answer");
    }
    client
}

/// A number that is one.
///
/// # Panics
/// For 0.
#[must_use]
pub fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).expect("not 0")
}
