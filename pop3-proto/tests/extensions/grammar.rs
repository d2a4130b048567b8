//! The formal syntax of RFC 2449 section 3, as far as no other test covers it.

use super::{greeted, logged_in, opened};
use pop3_proto::server::{Language, ServerConfig};
use pop3_proto::{ApopTimestamp, Command, SendBuf, TlsPolicy};

/// Returns a command of each kind.
const LINES: [&str; 22] = [
    "USER mrose",
    "PASS tan  staaf ",
    "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
    "AUTH PLAIN =",
    "AUTH PLAIN AGEAYg==",
    "AUTH",
    "STLS",
    "UTF8",
    "CAPA",
    "LANG *",
    "LANG",
    "STAT",
    "LIST 1",
    "LIST",
    "RETR 4294967295",
    "DELE 1",
    "NOOP",
    "RSET",
    "TOP 1 0",
    "UIDL 1",
    "UIDL",
    "QUIT",
];

#[test]
fn r2449_3_a_a_command_is_sent_as_words_with_one_space_between() {
    for line in LINES {
        let lower = line.split_once(' ').map_or(line.to_ascii_lowercase(), |(word, rest)| {
            format!("{} {rest}", word.to_ascii_lowercase())
        });
        let mut send = SendBuf::new(vec![]);
        Command::parse(lower.as_bytes()).unwrap().encode(&mut send).unwrap();
        assert_eq!(send.pending(), format!("{line}\r\n").as_bytes());
        let keyword = line.split(' ').next().unwrap();
        assert!((3..=4).contains(&keyword.len()) && keyword.bytes().all(|octet| octet.is_ascii_graphic()));
        // Only the argument of PASS may contain spaces.
        assert!(keyword == "PASS" || !(line.contains("  ") || line.ends_with(' ')));
    }
}

/// Also for a command that the crate does not know.
#[test]
fn r1939_3_d_a_command_line_has_cr_lf_at_its_end_and_nowhere_else() {
    for line in LINES.into_iter().chain(["XTND", "XTND XLST 1"]) {
        let mut send = SendBuf::new(vec![]);
        Command::parse(line.as_bytes()).unwrap().encode(&mut send).unwrap();
        assert_eq!(send.pending(), format!("{line}\r\n").as_bytes());
    }
}

/// Also AMB.6: the client gives its caller exactly the message that the server sent, with empty lines, dots and lines
/// of any length.
#[test]
fn r2449_3_g_payload_lines_may_be_empty_and_hold_any_byte() {
    let mut peer = opened(TlsPolicy::Cleartext);
    let long = "l".repeat(100_000);
    let message = format!("+OK\r\n\r\n..\r\n...\r\n+OK {long}\r\n\u{80}\0\r\n.\r\n");
    let body: String = peer.ask("RETR 1", message).concat();
    let expected = format!("body \\r\\n.\\r\\n..\\r\\n+OK {long}\\r\\n");
    let pieces = body.replace("body ", "");
    assert!(pieces.contains(expected.strip_prefix("body ").unwrap()) && pieces.contains(r"\xc2\x80\x00\r\n"));
    assert!(pieces.ends_with(&format!("RETR 1 end {}", 2 + 3 + 4 + 4 + 100_002 + 5)));
    // A status line has its limit nevertheless.
    peer.send("NOOP").unwrap();
    assert_eq!(peer.hear(format!("+OK {long}\r\n")), ["fatal OverLimit(StatusLine)"]);
}

#[test]
fn amb_5_a_timestamp_ends_at_the_first_bracket() {
    let find =
        |text: &'static str| ApopTimestamp::find(text.as_bytes()).map(|found| found.as_bytes().to_vec());
    assert_eq!(find("ready <1.2@x>y@z>"), Some(b"<1.2@x>".to_vec()));
    assert_eq!(find("ready <1.2>@x>"), None);
}

/// The client gets the first language of the configuration, like every client, so it reveals nothing about users.
#[test]
fn r6856_3_i_the_preferred_language_depends_on_nobody() {
    let config = ServerConfig::new(TlsPolicy::Cleartext).with_languages(&[Language::ENGLISH]);
    let mut host = greeted(config);
    let before = host.say("LANG *\r\n");
    for line in ["USER mrose", "USER nobody", "PASS wrong", "USER mrose"] {
        host.say(format!("{line}\r\n"));
        assert_eq!(host.say("LANG *\r\n"), before, "after {line}");
    }
}

/// Also AMB.14: some clients miss the empty line after the headers, and some stop at a NUL, which is sent unchanged.
#[test]
fn quirk_53_top_ends_the_headers_with_an_empty_line() {
    let mut host = logged_in(ServerConfig::new(TlsPolicy::Cleartext));
    for (body, top) in [
        (b"Subject: x\r\n".as_slice(), "Subject: x\r\n\r\n.\r\n"),
        (b"Subject: x", "Subject: x\r\n\r\n.\r\n"),
        (b"Subject: x\r\n\r\n", "Subject: x\r\n\r\n.\r\n"),
        (b"Subject: x\r\n\r\na\0b\r\nc\r\n", "Subject: x\r\n\r\na\0b\r\n.\r\n"),
    ] {
        host.messages[0].text = Some(body.to_vec());
        let answer = host.say("TOP 1 1\r\n");
        assert_eq!(answer.split_once("\r\n").unwrap().1, top);
    }
    host.messages[0].text = Some(b"Subject: x\r\n".to_vec());
    assert!(host.say("RETR 1\r\n").ends_with("\r\nSubject: x\r\n.\r\n"), "RETR sends the message unchanged");
}
