//! A server that sends the answers of a test, and a fetcher that uses it.

use pop3_proto_fetch::{Account, Auth, Failure, Fetch, Layout, Options, Store, Tally};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// The server's answer to a command, the first of which is [`GREETING`]. The server closes after an unfinished line and after
/// `None`.
pub(crate) type Session = fn(&str) -> Option<&'static str>;

pub(crate) const GREETING: &str = "(greeting)";

/// Two messages, and no extensions.
pub(crate) fn plain(command: &str) -> Option<&'static str> {
    match command {
        "CAPA" => Some("-ERR\r\n"),
        "LIST" => Some("+OK\r\n1 5\r\n2 5\r\n.\r\n"),
        "UIDL" => Some("+OK\r\n1 a\r\n2 b\r\n.\r\n"),
        "RETR 1" => Some("+OK\r\none\r\n.\r\n"),
        "RETR 2" => Some("+OK\r\ntwo\r\n.\r\n"),
        _ => Some("+OK\r\n"),
    }
}

/// A server that takes one connection after another. The last session serves all later ones.
pub(crate) struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start<const N: usize>(sessions: [Session; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (mut sessions, log) = (VecDeque::from(sessions), Arc::clone(&heard));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let session =
                    if sessions.len() > 1 { sessions.pop_front() } else { sessions.front().copied() };
                talk(&stream.unwrap(), session.unwrap(), &log);
            }
        });
        Server { address, heard }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the commands of all sessions that begin with this word.
    pub(crate) fn heard(&self, word: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|command| command.starts_with(word)).cloned().collect()
    }
}

fn talk(stream: &TcpStream, session: Session, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines();
    let mut command = GREETING.to_owned();
    while let Some(answer) = session(&command) {
        let sent = (&*stream).write_all(answer.as_bytes());
        if sent.is_err() || !answer.ends_with('\n') {
            return;
        }
        let Some(Ok(line)) = lines.next() else { return };
        log.lock().unwrap().push(line.clone());
        command = line;
    }
}

/// A user who fetches, run by run, into the same folder.
pub(crate) struct Reader {
    pub(crate) folder: TempDir,
    pub(crate) auth: Auth,
    pub(crate) delete: bool,
    pub(crate) max_message: Option<u64>,
    pub(crate) retries: u32,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Reader {
            folder: tempfile::tempdir().unwrap(),
            auth: Auth::User,
            delete: false,
            max_message: None,
            retries: 2,
        }
    }

    pub(crate) fn deleting() -> Self {
        Reader { delete: true, ..Reader::new() }
    }

    pub(crate) fn fetch(&self, server: &Server) -> (Tally, Result<(), Failure>) {
        self.fetch_from(server.address)
    }

    pub(crate) fn fetch_from(&self, address: SocketAddr) -> (Tally, Result<(), Failure>) {
        let account = Account::parse(&format!("pop3://mrose@{address}"), None).unwrap();
        let store = Store::open(self.folder.path(), Layout::Eml, "mrose@here").unwrap();
        let options = Options {
            auth: self.auth,
            delete: self.delete,
            retries: self.retries,
            backoff: Duration::from_millis(1),
            max_message: self.max_message,
            quiet: true,
            ..Options::new(account, "tanstaaf".into())
        };
        let mut fetch = Fetch::new(options, store);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done = runtime.block_on(fetch.run());
        (fetch.tally(), done)
    }

    /// Returns all messages, by number.
    pub(crate) fn messages(&self) -> Vec<String> {
        let file = |number| std::fs::read_to_string(self.folder.path().join(format!("{number}.eml")));
        (1..).map_while(|number| file(number).ok()).collect()
    }
}
