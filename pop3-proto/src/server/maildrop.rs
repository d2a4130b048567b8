use super::question::Refusal;
use crate::types::{AsUniqueId, MessageNumber, UniqueId};
use core::convert::Infallible;

/// The messages of one user, as listed and marked in one session (RFC 1939 section 4).
///
/// Numbers go from 1 to `count` and mean the same message for as long as the session lasts. It lists; the
/// messages themselves lie beside it. Nothing is removed here: the application removes what is marked when it
/// is asked to [`Commit`](super::Ask::Commit), and never otherwise. A lock on the user's mail belongs in it,
/// to be released when it is dropped.
///
/// A slice of [`MessageInfo`]s is one, and so is a `Vec` of them. One of your own:
///
/// ```
/// use pop3_proto::server::{Entry, Maildrop, Refusal};
/// use pop3_proto::{MessageNumber, UniqueId};
///
/// struct File { name: String, octets: u64, marked: bool }
///
/// /// With the user's lock in it, it is released however the session ends.
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
    /// How many messages there were at login.
    fn count(&self) -> u32;

    /// One of them. It is asked for often: at each listing, and for all messages once at login.
    ///
    /// # Errors
    /// A refusal, for a message that can't be served; it is in no total and no listing.
    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal>;

    /// Marks it for deletion.
    ///
    /// # Errors
    /// A refusal, where it may not be deleted.
    #[doc(alias = "DELE")]
    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal>;

    /// Takes all marks back: at RSET, and once at login.
    #[doc(alias = "RSET")]
    fn unmark_all(&mut self);
}

/// The maildrop of a server that has none, as a proxy's, which [hands over](super::Server::hand_over) after
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
    /// Its size as RETR sends it: a line end counts two octets whatever the store uses, byte-stuffing does
    /// not count (RFC 1939 section 11). [`OctetCount::of`](crate::OctetCount::of) counts them.
    pub octets: u64,
    /// Its unique-id.
    pub id: UniqueId<'m>,
    /// Whether it is marked for deletion.
    pub marked: bool,
}

/// A message in a maildrop that is a slice, or a `Vec`.
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
    /// A message that is not marked: its octets as RETR sends them, and its unique-id, a [`UniqueId`] or an
    /// `OwnedUniqueId`.
    pub const fn new(octets: u64, id: I) -> Self {
        MessageInfo { octets, id, marked: false }
    }
}

impl<I> MessageInfo<I> {
    /// Whether it is marked for deletion.
    pub const fn is_marked(&self) -> bool {
        self.marked
    }

    /// Its size as RETR sends it.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Its unique-id.
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

macro_rules! behind_a_pointer {
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

behind_a_pointer! {
    /// A maildrop that is borrowed for the session.
    &mut L
}

#[cfg(feature = "alloc")]
behind_a_pointer! {
    /// For a server of several stores, each with a maildrop of its own.
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
