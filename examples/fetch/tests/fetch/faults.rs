//! One message must not make another one fail or disappear.

use crate::kit::Reader;
use crate::world::{Fault, Host, Mail, World};
use pop3_proto_fetch::{Exit, Tally};
use std::fs;
use std::time::{Duration, Instant};

/// Returns messages `a`, `b` and so on.
fn mails(count: u8) -> Vec<Mail> {
    let id = |place| char::from(b'a' + place).to_string();
    (0..count).map(|place| Mail::new(&id(place), &format!("This is {}.", id(place)))).collect()
}

fn served(count: u8, change: impl FnOnce(&mut World)) -> Host {
    let mut world = World::new(&mails(count));
    change(&mut world);
    world.serve()
}

/// Causes this fault the first `count` times that the command is received.
fn times(command: &'static str, mut count: u32, fault: Fault) -> Box<dyn FnMut(&str) -> Fault + Send> {
    Box::new(move |heard| {
        if heard != command || count == 0 {
            return Fault::None;
        }
        count -= 1;
        fault
    })
}

fn always(command: &'static str, fault: Fault) -> Box<dyn FnMut(&str) -> Fault + Send> {
    times(command, u32::MAX, fault)
}

fn texts(mails: &[Mail]) -> Vec<&str> {
    mails.iter().map(|mail| mail.text.as_str()).collect()
}

// Unique-ids

#[test]
fn a_unique_id_that_is_used_again_is_another_message() {
    let host = served(1, |world| world.capabilities = "UIDL\r\nLOGIN-DELAY 300\r\n");
    let reader = Reader::deleting();
    reader.fetch_from(host.address).1.unwrap(); // one session: no listing shows that the message is gone
    assert_eq!(host.world().removed.len(), 1);
    // Also of the same size.
    host.world().mails.push(Mail::new("a", "This is b."));
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.known, tally.deleted), (1, 0, 1));
    assert_eq!(reader.messages(), ["This is a.\r\n", "This is b.\r\n"]);
}

#[test]
fn a_known_unique_id_with_another_size_is_another_message() {
    let host = served(1, |_| {});
    let mut reader = Reader::new();
    reader.fetch_from(host.address).1.unwrap();
    host.world().mails = vec![Mail::new("a", "A longer one.")]; // somebody else removed the first
    reader.delete = true;
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.known, tally.deleted), (1, 0, 1));
    assert_eq!(reader.messages(), ["This is a.\r\n", "A longer one.\r\n"]);
}

#[test]
fn after_a_lost_response_to_quit_a_listing_shows_which_messages_are_gone() {
    for run_ends in [true, false] {
        let host = served(2, |world| world.fault = times("QUIT", 1, Fault::BreakLate));
        let reader = Reader { retries: if run_ends { 0 } else { 2 }, ..Reader::deleting() };
        let (_, done) = reader.fetch_from(host.address);
        assert_eq!(done.is_err(), run_ends);
        assert_eq!(host.world().removed.len(), 2);
        if run_ends {
            reader.fetch_from(host.address).1.unwrap(); // it lists nothing
        }
        host.world().mails.push(Mail::new("b", "This is c."));
        let (tally, done) = reader.fetch_from(host.address);
        done.unwrap();
        assert_eq!((tally.stored, tally.deleted), (1, 1));
        assert_eq!(reader.messages().last().unwrap(), "This is c.\r\n");
    }
}

#[test]
fn messages_marked_in_a_lost_session_may_be_gone() {
    let host = served(2, |world| {
        world.removes_always = true; // which no server should do
        world.fault = times("DELE 2", 1, Fault::BreakLate);
    });
    let reader = Reader::deleting();
    reader.fetch_from(host.address).1.unwrap();
    host.world().mails.push(Mail::new("a", "This is c."));
    reader.fetch_from(host.address).1.unwrap();
    assert_eq!(reader.messages(), ["This is a.\r\n", "This is b.\r\n", "This is c.\r\n"]);
}

