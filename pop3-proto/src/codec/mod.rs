//! Parsers and encoders for every line of the protocol. They have no session state.

mod capability;
mod command;
mod digits;
mod grammar;
mod line;
mod listing;
mod response;
mod response_code;
#[cfg(test)]
mod tests;
mod verb;

pub use capability::{Capability, Expire, Mechanisms, OtherCapability};
pub use command::{Command, CommandError};
pub use line::LineEnding;
pub use listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
pub use response::{Response, ResponseError, StatusText};
pub use response_code::{OtherCode, ResponseCode, Retry};
pub use verb::{Keyword, State, Verb};

pub(crate) use digits::Digits;
pub(crate) use line::{Framed, frame, frame_crlf};
pub(crate) use verb::{Barrier, Shape};

/// The result of a stateless decoder.
///
/// ```
/// use pop3_proto::{Command, Decoded, Limits};
///
/// let decode = |input| Command::decode(input, &Limits::DEFAULT);
/// assert_eq!(decode(b"NOOP\r\nQU"), Decoded::Complete { consumed: 6, value: Command::Noop });
/// assert_eq!(decode(b"QU"), Decoded::Incomplete);
/// assert!(matches!(decode(b"RETR x\r\n"), Decoded::Malformed { consumed: 8, .. }));
/// assert_eq!(decode(&[b'x'; 300]), Decoded::TooLong { limit: 255 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded<T, E> {
    /// A complete, valid line.
    Complete {
        /// The number of bytes to remove from the buffer, with the line end.
        consumed: usize,
        /// The value of the line.
        value: T,
    },
    /// There is no line end yet. Call again with more bytes.
    Incomplete,
    /// A complete line that is not valid. A server responds `-ERR` and continues.
    Malformed {
        /// The number of bytes to remove from the buffer, with the line end.
        consumed: usize,
        /// Why the line is not valid.
        error: E,
    },
    /// The line exceeds its limit. A stateless decoder cannot skip it, so it consumes no bytes. The machines can skip it.
    TooLong {
        /// The limit in octets, with the line end.
        limit: usize,
    },
}

/// Frames the first line of `input` and reads it. It is inlined, so `consumed`, which the next call waits for, stays in a
/// register.
#[inline(always)]
fn decode<'a, T, E>(
    input: &'a [u8],
    limit: u16,
    read: impl FnOnce(&'a [u8]) -> Result<T, E>,
) -> Decoded<T, E> {
    let limit = usize::from(limit);
    match frame(input, 0, limit) {
        Framed::Incomplete => Decoded::Incomplete,
        Framed::TooLong => Decoded::TooLong { limit },
        Framed::Line { content, consumed, .. } => match read(content) {
            Ok(value) => Decoded::Complete { consumed, value },
            Err(error) => Decoded::Malformed { consumed, error },
        },
    }
}
