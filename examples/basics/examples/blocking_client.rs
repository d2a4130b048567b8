//! Fetches every message of a maildrop: `blocking_client ADDR USER PASSWORD OUTDIR [--delete]`
//!
//! Message N is written to OUTDIR/N.eml, with the same bytes that the server has. A file gets that name once the message is
//! complete and on the disk. A file that exists is never replaced. With `--delete`, messages that were stored are deleted, and the
//! response to QUIT tells whether they are gone. The exit code is 0 only if all of this was done.
//!
//! One session fetches the messages that the server lists. Some servers list only part of them: run it again, into another
//! folder.
//!
//! The password is sent in cleartext, and a list of processes shows it. Use this only on loopback, or on a network that is private by
//! other means.

use pop3_proto::client::{ClientConfig, Deletions, Event, Feature, SendError, Source, Ticket};
use pop3_proto::{
    Command, ConnectionError, Limits, MessageNumber, Retry, Secret, StatusText, Text, TlsPolicy, Verb,
};
use pop3_proto_basics::blocking::{Connection, NotPop3};
use pop3_proto_basics::{Error, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The limit on rows, because a listing has to fit in memory.
const CONFIG: ClientConfig =
    ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_listing_rows(1 << 20));
/// How many octets a message may have beyond twice its listed size, so a server that never stops does not fill the disk.
const SLACK: u64 = 1 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [address, user, password, folder] => run(address, user, password, folder.as_ref(), false),
        [address, user, password, folder, "--delete"] => run(address, user, password, folder.as_ref(), true),
        _ => Err("usage: blocking_client ADDR USER PASSWORD OUTDIR [--delete]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blocking_client: {error}");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn run(address: &str, user: &str, password: &str, folder: &Path, delete: bool) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut pop = open(address, user, password)?;
    let done = session(&mut pop, folder, delete);
    match (&done, pop.client().deletions()) {
        (_, Deletions::NoneAsked) => {}
        (Ok(()), Deletions::Committed) => println!("the server has removed what was stored"),
        (Err(_), Deletions::Committed) => eprintln!("the server has removed what was stored"),
        (_, Deletions::Pending) => eprintln!("the session ended before QUIT: the server removes nothing"),
        (_, Deletions::Unknown) => eprintln!("QUIT was not answered: some messages, or all, may be gone"),
        (_, Deletions::RefusedInPart) => eprintln!("the server could not remove all of the stored messages"),
    }
    done
}

/// Connects and logs in. Some servers announce UTF8 and then close the connection after it.
fn open(address: &str, user: &str, password: &str) -> Result<Connection> {
    let mut pop = Connection::connect(address, CONFIG)?;
    let Err(error) = log_in(&mut pop, user, password, true) else { return Ok(pop) };
    let broke = error.is::<ConnectionError>() || error.is::<NotPop3>() || error.is::<io::Error>();
    if !broke || !pop.client().capabilities().has(Feature::Utf8) {
        return Err(error);
    }
    eprintln!("blocking_client: {error}, after UTF8: continuing without it; the server may replace messages");
    let mut pop = Connection::connect(address, CONFIG)?;
    log_in(&mut pop, user, password, false)?;
    Ok(pop)
}

fn session(pop: &mut Connection, folder: &Path, delete: bool) -> Result<()> {
    let sizes = list(pop)?;
    let messages: Vec<_> = sizes.keys().copied().collect();
    let mut store = Store::new(folder, &sizes)?;
    let fetched = run_all(pop, Command::Retr, &messages, |event| match event {
        Event::Begin(ticket, _) => store.begin(*ticket),
        Event::Body(_, octets) => store.add(octets),
        Event::End(..) => store.end(),
        _ => Ok(()),
    });
    let mut refusals = fetched.map_err(|error| store.explain(error))?;
    let stored = store.finish()?;
    println!("{} of {} messages are stored in {}", stored.len(), messages.len(), folder.display());
    if delete {
        refusals.extend(run_all(pop, Command::Dele, &stored, |_| Ok(()))?);
    }
    quit(pop)?;
    if refusals.is_empty() { Ok(()) } else { Err(refusals.join("\nblocking_client: ").into()) }
}

