use super::{InvalidValue, escaped};
use core::fmt;

/// Octets that fit on one line: no CR, no LF, no NUL.
///
/// Whatever is sent as part of a line is made of these, so that no argument and no answer can smuggle in a
/// second line. Octets from 0x80 on are allowed; what decides about them (RFC 6856) knows the session. It may
/// be empty.
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
/// A text borrows, so it cannot be made from a `String` that is given away. Pass a reference:
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
    /// No octets at all.
    pub const EMPTY: Text<'static> = Text(&[]);

    /// A text.
    ///
    /// # Errors
    /// [`InvalidValue::Control`] where it holds CR, LF or NUL: refused, never stripped.
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if line_length(octets) == octets.len() { Ok(Text(octets)) } else { Err(InvalidValue::Control) }
    }

    /// A text in the source, checked when it is compiled.
    ///
    /// # Panics
    /// Where it holds CR, LF or NUL; in a `const` or `static` that is an error of the compiler.
    /// [`new`](Self::new) is for everything that is known only later.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Text<'static> {
        match Text::new(text.as_bytes()) {
            Ok(text) => text,
            Err(_) => panic!("a text holds no CR, LF or NUL"),
        }
    }

    /// The text up to the first CR, LF or NUL, and whether there was one: what of a peer's line can be shown.
    pub(crate) fn clipped(octets: &'a [u8]) -> (Self, bool) {
        match octets.split_at_checked(line_length(octets)) {
            Some((text, rest)) => (Text(text), !rest.is_empty()),
            None => (Text(octets), false),
        }
    }

    /// The text up to the first CR, LF or NUL, and what is from there on.
    #[inline]
    pub(crate) fn front(octets: &'a [u8]) -> (Self, &'a [u8]) {
        match octets.split_at_checked(line_length(octets)) {
            Some((text, rest)) => (Text(text), rest),
            None => (Text(octets), &[]),
        }
    }

    /// The text behind its first `count` octets.
    pub(crate) fn behind(self, count: usize) -> Self {
        Text(self.0.get(count..).unwrap_or_default())
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a string, where it is UTF-8.
    #[must_use]
    pub const fn to_str(&self) -> Option<&'a str> {
        match core::str::from_utf8(self.0) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }
}

/// How many octets come before the first CR, LF or NUL: eight at a time while none is below 14, as those
/// three are.
const fn line_length(octets: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let mut rest = octets;
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        // Less 14, an octet has its top bit set anew if it was below; borrows go upwards, so that the lowest is always
        // right.
        let below = eight.wrapping_sub(ONES * 14) & !eight & (ONES << 7);
        if below != 0 {
            let place = below.trailing_zeros() & 0x38;
            if matches!((eight >> place) as u8, b'\r' | b'\n' | 0) {
                return octets.len().wrapping_sub(rest.len()).wrapping_add(place as usize / 8);
            }
            break;
        }
        rest = behind;
    }
    while let [octet, behind @ ..] = rest {
        if matches!(*octet, b'\r' | b'\n' | 0) {
            break;
        }
        rest = behind;
    }
    octets.len().saturating_sub(rest.len())
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped("Text", self.0, f)
    }
}

/// As it is where it is UTF-8 without control characters; else with all but printable ASCII escaped, so that no peer
/// moves a terminal's cursor. For showing only: to work with it there is [`to_str`](Text::to_str).
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_str() {
            Some(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => self.0.escape_ascii().fmt(f),
        }
    }
}
