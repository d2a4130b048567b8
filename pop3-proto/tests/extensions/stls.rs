//! STLS on both sides: when it may be said, what it answers, what is forgotten behind it.

use super::sasl_kit::{Desk, Host, auth, auth_with, pass, user};
use pop3_proto::client::{self, Event, Feature, SendError, Source, Support};
use pop3_proto::server::{Ask, Credentials, Language, Phrase, Refusal, ServerConfig, Step, Utf8};
use pop3_proto::{
    ApopDigest, Command, ConnectionError, Input, LanguageTag, Mechanism, Quirk, State, Text, Timer, Timers,
    TlsPolicy, Verb,
};
use std::time::Duration;

const OFFERED: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Opportunistic);

fn german(phrase: Phrase) -> Text<'static> {
    if phrase == Phrase::Bye { const { Text::from_static("tschüs") } } else { phrase.english() }
}

const GERMAN: [Language<'_>; 1] =
    [Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german }];

fn apop() -> Command<'static> {
    let digest = ApopDigest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
    Command::Apop { name: Text::from_static("mrose"), digest }
}

const APOP: &[u8] = b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n";

// What a server forgets.

/// Also 5034.4.y's twin: without STLS between them PASS is the login.
#[test]
fn r2595_sec_c_a_server_forgets_the_user_name() {
    let mut host = Host::new(OFFERED);
    host.name(b"USER mrose\r\n");
    let Step::Ask(Ask::Login(_login, Credentials::Password(_))) = host.hear(b"PASS x\r\n") else { panic!() };

    let mut host = Host::new(OFFERED);
    host.name(b"USER mrose\r\n");
    host.start_tls();
    assert!(host.refuses(b"PASS x\r\n"));
}

#[test]
fn law_8_a_server_forgets_the_language() {
    let mut host = Host::new(OFFERED.with_languages(&GERMAN));
    assert!(host.answers(b"LANG de\r\n").starts_with("+OK"));
    host.start_tls();
    let Step::Closed(_) = host.hear(b"QUIT\r\n") else { panic!() };
    assert_eq!(host.said(), "+OK bye\r\n");
}

#[test]
fn law_8_a_server_forgets_the_timestamp_of_its_greeting() {
    let mut host = Host::new(OFFERED);
    assert!(matches!(host.login(APOP), (_, Credentials::Apop { .. })));
    let mut host = Host::new(OFFERED);
    host.start_tls();
    assert_eq!(host.answers(APOP), "-ERR unknown command\r\n");
}

#[test]
fn law_8_a_server_forgets_the_quirks() {
    let mut host = Host::new(OFFERED);
    host.answers(b"CAPA \n");
    assert!(host.server.quirks().contains(Quirk::Spacing) && host.server.quirks().contains(Quirk::BareLf));
    host.start_tls();
    assert!(host.server.quirks().is_empty());
}

/// Also 2595.4.f, 5034.3.d and 8314.4.c: STLS is announced exactly where it can be said.
#[test]
fn r2595_4_l_capabilities_are_those_of_the_moment() {
    const MECHANISMS: &[Mechanism<'static>] = &[Mechanism::PLAIN, Mechanism::EXTERNAL];
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Required).with_sasl(MECHANISMS));
    let before = host.answers(b"CAPA\r\n");
    assert!(before.contains("\r\nSTLS\r\n") && !before.contains("SASL") && !before.contains("USER"));
    host.start_tls();
    let after = host.answers(b"CAPA\r\n");
    assert!(after.contains("\r\nSASL PLAIN EXTERNAL\r\n") && after.contains("\r\nUSER\r\n"));
    assert!(!after.contains("STLS"));
}

/// Also AMB.7.
#[test]
fn r2595_4_b_stls_is_announced_before_login_only() {
    let mut host = Host::new(OFFERED);
    assert!(host.answers(b"CAPA\r\n").contains("\r\nSTLS\r\n"));
    host.name(b"USER mrose\r\n");
    let (login, _) = host.login(b"PASS x\r\n");
    host.accept(login);
    assert!(!host.answers(b"CAPA\r\n").contains("STLS"));
}

