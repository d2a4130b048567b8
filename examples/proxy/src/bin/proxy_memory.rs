//! Runs a client, the proxy and a back end in memory, and prints every line on either side of the proxy.
//!
//! `cargo run -p pop3-proto-proxy --bin proxy_memory`. It fails if a response is not the expected one.

use pop3_proto::client::{Deletions, Event};
use pop3_proto::server::ServerConfig;
use pop3_proto::{
    ClientConnection, Command, MessageNumber, RecvBuf, ResponseCode, Secret, SendBuf, ServerConnection,
    State, Text, TlsPolicy,
};
use pop3_proto_basics::host::{Host, Maildrop};
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_proxy::Result;
use pop3_proto_proxy::proxy::{End, Proxy, Wants};
use pop3_proto_proxy::table::Table;
use std::sync::Arc;
use std::time::Duration;

/// In memory, nobody else can listen.
static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

fn main() -> Result<()> {
    let mut talk = Dialogue::new()?;
    let number = MessageNumber::FIRST;

    talk.say(&[], |event| matches!(event, Event::Greeting(_)))?;
    talk.say(&[Command::Capa], |event| matches!(event, Event::End(..)))?;
    let wrong = |event: &Event<'_>| matches!(event, Event::Refused(_, status) if status.code() == Some(ResponseCode::Auth));
    talk.say(&[Command::User(Text::from_static(USER)), Command::Pass(Secret::new(b"guess")?)], wrong)?;
    let login = [Command::User(Text::from_static(USER)), Command::Pass(Secret::new(PASSWORD.as_bytes())?)];
    talk.say(&login, |event| matches!(event, Event::Ok(..)))?;
    assert_eq!(talk.client.client().state(), State::Transaction);
    assert!(talk.proxy.is_relaying());

    let commands = [Command::Stat, Command::Retr(number), Command::Dele(number), Command::Quit];
    talk.say(
        &commands,
        |event| matches!(event, Event::Closed(closed) if closed.deletions == Deletions::Committed),
    )?;
    let back_end = talk.back_end.ok_or("there was no back end")?;
    assert_eq!(back_end.host.messages(), &MESSAGES[1..], "what the client deleted, the back end removed");
    Ok(())
}

struct Dialogue {
    client: ClientConnection<Vec<u8>>,
    proxy: Proxy,
    back_end: Option<BackEnd>,
    now: Duration,
}

struct BackEnd {
    host: Host,
    pop3: ServerConnection<Maildrop, Vec<u8>>,
}

impl Dialogue {
    fn new() -> Result<Self> {
        let table = Table::parse(&format!("{USER} back-end:110"))?;
        Ok(Dialogue {
            client: ClientConnection::new(TlsPolicy::Cleartext, 1),
            proxy: Proxy::new(&CONFIG, Arc::new(table), 1),
            back_end: None,
            now: Duration::ZERO,
        })
    }

    /// Sends commands, pipelined if the server allows it, until all have their responses. `expected` must accept one of the events.
    fn say(&mut self, commands: &[Command<'_>], mut expected: impl FnMut(&Event<'_>) -> bool) -> Result<()> {
        let mut commands = commands.iter().peekable();
        let mut agreed = false;
        while !agreed || commands.peek().is_some() || !self.client.client().is_idle() {
            while let Some(command) = commands.peek() {
                match self.client.sender().send(**command) {
                    Ok(_) => commands.next(),
                    Err(error) if error.is_retryable() => break,
                    Err(error) => return Err(error.into()),
                };
            }
            if !self.turn()? {
                return Err("the response is not the expected one".into());
            }
            while let Some((event, _)) = self.client.poll()? {
                agreed |= expected(&event);
                if let Event::Closed(_) = event {
                    return if agreed { Ok(()) } else { Err("closed".into()) };
                }
            }
        }
        Ok(())
    }

    /// Gives each part a turn. Returns whether anything happened.
    fn turn(&mut self) -> Result<bool> {
        let mut moved = to_proxy("C", 0, self.client.send_buf(), &mut self.proxy, End::Front);
        if let Wants::Connection(address) = self.proxy.step() {
            println!("{:>50}", format!("(connects to {address})"));
            self.back_end =
                Some(BackEnd { host: Host::new(&MESSAGES), pop3: ServerConnection::new(&CONFIG, 1) });
            self.proxy.connected();
            moved = true;
        }
        if let Some(back_end) = &mut self.back_end {
            moved |= back_end.turn(&mut self.proxy)?;
        }
        moved |= from_proxy("S", 0, &mut self.proxy, End::Front, self.client.recv_buf());
        // If no bytes move, only time can change that, and in memory it costs nothing.
        if !moved {
            self.now = match self.proxy.tick(self.now) {
                Some(until) if until > self.now => until,
                _ => return Ok(false),
            };
            self.proxy.tick(self.now);
        }
        Ok(true)
    }
}

impl BackEnd {
    /// Reads the commands of the proxy and answers them. Returns whether any bytes moved.
    fn turn(&mut self, proxy: &mut Proxy) -> Result<bool> {
        let received = from_proxy("C", INDENT, proxy, End::Back, self.pop3.recv_buf());
        self.host.serve(&mut self.pop3)?;
        Ok(to_proxy("S", INDENT, self.pop3.send_buf(), proxy, End::Back) | received)
    }
}

/// Moves bytes to the proxy as far as it has room, and prints them.
fn to_proxy(who: &str, indent: usize, from: &mut SendBuf<Vec<u8>>, proxy: &mut Proxy, end: End) -> bool {
    let room = proxy.spare_mut(end);
    let count = room.len().min(from.pending().len());
    let bytes = &from.pending()[..count];
    print(who, indent, bytes);
    room[..count].copy_from_slice(bytes);
    proxy.received(end, count);
    from.sent(count);
    count > 0
}

/// Moves the bytes that the proxy sends there out of it, and prints them.
fn from_proxy(who: &str, indent: usize, proxy: &mut Proxy, end: End, to: &mut RecvBuf<Vec<u8>>) -> bool {
    proxy.step();
    let bytes = proxy.pending(end);
    let count = bytes.len();
    print(who, indent, bytes);
    to.append(bytes);
    proxy.sent(end, count);
    count > 0
}

/// The indent of the dialogue behind the proxy.
const INDENT: usize = 50;

/// Prints lines without passwords.
fn print(who: &str, indent: usize, octets: &[u8]) {
    for line in String::from_utf8_lossy(octets).lines() {
        let line = if line.starts_with("PASS ") { "PASS ********" } else { line };
        println!("{:indent$}{who}: {line}", "");
    }
}
