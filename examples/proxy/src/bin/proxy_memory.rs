//! A client, the proxy and a back end in memory; every line on either side of the proxy is printed.
//!
//! `cargo run -p pop3-proto-proxy --bin proxy_memory`. It fails where an answer is not the one that is due.

use pop3_proto::client::{Deletions, Event};
use pop3_proto::server::ServerConfig;
use pop3_proto::{
    Client, Command, MessageNumber, RecvBuf, ResponseCode, Secret, SendBuf, State, Text, TlsPolicy,
};
use pop3_proto_basics::host::Host;
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_proxy::Result;
use pop3_proto_proxy::proxy::{End, Proxy, Wants};
use pop3_proto_proxy::table::Table;
use std::sync::Arc;
use std::time::Duration;

/// In memory, there is nobody to listen.
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
    assert_eq!(talk.client.state(), State::Transaction);
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
    client: Client,
    proxy: Proxy,
    back_end: Option<BackEnd>,
    to_proxy: SendBuf<Vec<u8>>,
    to_client: RecvBuf<Vec<u8>>,
    now: Duration,
}

struct BackEnd {
    host: Host,
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
}

impl Dialogue {
    fn new() -> Result<Self> {
        let table = Table::parse(&format!("{USER} back-end:110"))?;
        Ok(Dialogue {
            client: Client::new(TlsPolicy::Cleartext, 1),
            proxy: Proxy::new(&CONFIG, Arc::new(table), 1),
            back_end: None,
            to_proxy: SendBuf::new(vec![]),
            to_client: RecvBuf::new(vec![0; 32 * 1024]),
            now: Duration::ZERO,
        })
    }

    /// Sends commands, pipelined where the answers that came allow it, until all are answered; one answer has to be as expected.
    fn say(&mut self, commands: &[Command<'_>], mut expected: impl FnMut(&Event<'_>) -> bool) -> Result<()> {
        let mut commands = commands.iter().peekable();
        let mut agreed = false;
        while !agreed || commands.peek().is_some() || !self.client.is_idle() {
            while let Some(command) = commands.peek() {
                match self.client.send(command, &mut self.to_proxy) {
                    Ok(_) => commands.next(),
                    Err(error) if error.is_retryable() => break,
                    Err(error) => return Err(error.into()),
                };
            }
            if !self.turn()? {
                return Err("this is not the answer that was due".into());
            }
            while let Some(event) = self.to_client.with(|input| self.client.poll(input))? {
                agreed |= expected(&event);
                if let Event::Closed(_) = event {
                    return if agreed { Ok(()) } else { Err("closed".into()) };
                }
            }
        }
        Ok(())
    }

    /// Lets each have a turn; whether anything happened.
    fn turn(&mut self) -> Result<bool> {
        let mut moved = self.client_to_proxy();
        if let Wants::Connection(address) = self.proxy.step() {
            println!("{:>50}", format!("(connects to {address})"));
            let host = Host::new(&CONFIG, &MESSAGES);
            self.back_end =
                Some(BackEnd { host, recv: RecvBuf::new(vec![0; 4096]), send: SendBuf::new(vec![]) });
            self.proxy.connected();
            moved = true;
        }
        if let Some(back_end) = &mut self.back_end {
            moved |= back_end.turn(&mut self.proxy)?;
        }
        self.proxy.step();
        let answers = self.proxy.pending(End::Front);
        let room = self.to_client.spare_mut();
        let count = room.len().min(answers.len());
        print("S", 0, &answers[..count]);
        room[..count].copy_from_slice(&answers[..count]);
        if count > 0 {
            self.to_client.received(count);
        }
        self.proxy.sent(End::Front, count);
        // Nothing moves: what is left to wait for is time, which in memory costs nothing.
        if !moved && count == 0 {
            self.now = match self.proxy.tick(self.now) {
                Some(until) if until > self.now => until,
                _ => return Ok(false),
            };
            self.proxy.tick(self.now);
        }
        Ok(true)
    }

    fn client_to_proxy(&mut self) -> bool {
        let octets = self.to_proxy.pending();
        let room = self.proxy.spare(End::Front);
        let count = room.len().min(octets.len());
        print("C", 0, &octets[..count]);
        room[..count].copy_from_slice(&octets[..count]);
        self.proxy.filled(End::Front, count);
        self.to_proxy.sent(count);
        count > 0
    }
}

impl BackEnd {
    /// Reads what the proxy has for it and answers; whether anything moved.
    fn turn(&mut self, proxy: &mut Proxy) -> Result<bool> {
        proxy.step();
        let commands = proxy.pending(End::Back);
        let room = self.recv.spare_mut();
        let received = room.len().min(commands.len());
        print("C", INDENT, &commands[..received]);
        room[..received].copy_from_slice(&commands[..received]);
        if received > 0 {
            self.recv.received(received);
        }
        proxy.sent(End::Back, received);

        self.recv.with(|input| self.host.run(input, &mut self.send))?;
        let answers = self.send.pending();
        let room = proxy.spare(End::Back);
        let answered = room.len().min(answers.len());
        print("S", INDENT, &answers[..answered]);
        room[..answered].copy_from_slice(&answers[..answered]);
        proxy.filled(End::Back, answered);
        self.send.sent(answered);
        Ok(received > 0 || answered > 0)
    }
}

/// How far to the right the dialogue behind the proxy is printed.
const INDENT: usize = 50;

/// Prints lines; a password is not shown.
fn print(who: &str, indent: usize, octets: &[u8]) {
    for line in String::from_utf8_lossy(octets).lines() {
        let line = if line.starts_with("PASS ") { "PASS ********" } else { line };
        println!("{:indent$}{who}: {line}", "");
    }
}
