//! What `tracing` is told.

use pop3_blocking::pop3_proto::client::Event;
use pop3_blocking::pop3_proto::script::Script;
use pop3_blocking::pop3_proto::{Command, MessageNumber, TlsPolicy};
use pop3_blocking::{Connection, NoTimeouts};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// Keeps everything that it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<String>>);

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Told {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn law_9_a_trace_names_commands_and_nothing_else() {
    let script = Script::parse(
        "S: +OK host.example\nC: CAPA\nS: -ERR\nC: USER mrose\nS: +OK mrose is known\nC: PASS tanstaaf\nS: +OK\nC: RETR 7\nS: +OK\nS: Dear you
        S: .\nC: QUIT\nS: +OK",
    );
    let script = script.unwrap();
    let told = Told::default();
    tracing::subscriber::with_default(told.clone(), || {
        let mut pop3 = Connection::new(NoTimeouts(script.server()), TlsPolicy::Cleartext);
        pop3.log_in("mrose", "tanstaaf").unwrap();
        pop3.sender().send(Command::Retr(MessageNumber::new(7).unwrap())).unwrap();
        while let Some((event, mut sender)) = pop3.next().unwrap() {
            if let Event::End(..) = event {
                sender.send(Command::Quit).unwrap();
            }
        }
    });
    let told = told.0.lock().unwrap();
    for known in ["event=\"greeting\"", "command=\"RETR\"", "message=7", "event=\"closed\""] {
        assert!(told.contains(known), "{known} in {told}");
    }
    for secret in ["mrose", "tanstaaf", "Dear", "host.example"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[test]
fn both_adapters_tell_the_same() {
    let [blocking, tokio] = [include_str!("../../src/trace.rs"), include_str!("../../../tokio/src/trace.rs")];
    assert_eq!(blocking, tokio);
    let [blocking, tokio] = [include_str!("../../src/error.rs"), include_str!("../../../tokio/src/error.rs")];
    assert_eq!(blocking, tokio);
}
