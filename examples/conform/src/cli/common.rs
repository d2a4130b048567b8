//! The options that all commands with reports share, and what they do with results.

use super::{Error, FAILED};
use crate::checks;
use crate::report::baseline::{self, Known};
use crate::report::{self, Format, Report, Style, html, json, junit, text};
use crate::run::{Outcome, Results};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
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
    /// The format of the report on stdout: text, tap, json, junit, html
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Also write a report for CI services
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write a report for a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also write a report for programs
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The checks that are known to be red: lines of a check and a reason
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Count warnings, inconclusive checks and stale lines of the baseline as failures
    #[arg(long)]
    pub strict: bool,
}

impl Reporting {
    /// Writes what `--list` and `--explain` ask for. Returns whether that was all.
    ///
    /// # Errors
    /// Returns an error if there is no such check or format.
    pub fn inform(&self) -> Result<bool, Error> {
        let mut out = io::stdout().lock();
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

    /// Checks the baseline before the run, so that a fault in it costs no time: each line must name a check of which `exists` is true.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, or if a line names something else.
    pub fn check_baseline(&self, exists: impl Fn(&str) -> bool) -> Result<(), Error> {
        match self.known()?.iter().find(|line| !exists(&line.check)) {
            Some(Known { check, .. }) => {
                let path = self.baseline.as_deref().unwrap_or(Path::new("the baseline")).display();
                Err(format!("{path}: no check {check:?}: see --list").into())
            }
            None => Ok(()),
        }
    }

    fn known(&self) -> Result<Vec<Known>, Error> {
        let Some(path) = &self.baseline else { return Ok(Vec::new()) };
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        baseline::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Writes the reports of a server's run, and returns the exit code.
    ///
    /// # Errors
    /// Returns the error if a report cannot be written.
    pub fn finish(&self, results: &Results) -> Result<ExitCode, Error> {
        self.write(Report::new(results))
    }

    /// Applies the options to a report, writes it in all formats that were asked for, and returns the exit code.
    ///
    /// # Errors
    /// Returns the error if a report cannot be written.
    pub fn write(&self, mut report: Report) -> Result<ExitCode, Error> {
        report.strict = self.strict;
        report.apply(&self.known()?, self.only.is_empty());
        let out = io::stdout();
        let colour = out.is_terminal() && wants_colour();
        let format = report::find(&self.format).ok_or("no such format")?;
        let mut out = BufWriter::new(out.lock());
        format(&report, Style { colour }, &mut out)?;
        out.flush()?;
        let files: [(&Option<PathBuf>, Format); 3] =
            [(&self.junit, junit::write), (&self.html, html::write), (&self.json, json::write)];
        for (path, format) in files {
            if let Some(path) = path {
                file(path, format, &report).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(if report.failed() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }
}

fn file(path: &Path, format: Format, report: &Report) -> io::Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    format(report, Style::default(), &mut out)?;
    out.flush()
}

/// Returns whether the user has not switched colours off.
fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows the progress on stderr, if it is a terminal. Call the function that it returns after each check.
pub fn progress(checks: usize) -> impl FnMut(&Outcome) {
    let bar = match io::stderr().is_terminal() {
        true => ProgressBar::new(checks as u64),
        false => ProgressBar::hidden(),
    };
    let template = match wants_colour() {
        true => "{bar:30.green/dim} {pos}/{len} {wide_msg:.dim}",
        false => "{bar:30} {pos}/{len} {wide_msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    move |outcome| {
        bar.set_message(outcome.check.id);
        bar.inc(1);
        if bar.position() == checks as u64 {
            bar.finish_and_clear();
        }
    }
}
