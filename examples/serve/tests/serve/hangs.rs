//! A store whose calls hang.

use crate::kit::{LOGIN, NAME, PASSWORD, Server, Site, door, rest, say};
use crate::logins::{plain, scram};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, UniqueId};
use pop3_proto_serve::Result;
use pop3_proto_serve::scram::Verifier;
use pop3_proto_serve::{Guests, Host, Later, Mailbox, Octets, Store, run};
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// The user's name is the call that hangs.
struct Hanging;

struct Mail(Vec<u8>);

fn hang() -> ! {
    loop {
        thread::park();
    }
}

impl Store for Hanging {
    fn verifier(&self, _: &[u8]) -> io::Result<Verifier> {
        hang()
    }

    fn log_in(&self, name: &[u8], _: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>> {
        if name == b"log_in" { hang() } else { self.open(name) }
    }

    fn open(&self, name: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>> {
        Ok(Ok(Box::new(Mail(name.into()))))
    }
}

impl Mailbox for Mail {
    fn message(&self, _: MessageNumber) -> Later<io::Result<Octets>> {
        let hangs = self.0 == b"message";
        Box::pin(async move {
            spawn_blocking(move || {
                if hangs {
                    hang()
                }
            })
            .await?;
            Ok(Box::pin(&b"text\r\n"[..]) as Octets)
        })
    }

    fn removal(&self) -> Later<Result<(), Refusal>> {
        let hangs = self.0 == b"removal";
        Box::pin(async move {
            spawn_blocking(move || {
                if hangs {
                    hang()
                }
            })
            .await
            .map_err(|_| Refusal::Temporary)
        })
    }
}

impl Maildrop for Mail {
    fn count(&self) -> u32 {
        1
    }

    fn entry(&self, _: MessageNumber) -> Result<Entry<'_>, Refusal> {
        Ok(Entry { octets: 6, id: UniqueId::new(b"1").unwrap(), marked: false })
    }

    fn mark(&mut self, _: MessageNumber) -> Result<(), Refusal> {
        Ok(())
    }

    fn unmark_all(&mut self) {}
}

/// Runs sessions that hang in each call, then a session that does not, and ends the server. Returns how long ending
/// it took.
async fn sessions() -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(door(Host::new(Hanging, Guests::new(99, 99), None), folder.path())).await;
    let mut hanging = Vec::new();
    for _ in 0..5 {
        for name in ["log_in", "message", "removal", "verifier"] {
            let mut stream = server.connect().await;
            let commands = match name {
                "verifier" => "AUTH SCRAM-SHA-256 biwsbj14LHI9eQ==\r\n".into(), // n,,n=x,r=y
                _ => format!("USER {name}\r\nPASS x\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n"),
            };
            stream.write_all(commands.as_bytes()).await?;
            say(&mut stream, "", 1).await; // until the greeting arrives
            hanging.push(stream);
        }
    }
    let mut stream = server.connect().await;
    stream.write_all(b"USER nobody\r\nPASS x\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n").await?;
    let told = String::from_utf8(rest(&mut stream).await)?;
    assert!(told.contains("\r\ntext\r\n.\r\n") && told.ends_with("+OK bye\r\n"), "{told}");
    let start = Instant::now();
    server.shutdown.end(Duration::from_secs(1)).await;
    Ok(start.elapsed())
}

#[test]
fn others_are_served_and_the_grace_period_holds() {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(run(sessions())));
    let took = result.recv_timeout(Duration::from_secs(20)).expect("the server does not end").unwrap();
    assert!((1..5).contains(&took.as_secs()), "{took:?}");
}

/// Logs in twice, so password and listing are known. Then all threads that may block hang.
async fn known_logins() {
    let site = Site::with(&[b"\none\n"]);
    let server = site.serve().await;
    server.talk_alone(&format!("{LOGIN}QUIT\r\n")).await;
    sleep(Duration::from_millis(3100)).await; // changes in the last seconds keep a listing from being kept
    server.talk_alone(&format!("{LOGIN}QUIT\r\n")).await;
    spawn_blocking(|| hang());
    for login in [LOGIN.to_owned(), plain("", NAME, PASSWORD)] {
        let told = server.talk_alone(&format!("{login}RETR 1\r\nQUIT\r\n")).await;
        assert!(told.ends_with("\r\n\r\none\r\n.\r\n+OK bye\r\n"), "{told}");
    }
    let mut stream = server.connect().await;
    say(&mut stream, "", 1).await;
    assert_eq!(scram(&mut stream, NAME, PASSWORD).await, "+OK maildrop open\r\n");
    assert!(say(&mut stream, "STAT\r\nQUIT\r\n", 2).await.starts_with("+OK 1 7\r\n"));
    // Nor is a wrong password accepted. It waits for a thread.
    let mut stream = server.connect().await;
    stream.write_all(b"USER mrose\r\nPASS wrong\r\n").await.unwrap();
    say(&mut stream, "", 2).await;
    let mut more = [0; 9];
    assert!(tokio::time::timeout(Duration::from_millis(300), stream.read(&mut more)).await.is_err());
}

#[test]
#[cfg(target_os = "linux")] // which tells what is in its cache
fn a_known_user_logs_in_without_another_thread() {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
        runtime.block_on(known_logins());
        runtime.shutdown_background();
        done.send(())
    });
    result.recv_timeout(Duration::from_secs(20)).expect("a login waits for a thread");
}
