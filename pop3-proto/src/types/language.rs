use super::InvalidValue;
use core::fmt;

/// A language tag, or a basic language range: `en`, `de-AT`, `zh-Hant` (RFC 5646, RFC 4647 section 2.1).
///
/// Equality ignores case. `*`, the administrator's choice, is not a tag but a [`LanguageRange`].
///
/// ```
/// use pop3_proto::LanguageTag;
///
/// assert_eq!(LanguageTag::new(b"EN-gb"), LanguageTag::new(b"en-GB"));
/// assert!(LanguageTag::new(b"-en").is_err());
/// ```
#[doc(alias = "LANG")]
#[derive(Clone, Copy)]
pub struct LanguageTag<'a>(&'a [u8]);

impl<'a> LanguageTag<'a> {
    /// Checks a tag: 1 to 8 letters, then any number of `-` with 1 to 8 letters or digits.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if there are no bytes.
    /// Returns [`InvalidValue::Syntax`] if the bytes have another form.
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets.is_empty() {
            return Err(InvalidValue::Empty);
        }
        let (mut rest, mut length, mut first) = (octets, 0, true);
        while let [octet, tail @ ..] = rest {
            match *octet {
                b'-' if length > 0 => (length, first) = (0, false),
                octet if octet.is_ascii_alphabetic() || (octet.is_ascii_digit() && !first) => length += 1,
                _ => return Err(InvalidValue::Syntax),
            }
            if length > 8 {
                return Err(InvalidValue::Syntax);
            }
            rest = tail;
        }
        if length == 0 { Err(InvalidValue::Syntax) } else { Ok(LanguageTag(octets)) }
    }

    /// Checks a tag that is written in the source, at compile time if used in a `const` or `static`.
    ///
    /// # Panics
    /// Panics if the text is not a tag. In a `const` or `static`, this is a compiler error.
    #[must_use]
    pub const fn from_static(tag: &'static str) -> LanguageTag<'static> {
        match LanguageTag::new(tag.as_bytes()) {
            Ok(tag) => tag,
            Err(_) => panic!("not a language tag"),
        }
    }

    /// Returns the bytes of the tag, in their original case.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Returns whether this range matches `tag`: it equals the tag, or a prefix of it that ends before a `-` (RFC
    /// 4647 section 3.3.1).
    ///
    /// ```
    /// use pop3_proto::LanguageTag;
    ///
    /// assert!(LanguageTag::from_static("de").matches(LanguageTag::from_static("de-AT")));
    /// assert!(!LanguageTag::from_static("de-AT").matches(LanguageTag::from_static("de")));
    /// ```
    #[must_use]
    pub fn matches(&self, tag: LanguageTag<'_>) -> bool {
        match tag.0.split_at_checked(self.0.len()) {
            Some((start, rest)) => start.eq_ignore_ascii_case(self.0) && matches!(rest, [] | [b'-', ..]),
            None => false,
        }
    }
}

impl PartialEq<LanguageTag<'_>> for LanguageTag<'_> {
    fn eq(&self, other: &LanguageTag<'_>) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for LanguageTag<'_> {}

impl fmt::Debug for LanguageTag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::escaped("LanguageTag", self.0, f)
    }
}

impl fmt::Display for LanguageTag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

/// The argument of LANG: a basic language range, or `*` for the administrator's choice (RFC 6856 section 3).
///
/// ```
/// use pop3_proto::{LanguageRange, LanguageTag};
///
/// assert_eq!(LanguageRange::new(b"*"), Ok(LanguageRange::Preferred));
/// assert_eq!(LanguageRange::new(b"de"), Ok(LanguageRange::Tag(LanguageTag::from_static("de"))));
/// ```
#[doc(alias = "LANG")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LanguageRange<'a> {
    /// `*`, the administrator's choice.
    Preferred,
    /// A language, or the start of a more exact tag.
    Tag(LanguageTag<'a>),
}

impl<'a> LanguageRange<'a> {
    /// Parses a range as it is sent.
    ///
    /// # Errors
    /// Returns the errors of [`LanguageTag::new`] if the bytes are neither `*` nor a tag.
    pub fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets == b"*" { Ok(Self::Preferred) } else { LanguageTag::new(octets).map(Self::Tag) }
    }

    /// Returns the bytes as they are sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Preferred => b"*",
            Self::Tag(tag) => tag.as_bytes(),
        }
    }
}
