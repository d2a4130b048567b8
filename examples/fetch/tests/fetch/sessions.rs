//! How real servers behave.

use crate::kit::{GREETING, Reader, Server, Session, plain};
use pop3_proto_fetch::{Auth, Exit, Tally};
use std::time::{Duration, Instant};

fn tally(stored: usize, known: usize, deleted: usize) -> Tally {
    Tally { stored, octets: 5 * stored as u64, known, deleted, failed: 0 }
}

#[test]
fn a_message_is_fetched_once_be_its_number_another() {
    let renumbered: Session = |command| match command {
        "LIST" => Some("+OK\r\n1 5\r\n2 7\r\n.\r\n"),
        "UIDL" => Some("+OK\r\n1 b\r\n2 c\r\n.\r\n"),
        "RETR 2" => Some("+OK\r\nthree\r\n.\r\n"),
        other => plain(other),
    };
    // The first run looks twice, because the server may list only part of the messages in each session.
    let (server, reader) = (Server::start([plain, plain, plain, renumbered]), Reader::new());
    assert_eq!(reader.fetch(&server).0, tally(2, 0, 0));
    assert_eq!(reader.fetch(&server).0, tally(0, 2, 0));
    assert_eq!(reader.fetch(&server).0, Tally { stored: 1, octets: 7, known: 1, ..Tally::default() });
    assert_eq!(reader.messages(), ["one\r\n", "two\r\n", "three\r\n"]);
    assert_eq!(server.heard("RETR"), ["RETR 1", "RETR 2", "RETR 2"]);
    assert!(server.heard("DELE").is_empty());
}

#[test]
fn copies_with_the_same_unique_id_are_all_fetched_once() {
    let copies: Session = |command| match command {
        "UIDL" => Some("+OK\r\n1 a\r\n2 a\r\n.\r\n"),
        other => plain(other),
    };
    let alone: Session = |command| match command {
        "LIST" => Some("+OK\r\n1 5\r\n.\r\n"),
        "UIDL" => Some("+OK\r\n1 a\r\n.\r\n"),
        other => plain(other),
    };
    let (server, reader) = (Server::start([alone, alone, copies]), Reader::new());
    assert_eq!(reader.fetch(&server).0, tally(1, 0, 0));
    assert_eq!(reader.fetch(&server).0, tally(1, 1, 0));
    assert_eq!(reader.fetch(&server).0, tally(0, 2, 0));
    assert_eq!(reader.messages(), ["one\r\n", "two\r\n"]);
}

/// The second message is cut off.
fn breaks(command: &str) -> Option<&'static str> {
    if command == "RETR 2" { Some("+OK\r\ntw") } else { plain(command) }
}

#[test]
fn a_broken_session_is_resumed() {
    let (server, reader) = (Server::start([breaks, plain]), Reader::deleting());
    let (tally, done) = reader.fetch(&server);
    done.unwrap();
    assert_eq!(tally, self::tally(2, 0, 2));
    assert_eq!(reader.messages(), ["one\r\n", "two\r\n"]);
    assert_eq!(server.heard("RETR"), ["RETR 1", "RETR 2", "RETR 2"]);
    assert_eq!(server.heard("DELE"), ["DELE 1", "DELE 2"]);
}

#[test]
fn a_server_that_breaks_off_again_and_again_is_given_up() {
    let leaves: Session = |command| if command == "UIDL" { None } else { plain(command) };
    let (server, reader) = (Server::start([leaves]), Reader::deleting());
    let (tally, done) = reader.fetch(&server);
    assert_eq!(done.unwrap_err().exit, Exit::Connection);
    assert_eq!(tally, self::tally(0, 0, 0));
    assert_eq!(server.heard("PASS").len(), 3);
    assert!(server.heard("DELE").is_empty());
}

