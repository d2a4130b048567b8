//! Two lifetimes: no value that `poll` returns borrows the machine. The test is that this compiles; the
//! compile-fail cases in the library show the opposite.

use pop3_proto::client::{Client, Event};
use pop3_proto::server::{Ask, Credentials, MessageInfo, Server, ServerConfig, Step};
use pop3_proto::{Command, ConnectionError, Input, RecvBuf, SendBuf, Text, TlsPolicy, UniqueId};

/// Returns an event that outlives the borrow of the client.
fn next<'i>(client: &mut Client, input: &mut Input<'i>) -> Result<Option<Event<'i>>, ConnectionError> {
    client.poll(input)
}

#[test]
fn law_2_an_event_is_held_while_the_client_sends() {
    let (mut client, mut sink) = (Client::new(TlsPolicy::Cleartext, 1), SendBuf::new(vec![]));
    let mut recv = RecvBuf::new([0; 64]);
    recv.spare_mut()[..15].copy_from_slice(b"+OK mrose here\n");
    recv.received(15);

    let event = recv.with(|input| next(&mut client, input)).unwrap();
    let Some(Event::Greeting(greeting)) = event else { panic!() };
    // The name of the command borrows from the event, so the event is alive while the client is borrowed again.
    let name = Text::new(greeting.status.text().as_bytes().get(..5).unwrap()).unwrap();
    client.send(&Command::User(name), &mut sink).unwrap();
    assert!(client.needs_input(b"", false));
    assert_eq!(greeting.status.text().as_bytes(), b"mrose here");
    assert_eq!(sink.pending(), b"USER mrose\r\n");
}

#[test]
fn law_2_an_event_outlives_the_client() {
    let wire = b"+OK ready\r\n".to_vec();
    let event = {
        let mut client = Client::new(TlsPolicy::Cleartext, 1);
        client.poll(&mut Input::more(&wire)).unwrap()
    };
    assert!(
        matches!(event, Some(Event::Greeting(greeting)) if greeting.status.text().as_bytes() == b"ready")
    );
}

#[test]
fn law_2_a_question_is_held_while_it_is_answered() {
    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
    let mut server: Server<&mut [MessageInfo<UniqueId<'static>>]> = Server::new(&CONFIG, 1);
    let (mut sink, mut input) = (SendBuf::new(vec![]), Input::more(b"USER mrose\r\nPASS tanstaaf\r\n"));
    let Ok(Step::Ask(Ask::Greet(greet))) = server.poll(&mut input, &mut sink) else { panic!() };
    server.greet(greet, Text::EMPTY, &mut sink).unwrap();
    let Ok(Step::Ask(Ask::User(user, name))) = server.poll(&mut input, &mut sink) else { panic!() };
    server.accept_name(user).unwrap();
    let Ok(Step::Ask(Ask::Login(login, credentials))) = server.poll(&mut input, &mut sink) else { panic!() };
    server.refuse(login, pop3_proto::server::Refusal::Credentials).unwrap();
    let _ = { server };
    // The name and the password still borrow from the caller's bytes.
    assert_eq!(name.as_bytes(), b"mrose");
    assert!(matches!(credentials, Credentials::Password(password) if password.expose() == b"tanstaaf"));
}
