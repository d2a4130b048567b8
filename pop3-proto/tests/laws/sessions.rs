//! The sessions that the laws are tried on.

use crate::harness::{Bodies, Do, Session};
use pop3_proto::client;
use pop3_proto::server::{self, Refusal};
use pop3_proto::{ApopDigest, Base64, Command, Mechanism, MessageNumber, Secret, Text, TlsPolicy};

pub(super) const USER: Command<'static> = Command::User(Text::from_static("mrose"));
pub(super) const PLAIN: Base64<'static> = Base64::from_static("AG1yb3NlAHRhbnN0YWFm");

pub(super) fn pass(password: &'static str) -> Command<'static> {
    Command::Pass(Secret::new(password.as_bytes()).unwrap())
}

pub(super) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// USER and PASS, every command of TRANSACTION, refusals, deletions.
pub(super) fn everything() -> Vec<Do<'static>> {
    let mut steps = vec![Do::Send(Command::Capa), Do::Send(USER), Do::Send(pass("wrong"))];
    steps.extend([USER, pass("tanstaaf"), Command::Capa].map(Do::Ahead));
    let commands = [
        Command::Stat,
        Command::List(None),
        Command::List(Some(number(2))),
        Command::List(Some(number(9))),
        Command::Uidl(None),
        Command::Uidl(Some(number(1))),
        Command::Noop,
        Command::Retr(number(1)),
        Command::Retr(number(2)),
        Command::Retr(number(3)),
        Command::Top { message: number(2), lines: 1 },
        Command::Top { message: number(3), lines: 0 },
        Command::Dele(number(1)),
        Command::Dele(number(1)),
        Command::Retr(number(1)),
        Command::Stat,
        Command::Rset,
        Command::Dele(number(2)),
        Command::List(None),
        Command::Quit,
    ];
    steps.extend(commands.map(Do::Ahead));
    steps
}

/// The least that reads and deletes.
pub(super) fn short() -> Vec<Do<'static>> {
    let commands =
        [USER, pass("tanstaaf"), Command::Retr(number(2)), Command::Dele(number(2)), Command::Quit];
    commands.map(Do::Send).to_vec()
}

/// The sessions: a name, the steps, and whether TLS policies, mechanisms and bodies are other than usual.
pub(super) fn all<R>(mut with: impl FnMut(&str, &Session<'_>) -> R) {
    let everything = everything();
    with("everything", &Session::new(&everything));

    let mut lent = Session::new(&everything);
    lent.app.bodies = Bodies::Lent(5);
    with("lent", &lent);

    let short = short();
    with("short", &Session::new(&short));

    let digest = ApopDigest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
    let apop = Command::Apop { name: Text::from_static("mrose"), digest };
    with("apop", &Session::new(&[Do::Send(apop), Do::Send(Command::Stat), Do::Send(Command::Quit)]));

    let auth = |initial| Do::Send(Command::Auth { mechanism: Mechanism::PLAIN, initial });
    let mut sasl = Session::new(&[]);
    sasl.server = server::ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(&[Mechanism::PLAIN]);
    let steps = [
        auth(None),
        Do::Cancel,
        auth(None),
        Do::Respond(Base64::EMPTY),
        Do::Respond(Base64::from_static("YmFk")),
        Do::Send(Command::AuthList),
        auth(None),
        Do::Respond(PLAIN),
        Do::Verified,
        Do::Send(Command::Noop),
        Do::Send(Command::Quit),
    ];
    with("sasl", &Session { steps: &steps, ..sasl.clone() });
    let steps = [auth(Some(PLAIN)), Do::Verified, Do::Send(Command::Quit)];
    with("initial response", &Session { steps: &steps, ..sasl });

    let mut tls = Session::new(&[]);
    tls.client = client::ClientConfig::new(TlsPolicy::Required);
    tls.server = server::ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::PLAIN]);
    let steps = [
        Do::Send(Command::Capa),
        Do::Send(Command::Stls),
        Do::TlsStarted,
        Do::Send(Command::Capa),
        auth(Some(PLAIN)),
        Do::Verified,
        Do::Send(Command::Uidl(None)),
        Do::Send(Command::Quit),
    ];
    with("tls", &Session { steps: &steps, ..tls });

    let mut refused = Session::new(&[Do::Send(Command::Quit)]);
    refused.app.refuse.greeting = Some(Refusal::Temporary);
    with("no service", &refused);

    let mut kept = Session::new(&short);
    kept.app.keeps = true;
    kept.app.refuse.message = Some((2, Refusal::Permanent));
    with("kept", &kept);
}
