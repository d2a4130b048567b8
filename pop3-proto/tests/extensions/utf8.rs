//! UTF8, both sides (RFC 6856 sections 2 and 5).

use super::{greeted, guest, host_of, logged_in, opened};
use pop3_proto::client::{self, SendError};
use pop3_proto::server::{Phrase, ServerConfig, Utf8};
use pop3_proto::{ApopDigest, Client, Command, Profile, Secret, SendBuf, State, Text, TlsPolicy};

fn config(utf8: Utf8) -> ServerConfig<'static> {
    ServerConfig::new(TlsPolicy::Opportunistic).with_utf8(utf8)
}

/// Bytes that are not UTF-8: overlong forms, surrogates, values above U+10FFFF, and incomplete characters.
const ILL_FORMED: &[&[u8]] = &[
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\x80",
    b"\xbf\xbf",
    b"\xe2\x82",
    b"\xc3",
    b"\xfe",
    b"\xff",
];

const WELL_FORMED: &[&str] =
    &["müller", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}", "\u{10ffff}"];

/// Also 6856.2.1.b, 6856.2.1.c, 6856.2.a, AMB.21.
#[test]
fn amb_21_utf8_before_login_and_as_often_as_one_likes() {
    let mut host = greeted(config(Utf8::Messages));
    assert!(!host.server().is_utf8());
    assert_eq!(host.say("UTF8\r\n"), "+OK UTF8 mode on\r\n");
    assert_eq!(host.say("utf8\r\n"), "+OK UTF8 mode on\r\n");
    host.say("USER mrose\r\nPASS secret\r\n");
    assert!(host.server().is_utf8());
    assert_eq!(host.say("UTF8\r\n"), "-ERR not in this state\r\n");
    host.say("RSET\r\n");
    assert!(host.server().is_utf8(), "there is no way back");
}

#[test]
fn r6856_2_b_utf8_is_refused_after_login() {
    let mut host = logged_in(config(Utf8::Messages));
    assert_eq!(host.say("UTF8\r\n"), "-ERR not in this state\r\n");
    assert!(!host.server().is_utf8());
    assert!(host.say("STAT\r\n").starts_with("+OK "), "the session is still in TRANSACTION");
}

#[test]
fn r6856_2_1_a_utf8_has_no_argument() {
    let mut host = greeted(config(Utf8::Messages));
    assert_eq!(host.say("UTF8 USER\r\n"), "-ERR syntax error\r\n");
    assert!(!host.server().is_utf8());
}

#[test]
fn r6856_2_1_c_without_it_the_command_is_unknown() {
    let mut host = greeted(ServerConfig::new(TlsPolicy::Cleartext));
    assert_eq!(host.say("UTF8\r\n"), "-ERR unknown command\r\n");
    assert!(!host.server().is_utf8());
}

/// Also 6856.2.1.e, 6856.2.1.h, 6856.2.1.i, 6856.2.1.l, 6856.4.a: even messages of this maildrop need UTF-8 mode. The
/// application saw the mode before it opened the maildrop.
#[test]
fn r6856_5_a_a_message_that_needs_utf8_is_refused_outside_it() {
    let mut host = logged_in(config(Utf8::Messages));
    for line in ["LIST 2", "RETR 2", "TOP 2 0", "LIST 4", "RETR 4"] {
        assert_eq!(host.say(format!("{line}\r\n")), "-ERR [UTF8] this message needs UTF8 mode\r\n", "{line}");
    }
    assert_eq!(host.say("STAT\r\n"), "+OK 2 200\r\n");
    assert_eq!(host.lists("LIST"), ["1 100", "3 100"]);
    assert_eq!(host.lists("UIDL"), ["1 id-1", "3 id-3"]);
    assert!(host.say("DELE 2\r\n").starts_with("-ERR"));
    let ascii = (host.say("LIST 1\r\n"), host.say("RETR 1\r\n"), host.say("UIDL 3\r\n"));

    let mut host = greeted(config(Utf8::Messages));
    host.say("UTF8\r\nUSER mrose\r\nPASS secret\r\n");
    assert_eq!(host.say("STAT\r\n"), "+OK 4 400\r\n");
    assert_eq!(host.lists("LIST"), ["1 100", "2 100", "3 100", "4 100"]);
    assert!(host.say("RETR 2\r\n").starts_with("+OK 25 octets\r\n"));
    assert_eq!(
        (host.say("LIST 1\r\n"), host.say("RETR 1\r\n"), host.say("UIDL 3\r\n")),
        ascii,
        "no effect on ASCII"
    );
}

