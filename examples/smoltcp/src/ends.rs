//! A client and a server on a TCP socket each. Neither ever waits: `turn` does what can be done now, and says whether it did anything.

use crate::Error;
use pop3_proto::client::{self, Event};
use pop3_proto::server::{Ask, Credentials, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{
    Client, Command, Limits, MIN_SEND_BUF, MessageNumber, OctetCount, OwnedUniqueId, RecvBuf, Secret,
    SendBuf, Server, Text, TlsPolicy, UniqueId, Verb,
};
use smoltcp::socket::tcp::{RecvError, Socket, State};
use std::collections::VecDeque;
use std::time::Duration;

const USER: &str = "mrose";
const PASSWORD: &[u8] = b"tanstaaf";

/// The two buffers that a machine needs, as small as they may be.
#[derive(Debug)]
struct Wire {
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
}

impl Wire {
    fn new(most: usize) -> Self {
        Wire { recv: RecvBuf::new(vec![0; most]), send: SendBuf::with_limit(vec![], MIN_SEND_BUF) }
    }

    /// Sends what the socket takes, and says whether that was anything.
    fn send(&mut self, socket: &mut Socket<'_>) -> Result<bool, Error> {
        if !socket.can_send() || self.send.pending().is_empty() {
            return Ok(false);
        }
        let count = socket.send_slice(self.send.pending())?;
        self.send.sent(count);
        Ok(count > 0)
    }

    /// Receives what is there, and says whether that was anything.
    fn receive(&mut self, socket: &mut Socket<'_>) -> Result<bool, Error> {
        // What does not fit in the receive buffer stays in the socket, whose window closes: so the peer is slowed down.
        match socket.recv_slice(self.recv.spare_mut()) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.recv.received(count);
                Ok(true)
            }
            Err(RecvError::Finished) => {
                let news = !self.recv.is_eof();
                self.recv.received_eof();
                Ok(news)
            }
            Err(RecvError::InvalidState) => match socket.state() {
                State::Listen | State::SynSent | State::SynReceived => Ok(false), // not connected yet
                _ if self.recv.is_eof() => Ok(false),
                _ => Err("the connection was reset".into()),
            },
        }
    }
}

/// A client that fetches all messages, as many at once as the machine lets it, and deletes each that is complete.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    wire: Wire,
    /// What is to be sent next.
    plan: VecDeque<Command<'static>>,
    messages: Vec<Vec<u8>>,
    /// The message that is arriving.
    partial: Vec<u8>,
    /// How many were complete.
    complete: usize,
    done: bool,
}

