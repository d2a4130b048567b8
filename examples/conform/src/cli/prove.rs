//! `pop3-conform prove`.

use super::{Error, FAILED};
use crate::{checks, prove};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// The options of `prove`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only the checks whose id, or one of whose rows, begins so; the matrix is not compared then
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    only: Vec<String>,
    /// The file of the matrix
    #[arg(long, value_name = "FILE", default_value = "examples/conform/matrix.txt")]
    matrix: PathBuf,
    /// Write the matrix in place of comparing it
    #[arg(long)]
    accept: bool,
}

/// Proves the kit.
///
/// # Errors
/// Returns an error if the matrix cannot be read or written.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let began = Instant::now();
    let proof = prove::prove(&checks::select(&arguments.only));
    let mut faults = proof.faults.clone();
    if arguments.only.is_empty() {
        let path = arguments.matrix.display();
        match arguments.accept {
            true => std::fs::write(&arguments.matrix, &proof.matrix)
                .map_err(|error| format!("{path}: {error}"))?,
            false => {
                let pinned =
                    std::fs::read_to_string(&arguments.matrix).map_err(|error| format!("{path}: {error}"))?;
                faults.extend(differences(&pinned, &proof.matrix));
            }
        }
    }
    for fault in &faults {
        println!("{fault}");
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{} checks, {} twists, {} faults, in {seconds:.1} s", proof.checks, proof.twists, faults.len());
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Returns the lines of the matrix that differ from the pinned ones.
#[must_use]
pub fn differences(pinned: &str, now: &str) -> Vec<String> {
    let has = |matrix: &str, line: &str| matrix.lines().any(|other| other == line);
    let gone = pinned.lines().filter(|line| !has(now, line)).map(|line| format!("the matrix had: {line}"));
    let new = now.lines().filter(|line| !has(pinned, line)).map(|line| format!("the matrix has now: {line}"));
    gone.chain(new).collect()
}
