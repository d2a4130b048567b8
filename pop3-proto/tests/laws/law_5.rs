//! Any split, any order: how bytes are cut and how large sinks are changes neither events nor output.

use super::sessions::{self, USER, number, pass};
use crate::harness::{App, Cuts, Do, How, Outcome, Reading, Seen, ServerSide, Session, Size};
use pop3_proto::server::{self, Why};
use pop3_proto::{Command, Fatal, Limits, MIN_SINK, TlsPolicy, client};

/// Sinks of every size from the smallest on, and some larger.
fn sizes() -> impl Iterator<Item = Size> {
    let outs = (MIN_SINK..=MIN_SINK + 40).chain([600, 1000, 4096]).map(Size::Out);
    outs.chain([MIN_SINK, 600, 16 * 1024].map(Size::Outbox))
}

/// The session whole; it has to come to its end.
fn whole(name: &str, session: &Session<'_>) -> Outcome {
    let outcome = session.run(&How::whole());
    assert!(matches!(outcome.over, Some(Ok(Why::Quit | Why::Refused))), "{name}: {outcome:?}");
    assert!(
        matches!(outcome.seen.last(), Some(Seen::Event(event)) if event.starts_with("Closed")),
        "{name}: {outcome:?}"
    );
    outcome
}

#[test]
fn law_5_a_pair_does_the_same_under_every_cut() {
    sessions::all(|name, session| {
        let whole = whole(name, session);
        for up in [Cuts::Whole, Cuts::Each(1), Cuts::Each(3), Cuts::Random(5)] {
            for down in [Cuts::Whole, Cuts::Each(1), Cuts::Each(2), Cuts::Random(9)] {
                for size in [Size::Out(MIN_SINK), Size::Outbox(600)] {
                    let (up, down) = (up.clone(), down.clone());
                    let how = How { up, down, client_sink: size, server_sink: size, ..How::whole() };
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
        for size in sizes() {
            let how = How { client_sink: size, server_sink: size, ..How::whole() };
            assert_eq!(session.run(&how), whole, "{name} {how:?}");
        }
    });
}

/// All that a server says between two sends at once: the client takes it as it takes it octet by octet.
#[test]
fn law_5_a_client_sees_the_same_events_under_every_cut() {
    sessions::all(|name, session| {
        let outcome = whole(name, session);
        if name == "tls" {
            return; // the wall: what lies behind it must not be there before
        }
        let reading = Reading::new(session.client, session.steps, &outcome.down);
        let expected = reading.play(&Cuts::Whole, Size::Outbox(16 * 1024));
        assert_eq!(expected, (outcome.seen.clone(), outcome.up.clone()), "{name}");
        for cuts in Cuts::all(outcome.down.len()) {
            assert_eq!(reading.play(&cuts, Size::Out(MIN_SINK)), expected, "{name} {cuts:?}");
        }
        for size in sizes() {
            assert_eq!(reading.play(&Cuts::Whole, size), expected, "{name} {size:?}");
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
        let alone =
            |cuts: &Cuts, size| ServerSide::alone(session.server, &session.app, &outcome.up, cuts, size);
        let expected = alone(&Cuts::Whole, Size::Outbox(16 * 1024));
        let (asked, down) = (outcome.asked.clone(), outcome.down.clone());
        assert_eq!(expected, (asked, down, outcome.over.unwrap(), outcome.removed.clone()), "{name}");
        for cuts in Cuts::all(outcome.up.len()) {
            assert_eq!(alone(&cuts, Size::Out(MIN_SINK)), expected, "{name} {cuts:?}");
        }
        for size in sizes() {
            assert_eq!(alone(&Cuts::Each(5), size), expected, "{name} {size:?}");
        }
    });
}

/// A short wire under every pair of cuts: what one remembers of the first may not spoil the second.
///
/// Also ROB.24.
#[test]
fn law_5_every_pair_of_cuts_gives_the_same() {
    let steps =
        [Do::Send(USER), Do::Send(pass("b")), Do::Send(Command::Retr(number(1))), Do::Send(Command::Quit)];
    let down = b"+OK\r\n+OK\r\n+OK\r\n+OK\r\na\r\n.\rb\r\n..\r\n\r.\r\n.\r\n+OK\r\n";
    let config = client::Config::new(TlsPolicy::Cleartext);
    let reading = Reading::new(config, &steps, down);
    let client = |cuts: &Cuts| reading.play(cuts, Size::Out(MIN_SINK));
    let expected = client(&Cuts::Whole);
    assert!(
        expected
            .0
            .iter()
            .any(|seen| matches!(seen, Seen::Body(_, body) if body == b"a\r\n\rb\r\n.\r\n\r.\r\n"))
    );
    for cuts in Cuts::pairs(down.len()) {
        assert_eq!(client(&cuts), expected, "{cuts:?}");
    }

    let up = b"USER mrose\r\nPASS tanstaaf\nRETR 2\r\nBAD\r\nDELE 1\r\nQUIT\r\n";
    let config = server::Config::new(TlsPolicy::Cleartext);
    let server = |cuts: &Cuts| ServerSide::alone(config, &App::new(), up, cuts, Size::Out(MIN_SINK));
    let expected = server(&Cuts::Whole);
    assert_eq!(expected.3, [1]);
    for cuts in Cuts::pairs(up.len()) {
        assert_eq!(server(&cuts), expected, "{cuts:?}");
    }
}

/// Lines over their limit and bodies over theirs end the same way too, wherever they are cut. Also ROB.24.
#[test]
fn law_5_what_goes_over_a_limit_does_so_under_every_cut() {
    let limits = Limits::DEFAULT.status_line(64).listing_line(64).body_octets(9).command_line(64);
    let config = client::Config::new(TlsPolicy::Cleartext).limits(limits);
    let login = [Do::Send(USER), Do::Send(pass("b"))];
    for (last, tail) in [
        (Command::Stat, [&b"+OK "[..], &[b'x'; 70]].concat()),
        (Command::Uidl(None), [&b"+OK\r\n1 "[..], &[b'x'; 70], b"\r\n"].concat()),
        (Command::Retr(number(1)), b"+OK\r\n1234\r\n.567890\r\n.\r\n".to_vec()),
    ] {
        let steps = [&login[..], &[Do::Send(last)]].concat();
        let down = [&b"+OK\r\n+OK\r\n+OK\r\n"[..], &tail].concat();
        let reading = Reading::new(config, &steps, &down);
        let client = |cuts: &Cuts| reading.play(cuts, Size::Out(MIN_SINK));
        let expected = client(&Cuts::Whole);
        assert!(matches!(expected.0.last(), Some(Seen::Fatal(Fatal::OverLimit(_)))), "{expected:?}");
        for cuts in Cuts::all(down.len()) {
            assert_eq!(client(&cuts), expected, "{cuts:?}");
        }
    }
    let up = [&b"USER mrose\r\nPASS "[..], &[b'x'; 70], b"\nQUIT\r\nCAPA\r\n"].concat();
    let config = server::Config::new(TlsPolicy::Cleartext).limits(limits);
    let server = |cuts: &Cuts| ServerSide::alone(config, &App::new(), &up, cuts, Size::Out(MIN_SINK));
    for cuts in Cuts::all(up.len()) {
        assert_eq!(server(&cuts), server(&Cuts::Whole), "{cuts:?}");
    }
}
