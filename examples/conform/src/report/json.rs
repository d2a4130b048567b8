//! JSON, as `schema.json` describes it. What was sent is there as text and, in base64, byte for byte.

use super::Style;
use super::view::{Entry, Fault, Kind, Line, Report, Speaker};
use crate::engine::log::Side;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// The version of the format. A field that is removed or changes its meaning takes a new one.
pub const FORMAT: u64 = 1;

/// Writes the report.
///
/// # Errors
/// Returns the error of `out`.
pub fn write(report: &Report, _: Style, out: &mut dyn Write) -> io::Result<()> {
    let count = |kind: Kind| (kind.word().to_owned(), json!(report.count(kind)));
    let mut counts: Map<String, Value> = Kind::ALL.into_iter().map(count).collect();
    counts.insert("known".to_owned(), json!(report.known()));
    let stale: Vec<Value> =
        report.stale.iter().map(|line| json!({"check": line.check, "reason": line.reason})).collect();
    let value = json!({
        "format": FORMAT,
        "kit": env!("CARGO_PKG_VERSION"),
        "target": report.target,
        "seconds": report.took.as_secs_f64(),
        "strict": report.strict,
        "failed": report.failed(),
        "counts": counts,
        "checks": report.entries.iter().map(|entry| check(report, entry)).collect::<Vec<_>>(),
        "stale": stale,
    });
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn check(report: &Report, entry: &Entry) -> Value {
    let row = |row: &&crate::ledger::Row| json!({"id": row.id, "section": row.section(), "level": row.level.name(), "words": row.words});
    json!({
        "id": entry.id,
        "asks": entry.asks,
        "verdict": entry.kind.word(),
        "said": entry.said,
        "fails": report.fails(entry),
        "known": entry.known,
        "seen": entry.seen,
        "legal": entry.legal.iter().map(|legal| json!({"name": legal.name, "by": legal.by})).collect::<Vec<_>>(),
        "rows": entry.rows.iter().map(row).collect::<Vec<_>>(),
        "needs": entry.needs,
        "seconds": entry.took.as_secs_f64(),
        "offences": entry.faults.iter().map(offence).collect::<Vec<_>>(),
    })
}

fn offence(fault: &Fault) -> Value {
    json!({
        "why": fault.why,
        "session": fault.session,
        "side": if fault.side == Side::Client { "client" } else { "server" },
        "at": fault.at,
        "dialogue": fault.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn line(line: &Line) -> Value {
    let from = match line.kind {
        Speaker::Client => "client",
        Speaker::Server => "server",
        Speaker::Event => "event",
        Speaker::Skipped => "skipped",
    };
    let bytes = line.at.map(|_| BASE64_STANDARD.encode(&line.bytes));
    json!({"from": from, "at": line.at, "text": line.text, "bytes": bytes, "mark": line.mark})
}
