//! The dialogues.

use crate::Config;
use pop3_proto::script::Script;
use pop3_proto::{
    ClientConfig, Command, Limits, MessageNumber, Secret, ServerConfig, Text, Timers, TlsPolicy,
};
use std::time::Duration;

/// A session of a client.
#[derive(Debug)]
pub struct ClientScenario {
    /// The name in messages of tests.
    pub name: &'static str,
    /// The dialogue.
    pub script: &'static Script,
    /// The client's commands.
    pub commands: Vec<Command<'static>>,
    /// The client's configuration.
    pub config: ClientConfig,
}

/// A session of a server.
#[derive(Debug)]
pub struct ServerScenario {
    /// The name in messages of tests.
    pub name: &'static str,
    /// The dialogue.
    pub script: &'static Script,
    /// The server's configuration.
    pub config: Config,
    /// The same configuration, with timers that a test can wait for.
    pub config_in_haste: Config,
}

/// A login of a client, and QUIT.
#[derive(Debug)]
pub struct LoginScenario {
    /// The name in messages of tests.
    pub name: &'static str,
    /// The dialogue.
    pub script: &'static Script,
}

const SHORT: Duration = Duration::from_millis(60);

/// Returns timers that a test can wait for.
pub(crate) const fn hasty() -> Timers {
    Timers::DEFAULT.with_greeting(SHORT).with_answer(SHORT).with_login(SHORT).with_autologout(SHORT)
}

fn script(text: &str) -> &'static Script {
    Box::leak(Box::new(Script::parse(text).expect("a script")))
}

const LOGIN: &str = "S: +OK ready\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK\n";

