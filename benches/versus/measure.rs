//! Rows of one work, timed in turn.
//!
//! The machine may be shared and its clock drift. So the time of this thread is taken, every row is run in short batches, one batch of
//! each row after the other, over and over, and the fastest batch of each counts: what is compared was measured in the same moments,
//! and what disturbed a batch is in no figure.

use pop3_proto_benches::clock;
use std::fmt::Debug;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a batch is: so short that many run undisturbed, so long that the clock is exact enough.
const BATCH: Duration = Duration::from_micros(400);
/// Each row has at least so many batches, however long one takes.
const ROUNDS: u32 = 7;

/// What a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    Ours,
    /// What the machine can do at best, or a plain loop does.
    Limit,
    Peer,
}

/// What one run of a row goes through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Octets(usize),
    /// So many, of what; the time of one is shown.
    Items(usize, &'static str),
    /// The same; how many a second is shown.
    Rate(usize, &'static str),
}

/// What is asked for, and what is aimed at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    None,
    /// Ours is so many times as fast as the row.
    Times(f64, f64),
    /// The row takes at most so many nanoseconds an item.
    Nanos(f64, f64),
}

/// A row that was timed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) who: Who,
    pub(crate) aim: Aim,
    /// Of one run, in nanoseconds.
    pub(crate) time: f64,
}

/// A work whose rows were timed. The first one is ours, and what the others are compared with.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) amount: Amount,
    pub(crate) rows: Vec<Row>,
}

impl Measured {
    /// How many times as fast ours is.
    pub(crate) fn ratio(&self, row: &Row) -> f64 {
        row.time / self.rows[0].time
    }
}

/// A work with rows to time.
pub(crate) struct Work<'w> {
    name: &'static str,
    amount: Amount,
    rows: Vec<(Row, Box<dyn FnMut() + 'w>)>,
}

impl<'w> Work<'w> {
    pub(crate) fn new(name: &'static str, amount: Amount) -> Self {
        Work { name, amount, rows: Vec::new() }
    }

    /// Nothing is timed that does not give the right answer.
    pub(crate) fn row<T: PartialEq + Debug>(
        mut self,
        who: Who,
        name: impl Into<String>,
        answer: T,
        mut run: impl FnMut() -> T + 'w,
    ) -> Self {
        let name = name.into();
        assert_eq!(run(), answer, "{}: {name}", self.name);
        let run = Box::new(move || {
            black_box(run());
        });
        self.rows.push((Row { name, who, aim: Aim::None, time: f64::INFINITY }, run));
        self
    }

    /// What is asked for of the last row.
    pub(crate) fn aim(mut self, aim: Aim) -> Self {
        if let Some((row, _)) = self.rows.last_mut() {
            row.aim = aim;
        }
        self
    }

    /// As above, of ours against the last row.
    pub(crate) fn times(self, least: f64, aim: f64) -> Self {
        self.aim(Aim::Times(least, aim))
    }

    /// Times each row for so long.
    pub(crate) fn measure(mut self, each: Duration) -> Measured {
        let runs: Vec<u32> = self.rows.iter_mut().map(|(_, run)| runs_in_a_batch(run)).collect();
        let until = Instant::now() + each * u32::try_from(self.rows.len()).expect("a few rows");
        let mut round = 0;
        while round < ROUNDS || Instant::now() < until {
            for ((row, run), runs) in self.rows.iter_mut().zip(&runs) {
                row.time = row.time.min(batch(run, *runs));
            }
            round += 1;
        }
        let rows = self.rows.into_iter().map(|(row, _)| row).collect();
        Measured { name: self.name, amount: self.amount, rows }
    }
}

/// Nanoseconds of one run, of so many.
fn batch(run: &mut impl FnMut(), runs: u32) -> f64 {
    clock::time(|| (0..runs).for_each(|_| run())) / f64::from(runs)
}

fn runs_in_a_batch(run: &mut impl FnMut()) -> u32 {
    let fastest = (0..3).map(|_| batch(run, 1)).fold(f64::INFINITY, f64::min);
    (BATCH.as_nanos() as f64 / fastest).clamp(1.0, 1e6) as u32
}