#[test]
fn r2595_4_a_a_server_with_stls_has_capa_in_each_state() {
    for policy in [TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let mut host = Host::new(ServerConfig::new(policy).without_user().without_top().without_uidl());
        let capa = host.answers(b"CAPA\r\n");
        assert!(capa.starts_with("+OK") && capa.contains("\r\nSTLS\r\n"));
        host.start_tls();
        assert!(host.answers(b"CAPA\r\n").starts_with("+OK"));
    }
}

/// A server where TLS cannot be had, or is there already, does not say otherwise.
#[test]
fn r8314_4_c_no_stls_where_it_cannot_succeed() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Implicit] {
        let mut host = Host::new(ServerConfig::new(policy));
        assert!(!host.answers(b"CAPA\r\n").contains("STLS"));
        assert_eq!(host.answers(b"STLS\r\n"), "-ERR unknown command\r\n");
    }
}

#[test]
fn r2595_4_m_no_greeting_follows_the_handshake() {
    let mut host = Host::new(OFFERED);
    host.start_tls();
    assert_eq!(host.answers(b""), "");
    let mut desk = Desk::greeted(TlsPolicy::Required);
    desk.start_tls();
    assert!(desk.client.needs_input(b"", false));
    assert_eq!(desk.client.tick(Duration::ZERO), Ok(None), "nothing is waited for: the client speaks first");
    assert!(matches!(desk.hear(b"+OK ready\r\n"), Err(ConnectionError::Unsolicited)));
}

/// Also 8314.3.1.c: a certificate logs nobody in.
#[test]
fn r2595_4_h_the_session_stays_in_authorization() {
    let mut host = Host::new(OFFERED);
    host.start_tls();
    assert_eq!(host.server.state(), State::Authorization);
    assert!(host.refuses(b"STAT\r\n"));
    let mut desk = Desk::greeted(TlsPolicy::Required);
    desk.start_tls();
    assert_eq!(desk.client.state(), State::Authorization);
    assert_eq!(desk.say(&Command::Stat), Err(SendError::State(State::Authorization)));
}

#[test]
fn r8314_3_1_c_implicit_tls_begins_with_a_greeting_and_no_login() {
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Implicit));
    assert!(host.server.is_tls());
    assert!(host.refuses(b"STAT\r\n"));
    let desk = Desk::greeted(TlsPolicy::Implicit);
    assert!(desk.client.is_tls());
    assert_eq!(desk.client.state(), State::Authorization);
}

/// Also 8314.4.f and 8314.5.e: the certificate's user, by an empty response or a name.
#[test]
fn r2595_4_i_external_inside_tls_on_both_sides() {
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::EXTERNAL]));
    assert!(host.refuses(b"AUTH EXTERNAL =\r\n"));
    host.start_tls();
    let (login, credentials) = host.login(b"AUTH EXTERNAL =\r\n");
    let Credentials::Sasl { mechanism, initial: Some(initial) } = credentials else { panic!() };
    assert_eq!(mechanism, Mechanism::EXTERNAL);
    assert!(initial.is_empty());
    assert!(host.accept(login).starts_with("+OK"));

    let mut desk = Desk::greeted(TlsPolicy::Required);
    desk.start_tls();
    desk.learn("SASL EXTERNAL\r\n");
    assert_eq!(desk.say(&auth_with(Mechanism::EXTERNAL, b"")).unwrap(), "AUTH EXTERNAL =\r\n");
    let Event::AuthAccepted(done, _) = desk.hear_one(b"+OK\r\n") else { panic!() };
    desk.client.verified(done).unwrap();
    assert_eq!(desk.client.state(), State::Transaction);
}

// What a client forgets.

