//! Every command in every state, under every switch of the configuration.

use super::*;
use pop3_proto::server::{Language, Utf8};
use pop3_proto::{Mechanism, State, Verb};

static MECHANISMS: &[Mechanism<'static>] = &[Mechanism::PLAIN];
static LANGUAGES: &[Language<'_>] = &[Language::ENGLISH];
const UNKNOWN: &str = "-ERR unknown command\r\n";
const STATE: &str = "-ERR not in this state\r\n";

/// A configuration with everything switched on.
const ALL: ServerConfig<'_> = PATIENT
    .with_sasl(MECHANISMS)
    .with_sasl_cleartext(MECHANISMS)
    .with_utf8(Utf8::Messages)
    .with_languages(LANGUAGES)
    .with_other_commands();

fn line(verb: Verb) -> &'static str {
    match verb {
        Verb::User => "USER mrose",
        Verb::Pass => "PASS tanstaaf",
        Verb::Apop => "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
        Verb::Auth => "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm",
        Verb::AuthList => "AUTH",
        Verb::Stls => "STLS",
        Verb::Utf8 => "UTF8",
        Verb::Capa => "CAPA",
        Verb::Lang => "LANG en",
        Verb::LangList => "LANG",
        Verb::Stat => "STAT",
        Verb::List => "LIST",
        Verb::Retr => "RETR 1",
        Verb::Dele => "DELE 1",
        Verb::Noop => "NOOP",
        Verb::Rset => "RSET",
        Verb::Top => "TOP 1 0",
        Verb::Uidl => "UIDL",
        Verb::Quit => "QUIT",
        Verb::Other => "XTND XLST",
        _ => panic!("a new command: give it a line"),
    }
}

/// Returns the configuration with the switch that turns this command off.
fn without(config: ServerConfig<'static>, verb: Verb) -> Option<ServerConfig<'static>> {
    let base = PATIENT;
    Some(match verb {
        Verb::User | Verb::Pass => config.without_user(),
        Verb::Auth | Verb::AuthList => config.with_sasl(&[]).with_sasl_cleartext(&[]),
        Verb::Top => config.without_top(),
        Verb::Uidl => config.without_uidl(),
        Verb::Utf8 => base.with_sasl(MECHANISMS).with_languages(LANGUAGES).with_other_commands(),
        Verb::Lang | Verb::LangList => config.with_languages(&[]),
        Verb::Other => base.with_sasl(MECHANISMS).with_languages(LANGUAGES).with_utf8(Utf8::Messages),
        _ => return None,
    })
}

/// Returns a host in this state, reached as its configuration allows.
fn reach(config: ServerConfig<'static>, state: State) -> Host {
    let mut host = Host::three(config);
    host.greeting = "ready <1896.697170952@dbc.mtview.ca.us>".into();
    host.say("");
    if state == State::Transaction {
        assert_eq!(host.say(format!("{}\r\n", line(Verb::Apop))), "+OK maildrop open\r\n");
    }
    assert_eq!(host.server().state(), state);
    host.asked.clear();
    host
}

fn say(host: &mut Host, verb: Verb) -> String {
    if verb == Verb::Pass && host.server().state() == State::Authorization {
        host.say("USER mrose\r\n");
    }
    host.say(format!("{}\r\n", line(verb)))
}

/// Also 1939.5.c, 1939.7.user.b, 1939.7.pass.c, 1939.7.top.f, 2595.4.c: a refusal does not change the state.
#[test]
fn r1939_3_y_every_command_in_every_state() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Implicit] {
        let mut config = ALL;
        if policy != TlsPolicy::Cleartext {
            config = ServerConfig::new(policy)
                .with_limits(Limits::DEFAULT.with_bad_commands(255, 255))
                .with_sasl(MECHANISMS)
                .with_sasl_cleartext(MECHANISMS)
                .with_utf8(Utf8::Messages)
                .with_languages(LANGUAGES)
                .with_other_commands();
        }
        for state in [State::Authorization, State::Transaction] {
            for verb in Verb::ALL {
                let mut host = reach(config, state);
                let offered = *verb != Verb::Stls || policy == TlsPolicy::Opportunistic;
                let answer = say(&mut host, *verb);
                match (offered, verb.is_valid_in(state)) {
                    (true, true) => assert!(answer.starts_with("+OK"), "{verb:?} in {state:?}: {answer}"),
                    (true, false) => assert_eq!(answer, STATE, "{verb:?} in {state:?}"),
                    (false, _) => assert_eq!(answer, UNKNOWN, "{verb:?} in {state:?}"),
                }
                if !answer.starts_with("+OK") {
                    assert_eq!(
                        (host.server().state(), host.end, host.asked.len()),
                        (state, None, 0),
                        "{verb:?}"
                    );
                }
            }
        }
    }
}

/// Also 1939.5.c: QUIT and CAPA are for both states, the other commands for one.
#[test]
fn r1939_5_c_the_table_of_states() {
    use Verb::*;
    for verb in [Stat, List, Retr, Dele, Noop, Rset, Top, Uidl] {
        assert_eq!(verb.states(), [State::Transaction], "{verb:?}");
    }
    for verb in [User, Pass, Apop, Auth, AuthList, Stls, Utf8] {
        assert_eq!(verb.states(), [State::Authorization], "{verb:?}");
    }
    for verb in [Capa, Lang, LangList, Quit] {
        assert_eq!(verb.states(), [State::Authorization, State::Transaction], "{verb:?}");
    }
}