#[test]
fn a_message_still_listed_after_its_confirmed_removal_waits_for_the_next_run() {
    let host = served(2, |world| world.removes_nothing = true);
    let reader = Reader::deleting();
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted), (2, 2));
    assert_eq!(host.heard("PASS").len(), 2);
    // By then it may be another message.
    assert_eq!(reader.fetch_from(host.address).0.stored, 2);
}

// State files of earlier versions

fn old_state(state: &str, files: &[(&str, &str)]) -> Reader {
    let reader = Reader::deleting();
    fs::write(reader.folder.path().join(".fetch-mrose@here"), state).unwrap();
    for (name, text) in files {
        fs::write(reader.folder.path().join(name), text).unwrap();
    }
    reader
}

#[test]
fn a_message_of_an_earlier_version_is_known_by_its_file() {
    let host = served(1, |_| {});
    let reader = old_state("a\t1.eml\n", &[("1.eml", "This is a.\r\n")]);
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.known, tally.deleted, tally.failed), (0, 1, 1, 0));

    let host = served(1, |_| {});
    let reader = old_state("a\t1.eml\n", &[("1.eml", "Something else that is longer.\r\n")]);
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted), (1, 1));
    assert_eq!(reader.messages()[1], "This is a.\r\n");
}

#[test]
fn a_message_of_an_earlier_version_whose_file_was_taken_away_is_not_deleted_before_its_size_was_known() {
    let host = served(2, |_| {});
    let reader = old_state("a\t1.eml\nb\t2.eml\n", &[]);
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.known, tally.deleted, tally.failed), (0, 2, 0, 2));
    assert_eq!(host.heard("DELE"), [""; 0]);

    host.world().mails[1] = Mail::new("b", "This is longer.");
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.known, tally.deleted, tally.failed), (1, 1, 2, 0));
    assert!(fs::read_to_string(reader.folder.path().join("3.eml")).unwrap().starts_with("This is longer."));
}

// Messages that break the connection

#[test]
fn a_message_that_breaks_the_connection_does_not_withhold_the_others() {
    let host = served(4, |world| {
        world.capabilities = "PIPELINING\r\nUIDL\r\n";
        world.fault = always("RETR 2", Fault::BreakLate);
    });
    let reader = Reader::deleting();
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted, tally.failed), (3, 3, 1));
    assert_eq!(texts(&host.world().mails), ["This is b.\r\n"]);
    assert_eq!(host.heard("RETR").last().unwrap(), "RETR 2");
}

#[test]
fn a_message_that_broke_a_session_is_fetched_last_without_pipelining() {
    let host = served(4, |world| {
        world.capabilities = "PIPELINING\r\nUIDL\r\n";
        world.fault = times("RETR 1", 1, Fault::Break);
    });
    let reader = Reader::deleting();
    reader.fetch_from(host.address).1.unwrap();
    assert!(host.world().pipelined <= 3, "in the first session");
    let retrieved = host.heard("RETR");
    assert_eq!(retrieved, ["RETR 1", "RETR 2", "RETR 3", "RETR 4", "RETR 1"]);
    assert_eq!(host.world().removed.len(), 4);
}

#[test]
fn a_deletion_that_breaks_the_connection_does_not_keep_the_others() {
    let host = served(4, |world| {
        world.capabilities = "PIPELINING\r\nUIDL\r\n";
        world.fault = always("DELE 2", Fault::Break);
    });
    let reader = Reader::deleting();
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted, tally.failed), (4, 3, 1));
    assert_eq!(texts(&host.world().mails), ["This is b.\r\n"]);
    assert_eq!(reader.messages().len(), 4);
    // The next run tries it again.
    host.world().fault = Box::new(|_| Fault::None);
    assert_eq!(reader.fetch_from(host.address).0, Tally { known: 1, deleted: 1, ..Tally::default() });
}

#[test]
fn a_message_that_ends_too_early_is_neither_kept_nor_deleted() {
    for delete in [true, false] {
        // The server does not double the dot, so the rest is read as the next response.
        let host = served(2, |world| world.mails[1].text = "one\r\n.\r\ntwo\r\nthree\r\n".into());
        let mut reader = Reader { delete, ..Reader::new() };
        let (tally, done) = reader.fetch_from(host.address);
        done.unwrap();
        assert_eq!((tally.stored, tally.failed), (1, 1));
        assert_eq!(reader.messages(), ["This is a.\r\n"], "half a message must not look complete");
        // Another run does not treat it as known.
        reader.delete = true;
        reader.fetch_from(host.address).1.unwrap();
        assert_eq!(host.world().mails[0].id, "b");
    }
}

