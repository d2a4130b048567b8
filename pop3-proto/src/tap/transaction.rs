use super::Cause;
use crate::codec::Verb;
use crate::types::MessageNumber;

/// A place in the stream of one side, in bytes from its start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: u64,
    /// The first byte after it.
    pub end: u64,
}

impl Span {
    /// Returns how many bytes it has.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The server accepted the command, and the response is complete.
    Ok,
    /// The server refused the command.
    Refused,
    /// The tap lost step before the response was complete, for this reason.
    Lost(Cause),
    /// The response cannot be distinguished from others: the tap was out of step when the command was sent, or the client was
    /// more than 16 commands ahead.
    Untold,
    /// The session ended before the response was complete, or went on inside TLS.
    Unanswered,
}

/// A command and its response, or the greeting. It contains numbers only, so you can store it for as long as you like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// The place of the command in the session. The greeting has 0, and the first command that was seen has 1.
    pub number: u64,
    /// The command; `None` for the greeting. A line that is not a known command has [`Verb::Other`].
    pub verb: Option<Verb>,
    /// The message that the command names.
    pub message: Option<MessageNumber>,
    /// How it ended.
    pub outcome: Outcome,
    /// The command line in the client's stream; empty for the greeting. Responses inside AUTH are not part of it.
    pub command: Span,
    /// The response in the server's stream, from its status line to its terminator, with all challenges. It is empty if
    /// no byte of the response was recognized.
    pub response: Span,
    /// The length of the payload: octets of a message without byte-stuffing, or rows of a listing.
    pub payload: u64,
    /// How many challenges the server sent inside AUTH.
    pub challenges: u32,
    /// Clients do not agree on the response: see [`Ambiguity`](super::Ambiguity).
    pub is_ambiguous: bool,
    /// The tap was out of step earlier in the session, or a proxy's header came first. The command and the response
    /// belong together by a guess, which is right if the client waits for responses.
    pub is_guess: bool,
    /// Bytes of unknown number were missing earlier, so places in the streams are too low.
    pub is_inexact: bool,
}
