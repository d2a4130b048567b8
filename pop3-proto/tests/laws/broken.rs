//! Sessions whose stream ends early, at any byte of either direction. The server removes a message only after a
//! complete QUIT asked for it, and the client reports only complete messages as complete.

use super::sessions;
use pop3_proto::MIN_SEND_BUF;
use pop3_proto::client::Deletions;
use pop3_proto::server::CloseReason;
use pop3_proto_kit::{Cuts, Dialogue, How, Memory, Outcome, words};

/// Asserts the invariants of an outcome, compared with the complete session.
fn check(session: &Dialogue<'_>, outcome: &Outcome, whole: &Outcome, told: &str) {
    let quit = outcome.up.len() == whole.up.len() && outcome.asked == whole.asked;
    let expected = if quit { &whole.removed[..] } else { &[] };
    assert_eq!(outcome.removed, expected, "{told}: {:?}", outcome.end);

    match outcome.deletions {
        Deletions::NoneAsked | Deletions::Pending => assert!(!quit || whole.removed.is_empty(), "{told}"),
        Deletions::Committed => assert_eq!(outcome.removed, whole.removed, "{told}"),
        Deletions::RefusedInPart => assert!(quit && !session.app.stuck.is_empty(), "{told}"),
        // The client sent QUIT and cannot know the outcome.
        Deletions::Unknown => assert!(!outcome.heard.iter().any(is_answered_quit), "{told}"),
    }

    for pair in outcome.heard.windows(2) {
        let [before, end] = pair else { continue };
        let Some((number, octets)) = end.strip_prefix("RETR ").and_then(|end| end.split_once(" end ")) else {
            continue;
        };
        let message = session.app.received(number.parse::<usize>().unwrap() - 1);
        assert_eq!((before, octets), (&words::body(&message), message.len().to_string().as_str()), "{told}");
    }
}

fn is_answered_quit(heard: &String) -> bool {
    heard == "closed Committed" || heard == "closed RefusedInPart"
}

/// Returns how the bytes travel if none is lost. A long session travels only as a whole.
fn ways(whole: &Outcome) -> Vec<How> {
    let small = How::bytes().with_memory(&Memory::fixed(MIN_SEND_BUF));
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
                let how = How { up_breaks: Some(end), ..how.clone() };
                let outcome = session.run(&how);
                check(session, &outcome, &whole, &format!("{name} up to {end}"));
                if end < whole.up.len() {
                    assert_eq!(outcome.up, whole.up[..end], "{name} up to {end}");
                    assert!(
                        matches!(outcome.end, Some(Ok(CloseReason::End | CloseReason::Refused))),
                        "{name} {end}: {:?}",
                        outcome.end
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
                let how = How { down_breaks: Some(end), ..how.clone() };
                let outcome = session.run(&how);
                check(session, &outcome, &whole, &format!("{name} down to {end}"));
                // The events are a prefix of the complete session's events, followed by the end of the stream.
                let (last, before) = outcome.heard.split_last().unwrap();
                let same =
                    before.len() - usize::from(before.last().is_some_and(|last| last.starts_with("body ")));
                assert_eq!(before[..same], whole.heard[..same], "{name} down to {end}");
                if end < whole.down.len() {
                    let closed = last.starts_with("closed ");
                    let ended = last == "fatal UnexpectedEof" || closed;
                    assert!(ended, "{name} down to {end}: {last:?}");
                }
            }
        }
    });
}

/// The three results for a deletion, by how much of the answer to QUIT arrived.
///
/// Also AMB.28.
#[test]
fn r1939_6_g_a_client_reports_the_deletions_it_knows() {
    let session = Dialogue::new(sessions::SHORT);
    let whole = session.run(&How::whole());
    assert_eq!((whole.deletions, &whole.removed[..]), (Deletions::Committed, &[2][..]));
    let at = |up_breaks, down_breaks| session.run(&How { up_breaks, down_breaks, ..How::whole() });
    let (up, down) = (whole.up.len(), whole.down.len());

    // The answer to DELE is incomplete, so the deletion was asked for, and the message stays.
    let dele = down - "+OK marked for deletion\r\n+OK bye\r\n".len();
    assert_eq!(at(None, Some(dele)).deletions, Deletions::Pending);
    assert!(at(None, Some(dele)).removed.is_empty());
    // QUIT or its answer did not arrive, so the client cannot tell.
    for outcome in [at(Some(up - 1), None), at(None, Some(down - 1))] {
        assert_eq!(outcome.deletions, Deletions::Unknown);
    }
    assert!(at(Some(up - 1), None).removed.is_empty());
    assert_eq!(at(None, Some(down - 1)).removed, [2]);
}