// UTF-8

#[test]
fn utf8_comes_before_the_login() {
    let host = served(1, |world| world.capabilities = "UIDL\r\nUTF8\r\n");
    Reader::new().fetch_from(host.address).1.unwrap();
    assert_eq!(host.heard("U")[..2], ["UTF8", "USER mrose"]);

    let host = served(1, |world| world.capabilities = "UIDL\r\n");
    Reader::new().fetch_from(host.address).1.unwrap();
    assert_eq!(host.heard("UTF8"), [""; 0]);
}

#[test]
fn a_session_that_breaks_after_utf8_is_followed_by_one_without() {
    for (command, fault) in
        [("UTF8", Fault::Break), ("USER mrose", Fault::Break), ("PASS tanstaaf", Fault::BreakLate)]
    {
        let mut utf8 = false;
        let host = served(1, |world| {
            world.capabilities = "UIDL\r\nUTF8\r\n";
            world.fault = Box::new(move |heard| {
                utf8 = (utf8 || heard == "UTF8") && heard != "QUIT";
                if utf8 && heard == command {
                    utf8 = false;
                    return fault;
                }
                Fault::None
            });
        });
        let reader = Reader { retries: 0, ..Reader::deleting() };
        let (tally, done) = reader.fetch_from(host.address);
        done.unwrap();
        assert_eq!((tally.stored, tally.deleted), (1, 1), "{command}");
        assert_eq!(host.heard("UTF8"), ["UTF8"], "once");
    }
}

#[test]
fn utf8_that_is_refused_changes_nothing() {
    let host = served(1, |world| {
        world.capabilities = "UIDL\r\nUTF8\r\n";
        world.fault = always("UTF8", Fault::Refuse("no"));
    });
    let (tally, done) = Reader::deleting().fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted), (1, 1));
}

#[test]
fn a_message_that_is_refused_for_utf8_is_neither_fetched_nor_deleted() {
    let host = served(2, |world| world.fault = always("RETR 1", Fault::Refuse("[UTF8] ask for it")));
    let reader = Reader::deleting();
    for _ in 0..2 {
        let (tally, done) = reader.fetch_from(host.address);
        done.unwrap();
        assert_eq!(tally.failed, 1);
    }
    assert_eq!(texts(&host.world().mails), ["This is a.\r\n"]);
    assert_eq!(reader.messages(), ["This is b.\r\n"]);
}

#[test]
fn sizes_are_compared_in_one_utf8_mode() {
    let host = served(1, |world| world.capabilities = "UIDL\r\nUTF8\r\n");
    let mut reader = Reader::new();
    reader.fetch_from(host.address).1.unwrap();
    // Outside UTF-8 mode the server counts the message differently.
    host.world().capabilities = "UIDL\r\n";
    host.world().mails[0].listed = 40;
    assert_eq!(reader.fetch_from(host.address).0, Tally { known: 1, ..Tally::default() });
    host.world().mails[0].listed = 41;
    assert_eq!(reader.fetch_from(host.address).0.stored, 1, "compared with the size of that mode");

    // The text sent outside UTF-8 mode may be a substitute.
    host.world().capabilities = "UIDL\r\nUTF8\r\n";
    host.world().mails[0] = Mail::new("a", "Übersetzt, and longer than what was sent in its place.");
    reader.delete = true;
    assert_eq!(reader.fetch_from(host.address).0.stored, 1);
    assert!(reader.messages().last().unwrap().starts_with("Übersetzt"));
}

// UIDL