/// Returns the sessions of clients.
///
/// # Panics
/// Panics if a script is wrong.
#[must_use]
pub fn client_scenarios() -> Vec<ClientScenario> {
    let login = [
        Command::User(Text::from_static("mrose")),
        Command::Pass(Secret::new(b"tanstaaf").expect("a password")),
    ];
    let after = |commands: &[Command<'static>]| [&login[..], commands].concat();
    let message = Some(MessageNumber::FIRST);
    let one = MessageNumber::FIRST;
    let of = |name, text: &str, commands, tls, limits| ClientScenario {
        name,
        script: script(text),
        commands,
        config: ClientConfig::new(tls).with_limits(limits),
    };
    let clear = TlsPolicy::Cleartext;
    vec![
        of(
            "a whole session",
            &format!(
                "{LOGIN}C: STAT\nS: +OK 2 40\nC: LIST\nS: +OK\nS: 1 20\nS: odd\nS: 2 20\nS: .\nC: UIDL 1\nS: +OK 1 one\nC: RETR 1\nS: +OK
                S: Subject: dots\nS:\x20\nS: ..one\nS: ...\nS: end\nS: .\nC: DELE 1\nS: +OK\nC: NOOP\nS: -ERR no\nC: QUIT\nS: +OK bye"
            ),
            after(&[
                Command::Stat,
                Command::List(None),
                Command::Uidl(message),
                Command::Retr(one),
                Command::Dele(one),
                Command::Noop,
                Command::Quit,
            ]),
            clear,
            Limits::DEFAULT,
        ),
        of(
            "STLS",
            "S: +OK ready\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\n* TLS starts\nC: QUIT\nS: +OK bye",
            vec![Command::Capa, Command::Stls, Command::Quit],
            TlsPolicy::Required,
            Limits::DEFAULT,
        ),
        of("no service", "S: -ERR busy", vec![], clear, Limits::DEFAULT),
        of("no response is pending", LOGIN, login.to_vec(), clear, Limits::DEFAULT),
        of(
            "a message over its limit",
            &format!("{LOGIN}C: RETR 1\nS: +OK\nS: {}\nS: .", "x".repeat(200)),
            after(&[Command::Retr(one)]),
            clear,
            Limits::DEFAULT.with_body_octets(100),
        ),
        of(
            "a listing over its limit",
            &format!("{LOGIN}C: LIST\nS: +OK\nS: 1 1\nS: 2 2\nS: 3 3\nS: ."),
            after(&[Command::List(None)]),
            clear,
            Limits::DEFAULT.with_listing_rows(2),
        ),
        of(
            "a status line over its limit",
            &format!("{LOGIN}C: NOOP\nS: +OK {}", "x".repeat(600)),
            after(&[Command::Noop]),
            clear,
            Limits::DEFAULT,
        ),
        of("another protocol", "S: 220 smtp.example.com", vec![], clear, Limits::DEFAULT),
    ]
}

/// Returns the logins of clients.
///
/// # Panics
/// Panics if a script is wrong.
#[must_use]
pub fn login_scenarios() -> Vec<LoginScenario> {
    let of = |name, text: &str| LoginScenario { name, script: script(text) };
    vec![
        of(
            "a login by APOP",
            "S: +OK ready <1.2@host.example>\nC: CAPA\nS: +OK\nS: USER\nS: .
            C: APOP mrose b50a9b7f2627ce0d45e0f6b637b86494\nS: +OK\nC: QUIT\nS: +OK bye",
        ),
        of(
            "a login by USER",
            "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: .\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK\nC: QUIT\nS: +OK bye",
        ),
        of(
            "a login that is refused",
            "S: +OK ready\nC: CAPA\nS: -ERR what?\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: -ERR no\n* connection closes",
        ),
        of("a login without service", "S: -ERR busy\n* connection closes"),
    ]
}

/// Returns the sessions of servers.
///
/// # Panics
/// Panics if a script is wrong.
#[must_use]
pub fn server_scenarios() -> Vec<ServerScenario> {
    static CLEAR: Configs = configs(TlsPolicy::Cleartext);
    static STLS: Configs = configs(TlsPolicy::Required);
    const LOGIN: &str =
        "S: +OK ready\nC: USER mrose\nS: +OK send PASS\nC: PASS tanstaaf\nS: +OK maildrop open\n";
    let of = |name, text: &str, [config, config_in_haste]: &'static Configs| ServerScenario {
        name,
        script: script(text),
        config,
        config_in_haste,
    };
    vec![
        of(
            "a whole session",
            &format!(
                "{LOGIN}C: STAT\nS: +OK 2 53\nC: RETR 1\nS: +OK 32 octets\nS: Subject: one\nS: \nS: ..dots\nS: ...\nS: end\nS: .
                C: TOP 2 0\nS: +OK top of message follows\nS: Subject: two\nS: \nS: .\nC: DELE 2\nS: +OK marked for deletion\nC: QUIT\nS: +OK bye\n* connection closes"
            ),
            &CLEAR,
        ),
        of(
            "pipelined commands",
            &format!("{LOGIN}C: NOOP\nC: RETR 2\nC: NOOP\nC: QUIT\nS: +OK no operation\nS: +OK 21 octets\nS: Subject: two\nS: \nS: bye\nS: .\nS: +OK no operation\nS: +OK bye\n* connection closes"),
            &CLEAR,
        ),
        of("STLS", "S: +OK ready\nC: STLS\nS: +OK begin TLS\n* TLS starts\nC: QUIT\nS: +OK bye\n* connection closes", &STLS),
        of("an end without QUIT", &format!("{LOGIN}C: DELE 1\nS: +OK marked for deletion\n* connection closes"), &CLEAR),
        of(
            "too many failed logins",
            "S: +OK ready\nC: USER mrose\nS: +OK send PASS\nC: PASS guess\nS: -ERR [AUTH] login failed\n* connection closes",
            &CLEAR,
        ),
        of("a line over its limit", &format!("S: +OK ready\nC: {}\nS: -ERR too many bad commands\n* connection closes", "x".repeat(300)), &CLEAR),
    ]
}

/// A configuration, and the same one with timers that a test can wait for.
type Configs = [ServerConfig<'static>; 2];

const fn configs(tls: TlsPolicy) -> Configs {
    let limits = Limits::DEFAULT.with_failed_logins(1).with_bad_commands(1, 1);
    let config = ServerConfig::new(tls).with_limits(limits);
    [config, config.with_timers(hasty())]
}
