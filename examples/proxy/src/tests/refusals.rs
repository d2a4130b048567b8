//! Logins that fail: the client's responses, and the remains of the attempt.

use super::*;
use crate::proxy::REFUSAL_DELAY;

const WRONG: &str = "-ERR [AUTH] login failed\r\n";
const NO_CODE: &str = "-ERR not allowed here\r\n";
const TEMPORARY: &str = "-ERR [SYS/TEMP] temporary failure, try again later\r\n";

#[test]
fn a_back_ends_refusal_is_the_matching_one_in_front() {
    let cases: &[(&'static [&'static str], &str)] = &[
        (&["+OK\r\n", "+OK\r\n", "-ERR [AUTH] no\r\n"], WRONG),
        (&["+OK\r\n", "+OK\r\n", "-ERR wrong password\r\n"], NO_CODE),
        (&["+OK\r\n", "+OK\r\n", "-ERR mailbox is locked by another session\r\n"], NO_CODE),
        (&["+OK\r\n", "-ERR never heard of\r\n"], NO_CODE),
        (&["+OK\r\n", "-ERR [AUTH] never heard of\r\n"], WRONG),
        (
            &["+OK\r\n", "+OK\r\n", "-ERR [IN-USE] open\r\n"],
            "-ERR [IN-USE] maildrop in use by another session\r\n",
        ),
        (
            &["+OK\r\n", "+OK\r\n", "-ERR [login-delay] x\r\n"],
            "-ERR [LOGIN-DELAY] too soon after the last login\r\n",
        ),
        (&["+OK\r\n", "+OK\r\n", "-ERR [SYS/TEMP] x\r\n"], TEMPORARY),
        (
            &["+OK\r\n", "+OK\r\n", "-ERR [SYS/DISK] x\r\n"],
            "-ERR [SYS] temporary failure, try again later\r\n",
        ),
        (&["+OK\r\n", "+OK\r\n", "-ERR [LIMIT] quota\r\n"], "-ERR [LIMIT] login failed\r\n"),
        (&["+OK\r\n", "+OK\r\n", "-ERR [X-OWN/a/b] no\r\n"], "-ERR [X-OWN/a/b] login failed\r\n"),
        (&["+OK\r\n", "-ERR [EXPIRED] no\r\n"], "-ERR [EXPIRED] login failed\r\n"),
        (&["-ERR [LIMIT] too many\r\n"], "-ERR [LIMIT] login failed\r\n"),
        (
            &["+OK\r\n", "+OK\r\n", "-ERR [SYS/PERM] x\r\n"],
            "-ERR [SYS/PERM] permanent fault, ask for help\r\n",
        ),
        (&["-ERR busy\r\n"], TEMPORARY),
        (&["-ERR [SYS/PERM] gone\r\n"], "-ERR [SYS/PERM] permanent fault, ask for help\r\n"),
        (&["220 mail ESMTP\r\n"], TEMPORARY),
        (&["+OK\r\n", "+OK\r\n", "+ AAAA\r\n"], TEMPORARY),
        // It is silent, and time passes.
        (&[], TEMPORARY),
        (&["+OK\r\n"], TEMPORARY),
        (&["+OK\r\n", "+OK\r\n", "+OK"], TEMPORARY),
    ];
    let long = format!("-ERR [{}] x\r\n", "X".repeat(495)); // with its own text, the proxy's line would be too long
    let long: &'static [&'static str] = vec!["+OK\r\n", "+OK\r\n", &*long.leak()].leak();
    for (says, refusal) in cases.iter().chain(&[(long, NO_CODE)]) {
        // Commands pipelined after a failed login reach no maildrop, and the session continues.
        World::at_every_cut(format!("{LOGIN}STAT\r\nQUIT\r\n"), says, |world| {
            let rest = format!("{refusal}-ERR not in this state\r\n+OK bye\r\n");
            assert_eq!(world.front(), format!("{ASKED}{rest}").escape_default().to_string(), "{says:?}");
            assert!(!world.to_back.ends_with(b"STAT\r\n"));
            assert!(world.over && world.connections == 1);
        });
    }
}

#[test]
fn no_back_end_is_temporary_trouble() {
    let mut world = World::new(format!("{LOGIN}{LOGIN}"), &[]);
    world.down = true;
    let world = world.run();
    let again = ASKED.split_once('\n').unwrap().1;
    assert_eq!(world.to_front, format!("{ASKED}{TEMPORARY}{again}{TEMPORARY}").into_bytes());
    assert_eq!((world.connections, world.over, world.proxy.has_back_end()), (2, false, false));
}

