//! What a caller may do with the types: send them to another thread, and ask an error for its cause.

use pop3_blocking::pop3_proto::client::SendError;
use pop3_blocking::pop3_proto::server::{AsConfig, BodyError};
use pop3_blocking::pop3_proto::{AnswerError, ConnectionError, InvalidValue, Text};
use pop3_blocking::{Connection, Error, NoTimeouts, Session, Shutdown, Timed};
use std::error::Error as _;
use std::io;
use std::net::TcpStream;

const fn is_send<T: Send>() {}
const fn is_error<T: std::error::Error + Send + Sync + 'static>() {}

const _: () = {
    is_send::<Connection<TcpStream>>();
    is_send::<Session<TcpStream, crate::kit::Mail>>();
    is_send::<Timed<TcpStream>>();
    is_send::<NoTimeouts<TcpStream>>();
    is_send::<Shutdown>();
    is_error::<Error>();
};

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
