//! Reports. Each format is one function over [`Results`], in a file of its own.

pub mod text;

use crate::run::Results;
use std::io::{self, Write};

/// How a report is written.
#[derive(Clone, Copy, Default, Debug)]
pub struct Style {
    /// Colours, for a terminal.
    pub colour: bool,
}

/// A format: it writes a whole report.
pub type Format = fn(&Results, Style, &mut dyn Write) -> io::Result<()>;

/// All formats, by the name that `--format` takes.
pub static FORMATS: &[(&str, Format)] = &[("text", text::write)];

/// Returns the format with this name.
#[must_use]
pub fn find(name: &str) -> Option<Format> {
    FORMATS.iter().find(|(other, _)| *other == name).map(|(_, format)| *format)
}
