//! STLS on both sides: when it may be sent, its responses, and the state that it clears.

use super::hosted;
use pop3_proto::client::{self, Feature, SendError, Source, Support};
use pop3_proto::server::{CloseReason, Language, Phrase, Refusal, ServerConfig, Utf8};
use pop3_proto::{
    Command, ConnectionError, LanguageTag, Mechanism, Quirk, State, Text, Timer, Timers, TlsPolicy, Verb,
};
use pop3_proto_kit::Guest;
use std::time::Duration;

const OFFERED: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Opportunistic);

fn german(phrase: Phrase) -> Text<'static> {
    if phrase == Phrase::Bye { const { Text::from_static("tschüs") } } else { phrase.english() }
}

const GERMAN: [Language<'_>; 1] =
    [Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german }];

const APOP: &str = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";
const OPEN: &str = "+OK maildrop open\r\n";

// The state that a server clears.

/// Also 5034.4.y's twin: without STLS between USER and PASS, PASS is the login.
#[test]
fn r2595_sec_c_a_server_forgets_the_user_name() {
    let mut host = hosted(OFFERED);
    host.say("USER mrose\r\n");
    assert_eq!(host.say("PASS x\r\n"), OPEN);

    let mut host = hosted(OFFERED);
    host.say("USER mrose\r\n");
    host.say("STLS\r\n");
    assert!(host.say("PASS x\r\n").starts_with("-ERR"));
}

#[test]
fn law_8_a_server_forgets_the_language() {
    let mut host = hosted(OFFERED.with_languages(&GERMAN));
    assert!(host.say("LANG de\r\n").starts_with("+OK"));
    host.say("STLS\r\n");
    assert_eq!(host.say("QUIT\r\n"), "+OK bye\r\n");
}

#[test]
fn law_8_a_server_forgets_the_timestamp_of_its_greeting() {
    let mut host = hosted(OFFERED);
    assert_eq!(host.say(format!("{APOP}\r\n")), OPEN);
    assert_eq!(host.asked, ["Apop mrose"]);
    let mut host = hosted(OFFERED);
    host.say("STLS\r\n");
    assert_eq!(host.say(format!("{APOP}\r\n")), "-ERR unknown command\r\n");
}

#[test]
fn law_8_a_server_forgets_the_quirks() {
    let mut host = hosted(OFFERED);
    host.say("CAPA \n");
    assert!(
        host.server().quirks().contains(Quirk::Spacing) && host.server().quirks().contains(Quirk::BareLf)
    );
    host.say("STLS\r\n");
    assert!(host.server().quirks().is_empty());
}

/// Also 2595.4.f, 5034.3.d and 8314.4.c: the server announces STLS exactly when it may be sent.
#[test]
fn r2595_4_l_capabilities_are_those_of_the_moment() {
    const MECHANISMS: &[Mechanism<'static>] = &[Mechanism::PLAIN, Mechanism::EXTERNAL];
    let mut host = hosted(ServerConfig::new(TlsPolicy::Required).with_sasl(MECHANISMS));
    let before = host.say("CAPA\r\n");
    assert!(before.contains("\r\nSTLS\r\n") && !before.contains("SASL") && !before.contains("USER"));
    host.say("STLS\r\n");
    let after = host.say("CAPA\r\n");
    assert!(after.contains("\r\nSASL PLAIN EXTERNAL\r\n") && after.contains("\r\nUSER\r\n"));
    assert!(!after.contains("STLS"));
}

/// Also AMB.7.
#[test]
fn r2595_4_b_stls_is_announced_before_login_only() {
    let mut host = hosted(OFFERED);
    assert!(host.say("CAPA\r\n").contains("\r\nSTLS\r\n"));
    host.say("USER mrose\r\n");
    host.say("PASS x\r\n");
    assert!(!host.say("CAPA\r\n").contains("STLS"));
}

#[test]
fn r2595_4_a_a_server_with_stls_has_capa_in_each_state() {
    for policy in [TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let mut host = hosted(ServerConfig::new(policy).without_user().without_top().without_uidl());
        let capa = host.say("CAPA\r\n");
        assert!(capa.starts_with("+OK") && capa.contains("\r\nSTLS\r\n"));
        host.say("STLS\r\n");
        assert!(host.say("CAPA\r\n").starts_with("+OK"));
    }
}

/// A server that cannot start TLS, or is already in TLS, does not announce STLS.
#[test]
fn r8314_4_c_no_stls_if_it_cannot_succeed() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Implicit] {
        let mut host = hosted(ServerConfig::new(policy));
        assert!(!host.say("CAPA\r\n").contains("STLS"));
        assert_eq!(host.say("STLS\r\n"), "-ERR unknown command\r\n");
    }
}

