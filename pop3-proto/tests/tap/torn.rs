//! Sessions with a missing part.

use super::sessions::{TRANSCRIPTS, lines};
use super::{Turn, Watch, turns, watch};
use pop3_proto::tap::{Side, Tap};
use pop3_proto::{Limits, State};

fn late() -> Watch {
    Watch::new(Tap::joined_late(Limits::DEFAULT))
}

/// Returns whether a client's line arrives, then a line of the server, and then one of the client again, which is all
/// that is needed.
fn can_come_back(turns: &[Turn]) -> bool {
    let mut whole = turns.iter().filter(|(side, octets)| *side == Side::Server || octets.ends_with(b"\n"));
    whole.any(|(side, _)| *side == Side::Client)
        && whole.any(|(side, _)| *side == Side::Server)
        && whole.any(|(side, _)| *side == Side::Client)
}

#[test]
fn joined_late_at_any_line_it_is_in_step_after_one_response() {
    let mut came_back = 0;
    for (name, text) in TRANSCRIPTS.iter().filter(|(name, _)| *name != "stls") {
        let turns = lines(text);
        let told = watch(Watch::from_start(), &turns).notes;
        for from in 0..turns.len() {
            let notes = watch(late(), &turns[from..]).notes;
            assert_eq!(notes[0], "OutOfStep(JoinedLate)", "{name}, from {from}");
            assert_eq!(
                notes.iter().filter(|note| note.starts_with("OutOfStep")).count(),
                1,
                "{name}, {from}"
            );
            let back = notes.iter().position(|note| note == "InStep");
            assert_eq!(back.is_some(), can_come_back(&turns[from..]), "{name}, from {from}: {notes:#?}");
            let Some(back) = back else { continue };
            came_back += 1;
            // Inside AUTH the first line is a response, and the tap does not know that.
            let right = if name.starts_with("auth_") { notes.len() - 2 } else { back + 1 };
            assert!(told.ends_with(&notes[right..]), "{name}, from {from}: {notes:#?}");
            assert!(notes[1..back].iter().all(|note| note.starts_with("Command(")), "{name}: {notes:#?}");
        }
    }
    assert!(came_back > 200, "{came_back}");
}

fn session() -> Vec<Turn> {
    turns(&[
        ('S', "+OK ready\r\n"),
        ('C', "USER mrose\r\n"),
        ('S', "+OK\r\n"),
        ('C', "PASS tanstaaf\r\n"),
        ('S', "+OK\r\n"),
        ('C', "LIST\r\n"),
        ('S', "+OK\r\n1 12\r\n2 9\r\n.\r\n"),
        ('C', "RETR 1\r\n"),
        ('S', "+OK\r\na: b\r\n\r\n..dot\r\n.\r\n"),
        ('C', "NOOP\r\n"),
        ('S', "+OK\r\n"),
        ('C', "STAT\r\n"),
        ('S', "+OK 2 21\r\n"),
        ('C', "QUIT\r\n"),
        ('S', "+OK bye\r\n"),
    ])
}

/// Returns the events and the affected turns if this number of bytes of this side is missing from this position on.
fn with_gap(side: Side, place: usize, missing: usize) -> (Vec<String>, Vec<usize>) {
    let mut watch = Watch::from_start();
    let (mut offset, mut torn) = (0, Vec::new());
    for (turn, (from, octets)) in session().iter().enumerate() {
        if *from != side {
            watch.feed(*from, octets, &[]);
            continue;
        }
        let within = |position: usize| position.clamp(offset, offset + octets.len()) - offset;
        let (start, end) = (within(place), within(place + missing));
        watch.feed(side, &octets[..start], &[]);
        if start < end {
            watch.tap.gap(side);
            torn.push(turn);
        }
        watch.feed(side, &octets[end..], &[]);
        offset += octets.len();
    }
    (watch.end().notes, torn)
}

