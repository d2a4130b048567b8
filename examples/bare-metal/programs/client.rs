//! A client on a serial port. Its exit code is 0 if both messages arrived unchanged and are removed.
#![no_std]
#![no_main]

#[allow(dead_code)] // the server's part
mod board;

use board::{Compare, Serial, account, now};
use pop3_proto::client::Deletions;
use pop3_proto_bare_metal::{Fetched, blocking};

fn run() -> bool {
    let Some(account) = account() else { return false };
    let mut store = Compare::default();
    let fetched = blocking::fetch(&mut Serial, now, account, &mut store);
    !store.bad && fetched == Ok(Fetched { messages: 2, deletions: Deletions::Committed })
}