#[test]
fn r2595_4_m_no_greeting_follows_the_handshake() {
    let mut host = hosted(OFFERED);
    host.say("STLS\r\n");
    assert_eq!(host.say(""), "");
    let mut desk = Guest::greeted(TlsPolicy::Required);
    desk.start_tls();
    assert!(!desk.pop3.is_ready() && !desk.pop3.is_waiting());
    assert_eq!(desk.pop3.tick(Duration::ZERO), Ok(None), "no timer runs, because the client sends first");
    assert_eq!(desk.hear("+OK ready\r\n"), ["fatal Unsolicited"]);
}

/// Also 8314.3.1.c: a certificate alone is not a login.
#[test]
fn r2595_4_h_the_session_stays_in_authorization() {
    let mut host = hosted(OFFERED);
    host.say("STLS\r\n");
    assert_eq!(host.server().state(), State::Authorization);
    assert!(host.say("STAT\r\n").starts_with("-ERR"));
    let mut desk = Guest::greeted(TlsPolicy::Required);
    desk.start_tls();
    assert_eq!(desk.client().state(), State::Authorization);
    assert_eq!(desk.say("STAT"), Err(SendError::State(State::Authorization)));
}

#[test]
fn r8314_3_1_c_implicit_tls_begins_with_a_greeting_and_no_login() {
    let mut host = hosted(ServerConfig::new(TlsPolicy::Implicit));
    assert!(host.server().is_tls());
    assert!(host.say("STAT\r\n").starts_with("-ERR"));
    let desk = Guest::greeted(TlsPolicy::Implicit);
    assert!(desk.client().is_tls());
    assert_eq!(desk.client().state(), State::Authorization);
}

/// Also 8314.4.f and 8314.5.e: the certificate's user, by an empty response or a name.
#[test]
fn r2595_4_i_external_inside_tls_on_both_sides() {
    let mut host = hosted(ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::EXTERNAL]));
    assert!(host.say("AUTH EXTERNAL =\r\n").starts_with("-ERR"));
    host.say("STLS\r\n");
    assert!(host.say("CAPA\r\n").contains("\r\nSASL EXTERNAL\r\n"));
    assert_eq!(host.say("AUTH EXTERNAL =\r\n"), OPEN);
    assert_eq!(host.asked, ["StartTls", "Sasl EXTERNAL ="]);

    let mut desk = Guest::greeted(TlsPolicy::Required);
    desk.start_tls();
    desk.lists(&["SASL EXTERNAL"]);
    assert!(desk.client().capabilities().has_mechanism(Mechanism::EXTERNAL));
    assert_eq!(desk.say("AUTH EXTERNAL =").unwrap(), "AUTH EXTERNAL =\r\n");
    assert_eq!(desk.hear("+OK\r\n"), ["AUTH accepted"]);
    desk.verify();
    assert_eq!(desk.client().state(), State::Transaction);
}

// The state that a client clears.

/// Also 2595.4.k: the client sends CAPA again, and has no list until then.
#[test]
fn r2595_4_j_a_client_forgets_the_capabilities() {
    let mut desk = Guest::listed(TlsPolicy::Cleartext, &["PIPELINING", "TOP", "STLS"]);
    assert_eq!(desk.say("AUTH PLAIN AAAA"), Err(SendError::InitialResponse), "SASL is not listed");
    desk.start_tls();
    let capabilities = desk.client().capabilities();
    assert_eq!(capabilities.source(), Source::NotAsked);
    assert!(!capabilities.has(Feature::Top) && !capabilities.has(Feature::Pipelining));
    assert_eq!(capabilities.support(Feature::Top), Support::Probe);
    desk.say("USER mrose").unwrap();
    assert_eq!(desk.say("PASS secret"), Err(SendError::NotPipelined));
    desk.hear("-ERR\r\n");
    desk.lists(&["SASL PLAIN"]);
    assert!(desk.client().capabilities().has_mechanism(Mechanism::PLAIN));
    assert!(!desk.client().capabilities().has(Feature::Stls));
}

/// A list without SASL from before TLS no longer holds an initial response back.
#[test]
fn sec_injected_capabilities_no_cleartext_list_decides_inside_tls() {
    let mut desk = Guest::listed(TlsPolicy::Required, &["STLS"]);
    desk.start_tls();
    assert!(desk.say("AUTH PLAIN AAAA").is_ok());
}

#[test]
fn law_8_a_client_forgets_the_user_name() {
    let mut desk = Guest::greeted(TlsPolicy::Cleartext);
    desk.say("USER mrose").unwrap();
    desk.hear("+OK\r\n");
    desk.start_tls();
    assert_eq!(desk.say("PASS secret"), Err(SendError::NoUser));
}

