//! The proxy with its own back end and clients, all on loopback.

use crate::CONFIG;
use pop3_proto::client::{Deletions, Event, SendError};
use pop3_proto::server::ServerConfig;
use pop3_proto::{
    ClientConnection, Command, MessageNumber, ResponseCode, Secret, ServerConnection, Text, TlsPolicy,
};
use pop3_proto_basics::guests::Guests;
use pop3_proto_basics::host::Host;
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_proxy::listen::{self, Door};
use pop3_proto_proxy::table::Table;
use pop3_proto_proxy::{Result, tls};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The name in the certificate.
const NAME: &str = "localhost";
/// A user whose back end is down.
const UNLUCKY: &str = "unlucky";

pub(crate) async fn run() -> Result<()> {
    let back_end = TcpListener::bind("127.0.0.1:0").await?;
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?; // dropped at once
    let table = format!("{USER} {}\n{UNLUCKY} {closed}\n", back_end.local_addr()?);
    tokio::spawn(serve_back_end(back_end));

    let (acceptor, connector) = tls::self_signed(NAME)?;
    let front = TcpListener::bind("127.0.0.1:0").await?;
    let address = front.local_addr()?;
    let table = Arc::new(Table::parse(&table)?);
    let door = Door { config: &CONFIG, tls: acceptor, table, guests: Guests::new(10, 10) };
    tokio::spawn(listen::serve(front, door.into()));

    refused(&connector, address).await?;
    println!(
        "ok: wrong passwords and unknown users look the same, and an unreachable back end is reported as temporary"
    );
    session(&connector, address).await?;
    println!("ok: a session through the proxy, inside TLS: login, RETR, DELE, QUIT");
    pipelined(&connector, address).await?;
    println!("ok: commands pipelined after PASS reached the back end");
    Ok(())
}

async fn refused(connector: &TlsConnector, address: SocketAddr) -> Result<()> {
    let mut mail = Connection::open(connector, address).await?;
    mail.expect(|event| matches!(event, Event::Greeting(_))).await?;
    for (name, code) in
        [(USER, ResponseCode::Auth), ("nobody", ResponseCode::Auth), (UNLUCKY, ResponseCode::SysTemp)]
    {
        mail.send(Command::User(Text::new(name.as_bytes())?))?;
        mail.expect(|event| matches!(event, Event::Ok(..))).await?;
        mail.send(Command::Pass(Secret::new(b"guess")?))?;
        mail.expect(|event| matches!(event, Event::Refused(_, status) if status.code() == Some(code)))
            .await?;
    }
    mail.send(Command::Quit)?;
    mail.expect(|event| matches!(event, Event::Closed(closed) if closed.deletions == Deletions::NoneAsked))
        .await
}

async fn session(connector: &TlsConnector, address: SocketAddr) -> Result<()> {
    let mut mail = Connection::open(connector, address).await?;
    mail.expect(|event| matches!(event, Event::Greeting(_))).await?;
    mail.send(Command::User(Text::from_static(USER)))?;
    mail.expect(|event| matches!(event, Event::Ok(..))).await?;
    mail.send(Command::Pass(Secret::new(PASSWORD.as_bytes())?))?;
    mail.expect(|event| matches!(event, Event::Ok(..))).await?;

    for (message, number) in MESSAGES.iter().zip(1..) {
        mail.send(Command::Retr(MessageNumber::new(number)?))?;
        let mut text = Vec::new();
        mail.expect(|event| match event {
            Event::Body(_, octets) => {
                text.extend_from_slice(octets);
                false
            }
            event => matches!(event, Event::End(..)),
        })
        .await?;
        assert_eq!(String::from_utf8(text)?, message.text.replace('\n', "\r\n"));
    }
    mail.send(Command::Dele(MessageNumber::FIRST))?;
    mail.expect(|event| matches!(event, Event::Ok(..))).await?;
    mail.send(Command::Quit)?;
    mail.expect(|event| matches!(event, Event::Closed(closed) if closed.deletions == Deletions::Committed))
        .await
}

/// Runs a whole session in one piece. No client would send that, but the proxy must not lose or double a byte
/// of it.
async fn pipelined(connector: &TlsConnector, address: SocketAddr) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    let mut stream = connector.connect(ServerName::try_from(NAME)?, stream).await?;
    let commands = format!("USER {USER}\r\nPASS {PASSWORD}\r\nSTAT\r\nDELE 3\r\nNOOP\r\nQUIT\r\n");
    stream.write_all(commands.as_bytes()).await?; // it is not repeated if this fails
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await?;
    let octets: u64 =
        MESSAGES.iter().map(|message| pop3_proto::OctetCount::of(message.text.as_bytes())).sum();
    let stat = format!("+OK 3 {octets}");
    let lines: Vec<_> = answers.lines().collect();
    assert_eq!(lines.len(), 7, "{answers}");
    assert!(lines.iter().all(|line| line.starts_with("+OK")), "{answers}");
    assert_eq!(lines[3], stat);
    Ok(())
}

/// A client inside TLS.
///
/// You can drop `expect` at its await and call it again: `read` and `write` report the bytes that they moved, or moved none.
struct Connection {
    stream: TlsStream<TcpStream>,
    pop3: ClientConnection<Vec<u8>>,
}

impl Connection {
    async fn open(connector: &TlsConnector, address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = connector.connect(ServerName::try_from(NAME)?, stream).await?;
        Ok(Connection { stream, pop3: ClientConnection::new(TlsPolicy::Implicit, 1) })
    }

    fn send(&mut self, command: Command<'_>) -> Result<(), SendError> {
        self.pop3.sender().send(command).map(drop)
    }

    /// Waits for an event. A refusal that is not this event is an error.
    async fn expect(&mut self, mut expected: impl FnMut(&Event<'_>) -> bool) -> Result<()> {
        loop {
            while let Some((event, _)) = self.pop3.poll()? {
                if expected(&event) {
                    return Ok(());
                }
                if let Event::Refused(..) | Event::NoService(_) | Event::Closed(_) = event {
                    return Err(format!("the response is not the expected one: {event:?}").into());
                }
            }
            while self.pop3.wants_write() {
                let count = self.stream.write(self.pop3.send_buf().pending()).await?;
                self.pop3.send_buf().sent(count);
            }
            self.stream.flush().await?; // TLS has its own buffer
            let count = self.stream.read(self.pop3.recv_buf().spare_mut()).await?;
            self.pop3.recv_buf().received(count);
        }
    }
}

/// Serves the sample mailbox over POP3. It is complete again on each connection.
async fn serve_back_end(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = back_end(stream).await {
                eprintln!("back end: {error}");
            }
        });
    }
}

async fn back_end(mut stream: TcpStream) -> Result<()> {
    static BEHIND: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
    let (mut host, mut pop3) = (Host::new(&MESSAGES), ServerConnection::new(&BEHIND, 1));
    loop {
        let closed = host.serve(&mut pop3)?;
        while pop3.wants_write() {
            let count = stream.write(pop3.send_buf().pending()).await?;
            pop3.send_buf().sent(count);
        }
        if closed.is_some() {
            return Ok(());
        }
        if pop3.wants_read() {
            let count = stream.read(pop3.recv_buf().spare_mut()).await?;
            pop3.recv_buf().received(count);
        }
    }
}
