//! The minimum time between two logins, as a program that polls uses it (RFC 2449 section 6.5).

use super::{greeted, guest};
use pop3_proto::server::{Refusal, ServerConfig, UserPolicy};
use pop3_proto::{ResponseCode, Retry, TlsPolicy, client::Event};
use std::time::Duration;

/// Also 2449.6.5.b.
#[test]
fn r2449_6_5_a_the_moment_of_the_next_login_is_known() {
    let mut peer = guest(TlsPolicy::Cleartext);
    let login = Duration::from_secs(100);
    assert_eq!(peer.client().capabilities().next_login(login), None, "nobody asked");
    peer.lists(&["LOGIN-DELAY 900 USER"]);
    assert_eq!(peer.client().capabilities().next_login(login), Some(Duration::from_secs(1000)));
    peer.log_in();
    assert!(peer.client().capabilities().is_before_login(), "the longest of any user's");
    peer.lists(&["LOGIN-DELAY 15"]);
    let capabilities = peer.client().capabilities();
    assert_eq!(
        (capabilities.is_before_login(), capabilities.next_login(login)),
        (false, Some(Duration::from_secs(115)))
    );
    peer.lists(&["LOGIN-DELAY 0"]);
    assert_eq!(peer.client().capabilities().next_login(login), Some(login));
    peer.lists(&["LOGIN-DELAY 99999999999"]);
    assert_eq!(peer.client().capabilities().next_login(Duration::MAX), Some(Duration::MAX));
    peer.lists(&["UIDL"]);
    assert_eq!(peer.client().capabilities().next_login(login), None);
}

/// A server that enforces its delay, and a client that is refused once and then waits as requested. Also 2449.6.5.c,
/// 2449.6.5.f, AMB.25.
#[test]
fn amb_25_a_client_that_was_too_soon_waits_and_is_let_in() {
    let config = ServerConfig::new(TlsPolicy::Cleartext).with_login_delay(900, true);
    let accepted_at = Duration::from_secs(1000);
    // The application's part: it stores the moment of the last login and refuses a login that is too soon.
    let host = |now: Duration| {
        let mut host = greeted(config);
        let soon = now < accepted_at + Duration::from_secs(30);
        host.refuse_login = soon.then_some(Refusal::LoginDelay);
        host.policy = UserPolicy { login_delay: Some(30), expire: None };
        host
    };
    // One session at this moment: the login's events, and the next moment at which a login is allowed.
    let session = |now: Duration| {
        let (mut peer, mut host) = (guest(TlsPolicy::Cleartext), host(now));
        peer.send("CAPA").unwrap();
        peer.hear(host.say("CAPA\r\n"));
        peer.send("USER mrose").unwrap();
        peer.hear(host.say("USER mrose\r\n"));
        peer.send("PASS secret").unwrap();
        peer.receive(host.say("PASS secret\r\n").as_bytes());
        let retry = match peer.pop3.poll() {
            Ok(Some((Event::Refused(_, status), _))) => {
                assert_eq!(status.code(), Some(ResponseCode::LoginDelay));
                status.code().and_then(|code| code.retry())
            }
            _ => None,
        };
        if retry.is_none() {
            peer.send("CAPA").unwrap();
            peer.hear(host.say("CAPA\r\n"));
        }
        (retry, peer.client().capabilities().next_login(accepted_at))
    };
    let (retry, next) = session(Duration::from_secs(1010));
    assert_eq!(
        (retry, next),
        (Some(Retry::Later), Some(Duration::from_secs(1900))),
        "before login, the longest delay is known"
    );
    // A failed login does not restart the delay.
    let (retry, next) = session(next.unwrap());
    assert_eq!(
        (retry, next),
        (None, Some(Duration::from_secs(1030))),
        "after login, this user's own delay is known"
    );
}
