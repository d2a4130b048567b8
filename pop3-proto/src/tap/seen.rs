use super::Side;
use crate::client::{Event, Ticket};
use crate::codec::{Command, CommandError};
use crate::types::{Base64, Secret};

/// What the bytes are.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen<'i> {
    /// The client: a command, never [`Other`](Command::Other).
    Command(Command<'i>),
    /// The client: a line that has the form of a command, with a keyword that the crate does not know. The whole
    /// line counts as secret: it may be a password that was sent too early, or a response of an AUTH whose
    /// beginning was not seen. [`Command::parse`] reads it.
    Unknown(Secret<'i>),
    /// The client: a line that is not a command, or inside AUTH not a response. Its bytes are not shown, because
    /// they may be a password too.
    NotACommand(CommandError),
    /// The client: a response inside AUTH.
    Response(Base64<'i>),
    /// The client: the end of AUTH, `*`.
    Cancel,
    /// The client: a header of the PROXY protocol, in its readable form, before the greeting. A server that expects
    /// it does not answer. Another server takes it for a bad command, so the next responses may be matched with the
    /// wrong commands.
    ProxyHeader(Secret<'i>),
    /// The server: the event that a client would get. `+OK` to AUTH and QUIT is `Ok`, and `-ERR` to QUIT is
    /// `Refused`, as for any other command.
    Answer(Event<'i>),
    /// The server: a challenge inside AUTH.
    Challenge(Base64<'i>),
    /// The server: a challenge that is not base64, up to its first NUL or bare CR.
    MalformedChallenge(&'i [u8]),
    /// The server: clients do not agree on the lines of this response, or on where it ends. It comes before
    /// [`End`](Event::End), and the tap goes by the reading of this crate's client.
    Ambiguous(Ticket, Ambiguity),
    /// A line over [`Tap::min_recv_buf`](super::Tap::min_recv_buf) bytes, which is passed over to its end.
    LongLine(Side),
    /// The server: `+OK` to STLS. The next byte of either side belongs to TLS. The tap passes over everything from
    /// here on, unless [`tls_started`](super::Tap::tls_started) states that it is given the plaintext.
    Encrypted,
    /// This side sent something other than TLS after STLS, or the client sent commands after STLS without waiting.
    /// An attacker on the wire injects such bytes. It is reported once for each side.
    NotTls(Side),
    /// The tap can no longer tell what the server says, for this reason. It passes over the server's bytes until
    /// [`InStep`](Self::InStep). It still reports the client's commands, as far as they are complete. A response
    /// inside AUTH may be reported as [`Unknown`](Self::Unknown).
    OutOfStep(Cause),
    /// The tap takes the client's next line for a command, and the server's next line for the response to it. If
    /// the client pipelines, this may be too early, because older responses may still follow. The tap reports
    /// `OutOfStep` again once that shows.
    InStep,
}

/// Why a tap is out of step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It did not see the start of the session.
    JoinedLate,
    /// The caller sees the client only.
    OneSided,
    /// The caller knows that bytes are missing.
    Gap,
    /// A response to no command that was seen.
    Unsolicited,
    /// A line that is not a status line where a status line must be.
    NotPop3,
    /// A status line over [`Tap::min_recv_buf`](super::Tap::min_recv_buf) bytes.
    LongLine,
    /// The client was more than 16 commands ahead, and the 16 that the tap knows are answered.
    QueueFull,
}

/// Why clients do not agree on a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Ambiguity {
    /// It contains a line of a single dot that begins or ends with a bare LF. Clients that read line by line, such
    /// as Python's `poplib`, stop there. This crate's client and curl read on.
    BareLfTerminator,
    /// Its status line ends with a bare LF, so its lines may do so too. Clients that wait for CR LF, such as curl,
    /// do not find its end.
    BareLfStatus,
    /// A line begins with a single dot, or with two dots after a bare LF. No server that byte-stuffs sends such a line.
    /// This crate's client removes the first dot of a line as RFC 1939 section 3 has it. Curl and `poplib` remove it only
    /// before a second dot, and `poplib` also after a bare LF.
    Dots,
}
