//! The two programs of the README. A test compares the README with the files that are run here.

use pop3_proto::script::{Cuts, Script};

const README: &str = include_str!("../../../README.md");

mod client {
    include!("../../examples/first_message/program.rs");

    pub(super) fn run(socket: impl Read + Write) -> Result<Vec<u8>, Box<dyn Error>> {
        first(socket, "mrose", "tanstaaf")
    }
}

#[allow(elided_lifetimes_in_paths)] // shorter, as a beginner writes it
mod server {
    include!("../../examples/one_message/program.rs");

    pub(super) fn run(socket: impl Read + Write) -> Result<(), Box<dyn Error>> {
        serve(socket, b"tanstaaf", b"Subject: one\n\n.\n")
    }
}

const DIALOGUE: &str = "
    S: +OK ready
    C: USER mrose
    S: +OK send PASS
    C: PASS tanstaaf
    S: +OK maildrop open
    C: RETR 1
    S: +OK 19 octets
    S: Subject: one
    S:
    S: ..
    S: .
    C: QUIT
    S: +OK bye
    * connection closes
";

#[test]
fn the_programs_of_the_readme_are_these_files_and_are_short() {
    for (program, lines) in [
        (include_str!("../../examples/first_message/program.rs"), 25),
        (include_str!("../../examples/one_message/program.rs"), 30),
    ] {
        assert!(README.contains(&format!("```rust\n{program}```\n")), "the README has another program");
        assert!(program.lines().count() <= lines, "{}", program.lines().count());
    }
}

#[test]
fn the_client_of_the_readme_fetches_a_message_under_every_cut() {
    let script = Script::parse(DIALOGUE).unwrap();
    for cuts in Cuts::singles(script.server().octets()) {
        let mut peer = script.server().cut(cuts);
        assert_eq!(client::run(&mut peer).unwrap(), b"Subject: one\r\n\r\n.\r\n");
        peer.finish().unwrap();
    }
}

#[test]
fn the_client_of_the_readme_reports_a_refusal_and_a_lost_connection() {
    let refusal = Script::parse("S: +OK ready\nC: USER mrose\nS: -ERR who is that?").unwrap();
    assert_eq!(client::run(refusal.server()).unwrap_err().to_string(), "who is that?");
    let script = Script::parse(DIALOGUE).unwrap();
    let before_quit = script.server().octets() - "+OK bye\r\n".len();
    for lost in 0..before_quit {
        assert!(client::run(script.server().lost_after(lost)).is_err(), "lost after {lost} bytes");
    }
}

#[test]
fn the_server_of_the_readme_serves_a_message_under_every_cut() {
    let script = Script::parse(DIALOGUE).unwrap();
    for cuts in Cuts::singles(script.client().octets()) {
        let mut peer = script.client().cut(cuts);
        server::run(&mut peer).unwrap();
        peer.finish().unwrap();
    }
    let wrong = Script::parse(
        "S: +OK ready\nC: USER mrose\nS: +OK send PASS\nC: PASS guess\nS: -ERR [AUTH] login failed\nC: QUIT\nS: +OK bye",
    );
    let wrong = wrong.unwrap();
    let mut peer = wrong.client();
    server::run(&mut peer).unwrap();
    peer.finish().unwrap();
}
