//! Both ends of one connection, driven by hand, and the parts that all connections share.

use crate::mail::{self, Marks};
use crate::{Error, Result};
use pop3_proto::client::{Deletions, Event};
use pop3_proto::server::{Ask, Credentials, Refusal, ServerConfig, Step};
use pop3_proto::{Client, Command, Input, MessageNumber, Secret, SendBuf, Server, Text, TlsPolicy};
use std::io::Write;
use std::time::Duration;

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// How long a client is silent before it sends NOOP. The server waits for ten minutes.
pub const KEEP_ALIVE: Duration = Duration::from_secs(9 * 60);

/// A client and a server, without a buffer: a waiting session has no bytes on their way.
#[derive(Debug)]
pub struct Session {
    client: Client,
    server: Server<Marks>,
    /// The time at which to run its timers or to send NOOP, whichever is first.
    due: Duration,
    /// The messages that the client marked for deletion, one bit each.
    deleted: u32,
}

/// The data that a session needs during its turn, and that all sessions share: the bytes on their way, the clock,
/// and the removed messages of each user.
#[derive(Debug)]
pub struct Shared<'b> {
    to_server: SendBuf<&'b mut [u8]>,
    to_client: SendBuf<&'b mut [u8]>,
    pub now: Duration,
    pub removed: Vec<u32>,
}

impl<'b> Shared<'b> {
    /// Returns buffers with room for a command, and for part of a response.
    pub fn new(to_server: &'b mut [u8], to_client: &'b mut [u8], users: u32) -> Self {
        mail::prepare();
        Shared {
            to_server: SendBuf::new(to_server),
            to_client: SendBuf::new(to_client),
            now: Duration::ZERO,
            removed: vec![0; users as usize],
        }
    }

    fn is_quiet(&self) -> bool {
        self.to_server.pending().is_empty() && self.to_client.pending().is_empty()
    }
}

impl Session {
    /// Connects and logs in.
    pub fn open(user: u32, shared: &mut Shared<'_>) -> Result<Self> {
        let mut session = Session {
            client: Client::new(TlsPolicy::Cleartext, 1),
            server: Server::new(&CONFIG, user.into()),
            due: Duration::ZERO,
            deleted: 0,
        };
        let mut buffer = [0; LOGIN];
        let login = login(user, &mut buffer);
        session.listen(shared, |event| is(matches!(event, Event::Greeting(_))))?;
        session.say(&Command::User(Text::new(login)?), shared, done)?;
        session.say(&Command::Pass(Secret::new(login)?), shared, done)?;
        Ok(session)
    }

    /// Returns whether it needs a turn.
    pub fn is_due(&self, now: Duration) -> bool {
        self.due <= now
    }

    /// Sends NOOP, to show that the client is still there.
    pub fn keep_alive(&mut self, shared: &mut Shared<'_>) -> Result<()> {
        self.say(&Command::Noop, shared, done)
    }

    /// Fetches a message, compares it with the stored one, and asks to delete it.
    pub fn fetch(&mut self, user: u32, number: MessageNumber, shared: &mut Shared<'_>) -> Result<()> {
        let stored = mail::message(user, number).ok_or("no such message")?;
        let mut left = stored.received.as_bytes();
        let mut complete = false;
        self.say(&Command::Retr(number), shared, |event| match event {
            Event::Begin(..) => Ok(()),
            Event::Body(_, octets) => {
                left = left.strip_prefix(octets).ok_or("the received bytes differ from the stored ones")?;
                Ok(())
            }
            Event::End(_, octets) => {
                complete = left.is_empty() && octets == stored.octets();
                Ok(())
            }
            _ => is(false),
        })?;
        is(complete)?;
        self.deleted |= mail::bit(number);
        self.say(&Command::Dele(number), shared, done)
    }

    /// Ends the session, which removes exactly the marked messages.
    pub fn quit(&mut self, user: u32, shared: &mut Shared<'_>) -> Result<()> {
        let known = if self.deleted == 0 { Deletions::NoneAsked } else { Deletions::Committed };
        self.say(&Command::Quit, shared, |event| {
            is(matches!(event, Event::Closed(closed) if closed.deletions == known))
        })?;
        is(shared.removed.get(user as usize) == Some(&self.deleted))
    }

    fn say(
        &mut self,
        command: &Command<'_>,
        shared: &mut Shared<'_>,
        hear: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        self.tick(shared.now)?;
        self.client.send(command, &mut shared.to_server)?;
        self.listen(shared, hear)
    }

