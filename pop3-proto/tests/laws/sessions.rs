//! The sessions that test the laws.

use pop3_proto::client;
use pop3_proto::server::{self, Refusal};
use pop3_proto::{Command, Mechanism, MessageNumber, Secret, Text, TlsPolicy};
use pop3_proto_kit::{Bodies, Dialogue, SMALL};

pub(super) const USER: Command<'static> = Command::User(Text::from_static("mrose"));

pub(super) fn pass(password: &'static str) -> Command<'static> {
    Command::Pass(Secret::new(password.as_bytes()).unwrap())
}

pub(super) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// USER and PASS, every command of TRANSACTION, refusals, deletions.
const EVERYTHING: &[&str] = &[
    "CAPA",
    "USER mrose",
    "PASS wrong",
    "&USER mrose",
    "&PASS tanstaaf",
    "&CAPA",
    "&STAT",
    "&LIST",
    "&LIST 2",
    "&LIST 9",
    "&UIDL",
    "&UIDL 1",
    "&NOOP",
    "&RETR 1",
    "&RETR 2",
    "&RETR 3",
    "&TOP 2 1",
    "&TOP 3 0",
    "&DELE 1",
    "&DELE 1",
    "&RETR 1",
    "&STAT",
    "&RSET",
    "&DELE 2",
    "&LIST",
    "&QUIT",
];

/// The shortest session that reads and deletes.
pub(super) const SHORT: &[&str] = &["USER mrose", "PASS tanstaaf", "RETR 2", "DELE 2", "QUIT"];

const AUTH: &str = "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm";

/// Two exchanges that fail, and one that succeeds.
const EXCHANGES: &[&str] = &[
    "AUTH PLAIN",
    "*",
    "AUTH PLAIN",
    "",
    "YmFk",
    "AUTH",
    "AUTH PLAIN",
    "",
    "AG1yb3NlAHRhbnN0YWFm",
    "NOOP",
    "QUIT",
];

/// Calls `with` for each dialogue with its name. They differ in lines, TLS policies, mechanisms and bodies.
pub(super) fn all<R>(mut with: impl FnMut(&str, &Dialogue<'_>) -> R) {
    with("everything", &Dialogue::new(EVERYTHING));

    let mut lent = Dialogue::new(EVERYTHING);
    lent.app.bodies = Bodies::Lent(5);
    with("lent", &lent);

    with("short", &Dialogue::new(SHORT));
    with("apop", &Dialogue::new(&["APOP mrose c4c9334bac560ecc979e58001b3e22fb", "STAT", "QUIT"]));

    let clear = server::ServerConfig::new(TlsPolicy::Cleartext).with_limits(SMALL);
    let mut sasl = Dialogue::new(EXCHANGES);
    sasl.server = clear.with_sasl_cleartext(&[Mechanism::PLAIN]);
    sasl.app.challenges = vec![String::new(), "YWdhaW4=".into()];
    with("sasl", &sasl);
    sasl.app.challenges.pop();
    with("initial response", &Dialogue { steps: &[AUTH, "QUIT"], ..sasl });

    let mut tls = Dialogue::new(&["CAPA", "STLS", "CAPA", AUTH, "UIDL", "QUIT"]);
    tls.client = client::ClientConfig::new(TlsPolicy::Required).with_limits(SMALL);
    tls.server =
        server::ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::PLAIN]).with_limits(SMALL);
    with("tls", &tls);

    let mut refused = Dialogue::new(&["QUIT"]);
    refused.app.refuse_greeting = Some(Refusal::Temporary);
    with("no service", &refused);

    let mut kept = Dialogue::new(SHORT);
    kept.app.keep_all();
    kept.app.messages[1].text = None;
    with("kept", &kept);
}
