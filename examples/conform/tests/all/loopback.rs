//! The program against servers on loopback: the good server, the good server with twists, and one that is silent.

use pop3_conform::check::Edit;
use pop3_conform::lab::between::{Between, Bites};
use pop3_conform::lab::listen::{close, converse};
use pop3_conform::lab::world::{PASSWORD, USER, World};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

/// Serves one connection after the other, as long as the test runs. Returns the address.
fn server(edit: Option<Edit>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let world = World::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut between = Between::new(world.connect(), edit, Bites::default());
            // The client may hang up at any time.
            let _ = converse(&mut stream, &mut between);
            close(&stream);
        }
    });
    address
}

fn conform(address: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_pop3-conform"))
        .args(["server", address, "--user", USER, "--password-env", "CONFORM_TEST_PASSWORD"])
        .args(arguments)
        .env("CONFORM_TEST_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_good_server_is_good_over_tcp() {
    // The server serves one connection at a time, so a check of two sessions gets no response.
    let backup = std::env::temp_dir().join(format!("pop3-conform-backup-{}", std::process::id()));
    let folder = backup.to_str().unwrap();
    let (code, report, _) =
        conform(&server(None), &["--allow", "marks,failed-logins", "--backup", folder, "--timeout", "3"]);
    let first = std::fs::read(backup.join("000001.eml")).unwrap();
    assert!(first.ends_with(b"\r\n\r\nA short message.\r\n"));
    assert_eq!(std::fs::read_dir(&backup).unwrap().count(), 12);
    std::fs::remove_dir_all(&backup).unwrap();
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains(" 0 failed, 0 warnings, "), "{report}");
    assert!(report.contains("needs --manifest DIR"), "{report}");
}

#[test]
fn a_fault_is_shown_with_a_mark() {
    let wraps = Edit::Command { from: "LIST 4294967297", to: "LIST 1" };
    let (code, report, _) = conform(&server(Some(wraps)), &["--only", "number.range"]);
    assert_eq!(code, Some(1), "{report}");
    let shown = "| C: LIST 4294967297\n      | S: +OK 1 177\n      |    ^\n";
    assert!(report.contains(shown), "{report}");
}

#[test]
fn an_inconclusive_check_fails_only_under_strict() {
    let address = server(None);
    let only = ["--only", "login.fresh"];
    assert_eq!(conform(&address, &only).0, Some(0));
    assert_eq!(conform(&address, &[&only[..], &["--strict"]].concat()).0, Some(1));
}

#[test]
fn no_password_is_shown_even_if_the_server_repeats_it() {
    let echo = Edit::Code(|turn| match turn.is("PASS*") {
        true => {
            turn.pass();
            let answer = format!("+ok you said {}\r\n", turn.command);
            turn.say(answer.as_bytes());
        }
        false => turn.through(),
    });
    let (code, report, errors) = conform(&server(Some(echo)), &["--only", "line.capitals"]);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("S: +ok you said PASS ********"), "{report}");
    assert!(!report.contains(PASSWORD) && !errors.contains(PASSWORD), "{report}{errors}");
}

#[test]
fn without_a_login_no_check_is_judged() {
    let refused = Edit::Say { to: "PASS*", instead: "-ERR no\r\n" };
    let (code, report, errors) = conform(&server(Some(refused)), &[]);
    assert_eq!((code, report.as_str()), (Some(2), ""));
    assert!(errors.contains("the login was refused"), "{errors}");
    assert!(errors.contains("  C: PASS ***\n  S: -ERR no\n"), "{errors}");
    assert!(errors.contains("the server has STLS"), "{errors}");
    // A server that sends no bytes, because it never accepts.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, ..) = conform(&silent.local_addr().unwrap().to_string(), &["--timeout", "1"]);
    assert_eq!(code, Some(2));
}

#[test]
fn no_message_is_marked_without_a_copy() {
    let (code, _, errors) = conform(&server(None), &["--allow", "marks"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("pass --backup DIR"), "{errors}");
}

#[test]
fn a_server_elsewhere_is_not_tested_by_accident() {
    let (code, _, errors) = conform("192.0.2.1:110", &[]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("pass --remote"), "{errors}");
}

#[test]
fn a_baseline_and_reports_in_files() {
    let folder = std::env::temp_dir().join(format!("pop3-conform-reports-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let (baseline, junit, html, json) = (file("baseline"), file("a.xml"), file("a.html"), file("a.json"));
    let wraps = Edit::Command { from: "LIST 4294967297", to: "LIST 1" };
    let (bad, good) = (server(Some(wraps)), server(None));
    let only = ["--only", "number.range", "--baseline", &baseline];
    let strict = [&only[..], &["--strict"]].concat();

    // Without the file, and with a line without a reason, nothing is judged.
    assert_eq!(conform(&good, &only).0, Some(2));
    std::fs::write(&baseline, "number.range\n").unwrap();
    let (code, report, errors) = conform(&good, &only);
    assert_eq!((code, report.as_str()), (Some(2), ""));
    assert!(errors.contains("line 1 has no reason"), "{errors}");
    // A check that the kit does not have, and one of clients.
    for name in ["numbers.range", "body.dots"] {
        std::fs::write(&baseline, format!("number.range  reads 32 bits\n{name}  why\n")).unwrap();
        let (code, report, errors) = conform(&good, &only);
        assert_eq!((code, report.as_str()), (Some(2), ""));
        assert!(errors.contains(&format!("no check {name:?}: see --list")), "{errors}");
    }

    std::fs::write(&baseline, "number.range  reads 32 bits\n").unwrap();
    let files = [&strict[..], &["--junit", &junit, "--html", &html, "--json", &json]].concat();
    let (code, report, _) = conform(&bad, &files);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("known: reads 32 bits"), "{report}");
    assert!(std::fs::read_to_string(&junit).unwrap().contains("known: reads 32 bits"));
    assert!(std::fs::read_to_string(&html).unwrap().contains("Known: reads 32 bits"));
    assert!(std::fs::read_to_string(&json).unwrap().contains("\"known\": \"reads 32 bits\""));

    let (code, report, _) = conform(&good, &only);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("stale baseline line"), "{report}");
    assert_eq!(conform(&good, &strict).0, Some(1));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_report_that_is_not_for_a_terminal_has_no_colours() {
    let (_, report, errors) = conform(&server(None), &["--only", "stat"]);
    assert!(!report.contains('\x1b') && errors.is_empty(), "{report}{errors}");
}

#[test]
fn a_corpus_is_not_written_over() {
    let folder = std::env::temp_dir().join(format!("pop3-conform-corpus-{}", std::process::id()));
    let corpus =
        || Command::new(env!("CARGO_BIN_EXE_pop3-conform")).arg("corpus").arg(&folder).output().unwrap();
    assert_eq!(corpus().status.code(), Some(0));
    std::fs::write(folder.join("mbox"), "mine").unwrap();
    let again = corpus();
    let errors = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(errors.contains("has a corpus already: name a new folder"), "{errors}");
    assert_eq!(std::fs::read(folder.join("mbox")).unwrap(), b"mine");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn without_a_command_the_rows_are_listed() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_pop3-conform")).args(arguments).output().unwrap()
    };
    let list = run(&["--list"]);
    let text = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.status.code(), Some(0));
    assert!(text.contains("7628.3.1.b     server: oauth.login\n"), "{text}");
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["--list", "server"]).status.code(), Some(2));
}
