//! What a caller may do with the types: send them to another thread, and ask an error for its cause.

use crate::sockets::Mail;
use pop3_tokio::pop3_proto::client::SendError;
use pop3_tokio::pop3_proto::server::{AsConfig, BodyError};
use pop3_tokio::pop3_proto::{AnswerError, ConnectionError, InvalidValue, Text, TlsPolicy, client, server};
use pop3_tokio::{Connection, Error, Session, Shutdown};
use std::error::Error as _;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

const fn is_send<T: Send>() {}
const fn is_error<T: std::error::Error + Send + Sync + 'static>() {}

const _: () = {
    is_send::<Connection<TcpStream>>();
    is_send::<Session<TcpStream, Mail>>();
    is_send::<Shutdown>();
    is_error::<Error>();
};

/// Each future can be spawned on a runtime with more than one thread.
#[allow(dead_code)]
fn futures_are_send(
    (mut client, mut server): (Connection<TcpStream>, Session<TcpStream, Mail>),
    (start, fetch): (client::StartTls, server::Fetch),
    (listener, shutdown): (TcpListener, Shutdown),
) {
    fn send(_: impl Send) {}
    send(Connection::connect("localhost:110", TlsPolicy::Cleartext));
    send(client.next());
    send(client.ready());
    send(client.log_in("mrose", "tanstaaf"));
    send(client.start_tls(start, async |socket| Ok(socket)));
    send(server.next());
    send(server.send_message(fetch, &b""[..]));
    send(server.wait_for(async {}));
    send(server.finish());
    send(shutdown.stopped());
    send(pop3_tokio::serve(listener, 1, Duration::ZERO, shutdown.clone(), async |_, _| {}));
}

/// A session is `Send` if its parts are.
#[allow(dead_code)]
const fn session_is_send<S: Send, M: Send, C: AsConfig + Send>() {
    is_send::<Session<S, M, C>>();
}

#[test]
fn each_error_has_its_cause_as_source_and_does_not_repeat_it() {
    let invalid: InvalidValue = Text::new(b"\r\n").unwrap_err();
    let errors: [Error; 6] = [
        io::Error::other("gone").into(),
        ConnectionError::UnexpectedEof.into(),
        SendError::Over.into(),
        AnswerError::OtherConnection.into(),
        BodyError::Size { sent: 1, stated: 2 }.into(),
        invalid.into(),
    ];
    for error in errors.into_iter().chain([Error::Message(io::Error::other("gone"))]) {
        let (shown, cause) = (error.to_string(), error.source().unwrap().to_string());
        assert!(!shown.contains(&cause), "{shown}: {cause}");
    }
    assert!(Error::Deadline.source().is_none() && Error::NothingDue.source().is_none());
}
