//! Nodes that are started, paused and killed.

use crate::site::{is_true_within, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// `site node` on ports of its own. It is killed when this is dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    health: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Node {
    /// Starts the program as a node with more options, and waits until it listens.
    pub(crate) fn start(mut program: Command, options: &[&str]) -> Self {
        program.args(["node", "--listen", "127.0.0.1:0", "--allow-plain", "--health", "127.0.0.1:0"]);
        program.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = program.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let health = address(&mut stdout, "health on ");
        let address = address(&mut stdout, "listening on ");
        Node { child, address, health, _stdout: stdout }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends the node as a power failure does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of a node that ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_until("the node ends", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap()
    }

    /// Returns the status that a request to the health port has.
    pub(crate) fn status(&self, path: &str) -> u16 {
        let answer = self.answer(format!("GET {path} HTTP/1.1\r\nHost: node\r\n\r\n").as_bytes());
        answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Returns what the health port answers before it closes the connection.
    pub(crate) fn answer(&self, request: &[u8]) -> String {
        let mut stream = self.health_connection();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        // It may close the connection with bytes unread, which is an error here.
        stream.read_to_end(&mut answer).ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Connects to the health port.
    pub(crate) fn health_connection(&self) -> TcpStream {
        let stream = TcpStream::connect(self.health).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Waits until the node is ready, or until it is not.
    #[track_caller]
    pub(crate) fn wait_for_status(&self, path: &str, status: u16) {
        wait_until(&format!("{path} is {status}"), || self.status(path) == status);
    }

    /// Returns whether the node becomes ready, or stops being ready, within a time.
    pub(crate) fn has_status_within(&self, time: Duration, path: &str, status: u16) -> bool {
        is_true_within(time, || self.status(path) == status)
    }
}

fn address(stdout: &mut BufReader<ChildStdout>, label: &str) -> SocketAddr {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix(label).and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("expected {label:?}, found {line:?}"))
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
