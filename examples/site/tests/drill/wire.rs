//! A network between a node and its database that fails at one statement.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::spawn;
use std::time::Duration;

/// Parts of statements. No other statement has them.
pub(crate) const ACCOUNT: &str = "FROM account WHERE name IN";
pub(crate) const ACQUIRE: &str = "SET holder =";
pub(crate) const SNAPSHOT: &str = "UNION ALL (SELECT id, octets";
pub(crate) const RENEW: &str = "AND expires > '-infinity' RETURNING holder";
pub(crate) const RELEASE: &str = "SET expires = '-infinity' WHERE id = ANY";
pub(crate) const COMMIT: &str = "DELETE FROM message";
pub(crate) const ANNOUNCE: &str = "VALUES ($1, 'c')";
pub(crate) const ARRIVE: &str = "FOR KEY SHARE";
pub(crate) const FORGET: &str = "AND state = 'd'";

/// What fails when a statement passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The statement does not arrive, and the connection breaks.
    LoseStatement,
    /// The statement runs, its result does not arrive, and the connection breaks.
    LoseResult,
    /// The statement runs, and its result is on its way for ever.
    HoldResult,
    /// The statement is on its way for ever.
    HoldStatement,
}

/// A port that leads to the database. After its fault, it carries nothing to the database until it is released.
pub(crate) struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    armed: Option<(&'static str, Fault)>,
    has_failed: bool,
    is_frozen: bool,
}

impl Wire {
    /// Starts a network to a port of 127.0.0.1. It works until the process ends.
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let wire = Wire { port, shared: Arc::clone(&shared) };
        spawn(move || {
            for client in listener.incoming() {
                // The database may be down.
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect((Ipv4Addr::LOCALHOST, to))) {
                    connect(&client, &server, &shared).unwrap();
                }
            }
        });
        wire
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes the next statement fail that has this part.
    pub(crate) fn arm(&self, statement: &'static str, fault: Fault) {
        *self.shared.lock() = State { armed: Some((statement, fault)), ..State::default() };
    }

    /// Carries nothing to the database until it is released.
    pub(crate) fn freeze(&self) {
        self.shared.change(|state| state.is_frozen = true);
    }

    /// Waits for the failure. If the statement runs, its result is there then.
    pub(crate) fn wait(&self) {
        let time = Duration::from_secs(20);
        let waited =
            self.shared.changed.wait_timeout_while(self.shared.lock(), time, |state| !state.has_failed);
        assert!(waited.unwrap().0.has_failed, "the statement did not pass");
    }

    /// Carries everything from now on.
    pub(crate) fn release(&self) {
        self.shared.change(|state| state.is_frozen = false);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until statements may pass. Returns the fault of the statement in these bytes.
    fn pass(&self, bytes: &[u8]) -> Option<Fault> {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| state.is_frozen)
            .unwrap_or_else(PoisonError::into_inner);
        let (statement, fault) = state.armed?;
        if !bytes.windows(statement.len()).any(|part| part == statement.as_bytes()) {
            return None;
        }
        state.armed = None;
        state.is_frozen = true;
        Some(fault)
    }
}

fn connect(client: &TcpStream, server: &TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let fault = Arc::<Mutex<Option<Fault>>>::default();
    let (from, to, is_for, state) =
        (client.try_clone()?, server.try_clone()?, Arc::clone(&fault), Arc::clone(shared));
    spawn(move || carry_statements(from, to, &is_for, &state));
    let (from, to, state) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
    spawn(move || carry_results(from, to, &fault, &state));
    Ok(())
}

fn carry_statements(
    mut client: TcpStream,
    mut server: TcpStream,
    fault: &Mutex<Option<Fault>>,
    shared: &Shared,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..count];
        let failure = shared.pass(bytes);
        if failure.is_some() {
            *fault.lock().unwrap() = failure;
        }
        match failure {
            Some(Fault::LoseStatement) => {
                shared.change(|state| state.has_failed = true);
                break;
            }
            Some(Fault::HoldStatement) => shared.change(|state| state.has_failed = true),
            _ if server.write_all(bytes).is_err() => break,
            _ => {}
        }
    }
    close(&client, &server);
}

fn carry_results(
    mut server: TcpStream,
    mut client: TcpStream,
    fault: &Mutex<Option<Fault>>,
    shared: &Shared,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        let fault = *fault.lock().unwrap();
        match fault {
            Some(Fault::LoseResult) => {
                shared.change(|state| state.has_failed = true);
                break;
            }
            Some(Fault::HoldResult) => shared.change(|state| state.has_failed = true),
            _ if client.write_all(&buffer[..count]).is_err() => break,
            _ => {}
        }
    }
    close(&client, &server);
}

fn close(client: &TcpStream, server: &TcpStream) {
    client.shutdown(Shutdown::Both).ok();
    server.shutdown(Shutdown::Both).ok();
}
