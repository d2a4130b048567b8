//! The options that all commands with reports share, and what they do with results.

use super::{Error, FAILED};
use crate::checks;
use crate::report::{self, Style, text};
use crate::run::Results;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Which checks, and which reports.
#[derive(clap::Args, Debug)]
pub struct Reporting {
    /// Only the checks whose id, or one of whose rows, begins so
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub only: Vec<String>,
    /// List the checks, and the rows without one, and end
    #[arg(long)]
    pub list: bool,
    /// Explain a check: its rows, its legal answers, what it needs, and its twists
    #[arg(long, value_name = "ID")]
    pub explain: Option<String>,
    /// The format of the report on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Count warnings and inconclusive checks as failures
    #[arg(long)]
    pub strict: bool,
}

impl Reporting {
    /// Writes what `--list` and `--explain` ask for. Returns whether that was all.
    ///
    /// # Errors
    /// Returns an error if there is no such check or format.
    pub fn inform(&self) -> Result<bool, Error> {
        let mut out = std::io::stdout().lock();
        if report::find(&self.format).is_none() {
            let names: Vec<&str> = report::FORMATS.iter().map(|(name, _)| *name).collect();
            return Err(format!("no format {:?}: use {}", self.format, names.join(", ")).into());
        }
        if checks::select(&self.only).is_empty() {
            return Err("no check matches --only: see --list".into());
        }
        if let Some(id) = &self.explain {
            let check = checks::find(id).ok_or_else(|| format!("no check {id:?}: see --list"))?;
            text::explain(check, &mut out)?;
            return Ok(true);
        }
        if self.list {
            text::list(&checks::select(&self.only), &mut out)?;
        }
        Ok(self.list)
    }

    /// Writes the reports and returns the exit code.
    ///
    /// # Errors
    /// Returns the error if a report cannot be written.
    pub fn finish(&self, results: &Results) -> Result<ExitCode, Error> {
        let out = std::io::stdout();
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let format = report::find(&self.format).ok_or("no such format")?;
        let mut out = out.lock();
        format(results, Style { colour }, &mut out)?;
        out.flush()?;
        let failed = results.count("FAIL") > 0;
        let strictly = results.count("warn") + results.count("inconclusive") > 0;
        Ok(if failed || (self.strict && strictly) { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }
}
