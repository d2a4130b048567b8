use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait if no connection can be accepted, for example because of too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Ends [`serve`], from another thread or the thread of a signal handler. Clones end the same loop.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// Signals that a session has ended, or that the loop must end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ends: bool,
    /// The address of the listener, while `serve` runs.
    address: Option<SocketAddr>,
    sessions: Vec<(u64, TcpStream)>,
}

impl Shutdown {
    /// Returns a handle for one loop.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the loop. No more connections are accepted, and each session sees the end of its client's input. Responses that are being written
    /// are completed; a session without QUIT removes nothing.
    pub fn stop(&self) {
        let mut state = self.state();
        state.ends = true;
        for (_, socket) in &state.sessions {
            socket.shutdown(std::net::Shutdown::Read).ok();
        }
        let address = state.address;
        drop(state);
        self.0.changed.notify_all();
        // This wakes the loop, which waits in `accept`.
        if let Some(address) = address {
            TcpStream::connect_timeout(&reachable(address), Duration::from_secs(1)).ok();
        }
    }

    /// Returns whether the loop must end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().ends
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are fewer than `most` sessions. Returns whether the loop continues.
    fn wait_for_room(&self, most: usize) -> bool {
        let mut state = self.state();
        while !state.ends && state.sessions.len() >= most {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.ends
    }

    /// Waits until no session runs, or until `until`. Returns whether all sessions have ended.
    fn wait_for_none(&self, until: Instant) -> bool {
        let mut state = self.state();
        while !state.sessions.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Adds a session, unless the loop must end.
    fn begin(&self, id: u64, socket: &TcpStream) -> io::Result<bool> {
        let socket = socket.try_clone()?;
        let mut state = self.state();
        if !state.ends {
            state.sessions.push((id, socket));
        }
        Ok(!state.ends)
    }

    fn end(&self, id: u64) {
        self.state().sessions.retain(|(session, _)| *session != id);
        self.0.changed.notify_all();
    }
}

/// Removes a session from the list, even if its thread panics.
struct Running {
    shutdown: Shutdown,
    id: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.end(self.id);
    }
}

/// Serves each connection in a separate thread, up to `most` at a time, until [`Shutdown::stop`]. Then it waits up to `grace` for the running
/// sessions, and breaks the connections that are left.
///
/// For ctrl-c, call [`stop`](Shutdown::stop) in the handler of your crate for signals.
///
/// ```no_run
/// use pop3_blocking::{Shutdown, serve};
/// use std::{net::TcpListener, time::Duration};
///
/// let shutdown = Shutdown::new();
/// let stop = shutdown.clone(); // for the handler of ctrl-c: `move || stop.stop()`
/// serve(&TcpListener::bind("localhost:110")?, 100, Duration::from_secs(10), &shutdown, |socket| {
///     // A `Session` on the socket.
///     # drop(socket);
/// })?;
/// # drop(stop);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Returns [`io::Error`] if the listener has no address. Errors of `accept` are not returned, because they are temporary, such as too many
/// open files.
pub fn serve(
    listener: &TcpListener,
    most: usize,
    grace: Duration,
    shutdown: &Shutdown,
    session: impl Fn(TcpStream) + Send + Sync + 'static,
) -> io::Result<()> {
    let session = Arc::new(session);
    shutdown.state().address = Some(listener.local_addr()?);
    let mut ids = 0..;
    while shutdown.wait_for_room(most.max(1)) {
        match listener.accept() {
            Ok((socket, _)) => start(shutdown, ids.next().unwrap_or_default(), socket, &session),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => thread::sleep(PAUSE),
        }
    }
    shutdown.state().address = None;
    if !shutdown.wait_for_none(Instant::now() + grace) {
        for (_, socket) in &shutdown.state().sessions {
            socket.shutdown(std::net::Shutdown::Both).ok();
        }
    }
    Ok(())
}

/// Runs one session. Closes a connection for which there is no thread or no file.
fn start<F: Fn(TcpStream) + Send + Sync + 'static>(
    shutdown: &Shutdown,
    id: u64,
    socket: TcpStream,
    session: &Arc<F>,
) {
    socket.set_nodelay(true).ok();
    if !matches!(shutdown.begin(id, &socket), Ok(true)) {
        return;
    }
    let running = Running { shutdown: shutdown.clone(), id };
    let session = Arc::clone(session);
    let run = move || {
        let _running = running;
        session(socket);
    };
    if thread::Builder::new().name(format!("pop3-{id}")).spawn(run).is_err() {
        thread::sleep(PAUSE);
    }
}

/// Returns an address at which this machine reaches a listener that listens on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
