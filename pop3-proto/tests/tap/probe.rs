//! Which protocol a connection speaks, by its first lines.

use pop3_proto::tap::{Probe, Side, probe};

const CLIENTS: [&str; 7] = [
    "CAPA\r\n",
    "USER mrose\r\n",
    "quit\r\n",
    "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n",
    "STLS\n",
    "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 50000 110\r\n",
];
const SERVERS: [&str; 5] = ["+OK ready\r\n", "-ERR busy\r\n", "+OK\n", "+OK ", "-ERR\r\n"];

/// First lines of others: of the client, then of the server.
const OTHERS: [(&str, &str); 10] = [
    ("GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"),
    ("EHLO example\r\n", "220 example ESMTP\r\n"),
    ("a1 LOGIN a b\r\n", "* OK IMAP4rev1\r\n"),
    ("USER mrose\r\n", "220 FTP server\r\n"),
    ("SSH-2.0-a\r\n", "SSH-2.0-b\r\n"),
    ("*1\r\n$4\r\nPING\r\n", "-DENIED\r\n"),
    ("\u{16}\u{3}\u{1}\0", "\u{16}\u{3}\u{3}\0"),
    ("USER mrose\r\n", "\u{16}\u{3}\u{3}\0"),
    ("CAPABILITIES\r\n", "200 NNTP\r\n"),
    ("\r\n\r\n\0\r\nQUIT\n", "+OK\0"),
];

#[test]
fn pop3_is_recognized_from_either_side() {
    for client in CLIENTS {
        assert_eq!(probe(client.as_bytes(), b""), Probe::Likely(Side::Client), "{client}");
        assert_eq!(probe(b"", client.as_bytes()), Probe::Likely(Side::Server), "{client}");
        for server in SERVERS {
            assert_eq!(probe(client.as_bytes(), server.as_bytes()), Probe::Pop3(Side::Client));
            assert_eq!(probe(server.as_bytes(), client.as_bytes()), Probe::Pop3(Side::Server));
        }
    }
    for server in SERVERS {
        assert_eq!(probe(server.as_bytes(), b""), Probe::Likely(Side::Server), "{server}");
    }
}

#[test]
fn other_protocols_are_not_pop3() {
    for (client, server) in OTHERS {
        assert_eq!(probe(client.as_bytes(), server.as_bytes()), Probe::Other, "{client:?} {server:?}");
        assert_eq!(probe(server.as_bytes(), client.as_bytes()), Probe::Other, "{client:?} {server:?}");
    }
}

/// More bytes never change an answer, apart from a likely one that the other side confirms or disproves.
#[test]
fn the_first_lines_decide() {
    let wholes = CLIENTS.iter().chain(&SERVERS).copied().chain(OTHERS.iter().flat_map(|(a, b)| [*a, *b]));
    for whole in wholes.filter(|whole| whole.contains('\n')) {
        let bytes = whole.as_bytes();
        let whole = probe(bytes, b"");
        for end in 0..bytes.len() {
            let part = probe(&bytes[..end], b"");
            assert!(part == whole || part == Probe::Unknown, "{part:?} then {whole:?}");
        }
        let longer = [bytes, &[b'x'; 2000], b"\r\n"].concat();
        assert_eq!(probe(&longer, b""), whole);
    }
    assert_eq!(probe(&[b'x'; 511], b"200\r\n"), Probe::Unknown);
    assert_eq!(probe(&[b'x'; 512], b"200\r\n"), Probe::Other, "no first line is longer");
}

/// Nothing that a client sends first hides what follows.
#[test]
fn a_client_that_begins_with_anything_is_still_watched() {
    let long = [b'x'; 600];
    for first in [&b"XXXX\r\n"[..], b"\0\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n", &long, b"*\r\n"] {
        assert_eq!(probe(first, b"+OK ready\r\n"), Probe::Likely(Side::Client), "{}", first.escape_ascii());
        assert_eq!(probe(b"+OK ready\r\n", first), Probe::Likely(Side::Server));
        assert_eq!(probe(first, b""), Probe::Unknown, "the server has not spoken");
    }
    assert_eq!(probe(b"+OK ready\r\n", b"+OK\r\n"), Probe::Likely(Side::Server));
}
