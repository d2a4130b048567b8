//! A client and a server, each on a TCP socket. Neither ever waits: `turn` does everything that is possible now, and returns whether it
//! did anything.

use crate::Error;
use pop3_proto::client::{self, ClientConfig, Deletions};
use pop3_proto::server::{self, Credentials, MessageInfo, Responder, ServerConfig};
use pop3_proto::{
    ClientConnection, Command, Limits, MessageNumber, OctetCount, OwnedUniqueId, RecvBuf, Secret, SendBuf,
    ServerConnection, Text, TlsPolicy, UniqueId, Verb,
};
use smoltcp::socket::tcp::{RecvError, Socket, State};
use std::collections::VecDeque;
use std::time::Duration;

const USER: &str = "mrose";
const PASSWORD: &[u8] = b"tanstaaf";

/// The buffers of a connection do not grow.
type Buffer = Box<[u8]>;

fn buffer(length: usize) -> Buffer {
    vec![0; length].into()
}

/// Sends the bytes that the socket accepts. Returns whether it accepted any.
fn send(buf: &mut SendBuf<Buffer>, socket: &mut Socket<'_>) -> Result<bool, Error> {
    if !socket.can_send() || buf.pending().is_empty() {
        return Ok(false);
    }
    let count = socket.send_slice(buf.pending())?;
    buf.sent(count);
    Ok(count > 0)
}

/// Receives the bytes for which there is room. Returns whether there were any, or the stream has ended.
///
/// The remaining bytes stay in the socket, whose window closes, so the peer has to wait.
fn receive(buf: &mut RecvBuf<Buffer>, socket: &mut Socket<'_>) -> Result<bool, Error> {
    match socket.recv_slice(buf.spare_mut()) {
        Ok(0) => Ok(false), // nothing for now: the end of the stream is a separate error
        Ok(count) => {
            buf.received(count);
            Ok(true)
        }
        Err(RecvError::Finished) => {
            let is_new = !buf.is_eof();
            buf.received_eof();
            Ok(is_new)
        }
        Err(RecvError::InvalidState) => match socket.state() {
            State::Listen | State::SynSent | State::SynReceived => Ok(false), // not connected yet
            _ if buf.is_eof() => Ok(false),
            _ => Err("the connection was reset".into()),
        },
    }
}

/// No AUTH here, so no line is longer than 512 bytes.
const CLIENT: ClientConfig =
    ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(512));

/// A client that fetches all messages, as many at once as the connection allows, and deletes each complete message.
#[derive(Debug)]
pub struct Fetcher {
    pop3: ClientConnection<Buffer>,
    /// The commands to send next.
    plan: VecDeque<Command<'static>>,
    messages: Vec<Vec<u8>>,
    /// The message that is arriving.
    partial: Vec<u8>,
    /// How many messages are complete.
    complete: usize,
}

