//! The reader and the player of dialogues: what they refuse, and how they report it.

use pop3_proto::script::{Cuts, Mismatch, Peer, Script, ScriptProblem, Side};
use std::io::{Read, Write};

const DIALOGUE: &str = "
    # line 2
    S: +OK ready
    C: USER mrose
    S: +OK
    C: STLS
    S: +OK
    * TLS starts
    C: LIST
    C: QUIT
    S: +OK
    S: .
    S: +OK bye
    * connection closes
";

#[test]
fn texts_that_are_not_a_dialogue_name_line_and_problem() {
    let cases = [
        ("hello", 1, ScriptProblem::Beginning),
        ("\n\nc: QUIT", 3, ScriptProblem::Beginning),
        ("C:QUIT", 1, ScriptProblem::Space),
        ("C: \\q", 1, ScriptProblem::Escape),
        ("C: \\x", 1, ScriptProblem::Escape),
        ("C: \\x1", 1, ScriptProblem::Escape),
        ("C: \\x+1", 1, ScriptProblem::Escape),
        ("C: \\xé", 1, ScriptProblem::Escape),
        ("* tls starts", 1, ScriptProblem::Direction),
        ("S: +OK\n* connection closes\n\n# fine\nC: QUIT", 5, ScriptProblem::AfterEnd),
    ];
    for (text, line, problem) in cases {
        let error = Script::parse(text).unwrap_err();
        assert_eq!((error.line, error.problem), (line, problem), "{text}");
        assert!(error.to_string().starts_with(&format!("line {line}: ")), "{error}");
    }
}

#[test]
fn escapes_stand_for_bytes_and_survive_a_round_trip() {
    let cases: [(&str, &[u8]); 11] = [
        ("C: + \\x20", b"+  \r\n"),
        ("C: QUIT", b"QUIT\r\n"),
        ("C: ", b"\r\n"),
        ("C:   two", b"  two\r\n"),
        ("C: QUIT\\n\\", b"QUIT\n"),
        ("C: half\\", b"half"),
        ("C: \\\\", b"\\\r\n"),
        ("C: \\\\\\", b"\\"),
        ("C: a\\\\b\\r\\t\\0c", b"a\\b\r\t\0c\r\n"),
        ("C: \\xFF\\x7F!", b"\xFF\x7F!\r\n"),
        ("C: \\xC3\\xA9", "é\r\n".as_bytes()),
    ];
    for (text, octets) in cases {
        let script = Script::parse(text).unwrap();
        let line = script.lines().next().unwrap();
        assert_eq!(line.octets, octets, "{text}");
        assert_eq!(line.to_string(), text);
    }
    assert_eq!(Script::parse("C: é").unwrap().octets(Side::Client), "é\r\n".as_bytes());
    assert_eq!(Script::parse("C:").unwrap().octets(Side::Client), b"\r\n");
}

/// Returns a server that has played up to and including the line with this number.
fn server(script: &Script, line: usize) -> Peer<'_> {
    let mut server = script.server();
    for said in script.lines().filter(|said| said.number <= line) {
        match said.from {
            Side::Server => server.sent(said.octets.len()),
            Side::Client => server.received(said.octets).unwrap(),
        }
        if said.number == 7 && line > 7 {
            server.tls_started().unwrap();
        }
    }
    server
}

#[test]
fn a_mismatch_shows_the_line_where_they_part() {
    let script = Script::parse(DIALOGUE).unwrap();
    let received = |line, octets: &[u8]| server(&script, line).received(octets).unwrap_err();
    let finished = |line, octets: &[u8]| {
        let mut server = server(&script, line);
        server.received(octets).unwrap();
        server.finish().unwrap_err()
    };
    let cases: [(Mismatch, Option<usize>, &str); 12] = [
        (
            received(3, b"USER mr\x07rose\r\nPASS x\r\n"),
            Some(4),
            "line 4: the client sent something else\n  script  C: USER mrose\n  sent    C: USER mr\\x07rose\n                    ^",
        ),
        (
            received(3, b"USER mrose\n"),
            Some(4),
            "line 4: the client sent something else\n  script  C: USER mrose\n  sent    C: USER mrose\\n\\\n                       ^",
        ),
        (
            received(8, b"LIST\r\n\\"),
            Some(10),
            "line 10: the client sent something else\n  script  C: QUIT\n  sent    C: \\\\\\\n             ^",
        ),
        (
            received(0, b"USER"),
            Some(3),
            "line 3: the client sent before its turn\n  script  S: +OK ready\n  sent    C: USER\\",
        ),
        (
            received(3, b"USER mrose\r\nPASS secret\r\n"),
            Some(5),
            "line 5: the client sent before its turn\n  script  S: +OK\n  sent    C: PASS secret",
        ),
        (
            received(7, b"CAPA\r\n"),
            Some(8),
            "line 8: the client sent before TLS started\n  script  * TLS starts\n  sent    C: CAPA",
        ),
        (received(13, b"more\r\n"), None, "after the last line: the client sent more\n  sent    C: more"),
        (finished(3, b""), Some(4), "line 4: the client sent nothing\n  script  C: USER mrose"),
        (
            finished(3, b"USER"),
            Some(4),
            "line 4: the client stopped within the line\n  script  C: USER mrose\n  sent    C: USER\\",
        ),
        (finished(4, b""), Some(5), "line 5: the client did not read the whole line\n  script  S: +OK"),
        (finished(7, b""), Some(8), "line 8: TLS did not start\n  script  * TLS starts"),
        (server(&script, 8).tls_started().unwrap_err(), Some(9), "line 9: TLS started\n  script  C: LIST"),
    ];
    for (mismatch, line, text) in cases {
        assert_eq!(mismatch.line(), line, "{mismatch}");
        assert_eq!(mismatch.to_string(), text);
        assert_eq!(format!("{mismatch:?}"), text, "the output of a test that unwraps");
    }
}

