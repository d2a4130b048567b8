//! Everything that was sent and received, with its offset and its direction. Passwords are masked when they are written here.

use std::ops::Range;

/// A secret of fewer bytes is not masked, because it is found everywhere.
const SHORTEST: usize = 3;

/// Who sent something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Client,
    Server,
}

/// A piece of a session.
#[derive(Clone, Debug)]
pub struct Piece {
    pub side: Side,
    /// The offset of its first byte in what this side sent, over the whole session.
    pub at: u64,
    /// What was sent. Each byte of a secret is a `*` in what the server sent; a secret of the client is three of them.
    pub bytes: Vec<u8>,
}

/// What was said in one session, and a line for each thing that happened to it.
#[derive(Clone, Default, Debug)]
pub struct Record {
    pub pieces: Vec<Piece>,
    /// What happened, with the number of pieces before it: `TLS begins`, `the server closes`.
    pub events: Vec<(usize, &'static str)>,
    /// The lines of responses that were read.
    pub lines: Vec<Heard>,
}

/// All sessions of a run.
#[derive(Clone, Default, Debug)]
pub struct Log {
    pub sessions: Vec<Record>,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Greeting,
    Status,
    /// A line of a listing, or of CAPA.
    Row,
    /// A line of a message.
    Body,
    /// The line of one dot.
    End,
    /// A challenge of AUTH, which begins with `+ `.
    Challenge,
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    CrLf,
    Lf,
    /// The stream ended.
    Nothing,
}

/// A line that a server sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// The session, as an index into the log.
    pub session: usize,
    pub kind: Kind,
    /// The command that it answers: the keyword in capitals, or nothing for the greeting.
    pub command: String,
    /// The line without its end, with dots as they were sent.
    pub bytes: Vec<u8>,
    pub tail: Tail,
    /// The offset of its first byte in what the server sent.
    pub at: u64,
}

impl Heard {
    /// Returns the number of octets with the line end.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.bytes.len()
            + match self.tail {
                Tail::CrLf => 2,
                Tail::Lf => 1,
                Tail::Nothing => 0,
            }
    }

    /// Returns the line as text, with replacement characters for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Replaces each occurrence of a secret, byte by byte, so that offsets stay.
pub(crate) fn masked(bytes: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    let mut shown = bytes.to_vec();
    for place in places(bytes, secrets) {
        shown[place].fill(b'*');
    }
    shown
}

/// Returns the places of the secrets. Places of different secrets, and of one that overlaps itself, may overlap.
fn places<'a>(bytes: &'a [u8], secrets: &'a [Vec<u8>]) -> impl Iterator<Item = Range<usize>> + 'a {
    secrets.iter().filter(|secret| secret.len() >= SHORTEST).flat_map(move |secret| {
        let mut at = 0;
        std::iter::from_fn(move || {
            let found = at + find(bytes.get(at..)?, secret)?;
            at = found + 1;
            Some(found..found + secret.len())
        })
    })
}

/// Returns the place of the first `part` in `bytes`.
#[must_use]
pub fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = part.first()?;
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| byte == first)?;
        if bytes.get(at..)?.starts_with(part) {
            return Some(at);
        }
        at += 1;
    }
}

impl Record {
    /// Adds what was sent. Bytes of a server that follow each other are one piece.
    pub(super) fn push(&mut self, side: Side, at: u64, bytes: &[u8]) {
        let events = self.events.last().map_or(0, |(before, _)| *before);
        let goes_on = side == Side::Server && self.pieces.len() > events;
        match self.pieces.last_mut().filter(|piece| goes_on && piece.side == side) {
            Some(piece) => piece.bytes.extend_from_slice(bytes),
            None => self.pieces.push(Piece { side, at, bytes: bytes.to_vec() }),
        }
    }

    /// Masks the secrets in `bytes`, which the server sent at this offset. They may be in several pieces.
    pub(super) fn mask(&mut self, at: u64, bytes: &[u8], secrets: &[Vec<u8>]) {
        for place in places(bytes, secrets) {
            let (start, end) = (at + place.start as u64, at + place.end as u64);
            let pieces = self.pieces.iter_mut().rev().filter(|piece| piece.side == Side::Server);
            for piece in pieces.take_while(|piece| piece.at + piece.bytes.len() as u64 > start) {
                let inside = |offset: u64| {
                    usize::try_from(offset.saturating_sub(piece.at))
                        .unwrap_or(usize::MAX)
                        .min(piece.bytes.len())
                };
                let (from, to) = (inside(start), inside(end));
                piece.bytes[from..to].fill(b'*');
            }
        }
    }

    pub(super) fn event(&mut self, what: &'static str) {
        self.events.push((self.pieces.len(), what));
    }
}
