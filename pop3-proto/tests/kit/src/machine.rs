use pop3_proto::client::{Client, ClientConfig};
use pop3_proto::server::{Ask, Maildrop, Server, ServerConfig, Step};
use pop3_proto::{Command, Input, SendBuf, Text};

/// The lines with which a client logs in.
pub const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

/// Returns a machine without a connection that read `wire` and got a positive answer to every question. Its output is
/// dropped.
pub fn machine<M: Maildrop>(
    config: ServerConfig<'static>,
    maildrop: M,
    wire: impl AsRef<[u8]>,
) -> Server<M, ServerConfig<'static>> {
    let mut server = Server::new(config, 7);
    let mut maildrop = Some(maildrop);
    let (mut input, mut out) = (Input::more(wire.as_ref()), SendBuf::with_limit(vec![], 1 << 20));
    loop {
        match server.poll(&mut input, &mut out).unwrap() {
            Step::Ask(Ask::Greet(greet)) => {
                server.greet(greet, Text::from_static("ready"), &mut out).unwrap();
            }
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => server.accept(login, maildrop.take().unwrap()).unwrap(),
            Step::Ask(Ask::StartTls(start)) => server.tls_started(start, Input::more(b"")).unwrap(),
            Step::Ask(Ask::Commit(commit)) => server.removed(commit).unwrap(),
            _ => return server,
        }
    }
}

/// The commands, with their responses, that bring a client to TRANSACTION.
pub const OPENING: &[(&str, &str)] = &[("USER mrose", "+OK\r\n"), ("PASS tanstaaf", "+OK open\r\n")];

/// Returns a machine without a connection after a greeting and these commands with their responses. Its events are
/// dropped.
pub fn client(config: impl Into<ClientConfig>, said: &[(&str, &str)]) -> Client {
    let mut client = Client::new(config, 1);
    hear(&mut client, "+OK ready\r\n");
    for (line, response) in said {
        client.send(&Command::parse(line.as_bytes()).unwrap(), &mut SendBuf::new(vec![])).unwrap();
        hear(&mut client, response);
    }
    client
}

fn hear(client: &mut Client, bytes: &str) {
    let mut input = Input::more(bytes.as_bytes());
    while client.poll(&mut input).unwrap().is_some() {}
    assert_eq!(input.remaining(), 0);
}
