//! Logins that succeed, and the start of relaying.

use super::*;
use pop3_proto_basics::sample::PASSWORD;

const OPEN: &str = "+OK maildrop open\r\n";

#[test]
fn both_log_in_and_bytes_pass_unchanged() {
    let says = &[
        "+OK ready <1@back>\r\n",
        "+OK name\r\n",
        "+OK secret greeting of the back end\r\n",
        "+OK 2 320\r\n",
        "+OK\r\n..dots\r\n.\r\n.\0\u{ff}\r\n.\r\n",
        "+OK bye\r\n",
    ];
    let commands = "STAT\r\nRETR 1\r\nQUIT\r\n";
    World::at_every_cut(format!("{LOGIN}{commands}"), says, |world| {
        let relayed: String = says[3..].concat();
        assert_eq!(world.to_front, format!("{ASKED}{OPEN}{relayed}").into_bytes());
        assert_eq!(world.to_back, format!("{LOGIN}{commands}").into_bytes());
        assert!(world.proxy.is_relaying() && !world.over);
    });
}

/// Bytes that no POP3 client sends reach the back end unchanged, because the proxy no longer parses.
#[test]
fn bytes_after_pass_go_to_the_back_end() {
    let says = &["+OK\r\n", "+OK\r\n", "+OK\r\n"];
    for rest in ["CAPA\r\n", "x\r\n", "no line end", "\r\n\r\n\n\0\u{fffd}", "USER x\r\nPASS y\r\n"] {
        World::at_every_cut(format!("{LOGIN}{rest}"), says, |world| {
            assert_eq!(world.to_front, format!("{ASKED}{OPEN}").into_bytes());
            assert_eq!(world.to_back, format!("{LOGIN}{rest}").into_bytes());
        });
    }
}

/// If a back end sends something unasked, the client receives it after the proxy's own response.
#[test]
fn bytes_after_the_back_ends_response_go_to_the_client() {
    let says = &["+OK\r\n", "+OK\r\n", "+OK\r\n+OK more\r\n-ERR \0half a li"];
    World::at_every_cut(LOGIN, says, |world| {
        assert_eq!(world.to_front, format!("{ASKED}{OPEN}+OK more\r\n-ERR \0half a li").into_bytes());
    });
}

#[test]
fn the_proxy_answers_commands_before_login() {
    let before = "CAPA\r\nSTAT\r\nxyzzy\r\nNOOP\r\n";
    let world = World::new(before, &[]).run();
    let said = String::from_utf8(world.to_front).unwrap();
    assert!(
        said.starts_with("+OK POP3 proxy ready\r\n+OK capability list follows\r\nTOP\r\nUIDL\r\nUSER\r\n"),
        "{said}"
    );
    assert_eq!(said.matches("-ERR").count(), 3, "{said}");
    assert_eq!(world.connections, 0);

    let says = &["+OK\r\n", "+OK\r\n", "+OK\r\n"];
    World::at_every_cut(format!("{before}{LOGIN}STAT\r\n"), says, |world| {
        assert!(world.to_front.ends_with(OPEN.as_bytes()), "{}", world.front());
        assert_eq!(
            world.to_back,
            format!("{LOGIN}STAT\r\n").into_bytes(),
            "the back end hears of nothing else"
        );
    });
}

#[test]
fn a_name_may_hold_spaces_and_every_byte_of_a_password_arrives() {
    let world = World::new("USER mrose\r\nPASS  tan  staaf \r\n", &["+OK\r\n", "+OK\r\n", "+OK\r\n"]).run();
    assert_eq!(world.to_back, b"USER mrose\r\nPASS  tan  staaf \r\n");
    let table = Table::parse("m rose back:111").unwrap();
    assert_eq!(table.backend(b"m rose"), Some("back:111"));
    assert_eq!(table.backend(b"M ROSE"), None);
    for wrong in ["mrose", "mrose back", "a b:1\na b:2"] {
        assert!(Table::parse(wrong).is_err(), "{wrong}");
    }
}

/// The client reads nothing. Only the proxy's buffers hold the message, and it arrives complete when the client reads.
#[test]
fn memory_is_bounded_when_one_side_does_not_read() {
    static LONG: [&str; 4] = ["+OK\r\n", "+OK\r\n", "+OK\r\n", include_str!("logins.rs")];
    let mut world = World::new(format!("{LOGIN}RETR 1\r\n"), &LONG);
    world.proxy.step();
    world = world.run();
    let whole = LONG[3].len();
    assert!(world.to_front.ends_with(LONG[3].as_bytes()));

    let mut endless = World::new(LOGIN, &["+OK\r\n", "+OK\r\n", "+OK\r\n"]).run();
    endless.deaf = true;
    let mut taken = 0;
    while let room @ [_, ..] = endless.proxy.spare_mut(End::Back) {
        let count = room.len().min(whole);
        room[..count].fill(b'x');
        endless.proxy.received(End::Back, count);
        taken += count;
    }
    assert!(taken <= 16 * 1024, "{taken}");
    assert_eq!(endless.proxy.step(), Wants::Octets);
    endless.deaf = false;
    assert!(endless.run().to_front.ends_with(&vec![b'x'; taken]));
}

#[test]
fn passwords_are_never_shown() {
    let mut world = World::new(format!("USER mrose\r\nPASS {PASSWORD}\r\n"), &["+OK\r\n"]).run();
    world.proxy.step();
    assert!(!format!("{:?}", world.proxy).contains(PASSWORD));
}