#[test]
fn after_missing_bytes_it_is_in_step_with_the_next_command() {
    let told = watch(Watch::from_start(), &session()).notes;
    for side in [Side::Client, Side::Server] {
        let octets: usize =
            session().iter().filter(|(from, _)| *from == side).map(|(_, said)| said.len()).sum();
        for (place, missing) in (0..octets).flat_map(|place| [1, 2, 9].map(|missing| (place, missing))) {
            let (notes, torn) = with_gap(side, place, missing);
            let context = format!("{side:?}, {missing} octets from {place}: {notes:#?}");
            let lost = notes.iter().filter(|note| *note == "OutOfStep(Gap)").count();
            assert!(lost >= 1 && lost <= torn.len(), "{context}");
            assert_eq!(notes.iter().filter(|note| note.starts_with("OutOfStep")).count(), lost, "{context}");
            // In step at the next command, or at the command after it if the end of a line was lost.
            let spare = if side == Side::Client { 4 } else { 2 };
            let last = notes.iter().rposition(|note| note.contains("Step")).unwrap();
            let back = Some(last).filter(|last| notes[*last] == "InStep");
            assert!(back.is_some() || torn.last().unwrap() + spare >= session().len(), "{context}");
            let Some(back) = back else { continue };
            assert!(told.ends_with(&notes[back + 1..]), "{context}");
            let commands = notes[back..].iter().filter(|note| note.starts_with("Command(")).count();
            assert!(torn.last().unwrap() + spare + 2 * commands >= session().len(), "{context}");
        }
    }
}

#[test]
fn out_of_step_the_state_is_not_known() {
    let mut watch = late();
    assert_eq!(watch.tap.state(), None);
    watch.client("NOOP\r\n");
    watch.server("+OK\r\n");
    watch.client("CAPA\r\n");
    watch.server("+OK\r\n.\r\n");
    assert_eq!(watch.tap.state(), None, "CAPA is valid in both states");
    watch.client("STAT\r\n");
    watch.server("+OK 0 0\r\n");
    assert_eq!(watch.tap.state(), Some(State::Transaction));
    watch.tap.gap(Side::Server);
    assert_eq!(watch.tap.state(), None);
}

/// An unsolicited line, such as before the server closes, is not a response to the next command.
#[test]
fn an_unsolicited_response_is_reported_as_such() {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.notes();
    for octet in "-ERR autologout\r\n".chars() {
        watch.server(octet.to_string());
    }
    assert_eq!(watch.notes(), ["OutOfStep(Unsolicited)"]);
    watch.client("NOOP\r\n");
    watch.server("+OK\r\n+OK\r\n");
    let notes = watch.notes();
    assert_eq!((notes[0].as_str(), notes[1].as_str()), ("InStep", "Command(Noop)"));
    assert!(notes[2].starts_with("Answer(Ok("), "{notes:#?}");
    assert_eq!(notes[3..], ["OutOfStep(Unsolicited)"]);
}

/// A command whose beginning was not seen has an answer, which does not belong to the next command.
#[test]
fn pipelined_commands_after_a_torn_one_wait_for_its_response() {
    let mut watch = late();
    watch.client("TR 1\r\nDELE 1\r\nNOOP\r\n");
    let commands = watch.notes();
    assert_eq!(commands.len(), 3, "{commands:#?}");
    assert!(commands[1..].iter().all(|note| note.starts_with("Command(")));
    watch.server("+OK\r\nmessage\r\n.\r\n+OK\r\n+OK\r\n");
    assert!(watch.notes().is_empty());
    watch.client("STAT\r\n");
    watch.server("+OK 0 0\r\n");
    assert!(watch.notes()[2].contains("DropListing"));
}

/// Bytes after a loss inside AUTH are read as commands again, because the exchange may be over.
#[test]
fn a_gap_inside_auth_does_not_last() {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("AUTH PLAIN\r\n");
    watch.notes();
    watch.tap.gap(Side::Server);
    watch.client("AAAA\r\n");
    watch.server("+OK\r\n");
    watch.client("STAT\r\n");
    watch.server("+OK 1 2\r\n");
    let notes = watch.notes();
    assert_eq!(notes[..3], ["OutOfStep(Gap)", "InStep", "Unknown(Secret(..))"]);
    assert!(notes[4] == "Command(Stat)" && notes[5].contains("DropListing"), "{notes:#?}");
}
