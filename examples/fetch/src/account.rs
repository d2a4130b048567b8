use crate::Result;
use clap::ValueEnum;
use idna::AsciiDenyList;
use std::net::{IpAddr, Ipv6Addr};

/// The longest key that can be a file name unchanged, with room for a prefix.
const LONGEST_KEY: usize = 200;
/// Gmail's prefix to a user name that selects the mail of the last 30 days.
const RECENT: &str = "recent:";

/// The user whose mail to fetch, and the server.
#[derive(Clone, Debug)]
pub struct Account {
    /// The bytes of the name that the server receives.
    pub user: Vec<u8>,
    /// A domain name in ASCII and lower case, or an IP address.
    pub host: String,
    pub port: u16,
    pub tls: Tls,
}

/// How a session gets into TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Tls {
    /// The session begins in cleartext and continues inside TLS
    Stls,
    /// The connection is TLS from its first byte
    Implicit,
    /// Everything is sent in cleartext, including the password
    None,
}

impl Account {
    /// Reads `pop3://USER@HOST[:PORT]` or `pop3s://USER@HOST[:PORT]`.
    ///
    /// A byte of the name can be written as `%XX`, and stays that byte. A host can be an internationalized domain name.
    ///
    /// # Errors
    /// Returns an error that quotes no part of the name, because it may be a password.
    pub fn parse(url: &str, tls: Option<Tls>) -> Result<Self> {
        let (scheme, rest) =
            url.split_once("://").ok_or("the URL has no known scheme: begin it with pop3:// or pop3s://")?;
        let tls_from_start = match scheme.to_ascii_lowercase().as_str() {
            "pop3" => false,
            "pop3s" => true,
            _ => return Err("the URL has no known scheme: begin it with pop3:// or pop3s://".into()),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, place) = authority.rsplit_once('@').ok_or("the URL has no user: pop3://USER@HOST")?;
        if !matches!(rest, "" | "/") {
            return Err("the URL must end after the host and its port".into());
        }
        let (user, (host, port)) = (parse_user(user)?, parse_place(place)?);
        let tls = match (tls_from_start, tls) {
            (true, None | Some(Tls::Implicit)) => Tls::Implicit,
            (true, Some(_)) => {
                return Err("pop3s:// is TLS from the first byte: use pop3:// for --tls".into());
            }
            (false, Some(tls)) => tls,
            (false, None) if is_loopback(&host) => Tls::None,
            (false, None) => Tls::Stls,
        };
        let port = port.unwrap_or(if tls == Tls::Implicit { 995 } else { 110 });
        Ok(Account { user, host, port, tls })
    }

    /// Returns a file name for the mailbox. It is the same for the two usual ports, because both lead to the
    /// same mailbox.
    ///
    /// It contains no slash, for any name and host. A long name is cut, and a digest keeps it distinct.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = encode(&self.user, b"") + "@" + &encode(self.host.to_lowercase().as_bytes(), b":");
        if !matches!(self.port, 110 | 995) {
            key += &format!(":{}", self.port);
        }
        if key.len() > LONGEST_KEY {
            let digest = crate::tls::Fingerprint::of(key.as_bytes());
            key.truncate(LONGEST_KEY / 2);
            key += &format!("~{digest}");
        }
        key
    }

    /// Returns the name in a readable form.
    #[must_use]
    pub fn shown_user(&self) -> String {
        match std::str::from_utf8(&self.user) {
            Ok(name) => name.into(),
            Err(_) => self.user.escape_ascii().to_string(),
        }
    }
}

fn parse_user(text: &str) -> Result<Vec<u8>> {
    if text.strip_prefix(RECENT).unwrap_or(text).contains(':') {
        return Err("a URL must not hold a password, because others can see it: leave the password out, \
                    or write a colon in the name as %3A"
            .into());
    }
    let user = decode(text).ok_or("the user's name has a % without two hex digits: write % as %25")?;
    if user.is_empty() || text == RECENT {
        return Err("the URL has no user: pop3://USER@HOST".into());
    }
    if user.iter().any(u8::is_ascii_control) {
        return Err("the user's name has control characters: POP3 cannot send them".into());
    }
    Ok(user)
}

/// Reads `HOST[:PORT]`.
fn parse_place(text: &str) -> Result<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("the host's address has no ]")?;
            let _: Ipv6Addr = address.parse().map_err(|_| "the host in brackets is not an IPv6 address")?;
            (address.into(), port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (domain(host)?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0).ok_or("the port must be from 1 to 65535")?)
        }
        _ => return Err("only a port can follow the host: pop3://USER@HOST:PORT".into()),
    };
    Ok((host, port))
}

/// Returns a domain name in the form that the DNS uses (RFC 5891), in lower case.
fn domain(text: &str) -> Result<String> {
    let host = decode(text).ok_or("the host has a % without two hex digits")?;
    let host =
        idna::domain_to_ascii_cow(&host, AsciiDenyList::URL).map_err(|_| "the host is not a domain name")?;
    if host.is_empty() {
        return Err("the URL has no host: pop3://USER@HOST".into());
    }
    Ok(host.into_owned())
}

