//! Both machines together, and input that comes octet by octet.

use crate::limits;
use crate::lines::decode_commands;
use crate::measure::Who::{Limit, Ours};
use crate::measure::{Aim, Amount, Measured, Work};
use pop3_proto::server::MessageInfo;
use pop3_proto::{SendBuf, Server, UniqueId};
use pop3_proto_benches::input::{self, Lines};
use pop3_proto_benches::{CHUNK, client, server};
use pop3_proto_instructions::Pair;
use std::hint::black_box;
use std::time::Duration;

const MESSAGES: usize = 1000;

fn slots(count: usize, octets: usize) -> Vec<MessageInfo<UniqueId<'static>>> {
    vec![MessageInfo::new(octets as u64, UniqueId::new(b"id").expect("it is one")); count]
}

/// Login, RETR and DELE of each message with 16 commands in flight, QUIT.
pub(crate) fn messages(name: &'static str, each: Duration) -> Measured {
    let message = input::message(1024 - 76, Lines::Text);
    let mut slots = slots(MESSAGES, message.len());
    let octets = (MESSAGES * message.len()) as u64;
    let mut copy = vec![0; message.len()];
    let commands: String = (1..=MESSAGES).map(|n| format!("RETR {n}\r\nDELE {n}\r\n")).collect();
    Work::new(name, Amount::Items(MESSAGES, "message"))
        .row(Ours, "pop3-proto, both machines", octets, || {
            Pair::new(&message, &mut slots).run(&mut [0; 512], &mut [0; CHUNK])
        })
        .aim(Aim::Nanos(250.0, 120.0))
        .row(Limit, "pop3-proto, the two commands decoded", 2 * MESSAGES, || {
            decode_commands(commands.as_bytes())
        })
        .row(Limit, "memcpy of the messages", Some(b'\n'), || {
            (0..MESSAGES).map(|_| limits::memcpy(&message, &mut copy)).last().flatten()
        })
        .measure(each)
}

/// Greeting, USER, PASS, QUIT.
pub(crate) fn logins(name: &'static str, each: Duration) -> Measured {
    let dialogue = b"+OK ready\r\nUSER mrose\r\n+OK send PASS\r\nPASS secret\r\n+OK maildrop open\r\nQUIT\r\n+OK bye\r\n";
    let (mut to_server, mut to_client) = ([0; 512], [0; CHUNK]);
    Work::new(name, Amount::Rate(1000, "sessions"))
        .row(Ours, "pop3-proto, both machines", 0, || {
            let session = |_| Pair::new(b"", black_box(&mut [])).run(&mut to_server, &mut to_client);
            (0..1000).map(session).sum::<u64>()
        })
        .row(Limit, "memchr line split of the dialogue", 7000, || {
            (0..1000).map(|_| limits::memchr_lines(black_box(dialogue))).sum()
        })
        .measure(each)
}

pub(crate) fn body_by_octet(name: &'static str, each: Duration) -> Measured {
    let message = input::message(64 * 1024, Lines::Text);
    let payload = input::stuffed(&message);
    let answer = [b"+OK message follows\r\n", payload.as_slice()].concat();
    let octets = message.len() as u64;
    let (mut slow, mut fast) = (client::logged_in(), client::logged_in());
    Work::new(name, Amount::Items(answer.len(), "octet"))
        .row(Ours, "pop3-proto, one octet a read", octets, || client::retrieve(&mut slow, &answer, 1))
        .row(Ours, "pop3-proto, reads of 16 KiB", octets, || client::retrieve(&mut fast, &answer, CHUNK))
        .row(Limit, "byte loop", octets, || limits::unstuff_loop(&payload))
        .measure(each)
}

pub(crate) fn list_by_octet(name: &'static str, each: Duration) -> Measured {
    let entries = 5000;
    let answer = input::scan_listing(entries);
    let said = (entries as u64, (1..=entries).map(input::size).sum::<u64>());
    let (mut slow, mut fast) = (client::logged_in(), client::logged_in());
    Work::new(name, Amount::Items(answer.len(), "octet"))
        .row(Ours, "pop3-proto, one octet a read", said, || client::list(&mut slow, &answer, 1))
        .row(Ours, "pop3-proto, reads of 16 KiB", said, || client::list(&mut fast, &answer, CHUNK))
        .measure(each)
}

pub(crate) fn commands_by_octet(name: &'static str, each: Duration) -> Measured {
    let commands = b"STAT\r\nNOOP\r\nLIST 1\r\nUIDL 1\r\n".repeat(1000);
    let mut slow = server::logged_in(slots(1, 1024));
    let mut fast = server::logged_in(slots(1, 1024));
    let octets = answer(&mut fast, &commands, CHUNK);
    Work::new(name, Amount::Items(commands.len(), "octet"))
        .row(Ours, "pop3-proto, one octet a read", octets, || answer(&mut slow, &commands, 1))
        .row(Ours, "pop3-proto, reads of 16 KiB", octets, || answer(&mut fast, &commands, CHUNK))
        .measure(each)
}

/// How many octets the answers have.
fn answer(server: &mut Server<Vec<MessageInfo<UniqueId<'_>>>>, commands: &[u8], chunk: usize) -> usize {
    let mut buffer = [0; CHUNK];
    let mut octets = 0;
    server::ask(server, commands, chunk, &mut SendBuf::new(&mut buffer[..]), |pending| {
        octets += black_box(pending).len();
    });
    octets
}
