//! The fuzz targets on stable Rust: every committed seed, and a fixed batch of generated inputs.

use pop3_proto_fuzz::{Run, TARGETS, corpus};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;

/// Runs an input, and prints it if it fails, so a person can run it again.
fn named(run: Run, data: &[u8], name: &str) {
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(data))) {
        eprintln!("{name}: {}", data.escape_ascii());
        std::panic::resume_unwind(cause);
    }
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(&path).expect("a seed"))).collect()
}

#[test]
fn every_seed() {
    for (target, run) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seed");
        for (path, data) in seeds {
            named(*run, &data, &path.display().to_string());
        }
    }
}

/// One input in 4, which takes less than a second. `.ci/run fuzz` runs all of them in an optimized build.
#[test]
fn a_part_of_each_corpus() {
    let mut size = 0;
    for (target, run) in TARGETS {
        let inputs = corpus::read(target);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        size += inputs.iter().map(Vec::len).sum::<usize>();
        for (number, data) in inputs.iter().enumerate().step_by(4) {
            named(*run, data, &format!("{target}, committed input {number}"));
        }
    }
    assert!(size < 2 << 20, "{size} bytes are too many for the repository: make the corpora minimal");
}

const WORDS: &[&[u8]] = &[
    b"+OK ",
    b"-ERR ",
    b"+ ",
    b"+\r\n",
    b"\r\n",
    b"\n",
    b".\r\n",
    b"..",
    b"\r",
    b"\0",
    b" ",
    b"[IN-USE] ",
    b"1 ",
    b"2 120\r\n",
    b"4294967296",
    b"18446744073709551616",
    b"USER mrose\r\n",
    b"PASS secret\r\n",
    b"LIST\r\n",
    b"STAT\r\n",
    b"RETR 1\r\n",
    b"TOP 1 1\r\n",
    b"DELE 1\r\n",
    b"QUIT\r\n",
    b"AUTH PLAIN =\r\n",
    b"STLS\r\n",
    b"CAPA\r\n",
    b"SASL PLAIN\r\n",
    b"AAAA\r\n",
    b"*\r\n",
    b"\xfe",
];

/// The inputs mix seeds, words of the dictionary and noise, so they get past the first line.
#[test]
fn made_up_inputs() {
    thread::scope(|scope| {
        for (target, run) in TARGETS {
            scope.spawn(|| make_up_inputs(target, *run));
        }
    });
}

fn make_up_inputs(target: &str, run: Run) {
    let mut state = 1u64;
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % end as u64) as usize
    };
    let seeds = seeds(target);
    // A Maildir takes much longer than a line.
    let count = if target == "maildir" { 100 } else { 1000 };
    for _ in 0..count {
        let mut data = match below(3) {
            0 => Vec::new(),
            _ => seeds[below(seeds.len())].1.clone(),
        };
        for _ in 0..=below(6) {
            let at = below(data.len() + 1);
            match below(4) {
                0 => data.truncate(at),
                1 => data.insert(at, below(256) as u8),
                2 if at < data.len() => drop(data.remove(at)),
                _ => drop(data.splice(at..at, WORDS[below(WORDS.len())].iter().copied())),
            }
        }
        named(run, &data, target);
    }
}
