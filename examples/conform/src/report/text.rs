//! The report for people: a line for each check, and a dialogue for each offence.

use super::Style;
use crate::check::{Check, Probe};
use crate::engine::mark;
use crate::ledger;
use crate::run::{Outcome, Results, Verdict};
use std::io::{self, Write};

/// The offences of a check that are named; the first has a dialogue.
const NAMED: usize = 4;

/// Writes the report.
///
/// # Errors
/// Returns the error of `out`.
pub fn write(results: &Results, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for outcome in &results.outcomes {
        line(outcome, style, out)?;
        for (index, offence) in outcome.verdict.offences().iter().take(NAMED).enumerate() {
            if index > 0 {
                writeln!(out, "      also: {}", offence.why)?;
                continue;
            }
            for id in outcome.check.rows {
                if let Some(row) = ledger::row(id) {
                    writeln!(
                        out,
                        "      {} ({}, {}): {}",
                        row.id,
                        row.section(),
                        row.level.name(),
                        row.words
                    )?;
                }
            }
            for shown in mark::dialogue(&results.log, offence).to_string().lines() {
                writeln!(out, "      | {shown}")?;
            }
        }
        let more = outcome.verdict.offences().len().saturating_sub(NAMED);
        if more > 0 {
            writeln!(out, "      and {more} more")?;
        }
    }
    let count = |word: &str| results.count(word);
    writeln!(
        out,
        "\n{}: {} ok, {} failed, {} warnings, {} unsupported, {} inconclusive, in {:.1} s",
        results.target,
        count("ok"),
        count("FAIL"),
        count("warn"),
        count("unsupported"),
        count("inconclusive"),
        results.took.as_secs_f64()
    )
}

/// Writes the line of one check: the verdict, the id, the rows, and what was seen.
fn line(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let Outcome { check, verdict, .. } = outcome;
    let said = match verdict {
        Verdict::Green(legal) => (*legal).to_owned(),
        Verdict::Unsupported(what) => format!("not supported: {what}"),
        Verdict::Inconclusive(why) => why.to_string(),
        Verdict::Fail(offences) | Verdict::Warn(offences) => {
            offences.first().map_or_else(String::new, |offence| offence.why.clone())
        }
    };
    let colour = match verdict {
        Verdict::Green(_) => "32",
        Verdict::Fail(_) => "31",
        Verdict::Warn(_) => "33",
        Verdict::Unsupported(_) | Verdict::Inconclusive(_) => "2",
    };
    let (on, off) = if style.colour { (format!("\x1b[{colour}m"), "\x1b[0m") } else { (String::new(), "") };
    writeln!(out, "{on}{:12}{off} {:20} {} -- {said}", verdict.word(), check.id, check.rows.join(" "))
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
    let judged = |id: &str| crate::checks::all().any(|check| check.rows.contains(&id));
    let without: Vec<&str> = crate::observable::on_a_server().filter(|id| !judged(id)).collect();
    writeln!(out, "\n{} rows that show on a server have no check:", without.len())?;
    for ids in without.chunks(10) {
        writeln!(out, "  {}", ids.join(" "))?;
    }
    Ok(())
}
