//! One HTML file, by section of the RFC. It needs nothing else: no script at all, and no resource. The filter is done in CSS, and the
//! policy in the head forbids every script, so that nothing a peer sent could run even if it were not escaped.

use super::view::{Entry, Fault, Line, Report, Speaker};
use super::{Style, escape};
use crate::engine::log::Side;
use crate::ledger;
use std::io::{self, Write};

const STYLE: &str = include_str!("html.css");

/// The offences of a check that are named.
const NAMED: usize = 20;

/// The labels of the filter, by the class of an entry.
const CLASSES: [(&str, &str); 6] = [
    ("fail", "failed"),
    ("warn", "warnings"),
    ("inconclusive", "inconclusive"),
    ("known", "known"),
    ("unsupported", "unsupported"),
    ("ok", "ok"),
];

/// Writes the report.
///
/// # Errors
/// Returns the error of `out`.
pub fn write(report: &Report, _: Style, out: &mut dyn Write) -> io::Result<()> {
    let target = escape(&report.target);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{target}: pop3-conform</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    )?;
    head(report, out)?;
    writeln!(out, "<main>")?;
    for (document, sections) in grouped(report) {
        writeln!(out, "<section class=\"document\">\n<h2>{}</h2>", escape(&document))?;
        for (name, entries) in sections {
            section(&name, &entries, out)?;
        }
        writeln!(out, "</section>")?;
    }
    stale(report, out)?;
    writeln!(out, "</main>\n</body>\n</html>")
}

/// Returns the class of an entry: its verdict, or that the baseline names it.
fn class(entry: &Entry) -> &'static str {
    match entry.known {
        Some(_) => "known",
        None => entry.kind.word(),
    }
}

fn head(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let total = report.entries.len();
    let count = |name: &str| report.entries.iter().filter(|entry| class(entry) == name).count();
    writeln!(
        out,
        "<header>\n<p class=\"kit\">pop3-conform {}</p>\n<h1>{}</h1>\n\
         <p class=\"sum\">{total} checks in {:.1} s. {}</p>\n<div class=\"bar\" aria-hidden=\"true\">",
        env!("CARGO_PKG_VERSION"),
        escape(&report.target),
        report.took.as_secs_f64(),
        match report.failed() {
            true => "There are failures.",
            false => "There is no failure.",
        }
    )?;
    for (name, _) in CLASSES.iter().filter(|(name, _)| count(name) > 0) {
        writeln!(out, "<i class=\"{name}\" style=\"flex-grow:{}\"></i>", count(name))?;
    }
    writeln!(out, "</div>")?;
    for (name, label) in CLASSES.iter().take(2).filter(|(name, _)| count(name) > 0) {
        let named = report.entries.iter().filter(|entry| class(entry) == *name);
        let links: Vec<String> =
            named.map(|entry| format!("<a href=\"#{0}\">{0}</a>", escape(entry.id))).collect();
        writeln!(out, "<p class=\"jump {name}\"><b>{label}</b> {}</p>", links.join(" "))?;
    }
    writeln!(out, "</header>\n<fieldset class=\"filter\">\n<legend>Show</legend>")?;
    writeln!(
        out,
        "<label><input type=\"radio\" name=\"show\" id=\"show-all\" checked><span>all <b>{total}</b></span></label>"
    )?;
    for (name, label) in CLASSES {
        let disabled = if count(name) == 0 { " disabled" } else { "" };
        writeln!(
            out,
            "<label class=\"{name}\"><input type=\"radio\" name=\"show\" id=\"show-{name}\"{disabled}><span>{label} <b>{}</b></span></label>",
            count(name)
        )?;
    }
    writeln!(out, "</fieldset>")
}

type Sections<'a> = Vec<(String, Vec<&'a Entry>)>;

/// Returns the entries by document and section, in the order of the ledger. A check belongs to the section of its first row.
fn grouped(report: &Report) -> Vec<(String, Sections<'_>)> {
    let mut documents: Vec<(String, Sections<'_>)> = Vec::new();
    let mut place = |document: &str, name: String, entry| {
        if documents.last().is_none_or(|(last, _)| last != document) {
            documents.push((document.to_owned(), Vec::new()));
        }
        let Some((_, sections)) = documents.last_mut() else { return };
        match sections.iter_mut().find(|(other, _)| *other == name) {
            Some((_, entries)) => entries.push(entry),
            None => sections.push((name, vec![entry])),
        }
    };
    for row in ledger::rows() {
        let first = |entry: &&Entry| entry.rows.first().is_some_and(|first| first.id == row.id);
        for entry in report.entries.iter().filter(first) {
            place(row.document, row.section(), entry);
        }
    }
    for entry in report.entries.iter().filter(|entry| entry.rows.is_empty()) {
        place("Other", entry.section(), entry);
    }
    documents
}

fn section(name: &str, entries: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    let anchor: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    writeln!(out, "<section id=\"{}\">\n<h3>{}</h3>", escape(&anchor), reference(name))?;
    for entry in entries {
        check(entry, out)?;
    }
    writeln!(out, "</section>")
}

/// Returns the name of a section, with a link to its text.
fn reference(name: &str) -> String {
    let mut words = name.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("RFC"), Some(number), section, part) => {
            let fragment = match (section, part) {
                (Some("section"), Some(part)) => format!("#section-{part}"),
                _ => String::new(),
            };
            let link = escape(&format!("https://www.rfc-editor.org/rfc/rfc{number}{fragment}"));
            format!("<a href=\"{link}\">{}</a>", escape(name))
        }
        _ => escape(name),
    }
}

