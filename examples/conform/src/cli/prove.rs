//! `pop3-conform prove`.

use super::{Error, FAILED};
use crate::prove::{self, Proof};
use crate::{checks, client};
use std::path::{Path, PathBuf};
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
    /// The file of the matrix of scenarios and broken clients
    #[arg(long, value_name = "FILE", default_value = "examples/conform/clients.txt")]
    clients: PathBuf,
    /// Write the matrices in place of comparing them
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
    let mut faults = compare(arguments, &arguments.matrix, &proof)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{} checks, {} twists, {} faults, in {seconds:.1} s", proof.checks, proof.twists, faults.len());
    let began = Instant::now();
    let proof = client::prove::prove(&client::scenarios::select(&arguments.only));
    let more = compare(arguments, &arguments.clients, &proof)?;
    let seconds = began.elapsed().as_secs_f64();
    let (scenarios, clients) = (proof.checks, proof.twists);
    println!("{scenarios} scenarios, {clients} broken clients, {} faults, in {seconds:.1} s", more.len());
    faults.extend(more);
    for fault in &faults {
        println!("{fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Returns the faults of a proof, with the differences of its matrix from the pinned one, or pins it.
fn compare(arguments: &Arguments, path: &Path, proof: &Proof) -> Result<Vec<String>, Error> {
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut faults = proof.faults.clone();
    match (arguments.only.is_empty(), arguments.accept) {
        (true, true) => std::fs::write(path, &proof.matrix).map_err(named)?,
        (true, false) => {
            faults.extend(differences(&std::fs::read_to_string(path).map_err(named)?, &proof.matrix));
        }
        (false, _) => {}
    }
    Ok(faults)
}

/// Returns the lines of the matrix that differ from the pinned ones.
#[must_use]
pub fn differences(pinned: &str, now: &str) -> Vec<String> {
    let has = |matrix: &str, line: &str| matrix.lines().any(|other| other == line);
    let gone = pinned.lines().filter(|line| !has(now, line)).map(|line| format!("the matrix had: {line}"));
    let new = now.lines().filter(|line| !has(pinned, line)).map(|line| format!("the matrix has now: {line}"));
    gone.chain(new).collect()
}
