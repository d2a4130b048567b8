//! Drops every future of the client's driver at every await: no byte is lost or sent twice.

use crate::stutter::Stutter;
use pop3_proto::client::{Event, Sender};
use pop3_proto::server::ServerConfig;
use pop3_proto::{Command, MessageNumber, ServerConnection, State, Text, TlsPolicy, Verb};
use pop3_proto_basics::host::Host;
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_fetch::tls;
use pop3_proto_serve::self_signed;
use pop3_tokio::Connection;
use rustls::pki_types::ServerName;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, duplex};
use tokio::join;
use tokio::task::yield_now;

/// The results of a session.
#[derive(PartialEq, Eq, Debug)]
struct Record {
    /// The events that the client received, with the parts of a message joined.
    told: String,
    /// The bytes that the server received.
    received: String,
}

/// A server without timers. Returns the bytes that it received.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
    let (mut host, mut pop3) = (Host::new(&MESSAGES), ServerConnection::new(&CONFIG, 1));
    let mut received = String::new();
    loop {
        let closed = host.serve(&mut pop3).unwrap();
        stream.write_all(pop3.send_buf().pending()).await.unwrap();
        stream.flush().await.unwrap();
        pop3.send_buf().clear();
        if closed.is_some() {
            return received;
        }
        if pop3.wants_read() {
            let count = stream.read(pop3.recv_buf().spare_mut()).await.unwrap();
            assert!(count > 0, "the client closed after {received}");
            received += &String::from_utf8_lossy(&pop3.recv_buf().spare_mut()[..count]);
            pop3.recv_buf().received(count);
        }
    }
}

/// Runs a session to its end. Drops each future after it was pending `patience` times. Returns the client's events, and how many
/// futures were dropped.
async fn talk(
    mut connection: Connection<impl AsyncRead + AsyncWrite + Unpin>,
    patience: usize,
) -> (String, usize) {
    let (mut told, mut dropped) = (String::new(), 0);
    while connection.client().state() != State::Closed {
        let mut future = pin!(connection.next());
        let mut polls = 0;
        let next = poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(next) => Poll::Ready(Some(next)),
            Poll::Pending => {
                polls += 1;
                if polls == patience { Poll::Ready(None) } else { Poll::Pending }
            }
        });
        match next.await {
            Some(next) => {
                let (event, sender) = next.unwrap().unwrap();
                answer(&event, sender, &mut told);
            }
            None => {
                dropped += 1;
                yield_now().await; // lets the other side run
            }
        }
    }
    (told, dropped)
}

/// Sends the client's answer to an event.
fn answer(event: &Event<'_>, mut sender: Sender<'_>, told: &mut String) {
    match event {
        Event::Body(_, octets) => *told += &String::from_utf8_lossy(octets),
        event => *told += &format!("\n{event:?}\n"),
    }
    let number = |number| MessageNumber::new(number).unwrap();
    let commands = match event {
        Event::Greeting(_) => vec![Command::Capa],
        Event::End(ticket, _) if ticket.verb == Verb::Capa => vec![Command::User(Text::from_static(USER))],
        Event::Ok(ticket, _) => match ticket.verb {
            Verb::User => vec![Command::Pass(PASSWORD.try_into().unwrap())],
            Verb::Pass => vec![
                Command::List(None),
                Command::Uidl(None),
                Command::Retr(number(1)),
                Command::Retr(number(2)),
                Command::Retr(number(23)),
                Command::Retr(number(3)),
                Command::Dele(number(2)),
            ],
            _ => vec![Command::Quit],
        },
        _ => vec![],
    };
    for command in commands {
        sender.send(command).unwrap();
    }
}

async fn in_clear(most: usize, patience: usize) -> (Record, usize) {
    let (near, far) = duplex(64);
    let connection = Connection::new(Stutter::new(near, most), TlsPolicy::Cleartext);
    let (received, (told, dropped)) = join!(serve(far), talk(connection, patience));
    (Record { told, received }, dropped)
}

async fn in_tls(most: usize, patience: usize) -> (Record, usize) {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = self_signed(folder.path()).unwrap();
    let connector = tls::connector(Some(&folder.path().join("ca.pem"))).unwrap();
    let (near, far) = duplex(64);
    let server = async { serve(acceptor.accept(far).await.unwrap()).await };
    let client = async {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, Stutter::new(near, most)).await.unwrap();
        talk(Connection::new(stream, TlsPolicy::Implicit), patience).await
    };
    let (received, (told, dropped)) = join!(server, client);
    (Record { told, received }, dropped)
}

#[tokio::test(start_paused = true)] // a client that waits in vain fails at once
async fn each_byte_is_sent_exactly_once() {
    let (expected, dropped) = in_clear(usize::MAX, usize::MAX).await;
    assert_eq!(dropped, 0);
    assert!(
        expected.told.contains(
            "The next two lines begin with dots, which POP3 has to double.\r\n.\r\n...as you see\r\n"
        )
    );
    let last = expected.told.trim_end().lines().next_back().unwrap_or_default();
    assert!(last.starts_with("Closed(Closed { deletions: Committed,"), "{}", expected.told);
    for most in [1, 2, 7, 60, usize::MAX] {
        for patience in 1..=4 {
            let (record, dropped) = in_clear(most, patience).await;
            assert_eq!(record, expected, "{most} bytes at once, dropped after {patience} polls");
            assert!(patience > 1 || dropped > 10, "{most} bytes at once: {dropped} dropped");
        }
    }
}

#[tokio::test(start_paused = true)] // a client that waits in vain fails at once
async fn nor_inside_tls() {
    let (expected, _) = in_clear(usize::MAX, usize::MAX).await;
    for most in [7, 60, usize::MAX] {
        for patience in 1..=4 {
            let (record, dropped) = in_tls(most, patience).await;
            assert_eq!(record, expected, "{most} bytes at once, dropped after {patience} polls");
            assert!(patience > 1 || dropped > 10, "{most} bytes at once: {dropped} dropped");
        }
    }
}