#[test]
fn r6856_5_a_without_response_codes_it_is_words_only() {
    let mut host = logged_in(config(Utf8::Messages).without_resp_codes());
    assert_eq!(host.say("RETR 2\r\n"), "-ERR this message needs UTF8 mode\r\n");
}

/// Also 6856.2.1.j: neither side starts TLS in UTF-8 mode.
#[test]
fn r6856_2_1_k_stls_after_utf8_is_refused() {
    let mut host = greeted(config(Utf8::Messages));
    assert!(host.lists("CAPA").contains(&"STLS".into()));
    host.say("UTF8\r\n");
    assert!(!host.lists("CAPA").contains(&"STLS".into()));
    assert_eq!(host.say("STLS\r\n"), "-ERR unknown command\r\n");
    assert!(!host.server().is_tls());
}

#[test]
fn r6856_2_1_j_a_client_sends_no_stls_after_utf8() {
    let mut peer = guest(TlsPolicy::Opportunistic);
    peer.lists(&["STLS", "UTF8"]);
    assert_eq!(peer.ask("UTF8", "-ERR no\r\n"), ["UTF8 refused no"]);
    assert!(!peer.client().is_utf8());
    assert_eq!(peer.ask("UTF8", "+OK\r\n"), ["UTF8 ok"]);
    assert!(peer.client().is_utf8());
    assert_eq!(peer.send("STLS").map(drop), Err(SendError::NoStls));
    // After a refusal STLS is allowed.
    let mut peer = guest(TlsPolicy::Opportunistic);
    peer.ask("UTF8", "-ERR no\r\n");
    assert_eq!(peer.ask("STLS", "+OK\r\n"), ["start TLS"]);
    peer.handshake();
    peer.lists(&["UTF8"]);
    peer.ask("UTF8", "+OK\r\n");
    assert!(peer.client().is_utf8());
}

/// Also AMB.23: a message that needs UTF-8 mode needs a new session.
#[test]
fn r6856_5_b_utf8_mode_cannot_be_entered_once_logged_in() {
    let mut peer = opened(TlsPolicy::Cleartext);
    assert_eq!(peer.ask("RETR 2", "-ERR [UTF8] not here\r\n"), ["RETR 2 refused [UTF8] not here"]);
    assert_eq!(peer.send("UTF8").map(drop), Err(SendError::State(State::Transaction)));
}

/// Also 6856.2.2.a, 3629.3.a.
#[test]
fn r6856_2_2_g_ill_formed_names_and_passwords_are_refused() {
    let line = |start: &str, octets: &[u8], end: &str| {
        [start.as_bytes(), b"x", octets, b"y", end.as_bytes(), b"\r\n"].concat()
    };
    let digest = format!(" {}", "0".repeat(32));
    let host = |utf8: Option<Utf8>| {
        let config = ServerConfig::new(TlsPolicy::Cleartext);
        let mut host = host_of(utf8.map_or(config, |utf8| config.with_utf8(utf8)));
        host.greeting = "<1.2@x>".into();
        host.say("");
        host
    };
    for octets in ILL_FORMED {
        for announced in [None, Some(Utf8::Messages), Some(Utf8::MessagesAndUsers)] {
            let refused = announced == Some(Utf8::MessagesAndUsers);
            let mut user = host(announced);
            assert_eq!(user.say(line("USER ", octets, "")).starts_with("-ERR"), refused, "{octets:x?}");
            let mut pass = host(announced);
            pass.say("USER mrose\r\n");
            assert_eq!(pass.say(line("PASS ", octets, "")).starts_with("-ERR"), refused, "{octets:x?}");
            let mut apop = host(announced);
            assert_eq!(apop.say(line("APOP ", octets, &digest)).starts_with("-ERR"), refused, "{octets:x?}");
            let asked =
                [&user, &pass, &apop].map(|host| host.asked.last().is_some_and(|last| last.contains('x')));
            assert_eq!(asked, [!refused; 3], "the application is not asked");
        }
    }
    for name in WELL_FORMED {
        let mut host = host(Some(Utf8::MessagesAndUsers));
        host.say(format!("USER {name}\r\nPASS {name}\r\n"));
        let password = name.as_bytes().escape_ascii();
        assert_eq!(host.asked[1..], [format!("User {name}"), format!("Password {password}")]);
        assert_eq!(host.server().state(), State::Transaction, "also before UTF8");
    }
}

