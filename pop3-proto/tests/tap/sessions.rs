//! Every transcript, as a tap sees it.

use super::{Turn, Watch, trim, turns, watch};
use pop3_proto::script::Script;
use pop3_proto::tap::Side;
use pop3_proto::{Command, State};

pub(super) const TRANSCRIPTS: &[(&str, &str)] = &[
    ("apop", include_str!("../transcripts/apop.pop3")),
    ("auth_cancelled", include_str!("../transcripts/auth_cancelled.pop3")),
    ("auth_challenge", include_str!("../transcripts/auth_challenge.pop3")),
    ("auth_initial", include_str!("../transcripts/auth_initial.pop3")),
    ("bad_commands", include_str!("../transcripts/bad_commands.pop3")),
    ("bare_lf_client", include_str!("../transcripts/bare_lf_client.pop3")),
    ("bare_lf_server", include_str!("../transcripts/bare_lf_server.pop3")),
    ("broken_off", include_str!("../transcripts/broken_off.pop3")),
    ("client_gone", include_str!("../transcripts/client_gone.pop3")),
    ("empty", include_str!("../transcripts/empty.pop3")),
    ("long_line", include_str!("../transcripts/long_line.pop3")),
    ("no_service", include_str!("../transcripts/no_service.pop3")),
    ("no_service_quit", include_str!("../transcripts/no_service_quit.pop3")),
    ("not_removed", include_str!("../transcripts/not_removed.pop3")),
    ("other_words", include_str!("../transcripts/other_words.pop3")),
    ("pipelining", include_str!("../transcripts/pipelining.pop3")),
    ("quit_unanswered", include_str!("../transcripts/quit_unanswered.pop3")),
    ("short", include_str!("../transcripts/short.pop3")),
    ("stls", include_str!("../transcripts/stls.pop3")),
    ("top", include_str!("../transcripts/top.pop3")),
    ("tutorial", include_str!("../transcripts/tutorial.pop3")),
    ("uidl", include_str!("../transcripts/uidl.pop3")),
    ("utf8_lang", include_str!("../transcripts/utf8_lang.pop3")),
];

/// Returns the lines of a transcript, as turns.
pub(super) fn lines(text: &str) -> Vec<Turn> {
    let script = Script::parse(text).unwrap();
    script.lines().map(|line| (line.from, line.octets.to_vec())).collect()
}

fn seeing_tls() -> Watch {
    Watch { sees_tls: true, ..Watch::from_start() }
}

/// Returns the complete lines without their ends, in order.
fn whole(turns: &[Turn]) -> Vec<(Side, Vec<u8>)> {
    let mut open = [Vec::new(), Vec::new()];
    let mut whole = Vec::new();
    for (side, octets) in turns {
        let open = &mut open[*side as usize];
        open.extend_from_slice(octets);
        if open.ends_with(b"\n") {
            whole.push((*side, trim(&std::mem::take(open)).to_vec()));
        }
    }
    whole
}

#[test]
fn a_tap_tells_every_line_of_every_transcript() {
    for (name, text) in TRANSCRIPTS {
        let turns = lines(text);
        let log = watch(seeing_tls(), &turns);
        let said = whole(&turns);
        assert_eq!(log.lines.len(), said.len(), "{name}: {:#?}", log.notes);
        for ((told_side, told), (side, line)) in log.lines.iter().zip(&said) {
            assert_eq!(told_side, side, "{name}");
            match told {
                Some(told) => assert_eq!(told.escape_ascii().to_string(), line.escape_ascii().to_string()),
                None if *side == Side::Client => assert!(Command::parse(line).is_err(), "{name}"),
                None => assert!(line.starts_with(b"+OK"), "{name}: the answer to STLS"),
            }
        }
        assert!(log.notes.iter().all(|note| !note.contains("Step")), "{name}: {:#?}", log.notes);
    }
}

