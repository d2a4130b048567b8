//! No password in any output, whichever way a client logs in, and whatever a server repeats.

use super::{Log, capture_of, inspect, talk, written};
use inspect::make::{Flags, Talk};
use inspect::{Format, Options};

const PASSWORD: &str = "tanstaaf";

/// In every form in which a line contains it.
fn forms() -> Vec<String> {
    let all = [
        "tanstaaf",
        "AG1yb3NlAHRhbnN0YWFm",                                 // PLAIN
        "dGFuc3RhYWY=",                                         // LOGIN
        "dXNlcj1tcm9zZQFhdXRoPUJlYXJlciB0YW5zdGFhZgEB",         // XOAUTH2
        "bixhPW1yb3NlLAFhdXRoPUJlYXJlciB0YW5zdGFhZgEB",         // OAUTHBEARER
        "c4c9334bac560ecc979e58001b3e22fb",                     // APOP
        "bXJvc2UgYjkxM2E2MDJjN2VkYTdhNDk1YjRlNmU3MzM0ZDM4OTA=", // CRAM-MD5
    ];
    all.map(str::to_owned).to_vec()
}

/// Ways to log in: what the client sends, a line at a time.
fn ways() -> Vec<Vec<String>> {
    let line = |text: &str| vec![text.to_owned()];
    let form = forms();
    let auth = |mechanism: &str, response: &str| {
        [vec![format!("AUTH {mechanism} {response}")], vec![format!("AUTH {mechanism}"), response.to_owned()]]
    };
    let mut ways = vec![
        vec!["USER mrose".to_owned(), format!("PASS {PASSWORD}")],
        vec!["AUTH LOGIN".to_owned(), "bXJvc2U=".to_owned(), form[2].clone()],
        line(&format!("APOP mrose {}", form[5])),
    ];
    for (mechanism, response) in
        [("PLAIN", 1), ("XOAUTH2", 3), ("OAUTHBEARER", 4), ("CRAM-MD5", 6), ("PLAIN", 0)]
    {
        ways.extend(auth(mechanism, &form[response]));
    }
    // Mistakes.
    for text in [
        "PAS tanstaaf",
        "PASStanstaaf",
        "tanstaaf",
        "pass\ttanstaaf",
        " PASS tanstaaf",
        "XPASS mrose tanstaaf",
    ] {
        ways.push(line(text));
    }
    ways.push(line("AG1yb3NlAHRhbnN0YWFm"));
    ways
}

/// The secret that the server learns from a way.
fn learned(way: &[String]) -> &str {
    let last = way.last().unwrap().split(' ').next_back().unwrap();
    let is_digest = way[0].starts_with("APOP") || way[0].starts_with("AUTH CRAM");
    if is_digest { last } else { PASSWORD }
}

/// What a server says to the last line.
fn replies(way: &[String]) -> Vec<String> {
    let (line, secret) = (way.last().unwrap(), learned(way));
    let word = line.split(' ').next_back().unwrap_or_default();
    vec![
        "+OK".into(),
        "-ERR [AUTH] no".into(),
        format!("-ERR what is {line}?"),
        format!("-ERR [{word}] you said {secret}"),
        format!("+OK {secret} is right"),
        format!("+ {line}"),
        format!("{secret} is not a response"),
    ]
}

fn check(talk: Talk) {
    let capture = capture_of(talk);
    for format in [Format::Json, Format::Text] {
        let text = written(&capture.pcap(), Options::default(), format, None);
        for form in forms() {
            assert!(!text.contains(&form), "{form} is in\n{text}");
        }
    }
}

