//! Without a build script, cargo would not build the dependencies of build scripts, whose features the manifest chooses too.

fn main() {}
