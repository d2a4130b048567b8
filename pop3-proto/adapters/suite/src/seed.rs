//! Random numbers that a seed reproduces.

/// The variable that holds the one seed to run.
pub const VARIABLE: &str = "POP3_SEED";

/// Runs a test for each of the first seeds, or for the seed in `POP3_SEED`. Prints the seed if the test fails.
pub fn for_each(count: u64, mut test: impl FnMut(u64)) {
    let only = std::env::var(VARIABLE).ok().map(|seed| seed.parse().expect("POP3_SEED is a number"));
    let seeds = only.map_or(1..=count, |seed| seed..=seed);
    for seed in seeds {
        let shown = Shown(seed);
        test(seed);
        std::mem::forget(shown);
    }
}

/// Prints the seed while a failed test unwinds.
struct Shown(u64);

impl Drop for Shown {
    fn drop(&mut self) {
        eprintln!("to repeat: {VARIABLE}={} cargo test", self.0);
    }
}

/// A generator of numbers (xorshift).
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns the generator for this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns a number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}
