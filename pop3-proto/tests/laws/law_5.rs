//! Any split, any order: how bytes are cut and how large sinks are changes neither events nor output.

use super::sessions;
use crate::harness::{ClientSide, Cuts, How, Outcome, Seen, ServerSide, Session, Size};
use pop3_proto::MIN_SINK;
use pop3_proto::server::Why;

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

/// All that a server says at once: the client takes it as it takes it octet by octet.
#[test]
fn law_5_a_client_sees_the_same_events_under_every_cut() {
    sessions::all(|name, session| {
        let outcome = whole(name, session);
        if name == "tls" {
            return; // the wall: what lies behind it must not be there before
        }
        // Nothing is sent ahead here: the answers are all there.
        let client = session.client;
        let alone = |cuts: &Cuts, size| ClientSide::alone(client, session.steps, &outcome.down, cuts, size);
        let expected = alone(&Cuts::Whole, Size::Outbox(16 * 1024));
        assert_eq!(expected, (outcome.seen.clone(), outcome.up.clone()), "{name}");
        for cuts in Cuts::all(outcome.down.len()) {
            assert_eq!(alone(&cuts, Size::Out(MIN_SINK)), expected, "{name} {cuts:?}");
        }
        for size in sizes() {
            assert_eq!(alone(&Cuts::Whole, size), expected, "{name} {size:?}");
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
