//! Measures the cost of an octet and of a row as bodies, listings and maildrops grow. It should stay the same, in
//! time and in memory.
//!
//! `cargo bench -p pop3-proto-benches --bench growth` prints the tables and writes them to `growth.md`. With `--
//! --quick` it runs every row once and writes no file. The bench asserts that memory stays the same. It only prints
//! the times, because a shared machine disturbs them.

mod heap;
mod receive;
mod serve;

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each figure is measured.
const ENOUGH: Duration = Duration::from_millis(500);

struct Table {
    title: &'static str,
    /// The sizes, with their names.
    sizes: &'static [(u64, &'static str)],
    /// The number of units in a size.
    units: fn(u64) -> u64,
    rows: &'static [Row],
}

struct Row {
    name: &'static str,
    /// Returns the nanoseconds of one run.
    run: fn(u64) -> f64,
    /// The largest size.
    until: u64,
}

const ALL: u64 = u64::MAX;

const ENTRIES: &[(u64, &str)] =
    &[(10, "10"), (1000, "1,000"), (100_000, "100,000"), (10_000_000, "10,000,000")];

const TABLES: [Table; 4] = [
    Table {
        title: "Messages: nanoseconds for each octet",
        sizes: &[(1, "1 KiB"), (32, "32 KiB"), (1 << 10, "1 MiB"), (32 << 10, "32 MiB"), (1 << 20, "1 GiB")],
        units: |kib| kib * 1024,
        rows: &[
            Row { name: "received, reads of 16 KiB", run: receive::body, until: ALL },
            Row { name: "received, reads of one octet", run: receive::body_by_octet, until: 32 << 10 },
            Row { name: "sent, as slices", run: serve::body_lent, until: ALL },
            Row { name: "sent, copied", run: serve::body_copied, until: ALL },
        ],
    },
    Table {
        title: "Listings: nanoseconds for each row",
        sizes: ENTRIES,
        units: |entries| entries,
        rows: &[
            Row { name: "LIST received, reads of 16 KiB", run: receive::list, until: ALL },
            Row { name: "UIDL received, reads of 16 KiB", run: receive::uidl, until: ALL },
            Row { name: "LIST written", run: serve::list, until: ALL },
            Row { name: "UIDL written", run: serve::uidl, until: ALL },
        ],
    },
    Table {
        title: "Listings: nanoseconds for each octet",
        sizes: ENTRIES,
        units: receive::list_octets,
        rows: &[Row { name: "LIST received, reads of one octet", run: receive::list_by_octet, until: ALL }],
    },
    Table {
        title: "STAT, by the messages of the maildrop: nanoseconds an answer",
        sizes: &[(10, "10"), (1000, "1,000"), (1_000_000, "1,000,000"), (10_000_000, "10,000,000")],
        units: |_| 1,
        rows: &[Row { name: "STAT answered", run: serve::stat, until: ALL }],
    },
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let enough = if quick { Duration::ZERO } else { ENOUGH };
    let mut text = String::from(include_str!("notes.md"));
    for table in &TABLES {
        let part = measured(table, enough);
        print!("{part}");
        text.push_str(&part);
    }
    if !quick {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("growth.md");
        std::fs::write(path, text).expect("growth.md is written");
    }
}

fn measured(table: &Table, enough: Duration) -> String {
    let mut text = format!("\n## {}\n\n| |", table.title);
    table.sizes.iter().for_each(|(_, name)| text.push_str(&format!(" {name} |")));
    text.push_str(" most memory |\n|---|");
    text.push_str(&"---:|".repeat(table.sizes.len() + 1));
    for row in table.rows {
        write!(text, "\n| {} |", row.name).expect("a String takes all");
        let mut memory = None;
        for (size, _) in table.sizes {
            if *size > row.until {
                text.push_str(" |");
                continue;
            }
            let mut time = f64::INFINITY;
            let peak = heap::peak(|| time = fastest(row.run, *size, enough));
            let first = *memory.get_or_insert(peak);
            assert_eq!(peak, first, "{}: memory grows", row.name);
            write!(text, " {:.3} |", time / (table.units)(*size) as f64).expect("a String takes all");
        }
        write!(text, " {} octets |", memory.unwrap_or_default()).expect("a String takes all");
    }
    text + "\n"
}

/// Returns the nanoseconds of the fastest run.
fn fastest(run: fn(u64) -> f64, size: u64, enough: Duration) -> f64 {
    let start = Instant::now();
    let mut fastest = run(size);
    while start.elapsed() < enough {
        fastest = fastest.min(run(size));
    }
    fastest
}

/// Returns how often to run one of this size in a row, so the clock is exact enough.
fn times(size: u64) -> u64 {
    (10_000 / size).max(1)
}

/// The position of the dot in a block.
const DOT: usize = 512;

/// 1 KiB of a message, one line of which begins with a dot.
fn block() -> Vec<u8> {
    let mut block = b"The quick brown fox jumps over the lazy dog, and back, so long\r\n".repeat(16);
    block[DOT] = b'.';
    block
}
