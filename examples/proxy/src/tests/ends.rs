//! Streams that end, after every byte of either side.

use super::*;
use crate::proxy::IDLE;

const SAYS: &[&str] = &["+OK\r\n", "+OK\r\n", "+OK\r\n", "+OK 2 320\r\n", "+OK bye\r\n"];
const COMMANDS: &str = "STAT\r\nQUIT\r\n";

/// Complete logins continue, because a client may close its side after QUIT. The back end receives everything that the client has
/// sent, and then the end of the stream.
#[test]
fn the_client_may_close_after_any_byte() {
    let sent = format!("{LOGIN}{COMMANDS}");
    for end in 0..=sent.len() {
        for (cut, write) in [(0, usize::MAX), (end / 2, 1)] {
            let mut world = World::new(&sent, SAYS);
            (world.from_front.end, world.from_front.cut, world.write) = (Some(end), cut, write);
            let world = world.run();
            if end < LOGIN.len() {
                assert_eq!((world.over, world.connections), (true, 0), "{end}");
                assert!(ASKED.as_bytes().starts_with(&world.to_front));
            } else {
                assert_eq!(world.to_back, sent.as_bytes()[..end], "{end}");
                assert!(world.proxy.is_finished(End::Back), "the back end sees the end");
                let lines = sent[LOGIN.len()..end].matches('\n').count();
                let answers: String = SAYS[3..3 + lines].concat();
                assert_eq!(world.to_front, format!("{ASKED}+OK maildrop open\r\n{answers}").into_bytes());
                assert!(!world.over, "until the back end closes too");
            }
        }
    }
}

/// Before its `+OK` to PASS the login fails. After it the session ends.
#[test]
fn the_back_end_may_close_after_any_byte() {
    let said: String = SAYS.concat();
    let login: usize = SAYS[..3].concat().len();
    for end in 0..=said.len() {
        for (cut, write) in [(0, usize::MAX), (end / 2, 1)] {
            let mut world = World::new(format!("{LOGIN}{COMMANDS}"), SAYS);
            (world.from_back.end, world.from_back.cut, world.write) = (Some(end), cut, write);
            let world = world.run();
            let expected = if end < login {
                format!(
                    "{ASKED}-ERR [SYS/TEMP] temporary failure, try again later\r\n-ERR not in this state\r\n+OK bye\r\n"
                )
            } else {
                format!("{ASKED}+OK maildrop open\r\n{}", &said[login..end])
            };
            assert_eq!(world.to_front, expected.into_bytes(), "{end}");
            assert!(world.over);
        }
    }
}

/// A client that has closed its side still receives the responses.
#[test]
fn both_streams_end() {
    let mut world = World::new(format!("{LOGIN}{COMMANDS}"), SAYS);
    world.from_front.end = Some(LOGIN.len() + COMMANDS.len());
    world.from_back.end = Some(SAYS.concat().len());
    let world = world.run();
    assert!(world.over && world.to_front.ends_with(b"+OK 2 320\r\n+OK bye\r\n"));
}

#[test]
fn silence_ends_a_session() {
    // In AUTHORIZATION the machine's timer ends it.
    let mut world = World::new("USER mrose\r\n", &[]).run();
    let until = world.proxy.tick(world.now).unwrap();
    assert_eq!(world.proxy.step(), Wants::Octets);
    world.proxy.tick(until);
    assert_eq!(world.proxy.step(), Wants::Nothing);

    // Once bytes are relayed, the proxy's timer ends it. Any byte restarts that timer.
    let mut world = World::new(LOGIN, SAYS).run();
    assert_eq!(world.proxy.tick(Duration::from_millis(5_000)), Some(IDLE)); // from the last byte on, which arrived at 0
    world.proxy.spare_mut(End::Back)[0] = b'x';
    world.proxy.received(End::Back, 1);
    assert_eq!(world.proxy.tick(IDLE), Some(2 * IDLE));
    world.proxy.tick(2 * IDLE - Duration::from_millis(1));
    assert_eq!(world.proxy.step(), Wants::Octets);
    world.proxy.tick(2 * IDLE);
    assert_eq!(world.proxy.step(), Wants::Nothing);
}