/// Also 1939.4.d, 1939.7.a, 1939.8.d: a command that is switched off does not exist in either state, and the
/// application is not asked.
#[test]
fn r1939_3_x_a_command_that_is_switched_off_is_unknown() {
    for verb in Verb::ALL {
        let Some(config) = without(ALL, *verb) else { continue };
        for state in [State::Authorization, State::Transaction] {
            let mut host = reach(config, state);
            assert_eq!(host.say(format!("{}\r\n", line(*verb))), UNKNOWN, "{verb:?}");
            assert_eq!((host.server().state(), host.end, host.asked.len()), (state, None, 0), "{verb:?}");
        }
    }
    let mut host = Host::three(ALL);
    host.say("");
    assert_eq!(host.say(format!("{}\r\n", line(Verb::Apop))), UNKNOWN);
}

/// Also 1939.3.x: a line that is not a command does not change the state.
#[test]
fn r1939_3_x_a_bad_line_changes_nothing() {
    let lines = [
        "", " ", "  STAT", " STAT", "\tSTAT", "STAT,", "S", "STATS", "RETR", "RETR x", "TOP 1", "TOP",
        "LIST x", "DELE", "UIDL x", "QUITE", "\u{e9}", "STAT\0",
    ];
    for state in [State::Authorization, State::Transaction] {
        let mut host = reach(PATIENT, state);
        for line in lines {
            let answer = host.say(format!("{line}\r\n"));
            assert!(
                answer == "-ERR syntax error\r\n" || answer == UNKNOWN || answer == STATE,
                "{line:?}: {answer}"
            );
            assert_eq!((host.server().state(), host.end, host.asked.len()), (state, None, 0), "{line:?}");
        }
        assert!(host.say("QUIT\r\n").starts_with("+OK"));
    }
}

/// Also 1939.3.k, 1939.3.l, 1939.3.o: the only indicators are in upper case, and a refusal is one line.
#[test]
fn r1939_3_o_a_refusal_is_one_line() {
    for state in [State::Authorization, State::Transaction] {
        for verb in Verb::ALL {
            for config in [Some(ALL), without(ALL, *verb)].into_iter().flatten() {
                let mut host = reach(config, state);
                host.refuse_name = Some(Refusal::Credentials);
                host.refuse_login = Some(Refusal::Credentials);
                host.refuse_fetch = Some(Refusal::Temporary);
                let answer = host.say(format!("{}\r\n", line(*verb)));
                assert!(answer.starts_with("+OK") || answer.starts_with("-ERR"), "{answer}");
                assert!(!answer.starts_with('-') || answer.matches("\r\n").count() == 1, "{answer}");
                assert_eq!(answer.matches('\n').count(), answer.matches("\r\n").count());
                assert!(answer.ends_with("\r\n"));
            }
        }
    }
}

/// Also 1939.3.n: the command alone decides whether its answer has more lines.
#[test]
fn r1939_3_n_the_shape_of_an_answer_is_the_commands() {
    for state in [State::Authorization, State::Transaction] {
        for verb in Verb::ALL.iter().filter(|verb| verb.is_valid_in(state)) {
            let mut host = reach(ALL, state);
            let answer = if *verb == Verb::Stls { continue } else { say(&mut host, *verb) };
            assert!(answer.starts_with("+OK"), "{verb:?}");
            let message = matches!(verb, Verb::Retr | Verb::Dele | Verb::Top);
            assert_eq!(answer.ends_with("\r\n.\r\n"), verb.is_multi_line(message), "{verb:?}: {answer}");
            assert_eq!(answer.matches("\r\n").count() > 1, verb.is_multi_line(message), "{verb:?}: {answer}");
        }
    }
    let mut host = reach(ALL, State::Transaction);
    assert_eq!(host.say("LIST 1\r\nUIDL 1\r\n"), "+OK 1 120\r\n+OK 1 id-1\r\n");
}

/// Also 1939.3.f: arguments keep their case.
#[test]
fn r1939_3_f_keywords_in_any_case() {
    for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::Stls) {
        for state in [State::Authorization, State::Transaction] {
            let line = line(*verb);
            let (keyword, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
            let say = |keyword: String| {
                let mut host = reach(ALL, state);
                let user = if *verb == Verb::Pass { "USER mRose\r\n" } else { "" };
                (host.say(format!("{user}{keyword}{rest}\r\n")), host.asked.len())
            };
            let mixed = format!("{}{}", &keyword[..1], keyword[1..].to_lowercase());
            assert_eq!(say(keyword.to_lowercase()), say(keyword.into()));
            assert_eq!(say(mixed), say(keyword.into()));
        }
    }
    let mut host = reach(ALL, State::Authorization);
    host.say("user mRose\r\npass TanStaaf\r\n");
    assert_eq!(host.asked, ["User mRose", "Password TanStaaf"]);
}

/// Also 2595.2.3.a: outside TLS every login is refused.
#[test]
fn r2595_2_3_a_required_tls_allows_no_login_in_cleartext() {
    let config = ServerConfig::new(TlsPolicy::Required)
        .with_limits(Limits::DEFAULT.with_bad_commands(255, 255))
        .with_sasl(MECHANISMS)
        .with_sasl_cleartext(MECHANISMS);
    let mut host = reach(config, State::Authorization);
    for verb in [Verb::User, Verb::Pass, Verb::Apop, Verb::Auth] {
        assert_eq!(host.say(format!("{}\r\n", line(verb))), "-ERR TLS first\r\n", "{verb:?}");
    }
    assert_eq!(host.asked, [] as [&str; 0]);
    assert_eq!(host.say("STLS\r\n"), "+OK begin TLS\r\n");
    assert!(host.server().is_tls());
    assert_eq!(host.say("USER mrose\r\nPASS a\r\n"), "+OK send PASS\r\n+OK maildrop open\r\n");
}