#[test]
fn a_server_that_never_worked_is_not_tried_again() {
    let closes: Session = |command| if command == "USER mrose" { None } else { plain(command) };
    let (server, reader) = (Server::start([closes]), Reader::new());
    assert_eq!(reader.fetch(&server).1.unwrap_err().exit, Exit::Connection);
    assert_eq!(server.heard("USER").len(), 1);
}

#[test]
fn who_is_told_to_come_later_does() {
    let in_use: Session = |command| match command {
        "PASS tanstaaf" => Some("-ERR [IN-USE] somebody reads\r\n"),
        other => plain(other),
    };
    let no_ids: Session =
        |command| if command == "UIDL" { Some("-ERR [SYS/TEMP]\r\n") } else { plain(command) };
    let (server, reader) = (Server::start([in_use, no_ids, plain]), Reader::new());
    reader.fetch(&server).1.unwrap();
    assert_eq!(reader.messages().len(), 2);
}

#[test]
fn a_wrong_password_is_tried_once() {
    for answer in [
        (|command| if command.starts_with("PASS") { Some("-ERR no\r\n") } else { plain(command) }) as Session,
        |command| if command.starts_with("PASS") { Some("-ERR [AUTH] no\r\n") } else { plain(command) },
    ] {
        let (server, reader) = (Server::start([answer]), Reader::new());
        assert_eq!(reader.fetch(&server).1.unwrap_err().exit, Exit::Login);
        assert_eq!(server.heard("PASS").len(), 1);
    }
}

#[test]
fn the_distance_between_logins_is_kept() {
    fn slow(command: &str) -> Option<&'static str> {
        if command == "CAPA" { Some("+OK\r\nLOGIN-DELAY 2\r\nUSER\r\n.\r\n") } else { plain(command) }
    }
    let breaks: Session = |command| if command == "LIST" { None } else { slow(command) };
    let (server, reader) = (Server::start([breaks, slow]), Reader::new());
    let start = Instant::now();
    reader.fetch(&server).1.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));

    let too_soon: Session = |command| match command {
        "PASS tanstaaf" => Some("-ERR [LOGIN-DELAY] wait\r\n"),
        other => slow(other),
    };
    let (server, reader, start) = (Server::start([too_soon, slow]), Reader::new(), Instant::now());
    reader.fetch(&server).1.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));
}

#[test]
fn without_unique_ids_each_message_is_fetched_once() {
    fn nameless(command: &str) -> Option<&'static str> {
        if command == "UIDL" { Some("-ERR\r\n") } else { plain(command) }
    }
    let (server, mut reader) = (Server::start([nameless]), Reader::new());
    assert_eq!(reader.fetch(&server).0, tally(2, 0, 0));
    let (tally, done) = reader.fetch(&server);
    assert_eq!((tally.stored, done.unwrap_err().exit), (0, Exit::Usage));
    reader.delete = true;
    assert_eq!(reader.fetch(&server).0, self::tally(2, 0, 2));

    let breaks: Session = |command| if command == "RETR 2" { None } else { nameless(command) };
    let (server, reader) = (Server::start([breaks]), Reader::deleting());
    assert_eq!(reader.fetch(&server).1.unwrap_err().exit, Exit::Connection);
    assert_eq!(server.heard("PASS").len(), 1);
}

#[test]
fn a_message_that_is_refused_is_no_reason_to_withhold_the_others() {
    let refuses: Session = |command| match command {
        "RETR 1" => Some("-ERR [SYS/TEMP] not now\r\n"),
        other => plain(other),
    };
    let (server, reader) = (Server::start([refuses]), Reader::deleting());
    let (tally, done) = reader.fetch(&server);
    done.unwrap();
    assert_eq!(tally, Tally { stored: 1, octets: 5, deleted: 1, failed: 1, ..Tally::default() });
    assert_eq!(server.heard("DELE"), ["DELE 2"]);
}

