//! The tap beside `sawp-pop3`, the parser that network monitors use: what each makes of the same sessions, bytes and packets a second,
//! and memory.
//!
//! `cargo bench -p pop3-proto-benches --bench monitor` prints the tables and writes them to `monitor.md`; with `-- --quick` it runs
//! everything but once and writes nothing. The results of the tap are asserted.

mod cases;
#[path = "../growth/heap.rs"]
mod heap;
mod readers;
mod speed;

use std::path::Path;

const HEAD: &str = "\
# The tap beside sawp-pop3 0.13

Written by `cargo bench -p pop3-proto-benches --bench monitor`, in one run.

`sawp-pop3` reads one side without the other, so it cannot know whether lines follow a status line. It is driven as favourably as
possible: what it cannot parse waits for more bytes, and is tried again with each packet. In the second column of the first table, each
response comes complete and alone, as no network guarantees. Its first response is matched with the greeting, and each later one with the
next command.

## What each makes of a session

*right*: every command with its own response, and each payload with its octets.

";

const FOOT: &str = "
## How to read it

- Bytes are those of both streams, without headers of packets. A packet has 1460 bytes at most.
- Times are those of the thread, the fastest of several runs. Only ratios within this run mean something.
- Memory is what was allocated at the most while the sessions were read, one at a time, with what a reader keeps of unread bytes, and besides the
  state of the reader itself (`Monitor`: less than 900 bytes). In the last row, 128 KiB of it are the buffer for the file.
- For messages, `sawp-pop3` is given each response complete, in one slice: with packets it does not read them. Before that, its adapter must
  collect the response, which is counted.
- The last row is the whole program: pcap, Ethernet, IP, TCP with checksums, SHA-256 of each message, and JSON.
";

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let text = format!("{HEAD}{}{}{FOOT}", cases::table(), speed::tables(quick));
    print!("{text}");
    if !quick {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitor.md");
        std::fs::write(path, text).expect("the table is written");
    }
}
