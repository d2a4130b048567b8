//! Reports. Each format is one function over [`Report`], in a file of its own.

pub mod baseline;
pub mod html;
pub mod json;
pub mod junit;
pub mod tap;
pub mod text;
pub mod view;

pub use view::Report;

use std::io::{self, Write};

/// How a report is written.
#[derive(Clone, Copy, Default, Debug)]
pub struct Style {
    /// Colours, for a terminal.
    pub colour: bool,
}

/// A format: it writes a whole report.
pub type Format = fn(&Report, Style, &mut dyn Write) -> io::Result<()>;

/// All formats, by the name that `--format` takes.
pub static FORMATS: &[(&str, Format)] = &[
    ("text", text::write),
    ("tap", tap::write),
    ("json", json::write),
    ("junit", junit::write),
    ("html", html::write),
];

/// Returns the format with this name.
#[must_use]
pub fn find(name: &str) -> Option<Format> {
    FORMATS.iter().find(|(other, _)| *other == name).map(|(_, format)| *format)
}

/// Escapes text for XML and HTML, in contents and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}
