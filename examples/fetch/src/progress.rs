use super::shown::Shown;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows progress and remarks on a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    shown: Shown,
    quiet: bool,
    messages: (usize, usize),
}

impl Progress {
    pub(super) fn new(quiet: bool, no_bar: bool, shown: Shown) -> Self {
        // It draws nothing if stderr is not a terminal.
        let target =
            if quiet || no_bar { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar, shown, quiet, messages: (0, 0) }
    }

    /// Begins a session that fetches `messages` messages with `octets` octets in all.
    pub(super) fn begin(&mut self, messages: usize, octets: u64) {
        self.bar.set_length(octets);
        self.messages = (0, messages);
        self.show();
        self.bar.reset();
    }

    pub(super) fn octets(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    pub(super) fn message(&mut self) {
        self.messages.0 += 1;
        self.show();
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a remark between updates.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Prints a warning, even with `--quiet`.
    pub(super) fn warn(&self, text: &str) {
        self.bar.suspend(|| eprintln!("fetch: {}", self.shown.text(text)));
    }

    fn show(&self) {
        let (done, all) = self.messages;
        self.bar.set_message(format!("{done} of {all} messages"));
    }
}
