//! A program with its own hooks: what happens around the signals that end it. One test alone, because signals are for the whole process.

use clap::Parser;
use pop3_proto_serve::node::{self, Hooks, Options};
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{Host, Result};
use std::future::pending;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    node: Options,
}

#[derive(Debug, PartialEq)]
enum Told {
    Starting,
    Started(Vec<SocketAddr>),
    Ending,
    Ended,
    Over,
}

struct Telling(Sender<Told>);

impl Hooks for Telling {
    async fn started(&mut self, addresses: &[SocketAddr]) {
        self.0.send(Told::Started(addresses.to_vec())).unwrap();
    }

    async fn ending(&mut self) {
        self.0.send(Told::Ending).unwrap();
    }

    async fn ended(&mut self) {
        self.0.send(Told::Ended).unwrap();
    }
}

/// Starts a program on another thread. It may wait for its store forever.
fn start(folder: &Path, waits: bool) -> Receiver<Told> {
    let (tell, told) = channel();
    users::make_maildir(folder).unwrap();
    let folder = folder.to_owned();
    thread::spawn(move || {
        let arguments =
            ["node", "--listen", "127.0.0.1:0", "--allow-plain", "--drain", "60", "--grace", "60"];
        let options = Arguments::parse_from(arguments).node;
        let result = node::serve(&options, async {
            tell.send(Told::Starting).unwrap();
            if waits {
                pending::<()>().await;
            }
            let users = Users::one("mrose", "tanstaaf", &folder)?;
            Ok((Host::new(users, options.guests(), None), Telling(tell.clone())))
        });
        tell.send(result.map(|()| Told::Over).unwrap()).unwrap();
    });
    assert_eq!(next(&told), Told::Starting);
    told
}

fn next(told: &Receiver<Told>) -> Told {
    told.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn end() {
    let id = std::process::id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

/// Connects, and reads the greeting.
fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let (mut stream, mut greeting) = (BufReader::new(TcpStream::connect(address)?), String::new());
    stream.read_line(&mut greeting)?; // a connection that was not accepted yet is reset when the listener ends
    match greeting == "+OK ready\r\n" {
        true => Ok(stream),
        false => Err(greeting.into()),
    }
}

#[test]
fn the_end_is_announced_before_connections_are_refused_and_once_all_sessions_are_over() {
    let folder = tempfile::tempdir().unwrap();
    // A signal ends the wait for a store.
    let told = start(folder.path(), true);
    end();
    assert_eq!(next(&told), Told::Over);

    let told = start(folder.path(), false);
    let Told::Started(addresses) = next(&told) else { panic!() };
    let [address] = addresses[..] else { panic!("{addresses:?}") };
    let mut first = connect(address).unwrap();
    end();
    assert_eq!(next(&told), Told::Ending);
    let mut second = connect(address).unwrap(); // which a load balancer sends that has not noticed yet
    end();
    while connect(address).is_ok() {
        thread::sleep(Duration::from_millis(10));
    }
    for session in [&mut first, &mut second] {
        assert!(told.try_recv().is_err());
        session.get_mut().write_all(b"QUIT\r\n").unwrap();
        assert_eq!(line(session), "+OK bye\r\n");
    }
    drop((first, second));
    assert_eq!(next(&told), Told::Ended);
    assert_eq!(next(&told), Told::Over);
}
