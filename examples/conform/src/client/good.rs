//! The good client of the proof: a driver of the crate's client, in this process. Every scenario must be green with it.

use super::Ended;
use super::run::Job;
use super::serve::Trusts;
use crate::engine::Transport;
use crate::lab::world::{PASSWORD, USER};
use pop3_proto::client::{ClientConfig, Deletions, Event, SaslStep, SendError, StartTls};
use pop3_proto::{ClientConnection, Command, Mechanism, MessageNumber, Secret, Text, TlsPolicy, Verb, sasl};
use std::collections::BTreeSet;

/// It gives up, whatever the reason.
struct GiveUp;

type Done<T> = Result<T, GiveUp>;

/// Fetches everything.
#[must_use]
pub fn run(job: &Job) -> Ended {
    let policy = if job.tls { TlsPolicy::Required } else { TlsPolicy::Cleartext };
    let mut good = Good {
        job,
        wire: Some(job.connect(Trusts::Host)),
        pop3: ClientConnection::new(ClientConfig::new(policy), 1),
        open: None,
        rows: BTreeSet::new(),
        odd: false,
        stored: Vec::new(),
    };
    let done = good.session();
    if let Some(mut wire) = good.wire.take() {
        wire.finish();
    }
    Ended::Code(i32::from(done.is_err() || good.odd))
}

struct Good<'j> {
    job: &'j Job,
    wire: Option<Box<dyn Transport>>,
    pop3: ClientConnection<Vec<u8>>,
    /// The message that is arriving.
    open: Option<Vec<u8>>,
    rows: BTreeSet<MessageNumber>,
    /// Something was refused or malformed, and it went on.
    odd: bool,
    stored: Vec<MessageNumber>,
}

/// What an event comes to.
enum Said {
    /// A response is complete: whether it was `+OK`.
    Complete(bool),
    Challenge(SaslStep),
    StartTls(StartTls),
    /// Nothing to decide.
    More,
}

