//! Configurations that are created at run time: borrowed, shared, or built from a program's own values, without a
//! leak.

use super::{Mail, give};
use pop3_proto::client::{self, Event};
use pop3_proto::server::{self, Credentials};
use pop3_proto::{
    ClientConnection, ConnectionError, Limits, Mechanism, Profile, ServerConnection, Text, Timers, TlsPolicy,
};
use std::sync::Arc;
use std::time::Duration;

/// The values as a program reads them from a file.
struct Settings {
    name: String,
    mechanisms: Vec<String>,
    seconds: u64,
}

fn settings() -> Settings {
    Settings { name: format!("mail {}", 7), mechanisms: vec!["PLAIN".to_owned()], seconds: 7 }
}

/// The parts that a server's configuration borrows.
struct Parts<'s> {
    settings: &'s Settings,
    mechanisms: Vec<Mechanism<'s>>,
}

impl server::AsConfig for Parts<'_> {
    fn as_config(&self) -> server::ServerConfig<'_> {
        server::ServerConfig::new(TlsPolicy::Cleartext)
            .with_sasl_cleartext(&self.mechanisms)
            .with_implementation(Text::try_from(&self.settings.name).unwrap())
    }
}

fn greeted<C: server::AsConfig>(config: C, line: &[u8]) -> (Vec<u8>, bool) {
    let mut pop3: ServerConnection<Mail, Vec<u8>, Vec<u8>, C> = ServerConnection::new(config, 1);
    let (mut sent, mut sasl) = (Vec::new(), false);
    for line in [b"", line] {
        give(pop3.recv_buf(), line);
        while let Some((event, mut responder)) = pop3.poll().unwrap() {
            match event {
                server::Event::Greet(token) => responder.greet(token, Text::from_static("ready")).unwrap(),
                server::Event::Login(token, Credentials::Sasl { .. }) => {
                    sasl = true;
                    responder.refuse(token, server::Refusal::Credentials).unwrap();
                }
                other => responder.decline(other).unwrap(),
            }
        }
        pop3.write_to(&mut sent).unwrap();
    }
    (sent, sasl)
}

#[test]
fn a_server_runs_on_a_configuration_of_run_time() {
    let settings = settings();
    let mechanisms =
        settings.mechanisms.iter().map(|name| Mechanism::new(name.as_bytes()).unwrap()).collect();
    let parts = Parts { settings: &settings, mechanisms };
    let (sent, _) = greeted(&parts, b"CAPA\r\n");
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains("\r\nIMPLEMENTATION mail 7\r\n") && sent.contains("\r\nSASL PLAIN\r\n"), "{sent}");
    assert!(greeted(&parts, b"AUTH PLAIN =\r\n").1);
    assert!(!greeted(Arc::new(server::ServerConfig::new(TlsPolicy::Cleartext)), b"AUTH PLAIN =\r\n").1);
}

/// A client's configuration, together with other settings.
struct Account {
    config: client::ClientConfig,
}

impl client::AsConfig for Account {
    fn as_config(&self) -> &client::ClientConfig {
        &self.config
    }
}

fn is_strict<C: client::AsConfig>(config: C) {
    let mut pop3 = ClientConnection::with_buffers(config, 1, [0; 512], [0; 512]).unwrap();
    let due = pop3.tick(Duration::ZERO).unwrap();
    assert_eq!(due, Some(Duration::from_secs(7)));
    give(pop3.recv_buf(), b"+OK ready\n");
    assert!(matches!(pop3.poll(), Err(ConnectionError::Strict(_))));
}

#[test]
fn a_client_runs_on_a_configuration_of_run_time() {
    let seconds = settings().seconds;
    let config = client::ClientConfig::new(TlsPolicy::Implicit)
        .with_profile(Profile::Strict)
        .with_limits(Limits::DEFAULT.with_sasl_line(512))
        .with_timers(Timers::DEFAULT.with_greeting(Duration::from_secs(seconds)));
    is_strict(config);
    let borrowed: &client::ClientConfig = &config;
    is_strict(borrowed);
    is_strict(Arc::new(config));
    is_strict(&Account { config });
    let shared = Arc::new(Account { config });
    is_strict(Arc::clone(&shared));
    is_strict(shared);
    // The simple form, from a policy alone.
    let mut pop3 = ClientConnection::new(TlsPolicy::Implicit, 1);
    give(pop3.recv_buf(), b"+OK ready\r\n");
    assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));
}
