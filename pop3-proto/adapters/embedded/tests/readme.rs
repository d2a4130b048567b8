//! The two programs of the README.

use crate::kit::{Stream, script, still};

// Public, as in a program that is copied.
#[allow(unreachable_pub)]
#[rustfmt::skip]
#[path = "programs/client.rs"]
mod client;
#[allow(unreachable_pub)]
#[rustfmt::skip]
#[path = "programs/server.rs"]
mod server;

const README: &str = include_str!("../README.md");

/// The dialogue, as each side sees it.
const SESSION: &str = "S: +OK ready\nC: USER mrose\nS: +OK send PASS\nC: PASS tanstaaf\nS: +OK maildrop open
    C: RETR 1\nS: +OK 11 octets\nS: one\nS: ..dot\nS: .\n";

#[test]
fn the_readme_contains_both_programs_which_are_short() {
    let (client, server) = (include_str!("programs/client.rs"), include_str!("programs/server.rs"));
    assert!(README.contains(client) && README.contains(server));
    assert!(client.lines().count() <= 25, "{}", client.lines().count());
    assert!(server.lines().count() <= 40, "{}", server.lines().count());
}

#[test]
fn the_client_fetches_a_message() {
    let script = script(&format!("{SESSION}C: QUIT\nS: +OK bye"));
    let (mut stream, mut shown) = (Stream::new(script.server()), Vec::<u8>::new());
    assert_eq!(client::first(&mut stream, still, |bytes| shown.extend_from_slice(bytes)), Ok(true));
    assert_eq!(shown, b"one\r\n.dot\r\n");
    stream.finish();
}

#[test]
fn the_client_ends_if_it_is_refused() {
    for refused in [
        "S: -ERR busy\nC: QUIT\nS: +OK",
        "S: +OK\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: -ERR no\nC: QUIT\nS: +OK",
    ] {
        let mut stream = Stream::new(script(refused).server());
        assert_eq!(client::first(&mut stream, still, |_| panic!("no message")), Ok(false));
        stream.finish();
    }
}

#[test]
fn the_server_serves_and_removes() {
    let script = script(&format!(
        "{SESSION}C: DELE 2\nS: +OK marked for deletion\nC: QUIT\nS: +OK bye\n* connection closes"
    ));
    let (mut stream, mut removed) = (Stream::new(script.client()), Vec::new());
    let mail: [&[u8]; 2] = [b"one\n.dot\n", b"two"];
    server::serve((1, &mut stream), still, mail, |message| removed.push(message.get())).unwrap();
    assert_eq!(removed, [2]);
    stream.finish();
}

#[test]
fn the_server_refuses_a_wrong_name() {
    let text = "S: +OK ready\nC: USER nobody\nS: +OK send PASS\nC: PASS tanstaaf\nS: -ERR [AUTH] login failed
        C: QUIT\nS: +OK bye\n* connection closes";
    let mut stream = Stream::new(script(text).client());
    server::serve((1, &mut stream), still, [b"", b""], |_| panic!("nothing is removed")).unwrap();
    stream.finish();
}
