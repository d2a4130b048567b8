//! The replay of targets on stable Rust. The tests of this package and of `programs` share it.

use crate::{Run, corpus};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::thread;

/// Runs every committed seed.
///
/// # Panics
/// Panics if an input breaks a promise, or if a target has no seed.
pub fn seeds(targets: &[(&str, Run)]) {
    for (target, run) in targets {
        for (path, data) in seeds_of(target) {
            named(*run, &data, &path.display().to_string());
        }
    }
}

/// Runs one committed input in 4, which takes less than a second. `.ci/run fuzz` runs all of them in an optimized build.
///
/// # Panics
/// Panics if an input breaks a promise, or if a target has no corpus.
pub fn corpora(targets: &[(&str, Run)]) {
    for (target, run) in targets {
        let inputs = corpus::read(target);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for (number, data) in inputs.iter().enumerate().step_by(4) {
            named(*run, data, &format!("{target}, committed input {number}"));
        }
    }
}

/// Runs this many inputs of each target, the same each time. They mix seeds, words of the dictionary and noise, so they get past the first
/// line.
///
/// # Panics
/// Panics if an input breaks a promise.
pub fn made_up_inputs(targets: &[(&str, Run)], count: u32) {
    thread::scope(|scope| {
        for (target, run) in targets {
            scope.spawn(move || make_up_inputs(target, *run, count));
        }
    });
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

fn make_up_inputs(target: &str, run: Run, count: u32) {
    let mut state = 1u64;
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % end as u64) as usize
    };
    let seeds = seeds_of(target);
    // A Maildir takes much longer than a line.
    let count = if target == "maildir" { count / 10 } else { count };
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

fn seeds_of(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let seeds: Vec<_> = paths.map(|path| (path.clone(), fs::read(&path).expect("a seed"))).collect();
    assert!(!seeds.is_empty(), "{target} has no seed");
    seeds
}

/// Runs an input, and prints it if it fails, so a person can run it again.
fn named(run: Run, data: &[u8], name: &str) {
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(data))) {
        eprintln!("{name}: {}", data.escape_ascii());
        resume_unwind(cause);
    }
}
