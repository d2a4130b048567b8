use super::InvalidValue;
use core::fmt;

/// Base64 text that is checked but not decoded: the alphabet of RFC 4648 section 4, with padding. It may be empty.
///
/// AUTH often carries secrets, so `Debug` hides the text. Feature `sasl` encodes and decodes; any other base64
/// library works too.
///
/// ```
/// use pop3_proto::Base64;
///
/// assert!(Base64::new(b"AHRlc3QAdGVzdA==").is_ok());
/// for bad in [&b"=AAA"[..], b"AAA=BBB", b"AA A=", b"AAAAA", b"="] {
///     assert!(Base64::new(bad).is_err());
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Base64<'a>(&'a [u8]);

impl<'a> Base64<'a> {
    /// An empty challenge or response.
    pub const EMPTY: Base64<'static> = Base64(&[]);

    /// Checks base64 text.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Octet`] if a byte is outside the alphabet.
    /// Returns [`InvalidValue::Syntax`] if the length is wrong, if padding is not at the end, or if the unused bits
    /// after the last byte are not zero (RFC 4648 section 3.5).
    pub const fn new(text: &'a [u8]) -> Result<Self, InvalidValue> {
        let (mut rest, spare_bits) = match text {
            [unpadded @ .., b'=', b'='] => (unpadded, 0b1111),
            [unpadded @ .., b'='] => (unpadded, 0b11),
            _ => (text, 0),
        };
        let mut last = 0;
        while let [octet, tail @ ..] = rest {
            last = match value(*octet) {
                Some(value) => value,
                None if *octet == b'=' => return Err(InvalidValue::Syntax),
                None => return Err(InvalidValue::Octet),
            };
            rest = tail;
        }
        if text.len() & 3 != 0 || last & spare_bits != 0 {
            Err(InvalidValue::Syntax)
        } else {
            Ok(Base64(text))
        }
    }

    /// Checks base64 text that is written in the source, at compile time if used in a `const` or `static`.
    ///
    /// # Panics
    /// Panics if the text is not base64. In a `const` or `static`, this is a compiler error.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Base64<'static> {
        match Base64::new(text.as_bytes()) {
            Ok(text) => text,
            Err(_) => panic!("not base64"),
        }
    }

    /// Wraps text that was already checked.
    pub(crate) const fn checked(text: &'a [u8]) -> Self {
        Base64(text)
    }

    /// Returns the text without decoding it.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the six bits of a character of the alphabet.
const fn value(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'a'..=b'z' => Some(octet - b'a' + 26),
        b'0'..=b'9' => Some(octet - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Returns the character for six bits. It is computed, because the time of a table lookup depends on the index,
/// which is part of a secret.
#[cfg(feature = "sasl")]
const fn digit(value: u8) -> u8 {
    match value {
        0..26 => b'A' + value,
        26..52 => b'a' + (value - 26),
        52..62 => b'0' + (value - 52),
        62 => b'+',
        _ => b'/',
    }
}

/// Writes the base64 of `octets` to the front of `text`, and returns the rest of `text`. Each group of three bytes
/// takes four characters; `=` fills the last group.
#[cfg(feature = "sasl")]
pub(crate) fn encode<'t>(octets: &[u8], text: &'t mut [u8]) -> &'t mut [u8] {
    let (mut octets, mut text) = (octets, text);
    loop {
        let (group, tail) = octets.split_at_checked(3).unwrap_or((octets, &[]));
        let (a, b, c) = match *group {
            [] => return text,
            [a] => (a, None, None),
            [a, b] => (a, Some(b), None),
            [a, b, c, ..] => (a, Some(b), Some(c)),
        };
        let Some((to, rest)) = text.split_first_chunk_mut() else { return &mut [] };
        let (second, third) = (b.unwrap_or(0), c.unwrap_or(0));
        *to = [
            digit(a >> 2),
            digit(a << 4 & 0b11_0000 | second >> 4),
            if b.is_some() { digit(second << 2 & 0b11_1100 | third >> 6) } else { b'=' },
            if c.is_some() { digit(third & 0b11_1111) } else { b'=' },
        ];
        (octets, text) = (tail, rest);
    }
}

/// Decodes `text` to the front of `octets`, as far as there is room. Checked text has padding only at its end.
#[cfg(feature = "sasl")]
pub(crate) fn decode(text: Base64<'_>, octets: &mut [u8]) {
    let (mut text, mut octets) = (text.as_bytes(), octets.iter_mut());
    while let Some((group, tail)) = text.split_first_chunk() {
        let [a, b, c, d] = group.map(|digit| value(digit).unwrap_or(0));
        let group = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        group.into_iter().zip(&mut octets).for_each(|(octet, to)| *to = octet);
        text = tail;
    }
}

impl fmt::Debug for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base64(..)")
    }
}
