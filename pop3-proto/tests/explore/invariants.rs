//! The invariants of every state.

use super::log::naive;
use super::world::World;
use pop3_proto::client::Deletions;
use pop3_proto::server::CloseReason;
use pop3_proto::{ConnectionError, Verb};

pub(super) fn check(world: &World<'_>) {
    heard_is_seen(world);
    answers_say_what_is_so(world);
    nothing_goes_without_quit(world);
    numbers_are_stable(world);
    deletions_agree(world);
    an_end_is_no_answer(world);
    all_is_answered(world);
}

/// If QUIT was answered, every command before it was answered too.
fn all_is_answered(world: &World<'_>) {
    if !world.cut && world.is_final() && world.server_over == Some(Ok(CloseReason::Quit)) {
        let whole = world.log.answers.iter().filter(|answer| answer.is_complete).count();
        assert_eq!(whole + 1, world.log.sent.len(), "a command without an answer");
        assert_eq!(world.client_over, Some(None));
    }
}

/// Each answer is in order, is complete only if its last byte was received, and no received byte is lost.
fn heard_is_seen(world: &World<'_>) {
    assert_eq!(
        world.log.answers,
        naive(&world.log.sent, &world.heard),
        "the events do not match the received bytes"
    );
}

/// STAT is the sum of LIST, and both agree with the messages and the earlier answers.
fn answers_say_what_is_so(world: &World<'_>) {
    let mut marked: Vec<u32> = Vec::new();
    for answer in world.log.answers.iter().filter(|answer| !answer.refused) {
        let here = left(world, &marked);
        if let Some(stat) = answer.stat {
            let sum: u64 = here.iter().map(|(_, octets)| octets).sum();
            assert_eq!((stat.count as usize, stat.octets), (here.len(), sum), "STAT");
        }
        match (answer.ticket.verb, answer.ticket.message) {
            (Verb::List, None) if answer.is_complete => assert_eq!(answer.rows, here, "LIST"),
            (Verb::List, None) => assert!(here.starts_with(&answer.rows), "LIST"),
            (Verb::Dele, Some(message)) => marked.push(message.get()),
            (Verb::Rset, _) => marked.clear(),
            (Verb::Retr, Some(message)) => {
                let whole = world.scenario.app.received(message.index());
                assert!(whole.starts_with(&answer.body), "bytes that are not in the message");
                assert!(!answer.is_complete || answer.body == whole, "an incomplete message");
            }
            _ => {}
        }
    }
}

/// Returns the messages that are not among these, with their sizes.
fn left(world: &World<'_>, marked: &[u32]) -> Vec<(u32, u64)> {
    (1..)
        .zip(&world.scenario.app.messages)
        .map(|(number, message)| (number, message.octets))
        .filter(|(number, _)| !marked.contains(number))
        .collect()
}

/// The marks agree with the commands that were read. Only marked messages were removed, after a QUIT in TRANSACTION.
fn nothing_goes_without_quit(world: &World<'_>) {
    let Some(opened_at) = world.opened_at else {
        return assert!(
            world.removed.is_empty() && world.committed.is_none() && world.server.maildrop().is_none()
        );
    };
    let mut marked: Vec<u32> = Vec::new();
    let mut quit = false;
    for line in world.read[opened_at..].split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii) {
        match line {
            b"RSET" => marked.clear(),
            b"QUIT" => quit = true,
            [b'D', b'E', b'L', b'E', b' ', number] => marked.push(u32::from(number - b'0')),
            _ => {}
        }
    }
    marked.sort_unstable();
    marked.dedup();
    let infos = world.server.maildrop().unwrap();
    let now: Vec<u32> =
        (1..).zip(infos).filter(|(_, info)| info.is_marked()).map(|(number, _)| number).collect();
    assert_eq!(now, marked, "the marks are not those that were asked for");
    match world.committed {
        None => assert!(world.removed.is_empty(), "removed without a commit"),
        Some(all) => {
            assert!(quit, "a commit without QUIT");
            assert!(!all || world.removed == marked, "not all was removed");
        }
    }
    assert!(quit || world.removed.is_empty(), "removed without QUIT");
}

fn numbers_are_stable(world: &World<'_>) {
    let Some(infos) = world.server.maildrop() else { return };
    let at_login = world.scenario.app.maildrop();
    assert_eq!(infos.len(), at_login.len());
    for (now, then) in infos.iter().zip(&at_login) {
        assert_eq!((now.octets(), now.id()), (then.octets(), then.id()), "another message");
    }
}

/// The client's view of its deletions is right.
fn deletions_agree(world: &World<'_>) {
    let deletions = world.client.deletions();
    match deletions {
        Deletions::NoneAsked | Deletions::Pending => {
            assert!(world.removed.is_empty(), "{deletions:?}, and {:?} were removed", world.removed);
        }
        Deletions::Committed => {
            assert_eq!(world.committed, Some(true), "{deletions:?}");
            assert!(!world.removed.is_empty(), "{deletions:?}, and no message was removed");
        }
        Deletions::RefusedInPart => assert_eq!(world.committed, Some(false), "{deletions:?}"),
        Deletions::Unknown => {}
    }
}

/// An unannounced end of the other side is reported as `UnexpectedEof`.
fn an_end_is_no_answer(world: &World<'_>) {
    let over = [world.client_over.flatten(), world.server_over.and_then(Result::err)];
    for fatal in over.into_iter().flatten() {
        assert_eq!(fatal, ConnectionError::UnexpectedEof, "two honest sides, and only the connection broke");
    }
    if let Some(None) = world.client_over {
        let quit = world.log.sent.iter().any(|ticket| ticket.verb == Verb::Quit);
        let no_service = world.heard.starts_with(b"-ERR");
        assert!(quit || no_service, "a session that ended well without QUIT");
    }
    if world.server_over == Some(Ok(CloseReason::Quit)) {
        assert!(world.read.ends_with(b"QUIT\r\n"), "an end by QUIT without one");
    }
}

/// Asserts this of STAT and LIST, as the server would answer them now.
pub(super) fn stat_is_the_sum_of_list(said: &str) {
    let lines: Vec<&str> = said.lines().collect();
    let [stat, begin, rows @ .., end] = &lines[..] else { panic!("{said:?}") };
    assert!(begin.starts_with("+OK") && *end == ".", "{said:?}");
    let octets = |row: &&str| row.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    let sum: u64 = rows.iter().map(octets).sum();
    assert_eq!(*stat, format!("+OK {} {sum}", rows.len()));
}
