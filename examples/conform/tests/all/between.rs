//! The layer between a client and the good server: what no check uses yet.

use pop3_conform::check::{Edit, Twist};
use pop3_conform::engine::Stop;
use pop3_conform::lab::Lab;
use pop3_conform::lab::between::{Bites, InMemory};
use pop3_conform::{checks, prove};
use std::rc::Rc;

fn lab(edit: Option<Edit>, stls: bool) -> (Lab, Bites) {
    let dial = InMemory::new(edit.map(|edit| Twist { name: "a twist", edit }));
    let bites = Rc::clone(&dial.bites);
    let mut facts = InMemory::facts();
    facts.stls = stls;
    (Lab::new(Box::new(dial), Rc::new(facts)), bites)
}

#[test]
fn logins_can_be_inside_tls() {
    let (mut lab, bites) = lab(None, true);
    assert!(lab.login().unwrap().ask("STAT").unwrap().is_ok());
    assert_eq!(bites.get(), 0);
}

#[test]
fn the_good_server_ends_if_a_command_is_sent_before_the_handshake() {
    let (mut lab, _) = lab(None, false);
    let mut session = lab.connect().unwrap();
    session.send_raw(b"STLS\r\nNOOP\r\n");
    assert!(session.response("STLS").unwrap().is_ok());
    session.start_tls().unwrap();
    assert!(matches!(session.ask("CAPA"), Err(Stop::Closed { .. })));
}

#[test]
fn a_twist_can_answer_an_injected_command_inside_tls() {
    let inject = Edit::Code(|turn| match turn.is("tls") {
        true => {
            let early = turn.take_early();
            turn.through();
            if !early.is_empty() {
                let answer = turn.ask(String::from_utf8_lossy(&early).trim_end());
                turn.say(&answer);
            }
        }
        false => turn.through(),
    });
    let (mut lab, bites) = lab(Some(inject), false);
    let mut session = lab.connect().unwrap();
    session.send_raw(b"STLS\r\nCAPA\r\n");
    assert!(session.response("STLS").unwrap().is_ok());
    session.start_tls().unwrap();
    assert!(session.response("CAPA").unwrap().is_ok());
    assert_eq!(bites.get(), 1);
}

#[test]
fn a_lost_connection_can_count_as_quit() {
    let (mut lab, bites) = lab(Some(Edit::AtEnd("QUIT")), false);
    let mut session = lab.login().unwrap();
    assert!(session.ask("DELE 1").unwrap().is_ok());
    drop(session);
    assert_eq!(bites.get(), 1);
    assert!(lab.login().unwrap().ask("STAT").unwrap().text().starts_with("11 "));
}

#[test]
fn a_response_can_be_cut_and_a_long_line_refused() {
    let (mut cut, _) = lab(Some(Edit::Cut { to: "RETR*", before: "Subject" }), false);
    let mut session = cut.login().unwrap();
    assert!(matches!(session.ask("RETR 1"), Err(Stop::Closed { .. })));
    drop(session);
    let (mut short, bites) = lab(Some(Edit::Line(12)), false);
    let mut session = short.connect().unwrap();
    assert!(session.ask("USER mrose").unwrap().is_ok());
    assert!(session.ask("USER mroses").unwrap().is_err());
    assert_eq!(bites.get(), 1);
}

#[test]
fn two_sessions_are_a_fault_of_the_kit_and_the_lock_is_kept() {
    let (mut lab, _) = lab(None, false);
    let facts = Rc::clone(&lab.facts);
    let first = lab.login().unwrap();
    assert!(matches!(lab.login(), Err(Stop::Kit(_))));
    let (_, refused) = lab.try_login(&facts.user, &facts.password).unwrap();
    assert!(refused.is_err());
    drop(first);
    assert!(lab.login().is_ok());
}

#[test]
fn a_fourth_refusal_is_a_fault_of_the_kit() {
    let (mut lab, _) = lab(None, false);
    let mut session = lab.connect().unwrap();
    for _ in 0..3 {
        assert!(session.ask("XYZZY").unwrap().is_err());
    }
    assert!(session.ask("CAPA").unwrap().is_ok());
    assert!(matches!(session.ask("XYZZY"), Err(Stop::Kit(_))));
}

#[test]
fn a_maildrop_that_stays_locked_is_no_failure_of_a_mechanism() {
    use pop3_conform::check::Why;
    use pop3_conform::run::Verdict;
    use pop3_conform::{checks, prove};

    for (id, to) in [("auth.plain", "AUTH PLAIN *"), ("oauth.login", "AUTH OAUTHBEARER *")] {
        let twist = Twist { name: "locked", edit: Edit::Say { to, instead: "-ERR [IN-USE] locked\r\n" } };
        let (verdict, bites) = prove::under(checks::find(id).unwrap(), Some(twist));
        assert_eq!(verdict, Verdict::Inconclusive(Why::Login), "{id}");
        assert_eq!(bites, 5, "{id}");
    }
}

