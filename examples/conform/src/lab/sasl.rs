//! AUTH on the good server's side: PLAIN, LOGIN, SCRAM-SHA-256 and OAUTHBEARER.

use crate::engine::scram::{self, Challenge, Keys};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::num::NonZeroU32;
use std::sync::LazyLock;

/// The user's name, and how to know that the password is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) user: &'static str,
    pub(super) password: &'static str,
}

/// How far an exchange is.
#[derive(Clone, Debug)]
pub(super) enum Exchange {
    Plain,
    LoginName,
    LoginPassword(Vec<u8>),
    ScramFirst,
    /// The keys of the user, the first messages of both sides, and the nonce.
    ScramLast(usize, String, String, String),
    /// The signature is sent, and an empty response follows.
    ScramEnd(usize),
    Bearer,
    /// An error is sent, and a response without content follows.
    Refused,
}

/// What the server does next.
pub(super) enum Then {
    Challenge(Vec<u8>, Exchange),
    /// The index of the user.
    Accept(usize),
    Refuse,
}

const SALT: &[u8] = b"pop3-conform";
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
/// Derived once, because sessions are many.
static KEYS: LazyLock<Vec<Keys>> = LazyLock::new(|| {
    super::world::ACCOUNTS
        .iter()
        .map(|account| Keys::new(account.password.as_bytes(), SALT, ITERATIONS))
        .collect()
});

impl Exchange {
    /// Begins an exchange. Without a message, the client is asked for it.
    pub(super) fn begin(mechanism: &[u8], initial: Option<&[u8]>) -> Then {
        let exchange = match &mechanism.to_ascii_uppercase()[..] {
            b"PLAIN" => Exchange::Plain,
            b"LOGIN" => Exchange::LoginName,
            b"SCRAM-SHA-256" => Exchange::ScramFirst,
            b"OAUTHBEARER" => Exchange::Bearer,
            _ => return Then::Refuse,
        };
        match (initial, &exchange) {
            // The server begins.
            (Some(_), Exchange::LoginName) => Then::Refuse,
            (Some(message), _) => exchange.next(message),
            (None, Exchange::LoginName) => Then::Challenge(b"User Name\0".to_vec(), exchange),
            (None, _) => Then::Challenge(Vec::new(), exchange),
        }
    }

    /// Goes on with the client's message.
    pub(super) fn next(self, message: &[u8]) -> Then {
        match self {
            Exchange::Plain => plain(message).map_or(Then::Refuse, Then::Accept),
            Exchange::LoginName => {
                Then::Challenge(b"Password\0".to_vec(), Exchange::LoginPassword(message.to_vec()))
            }
            Exchange::LoginPassword(user) => who(&user, message).map_or(Then::Refuse, Then::Accept),
            Exchange::ScramFirst => first(message).unwrap_or(Then::Refuse),
            Exchange::ScramLast(user, client, server, nonce) => {
                last(user, &client, &server, &nonce, message).unwrap_or(Then::Refuse)
            }
            Exchange::ScramEnd(user) if message.is_empty() => Then::Accept(user),
            Exchange::Bearer if bearer(message).is_some() => Then::Accept(0),
            Exchange::Bearer => Then::Challenge(br#"{"status":"invalid_token"}"#.to_vec(), Exchange::Refused),
            Exchange::ScramEnd(_) | Exchange::Refused => Then::Refuse,
        }
    }
}

fn who(user: &[u8], password: &[u8]) -> Option<usize> {
    let accounts = super::world::ACCOUNTS;
    accounts
        .iter()
        .position(|account| account.user.as_bytes() == user && account.password.as_bytes() == password)
}

fn plain(message: &[u8]) -> Option<usize> {
    let parts: Vec<&[u8]> = message.split(|byte| *byte == 0).collect();
    let [authorized, user, password] = parts[..] else { return None };
    who(user, password).filter(|_| authorized.is_empty() || authorized == user)
}

/// The token of the first user is the password.
fn bearer(message: &[u8]) -> Option<()> {
    let auth = format!("auth=Bearer {}", super::world::PASSWORD);
    let mut pairs = message.split(|byte| *byte == 1);
    pairs.next()?.starts_with(b"n,").then_some(())?;
    pairs.any(|pair| pair == auth.as_bytes()).then_some(())
}

fn first(message: &[u8]) -> Option<Then> {
    let message = std::str::from_utf8(message).ok()?;
    // `m=` is reserved: an extension that the server must know.
    let bare = message.strip_prefix("n,,").or_else(|| message.strip_prefix("y,,"))?;
    let mut parts = bare.split(',');
    let name = parts.next()?.strip_prefix("n=")?;
    let nonce = format!("{}conform", parts.next()?.strip_prefix("r=")?);
    let user = super::world::ACCOUNTS.iter().position(|account| account.user == name)?;
    let server = format!("r={nonce},s={},i={ITERATIONS}", BASE64_STANDARD.encode(SALT));
    let exchange = Exchange::ScramLast(user, bare.to_owned(), server.clone(), nonce);
    Some(Then::Challenge(server.into_bytes(), exchange))
}

fn last(user: usize, client: &str, server: &str, nonce: &str, message: &[u8]) -> Option<Then> {
    let message = std::str::from_utf8(message).ok()?;
    Challenge::read(server)?;
    let (expected, exchange) = scram::without_proof(client, server, nonce);
    let keys = KEYS.get(user)?;
    let proof = BASE64_STANDARD.encode(keys.proof(&exchange));
    let is_right = message == format!("{expected},p={proof}");
    let signature = format!("v={}", BASE64_STANDARD.encode(keys.signature(&exchange)));
    is_right.then(|| Then::Challenge(signature.into_bytes(), Exchange::ScramEnd(user)))
}
