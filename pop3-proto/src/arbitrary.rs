//! Values from the bytes of a fuzzer (feature `arbitrary`).

use crate::{
    ApopDigest, ApopTimestamp, Base64, Command, InvalidValue, Keyword, LanguageRange, LanguageTag, Limits,
    Mechanism, MessageNumber, OwnedUniqueId, Profile, Secret, Text, Timers, TlsPolicy, UniqueId, Verb,
};
use arbitrary::{Arbitrary, Error, Result, Unstructured};
use core::time::Duration;

/// The largest number of bytes that a value takes.
const MOST: usize = 255;

/// Takes the longest valid value from the front.
fn longest<'a, T>(
    u: &mut Unstructured<'a>,
    new: impl Fn(&'a [u8]) -> core::result::Result<T, InvalidValue>,
) -> Result<T> {
    let all = u.peek_bytes(u.len().min(MOST)).unwrap_or_default();
    let found = (0..=all.len()).rev().find_map(|length| Some((length, new(all.get(..length)?).ok()?)));
    let (length, value) = found.ok_or(Error::IncorrectFormat)?;
    u.bytes(length)?;
    Ok(value)
}

macro_rules! borrowed {
    ($($name:ident)+) => {$(
        /// Takes the longest valid value at the front of the bytes.
        impl<'a> Arbitrary<'a> for $name<'a> {
            fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
                longest(u, $name::new)
            }
        }
    )+};
}
borrowed! { ApopTimestamp Base64 Keyword LanguageRange LanguageTag Mechanism Secret Text UniqueId }

impl<'a> Arbitrary<'a> for OwnedUniqueId {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        UniqueId::arbitrary(u).map(Self::from)
    }
}

impl<'a> Arbitrary<'a> for ApopDigest {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(Self::new)
    }
}

impl<'a> Arbitrary<'a> for MessageNumber {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        MessageNumber::new(u.arbitrary()?).or(Ok(MessageNumber::FIRST))
    }
}

macro_rules! chosen {
    ($($name:ident: $all:expr;)+) => {$(
        impl<'a> Arbitrary<'a> for $name {
            fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
                u.choose(&$all).copied()
            }
        }
    )+};
}
chosen! {
    Verb: Verb::ALL;
    Profile: [Profile::Tolerant, Profile::Strict];
    TlsPolicy: [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
}

impl<'a> Arbitrary<'a> for Limits {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Limits::DEFAULT
            .with_command_line(u.arbitrary()?)
            .with_status_line(u.arbitrary()?)
            .with_listing_line(u.arbitrary()?)
            .with_sasl_line(u.arbitrary()?)
            .with_sasl_rounds(u.arbitrary()?)
            .with_bad_commands(u.arbitrary()?, u.arbitrary()?)
            .with_failed_logins(u.arbitrary()?)
            .with_listing_rows(u.arbitrary()?)
            .with_body_octets(u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for Timers {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut span = || u.arbitrary().map(|millis: u32| Duration::from_millis(millis.into()));
        Ok(Timers::DEFAULT
            .with_greeting(span()?)
            .with_answer(span()?)
            .with_tls(span()?)
            .with_login(span()?)
            .with_autologout(span()?)
            .with_output(span()?))
    }
}

/// Builds any command that can be sent as one line.
impl<'a> Arbitrary<'a> for Command<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let verb: Verb = u.arbitrary()?;
        Ok(match verb {
            Verb::User => Command::User(u.arbitrary()?),
            Verb::Pass => Command::Pass(u.arbitrary()?),
            Verb::Apop => Command::Apop { digest: u.arbitrary()?, name: u.arbitrary()? },
            Verb::Auth => Command::Auth { mechanism: u.arbitrary()?, initial: None },
            Verb::AuthList => Command::AuthList,
            Verb::Stls => Command::Stls,
            Verb::Capa => Command::Capa,
            Verb::Utf8 => Command::Utf8,
            Verb::Lang => Command::Lang(Some(u.arbitrary()?)),
            Verb::LangList => Command::Lang(None),
            Verb::Stat => Command::Stat,
            Verb::List => Command::List(u.arbitrary()?),
            Verb::Retr => Command::Retr(u.arbitrary()?),
            Verb::Dele => Command::Dele(u.arbitrary()?),
            Verb::Noop => Command::Noop,
            Verb::Rset => Command::Rset,
            Verb::Top => Command::Top { message: u.arbitrary()?, lines: u.arbitrary()? },
            Verb::Uidl => Command::Uidl(u.arbitrary()?),
            Verb::Quit => Command::Quit,
            Verb::Other => Command::Other { keyword: u.arbitrary()?, arguments: u.arbitrary()? },
        })
    }
}