/// Also 2595.4.k: it asks anew, and knows nothing until then.
#[test]
fn r2595_4_j_a_client_forgets_the_capabilities() {
    let mut desk = Desk::listed(TlsPolicy::Cleartext, "PIPELINING\r\nTOP\r\nSTLS\r\n");
    assert_eq!(
        desk.say(&auth_with(Mechanism::PLAIN, b"AAAA")),
        Err(SendError::InitialResponse),
        "SASL is not listed"
    );
    desk.start_tls();
    let capabilities = desk.client.capabilities();
    assert_eq!(capabilities.source(), Source::NotAsked);
    assert!(!capabilities.has(Feature::Top) && !capabilities.has(Feature::Pipelining));
    assert_eq!(capabilities.support(Feature::Top), Support::Probe);
    desk.say(&user("mrose")).unwrap();
    assert_eq!(desk.say(&pass("secret")), Err(SendError::NotPipelined));
    desk.hear(b"-ERR\r\n").unwrap();
    desk.learn("SASL PLAIN\r\n");
    assert!(desk.client.capabilities().has_mechanism(Mechanism::PLAIN));
    assert!(!desk.client.capabilities().has(Feature::Stls));
}

/// What was listed without SASL no longer holds an initial response back.
#[test]
fn sec_injected_capabilities_no_list_in_clear_decides_inside_tls() {
    let mut desk = Desk::listed(TlsPolicy::Required, "STLS\r\n");
    desk.start_tls();
    assert!(desk.say(&auth_with(Mechanism::PLAIN, b"AAAA")).is_ok());
}

#[test]
fn law_8_a_client_forgets_the_user_name() {
    let mut desk = Desk::greeted(TlsPolicy::Cleartext);
    desk.say(&user("mrose")).unwrap();
    desk.hear(b"+OK\r\n").unwrap();
    desk.start_tls();
    assert_eq!(desk.say(&pass("secret")), Err(SendError::NoUser));
}

#[test]
fn r2595_sec_d_a_client_forgets_the_timestamp_of_the_greeting() {
    let mut desk = Desk::greeted(TlsPolicy::Cleartext);
    assert!(desk.say(&apop()).is_ok());
    let mut desk = Desk::greeted(TlsPolicy::Cleartext);
    desk.start_tls();
    assert_eq!(desk.say(&apop()), Err(SendError::NoTimestamp));
}

#[test]
fn law_8_a_client_forgets_the_quirks() {
    let mut desk = Desk::new(TlsPolicy::Required);
    desk.hear(b"+ok\r\n").unwrap();
    assert!(desk.client.quirks().contains(Quirk::StatusCase));
    desk.start_tls();
    assert!(desk.client.quirks().is_empty());
}

/// Lines in clear end as `clear` says, those inside TLS as the others say.
#[test]
fn law_8_the_first_line_inside_tls_decides_how_lines_end() {
    for (clear, first, second, taken) in [
        ("\r\n", "\n", "\n", true),
        ("\n", "\r\n", "\r\n", true),
        ("\n", "\r\n", "\n", false),
        ("\r\n", "\n", "\r\n", true),
    ] {
        let mut desk = Desk::new(TlsPolicy::Required);
        desk.hear(format!("+OK{clear}").as_bytes()).unwrap();
        desk.say(&Command::Stls).unwrap();
        let answer = format!("+OK{clear}");
        let Event::StartTls(start) = desk.hear_one(answer.as_bytes()) else { panic!() };
        desk.client.tls_started(start, Input::more(b"")).unwrap();
        desk.say(&user("mrose")).unwrap();
        desk.hear(format!("+OK{first}").as_bytes()).unwrap();
        desk.say(&pass("secret")).unwrap();
        let heard = format!("+OK{second}");
        let heard = desk.hear(heard.as_bytes()).map(|_| ());
        assert_eq!(
            heard,
            if taken { Ok(()) } else { Err(ConnectionError::BareLf) },
            "{clear:?} {first:?} {second:?}"
        );
        assert_eq!(desk.client.quirks().contains(Quirk::BareLf), first == "\n");
    }
}

// When it may be said.