/// Reads the greeting, asks for the capabilities, and logs in.
fn log_in(pop: &mut Connection, user: &str, password: &str, may_ask_for_utf8: bool) -> Result<()> {
    if let Event::NoService(status) = pop.event()? {
        return Err(refusal("the connection", status));
    }
    // A server that does not know CAPA refuses it. Use only the commands of RFC 1939 then.
    let _ = run_one(pop, Command::Capa)?;
    // Outside UTF-8 mode, a server replaces or refuses a message whose header is in UTF-8.
    if may_ask_for_utf8 && pop.client().capabilities().has(Feature::Utf8) {
        let _ = run_one(pop, Command::Utf8)?;
    }
    run_one(pop, Command::User(Text::try_from(user)?))??;
    run_one(pop, Command::Pass(Secret::try_from(password)?))??;
    // Some servers announce PIPELINING only to users that they know.
    let capabilities = pop.client().capabilities();
    if capabilities.source() == Source::Listed && !capabilities.has(Feature::Pipelining) {
        let _ = run_one(pop, Command::Capa)?;
    }
    Ok(())
}

/// Returns the numbers and sizes of the messages. A server may leave out numbers, so do not count from 1 to the count of STAT.
fn list(pop: &mut Connection) -> Result<BTreeMap<MessageNumber, u64>> {
    let mut messages = BTreeMap::new(); // a server may list in any order
    pop.send(Command::List(None))?;
    loop {
        match pop.event()? {
            Event::ScanListing(_, row) => _ = messages.insert(row.message, row.octets),
            Event::Malformed(_, row) => {
                return Err(format!("LIST: cannot read the row '{}'", row.escape_ascii()).into());
            }
            Event::Refused(_, status) => return Err(refusal("LIST", status)),
            Event::End(..) => return Ok(messages),
            _ => {}
        }
    }
}

/// Sends one command for each message and reads the responses. Returns the refusals, which do not end the session.
///
/// As many commands are in flight as the connection allows: 16 if the server announces PIPELINING, otherwise one.
fn run_all(
    pop: &mut Connection,
    command: fn(MessageNumber) -> Command<'static>,
    messages: &[MessageNumber],
    mut each: impl FnMut(&Event<'_>) -> Result<()>,
) -> Result<Vec<String>> {
    let mut refusals = Vec::new();
    let mut left = messages.iter().peekable();
    loop {
        while let Some(message) = left.peek() {
            match pop.send(command(**message)) {
                Ok(_) => left.next(),
                Err(SendError::QueueFull | SendError::NotPipelined) => break, // wait for a response first
                Err(error) => return Err(error.into()),
            };
        }
        if pop.client().is_idle() {
            return Ok(refusals);
        }
        // An event belongs to the command in its ticket, which is always the oldest in flight.
        let event = pop.event()?;
        each(&event)?;
        if let Event::Refused(ticket, status) = event {
            refusals.push(refusal(&ticket.to_string(), status).to_string());
        }
    }
}

/// Sends one command and reads its response. The inner result is `Err` if the server refused.
fn run_one(pop: &mut Connection, command: Command<'_>) -> Result<Result<()>> {
    pop.send(command)?;
    loop {
        match pop.event()? {
            Event::Refused(ticket, status) => return Ok(Err(refusal(&ticket.to_string(), status))),
            event if event.completes() => return Ok(Ok(())),
            _ => {}
        }
    }
}

fn quit(pop: &mut Connection) -> Result<()> {
    pop.send(Command::Quit)?;
    let deletions = loop {
        if let Event::Closed(closed) = pop.event()? {
            break closed.deletions;
        }
    };
    match deletions {
        Deletions::RefusedInPart => Err("QUIT was refused".into()),
        Deletions::Unknown => Err("the server closed without a response to QUIT".into()),
        _ => Ok(()),
    }
}

/// Returns an error that names the refused command, the server's text, and the meaning of its response code.
fn refusal(what: &str, status: StatusText<'_>) -> Error {
    let mut text = format!("{what} was refused (-ERR): {}", status.text());
    if let Some(code) = status.code() {
        text += &format!(" [{}]", code.as_bytes().escape_ascii());
        text += match code.retry() {
            Some(Retry::Now) => ": change something and try again",
            Some(Retry::Later) => ": try again later",
            Some(Retry::Never) => ": ask the server's administrator",
            None => "",
        };
    }
    text.into()
}

/// The folder in which messages are stored.
struct Store<'f> {
    folder: &'f Path,
    sizes: &'f BTreeMap<MessageNumber, u64>,
    open: Option<Partial>,
    stored: Vec<MessageNumber>,
}

