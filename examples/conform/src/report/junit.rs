//! JUnit's XML, which the CI services read. It has no warnings: a warning that does not count is a passed test with an output.

use super::view::{Entry, Kind, Report};
use super::{Style, escape, text};
use std::io::{self, Write};

/// Writes the report.
///
/// # Errors
/// Returns the error of `out`.
pub fn write(report: &Report, _: Style, out: &mut dyn Write) -> io::Result<()> {
    let stale = if report.strict { report.stale.len() } else { 0 };
    let failures = report.entries.iter().filter(|entry| report.fails(entry)).count() + stale;
    let skipped = report.entries.iter().filter(|entry| skips(report, entry)).count();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>")?;
    writeln!(
        out,
        "<testsuite name=\"pop3-conform {}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\">",
        escape(&report.target),
        report.entries.len() + stale,
        report.took.as_secs_f64()
    )?;
    for entry in &report.entries {
        case(report, entry, out)?;
    }
    for line in report.stale.iter().take(stale) {
        let (check, reason) = (escape(&line.check), escape(&line.reason));
        writeln!(
            out,
            "<testcase classname=\"baseline\" name=\"{check}\"><failure message=\"stale baseline line: {reason}\"/></testcase>"
        )?;
    }
    writeln!(out, "</testsuite>\n</testsuites>")
}

/// Returns whether the test neither passed nor failed.
fn skips(report: &Report, entry: &Entry) -> bool {
    let open = matches!(entry.kind, Kind::Unsupported | Kind::Inconclusive);
    !report.fails(entry) && (open || entry.known.is_some())
}

fn case(report: &Report, entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escape(&entry.section()),
        escape(entry.id),
        entry.took.as_secs_f64()
    )?;
    let said = escape(&entry.said);
    let word = entry.kind.word();
    if report.fails(entry) {
        writeln!(
            out,
            "><failure type=\"{word}\" message=\"{said}\">{}</failure></testcase>",
            escape(&details(entry))
        )
    } else if skips(report, entry) {
        let reason = match &entry.known {
            Some(reason) => format!("known: {reason}"),
            None => format!("{word}: {}", entry.said),
        };
        writeln!(out, "><skipped message=\"{}\"/></testcase>", escape(&reason))
    } else if entry.kind == Kind::Warn {
        let output = escape(&format!("warning: {}\n{}", entry.said, details(entry)));
        writeln!(out, "><system-out>{output}</system-out></testcase>")
    } else {
        writeln!(out, "/>")
    }
}

/// The rows, then the dialogue of the first offence, then the other offences.
fn details(entry: &Entry) -> String {
    let rows = entry
        .rows
        .iter()
        .map(|row| format!("{} ({}, {}): {}", row.id, row.section(), row.level.name(), row.words));
    let dialogue = entry.faults.first().map(text::dialogue).unwrap_or_default();
    let also = entry.faults.iter().skip(1).map(|fault| format!("also: {}", fault.why));
    let lines: Vec<String> = rows.chain(dialogue).chain(also).collect();
    lines.join("\n")
}