fn check(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let (id, class) = (escape(entry.id), class(entry));
    let open = if matches!(class, "fail" | "warn") { " open" } else { "" };
    writeln!(
        out,
        "<details class=\"check {class}\"{open}>\n<summary><span class=\"verdict\">{class}</span>\
         <code class=\"name\">{id}</code><span class=\"asks\">{}</span></summary>\n\
         <div class=\"body\" id=\"{id}\">",
        escape(entry.asks)
    )?;
    writeln!(
        out,
        "<p class=\"said\">{} <a class=\"link\" href=\"#{id}\" title=\"Link to this check\">#{id}</a></p>",
        escape(&entry.said)
    )?;
    if let Some(reason) = &entry.known {
        writeln!(out, "<p class=\"reason\">Known: {}</p>", escape(reason))?;
    }
    faults(&entry.faults, out)?;
    writeln!(out, "<dl class=\"rows\">")?;
    for row in &entry.rows {
        writeln!(
            out,
            "<dt><code>{}</code> <b>{}</b> {}</dt><dd>{}</dd>",
            escape(row.id),
            row.level.name(),
            reference(&row.section()),
            prose(row.words)
        )?;
    }
    writeln!(out, "</dl>\n<h4>Legal answers</h4>\n<ul class=\"legal\">")?;
    for legal in entry.legal {
        let seen = if entry.seen == Some(legal.name) { " class=\"seen\"" } else { "" };
        writeln!(out, "<li{seen}>{} <small>{}</small></li>", escape(legal.name), escape(legal.by))?;
    }
    writeln!(out, "</ul>")?;
    if !entry.needs.is_empty() {
        let needs: Vec<String> =
            entry.needs.iter().map(|need| format!("<code>{}</code>", escape(need))).collect();
        writeln!(out, "<p class=\"needs\">It needs {}.</p>", needs.join(", "))?;
    }
    writeln!(out, "</div>\n</details>")
}

/// Returns words of the ledger, whose codes are in backticks.
fn prose(words: &str) -> String {
    let mut is_code = false;
    let mut part = |part: &str| {
        let shown = if is_code { format!("<code>{}</code>", escape(part)) } else { escape(part) };
        is_code = !is_code;
        shown
    };
    words.split('`').map(&mut part).collect()
}

fn faults(faults: &[Fault], out: &mut dyn Write) -> io::Result<()> {
    for (index, fault) in faults.iter().take(NAMED).enumerate() {
        let why = escape(&fault.why);
        match (index, fault.lines.is_empty()) {
            (0, true) => {}
            (0, false) => dialogue(fault, out)?,
            (_, true) => writeln!(out, "<p class=\"also\">also: {why}</p>")?,
            (_, false) => {
                writeln!(out, "<details class=\"also\"><summary>also: {why}</summary>")?;
                dialogue(fault, out)?;
                writeln!(out, "</details>")?;
            }
        }
    }
    match faults.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => writeln!(out, "<p class=\"also\">and {more} more</p>"),
    }
}

/// Writes the lines with their offsets, and a mark under the byte.
fn dialogue(fault: &Fault, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<figure><figcaption>Session {}, byte {} of what the {} sent</figcaption>\n<pre tabindex=\"0\">",
        fault.session,
        fault.at,
        if fault.side == Side::Client { "client" } else { "server" }
    )?;
    for Line { kind, at, text, mark, .. } in &fault.lines {
        let (class, who) = match kind {
            Speaker::Client => ("c", "C: "),
            Speaker::Server => ("s", "S: "),
            Speaker::Event => ("e", "*  "),
            Speaker::Skipped => ("e", "   "),
        };
        let offset = at.map_or_else(String::new, |at| at.to_string());
        let text = match mark.and_then(|at| text.split_at_checked(at)) {
            Some((before, rest)) => {
                // An escape such as `\r` is marked as a whole.
                let marked =
                    if rest.starts_with('\\') { if rest.starts_with("\\x") { 4 } else { 2 } } else { 1 };
                let (byte, after) = rest.split_at_checked(marked).unwrap_or((rest, ""));
                format!("{}<mark>{}</mark>{}", escape(before), escape(byte), escape(after))
            }
            None => escape(text),
        };
        writeln!(
            out,
            "<span class=\"{class}\"><span class=\"at\">{offset:>7}</span>  <b>{who}</b>{text}</span>"
        )?;
        if let Some(mark) = mark {
            writeln!(out, "<span class=\"caret\">{:1$}^</span>", "", 12 + mark)?;
        }
    }
    writeln!(out, "</pre></figure>")
}

fn stale(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.stale.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section class=\"document\">\n<h2>Stale lines of the baseline</h2>\n<p>No red check needs them: remove them.</p>\n<ul>"
    )?;
    for line in &report.stale {
        writeln!(out, "<li><code>{}</code> {}</li>", escape(&line.check), escape(&line.reason))?;
    }
    writeln!(out, "</ul>\n</section>")
}
