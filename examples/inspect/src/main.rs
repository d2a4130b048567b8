//! `inspect`: reads POP3 from captures. `inspect --help` explains it.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use inspect::capture::{self, CaptureError};
use inspect::{Format, Inspector, Options, Store, StoreLimits};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Reads POP3 sessions from captures (pcap and pcapng), and prints a JSON object for each transaction, message and deviation.
///
/// No password is printed, stored or shown. Exit code: 0, or 1 if a capture could not be read to its end; 2 for wrong arguments.
#[derive(Parser)]
#[command(name = "inspect", version)]
struct Arguments {
    /// Captures, in the order of their times; `-` reads a stream of packets from stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints the dialogue for people instead
    #[arg(long)]
    text: bool,
    /// Stores complete messages in this folder, as FLOW-TRANSACTION.eml
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    /// A port on which a connection that is seen from its middle counts as POP3
    #[arg(long = "port", value_name = "PORT", default_values_t = Options::default().ports)]
    ports: Vec<u16>,
    /// Ignores segments with a wrong checksum, as receivers do
    #[arg(long)]
    checksums: bool,
    /// Connections that are followed at the same time
    #[arg(long, value_name = "N", default_value_t = Options::default().flows)]
    flows: usize,
    /// Bytes of one direction that wait for their acknowledgement
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().flow_bytes)]
    flow_bytes: usize,
    /// Bytes that wait in all connections together
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().total_bytes)]
    total_bytes: usize,
    /// Bytes of a name, or of a text of a server, in a record
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().text_bytes)]
    text_bytes: usize,
    /// Bytes of one block of a capture
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().block_bytes)]
    block_bytes: usize,
    /// Seconds of silence after which a connection is over
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().idle.as_secs())]
    idle: u64,
    /// Octets of one extracted message
    #[arg(long, value_name = "OCTETS", default_value_t = StoreLimits::DEFAULT.message)]
    message_octets: u64,
    /// Octets of all extracted messages
    #[arg(long, value_name = "OCTETS", default_value_t = StoreLimits::DEFAULT.total)]
    extract_octets: u64,
    /// Extracted messages
    #[arg(long, value_name = "N", default_value_t = StoreLimits::DEFAULT.files)]
    extract_files: u32,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader of the lines has closed.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inspect: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every capture was read to its end.
fn run(arguments: &Arguments) -> io::Result<bool> {
    let limits = StoreLimits {
        message: arguments.message_octets,
        total: arguments.extract_octets,
        files: arguments.extract_files,
        ..StoreLimits::DEFAULT
    };
    let store = arguments.extract.as_ref().map(|folder| Store::open(folder, limits)).transpose()?;
    let options = Options {
        ports: arguments.ports.clone(),
        flows: arguments.flows,
        flow_bytes: arguments.flow_bytes,
        total_bytes: arguments.total_bytes,
        text_bytes: arguments.text_bytes,
        idle: Duration::from_secs(arguments.idle),
        checksums: arguments.checksums,
        block_bytes: arguments.block_bytes,
        ..Options::default()
    };
    let format = if arguments.text { Format::Text } else { Format::Json };
    let is_live = arguments.files.iter().any(|file| file.as_os_str() == "-");
    let mut writer = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut lines = Lines { writer: &mut writer, at_once: is_live };
    let mut inspector = Inspector::new(options, &mut lines, format, store);
    let mut complete = true;
    for path in &arguments.files {
        let result = one(path, &mut inspector);
        match result {
            Ok(()) => {}
            Err(CaptureError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
            Err(error) => {
                let cause =
                    std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
                eprintln!("inspect: {}: {error}{cause}", path.display());
                complete = false;
            }
        }
    }
    let totals = inspector.finish()?;
    if totals.fragments > 0 {
        eprintln!("inspect: {} fragments of IP packets were not read", totals.fragments);
    }
    Ok(complete)
}

fn one(path: &PathBuf, inspector: &mut Inspector<'_>) -> Result<(), CaptureError> {
    let block_bytes = inspector.options().block_bytes;
    if path.as_os_str() == "-" {
        let stdin = io::stdin();
        return capture::read(stdin, block_bytes, |link, time, bytes| inspector.packet(link, time, bytes));
    }
    let file = File::open(path)?;
    let bar = bar(file.metadata()?.len());
    let reader = Counted { inner: file, bar: bar.clone() };
    let result = capture::read(reader, block_bytes, |link, time, bytes| inspector.packet(link, time, bytes));
    bar.finish_and_clear();
    result
}

/// A bar for a large file, on a terminal; where lines go to the terminal too, it would be in their way.
fn bar(length: u64) -> ProgressBar {
    const LARGE: u64 = 64 << 20;
    if length <= LARGE || !io::stderr().is_terminal() || io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

struct Counted<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}

/// Lines of a live stream are written at once.
struct Lines<W> {
    writer: W,
    at_once: bool,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        if self.at_once && bytes.ends_with(b"\n") {
            self.writer.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
