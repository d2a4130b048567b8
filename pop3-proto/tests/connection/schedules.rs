//! A connection over arrays gives the same events and output as its machine, however the bytes are cut, and even if
//! bytes are received between `is_ready` and `poll`.

use super::{Mail, give, mail};
use pop3_proto::client::{self, Event};
use pop3_proto::server::{self, Ask, Credentials, Refusal, Server, ServerConfig, Step};
use pop3_proto::{
    Base64, Client, ClientConnection, Command, Input, Keyword, Limits, Mechanism, Secret, SendBuf,
    ServerConnection, Text, TlsPolicy,
};

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext)
    .with_sasl_cleartext(&[Mechanism::PLAIN])
    .with_other_commands()
    .with_limits(Limits::DEFAULT.with_sasl_line(255));

const COMMANDS: &[u8] = b"USER mrose\r\nAUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\nAUTH PLAIN\r\nAHQAdA==\r\nXFOO bar baz\r\nXBAR\r\n\
    AUTH PLAIN =\r\nUSER a b\r\nAPOP mrose c4c9334bac560ecc979e58001b3e22fb\r\nUSER a b\r\nPASS  se cret \r\nRETR 1\r\nTOP 1 0\r\nNOOP\r\nQUIT\r\n";

const GREETING: Text<'static> = Text::from_static("ready <1.2@example.com>");

fn machine() -> (Vec<String>, Vec<u8>) {
    let mut server: Server<Mail> = Server::new(&CONFIG, 1);
    let (mut seen, mut out, mut input) = (Vec::new(), SendBuf::new(vec![]), Input::more(COMMANDS));
    loop {
        let step = server.poll(&mut input, &mut out).unwrap();
        match &step {
            Step::Ask(ask) => seen.push(format!("{ask:?}")),
            Step::NeedBody => seen.push("Body".to_owned()),
            step => seen.push(format!("{step:?}")),
        }
        match step {
            Step::Ask(Ask::Greet(token)) => server.greet(token, GREETING, &mut out).unwrap(),
            Step::Ask(Ask::User(token, _)) => server.accept_name(token).unwrap(),
            Step::Ask(Ask::Login(token, Credentials::Password(_))) => server.accept(token, mail(5)).unwrap(),
            Step::Ask(Ask::Login(token, Credentials::Sasl { initial: None, .. })) => {
                server.challenge(token, Base64::EMPTY, &mut out).unwrap();
            }
            Step::Ask(Ask::Login(token, _)) => server.refuse(token, Refusal::Temporary).unwrap(),
            Step::Ask(Ask::Fetch(token)) => server.send_body(token).unwrap(),
            Step::Ask(Ask::Other(token, keyword, arguments)) => {
                server.other(token, words(keyword, arguments), &mut out).unwrap();
            }
            Step::Ask(Ask::Commit(token)) => server.removed(token).unwrap(),
            Step::NeedBody => {
                server.write_body(b"one\n", &mut out).unwrap();
                server.finish_body().unwrap();
            }
            Step::Closed(_) => return (seen, out.pending().to_vec()),
            step => panic!("{step:?}"),
        }
    }
}

/// The response repeats the borrowed parts of the command, so the test sees that they are right.
fn words<'i>(keyword: Keyword<'i>, arguments: Option<Secret<'i>>) -> Text<'i> {
    Text::new(arguments.map_or(keyword.as_bytes(), |arguments| arguments.expose())).unwrap()
}

type Pop3<'b> = ServerConnection<Mail, &'b mut [u8], &'b mut [u8]>;

fn connection(cut: usize, between: bool) -> (Vec<String>, Vec<u8>) {
    let (mut recv, mut send) = ([0; 255], [0; 512]);
    let mut pop3: Pop3<'_> =
        ServerConnection::with_buffers(&CONFIG, 1, &mut recv[..], &mut send[..]).unwrap();
    let (mut seen, mut sent, mut rest) = (Vec::new(), Vec::new(), COMMANDS);
    let feed = |pop3: &mut Pop3<'_>, rest: &mut &[u8]| {
        let count = give(pop3.recv_buf(), &rest[..cut.min(rest.len())]);
        *rest = &rest[count..];
    };
    while !pop3.is_closed() {
        loop {
            if between && pop3.is_ready() {
                feed(&mut pop3, &mut rest);
            }
            let Some((event, mut responder)) = pop3.poll().unwrap() else { break };
            seen.push(format!("{event:?}"));
            match event {
                server::Event::Greet(token) => responder.greet(token, GREETING).unwrap(),
                server::Event::User(token, _) => responder.accept_name(token).unwrap(),
                server::Event::Login(token, Credentials::Password(password)) => {
                    assert_eq!(password.expose(), b" se cret ");
                    responder.accept(token, mail(5)).unwrap();
                }
                server::Event::Login(token, Credentials::Sasl { initial: None, .. }) => {
                    responder.challenge(token, Base64::EMPTY).unwrap();
                }
                server::Event::Login(token, _) => responder.refuse(token, Refusal::Temporary).unwrap(),
                server::Event::Fetch(token) => responder.send_body(token).unwrap(),
                server::Event::Body => {
                    responder.write_body(b"one\n").unwrap();
                    responder.finish_body().unwrap();
                }
                server::Event::Other(token, keyword, arguments) => {
                    responder.other(token, words(keyword, arguments)).unwrap();
                }
                server::Event::Commit(token) => responder.removed(token).unwrap(),
                _ => {}
            }
        }
        sent.extend_from_slice(pop3.send_buf().pending());
        pop3.send_buf().clear();
        if pop3.wants_read() {
            assert!(!pop3.recv_buf().spare_mut().is_empty());
        }
        feed(&mut pop3, &mut rest);
    }
    (seen, sent)
}

