//! The table, as it is printed and as it is recorded.

use crate::measure::{Aim, Amount, Measured, Row, Who};
use std::fmt::Write;
use std::process::Command;

const NOTES: &str = include_str!("notes.md");

/// The rows of one work, as they are printed.
pub(crate) fn plain(work: &Measured) -> String {
    let mut text = format!("\n{:<44}{:>14}{:>12}   {}\n", work.name, "", "ours is", "least, aim");
    for row in &work.rows {
        let [figure, ratio, aim, verdict] = cells(work, row);
        let line = format!("  {:<42}{figure:>14}{ratio:>12}   {aim:<20}{verdict}", row.name);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What is asked for, and whether it holds.
pub(crate) fn summary(works: &[Measured]) -> String {
    let mut text = String::from("\nasked for\n");
    for (work, row) in asked(works) {
        let [figure, ratio, aim, verdict] = cells(work, row);
        let ratio = if ratio.is_empty() { figure } else { ratio };
        let line = format!("  {:<42}{:<36}{ratio:>18}   {aim:<20}{verdict}", work.name, row.name);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn asked(works: &[Measured]) -> impl Iterator<Item = (&Measured, &Row)> {
    let rows = works.iter().flat_map(|work| work.rows.iter().map(move |row| (work, row)));
    rows.filter(|(_, row)| !matches!(row.aim, Aim::None))
}

/// All of it, with what it was measured on.
pub(crate) fn markdown(works: &[Measured]) -> String {
    let mut text =
        format!("# pop3-proto beside limits and peers\n\n{}\n\n## What is asked for\n\n", machine());
    text.push_str("| work | beside | ours is | least, aim | |\n|---|---|---:|---|---|\n");
    for (work, row) in asked(works) {
        let [figure, ratio, aim, verdict] = cells(work, row);
        let ratio = if ratio.is_empty() { figure } else { ratio };
        writeln!(text, "| {} | {} | {ratio} | {aim} | {verdict} |", work.name, row.name)
            .expect("a String takes all");
    }
    text.push_str(
        "\n## All rows\n\n![plot](versus.svg)\n\n| work | row | figure | ours is |\n|---|---|---:|---:|\n",
    );
    for work in works {
        let mut name = work.name;
        for row in &work.rows {
            let [figure, ratio, ..] = cells(work, row);
            let bold = if row.who == Who::Ours { "**" } else { "" };
            writeln!(text, "| {name} | {bold}{}{bold} | {figure} | {ratio} |", row.name)
                .expect("a String takes all");
            name = "";
        }
    }
    text + "\n" + NOTES
}

/// The figure, how many times as fast ours is, what is asked for, and whether it holds.
fn cells(work: &Measured, row: &Row) -> [String; 4] {
    let (figure, nanos) = match work.amount {
        Amount::Octets(octets) => (format!("{:.2} GB/s", octets as f64 / row.time), row.time),
        Amount::Rate(count, items) => {
            (format!("{:.2} M {items}/s", count as f64 / row.time * 1e3), row.time / count as f64)
        }
        Amount::Items(count, item) => {
            let nanos = row.time / count as f64;
            (format!("{nanos:.2} ns/{item}"), nanos)
        }
    };
    let ratio = work.ratio(row);
    let shown = if std::ptr::eq(row, &work.rows[0]) { String::new() } else { format!("{ratio:.2} x") };
    let (aim, verdict) = match row.aim {
        Aim::None => Default::default(),
        Aim::Times(least, aim) => (format!("{least:.2} x, {aim:.2} x"), verdict(ratio / least, ratio / aim)),
        Aim::Nanos(least, aim) => (format!("{least} ns, {aim} ns"), verdict(least / nanos, aim / nanos)),
    };
    [figure, shown, aim, verdict]
}

/// By how much the least and the aim are reached: 1 is just so.
fn verdict(least: f64, aim: f64) -> String {
    if aim >= 1.0 {
        "aim".into()
    } else if least >= 1.0 {
        format!("least; aim short by {:.0} %", (1.0 - aim) * 100.0)
    } else {
        format!("SHORT by {:.0} %", (1.0 - least) * 100.0)
    }
}

/// The machine, the compiler and the peers.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    format!(
        "Measured on {} by `cargo bench -p pop3-proto-benches --bench versus`: {}, {cores} cores; {}; {}; fat LTO, one codegen \
         unit, RUSTFLAGS \"{flags}\". Peers: {}.",
        said(&["date", "-u", "+%F"]),
        model.unwrap_or("an unknown CPU").trim(),
        said(&["uname", "-srm"]),
        said(&["rustc", "--version"]),
        ["pop3-codec", "rfc1939", "sawp-pop3", "smtp-proto", "memchr"].map(with_version).join(", "),
    )
}

fn said(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The crate's version is the line behind its name.
fn with_version(name: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let behind = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, behind)| behind);
    let version = behind.and_then(|behind| behind.split('"').next()).unwrap_or_default();
    format!("{name} {version}")
}