#[test]
fn unexpected_bytes_do_not_count_as_received() {
    let script = Script::parse(DIALOGUE).unwrap();
    let mut server = server(&script, 3);
    server.received(b"USER mr").unwrap();
    assert_eq!(server.received(b"ose\r\nLIST\r\n").unwrap_err().line(), Some(5));
    let mismatch = server.received(b"ice\r\n").unwrap_err();
    assert_eq!((mismatch.expected(), mismatch.came()), (&b"USER mrose\r\n"[..], &b"USER mrice\r\n"[..]));
    server.received(b"ose\r\n").unwrap();
    assert_eq!(server.pending(), b"+OK\r\n");
}

#[test]
fn the_cuts_of_ten_bytes_are_at_each_place_and_at_each_pair_of_places() {
    assert_eq!((Cuts::singles(10).count(), Cuts::pairs(10).count()), (2 + 9, 9 * 8 / 2));
}

#[test]
fn a_turn_arrives_whole_under_every_pair_of_cuts() {
    let script = Script::parse("S: +OK ready\nC: A\nS: one\nS: two\nC: B\nS: three").unwrap();
    let octets = script.server().octets();
    let mut most = 0;
    for cuts in Cuts::singles(octets).chain(Cuts::pairs(octets)) {
        let mut server = script.server().cut(cuts);
        let mut turns = vec![Vec::new()];
        let mut pieces = 0;
        while !server.is_done() {
            match (server.pending(), server.expected()) {
                ([], due) => {
                    turns.push(Vec::new());
                    for octet in due {
                        server.received(&[*octet]).unwrap();
                    }
                }
                (piece, due) => {
                    assert!(due.is_empty());
                    turns.last_mut().unwrap().extend_from_slice(piece);
                    server.sent(piece.len());
                    pieces += 1;
                }
            }
        }
        most = pieces.max(most);
        assert_eq!(turns, [&b"+OK ready\r\n"[..], b"one\r\ntwo\r\n", b"three\r\n"], "{cuts:?}");
        assert_eq!(server.sent(9), ());
    }
    assert_eq!(most, octets, "a piece for each byte");
}

/// A server responds to each line when it arrives; it must not respond to a line that was not sent.
#[test]
fn a_played_client_takes_answers_while_it_pipelines() {
    let script = Script::parse("S: hi\nC: A\nC: B\nS: a\nS: b\nC: C\nS: c").unwrap();
    let mut client = script.client();
    assert!(client.pending().is_empty());
    client.received(b"hi\r\n").unwrap();
    assert_eq!(client.pending(), b"A\r\nB\r\n");
    client.sent(2);
    assert_eq!(client.received(b"a\r\n").unwrap_err().line(), Some(2), "A is not whole");
    client.sent(1);
    assert_eq!(client.received(b"a\r\nb\r\nc\r\n").unwrap_err().line(), Some(3), "C is another turn");
    client.received(b"a\r\n").unwrap();
    assert_eq!(client.pending(), b"B\r\n");
    client.sent(3);
    assert_eq!(client.received(b"b\r\nc\r\n").unwrap_err().line(), Some(6));
    client.received(b"b\r\n").unwrap();
    client.sent(3);
    client.received(b"c\r\n").unwrap();
    assert!(client.is_done() && !client.closes());
}

/// A server may answer all pipelined lines after the first of them, so the next turn is due before the others were sent.
#[test]
fn a_played_client_goes_on_after_responses_that_came_early() {
    let script = Script::parse("C: A\nC: B\nS: a\nS: b\nC: C\nS: c").unwrap();
    let mut client = script.client();
    client.sent(3);
    client.received(b"a\r\nb\r\n").unwrap();
    assert_eq!(client.pending(), b"B\r\nC\r\n");
}

#[cfg(feature = "std")]
#[test]
fn a_peer_is_a_stream() {
    let script = Script::parse("S: +OK ready\nC: QUIT\n* connection closes").unwrap();
    let mut server = script.server();
    let mut two = [0; 2];
    assert_eq!((server.read(&mut two).unwrap(), &two), (2, b"+O"));
    let mut rest = Vec::new();
    let error = server.read_to_end(&mut rest).unwrap_err();
    assert_eq!(
        (rest.as_slice(), error.to_string().as_str()),
        (&b"K ready\r\n"[..], "line 2: the client sent nothing\n  script  C: QUIT")
    );
    assert!(server.write_all(b"NOOP\r\n").unwrap_err().get_ref().unwrap().is::<Mismatch>());
    server.write_all(b"QUIT\r\n").unwrap();
    assert_eq!(server.read(&mut two).unwrap(), 0);

    let mut lost = script.server().lost_after(4);
    assert_eq!(lost.read_to_end(&mut rest).unwrap(), 4);
}
