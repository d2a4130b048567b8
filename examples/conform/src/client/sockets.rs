//! The server of a scenario on a socket. It lives in a thread, as long as the client runs.

use super::certificates::Certificates;
use super::files::Folder;
use super::serve::{Serve, Session, Stage};
use super::{Scenario, Tls};
use rustls::{ServerConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The bytes of a flood on the network.
const FLOOD: u64 = 32 << 20;
/// How long one read waits. It decides nothing: after it, the thread looks whether the client still runs.
const TICK: Duration = Duration::from_millis(20);
/// How long the server waits for a second command before it answers the first, to see commands that do not wait.
const EARLY: Duration = Duration::from_millis(3);
/// The same in scenarios that judge such commands. A slow client may still hide them; it is never blamed for one.
const EARLY_JUDGED: Duration = Duration::from_millis(20);
/// How long a client may take for a handshake, or to read what it was sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server waits after its close for that of the client.
const CLOSE: Duration = Duration::from_millis(300);

/// What came of all connections.
#[derive(Debug)]
pub struct Served {
    pub sessions: Vec<Session>,
    pub bites: u64,
    pub messages: usize,
    pub left: usize,
    /// A flood was not sent to its end.
    pub busy: bool,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    client_ended: Arc<AtomicBool>,
    thread: JoinHandle<Served>,
}

impl Server {
    /// Begins to listen on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Returns the error of the socket.
    pub fn start(scenario: &'static Scenario, out: Folder, certificates: Certificates) -> io::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let client_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&client_ended);
        let thread = thread::spawn(move || {
            // The stage holds `Rc`s, so it is made here.
            let stage = Stage::new(scenario, Box::new(out), FLOOD);
            let messages = stage.world.texts().len();
            let config = match scenario.tls {
                Tls::Untrusted => certificates.untrusted,
                Tls::OtherName => certificates.other_name,
                _ => certificates.trusted,
            };
            loop {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let served =
                            Connection { serve: stage.connect(), ended: &ended }.serve(stream, &config);
                        // The client may hang up at any time.
                        drop(served);
                    }
                    Err(_) if ended.load(Ordering::SeqCst) => break,
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
            let left = stage.world.texts().len();
            let busy = stage.busy.get();
            Served { sessions: stage.sessions.take(), bites: stage.bites.get(), messages, left, busy }
        });
        Ok(Server { port, client_ended, thread })
    }

    /// The client has ended: returns what it did, or `None` if the server panicked.
    #[must_use]
    pub fn stop(self) -> Option<Served> {
        self.client_ended.store(true, Ordering::SeqCst);
        self.thread.join().ok()
    }
}

struct Connection<'e> {
    serve: Serve,
    ended: &'e AtomicBool,
}

impl Connection<'_> {
    fn serve(mut self, stream: TcpStream, config: &Arc<rustls::ServerConfig>) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let socket = stream.try_clone()?;
        let mut plain = stream;
        if !self.converse(&mut plain, &socket)? {
            close(&socket);
            return Ok(());
        }
        socket.set_read_timeout(Some(PATIENCE))?;
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut inside = StreamOwned::new(tls, plain);
        while inside.conn.is_handshaking() {
            let StreamOwned { conn, sock } = &mut inside;
            if conn.complete_io(sock)? == (0, 0) {
                return Ok(());
            }
        }
        self.serve.tls_started();
        self.converse(&mut inside, &socket)?;
        inside.conn.send_close_notify();
        let _ = inside.flush();
        close(&socket);
        Ok(())
    }

    /// Serves until the connection ends, or the handshake is next: then it returns true.
    fn converse(&mut self, stream: &mut (impl Read + Write), socket: &TcpStream) -> io::Result<bool> {
        loop {
            loop {
                let output = self.serve.take_output();
                if output.is_empty() {
                    break;
                }
                if let Err(error) = stream.write_all(&output).and_then(|()| stream.flush()) {
                    self.serve.end();
                    return Err(error);
                }
            }
            if self.serve.is_closed() {
                return Ok(false);
            }
            if self.serve.wants_tls() {
                return Ok(true);
            }
            let Some(mut bytes) = self.read(stream, socket, TICK)? else { continue };
            if bytes.is_empty() {
                self.serve.end();
                continue;
            }
            let wait = if self.serve.judges_early() { EARLY_JUDGED } else { EARLY };
            while let Ok(Some(more)) = self.read(stream, socket, wait) {
                if more.is_empty() || bytes.len() > 1 << 20 {
                    break;
                }
                bytes.extend(more);
            }
            self.serve.receive(&bytes, false);
        }
    }

    /// Reads once. Nothing is the end of the stream, and `None` means that nothing arrived in time.
    fn read(
        &self,
        stream: &mut impl Read,
        socket: &TcpStream,
        wait: Duration,
    ) -> io::Result<Option<Vec<u8>>> {
        socket.set_read_timeout(Some(wait))?;
        let mut chunk = vec![0; 16 << 10];
        match stream.read(&mut chunk) {
            Ok(count) => {
                chunk.truncate(count);
                Ok(Some(chunk))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                match self.ended.load(Ordering::SeqCst) {
                    true => Ok(Some(Vec::new())),
                    false => Ok(None),
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            // A reset, or TLS that ends without its goodbye.
            Err(_) => Ok(Some(Vec::new())),
        }
    }
}

/// Closes so that the client receives everything that was sent, and waits a moment for its own close.
fn close(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.set_read_timeout(Some(TICK));
    let began = Instant::now();
    let (mut rest, mut chunk) = (socket, [0; 4096]);
    while began.elapsed() < CLOSE {
        match rest.read(&mut chunk) {
            Ok(0) => return,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            _ => {}
        }
    }
}
