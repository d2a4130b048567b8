//! Any split, any order: the cuts of the bytes and the sizes of the sinks change neither events nor output.

use super::sessions;
use pop3_proto::server::{self, CloseReason};
use pop3_proto::{MIN_SEND_BUF, TlsPolicy, client};
use pop3_proto_kit::{App, Cuts, Dialogue, Host, How, Memory, Outcome, Reading, SMALL, words};

/// Send buffers of every size from the smallest on, and some larger.
fn memories() -> impl Iterator<Item = Memory> {
    let fixed = (MIN_SEND_BUF..=MIN_SEND_BUF + 40).chain([600, 1000, 4096]).map(Memory::fixed);
    fixed.chain([MIN_SEND_BUF, 600, 16 * 1024].map(Memory::growing))
}

fn large() -> Memory {
    Memory::growing(16 * 1024)
}

fn least() -> Memory {
    Memory::fixed(MIN_SEND_BUF)
}

/// Returns the outcome of the uncut session, which must end.
fn whole(name: &str, session: &Dialogue<'_>) -> Outcome {
    let outcome = session.run(&How::whole());
    assert!(matches!(outcome.end, Some(Ok(CloseReason::Quit | CloseReason::Refused))), "{name}: {outcome:?}");
    assert!(outcome.heard.last().is_some_and(|last| last.starts_with("closed")), "{name}: {outcome:?}");
    outcome
}

#[test]
fn law_5_a_pair_does_the_same_under_every_cut() {
    sessions::all(|name, session| {
        let whole = whole(name, session);
        for up in [Cuts::Whole, Cuts::Each(1), Cuts::Each(3), Cuts::Random(5)] {
            for down in [Cuts::Whole, Cuts::Each(1), Cuts::Each(2), Cuts::Random(9)] {
                for memory in [least(), Memory::growing(600)] {
                    let how = How { up, down, ..How::whole() }.with_memory(&memory);
                    assert_eq!(session.run(&how), whole, "{name} {how:?}");
                }
            }
        }
    });
}

#[test]
fn law_5_a_pair_does_the_same_with_every_sink() {
    sessions::all(|name, session| {
        let whole = whole(name, session);
        for memory in memories() {
            let how = How::whole().with_memory(&memory);
            assert_eq!(session.run(&how), whole, "{name} {how:?}");
        }
    });
}

/// The server's bytes between two sends arrive at once. The client reads them as it reads them byte by byte.
#[test]
fn law_5_a_client_sees_the_same_events_under_every_cut() {
    sessions::all(|name, session| {
        let outcome = whole(name, session);
        if name == "tls" {
            return; // the STLS boundary: bytes after it must not be there before it
        }
        let reading = Reading::new(session.client, session.steps, &outcome.down);
        let expected = reading.play(Cuts::Whole, large());
        assert_eq!(expected, (outcome.heard.clone(), outcome.up.clone()), "{name}");
        for cuts in Cuts::all(outcome.down.len()) {
            assert_eq!(reading.play(cuts, least()), expected, "{name} {cuts:?}");
        }
        for memory in memories() {
            assert_eq!(reading.play(Cuts::Whole, memory), expected, "{name}");
        }
    });
}

#[test]
fn law_5_a_server_writes_the_same_under_every_cut() {
    sessions::all(|name, session| {
        let outcome = whole(name, session);
        if name == "tls" {
            return;
        }
        let alone = |cuts, memory| Host::alone(session.server, &session.app, &outcome.up, cuts, memory);
        let expected = alone(Cuts::Whole, large());
        let (asked, down) = (outcome.asked.clone(), outcome.down.clone());
        assert_eq!(expected, (asked, down, outcome.end.unwrap(), outcome.removed.clone()), "{name}");
        for cuts in Cuts::all(outcome.up.len()) {
            assert_eq!(alone(cuts, least()), expected, "{name} {cuts:?}");
        }
        for memory in memories() {
            assert_eq!(alone(Cuts::Each(5), memory), expected, "{name}");
        }
    });
}

/// A short wire under every pair of cuts, because state stored at the first cut might spoil the second.
///
/// Also ROB.24.
#[test]
fn law_5_every_pair_of_cuts_gives_the_same() {
    let steps = ["USER mrose", "PASS b", "RETR 1", "QUIT"];
    let down = b"+OK\r\n+OK\r\n+OK\r\n+OK\r\na\r\n.\rb\r\n..\r\n\r.\r\n.\r\n+OK\r\n";
    let config = client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(SMALL);
    let reading = Reading::new(config, &steps, down);
    let client = |cuts| reading.play(cuts, least());
    let expected = client(Cuts::Whole);
    assert!(expected.0.contains(&words::body(b"a\r\n\rb\r\n.\r\n\r.\r\n")));
    for cuts in Cuts::pairs(down.len()) {
        assert_eq!(client(cuts), expected, "{cuts:?}");
    }

    let up = b"USER mrose\r\nPASS tanstaaf\nRETR 2\r\nBAD\r\nDELE 1\r\nQUIT\r\n";
    let config = server::ServerConfig::new(TlsPolicy::Cleartext);
    let server = |cuts| Host::alone(config, &App::new(), up, cuts, least());
    let expected = server(Cuts::Whole);
    assert_eq!(expected.3, [1]);
    for cuts in Cuts::pairs(up.len()) {
        assert_eq!(server(cuts), expected, "{cuts:?}");
    }
}

/// Lines and bodies over their limits also end the same way, wherever they are cut. Also ROB.24.
#[test]
fn law_5_input_over_a_limit_is_over_it_under_every_cut() {
    let limits = SMALL.with_status_line(64).with_listing_line(64).with_body_octets(9).with_command_line(64);
    let config = client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits);
    for (last, tail) in [
        ("STAT", [&b"+OK "[..], &[b'x'; 70]].concat()),
        ("UIDL", [&b"+OK\r\n1 "[..], &[b'x'; 70], b"\r\n"].concat()),
        ("RETR 1", b"+OK\r\n1234\r\n.567890\r\n.\r\n".to_vec()),
    ] {
        let steps = ["USER mrose", "PASS b", last];
        let down = [&b"+OK\r\n+OK\r\n+OK\r\n"[..], &tail].concat();
        let reading = Reading::new(config, &steps, &down);
        let client = |cuts| reading.play(cuts, least());
        let expected = client(Cuts::Whole);
        assert!(expected.0.last().is_some_and(|last| last.starts_with("fatal OverLimit")), "{expected:?}");
        for cuts in Cuts::all(down.len()) {
            assert_eq!(client(cuts), expected, "{cuts:?}");
        }
    }
    let up = [&b"USER mrose\r\nPASS "[..], &[b'x'; 70], b"\nQUIT\r\nCAPA\r\n"].concat();
    let config = server::ServerConfig::new(TlsPolicy::Cleartext).with_limits(limits);
    let server = |cuts| Host::alone(config, &App::new(), &up, cuts, least());
    for cuts in Cuts::all(up.len()) {
        assert_eq!(server(cuts), server(Cuts::Whole), "{cuts:?}");
    }
}
