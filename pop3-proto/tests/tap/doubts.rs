//! Responses that clients read differently, TLS that is not TLS, and proxies.

use super::Watch;
use pop3_proto::tap::Side;

fn logged_in() -> Watch {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("PASS x\r\n");
    watch.server("+OK\r\n");
    watch.notes();
    watch
}

/// What a tap remarks on a message with these lines, after a status line with this end.
fn remarks(status: &str, message: &str, cut: usize) -> Vec<String> {
    let mut watch = logged_in();
    watch.client("RETR 1\r\nNOOP\r\n");
    watch.notes();
    let response = format!("{status}{message}+OK\r\n");
    watch.feed(Side::Server, response.as_bytes(), &[cut.min(response.len())]);
    let notes = watch.notes();
    assert!(notes.last().unwrap().starts_with("Answer(Ok(Ticket { verb: Noop"), "{notes:#?}");
    notes.into_iter().filter(|note| note.starts_with("Ambiguous")).collect()
}

#[test]
fn a_dot_between_bare_line_feeds_is_ambiguous() {
    for (message, ambiguous) in [
        ("a\r\n.\r\n", false),
        ("a\n.\nb\r\n.\r\n", true),
        ("a\r\n.\nb\r\n.\r\n", true),
        ("a\n.\r\nb\r\n.\r\n", true),
        (".\nb\r\n.\r\n", true),
        ("a\r\n..\nb\r\n..\r\n.\r\n", false),
        ("a\n.b\n. \r\n.\r\n", false),
        ("a\r.\r\nb.\r\n.\r\n", false),
        ("a\n\n.\r\r\n.\r\n", false),
        (".\r\n", false),
    ] {
        for cut in 0..message.len() + 5 {
            let found = remarks("+OK\r\n", message, cut);
            assert_eq!(found.len(), usize::from(ambiguous), "{message:?} cut at {cut}");
            assert!(found.iter().all(|note| note.contains("BareLfTerminator")), "{found:?}");
        }
    }
}

#[test]
fn a_dot_that_is_not_doubled_is_ambiguous() {
    for (message, ambiguous) in [
        ("a\r\n.b\r\n.\r\n", true),
        (". \r\n.\r\n", true),
        (".\r\r\n.\r\n", true),
        (".\0\r\n.\r\n", true),
        ("a\n..b\r\n.\r\n", true),
        ("a\r\n...\r\n..b\r\n..\r\n.\r\n", false),
    ] {
        for cut in 0..message.len() + 5 {
            let found = remarks("+OK\r\n", message, cut);
            assert_eq!(found.len(), usize::from(ambiguous), "{message:?} cut at {cut}");
            assert!(found.iter().all(|note| note.contains("Dots")), "{found:?}");
        }
    }
}

#[test]
fn a_message_after_a_status_line_in_bare_lf_is_ambiguous() {
    let found = remarks("+OK\n", "a\n.\n", 2);
    assert!(found.len() == 1 && found[0].contains("BareLfStatus"), "{found:?}");
}

#[test]
fn plaintext_after_stls_is_reported_once_for_each_side() {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("STLS\r\nUSER mallory\r\n");
    watch.server("+OK\r\n+OK injected\r\n");
    let notes = watch.notes();
    assert_eq!(notes[3..], ["Encrypted", "NotTls(Client)", "NotTls(Server)"]);
    watch.client("\u{16}\u{3}");
    watch.client("more");
    watch.server("more");
    assert!(watch.notes().is_empty());

    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("STLS\r\n");
    watch.server("+OK\r\n");
    watch.notes();
    for side in [Side::Client, Side::Server] {
        watch.feed(side, b"\x16\x03\x01", &[1]);
    }
    assert!(watch.notes().is_empty(), "TLS");
}

/// The tap counts 16 commands, and STLS is the last of them.
#[test]
fn plaintext_after_stls_is_reported_if_more_commands_are_ahead_than_it_counts() {
    for ahead in [0, 1] {
        let mut watch = Watch::from_start();
        watch.server("+OK ready\r\n");
        watch.client("CAPA\r\n".repeat(15));
        watch.client("STLS\r\n");
        watch.client("NOOP\r\n".repeat(ahead));
        watch.server("-ERR\r\n".repeat(15));
        watch.notes();
        watch.server("+OK\r\n");
        watch.client("\u{16}\u{3}");
        assert_eq!(watch.notes()[1..], ["NotTls(Client)"][..ahead], "{ahead}");
    }
}

/// The server answers no header of a proxy.
#[test]
fn the_header_of_a_proxy_has_no_response() {
    let mut watch = Watch::from_start();
    watch.client("PROXY TCP4 192.0.2.1 192.0.2.2 50000 110\r\n");
    watch.server("+OK ready\r\n");
    watch.client("NOOP\r\n");
    watch.server("+OK\r\n");
    let notes = watch.notes();
    assert_eq!(notes[0], "ProxyHeader(Secret(..))");
    assert!(notes[1].starts_with("Answer(Greeting") && notes[3].starts_with("Answer(Ok(Ticket { verb: Noop"));
    watch.client("PROXY TCP4 later\r\n");
    assert_eq!(watch.notes(), ["Unknown(Secret(..))"], "a command like any other");
}

/// The tap must not come back into step while responses to commands that it did not count are pending.
#[test]
fn after_a_full_queue_it_waits_for_all_pending_responses() {
    let mut watch = logged_in();
    watch.client("DELE 1\r\n".repeat(1000));
    watch.notes();
    watch.server("+OK\r\n".repeat(500));
    assert_eq!(watch.notes().last().unwrap(), "OutOfStep(QueueFull)");
    for _ in 0..5 {
        watch.client("STAT\r\n");
        watch.server("+OK\r\n".repeat(100));
        assert_eq!(watch.notes(), ["Command(Stat)"], "500 responses are due");
    }
    watch.client("STAT\r\n");
    watch.server("+OK 1 2\r\n".repeat(6));
    assert_eq!(watch.notes(), ["Command(Stat)"], "five for the earlier ones, one for this");
    watch.client("STAT\r\n");
    watch.server("+OK 1 2\r\n");
    let notes = watch.notes();
    assert!(notes[0] == "InStep" && notes[2].contains("DropListing"), "{notes:#?}");
}