impl Fetcher {
    pub(crate) fn new() -> Result<Self, Error> {
        let (recv, send) = (buffer(CLIENT.min_recv_buf()), buffer(CLIENT.min_send_buf()));
        Ok(Fetcher {
            pop3: ClientConnection::with_buffers(CLIENT, 1, recv, send)?,
            plan: VecDeque::new(),
            messages: Vec::new(),
            partial: Vec::new(),
            complete: 0,
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.pop3.is_closed()
    }

    pub(crate) fn into_messages(self) -> Vec<Vec<u8>> {
        self.messages
    }

    pub(crate) fn tick(&mut self, now: Duration) -> Result<Option<Duration>, Error> {
        Ok(self.pop3.tick(now)?)
    }

    pub(crate) fn turn(&mut self, socket: &mut Socket<'_>) -> Result<bool, Error> {
        let received = receive(self.pop3.recv_buf(), socket)?;
        self.handle_events()?;
        self.send_commands()?;
        if self.is_done() {
            socket.close();
        }
        Ok(send(self.pop3.send_buf(), socket)? | received)
    }

    fn handle_events(&mut self) -> Result<(), Error> {
        use client::Event;
        while let Some((event, _)) = self.pop3.poll()? {
            match event {
                // CAPA is first, because the server may allow many commands at once.
                Event::Greeting(_) => {
                    self.plan.extend([
                        Command::Capa,
                        Command::User(Text::from_static(USER)),
                        Command::Pass(Secret::new(PASSWORD)?),
                        Command::Stat,
                    ]);
                }
                Event::DropListing(_, listing) => {
                    self.messages.resize(usize::try_from(listing.count)?, Vec::new());
                    self.plan.extend(MessageNumber::up_to(listing.count).map(Command::Retr));
                }
                Event::Body(_, octets) => self.partial.extend_from_slice(octets),
                Event::End(ticket, _) if ticket.verb == Verb::Retr => {
                    let message = ticket.message.ok_or("RETR names a message")?;
                    self.messages[message.index()] = std::mem::take(&mut self.partial);
                    self.complete += 1;
                    self.plan.push_back(Command::Dele(message));
                    if self.complete == self.messages.len() {
                        self.plan.push_back(Command::Quit);
                    }
                }
                Event::Refused(ticket, status) => return Err(format!("{ticket}: {status}").into()),
                Event::Closed(closed) if closed.deletions != Deletions::Committed => {
                    return Err(closed.deletions.to_string().into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends as many commands as the connection accepts. Some commands must be answered first, and at most 16 are
    /// in flight.
    fn send_commands(&mut self) -> Result<(), Error> {
        while let Some(command) = self.plan.front() {
            match self.pop3.sender().send(*command) {
                Ok(_) => _ = self.plan.pop_front(),
                Err(error) if error.is_retryable() => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

type Slots = Vec<MessageInfo<OwnedUniqueId>>;

/// A server over messages in memory, for one session.
#[derive(Debug)]
pub struct Keeper {
    pop3: ServerConnection<Slots, Buffer>,
    desk: Desk,
}

/// The application. It is separate from the connection, because an event borrows the connection.
#[derive(Debug)]
struct Desk {
    is_known: bool,
    messages: Vec<Vec<u8>>,
    /// The message that is being sent, and how many of its bytes were accepted.
    open: (usize, usize),
}

impl Keeper {
    pub(crate) fn new(config: &'static ServerConfig<'_>, messages: &[Vec<u8>]) -> Result<Self, Error> {
        let (recv, send) = (buffer(config.min_recv_buf()), buffer(config.min_send_buf()));
        let pop3 = ServerConnection::with_buffers(config, 1, recv, send)?;
        Ok(Keeper { pop3, desk: Desk { is_known: false, messages: messages.to_vec(), open: (0, 0) } })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.pop3.is_closed() && !self.pop3.wants_write()
    }

    /// Returns how many messages there are now.
    pub(crate) fn left(&self) -> usize {
        self.desk.messages.len()
    }

    pub(crate) fn tick(&mut self, now: Duration) -> Result<Option<Duration>, Error> {
        Ok(self.pop3.tick(now)?)
    }

    pub(crate) fn turn(&mut self, socket: &mut Socket<'_>) -> Result<bool, Error> {
        let received = receive(self.pop3.recv_buf(), socket)?;
        while let Some((event, responder)) = self.pop3.poll()? {
            self.desk.answer(event, responder)?;
        }
        let sent = send(self.pop3.send_buf(), socket)?;
        if self.is_done() {
            socket.close(); // the socket first sends the bytes that it holds
        }
        Ok(sent | received)
    }
}

impl Desk {
    fn answer(&mut self, event: server::Event<'_>, mut responder: Responder<'_, Slots>) -> Result<(), Error> {
        use server::Event;
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
            Event::User(user, name) => {
                self.is_known = name.as_bytes() == USER.as_bytes();
                responder.accept_name(user)?;
            }
            Event::Login(login, Credentials::Password(password))
                if self.is_known && password.expose() == PASSWORD =>
            {
                let slot = |(number, message): (usize, &Vec<u8>)| {
                    let id = format!("message-{number}");
                    Ok(MessageInfo::new(OctetCount::of(message), UniqueId::new(id.as_bytes())?.into()))
                };
                let slots = self.messages.iter().enumerate().map(slot).collect::<Result<_, Error>>()?;
                responder.accept(login, slots)?;
            }
            Event::Fetch(fetch) => {
                self.open = (fetch.message().index(), 0);
                responder.send_body(fetch)?;
            }
            Event::Body => match &self.messages[self.open.0][self.open.1..] {
                [] => _ = responder.finish_body()?,
                rest => self.open.1 += responder.write_body(rest)?,
            },
            Event::Commit(commit) => {
                let mut slots = responder.maildrop().into_iter().flatten();
                self.messages.retain(|_| slots.next().is_some_and(|slot| !slot.is_marked()));
                responder.removed(commit)?;
            }
            other => responder.decline(other)?, // a wrong password; the configuration offers nothing else
        }
        Ok(())
    }
}
