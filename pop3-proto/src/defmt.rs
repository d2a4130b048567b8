//! Values and errors in the logs of a microcontroller (feature `defmt`). A secret does not appear there (law 9).

use crate::client::{Deletions, ListedUniqueId, SendError, Ticket, TlsRefusal};
use crate::server::{BodyError, CloseReason, Refusal};
use crate::{
    AnswerError, ApopDigest, ApopTimestamp, Base64, BufferFull, BufferTooSmall, CommandError,
    ConnectionError, DropListing, InvalidValue, LanguageTag, Limit, Mechanism, MessageNumber, Profile, Quirk,
    ScanListing, Secret, State, StatusText, Text, Timer, TlsPolicy, UniqueId, UniqueIdListing, Verb,
};
use ::defmt::{Debug2Format, Format, Formatter, write};

/// Text is sent as bytes, and the host makes it readable.
macro_rules! bytes {
    ($($name:ident)+) => {$(
        impl Format for $name<'_> {
            fn format(&self, f: Formatter<'_>) {
                write!(f, "{=[u8]:a}", self.as_bytes());
            }
        }
    )+};
}
bytes! { ApopTimestamp LanguageTag ListedUniqueId Mechanism Text UniqueId }

/// These values contain no input, or do not show it.
macro_rules! debug {
    ($($name:ty)+) => {$(
        impl Format for $name {
            fn format(&self, f: Formatter<'_>) {
                write!(f, "{}", Debug2Format(self));
            }
        }
    )+};
}
debug! {
    AnswerError ApopDigest Base64<'_> BodyError BufferFull BufferTooSmall CloseReason CommandError ConnectionError
    Deletions DropListing InvalidValue Limit MessageNumber Profile Quirk Refusal ScanListing Secret<'_> SendError State
    StatusText<'_> Ticket Timer TlsPolicy TlsRefusal UniqueIdListing<'_> Verb
}
