//! Nothing either: without this file, cargo does not build the dependencies of build scripts.

fn main() {}
