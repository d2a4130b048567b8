//! Servers that answer by a function, in cleartext and inside TLS, and runs of `fetch` with any options.

use crate::kit::GREETING;
use pop3_proto_fetch::{Account, Failure, Fetch, Layout, Options, Store, Tally};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;

/// The server's answers in one session, first to [`GREETING`] and then to each command. `None` closes the
/// connection.
pub(crate) type Script = Box<dyn FnMut(&str) -> Option<String> + Send>;

/// A server with a thread for each connection.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) fn cleartext(script: impl Fn() -> Script + Send + 'static) -> Self {
        let heard = Arc::default();
        let log = Arc::clone(&heard);
        let address = listen(move |stream| {
            let (mut script, log) = (script(), Arc::clone(&log));
            thread::spawn(move || talk(stream, &mut *script, &log));
        });
        Scripted { address, heard }
    }

    pub(crate) fn tls(config: ServerConfig, script: impl Fn() -> Script + Send + 'static) -> Self {
        let heard = Arc::default();
        let (log, config) = (Arc::clone(&heard), Arc::new(config));
        let address = listen(move |stream| {
            let (mut script, log) = (script(), Arc::clone(&log));
            let server = ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || talk(StreamOwned::new(server, stream), &mut *script, &log));
        });
        Scripted { address, heard }
    }

    /// Returns a server that gives the same answer to each command in every session.
    pub(crate) fn answering(answer: fn(&str) -> Option<&'static str>) -> Self {
        Scripted::cleartext(move || Box::new(move |command| answer(command).map(String::from)))
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://mrose@{}", self.address)
    }

    /// Returns all commands that begin with a word. Bytes that are not UTF-8 are escaped.
    pub(crate) fn heard(&self, word: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|command| command.starts_with(word)).cloned().collect()
    }
}

/// Passes each connection to a function. Its thread ends with the process.
pub(crate) fn listen(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            serve(stream);
        }
    });
    address
}

fn talk(stream: impl Read + Write, script: &mut dyn FnMut(&str) -> Option<String>, log: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let mut command = GREETING.to_owned();
    while let Some(answer) = script(&command) {
        let sent = stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush());
        let mut line = Vec::new();
        match stream.read_until(b'\n', &mut line) {
            Ok(count) if count > 0 && sent.is_ok() => {}
            _ => return,
        }
        let line = line.trim_ascii_end();
        command = String::from_utf8(line.into()).unwrap_or_else(|_| line.escape_ascii().to_string());
        log.lock().unwrap().push(command.clone());
    }
}

/// Answers as most servers do: one message, and any login.
pub(crate) fn usual(command: &str) -> Option<&'static str> {
    match command {
        "CAPA" => Some("-ERR\r\n"),
        "LIST" => Some("+OK\r\n1 5\r\n.\r\n"),
        "UIDL" => Some("+OK\r\n1 a\r\n.\r\n"),
        "RETR 1" => Some("+OK\r\none\r\n.\r\n"),
        _ => Some("+OK\r\n"),
    }
}

/// The result of a run.
pub(crate) struct Run {
    pub(crate) folder: TempDir,
    pub(crate) tally: Tally,
    pub(crate) done: Result<(), Failure>,
}

impl Run {
    /// Returns the text of the error.
    pub(crate) fn error(&self) -> String {
        self.done.as_ref().unwrap_err().to_string()
    }
}

pub(crate) fn run(url: &str, change: impl FnOnce(&mut Options)) -> Run {
    run_in(tempfile::tempdir().unwrap(), url, change)
}

pub(crate) fn run_in(folder: TempDir, url: &str, change: impl FnOnce(&mut Options)) -> Run {
    let account = Account::parse(url, None).unwrap();
    let store = Store::open(folder.path(), Layout::Eml, &account.key()).unwrap();
    let mut options = Options { retries: 1, quiet: true, ..Options::new(account, "tanstaaf".into()) };
    change(&mut options);
    let mut fetch = Fetch::new(options, store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(fetch.run());
    Run { folder, tally: fetch.tally(), done }
}

/// Runs the program, with the password from the environment unless the arguments name another source.
pub(crate) fn program(folder: &TempDir, arguments: &[&str]) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fetch"));
    command.arg("--out").arg(folder.path()).args(arguments).env("PASSWORD", "tanstaaf");
    if !arguments.iter().any(|argument| argument.starts_with("--password")) {
        command.args(["--password-env", "PASSWORD"]);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, errors)
}

/// Returns a self-signed certificate for these names, and its key.
pub(crate) fn self_signed(is_ca: bool, names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut parameters = CertificateParams::new(names.clone()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, names.concat());
    if is_ca {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

/// Returns a server's configuration with this certificate and this key, which may be the wrong one.
pub(crate) fn server_config(
    certificate: CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    #[derive(Debug)]
    struct Always(Arc<CertifiedKey>);
    impl ResolvesServerCert for Always {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let key = any_supported_type(key).unwrap();
    let always = Always(Arc::new(CertifiedKey::new(vec![certificate], key)));
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(always))
}
