//! A pgbouncer that is thrown away.

use super::program::{Program, give};
use super::{free_port, url};
use rustix::process::Signal;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use tempfile::TempDir;

/// A pgbouncer that gives a connection of its own to each transaction.
pub(crate) struct Pooler {
    // Dropped first: it writes to the folder.
    _program: Program,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts pgbouncer with this many connections to the database that a port leads to. It ends with the thread that calls this, at the
    /// latest.
    pub(crate) fn start(database: u16, connections: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("site-pooler").tempdir().unwrap();
        give(folder.path());
        // Another program may take the port between the choice and the start.
        for _ in 0..5 {
            let port = free_port();
            if let Some(program) = start(folder.path(), port, database, connections) {
                return Pooler { _program: program, port, _folder: folder };
            }
        }
        let errors = std::fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
        panic!("pgbouncer does not start: {errors}");
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of the database.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }
}

fn start(folder: &Path, port: u16, database: u16, connections: usize) -> Option<Program> {
    let settings = format!(
        "[databases]\n\
        postgres = host=127.0.0.1 port={database} dbname=postgres user=postgres\n\
        [pgbouncer]\n\
        listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
        auth_type = any\npool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 1000\n"
    );
    let file = folder.join("pgbouncer.ini");
    std::fs::write(&file, settings).unwrap();
    let program =
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(Path::new).into_iter().find(|path| path.exists());
    let program = program.expect("pgbouncer is not installed: run `.ci/need pgbouncer:pgbouncer`");
    let mut program = Program::start(program, [&file], Signal::KILL, &folder.join("errors"));
    program.wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).then_some(program)
}
