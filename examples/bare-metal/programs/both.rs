//! A client and a server that take turns, over a connection of 64 bytes in memory. The exit code is 0 if all messages arrived.
#![no_std]
#![no_main]

#[allow(dead_code)] // the serial port
mod board;

use board::{Compare, Memory, account, now, slots};
use pop3_proto::client::Deletions;
use pop3_proto::server::CloseReason;
use pop3_proto_bare_metal::{Fetched, nonblocking, pipe};

fn run() -> bool {
    let (Some(account), Some(mut slots)) = (account(), slots()) else { return false };
    let (mut store, mut memory) = (Compare::default(), Memory::default());
    let pipe = pipe::Pipe::<64>::new();
    let (mut near, mut far) = pipe.ends();
    let (fetched, why) = pipe::join(
        nonblocking::fetch(&mut near, now, account, &mut store),
        nonblocking::serve(&mut far, now, 1, &mut slots, &mut memory),
    );
    controls();
    let both = Fetched { messages: 2, deletions: Deletions::Committed };
    !store.bad && fetched == Ok(both) && why == Ok(CloseReason::Quit) && memory.removed == [true; 2]
}

/// Code that must not link, or not even build.
fn controls() {
    #[cfg(feature = "reachable_heap")]
    core::hint::black_box(pop3_proto::SendBuf::new(vec![]));
}
