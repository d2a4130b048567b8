//! The report for people: a line for each check, and a dialogue for each offence.

use super::Style;
use super::view::{Entry, Fault, Kind, Line, Report, Speaker};
use crate::check::{Check, Probe};
use crate::{checks, ledger};
use std::io::{self, Write};

/// The offences of a check that are named; the first has a dialogue.
const NAMED: usize = 4;

/// Writes the report.
///
/// # Errors
/// Returns the error of `out`.
pub fn write(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for entry in &report.entries {
        line(entry, style, out)?;
        match &entry.known {
            Some(reason) => writeln!(out, "      known: {reason}")?,
            None => faults(entry, style, out)?,
        }
    }
    writeln!(out)?;
    for line in &report.stale {
        writeln!(out, "stale baseline line, no red check needs it: {}  {}", line.check, line.reason)?;
    }
    let count = |kind| report.count(kind);
    writeln!(
        out,
        "{}: {} ok, {} failed, {} warnings, {} unsupported, {} inconclusive, {} known, in {:.1} s",
        report.target,
        count(Kind::Ok),
        count(Kind::Fail),
        count(Kind::Warn),
        count(Kind::Unsupported),
        count(Kind::Inconclusive),
        report.known(),
        report.took.as_secs_f64()
    )
}

fn faults(entry: &Entry, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let Some((first, rest)) = entry.faults.split_first() else { return Ok(()) };
    for row in &entry.rows {
        writeln!(out, "      {} ({}, {}): {}", row.id, row.section(), row.level.name(), row.words)?;
    }
    for shown in dialogue(first) {
        let (on, off) = if style.colour && shown.trim() == "^" { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        writeln!(out, "      | {on}{shown}{off}")?;
    }
    for fault in rest.iter().take(NAMED - 1) {
        writeln!(out, "      also: {}", fault.why)?;
    }
    match entry.faults.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => writeln!(out, "      and {more} more"),
    }
}

/// Returns the lines of a dialogue, with a mark under the byte.
#[must_use]
pub fn dialogue(fault: &Fault) -> Vec<String> {
    let mut shown = Vec::new();
    for Line { kind, text, mark, .. } in &fault.lines {
        shown.push(match kind {
            Speaker::Client => format!("C: {text}"),
            Speaker::Server => format!("S: {text}"),
            Speaker::Event => format!("* {text}"),
            Speaker::Skipped => format!("   ({text})"),
        });
        if let Some(mark) = mark {
            shown.push(format!("   {:mark$}^", ""));
        }
    }
    shown
}

/// Writes the line of one check: the verdict, the id, the rows, and what was seen.
fn line(entry: &Entry, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, colour) = match entry.kind {
        _ if entry.known.is_some() => ("known", "2"),
        Kind::Ok => ("ok", "32"),
        Kind::Fail => ("FAIL", "31"),
        Kind::Warn => ("warn", "33"),
        Kind::Unsupported => ("unsupported", "2"),
        Kind::Inconclusive => ("inconclusive", "2"),
    };
    let (on, off) = if style.colour { (format!("\x1b[{colour}m"), "\x1b[0m") } else { (String::new(), "") };
    let rows: Vec<&str> = entry.rows.iter().map(|row| row.id).collect();
    writeln!(out, "{on}{word:12}{off} {:20} {} -- {}", entry.id, rows.join(" "), entry.said)
}

/// Writes all about one check: for `--explain`.
///
/// # Errors
/// Returns the error of `out`.
pub fn explain(check: &Check, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n  {}", check.id, check.asks)?;
    for id in check.rows {
        if let Some(row) = ledger::row(id) {
            writeln!(out, "  {} ({}, {}): {}", row.id, row.section(), row.level.name(), row.words)?;
        }
    }
    let needs: Vec<&str> = check.needs.names().collect();
    writeln!(
        out,
        "  needs: {}",
        if needs.is_empty() { "a connection".to_owned() } else { needs.join(", ") }
    )?;
    if matches!(check.probe, Probe::Watch(_)) {
        writeln!(out, "  looks at each line of each session")?;
    }
    writeln!(out, "  legal answers:")?;
    for legal in check.legal {
        writeln!(out, "    {}: {}", legal.name, legal.by)?;
    }
    for (title, twists) in
        [("breaks, which it must find", check.breaks), ("keeps, which it must accept", check.keeps)]
    {
        writeln!(out, "  {title}:")?;
        for twist in twists {
            writeln!(out, "    {}: {}", twist.name, edit(&twist.edit))?;
        }
    }
    Ok(())
}

fn edit(edit: &crate::check::Edit) -> String {
    match edit {
        crate::check::Edit::Code(_) => "a function".to_owned(),
        edit => format!("{edit:?}"),
    }
}

/// Writes all checks, and the rows that have none: for `--list`.
///
/// # Errors
/// Returns the error of `out`.
pub fn list(checks: &[&'static Check], out: &mut dyn Write) -> io::Result<()> {
    for check in checks {
        let needs: Vec<&str> = check.needs.names().collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" [{}]", needs.join(", ")) };
        writeln!(out, "{:20} {} -- {}{needs}", check.id, check.rows.join(" "), check.asks)?;
    }
    let judged = |id: &str| checks::all().any(|check| check.rows.contains(&id));
    let without: Vec<&str> = crate::observable::on_a_server().filter(|id| !judged(id)).collect();
    writeln!(out, "\n{} rows that show on a server have no check:", without.len())?;
    for ids in without.chunks(10) {
        writeln!(out, "  {}", ids.join(" "))?;
    }
    Ok(())
}
