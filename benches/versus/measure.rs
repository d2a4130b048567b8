//! The rows of one sample, timed in turn.
//!
//! The machine may be shared and its clock drift. So the time of this thread is taken, and the rows are run in short batches, a batch of
//! each row after the other, over and over. The fastest batch of each row counts: times that are compared are of the same moments.
//!
//! A row is timed under four [conditions](CONDITIONS). In a round each row runs once after the other rows ran: it finds the caches and
//! the heap as they left them, cold. Then it runs again at once, warm. The rows change their order from round to round. Times are
//! compared under the same condition only.

use crate::samples::{Said, Sample};
use pop3_proto_benches::clock;
use std::hint::black_box;

/// The conditions of a time.
pub(crate) const CONDITIONS: [&str; 4] = ["warm", "cold", "warm, in reverse order", "cold, in reverse order"];

/// The fastest time of a unit under each condition, in nanoseconds.
pub(crate) type Times = [f64; CONDITIONS.len()];

/// How long a batch is, in nanoseconds: many of them run undisturbed.
const BATCH: f64 = 150_000.0;
/// Each row runs so often at least, however long that takes.
const ROUNDS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    /// One of our rows, of which the slowest is compared with the others.
    Ours,
    /// A row of this crate that is shown, and only compared if a goal names it.
    Variant,
    /// A limit of the machine, or a simple loop. The first one is drawn.
    Limit,
    Peer,
}

/// How a row returns its result. Only rows that do this in the same way are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    /// It returns slices of the input.
    Lends,
    /// It copies texts, unique-ids and messages.
    Copies,
    /// It returns neither, but numbers. Or it is compared with rows of both kinds.
    Either,
}

impl Takes {
    pub(crate) fn compares(self, other: Takes) -> bool {
        self == other || self == Takes::Either || other == Takes::Either
    }
}

pub(crate) type Run<'s> = Box<dyn FnMut() -> Said + 's>;

/// A way to do a work.
pub(crate) struct Row {
    pub(crate) who: Who,
    pub(crate) takes: Takes,
    pub(crate) name: &'static str,
    pub(crate) run: for<'s> fn(&'s Sample) -> Run<'s>,
}

impl Row {
    pub(crate) fn is_ours(&self, takes: Takes) -> bool {
        self.who == Who::Ours && self.takes == takes
    }
}

/// The unit of a work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// An octet of a message; gigabytes a second are shown.
    Octet,
    /// One of these; nanoseconds are shown.
    Each(&'static str),
}

/// A kind of work.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// Whether the short picture has it.
    pub(crate) is_main: bool,
    pub(crate) samples: fn() -> Vec<Sample>,
    pub(crate) rows: &'static [Row],
}

/// A sample whose rows were timed.
pub(crate) struct Group {
    /// The build of the program.
    pub(crate) level: String,
    pub(crate) work: &'static Work,
    pub(crate) sample: String,
    pub(crate) rows: Vec<(&'static Row, Times)>,
}

/// Times the rows of a sample for this number of nanoseconds. It only times rows that give the right result.
pub(crate) fn measure(level: &str, work: &'static Work, sample: &Sample, nanos: f64) -> Group {
    let cannot = |row: &Row| sample.without.iter().any(|name| row.name.starts_with(name));
    let rows = work.rows.iter().filter(|row| row.who != Who::Peer || !cannot(row));
    let mut runs: Vec<_> = rows
        .map(|row| {
            let mut run = (row.run)(sample);
            let fastest = (0..3).map(|_| {
                clock::time(|| assert_eq!(run(), sample.said, "{}, {}: {}", work.name, sample.name, row.name))
            });
            let batch = (BATCH / fastest.fold(f64::INFINITY, f64::min)).clamp(1.0, 1e6) as u32;
            (row, run, batch, [f64::INFINITY; CONDITIONS.len()])
        })
        .collect();
    let until = clock::now() + nanos;
    for round in (0..).take_while(|round| *round < ROUNDS || clock::now() < until) {
        let is_reverse = round % 2;
        for turn in 0..runs.len() {
            let index = if is_reverse == 0 { turn } else { runs.len() - 1 - turn };
            let (_, run, batch, times) = &mut runs[index];
            for (condition, count) in [(1, 1), (0, *batch)] {
                let time = clock::time(|| (0..count).for_each(|_| _ = black_box(run())));
                let fastest = &mut times[condition + 2 * is_reverse];
                *fastest = fastest.min(time / f64::from(count) / sample.units as f64);
            }
        }
    }
    let rows = runs.into_iter().map(|(row, _, _, times)| (row, times)).collect();
    Group { level: level.into(), work, sample: sample.name.clone(), rows }
}

/// Two rows under the condition in which this crate compares worst.
#[derive(Clone, Copy)]
pub(crate) struct Worst<'g> {
    pub(crate) group: &'g Group,
    pub(crate) condition: usize,
    pub(crate) ours: (&'static Row, f64),
    pub(crate) other: (&'static Row, f64),
}

impl Worst<'_> {
    /// How many times as fast ours is.
    pub(crate) fn times(&self) -> f64 {
        self.other.1 / self.ours.1
    }
}

impl Group {
    /// Compares the slowest of our rows with the fastest of the others, among rows that return their result in the
    /// same way.
    pub(crate) fn worst(
        &self,
        ours: impl Fn(&Row) -> bool,
        other: impl Fn(&Row) -> bool,
        conditions: &[usize],
    ) -> Option<Worst<'_>> {
        let ours = self.rows.iter().filter(|(row, _)| ours(row));
        let pairs =
            ours.flat_map(|mine| self.rows.iter().filter(|(row, _)| other(row)).map(move |row| (mine, row)));
        pairs
            .filter(|(mine, other)| mine.0.takes.compares(other.0.takes))
            .flat_map(|(mine, other)| {
                conditions.iter().map(move |&condition| Worst {
                    group: self,
                    condition,
                    ours: (mine.0, mine.1[condition]),
                    other: (other.0, other.1[condition]),
                })
            })
            .min_by(|one, two| one.times().total_cmp(&two.times()))
    }
}

impl Group {
    /// The times of a row, if it was timed.
    pub(crate) fn times(&self, name: &str) -> Option<Times> {
        self.rows.iter().find(|(row, _)| row.name == name).map(|(_, times)| *times)
    }
}
