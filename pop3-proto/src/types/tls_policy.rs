/// What may happen outside TLS (RFC 2595 section 2, RFC 8314 section 5).
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