/// A wrong password, then the right one, on a separate connection. Nothing is left of the first attempt.
#[test]
fn the_next_attempt_is_a_new_one() {
    let mut world = World::new(LOGIN, &["+OK\r\n", "+OK\r\n", "-ERR\r\n-ERR leftover"]).run();
    assert_eq!(world.to_front, format!("{ASKED}{NO_CODE}").into_bytes());
    assert!(!world.proxy.has_back_end());
    world.says = &["+OK\r\n", "+OK\r\n", "+OK\r\n"];
    world.from_front.octets.extend_from_slice(LOGIN.as_bytes());
    world.from_front.arrived = LOGIN.len();
    let world = world.run();
    let again = ASKED.split_once('\n').unwrap().1;
    assert_eq!(world.to_front, format!("{ASKED}{NO_CODE}{again}+OK maildrop open\r\n").into_bytes());
    assert_eq!(world.connections, 2);
}

/// Neither the text nor the time shows whether there is such a user.
#[test]
fn an_unknown_user_and_a_wrong_password_look_the_same() {
    let back_ends: &[&'static [&'static str]] = &[
        &["+OK\r\n", "+OK\r\n", "-ERR no\r\n"],
        &["+OK\r\n", "+OK\r\n", "-ERR [AUTH] no\r\n"],
        &["+OK\r\n", "+OK\r\n", "-ERR [LIMIT] no\r\n"],
        &["+OK\r\n", "+OK\r\n", "-ERR [SYS/TEMP] no\r\n"],
        &["-ERR no\r\n"],
        &["+OK\r\n", "+OK\r\n"], // silent
    ];
    for says in back_ends {
        let wrong = World::new(LOGIN, says).run();
        let unknown = World::new("USER nobody\r\nPASS tanstaaf\r\n", says).run();
        assert_eq!((wrong.front(), wrong.now), (unknown.front(), unknown.now), "{says:?}");
        assert_eq!((wrong.connections, unknown.connections), (1, 1), "{says:?}");
    }
    assert_eq!(World::new(LOGIN, back_ends[0]).run().now, REFUSAL_DELAY);
    let mut unknown = World::new("USER nobody\r\nPASS tanstaaf\r\n", &[]);
    unknown.down = true;
    assert_eq!(unknown.run().to_front, format!("{ASKED}{TEMPORARY}").into_bytes());
}

/// A back end that refuses names distinguishes them from passwords. The proxy does not.
#[test]
fn a_name_that_the_back_end_refuses_looks_like_a_wrong_password() {
    for refusal in ["-ERR [AUTH] no\r\n", "-ERR no\r\n"] {
        let says: &'static [&'static str] = vec!["+OK\r\n", "+OK\r\n", refusal].leak();
        let table = Arc::new(Table::parse("mrose back:110").unwrap());
        let run = |login, says| {
            let mut world = World::new(login, says);
            world.proxy = Proxy::new(&CONFIG, Arc::clone(&table), 1);
            world.run()
        };
        let wrong = run(LOGIN, says);
        let unknown = run("USER nobody\r\nPASS tanstaaf\r\n", &["+OK\r\n", "-ERR who\r\n"]);
        assert_eq!((wrong.front(), wrong.now), (unknown.front(), unknown.now));
    }
}

/// The back end never receives the typed password, and lets nobody in, even if it accepts every password.
#[test]
fn an_unknown_user_is_let_in_nowhere() {
    let world = World::new("USER nobody\r\nPASS tanstaaf\r\n", &["+OK\r\n", "+OK\r\n", "+OK\r\n"]).run();
    assert_eq!(world.to_front, format!("{ASKED}{WRONG}").into_bytes());
    assert!(!world.proxy.is_relaying() && !world.proxy.has_back_end());
    let said = world.to_back.escape_ascii().to_string();
    assert!(said.starts_with("USER nobody\\r\\nPASS ") && !said.contains("tanstaaf"), "{said}");

    let mut nowhere = World::new(LOGIN, &[]);
    nowhere.proxy = Proxy::new(&CONFIG, Arc::default(), 1);
    let nowhere = nowhere.run();
    assert_eq!((nowhere.to_front, nowhere.connections), (format!("{ASKED}{WRONG}").into_bytes(), 0));
}

/// Like any server, the proxy ends a session after too many guesses.
#[test]
fn guesses_are_counted() {
    let world = World::new(LOGIN.repeat(7), &["+OK\r\n", "+OK\r\n", "-ERR\r\n"]).run();
    assert_eq!((world.connections, world.over), (5, true));
    assert_eq!(world.front().matches("-ERR").count(), 5);
}

#[test]
fn quit_before_login_needs_no_back_end() {
    for octets in ["QUIT\r\n", "USER mrose\r\nQUIT\r\n"] {
        World::at_every_cut(octets, &[], |world| {
            assert!(world.front().ends_with("+OK bye\\r\\n"));
            assert!(world.over && world.connections == 0);
        });
    }
}

#[test]
fn the_proxy_itself_refuses_commands_it_does_not_offer() {
    let world =
        World::new("AUTH PLAIN AAAA\r\nSTLS\r\nUTF8\r\nAPOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n", &[])
            .run();
    assert_eq!(world.front().matches("-ERR").count(), 4, "{}", world.front());
    assert_eq!(world.connections, 0);
}