impl Fetcher {
    pub(crate) fn new() -> Self {
        let limits = Limits::DEFAULT.with_sasl_line(512); // no AUTH here: so no line is longer than 512 octets
        let client = Client::new(client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits), 1);
        Fetcher {
            wire: Wire::new(client.min_recv_buf()),
            client,
            plan: VecDeque::new(),
            messages: Vec::new(),
            partial: Vec::new(),
            complete: 0,
            done: false,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn into_messages(self) -> Vec<Vec<u8>> {
        self.messages
    }

    pub(crate) fn tick(&mut self, now: Duration) -> Result<Option<Duration>, Error> {
        Ok(self.client.tick(now)?)
    }

    pub(crate) fn turn(&mut self, socket: &mut Socket<'_>) -> Result<bool, Error> {
        let received = self.wire.receive(socket)?;
        while !self.done {
            let Some(event) = self.wire.recv.with(|input| self.client.poll(input))? else { break };
            match event {
                // What the server can do is asked first, so that it may be sent many commands at once.
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
                Event::Refused(ticket, status) => {
                    return Err(format!("{ticket}: {status}").into());
                }
                Event::Closed(closed) if closed.deletions == client::Deletions::Committed => {
                    self.done = true;
                    socket.close();
                }
                Event::Closed(closed) => return Err(closed.deletions.to_string().into()),
                _ => {}
            }
        }
        // As many as the machine takes: behind some commands nothing may be sent, and 16 are the most in flight.
        while let Some(command) = self.plan.front() {
            match self.client.send(command, &mut self.wire.send) {
                Ok(_) => _ = self.plan.pop_front(),
                Err(error) if error.is_retryable() => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.wire.send(socket)? | received)
    }
}

/// A server over messages in memory, for one session.
#[derive(Debug)]
pub struct Keeper {
    desk: Desk,
    wire: Wire,
    done: bool,
}

/// The machine and what answers it; apart from the buffers, since a question borrows the receive buffer.
#[derive(Debug)]
struct Desk {
    server: Server<Vec<MessageInfo<OwnedUniqueId>>>,
    known: bool,
    messages: Vec<Vec<u8>>,
    /// The message that is being sent, and how many octets of it were taken.
    open: (usize, usize),
}

impl Keeper {
    pub(crate) fn new(config: &'static ServerConfig<'_>, messages: &[Vec<u8>]) -> Self {
        let server = Server::new(config, 1);
        let desk = Desk { server, known: false, messages: messages.to_vec(), open: (0, 0) };
        Keeper { desk, wire: Wire::new(config.min_recv_buf()), done: false }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// How many messages are there now.
    pub(crate) fn left(&self) -> usize {
        self.desk.messages.len()
    }

    pub(crate) fn tick(&mut self, now: Duration) -> Result<Option<Duration>, Error> {
        Ok(self.desk.server.tick(now)?)
    }

    pub(crate) fn turn(&mut self, socket: &mut Socket<'_>) -> Result<bool, Error> {
        let received = self.wire.receive(socket)?;
        while !self.done {
            let (desk, Wire { recv, send }) = (&mut self.desk, &mut self.wire);
            match recv.with(|input| desk.server.poll(input, send))? {
                Step::NeedInput | Step::NeedSpace(_) => break,
                Step::Ask(ask) => desk.answer(ask, send)?,
                Step::NeedBody => {
                    let rest = &desk.messages[desk.open.0][desk.open.1..];
                    if rest.is_empty() {
                        desk.server.finish_body()?;
                        continue;
                    }
                    match desk.server.write_body(rest, send)? {
                        0 => break,
                        count => desk.open.1 += count,
                    }
                }
                Step::Closed(_) if send.pending().is_empty() => {
                    self.done = true;
                    socket.close(); // what the socket holds is sent before
                }
                Step::Closed(_) => break, // the answer to QUIT has to be sent first
                Step::Waiting => return Err("a question was left open".into()),
            }
        }
        Ok(self.wire.send(socket)? | received)
    }
}

impl Desk {
    fn answer(&mut self, ask: Ask<'_>, send: &mut SendBuf<Vec<u8>>) -> Result<(), Error> {
        let server = &mut self.server;
        match ask {
            Ask::Greet(greet) => server.greet(greet, Text::from_static("ready"), send)?,
            Ask::User(user, name) => {
                self.known = name.as_bytes() == USER.as_bytes();
                server.accept_name(user)?;
            }
            Ask::Login(login, Credentials::Password(password))
                if self.known && password.expose() == PASSWORD =>
            {
                let slot = |(number, message): (usize, &Vec<u8>)| {
                    let id = format!("message-{number}");
                    Ok(MessageInfo::new(OctetCount::of(message), UniqueId::new(id.as_bytes())?.into()))
                };
                let slots = self.messages.iter().enumerate().map(slot).collect::<Result<_, Error>>()?;
                server.accept(login, slots)?;
            }
            Ask::Login(login, _) => server.refuse(login, Refusal::Credentials)?,
            Ask::Fetch(fetch) => {
                self.open = (fetch.message().index(), 0);
                server.send_body(fetch)?;
            }
            Ask::Commit(commit) => {
                let mut slots = server.maildrop().into_iter().flatten();
                self.messages.retain(|_| slots.next().is_some_and(|slot| !slot.is_marked()));
                server.removed(commit)?;
            }
            _ => return Err("a question that nobody expects".into()),
        }
        Ok(())
    }
}