/// Also 6856.2.1.k: in no other state, with no argument, not inside TLS, not in UTF-8 mode.
#[test]
fn r2595_4_c_a_server_refuses_stls_where_it_is_not_due() {
    let mut host = Host::new(OFFERED.utf8(Utf8::Messages));
    assert!(host.refuses(b"STLS now\r\n"), "2595.4.d: it has no argument");
    host.start_tls();
    assert!(host.refuses(b"STLS\r\n"), "2595.4.f: once");

    let mut host = Host::new(OFFERED.utf8(Utf8::Messages));
    assert!(!host.refuses(b"UTF8\r\n"));
    assert!(!host.answers(b"CAPA\r\n").contains("STLS"));
    assert!(host.refuses(b"STLS\r\n"));

    let mut host = Host::new(OFFERED);
    host.name(b"USER mrose\r\n");
    let (login, _) = host.login(b"PASS x\r\n");
    host.server.accept(login, Vec::new()).unwrap();
    host.answers(b"");
    assert_eq!(host.answers(b"STLS\r\n"), "-ERR not in this state\r\n");
}

#[test]
fn r2595_4_d_stls_is_a_word_alone_and_its_answer_one_line() {
    assert!(Command::parse(b"STLS now").is_err());
    assert!(!Verb::Stls.is_multi_line(false));
    let mut desk = Desk::greeted(TlsPolicy::Required);
    assert_eq!(desk.say(&Command::Stls).unwrap(), "STLS\r\n");
    let Event::Refused(ticket, _) = desk.hear_one(b"-ERR\r\n") else { panic!() };
    assert_eq!(ticket.verb, Verb::Stls);
    assert!(desk.client.is_idle());
}

/// Alone in both directions: behind others it is not sent, and nothing behind it, until the handshake is over.
#[test]
fn r2595_4_g_a_client_sends_stls_alone() {
    let config = client::ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining();
    let mut desk = Desk::greeted(config);
    desk.say(&user("mrose")).unwrap();
    assert_eq!(desk.say(&Command::Stls), Err(SendError::Alone));
    desk.hear(b"+OK\r\n").unwrap();
    desk.say(&Command::Stls).unwrap();
    for command in [Command::Capa, Command::Quit, Command::Stls, user("mrose"), auth(Mechanism::PLAIN)] {
        assert_eq!(desk.say(&command), Err(SendError::After(Verb::Stls)));
    }
    let Event::StartTls(start) = desk.hear_one(b"+OK\r\n") else { panic!() };
    for command in [Command::Capa, Command::Quit, Command::Stls, user("mrose"), auth(Mechanism::PLAIN)] {
        assert_eq!(desk.say(&command), Err(SendError::CallersTurn));
    }
    desk.client.tls_started(start, Input::more(b"")).unwrap();
    assert_eq!(desk.say(&Command::Stls), Err(SendError::NoStls));
    assert!(desk.say(&Command::Capa).is_ok());
}

#[test]
fn r6856_2_1_k_a_client_sends_no_stls_in_utf8_mode() {
    let mut desk = Desk::greeted(TlsPolicy::Cleartext);
    desk.say(&Command::Utf8).unwrap();
    desk.hear(b"+OK\r\n").unwrap();
    assert_eq!(desk.say(&Command::Stls), Err(SendError::NoStls));
}

#[test]
fn r2595_4_c_a_client_sends_stls_in_authorization_only() {
    let mut desk = Desk::new(TlsPolicy::Cleartext);
    assert_eq!(desk.say(&Command::Stls), Err(SendError::State(State::Greeting)));
    desk.hear(b"+OK\r\n").unwrap();
    for command in [user("mrose"), pass("secret")] {
        desk.say(&command).unwrap();
        desk.hear(b"+OK\r\n").unwrap();
    }
    assert_eq!(desk.say(&Command::Stls), Err(SendError::State(State::Transaction)));
}

