use super::{InvalidValue, escaped};
use core::fmt;

/// Bytes that fit on one line, without CR, LF or NUL. It may be empty.
///
/// Every line that the machines send consists of these values, so no argument and no response can smuggle in a
/// second line. Bytes from 0x80 are allowed. Whether they may be sent depends on the session (RFC 6856).
///
/// ```
/// use pop3_proto::{InvalidValue, Text};
///
/// assert_eq!(Text::new(b"mrose").unwrap().as_bytes(), b"mrose");
/// assert_eq!(Text::new(b"mrose\r\nDELE 1"), Err(InvalidValue::Control));
/// # let name = String::from("mrose");
/// assert_eq!(Text::try_from(&name), Text::try_from("mrose")); // a `&String` too
/// const READY: Text<'static> = Text::from_static("ready"); // checked by the compiler
/// # assert_eq!(READY.as_bytes(), b"ready");
/// ```
///
/// A text borrows its bytes, so you cannot make one from an owned `String`. Pass a reference:
///
/// ```compile_fail,E0277
/// let name = String::from("mrose");
/// let command = pop3_proto::Command::User(name.try_into().unwrap());
/// ```
///
/// ```
/// let name = String::from("mrose");
/// let command = pop3_proto::Command::User((&name).try_into().unwrap());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The empty text.
    pub const EMPTY: Text<'static> = Text(&[]);

    /// Checks a text. It never removes bytes.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Control`] if the bytes contain CR, LF or NUL.
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if line_length(octets) == octets.len() { Ok(Text(octets)) } else { Err(InvalidValue::Control) }
    }

    /// Checks a text that is written in the source, at compile time if used in a `const` or `static`. Use
    /// [`new`](Self::new) for any other text.
    ///
    /// # Panics
    /// Panics if the text contains CR, LF or NUL. In a `const` or `static`, this is a compiler error.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Text<'static> {
        match Text::new(text.as_bytes()) {
            Ok(text) => text,
            Err(_) => panic!("a text must not contain CR, LF or NUL"),
        }
    }

    /// Returns the text before the first CR, LF or NUL, and whether there was one. The text can be shown.
    pub(crate) fn clipped(octets: &'a [u8]) -> (Self, bool) {
        let text = octets.get(..line_length(octets)).unwrap_or(octets);
        (Text(text), text.len() < octets.len())
    }

    /// Splits the bytes before the first CR, LF or NUL.
    #[inline(always)]
    pub(crate) fn front(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (text, rest) = octets.split_at_checked(line_length(octets))?;
        Some((Text(text), rest))
    }

    /// Returns the text after a response code, given its last bytes that follow the code, without the space before them.
    #[inline]
    pub(crate) fn after_code(self, rest: &[u8]) -> Self {
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        Text(self.0.get(self.0.len().wrapping_sub(rest.len())..).unwrap_or_default())
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text as a string, or `None` if it is not UTF-8.
    #[must_use]
    pub const fn to_str(&self) -> Option<&'a str> {
        match core::str::from_utf8(self.0) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }
}

/// Counts the bytes before the first CR, LF or NUL, eight at a time.
#[inline]
const fn line_length(octets: &[u8]) -> usize {
    let mut rest = octets;
    while let Some((eight, tail)) = rest.split_first_chunk() {
        let ends = ends(u64::from_le_bytes(*eight));
        if ends != 0 {
            let before = ends.trailing_zeros() as usize / 8;
            return octets.len().wrapping_sub(rest.len()).wrapping_add(before);
        }
        rest = tail;
    }
    while let [octet, tail @ ..] = rest {
        if matches!(*octet, b'\r' | b'\n' | 0) {
            break;
        }
        rest = tail;
    }
    octets.len().saturating_sub(rest.len())
}

/// Sets the top bit of each byte of a word that is CR, LF or NUL. Only the lowest set bit is right, because a borrow affects
/// higher bytes.
const fn ends(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // Subtracting 14 sets the top bit of each byte that is smaller, and all three are. Most words have no such byte.
    if word.wrapping_sub(ONES * 14) & !word & TOPS == 0 {
        return 0;
    }
    let (cr, lf) = (word ^ (ONES * b'\r' as u64), word ^ (ONES * b'\n' as u64));
    let zero = word.wrapping_sub(ONES) & !word;
    (zero | cr.wrapping_sub(ONES) & !cr | lf.wrapping_sub(ONES) & !lf) & TOPS
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped("Text", self.0, f)
    }
}

/// Shows UTF-8 without control characters unchanged. Otherwise it escapes everything but printable ASCII, so a peer
/// cannot move a terminal's cursor. Use [`to_str`](Text::to_str) to process the text.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_str() {
            Some(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => self.0.escape_ascii().fmt(f),
        }
    }
}
