//! A client that shows each response.

use crate::nodes::Node;
use crate::site::{PASSWORD, USER, wait_until};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A connection to a node.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects, and reads the greeting.
    pub(crate) fn connect(node: &Node) -> Self {
        let stream = TcpStream::connect(node.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap(); // a login takes 45 s at most
        let mut client = Client(BufReader::new(stream));
        assert_eq!(client.line().unwrap(), "+OK ready");
        client
    }

    /// Logs in. The error is the response to PASS.
    pub(crate) fn log_in(node: &Node) -> Result<Self, String> {
        let mut client = Self::connect(node);
        client.ask(&format!("USER {USER}"));
        match client.ask(&format!("PASS {PASSWORD}")) {
            response if response.starts_with("+OK") => Ok(client),
            response => Err(response),
        }
    }

    /// Logs in as soon as the maildrop is free.
    #[track_caller]
    pub(crate) fn log_in_when_free(node: &Node) -> Self {
        let mut opened = None;
        wait_until("the maildrop is free", || {
            opened = Self::log_in(node).map_err(|error| assert!(is_in_use(&error), "{error}")).ok();
            opened.is_some()
        });
        opened.unwrap()
    }

    /// Sends a command, and returns the first line of the response.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.try_ask(command).unwrap()
    }

    /// Sends a command. The error is that the connection is closed.
    pub(crate) fn try_ask(&mut self, command: &str) -> io::Result<String> {
        self.send(command)?;
        self.line()
    }

    /// Sends a command.
    pub(crate) fn send(&mut self, command: &str) -> io::Result<()> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())
    }

    /// Reads a line.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end_matches("\r\n").to_owned()),
        }
    }

    /// Returns how many messages the maildrop has.
    pub(crate) fn count(&mut self) -> u32 {
        let response = self.ask("STAT");
        response
            .split(' ')
            .nth(1)
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("{response}"))
    }

    /// Returns a message, in the form in which it is sent. The error is the response.
    pub(crate) fn retrieve(&mut self, number: u32) -> Result<String, String> {
        let response = self.ask(&format!("RETR {number}"));
        if !response.starts_with("+OK") {
            return Err(response);
        }
        let mut message = String::new();
        loop {
            match &*self.line().unwrap() {
                "." => return Ok(message),
                line => message.extend([line.strip_prefix('.').unwrap_or(line), "\r\n"]),
            }
        }
    }

    /// Reads this many bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.0.read_exact(&mut vec![0; count]).unwrap();
    }

    /// Tells the server that nothing more will be sent.
    pub(crate) fn finish(&self) {
        self.0.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads until the connection is closed.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => rest,
        }
    }
}

/// Returns whether a response is that another session has the maildrop.
pub(crate) fn is_in_use(response: &str) -> bool {
    response.starts_with("-ERR [IN-USE] ")
}

/// Returns whether a response is that trying again later helps.
pub(crate) fn is_temporary(response: &str) -> bool {
    response.starts_with("-ERR [SYS/TEMP] ")
}