#[test]
fn a_token_that_is_not_valid_any_more_is_no_failure() {
    use pop3_conform::check::Why;
    use pop3_conform::run::Verdict;
    use pop3_conform::{checks, prove};

    let edit = Edit::Say { to: "AUTH OAUTHBEARER *", instead: "-ERR [AUTH] expired\r\n" };
    let (verdict, _) =
        prove::under(checks::find("oauth.login").unwrap(), Some(Twist { name: "expired", edit }));
    assert_eq!(verdict, Verdict::Inconclusive(Why::Login));
}

#[test]
fn no_login_fails_by_accident_if_user_without_a_name_is_accepted() {
    use pop3_conform::engine::log::Side;
    use pop3_conform::{checks, run};

    let (mut lab, _) = lab(Some(Edit::Say { to: "USER", instead: "+OK\r\n" }), false);
    let seen = run::judge(checks::find("user.argument").unwrap(), &mut lab);
    assert!(seen.is_err(), "{seen:?}");
    for session in lab.log().sessions {
        for piece in session.pieces.iter().filter(|piece| piece.side == Side::Client) {
            let sent = piece.bytes.escape_ascii().to_string();
            assert!(!sent.contains("PASS"), "{sent}");
        }
    }
}

#[test]
fn a_handshake_that_never_works_is_no_answer_to_an_injected_command() {
    use pop3_conform::check::Why;
    use pop3_conform::run::Verdict;
    use pop3_conform::{checks, prove};

    for id in ["stls.injected", "stls.injection_ends"] {
        // The client cannot begin TLS, and NOOP is not answered.
        let edit = Edit::Code(|turn| match turn.is("STLS") {
            true => turn.say(b"+OK begin TLS\r\n"),
            false if turn.is("NOOP") => {}
            false => turn.through(),
        });
        let (verdict, _) = prove::under(checks::find(id).unwrap(), Some(Twist { name: "no TLS", edit }));
        assert!(matches!(verdict, Verdict::Inconclusive(Why::Unreachable(_))), "{id}: {verdict:?}");
    }
}

/// A lab with a twist, and without a manifest.
fn unknown(edit: Edit) -> Lab {
    let mut facts = InMemory::facts();
    facts.manifest.clear();
    Lab::new(Box::new(InMemory::new(Some(Twist { name: "a twist", edit }))), Rc::new(facts))
}

#[test]
fn unique_ids_that_move_up_do_not_hide_which_message_was_removed() {
    use pop3_conform::check::{Finding, Why};
    use pop3_conform::{checks, prove, run};

    // The unique-id is made of the number.
    let edit = Edit::Code(|turn| match turn.is("UIDL") {
        true => {
            let rows: String =
                (1..=turn.world().count()).map(|number| format!("{number} id{number}\r\n")).collect();
            turn.pass();
            turn.say(format!("+OK\r\n{rows}.\r\n").as_bytes());
        }
        false => turn.through(),
    });
    for id in ["quit.removes", "quit.keeps"] {
        let check = checks::find(id).unwrap();
        let (verdict, _) = prove::under(check, Some(Twist { name: "numbers", edit }));
        assert!(verdict.is_green(), "{id}: {verdict:?}");
    }
    let seen = run::judge(checks::find("quit.removes").unwrap(), &mut unknown(edit));
    assert!(matches!(seen, Err(Finding::Open(Why::Server(_)))), "{seen:?}");
}

#[test]
fn a_mark_that_a_lost_connection_has_made_good_is_no_mark() {
    use pop3_conform::check::Why;
    use pop3_conform::run::Verdict;
    use pop3_conform::{checks, prove};

    for id in ["login.fresh", "quit.early_keeps"] {
        let twist = Twist { name: "commits", edit: Edit::AtEnd("QUIT") };
        let (verdict, _) = prove::under(checks::find(id).unwrap(), Some(twist));
        assert!(matches!(verdict, Verdict::Inconclusive(Why::Server(_))), "{id}: {verdict:?}");
    }
}

#[test]
fn a_message_that_stops_is_named_with_its_octets() {
    use pop3_conform::check::Why;
    use pop3_conform::run::Verdict;
    use pop3_conform::{checks, prove};

    let edit = Edit::Code(|turn| {
        let answer = turn.pass();
        match turn.is("RETR 2") {
            true => turn.say(&answer[..answer.len() / 2]),
            false => turn.say(&answer),
        }
    });
    let (verdict, _) = prove::under(checks::find("retr.size").unwrap(), Some(Twist { name: "stops", edit }));
    let Verdict::Inconclusive(why @ Why::Stalled(..)) = verdict else { panic!("{verdict:?}") };
    let text = why.to_string();
    assert!(text.contains("RETR 2") && text.ends_with(" octets"), "{text}");
}

#[test]
fn an_offence_that_quotes_the_server_shows_no_password() {
    let edit = Edit::Answer { to: "UIDL", old: "\r\n1 ", new: "\r\n1 tanstaaf" };
    let (verdict, _) =
        prove::under(checks::find("uidl.one").unwrap(), Some(Twist { name: "the password", edit }));
    let whys: Vec<&str> = verdict.offences().iter().map(|offence| offence.why.as_str()).collect();
    assert!(whys.iter().any(|why| why.starts_with("UIDL has 1 ********")), "{whys:?}");
}