/// Returns the commands of a client with this name: USER, PASS and APOP.
fn names(profile: Profile, capabilities: &[&str], octets: &[u8]) -> Vec<Result<(), SendError>> {
    let commands: [Command<'_>; 3] = [
        Command::User(Text::new(octets).unwrap()),
        Command::Pass(Secret::new(octets).unwrap()),
        Command::Apop {
            name: Text::new(octets).unwrap(),
            digest: ApopDigest::parse(b"00000000000000000000000000000000").unwrap(),
        },
    ];
    let send = |command: &Command<'_>| {
        let config = client::ClientConfig::new(TlsPolicy::Cleartext).with_profile(profile);
        let mut client = Client::new(config, 1);
        let say = |client: &mut Client, octets: &str| {
            let mut input = pop3_proto::Input::more(octets.as_bytes());
            while client.poll(&mut input).unwrap().is_some() {}
        };
        say(&mut client, "+OK <1.2@x>\r\n");
        let mut send = SendBuf::new(vec![]);
        if !capabilities.is_empty() {
            client.send(&Command::Capa, &mut send).unwrap();
            say(&mut client, &format!("+OK\r\n{}\r\n.\r\n", capabilities.join("\r\n")));
        }
        client.send(&Command::User(Text::from_static("mrose")), &mut send).unwrap();
        say(&mut client, "+OK\r\n");
        client.send(command, &mut send).map(drop)
    };
    commands.iter().map(send).collect()
}

/// Also 3629.3.a.
#[test]
fn r6856_2_2_e_with_utf8_user_announced_names_may_be_utf8() {
    for profile in [Profile::Tolerant, Profile::Strict] {
        for name in WELL_FORMED {
            assert_eq!(names(profile, &["UTF8 USER"], name.as_bytes()), [Ok(()); 3], "{name}");
        }
        for octets in ILL_FORMED {
            assert_eq!(names(profile, &["UTF8 USER"], octets), [Err(SendError::NotAscii); 3], "{octets:x?}");
        }
    }
}

/// A server that has never heard of RFC 6856 may accept 8-bit passwords, so the tolerant profile leaves the decision to the caller.
#[test]
fn r6856_2_2_f_without_utf8_user_announced_names_are_ascii() {
    for octets in WELL_FORMED.iter().map(|name| name.as_bytes()).chain(ILL_FORMED.iter().copied()) {
        for profile in [Profile::Tolerant, Profile::Strict] {
            assert_eq!(names(profile, &["UTF8"], octets), [Err(SendError::NotAscii); 3]);
        }
        for capabilities in [[].as_slice(), &["UIDL"]] {
            assert_eq!(names(Profile::Strict, capabilities, octets), [Err(SendError::NotAscii); 3]);
            assert_eq!(names(Profile::Tolerant, capabilities, octets), [Ok(()); 3]);
        }
    }
    assert_eq!(names(Profile::Strict, &["UTF8"], b"mrose"), [Ok(()); 3]);
}

/// Also 6856.2.1.d for the machine's own texts.
#[test]
fn r6856_2_1_d_outside_utf8_mode_the_servers_own_texts_are_ascii() {
    let mut host = greeted(config(Utf8::MessagesAndUsers));
    let lines = "CAPA\r\nBOGUS\r\nUSER mrose\r\nPASS secret\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 2\r\nDELE 1\r\nQUIT\r\n";
    assert!(host.say(lines).is_ascii());
    for phrase in Phrase::ALL {
        assert!(phrase.english().as_bytes().is_ascii(), "{phrase:?}");
    }
}