/// A message that is being written, in its own temporary file. The file is removed if the message does not
/// become complete.
struct Partial {
    message: MessageNumber,
    file: BufWriter<File>,
    path: PathBuf,
    /// How many more octets the message may have.
    left: u64,
}

impl<'f> Store<'f> {
    /// Refuses a folder that holds one of the files to be written: after `--delete` it may be the only copy of a message.
    fn new(folder: &'f Path, sizes: &'f BTreeMap<MessageNumber, u64>) -> Result<Self> {
        let store = Store { folder, sizes, open: None, stored: Vec::new() };
        let taken = sizes.keys().map(|message| store.path(*message)).find(|path| path.exists());
        taken.map_or(Ok(store), |path| Err(format!("{} exists: use another folder", path.display()).into()))
    }

    fn path(&self, message: MessageNumber) -> PathBuf {
        self.folder.join(format!("{message}.eml"))
    }

    fn begin(&mut self, ticket: Ticket) -> Result<()> {
        if let (Verb::Retr, Some(message)) = (ticket.verb, ticket.message) {
            let size = self.sizes.get(&message).copied().unwrap_or_default();
            let left = size.saturating_mul(2).saturating_add(SLACK);
            let path = self.folder.join(format!(".{message}.{}.part", std::process::id()));
            let _ = fs::remove_file(&path); // a process with the same number may have left it; a link is removed, not followed
            self.open = Some(Partial { message, file: BufWriter::new(File::create_new(&path)?), path, left });
        }
        Ok(())
    }

    fn add(&mut self, octets: &[u8]) -> Result<()> {
        if let Some(partial) = &mut self.open {
            let left = partial.left.checked_sub(octets.len() as u64);
            partial.left = left.ok_or("the server sends more than twice the listed size plus 1 MiB")?;
            partial.file.write_all(octets)?;
        }
        Ok(())
    }

    /// The terminator has arrived, so the message is complete. It gets its name only now, once it is on the
    /// disk.
    fn end(&mut self) -> Result<()> {
        if let Some(mut partial) = self.open.take() {
            partial.file.flush()?;
            partial.file.get_ref().sync_all()?;
            fs::rename(&partial.path, self.path(partial.message))?;
            self.stored.push(partial.message);
        }
        Ok(())
    }

    /// Adds to an error the message in which it occurred.
    fn explain(&self, error: Error) -> Error {
        match &self.open {
            Some(partial) => format!("message {} is not complete: {error}", partial.message).into(),
            None => error,
        }
    }

    /// Returns the messages that are stored safely, names included.
    fn finish(self) -> Result<Vec<MessageNumber>> {
        #[cfg(unix)] // elsewhere a folder cannot be opened as a file
        File::open(self.folder)?.sync_all()?;
        Ok(self.stored)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // a renamed file is not there, which is fine
    }
}
