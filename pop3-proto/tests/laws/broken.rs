//! A session that breaks off at any octet of either direction: nothing is removed that was not asked for by a whole QUIT, and no message is
//! reported whole that is not.

use super::sessions;
use crate::harness::{Cuts, How, Outcome, Seen, Session, Size};
use pop3_proto::client::Deletions;
use pop3_proto::server::CloseReason;
use pop3_proto::{ConnectionError, MIN_SEND_BUF};

/// What holds of every outcome, against that of the whole session.
fn check(session: &Session<'_>, outcome: &Outcome, whole: &Outcome, told: &str) {
    let quit = outcome.up.len() == whole.up.len() && outcome.asked == whole.asked;
    let expected = if quit { &whole.removed[..] } else { &[] };
    assert_eq!(outcome.removed, expected, "{told}: {:?}", outcome.over);

    match outcome.deletions {
        Deletions::NoneAsked | Deletions::Pending => assert!(!quit || whole.removed.is_empty(), "{told}"),
        Deletions::Committed => assert_eq!(outcome.removed, whole.removed, "{told}"),
        Deletions::RefusedInPart => assert!(quit && session.app.keeps, "{told}"),
        // The client sent QUIT and cannot know.
        Deletions::Unknown => assert!(!outcome.seen.iter().any(is_answered_quit), "{told}"),
    }

    for pair in outcome.seen.windows(2) {
        let [before, Seen::End(ticket, amount)] = pair else { continue };
        let (true, Some(message)) = (ticket.verb.keyword() == "RETR", ticket.message) else { continue };
        let Seen::Body(_, body) = before else { panic!("{told}: an end without a message") };
        assert_eq!(*body, session.app.received(message), "{told}");
        assert_eq!(*amount, body.len() as u64, "{told}");
    }
}

fn is_answered_quit(seen: &Seen) -> bool {
    matches!(seen, Seen::Event(event) if event.starts_with("Closed(Committed") || event.starts_with("Closed(RefusedInPart"))
}

/// How the bytes travel when they are not lost; a long session only as a whole.
fn ways(whole: &Outcome) -> Vec<How> {
    let small = How {
        client_sink: Size::Slice(MIN_SEND_BUF),
        server_sink: Size::Slice(MIN_SEND_BUF),
        ..How::octets()
    };
    let random = How { up: Cuts::Random(11), down: Cuts::Random(13), ..How::whole() };
    let count = if whole.down.len() > 600 { 1 } else { 3 };
    [How::whole(), small, random].into_iter().take(count).collect()
}

/// Also ROB.30.
#[test]
fn r1939_6_b_a_client_that_breaks_off_anywhere_removes_nothing() {
    sessions::all(|name, session| {
        let whole = session.run(&How::whole());
        for how in ways(&whole) {
            for end in 0..=whole.up.len() {
                let how = How { up_ends: Some(end), ..how.clone() };
                let outcome = session.run(&how);
                check(session, &outcome, &whole, &format!("{name} up to {end}"));
                if end < whole.up.len() {
                    assert_eq!(outcome.up, whole.up[..end], "{name} up to {end}");
                    assert!(
                        matches!(outcome.over, Some(Ok(CloseReason::End | CloseReason::Refused))),
                        "{name} {end}: {:?}",
                        outcome.over
                    );
                }
            }
        }
    });
}

#[test]
fn rob_29_a_server_that_breaks_off_anywhere_delivers_no_half_message() {
    sessions::all(|name, session| {
        let whole = session.run(&How::whole());
        for how in ways(&whole) {
            for end in 0..=whole.down.len() {
                let how = How { down_ends: Some(end), ..how.clone() };
                let outcome = session.run(&how);
                check(session, &outcome, &whole, &format!("{name} down to {end}"));
                // What was seen is the beginning of what is seen of the whole, then the end of the stream.
                let (last, before) = outcome.seen.split_last().unwrap();
                let same = before.len() - usize::from(matches!(before.last(), Some(Seen::Body(..))));
                assert_eq!(before[..same], whole.seen[..same], "{name} down to {end}");
                if end < whole.down.len() {
                    let closed = matches!(last, Seen::Event(event) if event.starts_with("Closed("));
                    let ended = *last == Seen::ConnectionError(ConnectionError::UnexpectedEof) || closed;
                    assert!(ended, "{name} down to {end}: {last:?}");
                }
            }
        }
    });
}

/// The three things that can be known about a deletion, by how far the answer to QUIT came.
///
/// Also AMB.28.
#[test]
fn r1939_6_g_of_deletions_a_client_says_what_it_knows() {
    let steps = sessions::short();
    let session = Session::new(&steps);
    let whole = session.run(&How::whole());
    assert_eq!((whole.deletions, &whole.removed[..]), (Deletions::Committed, &[2][..]));
    let at = |up_ends, down_ends| session.run(&How { up_ends, down_ends, ..How::whole() });
    let (up, down) = (whole.up.len(), whole.down.len());

    // The answer to DELE is not whole: it was asked for, and stays.
    let dele = down - "+OK marked for deletion\r\n+OK bye\r\n".len();
    assert_eq!(at(None, Some(dele)).deletions, Deletions::Pending);
    assert!(at(None, Some(dele)).removed.is_empty());
    // QUIT never arrived, or its answer did not: the client cannot tell.
    for outcome in [at(Some(up - 1), None), at(None, Some(down - 1))] {
        assert_eq!(outcome.deletions, Deletions::Unknown);
    }
    assert!(at(Some(up - 1), None).removed.is_empty());
    assert_eq!(at(None, Some(down - 1)).removed, [2]);
}
