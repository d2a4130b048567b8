//! The time before which a server asks not to log in again, as a program that polls uses it (RFC 2449 section 6.5).

use super::drive::{Host, Peer};
use pop3_proto::server::{Announce, Config, Refusal};
use pop3_proto::{Millis, ResponseCode, Retry, TlsPolicy, client::Event};

/// Also 2449.6.5.b.
#[test]
fn r2449_6_5_a_the_moment_of_the_next_login_is_known() {
    let mut peer = Peer::new(TlsPolicy::Cleartext);
    let login = Millis::seconds(100);
    assert_eq!(peer.client.capabilities().next_login(login), None, "nobody asked");
    peer.lists(&["LOGIN-DELAY 900 USER"]);
    assert_eq!(peer.client.capabilities().next_login(login), Some(Millis::seconds(1000)));
    peer.log_in();
    assert!(peer.client.capabilities().is_before_login(), "the longest of any user's");
    peer.lists(&["LOGIN-DELAY 15"]);
    let capabilities = peer.client.capabilities();
    assert_eq!(
        (capabilities.is_before_login(), capabilities.next_login(login)),
        (false, Some(Millis::seconds(115)))
    );
    peer.lists(&["LOGIN-DELAY 0"]);
    assert_eq!(peer.client.capabilities().next_login(login), Some(login));
    peer.lists(&["LOGIN-DELAY 99999999999"]);
    assert_eq!(peer.client.capabilities().next_login(Millis(u64::MAX)), Some(Millis(u64::MAX)));
    peer.lists(&["UIDL"]);
    assert_eq!(peer.client.capabilities().next_login(login), None);
}

/// A server that enforces its delay, and a client that is refused once and then waits as told. Also 2449.6.5.c, 2449.6.5.f, AMB.25.
#[test]
fn amb_25_a_client_that_was_too_soon_waits_and_is_let_in() {
    let config = Config::new(TlsPolicy::Cleartext).login_delay(900, true);
    let accepted_at = Millis::seconds(1000);
    // The application's part: it keeps the moment of the last login and refuses what comes too soon.
    let host = |now: Millis| {
        let mut host = Host::greeted(config);
        let soon = now < Millis(accepted_at.0 + 30_000);
        host.login = if soon {
            Err(Refusal::LoginDelay)
        } else {
            Ok(Announce { login_delay: Some(30), expire: None })
        };
        host
    };
    // One session at this moment: what the client heard of the login, and when it may come again.
    let session = |now: Millis| {
        let (mut peer, mut host) = (Peer::new(TlsPolicy::Cleartext), host(now));
        peer.sends("CAPA").unwrap();
        peer.hears(host.says("CAPA\r\n"));
        peer.sends("USER mrose").unwrap();
        peer.hears(host.says("USER mrose\r\n"));
        peer.sends("PASS secret").unwrap();
        let answer = host.says("PASS secret\r\n");
        let event = peer.client.poll(&mut pop3_proto::Input::more(answer.as_bytes())).unwrap().unwrap();
        let retry = match event {
            Event::Refused(_, status) => {
                assert_eq!(status.code(), Some(ResponseCode::LoginDelay));
                status.code().and_then(|code| code.retry())
            }
            _ => None,
        };
        if retry.is_none() {
            peer.sends("CAPA").unwrap();
            peer.hears(host.says("CAPA\r\n"));
        }
        (retry, peer.client.capabilities().next_login(accepted_at))
    };
    let (retry, next) = session(Millis::seconds(1010));
    assert_eq!(
        (retry, next),
        (Some(Retry::Later), Some(Millis::seconds(1900))),
        "before login the longest is known"
    );
    // A failed login does not start the delay anew.
    let (retry, next) = session(next.unwrap());
    assert_eq!((retry, next), (None, Some(Millis::seconds(1030))), "behind it this user's own");
}
