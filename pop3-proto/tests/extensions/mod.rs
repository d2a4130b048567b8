//! Everything after RFC 1939: CAPA, response codes, STLS, AUTH, UTF8, LANG.

mod announce;
mod capa;
mod codes;
mod grammar;
mod lang;
mod law_8;
mod login_delay;
mod pipelining;
mod policy;
mod quirks_table;
mod sasl_client;
#[cfg(feature = "sasl")]
mod sasl_messages;
mod sasl_outcome;
mod sasl_server;
mod stls;
mod utf8;

use pop3_proto::MessageNumber;
use pop3_proto::client::ClientConfig;
use pop3_proto::server::{Entry, Maildrop, MessageInfo, Refusal, ServerConfig};
use pop3_proto_kit::{App, Guest, Host, Infos};

/// Returns a client that was greeted without a timestamp.
fn guest(config: impl Into<ClientConfig>) -> Guest {
    let mut guest = Guest::new(config);
    assert_eq!(guest.hear("+OK ready\r\n"), ["greeting ready"]);
    guest
}

/// Returns a client that is logged in.
fn opened(config: impl Into<ClientConfig>) -> Guest {
    let mut guest = guest(config);
    guest.log_in();
    guest
}

/// A maildrop whose even messages hold UTF-8, each of 100 octets.
struct Mail {
    infos: Infos,
    utf8: bool,
}

impl Maildrop for Mail {
    fn count(&self) -> u32 {
        self.infos.count()
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        match message.get() % 2 {
            0 if !self.utf8 => Err(Refusal::NeedsUtf8),
            _ => self.infos.entry(message),
        }
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.infos.mark(message)
    }

    fn unmark_all(&mut self) {
        self.infos.unmark_all();
    }
}

/// Returns a server with a maildrop of four such messages.
fn host_of(config: ServerConfig<'static>) -> Host<Mail> {
    let app = App::of(&["Subject: hello\r\n\r\n.body\r\n"; 4]);
    let infos = app.maildrop().into_iter().map(|info| MessageInfo::new(100, info.id().clone())).collect();
    let mut host = Host::opening(config, app, Mail { infos, utf8: false });
    host.prepare = |mail, utf8| mail.utf8 = utf8;
    host
}

/// Returns a server whose greeting is sent.
fn greeted(config: ServerConfig<'static>) -> Host<Mail> {
    let mut host = host_of(config);
    assert_eq!(host.say(""), "+OK ready\r\n");
    host
}

/// Returns a server in TRANSACTION.
fn logged_in(config: ServerConfig<'static>) -> Host<Mail> {
    greeted(config).login()
}

/// Returns a server that accepts every login at once; its greeting, with a timestamp, is sent.
fn hosted(config: ServerConfig<'static>) -> Host {
    let mut host = Host::new(config, &["abc"]);
    host.greeting = "ready <1.2@host>".into();
    host.challenges.clear();
    assert_eq!(host.say(""), "+OK ready <1.2@host>\r\n");
    host.asked.clear();
    host
}