#[test]
fn an_unanswered_quit_is_checked_in_the_next_session() {
    let leaves: Session = |command| if command == "QUIT" { None } else { plain(command) };
    let empty: Session = |command| match command {
        "LIST" | "UIDL" => Some("+OK\r\n.\r\n"),
        other => plain(other),
    };
    for (after, marked) in [(plain as Session, 4), (empty, 2)] {
        let (server, reader) = (Server::start([leaves, after]), Reader::deleting());
        let (tally, done) = reader.fetch(&server);
        done.unwrap();
        assert_eq!(tally, self::tally(2, 0, 2));
        assert_eq!(server.heard("DELE").len(), marked);
        assert_eq!(server.heard("RETR").len(), 2);
    }
    // If no deletion was requested, no message is in doubt.
    let (server, reader) = (Server::start([leaves]), Reader::new());
    reader.fetch(&server).1.unwrap();
    assert_eq!(server.heard("PASS").len(), 2, "one session that fetches, and one that finds nothing more");
}

#[test]
fn a_server_that_could_not_remove_all_is_reported() {
    let fails: Session = |command| if command == "QUIT" { Some("-ERR\r\n") } else { plain(command) };
    let (server, reader) = (Server::start([fails]), Reader::deleting());
    let (tally, done) = reader.fetch(&server);
    done.unwrap();
    assert_eq!((tally.deleted, tally.failed), (0, 1));
}

#[test]
fn a_full_disk_ends_the_run_without_a_deletion() {
    let (server, reader) = (Server::start([plain]), Reader::deleting());
    std::fs::create_dir(reader.folder.path().join(".2.eml.part")).unwrap(); // behaves like a full disk
    assert_eq!(reader.fetch(&server).1.unwrap_err().exit, Exit::Storage);
    assert!(server.heard("DELE").is_empty());
    assert_eq!(reader.messages(), ["one\r\n"]);
}

#[test]
fn each_way_to_log_in() {
    let timestamp: Session = |command| match command {
        GREETING => Some("+OK <1896.697170952@dbc.mtview.ca.us>\r\n"),
        other => plain(other),
    };
    let (server, mut reader) = (Server::start([timestamp]), Reader::new());
    reader.auth = Auth::Auto;
    reader.fetch(&server).1.unwrap();
    assert_eq!(server.heard("APOP"), ["APOP mrose c4c9334bac560ecc979e58001b3e22fb"; 2]);

    // A server that does not list its mechanisms gets no initial response.
    let asks: Session = |command| if command.starts_with("AUTH") { Some("+ \r\n") } else { plain(command) };
    let (server, mut reader) = (Server::start([asks]), Reader::new());
    reader.auth = Auth::Plain;
    reader.fetch(&server).1.unwrap();
    assert_eq!(server.heard("A")[..2], ["AUTH PLAIN", "AG1yb3NlAHRhbnN0YWFm"]);

    let token: Session = |command| match command {
        "CAPA" => Some("+OK\r\nSASL XOAUTH2\r\n.\r\n"),
        _ if command.starts_with("AUTH") => Some("+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"),
        GREETING => Some("+OK\r\n"),
        _ => Some("-ERR the token is stale\r\n"),
    };
    let (server, mut reader) = (Server::start([token]), Reader::new());
    reader.auth = Auth::Xoauth2;
    assert_eq!(reader.fetch(&server).1.unwrap_err().exit, Exit::Login);
    assert_eq!(server.heard("AUTH"), ["AUTH XOAUTH2 dXNlcj1tcm9zZQFhdXRoPUJlYXJlciB0YW5zdGFhZgEB"]);
}

#[test]
fn a_server_without_a_proof_is_not_believed() {
    let impostor: Session = |command| match command {
        "CAPA" => Some("+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n"),
        other => plain(other),
    };
    let (server, mut reader) = (Server::start([impostor]), Reader::new());
    reader.auth = Auth::Auto;
    let failure = reader.fetch(&server).1.unwrap_err();
    assert_eq!(failure.exit, Exit::Login);
    assert_eq!(failure.to_string(), "the server did not prove in SCRAM-SHA-256 that it knows the password");
    assert!(reader.messages().is_empty());
}
