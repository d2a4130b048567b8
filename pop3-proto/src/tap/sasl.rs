//! User names that an AUTH exchange contains.

#[cfg(feature = "sasl")]
use super::{Seen, Tap};
#[cfg(feature = "sasl")]
use crate::codec::Command;
use crate::types::Mechanism;
#[cfg(feature = "sasl")]
use crate::types::{Base64, Text};

/// An AUTH exchange: its mechanism, and how many responses the client has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sasl {
    kind: Kind,
    responses: u8,
}

/// A mechanism whose messages contain a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Plain,
    Login,
    CramMd5,
    Scram,
    XOAuth2,
    OAuthBearer,
    /// Another one: no name is read.
    Other,
}

impl Sasl {
    pub(super) const NONE: Sasl = Sasl { kind: Kind::Other, responses: 0 };

    pub(super) fn new(mechanism: Mechanism<'_>, initial: bool) -> Self {
        const KINDS: [(&[u8], Kind); 5] = [
            (b"PLAIN", Kind::Plain),
            (b"LOGIN", Kind::Login),
            (b"CRAM-MD5", Kind::CramMd5),
            (b"XOAUTH2", Kind::XOAuth2),
            (b"OAUTHBEARER", Kind::OAuthBearer),
        ];
        let name = mechanism.as_bytes();
        let is_scram = name.get(..6).is_some_and(|front| front.eq_ignore_ascii_case(b"SCRAM-"));
        let known = KINDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        let kind = if is_scram { Kind::Scram } else { known.map_or(Kind::Other, |(_, kind)| *kind) };
        Sasl { kind, responses: initial.into() }
    }

    /// The client has sent a response.
    pub(super) const fn count(&mut self) {
        self.responses = self.responses.saturating_add(1);
    }
}

#[cfg(feature = "sasl")]
impl Tap {
    /// Returns the name of the user, if this is a line of the client that contains one. Call it before the tap reads on.
    ///
    /// It finds the name in USER and APOP, and in the first response of PLAIN, LOGIN, CRAM-MD5, SCRAM, XOAUTH2 and
    /// OAUTHBEARER. The name of PLAIN is that of the password's owner. `scratch` holds the decoded response; after the
    /// call it holds only the name, so no password stays there. A name that does not fit is not found:
    /// three quarters of [`min_recv_buf`](Self::min_recv_buf) bytes are enough for any.
    ///
    /// ```
    /// use pop3_proto::{Input, Limits, tap::{Seen, Tap}};
    ///
    /// let mut tap = Tap::new(Limits::DEFAULT);
    /// tap.server(&mut Input::more(b"+OK ready\r\n"));
    /// let mut scratch = [0; 64];
    /// let seen = tap.client(&mut Input::more(b"AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n")).unwrap();
    /// assert_eq!(tap.user_name(&seen, &mut scratch).unwrap().as_bytes(), b"mrose");
    /// assert!(!scratch.windows(8).any(|window| window == b"tanstaaf"));
    /// ```
    #[must_use]
    pub fn user_name<'b>(&self, seen: &Seen<'b>, scratch: &'b mut [u8]) -> Option<Text<'b>> {
        let message = match seen {
            Seen::Command(Command::User(name) | Command::Apop { name, .. }) => return Some(*name),
            Seen::Command(Command::Auth { mechanism, initial: Some(message) }) => {
                return Sasl::new(*mechanism, true).user_name(*message, scratch);
            }
            Seen::Response(message) => *message,
            _ => return None,
        };
        self.sasl.user_name(message, scratch)
    }
}

#[cfg(feature = "sasl")]
impl Sasl {
    fn user_name<'b>(self, message: Base64<'_>, scratch: &'b mut [u8]) -> Option<Text<'b>> {
        use crate::auth::sasl::decode;
        // Later responses are passwords and proofs.
        if self.responses != 1 {
            return None;
        }
        let decoded = decode(message, scratch).ok()?;
        let length = decoded.len();
        let place = self.kind.find_name(decoded);
        let place = place.filter(|(start, end)| {
            start < end && Text::new(decoded.get(*start..*end).unwrap_or_default()).is_ok()
        });
        // Nothing but the name stays in the caller's memory.
        let (start, end) = place.unwrap_or((length, length));
        decoded.get_mut(..start)?.fill(0);
        decoded.get_mut(end..)?.fill(0);
        place?;
        let decoded: &'b [u8] = decoded;
        Text::new(decoded.get(start..end)?).ok()
    }
}

#[cfg(feature = "sasl")]
impl Kind {
    /// Returns where the name begins and ends in the first message of the client.
    fn find_name(self, message: &[u8]) -> Option<(usize, usize)> {
        let find = |from: usize, byte: u8| {
            let rest = message.get(from..)?;
            Some(from.saturating_add(rest.iter().position(|other| *other == byte)?))
        };
        // The name between `prefix` and `end`.
        let after = |from: usize, prefix: &[u8], end: u8| {
            message.get(from..)?.starts_with(prefix).then_some(())?;
            let start = from.saturating_add(prefix.len());
            Some((start, find(start, end)?))
        };
        match self {
            // authorization, NUL, name, NUL, password
            Kind::Plain => {
                let start = find(0, 0)?.saturating_add(1);
                Some((start, find(start, 0)?))
            }
            Kind::Login => Some((0, message.len())),
            // name, space, digest in hexadecimal digits
            Kind::CramMd5 => {
                let space = message.iter().rposition(|byte| *byte == b' ')?;
                let digest = message.get(space.saturating_add(1)..)?;
                digest.iter().all(u8::is_ascii_hexdigit).then_some((0, space))
            }
            // channel binding, comma, authorization, comma, n=name, comma
            Kind::Scram => {
                let second = find(find(0, b',')?.saturating_add(1), b',')?;
                after(second.saturating_add(1), b"n=", b',')
            }
            Kind::XOAuth2 => after(0, b"user=", 1),
            // n,a=name, comma
            Kind::OAuthBearer => after(0, b"n,a=", b','),
            Kind::Other => None,
        }
    }
}
