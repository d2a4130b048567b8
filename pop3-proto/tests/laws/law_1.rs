//! Borrowed body: the machines do not copy a byte of a message. The kit checks this at every event of every session
//! as well.

use super::sessions::number;
use pop3_proto::client::{Client, Event};
use pop3_proto::server::{self, Ask, Server, Step};
use pop3_proto::{Command, Input, SendBuf, Text, TlsPolicy};
use pop3_proto_kit::{App, Infos};

fn lies_in(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

/// Returns a client that waits for the message.
fn reading() -> Client {
    let (mut client, mut sink) = (Client::new(TlsPolicy::Cleartext, 1), SendBuf::new(vec![]));
    let commands = [
        Command::User("a".try_into().unwrap()),
        Command::Pass("b".try_into().unwrap()),
        Command::Retr(number(1)),
    ];
    for command in &commands {
        client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
        client.send(command, &mut sink).unwrap();
    }
    assert!(matches!(client.poll(&mut Input::more(b"+OK\r\n")), Ok(Some(Event::Begin(..)))));
    client
}

#[test]
fn law_1_a_piece_of_a_message_borrows_from_the_input() {
    let wire = b"Subject: x\r\n\r\n..one\r\n.two\r\n.\rthree\r\n.\r\n";
    for cut in 0..=wire.len() {
        let mut client = reading();
        let (mut message, mut read) = (Vec::new(), 0);
        for end in [cut, wire.len()] {
            let unread = &wire[read..end];
            let mut input = Input::more(unread);
            while let Some(event) = client.poll(&mut input).unwrap() {
                if let Event::Body(_, data) = event {
                    assert!(lies_in(data, unread), "{cut}: {data:?}");
                    message.extend_from_slice(data);
                }
            }
            read = end - input.remaining();
        }
        assert_eq!(message, b"Subject: x\r\n\r\n.one\r\ntwo\r\n\rthree\r\n");
    }
}

/// Returns a server in TRANSACTION that was asked for the first message.
fn sending() -> Server<Infos, server::ServerConfig<'static>> {
    let mut server = Server::new(server::ServerConfig::new(TlsPolicy::Cleartext), 1);
    let (mut sink, mut input) = (SendBuf::new(vec![]), Input::more(b"USER a\r\nPASS b\r\nRETR 1\r\n"));
    loop {
        match server.poll(&mut input, &mut sink).unwrap() {
            Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::EMPTY, &mut sink).unwrap(),
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => {
                server.accept(login, App::new().maildrop()).unwrap();
            }
            Step::Ask(Ask::Fetch(fetch)) => server.send_body_of(fetch, 1).unwrap(),
            Step::NeedBody => return server,
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn law_1_a_slice_to_send_borrows_from_the_message() {
    let message = b"Subject: x\r\n\r\n.one\r\n..two\nbare\n.\r\n";
    for cut in 0..=message.len() {
        let mut server = sending();
        let (mut wire, mut statics) = (Vec::new(), Vec::new());
        for chunk in [&message[..cut], &message[cut..]] {
            let mut rest = chunk;
            while let Some(slice) = server.body_slice(&mut rest).unwrap() {
                if !lies_in(slice, chunk) {
                    statics.extend_from_slice(slice);
                }
                wire.extend_from_slice(slice);
            }
        }
        assert_eq!(wire, b"Subject: x\r\n\r\n..one\r\n...two\r\nbare\r\n..\r\n", "{cut}");
        // The server adds only line ends for bare LFs, and dots. It borrows all other slices from the message.
        assert!(statics.iter().all(|octet| b"\r\n.".contains(octet)), "{cut}: {statics:?}");
        assert!(statics.len() <= 8, "{cut}: {statics:?}");
    }
}
