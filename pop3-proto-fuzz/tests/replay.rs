//! The fuzz targets on stable Rust: every committed seed, a part of each corpus, and a fixed batch of generated inputs.

use pop3_proto_fuzz::{TARGETS, corpus, replay};
use std::fs;

#[test]
fn every_seed() {
    replay::seeds(TARGETS);
}

#[test]
fn a_part_of_each_corpus() {
    replay::corpora(TARGETS);
}

#[test]
fn the_corpora_are_small_enough_for_the_repository() {
    let files = fs::read_dir(corpus::file("")).expect("the corpora").map(|file| file.expect("a file"));
    let size: u64 = files.map(|file| file.metadata().expect("its size").len()).sum();
    assert!(size < 2 << 20, "{size} bytes are too many: make the corpora minimal");
}

#[test]
fn made_up_inputs() {
    replay::made_up_inputs(TARGETS, 1000);
}