/// Replaces each `%XX` by its byte.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { digit(bytes.next()?)? * 16 + digit(bytes.next()?)? } else { byte });
    }
    Some(decoded)
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Writes each byte as `%XX` unless it is unreserved (RFC 3986 section 2.3) or in `kept`.
fn encode(bytes: &[u8], kept: &[u8]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte);
    let one =
        |byte: &u8| if is_plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(one).collect()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (Vec<u8>, String, u16, Tls) {
        let Account { user, host, port, tls } = Account::parse(url, None).unwrap();
        (user, host, port, tls)
    }

    fn row(user: &[u8], host: &str, port: u16, tls: Tls) -> (Vec<u8>, String, u16, Tls) {
        (user.into(), host.into(), port, tls)
    }

    fn refusal(url: &str) -> String {
        Account::parse(url, None).unwrap_err().to_string()
    }

    #[test]
    fn tls_is_the_rule_outside_loopback() {
        assert_eq!(parsed("pop3://mrose@example.org"), row(b"mrose", "example.org", 110, Tls::Stls));
        assert_eq!(parsed("pop3s://mrose@example.org/"), row(b"mrose", "example.org", 995, Tls::Implicit));
        assert_eq!(parsed("pop3://mrose@127.0.0.1:1100"), row(b"mrose", "127.0.0.1", 1100, Tls::None));
        assert_eq!(parsed("pop3://a%40b@[::1]:1100"), row(b"a@b", "::1", 1100, Tls::None));
        assert_eq!(parsed("POP3://mrose@LOCALHOST:"), row(b"mrose", "localhost", 110, Tls::None));
        assert_eq!(parsed("pop3://mrose@127.0.0.1.example.org").3, Tls::Stls);
        assert!(Account::parse("pop3s://mrose@example.org", Some(Tls::None)).is_err());
    }

    #[test]
    fn a_url_that_names_no_account_is_refused() {
        for url in [
            "pop3://example.org",
            "pop3://@example.org",
            "pop3://recent:@example.org",
            "pop3://mrose:tanstaaf@example.org",
            "imap://mrose@example.org",
            "pop3://mrose@example.org/1",
            "pop3://mrose@example.org:99999",
            "pop3://mrose@example.org:0",
            "pop3://mrose@example.org:+1",
            "pop3://mrose@[::1",
            "pop3://mrose@[::1]1",
            "pop3://mrose@[example.org]",
            "pop3://mrose@",
            "pop3://mr%4@example.org",
            "pop3://mr%+1@example.org",
            "pop3://mr%0Aose@example.org",
            "pop3://mrose@exa%2Fmple.org",
            "pop3://mrose@exa mple.org",
            "mrose@example.org",
        ] {
            assert!(Account::parse(url, None).is_err(), "{url}");
        }
    }

    #[test]
    fn a_name_keeps_its_bytes() {
        assert_eq!(parsed("pop3://m%FCller@example.org").0, b"m\xFCller");
        assert_eq!(parsed("pop3://m\u{fc}ller@example.org").0, "m\u{fc}ller".as_bytes());
        assert_eq!(parsed("pop3://a+b%3Ac@example.org").0, b"a+b:c");
    }

    #[test]
    fn the_prefix_recent_is_part_of_the_name() {
        assert_eq!(parsed("pop3s://recent:mrose%40example.org@example.org").0, b"recent:mrose@example.org");
        for url in ["pop3://recent:mrose:tanstaaf@example.org", "pop3://Recent:tanstaaf@example.org"] {
            let refusal = refusal(url);
            assert!(refusal.contains("%3A") && !refusal.contains("tanstaaf"), "{refusal}");
        }
    }

    #[test]
    fn an_internationalized_host_is_looked_up_in_ascii() {
        for url in [
            "pop3://mrose@B\u{fc}cher.example",
            "pop3://mrose@b%C3%BCcher.example",
            "pop3://mrose@xn--bcher-kva.example",
        ] {
            assert_eq!(parsed(url).1, "xn--bcher-kva.example", "{url}");
        }
        assert_eq!(parsed("pop3://mrose@mail_1.example.org").1, "mail_1.example.org");
    }

    #[test]
    fn a_mailbox_has_one_key() {
        let key = |url| Account::parse(url, None).unwrap().key();
        assert_eq!(key("pop3://mrose@Example.org"), "mrose@example.org");
        assert_eq!(key("pop3s://%6drose@example.org"), "mrose@example.org");
        assert_eq!(key("pop3://..%2F@example.org:1100"), "..%2F@example.org:1100");
        assert_eq!(key("pop3://m%FCller@[::1]:1100"), "m%FCller@::1:1100");
        assert_eq!(key("pop3://recent:mrose@example.org"), "recent%3Amrose@example.org");
    }

    #[test]
    fn a_key_is_a_file_name_whatever_the_host_is() {
        let account = |user: &str, host: &str| Account {
            user: user.into(),
            host: host.into(),
            port: 110,
            tls: Tls::None,
        };
        assert_eq!(account("mrose", "../../etc/x").key(), "mrose@..%2F..%2Fetc%2Fx");
        let long = |last: &str| account(&("/".repeat(300) + last), "example.org").key();
        assert!(long("a").len() < 240 && !long("a").contains('/'));
        assert_ne!(long("a"), long("b"));
    }
}
