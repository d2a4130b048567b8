//! Checks the reports of an adapter to `tracing`, with sessions that are full of secrets.

use pop3_proto::TlsPolicy;
use pop3_proto::login::Way;
use pop3_proto::script::Script;
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// The name of the sessions.
pub const NAME: &str = "mrose";
/// The password of the sessions.
pub const PASSWORD: &str = "hunter2";

/// A client's session: the method of its login, and the dialogue. After the login the client sends [`MISTYPED`], RETR 7 and
/// QUIT.
pub const CLIENTS: [(Way, TlsPolicy, &str); 3] = [
    (
        Way::User,
        TlsPolicy::Cleartext,
        "S: +OK host.example\nC: CAPA\nS: -ERR\nC: USER mrose\nS: +OK mrose is known\nC: PASS hunter2\nS: +OK",
    ),
    (
        Way::Plain,
        TlsPolicy::Implicit,
        "S: +OK host.example\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\nC: AUTH PLAIN\nS: +\x20\nC: AG1yb3NlAGh1bnRlcjI=\nS: +OK",
    ),
    (
        Way::Apop,
        TlsPolicy::Cleartext,
        "S: +OK <1.2@host.example>\nC: CAPA\nS: -ERR\nC: APOP mrose 3554d45ed3262ffff9c29318cfec9616\nS: +OK",
    ),
];

/// A mistyped PASS, which is an unknown command.
pub const MISTYPED: &str = "PASSS hunter2";

/// Everything that a client sends to a server which offers APOP and PLAIN, and refuses every login except by
/// PASS.
pub const TO_SERVER: &str = "PASSS hunter2\r\nAPOP mrose 3554d45ed3262ffff9c29318cfec9616\r\nAUTH PLAIN AG1yb3NlAGh1bnRlcjI=\r\n\
    AUTH PLAIN\r\nAG1yb3NlAGh1bnRlcjI=\r\nUSER mrose\r\nPASS hunter2\r\nhunter2\r\nQUIT\r\n";

/// Parts of names, passwords, digests, texts and messages, none of which may be reported.
const SECRETS: [&str; 8] = ["mrose", "hunter", "PASSS", "AG1yb3", "3554d4", "Dear", "host.example", "known"];

/// Returns the dialogue of a client's session to its end.
///
/// # Panics
/// Panics if it is wrong.
#[must_use]
pub fn script(login: &str) -> &'static Script {
    let rest = "C: PASSS hunter2\nS: -ERR hunter2 is unknown\nC: RETR 7\nS: +OK\nS: Dear mrose\nS: .\nC: QUIT\nS: +OK mrose";
    let script = Script::parse(&format!("{login}\n{rest}")).expect("a script");
    Box::leak(Box::new(script))
}

/// Keeps everything that a thread reports: `span 1: name field=value`, `span 1 has field=value`, `event in 1: field=value`, `span 1 ends`.
#[derive(Clone, Debug, Default)]
pub struct Told {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
}

impl Told {
    /// Runs this, and returns its reports.
    ///
    /// One subscriber serves all threads, and passes on the reports of this thread. With one for each test, `tracing` decides again which
    /// places in the source are enabled while other tests run, and sometimes misses one.
    pub fn by<T>(work: impl FnOnce() -> T) -> (Self, T) {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(ByThread).expect("it is the only one"));
        let told = Told::default();
        CURRENT.set(Some(told.clone()));
        let result = work();
        CURRENT.set(None);
        (told, result)
    }

    /// Returns the lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks that there is one span, that each event is in it, that it has ended, that these parts were reported, and that
    /// no secret was.
    ///
    /// # Panics
    /// Panics if any check fails.
    pub fn check(&self, known: &[&str]) {
        let lines = self.lines();
        let spans = lines.iter().filter(|line| line.starts_with("span 1: ") || line.starts_with("span 2: "));
        assert_eq!(spans.count(), 1, "one span for each session: {lines:#?}");
        assert!(
            lines.iter().all(|line| line.starts_with("span 1") || line.starts_with("event in 1: ")),
            "each event is in the span: {lines:#?}"
        );
        assert_eq!(lines.last().map(String::as_str), Some("span 1 ends"), "{lines:#?}");
        for known in known {
            assert!(lines.iter().any(|line| line.contains(known)), "{known} in {lines:#?}");
        }
        for secret in SECRETS {
            let shown = lines.iter().find(|line| line.to_lowercase().contains(&secret.to_lowercase()));
            assert_eq!(shown, None, "it contains {secret}");
        }
    }

    fn add(&self, line: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// The fields of a span or an event.
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

thread_local! {
    /// The receiver of this thread's reports.
    static CURRENT: RefCell<Option<Told>> = const { RefCell::new(None) };
}

/// The subscriber of all threads.
struct ByThread;

impl ByThread {
    fn tell(tell: impl FnOnce(&Told)) {
        CURRENT.with_borrow(|told| told.as_ref().map(tell));
    }
}

impl Subscriber for ByThread {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut id = 1;
        Self::tell(|told| {
            id = told.spans.fetch_add(1, Ordering::Relaxed) + 1;
            let mut fields = Fields(format!("span {id}: {}", attributes.metadata().name()));
            attributes.record(&mut fields);
            told.add(fields.0);
        });
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields(format!("span {} has", span.into_u64()));
        values.record(&mut fields);
        Self::tell(|told| told.add(fields.0));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let parent = event.parent().map_or(0, Id::into_u64);
        let mut fields = Fields(format!("event in {parent}:"));
        event.record(&mut fields);
        Self::tell(|told| told.add(fields.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, span: Id) -> bool {
        Self::tell(|told| told.add(format!("span {} ends", span.into_u64())));
        true
    }
}
