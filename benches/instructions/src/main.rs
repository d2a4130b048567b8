//! Runs six fixed workloads once each, and asserts their results. `.ci/instructions` runs this under callgrind, and compares the
//! cost of each function of [`workload`], with everything that it calls, with `counts.txt`.
//!
//! The input is generated here and not shared with the benches, so a changed bench does not change the counts.

mod input;
mod workload;

use pop3_proto::{Command, MessageNumber};
use std::hint::black_box;

const LINES: usize = 10_000;
const MIB: usize = 1 << 20;
const MESSAGES: u32 = 1000;

fn main() {
    // memchr and the C library choose their loops by it, so counts with and without it cannot be compared.
    #[cfg(target_arch = "x86_64")]
    println!("avx2: {}", std::arch::is_x86_feature_detected!("avx2"));

    let commands = black_box(input::commands(LINES));
    assert_eq!(workload::command_decode(&commands), LINES);

    let (listing, octets) = black_box(input::scan_listing(LINES));
    let mut client = input::client(&Command::List(None));
    assert_eq!(workload::list(&mut client, &listing), (LINES as u64, octets));

    let (listing, octets) = black_box(input::unique_id_listing(LINES));
    let mut client = input::client(&Command::Uidl(None));
    assert_eq!(workload::uidl(&mut client, &listing), (LINES as u64, octets));

    let text = input::text(MIB);
    let message = text.replace('\n', "\r\n");
    let stuffed = format!("{}.\r\n", message.replace("\n.", "\n.."));
    let answer = black_box(format!("+OK\r\n{stuffed}"));
    let mut client = input::client(&Command::Retr(MessageNumber::FIRST));
    assert_eq!(workload::body_receive(&mut client, answer.as_bytes()), message.len() as u64);

    let text = black_box(text);
    let mut buffer = [0; workload::READ];
    assert_eq!(workload::body_send(text.as_bytes(), &mut buffer), (stuffed.len(), stuffed.len()));

    let message = black_box(input::text(1024).replace('\n', "\r\n"));
    let (mut slots, octets) = input::slots(MESSAGES, message.len() as u64);
    assert_eq!(workload::retr_dele(&message, &mut slots), octets);
    assert!(slots.iter().all(pop3_proto::server::MessageInfo::is_marked));
}