/// The dialogue of one way with one reply, then a server that repeats the password in every text.
fn dialogue(way: &[String], reply: usize) -> Talk {
    let mut talk = talk();
    talk.server("+OK ready\r\n");
    for (place, line) in way.iter().enumerate() {
        let is_last = place + 1 == way.len();
        let response = match &way[0] {
            _ if is_last => replies(way)[reply].clone(),
            first if first.starts_with("AUTH") => "+ ".to_owned(),
            _ => "+OK".to_owned(),
        };
        talk.client(format!("{line}\r\n")).server(format!("{response}\r\n"));
    }
    let secret = learned(way);
    talk.client("STAT\r\n").server(format!("+OK {secret}\r\n"));
    talk.client("LIST 1\r\n").server(format!("+OK 1 2 {secret}\r\n"));
    talk.client("RETR 1\r\n").server(format!("-ERR [{secret}] {secret}\r\n"));
    talk.client("CAPA\r\n").server(format!("+OK\r\nIMPLEMENTATION {secret}\r\n.\r\n"));
    talk.client("UIDL\r\n").server(format!("+OK {secret}\r\n1 {secret}\r\n.\r\n"));
    talk.client("QUIT\r\n").server(format!("+OK {secret}\r\n"));
    talk
}

#[test]
fn no_way_to_log_in_shows_a_password() {
    for way in ways() {
        for reply in 0..replies(&way).len() {
            check(dialogue(&way, reply));
        }
    }
}

/// From any packet on, without any packet, and of the client alone.
#[test]
fn no_torn_session_shows_a_password() {
    for way in ways() {
        // Around the login; what follows it is the same for all.
        let count = dialogue(&way, 0).packets().len().min(13);
        for at in 3..count {
            let mut late = dialogue(&way, 0);
            late.packets().drain(..at);
            if !late.packets().is_empty() {
                check(late);
            }
            let mut torn = dialogue(&way, 1);
            torn.packets().remove(at);
            check(torn);
        }
        let mut client = dialogue(&way, 0);
        client.packets().retain(|(_, packet)| packet[29] == 1);
        check(client);
    }
}

/// Two passwords at once, where the receiver reads one of them.
#[test]
fn no_overlap_shows_a_password() {
    let mut talk = talk();
    talk.server("+OK ready\r\n").client("USER mrose\r\n").server("+OK\r\n");
    talk.raw(0, 0, b"PASS tanstaaf\r\n", Flags::default()).raw(
        0,
        0,
        b"NOOP\r\ntanstaaf\r\n",
        Flags::default(),
    );
    talk.client("PASS tanstaaf\r\n").server("+OK\r\n");
    check(talk);
}

/// A server may repeat a password in another form, which nobody can look for.
#[test]
fn the_text_of_a_response_to_a_login_is_left_out() {
    for (command, response) in [
        ("PASS tanstaaf", "-ERR [AUTH] not TANSTAAF"),
        ("PASS tanstaaf", "+OK hello t.a.n.s.t.a.a.f"),
        ("AUTH PLAIN AG1yb3NlAHRhbnN0YWFm", "-ERR [TANSTAAF] faatsnat"),
        ("APOP mrose c4c9334bac560ecc979e58001b3e22fb", "-ERR C4C9334BAC560ECC979E58001B3E22FB"),
    ] {
        let mut talk = talk();
        talk.server("+OK ready\r\n").client(format!("{command}\r\n")).server(format!("{response}\r\n"));
        let capture = capture_of(talk);
        for format in [Format::Json, Format::Text] {
            let text = written(&capture.pcap(), Options::default(), format, None).to_lowercase();
            for word in ["tanstaaf\"", "tanstaaf\n", "not tanstaaf", "faatsnat", "hello", "c4c9334bac"] {
                assert!(!text.contains(word), "{word} is in {text}");
            }
            assert!(!text.contains("[tanstaaf]") && !text.contains("\"tanstaaf"), "{text}");
        }
    }
}

#[test]
fn names_are_reported() {
    let ways = ways();
    let named = ways.iter().take(11);
    for way in named {
        let log: Log = inspect(dialogue(way, 0));
        let user = log.records.iter().filter_map(|record| record["pop3"]["user"].as_str()).next_back();
        assert_eq!(user, Some("mrose"), "{way:?}");
    }
}
