//! Helpers that bring a machine into the state in which a law is tested.

use super::sessions::USER;
use pop3_proto::client::{self, Client, Event};
use pop3_proto::server::{Ask, Server, ServerConfig, Step};
use pop3_proto::{Command, Input, Mechanism, SendBuf, Sink, Text, TlsPolicy};
use pop3_proto_kit::{App, Infos};

/// A command, and the server's response.
pub(super) type Said<'c> = (Command<'c>, &'static [u8]);

pub(super) const LOGIN: [Said<'static>; 2] = [(USER, b"+OK\r\n"), (PASS, b"+OK\r\n")];

const PASS: Command<'static> = Command::Pass(match pop3_proto::Secret::new(b"tanstaaf") {
    Ok(secret) => secret,
    Err(_) => panic!(),
});

pub(super) const fn cleartext() -> client::ClientConfig {
    client::ClientConfig::new(TlsPolicy::Cleartext)
}

/// Returns a client after the greeting and these commands with their responses.
pub(super) fn client(config: client::ClientConfig, greeting: &'static [u8], said: &[Said<'_>]) -> Client {
    let mut client = Client::new(config, 1);
    hear(&mut client, greeting);
    for (command, answer) in said {
        say(&mut client, command, answer);
    }
    client
}

/// Sends a command and reads the answer.
pub(super) fn say<'i>(client: &mut Client, command: &Command<'_>, answer: &'i [u8]) -> Option<Event<'i>> {
    client.send(command, &mut SendBuf::new(vec![])).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    hear(client, answer)
}

/// Reads all of these bytes and returns the last event.
pub(super) fn hear<'i>(client: &mut Client, octets: &'i [u8]) -> Option<Event<'i>> {
    let (mut input, mut last) = (Input::more(octets), None);
    while input.remaining() > 0 {
        last = client.poll(&mut input).unwrap();
    }
    last
}

/// Returns a server with every feature switched on, with this connection number.
pub(super) fn server(id: u64) -> Server<Infos, ServerConfig<'static>> {
    let config = ServerConfig::new(TlsPolicy::Opportunistic).with_other_commands();
    Server::new(config.with_sasl_cleartext(&[Mechanism::PLAIN]).with_sasl(&[Mechanism::PLAIN]), id)
}

/// Lets the server read, and answers all questions up to the first step that `stop` selects.
pub(super) fn until<'i>(
    server: &mut Server<Infos, ServerConfig<'_>>,
    input: &mut Input<'i>,
    sink: &mut dyn Sink,
    stop: impl Fn(&Step<'_>) -> bool,
) -> Step<'i> {
    loop {
        let step = server.poll(input, sink).unwrap();
        if stop(&step) {
            return step;
        }
        match step {
            Step::Ask(Ask::Greet(greet)) => {
                server.greet(greet, Text::from_static("hi <1.2@h>"), sink).unwrap();
            }
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => {
                server.accept(login, App::new().maildrop()).unwrap();
            }
            Step::Ask(Ask::Fetch(fetch)) => server.send_body_of(fetch, 19).unwrap(),
            Step::Ask(Ask::Commit(commit)) => server.removed(commit).unwrap(),
            Step::Ask(Ask::Other(other, ..)) => server.other(other, Text::EMPTY, sink).unwrap(),
            Step::NeedBody => _ = server.finish_body().unwrap(),
            step => panic!("not the expected step: {step:?}"),
        }
    }
}

/// Returns the question that follows `wire`.
macro_rules! ask {
    ($server:expr, $wire:expr, $($kind:tt)+) => {{
        let step = crate::laws::reach::until(
            $server,
            &mut pop3_proto::Input::more($wire),
            &mut pop3_proto::SendBuf::new(vec![]),
            |step| matches!(step, pop3_proto::server::Step::Ask(pop3_proto::server::Ask::$($kind)+)),
        );
        let pop3_proto::server::Step::Ask(ask) = step else { unreachable!() };
        ask
    }};
}
pub(super) use ask;

pub(super) fn logged_in(config: client::ClientConfig) -> Client {
    client(config, b"+OK\r\n", &LOGIN)
}
