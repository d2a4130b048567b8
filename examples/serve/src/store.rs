//! The store of users and their mail, as the application sees it. A site can implement its own; the Maildirs of
//! [`Users`] are the first implementation.

use super::users::Users;
use crate::scram::Verifier;
use pop3_proto::MessageNumber;
use pop3_proto::server::{Maildrop, Refusal};
use pop3_proto_maildir as maildir;
use std::future::{Future, ready};
use std::io::{self, BufRead as _, ErrorKind};
use std::pin::Pin;
use std::task::{self, Context, Poll};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::task::spawn_blocking;

/// A message that is being sent. An error cuts the connection.
pub type Octets = Pin<Box<dyn AsyncBufRead + Send>>;

/// A result that takes time.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Users and their mail.
///
/// The functions may block, because they are called on threads that may. Only [`has_verifiers`](Self::has_verifiers), [`knows`](Self::knows) and
/// [`open_if_cached`](Self::open_if_cached) must not: with them, a login may need no other thread.
pub trait Store: Send + Sync {
    /// Returns the verifier of a user's password, or [a substitute](Verifier::of_nobody) for an unknown name.
    fn verifier(&self, name: &[u8]) -> io::Result<Verifier>;

    /// Returns whether [`verifier`](Self::verifier) never blocks, because all verifiers are in memory.
    fn has_verifiers(&self) -> bool {
        false
    }

    /// Returns whether this is known to be the user's password. If that would block, returns `false`, and the server calls
    /// [`log_in`](Self::log_in).
    fn knows(&self, name: &[u8], password: &[u8]) -> bool {
        let _ = (name, password);
        false
    }

    /// Does the same as [`open`](Self::open) if that does not block, and otherwise returns `None`.
    fn open_if_cached(&self, name: &[u8]) -> Option<Result<Box<dyn Mailbox>, Refusal>> {
        let _ = name;
        None
    }

    /// Checks a user's password, and opens the mail for one session. The inner result is [`Refusal::Credentials`] if the password is wrong, and
    /// otherwise that of [`open`](Self::open).
    fn log_in(&self, name: &[u8], password: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>>;

    /// Opens the mail of a user who has proved to be one, for one session. The inner result is `Err` if another session has it open.
    fn open(&self, name: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>>;

    /// Reads everything again that the administrator may have changed, and returns how many users there are now. Returns `None` if there is
    /// nothing to read. After an error nothing has changed.
    fn reload(&self) -> crate::Result<Option<usize>> {
        Ok(None)
    }
}

/// The mail of one user as one session sees it. Dropping it releases its lock. These functions must not block; their results
/// may take as long as they need.
pub trait Mailbox: Maildrop + Send {
    /// Opens a message.
    ///
    /// The result is [`ErrorKind::NotFound`] if the message is gone, and another error if it cannot be sent now. As many octets
    /// must be sent as were listed: check this in advance as far as possible.
    fn message(&self, number: MessageNumber) -> Later<io::Result<Octets>>;

    /// Removes the marked messages. The result is `Ok` if all of them are permanently removed. Otherwise it is the answer to QUIT:
    /// [`Refusal::Temporary`] if trying again can remove more, and [`Refusal::Permanent`] if somebody must fix something first.
    fn removal(&self) -> Later<Result<(), Refusal>>;
}

impl Store for Users {
    fn verifier(&self, name: &[u8]) -> io::Result<Verifier> {
        Ok(Users::verifier(self, name))
    }

    fn log_in(&self, name: &[u8], password: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>> {
        match self.is_right(name, password) {
            true => self.open(name),
            false => Ok(Err(Refusal::Credentials)),
        }
    }

    fn open(&self, name: &[u8]) -> io::Result<Result<Box<dyn Mailbox>, Refusal>> {
        let maildir = self.maildir(name).ok_or(ErrorKind::NotFound)?;
        let opened = maildir.open().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", maildir.root().display()))
        })?;
        Ok(opened.map(|mailbox| Box::new(mailbox) as Box<dyn Mailbox>))
    }

    fn has_verifiers(&self) -> bool {
        true
    }

    fn knows(&self, name: &[u8], password: &[u8]) -> bool {
        Users::knows(self, name, password)
    }

    fn open_if_cached(&self, name: &[u8]) -> Option<Result<Box<dyn Mailbox>, Refusal>> {
        let opened = self.maildir(name)?.open_if_cached()?;
        Some(opened.map(|mailbox| Box::new(mailbox) as Box<dyn Mailbox>))
    }

    fn reload(&self) -> crate::Result<Option<usize>> {
        Users::reload(self)
    }
}

impl Mailbox for maildir::Mailbox {
    fn message(&self, number: MessageNumber) -> Later<io::Result<Octets>> {
        if let Some(message) = self.message_if_cached(number) {
            return Box::pin(ready(Ok(Box::pin(Message(message)) as Octets)));
        }
        let mailbox = self.clone();
        Box::pin(async move {
            let message = spawn_blocking(move || mailbox.message(number)).await.map_err(io::Error::other)?;
            Ok(Box::pin(Message(message?)) as Octets)
        })
    }

    fn removal(&self) -> Later<Result<(), Refusal>> {
        if !self.has_marked() {
            return Box::pin(ready(Ok(())));
        }
        let mailbox = self.clone();
        Box::pin(async move {
            let removal = spawn_blocking(move || mailbox.remove_marked());
            removal.await.unwrap_or(Err(Refusal::Temporary))
        })
    }
}

/// A message of a Maildir.
///
/// The runtime's own threads read it while sending: it is a regular file, which was opened and checked before. Most mail is in the
/// system's cache, so passing the read to another thread costs more than the read. The same applies to opening it.
struct Message(maildir::Message);

impl AsyncBufRead for Message {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(self.get_mut().0.fill_buf())
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        self.get_mut().0.consume(count);
    }
}

impl AsyncRead for Message {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let octets = task::ready!(self.as_mut().poll_fill_buf(context))?;
        let count = octets.len().min(buffer.remaining());
        buffer.put_slice(&octets[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}