#[test]
fn r2595_sec_d_a_client_forgets_the_timestamp_of_the_greeting() {
    let mut desk = Guest::greeted(TlsPolicy::Cleartext);
    assert!(desk.say(APOP).is_ok());
    let mut desk = Guest::greeted(TlsPolicy::Cleartext);
    desk.start_tls();
    assert_eq!(desk.say(APOP), Err(SendError::NoTimestamp));
}

#[test]
fn law_8_a_client_forgets_the_quirks() {
    let mut desk = Guest::new(TlsPolicy::Required);
    desk.hear("+ok\r\n");
    assert!(desk.client().quirks().contains(Quirk::StatusCase));
    desk.start_tls();
    assert!(desk.client().quirks().is_empty());
}

/// Lines before TLS end as `clear` says, and lines inside TLS as the other values say.
#[test]
fn law_8_the_first_line_inside_tls_decides_how_lines_end() {
    for (clear, first, second, taken) in [
        ("\r\n", "\n", "\n", true),
        ("\n", "\r\n", "\r\n", true),
        ("\n", "\r\n", "\n", false),
        ("\r\n", "\n", "\r\n", true),
    ] {
        let mut desk = Guest::new(TlsPolicy::Required);
        desk.hear(format!("+OK{clear}"));
        assert_eq!(desk.ask("STLS", format!("+OK{clear}")), ["start TLS"]);
        desk.handshake();
        desk.ask("USER mrose", format!("+OK{first}"));
        let heard = if taken { "PASS ok" } else { "fatal BareLf" };
        let said = desk.ask("PASS secret", format!("+OK{second}"));
        assert_eq!(said, [heard], "{clear:?} {first:?} {second:?}");
        assert_eq!(desk.client().quirks().contains(Quirk::BareLf), first == "\n");
    }
}

// When STLS may be sent.

/// Also 6856.2.1.k: in no other state, with no argument, not inside TLS, not in UTF-8 mode.
#[test]
fn r2595_4_c_a_server_refuses_stls_if_it_is_not_allowed() {
    let mut host = hosted(OFFERED.with_utf8(Utf8::Messages));
    assert!(host.say("STLS now\r\n").starts_with("-ERR"), "2595.4.d: it has no argument");
    host.say("STLS\r\n");
    assert!(host.say("STLS\r\n").starts_with("-ERR"), "2595.4.f: once");

    let mut host = hosted(OFFERED.with_utf8(Utf8::Messages));
    assert!(!host.say("UTF8\r\n").starts_with("-ERR"));
    assert!(!host.say("CAPA\r\n").contains("STLS"));
    assert!(host.say("STLS\r\n").starts_with("-ERR"));

    let mut host = hosted(OFFERED);
    host.say("USER mrose\r\n");
    host.say("PASS x\r\n");
    assert_eq!(host.say("STLS\r\n"), "-ERR not in this state\r\n");
}

#[test]
fn r2595_4_d_stls_is_a_word_alone_and_its_answer_one_line() {
    assert!(Command::parse(b"STLS now").is_err());
    assert!(!Verb::Stls.is_multi_line(false));
    let mut desk = Guest::greeted(TlsPolicy::Required);
    assert_eq!(desk.say("STLS").unwrap(), "STLS\r\n");
    assert_eq!(desk.hear("-ERR\r\n"), ["STLS refused"]);
    assert!(desk.client().is_idle());
}

/// STLS is sent alone: not after other commands, and no command follows it before the handshake.
#[test]
fn r2595_4_g_a_client_sends_stls_alone() {
    let config = client::ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining();
    let mut desk = Guest::greeted(config);
    desk.say("USER mrose").unwrap();
    assert_eq!(desk.say("STLS"), Err(SendError::Alone));
    desk.hear("+OK\r\n");
    desk.say("STLS").unwrap();
    for command in ["CAPA", "QUIT", "STLS", "USER mrose", "AUTH PLAIN"] {
        assert_eq!(desk.say(command), Err(SendError::After(Verb::Stls)));
    }
    assert_eq!(desk.hear("+OK\r\n"), ["start TLS"]);
    for command in ["CAPA", "QUIT", "STLS", "USER mrose", "AUTH PLAIN"] {
        assert_eq!(desk.say(command), Err(SendError::CallersTurn));
    }
    desk.handshake();
    assert_eq!(desk.say("STLS"), Err(SendError::NoStls));
    assert!(desk.say("CAPA").is_ok());
}

