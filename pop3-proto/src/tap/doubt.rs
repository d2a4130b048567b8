use super::Ambiguity;
use memchr::memchr;

/// Finds lines of a response that clients read differently, because they begin with a dot. It reads the bytes as they are on the
/// wire, without the terminator.
///
/// | the line | this crate's client | curl | poplib |
/// |---|---|---|---|
/// | a dot alone, after or before a bare LF | goes on | goes on | ends |
/// | `.a` after CR LF | `a` | `.a` | `.a` |
/// | `..a` after a bare LF | `..a` | `..a` | `.a` |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Doubt {
    place: Place,
    /// A dot that some readers remove and others do not.
    dots: bool,
    /// A line that some readers take for the terminator. Nothing more is searched for then.
    terminator: bool,
}

/// What comes before the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// CR LF.
    Start,
    /// A bare LF.
    BareStart,
    /// A dot after CR LF.
    Dot,
    /// A dot after a bare LF.
    BareDot,
    /// CR after such a dot.
    DotCr,
    BareDotCr,
    /// CR.
    Cr,
    /// Anything else.
    Text,
}

impl Doubt {
    /// At the start of a response.
    pub(super) const NONE: Doubt = Doubt { place: Place::Start, dots: false, terminator: false };

    /// Returns the doubt about the whole response.
    pub(super) const fn found(self) -> Option<Ambiguity> {
        match self {
            Doubt { terminator: true, .. } => Some(Ambiguity::BareLfTerminator),
            Doubt { dots: true, .. } => Some(Ambiguity::Dots),
            _ => None,
        }
    }

    /// Reads on. Dots are searched for, because a message has fewer dots than line ends.
    #[must_use]
    pub(super) fn read(self, bytes: &[u8]) -> Self {
        let (mut doubt, mut rest) = (self, bytes);
        while let [byte, behind @ ..] = rest {
            if doubt.terminator {
                break;
            }
            if !matches!(doubt.place, Place::Text | Place::Cr) {
                doubt.step(*byte);
                rest = behind;
                continue;
            }
            let dot = memchr(b'.', rest).unwrap_or(rest.len());
            let (before, from_dot) = rest.split_at_checked(dot).unwrap_or((rest, &[]));
            doubt.place = doubt.place.after(before);
            rest = from_dot;
            if let [dot, behind @ ..] = rest {
                doubt.step(*dot);
                rest = behind;
            }
        }
        doubt
    }

    /// Takes one byte. At `Text` and `Cr` this is a dot, because `Place::after` takes all bytes before it.
    fn step(&mut self, byte: u8) {
        use Place::{BareDot, BareDotCr, BareStart, Cr, Dot, DotCr, Start, Text};
        self.terminator |= matches!((self.place, byte), (Dot | DotCr | BareDot | BareDotCr, b'\n'));
        self.dots |= matches!(
            (self.place, byte),
            (Dot, ..=b'\t' | 0x0B..=0x0C | 0x0E..=b'-' | b'/'..) | (DotCr, _) | (BareDot, b'.')
        );
        self.place = match (self.place, byte) {
            (Start, b'.') => Dot,
            (BareStart, b'.') => BareDot,
            (Dot, b'\r') => DotCr,
            (BareDot, b'\r') => BareDotCr,
            (_, b'\n') => BareStart,
            (_, b'\r') => Cr,
            _ => Text,
        };
    }
}

impl Place {
    /// The place after bytes without a dot, from `Text` or `Cr`. After no bytes a dot follows, and is text.
    fn after(self, bytes: &[u8]) -> Self {
        match (self, bytes) {
            (Place::Cr, b"\n") | (_, [.., b'\r', b'\n']) => Place::Start,
            (_, [.., b'\n']) => Place::BareStart,
            (_, [.., b'\r']) => Place::Cr,
            _ => Place::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ambiguity, Doubt};
    use std::vec::Vec;

    /// Lines as `poplib` has them, and as this crate's client has them: do they end there, and are the dots removed?
    fn naive(bytes: &[u8]) -> Option<Ambiguity> {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        lines.pop(); // not complete
        let (mut strict, mut dots) = (true, false);
        for line in lines {
            let trimmed = line.strip_suffix(b"\r").unwrap_or(line);
            if trimmed == b"." {
                return Some(Ambiguity::BareLfTerminator);
            }
            dots |= strict && line.starts_with(b".") != line.starts_with(b"..");
            dots |= !strict && line.starts_with(b"..");
            strict = line.ends_with(b"\r");
        }
        dots.then_some(Ambiguity::Dots)
    }

    #[test]
    fn it_finds_what_two_readers_of_lines_find_at_any_cut() {
        const BYTES: &[u8] = b".\r\na";
        for number in 0..4usize.pow(7) {
            let mut bytes: Vec<u8> =
                (0..7).map(|place| BYTES[number >> (2 * place) & 3]).take(1 + number % 7).collect();
            bytes.extend_from_slice(b"a\n");
            for cut in 0..=bytes.len() {
                let found = Doubt::NONE.read(&bytes[..cut]).read(&bytes[cut..]).found();
                assert_eq!(found, naive(&bytes), "{} cut at {cut}", bytes.escape_ascii());
            }
        }
    }
}
