use super::question::Refusal;
use crate::types::{AsUniqueId, MessageNumber, UniqueId};
use core::convert::Infallible;

/// The messages of one user, as listed and marked in one session (RFC 1939 section 4).
///
/// Numbers run from 1 to `count`, and a number means the same message during the whole session. A maildrop lists and
/// marks messages, but it need not contain their bodies, and it removes no message. Your application removes the marked
/// messages when it is asked to [`Commit`](super::Ask::Commit), and at no other time. Put the lock on the user's mail
/// into the maildrop, so that dropping it releases the lock.
///
/// A slice or a `Vec` of [`MessageInfo`] works as a maildrop. For anything else, implement this trait:
///
/// ```
/// use pop3_proto::server::{Entry, Maildrop, Refusal};
/// use pop3_proto::{MessageNumber, UniqueId};
///
/// struct File { name: String, octets: u64, marked: bool }
///
/// /// It contains the user's lock, which is released however the session ends.
/// struct Mailbox { files: Vec<File>, _lock: std::fs::File }
///
/// impl Maildrop for Mailbox {
///     fn count(&self) -> u32 {
///         self.files.len() as u32
///     }
///
///     fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
///         let file = self.files.get(message.index()).ok_or(Refusal::NoSuchMessage)?;
///         let id = UniqueId::new(file.name.as_bytes()).map_err(|_| Refusal::Permanent)?;
///         Ok(Entry { octets: file.octets, id, marked: file.marked })
///     }
///
///     fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
///         self.files.get_mut(message.index()).ok_or(Refusal::NoSuchMessage)?.marked = true;
///         Ok(())
///     }
///
///     fn unmark_all(&mut self) {
///         self.files.iter_mut().for_each(|file| file.marked = false);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a maildrop",
    note = "use a `Vec` of `pop3_proto::server::MessageInfo`, a `&mut` slice of them (`&mut messages[..]` of an array), or implement `Maildrop` for your own type"
)]
pub trait Maildrop {
    /// Returns the number of messages at login.
    fn count(&self) -> u32;

    /// Returns one message. The server calls this often: once for each message at login, and in each listing.
    ///
    /// # Errors
    /// Return a refusal for a message that cannot be served. It is then left out of all totals and listings.
    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal>;

    /// Marks a message for deletion.
    ///
    /// # Errors
    /// Return a refusal if the message may not be deleted.
    #[doc(alias = "DELE")]
    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal>;

    /// Clears all marks. The server calls this at RSET, and once at login.
    #[doc(alias = "RSET")]
    fn unmark_all(&mut self);
}

/// The maildrop of a server that never opens one, such as a proxy that [hands over](super::Server::hand_over) after
/// login.
impl Maildrop for Infallible {
    fn count(&self) -> u32 {
        match *self {}
    }

    fn entry(&self, _message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        match *self {}
    }

    fn mark(&mut self, _message: MessageNumber) -> Result<(), Refusal> {
        match *self {}
    }

    fn unmark_all(&mut self) {
        match *self {}
    }
}

/// One message of a maildrop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'m> {
    /// The size as RETR sends it. A line end counts as two octets, whatever the store uses, and byte-stuffing does not
    /// count (RFC 1939 section 11). [`OctetCount::of`](crate::OctetCount::of) computes it.
    pub octets: u64,
    /// The unique-id.
    pub id: UniqueId<'m>,
    /// Whether the message is marked for deletion.
    pub marked: bool,
}

/// A message in a maildrop that is a slice or a `Vec`.
///
/// ```
/// use pop3_proto::{UniqueId, server::{Maildrop, MessageInfo}};
///
/// let mut slots = [MessageInfo::new(120, UniqueId::new(b"a-1").unwrap()), MessageInfo::new(200, UniqueId::new(b"a-2").unwrap())];
/// let maildrop = &mut slots[..];
/// assert_eq!(maildrop.count(), 2);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageInfo<I> {
    octets: u64,
    id: I,
    marked: bool,
}

impl<I: AsUniqueId> MessageInfo<I> {
    /// Makes a message that is not marked, from its size as RETR sends it, and its unique-id, a [`UniqueId`] or an
    /// `OwnedUniqueId`.
    pub const fn new(octets: u64, id: I) -> Self {
        MessageInfo { octets, id, marked: false }
    }
}

impl<I> MessageInfo<I> {
    /// Returns whether the message is marked for deletion.
    pub const fn is_marked(&self) -> bool {
        self.marked
    }

    /// Returns the size as RETR sends it.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Returns the unique-id.
    pub const fn id(&self) -> &I {
        &self.id
    }
}

impl<I: AsUniqueId> Maildrop for [MessageInfo<I>] {
    fn count(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let slot = self.get(message.index()).ok_or(Refusal::NoSuchMessage)?;
        Ok(Entry { octets: slot.octets, id: slot.id.as_unique_id(), marked: slot.marked })
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.get_mut(message.index()).ok_or(Refusal::NoSuchMessage)?.marked = true;
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.iter_mut().for_each(|slot| slot.marked = false);
    }
}

macro_rules! impl_for_pointer {
    ($(#[$attribute:meta])+ $pointer:ty) => {
        $(#[$attribute])+
        impl<L: Maildrop + ?Sized> Maildrop for $pointer {
            fn count(&self) -> u32 {
                (**self).count()
            }

            fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
                (**self).entry(message)
            }

            fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
                (**self).mark(message)
            }

            fn unmark_all(&mut self) {
                (**self).unmark_all();
            }
        }
    };
}

impl_for_pointer! {
    /// A maildrop that is borrowed for the session.
    &mut L
}

#[cfg(feature = "alloc")]
impl_for_pointer! {
    /// A boxed maildrop, for a server with several stores that have different maildrops.
    ///
    /// ```
    /// use pop3_proto::server::{Maildrop, Server, ServerConfig};
    /// use pop3_proto::TlsPolicy;
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Implicit);
    /// let server: Server<Box<dyn Maildrop + Send>> = Server::new(&CONFIG, 1);
    /// # fn polls<L: Maildrop>(_: Server<L>) {}
    /// # polls(server);
    /// ```
    alloc::boxed::Box<L>
}

#[cfg(feature = "alloc")]
impl<I: AsUniqueId> Maildrop for alloc::vec::Vec<MessageInfo<I>> {
    fn count(&self) -> u32 {
        self.as_slice().count()
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        self.as_slice().entry(message)
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.as_mut_slice().mark(message)
    }

    fn unmark_all(&mut self) {
        self.as_mut_slice().unmark_all();
    }
}
