use crate::Result;
use clap::ValueEnum;
use fluent_uri::Uri;
use fluent_uri::component::Host;
use fluent_uri::encoding::EString;
use fluent_uri::encoding::encoder::{Data, Userinfo};
use std::net::IpAddr;

/// Whose mail is to be fetched, and from where.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: String,
    pub host: String,
    pub port: u16,
    pub tls: Tls,
}

/// How a session comes to be inside TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Tls {
    /// The session begins in clear and goes on inside TLS
    Stls,
    /// The connection is TLS from its first octet
    Implicit,
    /// Everything in clear, the password too
    None,
}

impl Account {
    /// From `pop3://USER@HOST:PORT` or `pop3s://USER@HOST:PORT`.
    pub fn parse(url: &str, tls: Option<Tls>) -> Result<Self> {
        let uri = Uri::parse(url)?;
        let authority = uri.authority().ok_or("the URL has no host")?;
        let rest = !matches!(uri.path().as_str(), "" | "/") || uri.has_query() || uri.has_fragment();
        if rest {
            return Err("the URL ends behind the host and its port".into());
        }
        let user = authority.userinfo().ok_or("the URL has no user: pop3://USER@HOST")?;
        if user.as_str().contains(':') {
            return Err("a password does not belong in a URL, where others see it".into());
        }
        let user = user.decode().into_string()?.into_owned();
        let host = match authority.host_parsed() {
            Host::RegName(name) => name.decode().into_string()?.into_owned(),
            _ => authority.host().trim_matches(['[', ']']).into(),
        };
        if user.is_empty() || host.is_empty() {
            return Err("the URL has no user or no host: pop3://USER@HOST".into());
        }
        let tls = match (uri.scheme().as_str(), tls) {
            ("pop3s", None | Some(Tls::Implicit)) => Tls::Implicit,
            ("pop3s", Some(_)) => return Err("pop3s:// is TLS from the first octet".into()),
            ("pop3", Some(tls)) => tls,
            ("pop3", None) if is_loopback(&host) => Tls::None,
            ("pop3", None) => Tls::Stls,
            (scheme, _) => return Err(format!("{scheme}: is neither pop3: nor pop3s:").into()),
        };
        let usual = if tls == Tls::Implicit { 995 } else { 110 };
        let port = authority.port_to_u16()?.unwrap_or(usual);
        Ok(Account { user, host, port, tls })
    }

    /// Names the mailbox, in a form that a file name can have: the two usual ports lead to the same one.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = EString::<Userinfo>::new();
        key.encode::<Data>(&self.user);
        let key = key.into_string() + "@" + &self.host.to_lowercase();
        if matches!(self.port, 110 | 995) { key } else { format!("{key}:{}", self.port) }
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, String, u16, Tls) {
        let Account { user, host, port, tls } = Account::parse(url, None).unwrap();
        (user, host, port, tls)
    }

    #[test]
    fn tls_is_the_rule_outside_loopback() {
        let row = |user: &str, host: &str, port, tls| (user.into(), host.into(), port, tls);
        assert_eq!(parsed("pop3://mrose@example.org"), row("mrose", "example.org", 110, Tls::Stls));
        assert_eq!(parsed("pop3s://mrose@example.org/"), row("mrose", "example.org", 995, Tls::Implicit));
        assert_eq!(parsed("pop3://mrose@127.0.0.1:1100"), row("mrose", "127.0.0.1", 1100, Tls::None));
        assert_eq!(parsed("pop3://a%40b@[::1]:1100"), row("a@b", "::1", 1100, Tls::None));
        assert_eq!(parsed("pop3://mrose@LOCALHOST"), row("mrose", "LOCALHOST", 110, Tls::None));
        assert_eq!(parsed("pop3://mrose@127.0.0.1.example.org").3, Tls::Stls);
        assert!(Account::parse("pop3s://mrose@example.org", Some(Tls::None)).is_err());
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for url in [
            "pop3://example.org",
            "pop3://@example.org",
            "pop3://mrose:tanstaaf@example.org",
            "imap://mrose@example.org",
            "pop3://mrose@example.org/1",
            "pop3://mrose@example.org:99999",
            "pop3://mrose@",
            "mrose@example.org",
        ] {
            assert!(Account::parse(url, None).is_err(), "{url}");
        }
    }

    #[test]
    fn a_mailbox_has_one_key() {
        let key = |url| Account::parse(url, None).unwrap().key();
        assert_eq!(key("pop3://mrose@Example.org"), "mrose@example.org");
        assert_eq!(key("pop3s://%6drose@example.org"), "mrose@example.org");
        assert_eq!(key("pop3://..%2F@example.org:1100"), "..%2F@example.org:1100");
    }
}