impl Good<'_> {
    fn session(&mut self) -> Done<()> {
        let Said::Complete(true) = self.event()? else { return Err(GiveUp) };
        let _ = self.run_one(Command::Capa)?;
        if self.job.tls {
            self.start_tls()?;
        }
        self.log_in()?;
        let _ = self.run_one(Command::Stat)?;
        if !self.run_one(Command::List(None))? {
            return Err(GiveUp);
        }
        let _ = self.run_one(Command::Uidl(None))?;
        let messages: Vec<MessageNumber> = self.rows.iter().copied().collect();
        self.run_all(Command::Retr, &messages)?;
        if self.job.deletes {
            let stored = std::mem::take(&mut self.stored);
            self.run_all(Command::Dele, &stored)?;
        }
        let quit = self.run_one(Command::Quit)?;
        let gone = matches!(self.pop3.client().deletions(), Deletions::NoneAsked | Deletions::Committed);
        if quit && gone { Ok(()) } else { Err(GiveUp) }
    }

    fn start_tls(&mut self) -> Done<()> {
        self.pop3.sender().send(Command::Stls).map_err(|_| GiveUp)?;
        loop {
            match self.event()? {
                Said::StartTls(start) => {
                    let wire = self.wire.take().ok_or(GiveUp)?;
                    self.wire = Some(wire.start_tls().map_err(|_| GiveUp)?);
                    self.pop3.tls_started(start).map_err(|_| GiveUp)?;
                    return self.run_one(Command::Capa).map(drop);
                }
                Said::More => {}
                _ => return Err(GiveUp),
            }
        }
    }

    fn log_in(&mut self) -> Done<()> {
        let user = Text::try_from(USER).map_err(|_| GiveUp)?;
        let password = Secret::try_from(PASSWORD).map_err(|_| GiveUp)?;
        let plain = self.pop3.client().capabilities().has_mechanism(Mechanism::PLAIN);
        let ok = if plain {
            let auth = Command::Auth { mechanism: Mechanism::PLAIN, initial: None };
            self.pop3.sender().send(auth).map_err(|_| GiveUp)?;
            let Said::Challenge(step) = self.until_decided()? else { return Err(GiveUp) };
            let message = sasl::plain(Text::EMPTY, user, password).map_err(|_| GiveUp)?;
            self.pop3.sender().respond_message(step, &message).map_err(|_| GiveUp)?;
            matches!(self.until_decided()?, Said::Complete(true))
        } else {
            self.run_one(Command::User(user))? && self.run_one(Command::Pass(password))?
        };
        if ok { Ok(()) } else { Err(GiveUp) }
    }

    fn until_decided(&mut self) -> Done<Said> {
        loop {
            match self.event()? {
                Said::More => {}
                said => return Ok(said),
            }
        }
    }

    fn run_one(&mut self, command: Command<'_>) -> Done<bool> {
        self.pop3.sender().send(command).map_err(|_| GiveUp)?;
        match self.until_decided()? {
            Said::Complete(ok) => Ok(ok),
            _ => Err(GiveUp),
        }
    }

    /// Sends one command for each message, as many at once as the server allows.
    fn run_all(
        &mut self,
        command: fn(MessageNumber) -> Command<'static>,
        messages: &[MessageNumber],
    ) -> Done<()> {
        let mut left = messages.iter().peekable();
        loop {
            while let Some(message) = left.peek() {
                match self.pop3.sender().send(command(**message)) {
                    Ok(_) => left.next(),
                    Err(SendError::QueueFull | SendError::NotPipelined) => break,
                    Err(_) => return Err(GiveUp),
                };
            }
            if self.pop3.client().is_idle() {
                return Ok(());
            }
            if let Said::Complete(false) = self.event()? {
                self.odd = true;
            }
        }
    }

    /// Waits for the next event, and keeps what it holds.
    fn event(&mut self) -> Done<Said> {
        while !self.pop3.is_ready() && !self.pop3.is_closed() {
            self.turn()?;
        }
        let Good { pop3, job, open, rows, odd, stored, .. } = self;
        let Ok(Some((event, mut sender))) = pop3.poll() else { return Err(GiveUp) };
        Ok(match event {
            Event::Greeting(_) | Event::Ok(..) | Event::DropListing(..) => Said::Complete(true),
            Event::NoService(_) | Event::Farewell(_) => Said::Complete(false),
            Event::Refused(..) => Said::Complete(false),
            Event::Closed(closed) => Said::Complete(closed.deletions != Deletions::Unknown),
            Event::Begin(ticket, _) if ticket.verb == Verb::Retr => {
                *open = Some(Vec::new());
                Said::More
            }
            Event::Body(_, bytes) => {
                open.iter_mut().for_each(|text| text.extend_from_slice(bytes));
                Said::More
            }
            Event::End(ticket, _) => {
                if let (Some(text), Some(message)) = (open.take(), ticket.message) {
                    job.shelf.store(&message.to_string(), &text);
                    stored.push(message);
                }
                Said::Complete(true)
            }
            Event::ScanListing(_, row) => {
                rows.insert(row.message);
                Said::More
            }
            Event::Malformed(ticket, _) => {
                *odd |= ticket.verb == Verb::List;
                if ticket.verb == Verb::Stat { Said::Complete(true) } else { Said::More }
            }
            Event::Challenge(step, _) => Said::Challenge(step),
            Event::MalformedChallenge(step, _) => {
                sender.cancel(step).map_err(|_| GiveUp)?;
                Said::More
            }
            Event::AuthAccepted(done, _) => {
                sender.verified(done).map_err(|_| GiveUp)?;
                Said::Complete(true)
            }
            Event::StartTls(start) => Said::StartTls(start),
            _ => Said::More,
        })
    }

    fn turn(&mut self) -> Done<()> {
        let wire = self.wire.as_mut().ok_or(GiveUp)?;
        let pending = self.pop3.send_buf().pending();
        if !pending.is_empty() {
            wire.send(pending).map_err(|_| GiveUp)?;
            let count = pending.len();
            self.pop3.send_buf().sent(count);
            return Ok(());
        }
        let mut chunk = Vec::new();
        // A server that is silent: it gives up.
        match wire.receive(&mut chunk).map_err(|_| GiveUp)? {
            0 => self.pop3.recv_buf().received_eof(),
            _ => self.pop3.recv_buf().append(&chunk),
        }
        Ok(())
    }
}
