//! TAP, version 14. `# SKIP` is for a check without a verdict, and `# TODO` for a fault that does not count: a warning, or a known one.

use super::view::{Entry, Kind, Report};
use super::{Style, text};
use std::io::{self, Write};

/// Writes the report.
///
/// # Errors
/// Returns the error of `out`.
pub fn write(report: &Report, _: Style, out: &mut dyn Write) -> io::Result<()> {
    let stale = if report.strict { report.stale.len() } else { 0 };
    writeln!(out, "TAP version 14\n1..{}", report.entries.len() + stale)?;
    for (index, entry) in report.entries.iter().enumerate() {
        let fails = report.fails(entry);
        let good = !fails && (entry.faults.is_empty() || entry.kind == Kind::Ok);
        let word = if good { "ok" } else { "not ok" };
        let said = format!("{} - {}", entry.id, entry.said);
        writeln!(out, "{word} {} - {}{}", index + 1, quoted(&said), directive(entry, fails))?;
        if !entry.faults.is_empty() {
            diagnostic(entry, out)?;
        }
    }
    for (index, line) in report.stale.iter().enumerate() {
        let said = quoted(&format!("{} - stale baseline line: {}", line.check, line.reason));
        match report.strict {
            true => writeln!(out, "not ok {} - {said}", report.entries.len() + index + 1)?,
            false => writeln!(out, "# {said}")?,
        }
    }
    Ok(())
}

fn directive(entry: &Entry, fails: bool) -> String {
    match (&entry.known, entry.kind) {
        _ if fails => String::new(),
        (Some(reason), Kind::Fail | Kind::Warn) => format!(" # TODO known: {}", quoted(reason)),
        (None, Kind::Warn) => " # TODO a warning".to_owned(),
        (_, Kind::Unsupported | Kind::Inconclusive) => format!(" # SKIP {}", entry.kind.word()),
        _ => String::new(),
    }
}

/// A `#` in a description would begin a directive.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}

/// Writes a block of YAML: JSON strings are strings of YAML.
fn diagnostic(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  ---")?;
    let rows: Vec<String> = entry.rows.iter().map(|row| format!("{} ({})", row.id, row.section())).collect();
    writeln!(out, "  rows: {}", serde_json::json!(rows))?;
    let offences: Vec<&str> = entry.faults.iter().map(|fault| fault.why.as_str()).collect();
    writeln!(out, "  offences: {}", serde_json::json!(offences))?;
    writeln!(out, "  dialogue:")?;
    for line in entry.faults.first().map(text::dialogue).unwrap_or_default() {
        writeln!(out, "    - {}", serde_json::json!(line))?;
    }
    writeln!(out, "  ...")
}