#[test]
fn the_events_do_not_depend_on_the_cuts() {
    for (name, text) in TRANSCRIPTS {
        let turns = lines(text);
        let told = watch(seeing_tls(), &turns);
        let mut octets = seeing_tls();
        for (side, said) in &turns {
            octets.feed(*side, said, &(0..said.len()).collect::<Vec<_>>());
        }
        assert_eq!(octets.end(), told, "{name}, octet by octet");
        for (cut_turn, (_, said)) in turns.iter().enumerate() {
            for cut in 1..said.len() {
                let mut watch = seeing_tls();
                for (at, (side, said)) in turns.iter().enumerate() {
                    watch.feed(*side, said, if at == cut_turn { std::slice::from_ref(&cut) } else { &[] });
                }
                assert_eq!(watch.end(), told, "{name}, turn {cut_turn} cut at {cut}");
            }
        }
    }
}

/// Successive lines of one side also arrive in one piece.
#[test]
fn how_the_lines_are_joined_does_not_matter() {
    for (name, text) in TRANSCRIPTS.iter().filter(|(name, _)| *name != "stls") {
        let turns = lines(text);
        let mut joined: Vec<Turn> = Vec::new();
        for (side, octets) in &turns {
            match joined.last_mut() {
                Some((last, said)) if last == side => said.extend_from_slice(octets),
                _ => joined.push((*side, octets.clone())),
            }
        }
        assert_eq!(watch(Watch::from_start(), &joined), watch(Watch::from_start(), &turns), "{name}");
    }
}

#[test]
fn after_stls_no_event_is_reported() {
    let text = TRANSCRIPTS.iter().find(|(name, _)| *name == "stls").unwrap().1;
    let mut watch = Watch::from_start();
    for (side, octets) in lines(text) {
        watch.feed(side, &octets, &[]);
    }
    for side in [Side::Client, Side::Server] {
        watch.tap.gap(side);
        watch.feed(side, b"\x16\x03\x01\0\n+OK\r\n-ERR\r\n", &[1, 5, 7]);
        assert!(watch.unread[side as usize].is_empty());
    }
    let notes = watch.end().notes;
    // The transcript goes on in plaintext, and that is all that is reported of it.
    let last: Vec<_> = notes.iter().rev().take(3).rev().collect();
    assert_eq!(last, ["Encrypted", "NotTls(Client)", "NotTls(Server)"], "{notes:#?}");
    assert_eq!(notes.iter().filter(|note| *note == "Encrypted").count(), 1);
}

#[test]
fn the_state_is_known_from_the_greeting_to_the_end() {
    let steps: [(char, &str, State); 9] = [
        ('S', "+OK ready\r\n", State::Authorization),
        ('C', "USER mrose\r\nPASS tanstaaf\r\n", State::Authorization),
        ('S', "+OK\r\n", State::Authorization),
        ('S', "-ERR no\r\n", State::Authorization),
        ('C', "PASS tanstaaf\r\n", State::Authorization),
        ('S', "+OK\r\n", State::Transaction),
        ('C', "QUIT\r\n", State::Transaction),
        ('S', "-ERR some are not removed\r\n", State::Closed),
        ('C', "", State::Closed),
    ];
    let mut watch = Watch::from_start();
    assert_eq!(watch.tap.state(), Some(State::Greeting));
    for (mark, octets, state) in steps {
        for (side, octets) in turns(&[(mark, octets)]) {
            watch.feed(side, &octets, &[]);
        }
        assert_eq!(watch.tap.state(), Some(state), "{octets}");
    }
}

/// A tap needs no heap.
#[test]
fn law_3_a_tap_allocates_nothing() {
    use crate::counting::allocations;
    use pop3_proto::{Input, Limits, tap::Tap};
    let turns = lines(TRANSCRIPTS.iter().find(|(name, _)| *name == "tutorial").unwrap().1);
    let mut told = 0;
    let allocated = allocations(|| {
        let mut tap = Tap::new(Limits::DEFAULT);
        for (side, octets) in &turns {
            let mut input = Input::more(octets);
            let mut next = || match side {
                Side::Client => tap.client(&mut input).is_some(),
                Side::Server => tap.server(&mut input).is_some(),
            };
            while next() {
                told += 1;
            }
        }
    });
    assert_eq!(allocated, 0);
    assert!(told > turns.len() / 2);
}