    /// Lets both ends send until no bytes are on their way. `hear` accepts the client's events.
    fn listen(
        &mut self,
        shared: &mut Shared<'_>,
        mut hear: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut sending: &[u8] = &[];
        loop {
            self.serve(shared, &mut sending)?;
            let mut input = Input::more(shared.to_client.pending());
            let heard = input.remaining();
            while input.remaining() > 0 {
                match self.client.poll(&mut input)? {
                    Some(event) => hear(event)?,
                    None => break,
                }
            }
            let heard = heard - input.remaining();
            shared.to_client.sent(heard);
            if heard == 0 {
                break;
            }
        }
        is(shared.is_quiet())?;
        self.tick(shared.now)
    }

    /// Lets the server read, and write as far as there is room.
    fn serve(&mut self, shared: &mut Shared<'_>, sending: &mut &[u8]) -> Result<()> {
        let mut input = Input::more(shared.to_server.pending());
        let sent = input.remaining();
        loop {
            match self.server.poll(&mut input, &mut shared.to_client)? {
                Step::NeedInput | Step::NeedSpace(_) | Step::Closed(_) => break,
                Step::NeedBody if sending.is_empty() => _ = self.server.finish_body()?,
                Step::NeedBody => match self.server.write_body(sending, &mut shared.to_client)? {
                    0 => break,
                    taken => *sending = &sending[taken..],
                },
                Step::Ask(ask) => {
                    answer(&mut self.server, ask, sending, &mut shared.to_client, &mut shared.removed)?;
                }
                Step::Waiting => return Err("a question was not answered".into()),
            }
        }
        let sent = sent - input.remaining();
        shared.to_server.sent(sent);
        Ok(())
    }

    /// Runs both ends' timers and stores the time of the next run, as a driver does before each wait.
    fn tick(&mut self, now: Duration) -> Result<()> {
        let timers = [self.client.tick(now)?, self.server.tick(now)?];
        let keep_alive = now + KEEP_ALIVE;
        self.due = timers.into_iter().flatten().fold(keep_alive, Ord::min);
        Ok(())
    }
}

/// Answers for the server. The application stores nothing about a session, because the token identifies the
/// question.
fn answer(
    server: &mut Server<Marks>,
    ask: Ask<'_>,
    sending: &mut &[u8],
    to_client: &mut SendBuf<&mut [u8]>,
    removed: &mut [u32],
) -> Result<()> {
    let mut buffer = [0; LOGIN];
    match ask {
        Ask::Greet(greet) => server.greet(greet, Text::from_static("ready"), to_client)?,
        Ask::User(token, name) => match name.as_bytes() == login(user(token.connection())?, &mut buffer) {
            true => server.accept_name(token)?,
            false => server.refuse(token, Refusal::Credentials)?,
        },
        Ask::Login(token, Credentials::Password(password)) => {
            let user = user(token.connection())?;
            match password.expose() == login(user, &mut buffer) {
                true => server
                    .accept(token, Marks::new(user))
                    .map_err(|_| "the server did not accept the maildrop")?,
                false => server.refuse(token, Refusal::Credentials)?,
            }
        }
        Ask::Fetch(fetch) => {
            let message = mail::message(user(fetch.connection())?, fetch.message()).ok_or("no message")?;
            *sending = message.text.as_bytes();
            server.send_body(fetch)?;
        }
        // This is the only place that removes messages.
        Ask::Commit(commit) => {
            let marked = server.maildrop().map(Marks::marked).unwrap_or_default();
            *removed.get_mut(user(commit.connection())? as usize).ok_or("no such user")? |= marked;
            server.removed(commit)?;
        }
        _ => return Err("unexpected question".into()),
    }
    Ok(())
}

/// Returns the user of a connection, which has the same number.
fn user(connection: u64) -> Result<u32> {
    Ok(u32::try_from(connection)?)
}

/// The longest text that [`login`] writes.
const LOGIN: usize = "user4294967295".len();

/// Returns a user's name and password.
fn login(user: u32, buffer: &mut [u8; LOGIN]) -> &[u8] {
    let mut left = &mut buffer[..];
    let length = match write!(left, "user{user}") {
        Ok(()) => LOGIN - left.len(),
        Err(_) => 0, // it always fits
    };
    &buffer[..length]
}

fn done(event: Event<'_>) -> Result<()> {
    is(matches!(event, Event::Ok(..)))
}

fn is(right: bool) -> Result<()> {
    if right { Ok(()) } else { Err(Error::from("the response is not the expected one")) }
}