#[test]
fn r6856_2_1_k_a_client_sends_no_stls_in_utf8_mode() {
    let mut desk = Guest::greeted(TlsPolicy::Cleartext);
    desk.say("UTF8").unwrap();
    desk.hear("+OK\r\n");
    assert_eq!(desk.say("STLS"), Err(SendError::NoStls));
}

#[test]
fn r2595_4_c_a_client_sends_stls_in_authorization_only() {
    let mut desk = Guest::new(TlsPolicy::Cleartext);
    assert_eq!(desk.say("STLS"), Err(SendError::State(State::Greeting)));
    desk.hear("+OK\r\n");
    for command in ["USER mrose", "PASS secret"] {
        desk.say(command).unwrap();
        desk.hear("+OK\r\n");
    }
    assert_eq!(desk.say("STLS"), Err(SendError::State(State::Transaction)));
}

/// Under each policy the client is outside TLS, in AUTHORIZATION, and ready to try STLS again or to quit. The policy
/// decides about logins.
#[test]
fn r2595_4_n_a_refused_stls_leaves_the_session_in_cleartext() {
    for (policy, login) in
        [(TlsPolicy::Cleartext, true), (TlsPolicy::Opportunistic, true), (TlsPolicy::Required, false)]
    {
        let mut desk = Guest::listed(policy, &["STLS", "USER"]);
        desk.say("STLS").unwrap();
        assert_eq!(desk.hear("-ERR not now\r\n"), ["STLS refused not now"]);
        assert!(!desk.client().is_tls());
        assert_eq!(desk.client().state(), State::Authorization);
        assert!(desk.client().capabilities().has(Feature::Stls), "the list is kept");
        assert_eq!(desk.say("USER mrose").is_ok(), login, "{policy:?}");
        if !login {
            desk.start_tls();
            assert!(desk.client().is_tls());
        }
    }
}

// The time for the handshake.

/// Also the row of CVE-2011-1947 and ROB.36.
#[test]
fn sec_no_timeout_in_stls_a_timer_runs_during_the_handshake() {
    let timers = Timers::DEFAULT.with_tls(Duration::from_secs(7)).with_login(Duration::from_secs(60));
    let mut desk = Guest::greeted(client::ClientConfig::new(TlsPolicy::Required).with_timers(timers));
    desk.say("STLS").unwrap();
    desk.pop3.tick(Duration::ZERO).unwrap();
    assert_eq!(desk.hear("+OK\r\n"), ["start TLS"]);
    assert_eq!(desk.pop3.tick(Duration::from_millis(100)), Ok(Some(Duration::from_millis(7100))));
    assert_eq!(desk.pop3.tick(Duration::from_millis(7100)), Err(ConnectionError::TimedOut(Timer::Tls)));

    let mut host = hosted(OFFERED.with_timers(timers));
    assert_eq!(host.pop3.tick(Duration::ZERO), Ok(Some(Duration::from_secs(60))));
    host.holds_tls = true;
    host.say("STLS\r\n");
    assert_eq!(host.pop3.tick(Duration::from_secs(10)), Ok(Some(Duration::from_secs(17))));
    assert_eq!(host.pop3.tick(Duration::from_secs(17)), Err(ConnectionError::TimedOut(Timer::Tls)));
}

/// The time for the login does not restart inside TLS, and the handshake does not count in it.
#[test]
fn rob_36_the_login_timer_continues_after_the_handshake() {
    let timers = Timers::DEFAULT.with_tls(Duration::from_secs(30)).with_login(Duration::from_secs(60));
    let mut host = hosted(OFFERED.with_timers(timers));
    host.pop3.tick(Duration::ZERO).unwrap();
    assert_eq!(host.say(""), "");
    host.pop3.tick(Duration::from_secs(20)).unwrap();
    host.holds_tls = true;
    host.say("STLS\r\n");
    host.pop3.tick(Duration::from_secs(20)).unwrap();
    host.pop3.tick(Duration::from_secs(45)).unwrap();
    host.tls_started().unwrap();
    host.run();
    assert_eq!(host.pop3.tick(Duration::from_secs(45)), Ok(Some(Duration::from_secs(85))));
}

/// Bad logins before TLS still count inside it.
#[test]
fn rob_17_failed_logins_count_across_tls() {
    let mut host = hosted(OFFERED.with_limits(pop3_proto::Limits::DEFAULT.with_failed_logins(2)));
    host.refuse_login = Some(Refusal::Credentials);
    host.say("USER mrose\r\nPASS x\r\n");
    host.say("STLS\r\n");
    host.say("USER mrose\r\nPASS x\r\n");
    assert_eq!(host.end, Some(Ok(CloseReason::FailedLogins)));
}