#[test]
fn a_refused_uidl_ends_the_session_of_a_server_that_has_unique_ids() {
    // It is announced.
    let host = served(2, |world| {
        world.capabilities = "UIDL\r\n";
        world.fault = times("UIDL", 1, Fault::Refuse("not now"));
    });
    let reader = Reader::deleting();
    reader.fetch_from(host.address).1.unwrap();
    assert_eq!(host.heard("RETR").len(), 2);
    // It worked before.
    host.world().mails = mails(2);
    host.world().capabilities = "";
    let reader = Reader::new();
    reader.fetch_from(host.address).1.unwrap();
    host.world().fault = always("UIDL", Fault::Refuse("not now"));
    host.heard("");
    let reader = Reader { delete: true, ..reader };
    let (tally, done) = reader.fetch_from(host.address);
    assert_eq!((done.unwrap_err().exit, tally.stored, tally.deleted), (Exit::Connection, 0, 0));
    assert_eq!(host.heard("RETR"), [""; 0]);
}

// Sizes

#[test]
fn a_message_that_grows_too_large_is_cut_off_and_the_others_are_fetched() {
    let text = ("x".repeat(78) + "\r\n").repeat(40_000);
    let host = served(3, |world| world.mails[1].text = text);
    let reader = Reader::deleting();
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted, tally.failed), (2, 2, 1));
    assert_eq!(host.world().mails[0].id, "b");
    assert_eq!(reader.messages().len(), 2);
    assert!(!reader.folder.path().join(".2.eml.part").exists());

    let reader = Reader { max_message: Some(4_000_000), ..reader };
    assert_eq!(reader.fetch_from(host.address).0.stored, 1);
}

#[test]
fn a_message_that_is_listed_as_too_large_is_not_asked_for() {
    let host = served(3, |world| world.mails[1].listed = 1000);
    let reader = Reader { max_message: Some(999), ..Reader::deleting() };
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted, tally.failed), (2, 2, 1));
    assert!(!host.heard("RETR").contains(&"RETR 2".into()));
}

#[test]
fn sizes_that_no_number_holds_together_are_only_numbers() {
    let host = served(3, |world| world.mails.iter_mut().for_each(|mail| mail.listed = usize::MAX));
    assert_eq!(Reader::new().fetch_from(host.address).0.stored, 3);
}

// A part of the mailbox

#[test]
fn a_server_that_lists_a_part_in_each_session_is_asked_until_there_is_no_more() {
    let host = served(7, |world| world.window = 3);
    let reader = Reader::deleting();
    let (tally, done) = reader.fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted), (7, 7));
}

#[test]
fn a_message_that_was_refused_is_asked_for_again_in_the_next_session() {
    let host = served(2, |world| world.fault = times("RETR 1", 1, Fault::Refuse("[SYS/TEMP] not now")));
    let (tally, done) = Reader::deleting().fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted, tally.failed), (2, 2, 0));
}

#[test]
fn a_failure_while_looking_for_more_is_not_one() {
    for (command, fault) in [("PASS tanstaaf", Fault::Refuse("[IN-USE] wait")), ("USER mrose", Fault::Break)]
    {
        let mut sessions = 0;
        let host = served(2, |world| {
            world.fault = Box::new(move |heard| {
                sessions += u32::from(heard == "USER mrose");
                if sessions > 1 && heard == command { fault } else { Fault::None }
            });
        });
        let (tally, done) = Reader::deleting().fetch_from(host.address);
        done.unwrap();
        assert_eq!((tally.stored, tally.deleted), (2, 2));
    }
}

#[test]
fn a_server_that_does_not_greet_again_is_not_waited_for_long() {
    let (host, start) = (served(2, |world| world.sessions = 1), Instant::now());
    let (tally, done) = Reader::deleting().fetch_from(host.address);
    done.unwrap();
    assert_eq!((tally.stored, tally.deleted), (2, 2));
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_server_that_wants_a_long_pause_between_logins_is_not_asked_again() {
    let host = served(4, |world| {
        world.capabilities = "UIDL\r\nLOGIN-DELAY 300\r\n";
        world.window = 2;
    });
    let (tally, done) = Reader::deleting().fetch_from(host.address);
    done.unwrap();
    assert_eq!(tally.stored, 2);
    assert_eq!(host.heard("PASS").len(), 1);
}
