use super::{InvalidValue, escaped};
use core::fmt;

/// The timestamp of a greeting, `<process-id.clock@hostname>`, by the grammar of a message id (RFC 1939
/// section 7, RFC 822 section 6.1).
///
/// Clients that accepted any text in brackets lost passwords to forged timestamps. This type therefore accepts
/// only one `@` with words of printable ASCII around it. [`find`](Self::find) searches the text of a greeting.
///
/// ```
/// use pop3_proto::ApopTimestamp;
///
/// let greeting = b"POP3 server ready <1896.697170952@dbc.mtview.ca.us>";
/// let timestamp = ApopTimestamp::find(greeting).unwrap();
/// assert_eq!(timestamp.as_bytes(), b"<1896.697170952@dbc.mtview.ca.us>");
/// assert!(ApopTimestamp::find(b"hello <world>").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApopTimestamp<'a>(&'a [u8]);

impl<'a> ApopTimestamp<'a> {
    /// Checks a timestamp, which includes its angle brackets.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Syntax`] if it is not a message id.
    pub fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        let inner = octets.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
        match inner.and_then(local_part).and_then(|rest| rest.strip_prefix(b"@")).and_then(domain) {
            Some([]) => Ok(ApopTimestamp(octets)),
            _ => Err(InvalidValue::Syntax),
        }
    }

    /// Returns the first timestamp in the text of a greeting. Other brackets before it, or around it, do not hide it.
    ///
    /// ```
    /// use pop3_proto::ApopTimestamp;
    ///
    /// let greeting = b"<b>Welcome</b> <1.2@pop.example.org> <3.4@pop.example.org>";
    /// assert_eq!(ApopTimestamp::find(greeting), ApopTimestamp::new(b"<1.2@pop.example.org>").ok());
    /// ```
    #[must_use]
    pub fn find(text: &'a [u8]) -> Option<Self> {
        let mut rest = text;
        // A timestamp contains no bracket, so it can only begin at the last `<` before a `>`. The search is linear.
        while let Some(end) = memchr::memchr(b'>', rest) {
            let (before, tail) = rest.split_at_checked(end.saturating_add(1))?;
            let candidate = memchr::memrchr(b'<', before).and_then(|start| before.get(start..));
            if let Some(timestamp) = candidate.and_then(|candidate| Self::new(candidate).ok()) {
                return Some(timestamp);
            }
            rest = tail;
        }
        None
    }

    /// Returns the bytes that the digest covers, with the angle brackets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Reads words joined by dots, and returns the rest.
fn local_part(octets: &[u8]) -> Option<&[u8]> {
    joined(octets, |rest| match rest {
        [b'"', quoted @ ..] => quoted_string(quoted),
        _ => atom(rest),
    })
}

/// Reads atoms and bracketed literals joined by dots, and returns the rest.
fn domain(octets: &[u8]) -> Option<&[u8]> {
    joined(octets, |rest| match rest {
        [b'[', literal @ ..] => domain_literal(literal),
        _ => atom(rest),
    })
}

fn joined(octets: &[u8], word: impl Fn(&[u8]) -> Option<&[u8]>) -> Option<&[u8]> {
    let mut rest = word(octets)?;
    while let [b'.', tail @ ..] = rest {
        rest = word(tail)?;
    }
    Some(rest)
}

fn atom(octets: &[u8]) -> Option<&[u8]> {
    let mut rest = octets;
    while let [octet, tail @ ..] = rest {
        if !octet.is_ascii_graphic() || b"()<>@,;:\\\".[]".contains(octet) {
            break;
        }
        rest = tail;
    }
    (rest.len() < octets.len()).then_some(rest)
}

/// Reads up to the closing quote. A `\` makes the next byte an ordinary one.
fn quoted_string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', octet, tail @ ..] if is_inner(*octet) => rest = tail,
            [octet, tail @ ..] if is_inner(*octet) && *octet != b'\\' => rest = tail,
            _ => return None,
        }
    }
}

fn domain_literal(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [b']', tail @ ..] => return Some(tail),
            [octet, tail @ ..] if is_inner(*octet) && !b"[\\".contains(octet) => rest = tail,
            _ => return None,
        }
    }
}

/// Returns whether quotes and brackets may contain this byte. The grammar also allows `<`, `>` and `@`. They are
/// refused, because other clients cut a timestamp out at a `<` and the next `>`, and would compute another digest.
fn is_inner(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>' | b'@')
}

impl fmt::Debug for ApopTimestamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped("ApopTimestamp", self.0, f)
    }
}

/// An APOP digest: 16 octets, sent as 32 lower-case hexadecimal digits (RFC 1939 section 7).
///
/// Anyone who has a digest can guess passwords offline, so its `Debug` hides it and it has no comparison. Feature
/// `apop` computes and checks digests.
///
/// ```
/// use pop3_proto::ApopDigest;
///
/// let digest = ApopDigest::parse(b"C4C9334BAC560ECC979E58001B3E22FB").unwrap(); // either case is read
/// assert_eq!(&digest.to_hex(), b"c4c9334bac560ecc979e58001b3e22fb");
/// assert_eq!(format!("{digest:?}"), "ApopDigest(..)");
/// ```
#[derive(Clone, Copy)]
pub struct ApopDigest([u8; 16]);

impl ApopDigest {
    /// Wraps the 16 bytes of a digest.
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        ApopDigest(octets)
    }

    /// Parses 32 hexadecimal digits, in either case.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Syntax`] if `hex` is anything else.
    pub fn parse(hex: &[u8]) -> Result<Self, InvalidValue> {
        let mut octets = [0; 16];
        let mut rest = hex;
        for octet in &mut octets {
            let Some(([high, low], tail)) = rest.split_first_chunk() else {
                return Err(InvalidValue::Syntax);
            };
            *octet = nibble(*high)? << 4 | nibble(*low)?;
            rest = tail;
        }
        if !rest.is_empty() {
            return Err(InvalidValue::Syntax);
        }
        Ok(ApopDigest(octets))
    }

    /// Returns the 32 digits that are sent.
    #[must_use]
    pub fn to_hex(&self) -> [u8; 32] {
        let mut hex = [0; 32];
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        let mut digits = hex.iter_mut();
        for octet in self.0 {
            for (nibble, to) in [octet >> 4, octet & 15].into_iter().zip(&mut digits) {
                *to = digit(nibble);
            }
        }
        hex
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

fn nibble(digit: u8) -> Result<u8, InvalidValue> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(InvalidValue::Syntax),
    }
}

impl fmt::Debug for ApopDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApopDigest(..)")
    }
}
