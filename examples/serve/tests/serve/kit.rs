//! A server over Maildirs in a temporary folder, and a client that sends given commands.

use pop3_proto::TlsPolicy;
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{Door, Guests, Host, Proxies, Shutdown, config, self_signed};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(crate) const NAME: &str = "mrose";
pub(crate) const PASSWORD: &str = "tanstaaf";
pub(crate) const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

/// A Maildir for one user.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// Returns a site with these messages, in this order.
    pub(crate) fn with(messages: &[&[u8]]) -> Self {
        let site = Site { folder: tempfile::tempdir().unwrap() };
        users::make_maildir(&site.maildir()).unwrap();
        for (number, message) in (1..).zip(messages) {
            fs::write(site.file(number), message).unwrap();
        }
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn maildir(&self) -> PathBuf {
        self.path().join("Maildir")
    }

    pub(crate) fn file(&self, number: usize) -> PathBuf {
        self.maildir().join(format!("new/{}.M{number}.example", 1_700_000_000 + number))
    }

    /// Returns the file names in `new` and `cur`.
    pub(crate) fn files(&self) -> Vec<String> {
        let folders = ["new", "cur"].map(|folder| fs::read_dir(self.maildir().join(folder)).unwrap());
        let mut names: Vec<_> = folders
            .into_iter()
            .flatten()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn host(&self) -> Host {
        let users = Users::one(NAME, PASSWORD, &self.maildir()).unwrap();
        Host::new(users, Guests::new(1000, 1000), None)
    }

    /// Returns the settings of a listener: in cleartext, with STLS offered.
    pub(crate) fn door(&self) -> Door {
        door(self.host(), self.path())
    }

    pub(crate) async fn serve(&self) -> Server {
        Server::start(self.door()).await
    }
}

pub(crate) fn door(host: Host, folder: &Path) -> Door {
    let acceptor = Some(self_signed(folder).unwrap());
    let config = Arc::new(config(TlsPolicy::Opportunistic));
    Door { host: Arc::new(host), config, acceptor, implicit: false, proxies: Proxies::default() }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
}

impl Server {
    pub(crate) async fn start(door: Door) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
        shutdown.spawn(listener, door);
        Server { address, shutdown }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends all commands at once, and returns the server's output until it closes.
    pub(crate) async fn talk(&self, commands: &str) -> Vec<u8> {
        let mut stream = self.connect().await;
        stream.write_all(commands.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    /// Does the same, once the maildrop is free.
    pub(crate) async fn talk_alone(&self, commands: &str) -> String {
        for _ in 0..500 {
            let answer = String::from_utf8_lossy(&self.talk(commands).await).into_owned();
            if !answer.contains("[IN-USE]") {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the maildrop stays in use");
    }
}

/// Returns a client's side of TLS that trusts the certificates in this file.
pub(crate) fn connector(ca: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Sends commands, and waits for at least `lines` lines.
pub(crate) async fn say(stream: &mut TcpStream, commands: &str, lines: usize) -> String {
    stream.write_all(commands.as_bytes()).await.unwrap();
    let mut told = String::new();
    let mut buffer = [0; 512];
    while told.lines().count() < lines || !told.ends_with('\n') {
        let count = timeout(Duration::from_secs(30), stream.read(&mut buffer)).await.expect(&told).unwrap();
        assert!(count > 0, "closed after {told}");
        told += &String::from_utf8_lossy(&buffer[..count]);
    }
    told
}

/// Returns everything until the stream ends.
pub(crate) async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut octets = Vec::new();
    timeout(Duration::from_secs(30), stream.read_to_end(&mut octets)).await.expect("it goes on").unwrap();
    octets
}

/// Pseudo-random numbers, the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Returns a number from 0 to below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}
