//! A server on a serial port. Its exit code is 0 if a client sent QUIT and has removed both messages.
#![no_std]
#![no_main]

#[allow(dead_code)] // the client's part
mod board;

use board::{Memory, Serial, now, slots};
use pop3_proto::server::CloseReason;
use pop3_proto_bare_metal::blocking;

fn run() -> bool {
    let Some(mut slots) = slots() else { return false };
    let mut memory = Memory::default();
    let why = blocking::serve(&mut Serial, now, 1, &mut slots, &mut memory);
    why == Ok(CloseReason::Quit) && memory.removed == [true; 2]
}
