/// What may happen outside TLS (RFC 2595 section 2, RFC 8314 section 5). There is no default.
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
    /// Everything: for loopback, for tests, for networks that are private by other means. A server offers no
    /// STLS.
    Cleartext,
    /// A client logs in in clear only where the server has no STLS, or refused it: CAPA comes first. A server
    /// offers STLS and takes logins in clear too. Better than nothing against those who only listen; none
    /// against those who also write, as they can hide STLS.
    Opportunistic,
    /// No login. A client sends CAPA, STLS and QUIT; a server offers STLS and refuses everything that could
    /// show a password.
    Required,
    /// The session runs inside TLS from its first octet, as on port 995.
    Implicit,
}