#[test]
fn law_5_a_server_connection_gives_the_events_of_its_machine_under_every_schedule() {
    let expected = machine();
    assert!(expected.0.len() > 16);
    for cut in 1..=COMMANDS.len() {
        for between in [false, true] {
            assert_eq!(connection(cut, between), expected, "{cut} {between}");
        }
    }
}

/// The server's response to each command, and the next command.
fn dialogue() -> [(&'static [u8], Option<Command<'static>>); 9] {
    let command = |line: &'static str| Some(super::command(line));
    [
        (b"+OK <1.2@example.com>\r\n", command("CAPA")),
        (b"+OK\r\nTOP\r\nUIDL\r\nSASL PLAIN\r\n.\r\n", command("AUTH PLAIN")),
        (b"+ aGVsbG8=\r\n", None),
        (b"+OK [SYS/TEMP] in\r\n", command("STAT")),
        (b"+OK 2 320\r\n", command("LIST")),
        (b"+OK\r\n1 120\r\n2 many\r\n.\r\n", command("UIDL")),
        (b"+OK\r\n1 a\r\n2 b c\r\n.\r\n", command("RETR 1")),
        (b"+OK\r\n..one\r\ntwo\r.\r\n\r\n.\r\n", command("QUIT")),
        (b"+OK bye\r\n", None),
    ]
}

/// Adds an event and joins adjacent pieces of one body.
fn note(seen: &mut Vec<String>, body: &mut Vec<u8>, event: &Event<'_>) {
    if let Event::Body(_, octets) = event {
        body.extend_from_slice(octets);
        return;
    }
    if !body.is_empty() {
        seen.push(std::mem::take(body).escape_ascii().to_string());
    }
    seen.push(format!("{event:?}"));
}

fn client_machine() -> (Vec<String>, Vec<u8>) {
    let mut client = Client::new(TlsPolicy::Cleartext, 1);
    let (mut seen, mut body, mut out) = (Vec::new(), Vec::new(), SendBuf::new(vec![]));
    for (response, next) in dialogue() {
        let mut input = Input::more(response);
        while let Some(event) = client.poll(&mut input).unwrap() {
            note(&mut seen, &mut body, &event);
            match event {
                Event::Challenge(step, _) => {
                    client.respond(step, Base64::from_static("AHQAdA=="), &mut out).unwrap();
                }
                Event::AuthAccepted(done, _) => client.verified(done).unwrap(),
                _ => {}
            }
        }
        if let Some(command) = next {
            client.send(&command, &mut out).unwrap();
        }
    }
    (seen, out.pending().to_vec())
}

fn client_connection(cut: usize, looks: bool) -> (Vec<String>, Vec<u8>) {
    let config = client::ClientConfig::new(TlsPolicy::Cleartext)
        .with_limits(Limits::DEFAULT.with_sasl_line(64).with_status_line(64).with_listing_line(64));
    let mut pop3 = ClientConnection::with_buffers(config, 1, [0; 255], [0; 512]).unwrap();
    let (mut seen, mut body, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for (mut rest, next) in dialogue() {
        while !rest.is_empty() {
            assert!(pop3.is_waiting());
            rest = &rest[give(pop3.recv_buf(), &rest[..cut.min(rest.len())])..];
            loop {
                let ready = looks.then(|| pop3.is_ready());
                let polled = pop3.poll().unwrap();
                assert!(ready.is_none_or(|ready| ready == polled.is_some()));
                let Some((event, mut sender)) = polled else { break };
                note(&mut seen, &mut body, &event);
                match event {
                    Event::Challenge(step, _) => {
                        sender.respond(step, Base64::from_static("AHQAdA==")).unwrap();
                    }
                    Event::AuthAccepted(done, _) => sender.verified(done).unwrap(),
                    _ => {}
                }
            }
        }
        if let Some(command) = next {
            pop3.sender().send(command).unwrap();
        }
        sent.extend_from_slice(pop3.send_buf().pending());
        pop3.send_buf().clear();
    }
    assert!(pop3.is_closed());
    (seen, sent)
}

#[test]
fn law_5_a_client_connection_gives_the_events_of_its_machine_under_every_schedule() {
    let expected = client_machine();
    let longest = dialogue().iter().map(|(response, _)| response.len()).max().unwrap();
    for cut in 1..=longest {
        for looks in [false, true] {
            assert_eq!(client_connection(cut, looks), expected, "{cut} {looks}");
        }
    }
}