/// Under each policy: in clear, in AUTHORIZATION, ready to try STLS again or to quit; whether to log in is the policy's to say.
#[test]
fn r2595_4_n_a_refused_stls_leaves_the_session_in_clear() {
    for (policy, login) in
        [(TlsPolicy::Cleartext, true), (TlsPolicy::Opportunistic, true), (TlsPolicy::Required, false)]
    {
        let mut desk = Desk::listed(policy, "STLS\r\nUSER\r\n");
        desk.say(&Command::Stls).unwrap();
        assert!(matches!(desk.hear_one(b"-ERR not now\r\n"), Event::Refused(..)));
        assert!(!desk.client.is_tls());
        assert_eq!(desk.client.state(), State::Authorization);
        assert!(desk.client.capabilities().has(Feature::Stls), "nothing is forgotten");
        assert_eq!(desk.say(&user("mrose")).is_ok(), login, "{policy:?}");
        if !login {
            desk.start_tls();
            assert!(desk.client.is_tls());
        }
    }
}

// The handshake's own time.

/// Also the row of CVE-2011-1947 and ROB.36.
#[test]
fn sec_no_timeout_in_stls_a_timer_runs_during_the_handshake() {
    let timers = Timers::DEFAULT.with_tls(Duration::from_secs(7)).with_login(Duration::from_secs(60));
    let mut desk = Desk::greeted(client::ClientConfig::new(TlsPolicy::Required).with_timers(timers));
    desk.say(&Command::Stls).unwrap();
    desk.client.tick(Duration::ZERO).unwrap();
    let Event::StartTls(_start) = desk.hear_one(b"+OK\r\n") else { panic!() };
    assert_eq!(desk.client.tick(Duration::from_millis(100)), Ok(Some(Duration::from_millis(7100))));
    assert_eq!(desk.client.tick(Duration::from_millis(7100)), Err(ConnectionError::TimedOut(Timer::Tls)));

    let mut host = Host::new(OFFERED.with_timers(timers));
    assert_eq!(host.server.tick(Duration::ZERO), Ok(Some(Duration::from_secs(60))));
    let Step::Ask(Ask::StartTls(_start)) = host.hear(b"STLS\r\n") else { panic!() };
    assert_eq!(host.server.tick(Duration::from_secs(10)), Ok(Some(Duration::from_secs(17))));
    assert_eq!(host.server.tick(Duration::from_secs(17)), Err(ConnectionError::TimedOut(Timer::Tls)));
}

/// The time for the login does not start anew inside TLS, and the handshake does not count in it.
#[test]
fn rob_36_the_login_timer_goes_on_behind_the_handshake() {
    let timers = Timers::DEFAULT.with_tls(Duration::from_secs(30)).with_login(Duration::from_secs(60));
    let mut host = Host::new(OFFERED.with_timers(timers));
    host.server.tick(Duration::ZERO).unwrap();
    assert_eq!(host.answers(b""), "");
    host.server.tick(Duration::from_secs(20)).unwrap();
    let Step::Ask(Ask::StartTls(start)) = host.hear(b"STLS\r\n") else { panic!() };
    host.server.tick(Duration::from_secs(20)).unwrap();
    host.server.tick(Duration::from_secs(45)).unwrap();
    host.server.tls_started(start, Input::more(b"")).unwrap();
    assert_eq!(host.server.tick(Duration::from_secs(45)), Ok(Some(Duration::from_secs(85))));
}

/// Bad logins before TLS still count inside it.
#[test]
fn rob_17_failed_logins_count_across_tls() {
    let mut host = Host::new(OFFERED.with_limits(pop3_proto::Limits::DEFAULT.with_failed_logins(2)));
    host.name(b"USER mrose\r\n");
    let (login, _) = host.login(b"PASS x\r\n");
    host.refuse(login, Refusal::Credentials);
    host.start_tls();
    host.name(b"USER mrose\r\n");
    let (login, _) = host.login(b"PASS x\r\n");
    host.server.refuse(login, Refusal::Credentials).unwrap();
    assert!(matches!(host.hear(b""), Step::Closed(_)));
}
