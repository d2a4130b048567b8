use crate::codec::UniqueIdListing;
use crate::types::{MessageNumber, UniqueId};
use core::fmt;

/// A unique-id as the server listed it, valid or not.
///
/// Some servers list unique-ids that are longer than 70 bytes, or that contain spaces or 8-bit bytes (RFC 1939 section 7 allows
/// neither). They are listed in the same event as valid ones, because a program that misses a row misses a message. If you
/// only compare unique-ids and store them, use [`as_bytes`](Self::as_bytes) for all of them.
///
/// ```
/// use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy, client::Event};
///
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// # let mut send = SendBuf::new(vec![]);
/// # let log_in = ["mrose".try_into().map(Command::User).unwrap(), "tanstaaf".try_into().map(Command::Pass).unwrap()];
/// # for command in log_in.iter().chain(&[Command::Uidl(None)]) {
/// #     client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
/// #     client.send(command, &mut send).unwrap();
/// # }
/// // It has logged in and sent UIDL.
/// let mut input = Input::more(b"+OK\r\n1 whqtswO00WBw\r\n2 two words\r\n.\r\n");
/// let mut listed = Vec::new();
/// while let Some(event) = client.poll(&mut input).unwrap() {
///     if let Event::UniqueId(_, id) = event {
///         listed.push((id.message.get(), id.as_bytes(), id.unique_id().is_some()));
///     }
/// }
/// assert_eq!(listed, [(1, &b"whqtswO00WBw"[..], true), (2, b"two words", false)]);
/// ```
#[doc(alias = "UIDL")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListedUniqueId<'a> {
    /// The message.
    pub message: MessageNumber,
    // Stored, so a row that was checked during framing is not searched again.
    is_valid: bool,
    bytes: &'a [u8],
}

impl<'a> ListedUniqueId<'a> {
    /// Wraps the bytes after the number in a row of UIDL.
    pub(super) fn new(message: MessageNumber, bytes: &'a [u8]) -> Self {
        ListedUniqueId { message, is_valid: UniqueId::new(bytes).is_ok(), bytes }
    }

    /// Wraps a row whose unique-id is valid.
    #[inline(always)]
    pub(super) const fn valid(listing: UniqueIdListing<'a>) -> Self {
        ListedUniqueId { message: listing.message, is_valid: true, bytes: listing.id.as_bytes() }
    }

    /// Returns the bytes, as the server sent them. They are never empty, and contain neither CR nor LF.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the unique-id, or `None` if the RFC does not allow it.
    #[must_use]
    pub const fn unique_id(&self) -> Option<UniqueId<'a>> {
        if self.is_valid { Some(UniqueId::checked(self.bytes)) } else { None }
    }
}

/// The size fits the registers in which a row is passed.
const _: () = assert!(size_of::<ListedUniqueId<'static>>() <= 24);

impl AsRef<[u8]> for ListedUniqueId<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl fmt::Debug for ListedUniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListedUniqueId({}, \"{}\")", self.message, self.bytes.escape_ascii())
    }
}

/// Shows the unique-id, and escapes bytes that are not printable.
impl fmt::Display for ListedUniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.escape_ascii().fmt(f)
    }
}
