//! The answer to QUIT if a store did not remove all marked messages.

use crate::kit::{LOGIN, Server, Site, door, say};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, UniqueId};
use pop3_proto_serve::scram::Verifier;
use pop3_proto_serve::{Guests, Host, Later, Mailbox, Octets, Result, Store};
use std::fs;
use std::future::ready;
use std::io::{self, ErrorKind};

/// A store that fails: with this error if a user logs in or asks for a message, with this refusal if messages are removed.
#[derive(Clone, Copy)]
struct Failing {
    open: Option<ErrorKind>,
    message: ErrorKind,
    removal: Result<(), Refusal>,
}

impl Store for Failing {
    fn verifier(&self, _: &[u8]) -> io::Result<Verifier> {
        Err(ErrorKind::Other.into())
    }

    fn log_in(&self, name: &[u8], _: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>> {
        self.open(name)
    }

    fn open(&self, _: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>> {
        match self.open {
            Some(error) => Err(error.into()),
            None => Ok(Ok(Box::new(*self))),
        }
    }
}

impl Mailbox for Failing {
    fn message(&self, _: MessageNumber) -> Later<io::Result<Octets>> {
        Box::pin(ready(Err(self.message.into())))
    }

    fn removal(&self) -> Later<Result<(), Refusal>> {
        Box::pin(ready(self.removal))
    }
}

impl Maildrop for Failing {
    fn count(&self) -> u32 {
        1
    }

    fn entry(&self, _: MessageNumber) -> Result<Entry<'_>, Refusal> {
        Ok(Entry { octets: 6, id: UniqueId::new(b"1").unwrap(), marked: false })
    }

    fn mark(&mut self, _: MessageNumber) -> Result<(), Refusal> {
        Ok(())
    }

    fn unmark_all(&mut self) {}
}

const WORKING: Failing = Failing { open: None, message: ErrorKind::Other, removal: Ok(()) };

/// Returns the server's responses to a login, these commands and QUIT.
async fn answer(store: Failing, commands: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(door(Host::new(store, Guests::new(9, 9), None), folder.path())).await;
    String::from_utf8(server.talk(&format!("{LOGIN}{commands}QUIT\r\n")).await).unwrap()
}

#[tokio::test]
async fn quit_reports_whether_trying_again_will_help() {
    for (removal, expected) in [
        (Ok(()), "+OK bye"),
        (Err(Refusal::Temporary), "-ERR [SYS/TEMP] some messages were not removed"),
        (Err(Refusal::Permanent), "-ERR [SYS/PERM] some messages were not removed"),
        (Err(Refusal::NoSuchMessage), "-ERR some messages were not removed"),
    ] {
        let answer = answer(Failing { removal, ..WORKING }, "DELE 1\r\n").await;
        assert_eq!(answer.lines().last(), Some(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_login_or_a_message_that_fails_reports_whether_trying_again_will_help() {
    for (error, expected) in [
        (ErrorKind::PermissionDenied, "-ERR [SYS/PERM]"),
        (ErrorKind::ReadOnlyFilesystem, "-ERR [SYS/PERM]"),
        (ErrorKind::TimedOut, "-ERR [SYS/TEMP]"),
    ] {
        let message = answer(Failing { message: error, ..WORKING }, "RETR 1\r\n").await;
        assert!(message.contains(&format!("maildrop open\r\n{expected}")), "{error}: {message}");
        let login = answer(Failing { open: Some(error), ..WORKING }, "").await;
        assert!(login.contains(&format!("PASS\r\n{expected}")), "{error}: {login}");
    }
}

#[tokio::test]
async fn a_maildir_that_is_moved_away_is_a_passing_fault() {
    let site = Site::with(&[b"\none\n"]);
    let server = site.serve().await;
    let mut stream = server.connect().await;
    say(&mut stream, LOGIN, 3).await;
    fs::rename(site.maildir().join("new"), site.path().join("new")).unwrap();
    let told = say(&mut stream, "DELE 1\r\nQUIT\r\n", 2).await;
    assert!(told.ends_with("\r\n-ERR [SYS/TEMP] some messages were not removed\r\n"), "{told}");
}
