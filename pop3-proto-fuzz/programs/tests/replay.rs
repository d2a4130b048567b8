//! The fuzz targets on stable Rust: every committed seed, a part of each corpus, and a fixed batch of generated inputs.

use pop3_proto_fuzz::replay;
use pop3_proto_fuzz_programs::TARGETS;

#[test]
fn every_seed() {
    replay::seeds(TARGETS);
}

#[test]
fn a_part_of_each_corpus() {
    replay::corpora(TARGETS);
}

#[test]
fn made_up_inputs() {
    replay::made_up_inputs(TARGETS, 200);
}
