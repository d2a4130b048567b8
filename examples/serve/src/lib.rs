//! A POP3 server over Maildirs: users, mailboxes, and the answers to the machine's questions about both.
//!
//! Messages are sent with the bytes with which they were delivered. `UTF8` changes which bytes a message may contain, not the bytes
//! themselves.

#![allow(missing_debug_implementations)] // types that hold connections, mail or secrets are not for printing

mod certificate;
mod files;
mod german;
mod listen;
pub mod nobody;
pub mod node;
pub mod passwords;
pub mod prepare;
pub mod proxied;
mod run;
pub mod scram;
mod self_signed;
mod store;
pub mod users;
mod visit;

pub use certificate::Certificate;
pub use files::make_private_folder;
pub use listen::{Door, Guest, Guests, Shutdown};
pub use pop3_proto_maildir::refusal;
pub use proxied::Proxies;
pub use run::run;
pub use self_signed::self_signed;
pub use store::{Later, Mailbox, Octets, Store};
pub use visit::Visit;

use pop3_proto::server::{Language, ServerConfig, Utf8};
use pop3_proto::{Limits, Mechanism, Text, TlsPolicy};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Any error. The program only prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The longest command line that the server reads, and the longest line inside AUTH. They bound names and passwords.
const COMMAND_LINE: u16 = 255;
const SASL_LINE: u16 = 12_288;

/// The part that all connections share.
pub struct Host {
    pub store: Arc<dyn Store>,
    pub guests: Guests,
    /// Name and password for APOP, which needs the password itself.
    apop: Option<(String, String)>,
    connections: AtomicU64,
}

impl Host {
    #[must_use]
    pub fn new(store: impl Store + 'static, guests: Guests, apop: Option<(String, String)>) -> Self {
        Host { store: Arc::new(store), guests, apop, connections: AtomicU64::new(0) }
    }

    /// Returns a new number for a connection.
    fn next_id(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns a timestamp that no other connection has, of this process or another (RFC 1939 section 7).
    fn timestamp(&self, id: u64) -> Option<String> {
        self.apop.as_ref()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Some(format!("<{}.{id}.{now}@localhost>", std::process::id()))
    }
}

/// Returns the server's configuration for a policy, which also decides whether passwords may be sent in
/// cleartext.
#[must_use]
pub fn config(policy: TlsPolicy) -> ServerConfig<'static> {
    const MECHANISMS: &[Mechanism<'_>] = &[Mechanism::SCRAM_SHA_256, Mechanism::PLAIN];
    ServerConfig::new(policy)
        .with_limits(Limits::DEFAULT.with_command_line(COMMAND_LINE).with_sasl_line(SASL_LINE))
        .with_implementation(Text::from_static("pop3-proto serve"))
        .with_sasl(MECHANISMS)
        .with_sasl_cleartext(MECHANISMS)
        .with_utf8(Utf8::MessagesAndUsers)
        .with_languages(&[Language::ENGLISH, german::GERMAN])
}
