//! Complete dialogues, played at every segmentation.
//!
//! A transcript is a data file. Its notes say what data the server has and how the session ends, and the dialogue
//! follows. The client machine plays it against its server, and the server machine against its client: in one piece,
//! byte by byte, at every single cut, and at every pair of cuts if the transcript is short. Each also plays a stream
//! that ends early, at every byte.

mod client_machine;
mod conform;
mod fixture;
mod script;
mod server_machine;

use client_machine::STATUS;
use fixture::Fixture;
use pop3_proto::MIN_SEND_BUF;
use pop3_proto::script::{Cuts, Script, Side};

/// Dialogues up to this length are played at every pair of cuts.
const SHORT: usize = 160;

macro_rules! transcripts {
    ($($(#[doc = $doc:literal])* $test:ident: $file:literal,)+) => {
        $(
            $(#[doc = $doc])*
            #[test]
            fn $test() {
                play(include_str!($file));
            }
        )+
    };
}

transcripts! {
    r1939_3_c_tutorial: "tutorial.pop3",
    /// Also 1939.6.d, 1939.6.e.
    r1939_6_c_quit_is_refused_if_a_message_stays: "not_removed.pop3",
    r1939_7_apop_g_apop_logs_in: "apop.pop3",
    /// Also 1939.7.top.c, 1939.7.top.d, 1939.7.top.e.
    r1939_7_top_b_top: "top.pop3",
    uidl: "uidl.pop3",
    /// Also 6856.3.c, 6856.3.d.
    r6856_3_f_utf8_and_lang: "utf8_lang.pop3",
    r5034_4_x_auth_with_initial_response: "auth_initial.pop3",
    /// Also 5034.4.h.
    r5034_4_m_auth_without_initial_response: "auth_challenge.pop3",
    r5034_4_l_auth_cancelled: "auth_cancelled.pop3",
    /// Also 2595.4.b, 2595.4.l, 2595.4.m.
    r2595_4_h_login_after_stls: "stls.pop3",
    r2449_6_6_a_pipelining: "pipelining.pop3",
    short: "short.pop3",
    over_long_line: "long_line.pop3",
    rob_16_bad_commands_until_closed: "bad_commands.pop3",
    r1939_4_c_greeting_of_err: "no_service.pop3",
    greeting_of_err_then_quit: "no_service_quit.pop3",
    rob_29_end_of_stream_inside_a_message: "broken_off.pop3",
    /// Also 1939.6.b.
    rob_30_end_of_stream_inside_quit: "client_gone.pop3",
    rob_3_server_of_bare_lf: "bare_lf_server.pop3",
    rob_2_client_of_bare_lf: "bare_lf_client.pop3",
    empty_maildrop: "empty.pop3",
    r1939_6_g_quit_is_not_answered: "quit_unanswered.pop3",
    a_server_with_its_own_texts: "other_words.pop3",
    /// Also 1939.5.stat.b, 1939.5.stat.c: two numbers and nothing else.
    r1939_5_stat_e_marked_messages_are_not_counted: "marks.pop3",
    /// Also 1939.4.k, 1939.5.list.e, 1939.5.list.c, 1939.7.uidl.j.
    r1939_4_m_numbers_never_change: "numbers.pop3",
    /// Also 1939.5.dele.c.
    r1939_5_e_a_marked_message_is_gone_for_every_command_until_rset: "gone.pop3",
    r1939_7_user_b_again_once_a_user_or_pass_was_refused: "user_again.pop3",
    /// Also 1939.7.pass.d.
    r1939_7_pass_c_only_after_an_accepted_name: "pass_needs_user.pop3",
    rob_39_after_a_failed_login_each_command_is_refused_in_order: "failed_login_pipelined.pop3",
    r1939_7_apop_g_after_the_greeting_or_a_failed_login: "apop_again.pop3",
}

fn play(text: &str) {
    let script = Script::parse(text).unwrap();
    let fixture = Fixture::of(&script);
    assert!(fixture.client_ends.is_some() || fixture.server_ends.is_some(), "no machine plays it");
    if let Some(ends) = &fixture.client_ends {
        play_client(&script, ends);
        break_client_off(&script);
    }
    if let Some(ends) = &fixture.server_ends {
        play_server(&script, &fixture, ends);
        break_server_off(&script, &fixture);
    }
}

fn cuts(octets: usize) -> impl Iterator<Item = Cuts> {
    Cuts::singles(octets).chain(Cuts::pairs(if octets <= SHORT { octets } else { 0 }))
}

fn play_client(script: &Script, ends: &str) {
    let lines = client_machine::server_lines(script);
    for cuts in cuts(script.octets(Side::Server).len()) {
        let played = client_machine::play(script, script.server().cut(cuts));
        assert_eq!(played.ended, ends, "{cuts:?}");
        // The beginning of an unfinished message is not a line yet.
        let whole = if ends.starts_with("Closed") { lines.len() } else { played.lines.len() };
        assert_eq!(played.lines.len(), whole, "{cuts:?}");
        same_lines(&played, &lines);
    }
}

fn same_lines(played: &client_machine::Played, lines: &[(&[u8], usize)]) {
    for (told, (said, _)) in played.lines.iter().zip(lines) {
        match told.as_str() {
            STATUS => assert!(said.starts_with(b"+OK") || said.starts_with(b"-ERR")),
            told => assert_eq!(told, said.escape_ascii().to_string()),
        }
    }
}

/// If the stream ends early, at any byte, the client reports only complete lines, and does not mistake the loss for
/// the end of the session.
fn break_client_off(script: &Script) {
    let lines = client_machine::server_lines(script);
    for octets in 0..script.octets(Side::Server).len() {
        let played = client_machine::play(script, script.server().lost_after(octets));
        same_lines(&played, &lines);
        let told = played.lines.len().checked_sub(1).map_or(0, |last| lines[last].1);
        assert!(told <= octets, "broken off at {octets}, but {told} bytes were reported");
        let ended = &played.ended;
        assert!(
            ended == "UnexpectedEof" || ended == "Closed(Unknown)" || ended == "Closed(NoneAsked)",
            "{ended}"
        );
        let quit = script.lines().take_while(|line| !line.octets.starts_with(b"QUIT"));
        let before: usize = quit.filter(|line| line.from == Side::Server).map(|line| line.octets.len()).sum();
        assert!(ended == "UnexpectedEof" || octets >= before, "broken off at {octets}, and {ended}");
    }
}

fn play_server(script: &Script, fixture: &Fixture, ends: &str) {
    for cuts in cuts(script.octets(Side::Client).len()) {
        for memory in [MIN_SEND_BUF, 1 << 12] {
            let played = server_machine::play(script, fixture, script.client().cut(cuts), memory);
            assert_eq!(played.ended, ends, "{cuts:?}, memory {memory}");
            assert_eq!(played.removed, fixture.removed, "{cuts:?}, memory {memory}");
            assert!(
                fixture.quirks.as_ref().is_none_or(|quirks| *quirks == played.quirks),
                "{}",
                played.quirks
            );
        }
    }
}

/// If the stream ends at any byte before the end of the line QUIT, the server removes no message.
fn break_server_off(script: &Script, fixture: &Fixture) {
    let octets = script.octets(Side::Client).len();
    for lost in 0..octets {
        let played = server_machine::play(script, fixture, script.client().lost_after(lost), MIN_SEND_BUF);
        assert!(played.removed.is_empty(), "broken off at {lost} of {octets}");
        assert_eq!(played.ended, "End", "broken off at {lost} of {octets}");
    }
}
