/// Which commands may be used outside TLS (RFC 2595 section 2, RFC 8314 section 5). There is no default.
///
/// ```
/// use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy};
/// use pop3_proto::client::{SendError, TlsRefusal};
///
/// let mut client = Client::new(TlsPolicy::Required, 1);
/// let mut send = SendBuf::new(vec![]);
/// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
/// let refused = client.send(&Command::User("mrose".try_into().unwrap()), &mut send);
/// assert_eq!(refused, Err(SendError::Tls(TlsRefusal::Required)));
/// client.send(&Command::Stls, &mut send).unwrap();
/// ```
#[doc(alias = "STLS")]
#[doc(alias = "STARTTLS")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TlsPolicy {
    /// All commands, for loopback, tests and private networks. A server does not offer STLS.
    Cleartext,
    /// All commands, with STLS if possible. A client sends CAPA first, and logs in unencrypted only if the server has
    /// no STLS or refuses it. A server offers STLS and also accepts unencrypted logins. This protects against
    /// listeners, but not against an attacker who changes bytes and hides STLS.
    Opportunistic,
    /// No login. A client sends only CAPA, STLS and QUIT. A server offers STLS, and refuses every command that could
    /// reveal a password.
    Required,
    /// The session runs inside TLS from its first byte, as on port 995.
    Implicit,
}
