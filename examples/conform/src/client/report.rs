//! What `--list` and `--explain` print of scenarios.

use super::{Scenario, Tls, scenarios};
use crate::check::Edit;
use crate::ledger;
use std::io::{self, Write};

fn needs(scenario: &Scenario) -> &'static str {
    match (scenario.deletes, scenario.tls) {
        (true, _) => " [--allow delete]",
        (_, Tls::Stls | Tls::Untrusted | Tls::OtherName) => " [--allow stls]",
        _ => "",
    }
}

/// Writes these scenarios, and the rows that have none.
///
/// # Errors
/// Returns the error of `out`.
pub fn list(selected: &[&'static Scenario], out: &mut dyn Write) -> io::Result<()> {
    for scenario in selected {
        let check = &scenario.check;
        writeln!(out, "{:24} {} -- {}{}", check.id, check.rows.join(" "), check.asks, needs(scenario))?;
    }
    let judged = |id: &str| scenarios::all().any(|scenario| scenario.check.rows.contains(&id));
    let without: Vec<&str> = crate::observable::on_a_client().filter(|id| !judged(id)).collect();
    writeln!(out, "\n{} rows that show on a client have no scenario:", without.len())?;
    for ids in without.chunks(10) {
        writeln!(out, "  {}", ids.join(" "))?;
    }
    Ok(())
}

/// Writes all about one scenario.
///
/// # Errors
/// Returns the error of `out`.
pub fn explain(scenario: &Scenario, out: &mut dyn Write) -> io::Result<()> {
    let check = &scenario.check;
    writeln!(out, "{}{}\n  {}", check.id, needs(scenario), check.asks)?;
    for id in check.rows {
        if let Some(row) = ledger::row(id) {
            writeln!(out, "  {} ({}, {}): {}", row.id, row.section(), row.level.name(), row.words)?;
        }
    }
    match &scenario.edit {
        Some(Edit::Code(_)) => writeln!(out, "  the server: a function")?,
        Some(edit) => writeln!(out, "  the server: {edit:?}")?,
        None => {}
    }
    if let Some(flood) = scenario.flood {
        writeln!(out, "  the server: {flood:?}")?;
    }
    writeln!(out, "  expected: {:?}", scenario.expect)?;
    if scenario.no_password {
        writeln!(out, "  no password may be sent")?;
    }
    writeln!(out, "  legal:")?;
    for legal in check.legal {
        writeln!(out, "    {}: {}", legal.name, legal.by)?;
    }
    writeln!(out, "  broken clients that it must find:")?;
    for flaw in scenario.broken {
        writeln!(out, "    {flaw:?}: {}", flaw.words())?;
    }
    Ok(())
}
