//! Real clients, and a server that replays what a test gives it.

use pop3_proto::client::Event;
use pop3_proto::{ClientConnection, Command as Pop3, MessageNumber, TlsPolicy};
use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// What a client makes of the first message, line by line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// It returns this message.
    Message(Vec<String>),
    /// It returns an error, and no message.
    Error,
    /// It is not on this machine.
    Absent,
}

impl Reading {
    pub(crate) fn lines(message: &[u8]) -> Self {
        let text = String::from_utf8_lossy(message);
        let lines = text.split('\n').map(|line| line.trim_end_matches('\r').to_owned());
        let mut lines: Vec<String> = lines.collect();
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        Reading::Message(lines)
    }
}

/// A server that says `greeting`, accepts a login, and answers RETR and TOP with `response`.
#[derive(Clone, Copy)]
pub(crate) struct Replay<'r> {
    pub(crate) greeting: &'r [u8],
    pub(crate) response: &'r [u8],
    /// Its response to STLS.
    pub(crate) stls: &'r [u8],
}

impl<'r> Replay<'r> {
    pub(crate) const fn new(response: &'r [u8]) -> Self {
        Replay { greeting: b"+OK ready\r\n", response, stls: b"-ERR no TLS\r\n" }
    }

    /// Serves one connection, and returns the port and what the client sent.
    fn serve<T>(&self, run: impl FnOnce(u16) -> T) -> (T, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (done, lines) = thread::scope(|scope| {
            let server = scope.spawn(|| self.session(&listener.accept().unwrap().0));
            let done = run(port);
            // A client that did not connect would leave the thread waiting.
            drop(TcpStream::connect(("127.0.0.1", port)));
            (done, server.join().unwrap())
        });
        (done, lines)
    }

    fn session(&self, mut stream: &TcpStream) -> Vec<String> {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut lines, mut reader) = (Vec::new(), BufReader::new(stream));
        let mut said = stream.write_all(self.greeting);
        loop {
            let mut line = Vec::new();
            let count = reader.read_until(b'\n', &mut line);
            if said.is_err() || !matches!(count, Ok(1..)) || !line.ends_with(b"\n") {
                return lines;
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let response: &[u8] = match line.split(' ').next().unwrap_or_default() {
                "CAPA" => b"+OK\r\nUSER\r\nTOP\r\n.\r\n",
                "RETR" | "TOP" => self.response,
                "STLS" => self.stls,
                "AUTH" => b"-ERR no\r\n",
                _ => b"+OK\r\n",
            };
            lines.push(line);
            said = stream.write_all(response);
        }
    }

    /// What this crate's client reads.
    pub(crate) fn own(&self, command: Pop3<'static>) -> Reading {
        let fetched = self.serve(|port| own(port, command)).0;
        fetched.map_or(Reading::Error, |message| Reading::lines(&message))
    }

    pub(crate) fn curl(&self, arguments: &[&str], path: &str) -> (Reading, i32, Vec<String>) {
        let (output, lines) = self.serve(|port| {
            let url = format!("pop3://mrose:tanstaaf@127.0.0.1:{port}/{path}");
            Command::new("curl").args(["-q", "-s", "-m", "3"]).args(arguments).arg(url).output()
        });
        match output {
            Err(error) if error.kind() == ErrorKind::NotFound => (Reading::Absent, 0, lines),
            Ok(output) if output.status.success() => (Reading::lines(&output.stdout), 0, lines),
            Ok(output) => (Reading::Error, output.status.code().unwrap_or(-1), lines),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn poplib(&self, call: &str) -> (Reading, Vec<String>) {
        let (output, lines) = self.serve(|port| {
            let program = format!(
                "import poplib, sys\n\
                 pop = poplib.POP3('127.0.0.1', {port}, timeout=3)\n\
                 {call}\n"
            );
            Command::new("python3").args(["-W", "ignore", "-c", &program]).output()
        });
        match output {
            Err(error) if error.kind() == ErrorKind::NotFound => (Reading::Absent, lines),
            Ok(output) if output.status.success() => (Reading::lines(&output.stdout), lines),
            Ok(output) => {
                let error = String::from_utf8_lossy(&output.stderr).into_owned();
                let absent = error.contains("No module named");
                (if absent { Reading::Absent } else { Reading::Error }, lines)
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The call of poplib that fetches a message, and writes its lines.
pub(crate) const FETCH: &str = "pop.user('mrose'); pop.pass_('tanstaaf')\n\
    for line in pop.retr(1)[1]: sys.stdout.buffer.write(line + b'\\n')";
pub(crate) const FETCH_TOP: &str = "pop.user('mrose'); pop.pass_('tanstaaf')\n\
    for line in pop.top(1, 0)[1]: sys.stdout.buffer.write(line + b'\\n')";

fn own(port: u16, command: Pop3<'static>) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(3)))?;
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let mut next = [Pop3::User("mrose".try_into()?), Pop3::Pass("tanstaaf".try_into()?), command].into_iter();
    let mut message = Vec::new();
    loop {
        while let Some((event, mut sender)) = pop3.poll()? {
            match event {
                Event::Greeting(_) | Event::Ok(..) => _ = sender.send(next.next().ok_or("too many")?)?,
                Event::Body(_, octets) => message.extend_from_slice(octets),
                Event::End(..) => {
                    // An error that follows is found now.
                    return match pop3.poll() {
                        Ok(_) => Ok(message),
                        Err(error) => Err(error.into()),
                    };
                }
                Event::Begin(..) => {}
                other => return Err(format!("{other:?}").into()),
            }
        }
        pop3.write_to(&mut stream)?;
        pop3.read_from(&mut stream)?;
    }
}

pub(crate) const RETR: Pop3<'static> = Pop3::Retr(MessageNumber::FIRST);
pub(crate) const TOP: Pop3<'static> = Pop3::Top { message: MessageNumber::FIRST, lines: 0 };
