//! Compares pop3-proto with the limits of the machine and with other crates, in one run.
//!
//! - `cargo bench -p pop3-proto-benches --bench versus` prints the worst sample of each kind of work, and the goals;
//! - with `-- FILTER` it runs only the works whose names contain it, and prints all of their rows;
//! - with `-- --quick` it runs everything briefly, and fails if a guard does;
//! - `.ci/bench` runs it as four programs and writes `versus.md` and both pictures: with `--record FILE LEVEL` a program appends its
//!   figures to the file, and with `--tables FILE` the figures of the file become tables.

mod limits;
mod measure;
mod ours;
#[cfg(feature = "peers")]
mod peers;
mod plot;
mod record;
mod samples;
mod table;
mod works;

use measure::{Group, measure};
use std::path::Path;
use works::WORKS;

/// How long a sample is timed, in nanoseconds.
const LONG: f64 = 3e8;
/// `.ci/bench` runs each program five times.
const RECORD: f64 = 1.5e8;
const QUICK: f64 = 4e7;

fn main() {
    // Cargo tells a bench that it is a bench.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--tables", file] => tables(&record::read(Path::new(file))),
        ["--record", file, level, rest @ ..] => {
            let nanos = if *rest == ["--quick"] { QUICK } else { RECORD };
            record::append(Path::new(file), &groups(level, "", nanos));
        }
        ["--quick"] => {
            let groups = groups("quick", "", QUICK);
            print!("{}", table::summary(&groups));
            table::check_guards(&groups);
        }
        ["--quick", filter] => print!("{}", table::rows(&groups("quick", filter, QUICK))),
        [] => print!("{}", table::summary(&groups("default", "", LONG))),
        [filter] => print!("{}", table::rows(&groups("default", filter, LONG))),
        _ => panic!("usage: [--quick] [FILTER] | --record FILE LEVEL [--quick] | --tables FILE"),
    }
}

/// Measures the works whose names contain this.
fn groups(level: &str, filter: &str, nanos: f64) -> Vec<Group> {
    let works = WORKS.iter().filter(|work| work.name.contains(filter));
    let groups: Vec<_> = works
        .flat_map(|work| (work.samples)().into_iter().map(move |sample| measure(level, work, &sample, nanos)))
        .collect();
    assert!(!groups.is_empty(), "no work has such a name");
    groups
}

/// Writes the table and the pictures.
fn tables(groups: &[Group]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let write =
        |name: &str, text: String| std::fs::write(folder.join(name), text).expect("the file is written");
    write("versus.md", table::markdown(groups));
    write("versus.svg", plot::long(groups));
    write("versus-short.svg", plot::short(groups));
    print!("{}", table::summary(groups));
}
