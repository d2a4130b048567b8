//! `blocking_client` against servers that make trouble, on loopback.

#[allow(dead_code)] // `main`
#[path = "../examples/blocking_client.rs"]
mod blocking_client;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

/// Returns the server's response to a command, or `None` to end the connection.
type Says = fn(command: &str, session: usize) -> Option<String>;

fn usual(command: &str) -> Option<String> {
    Some(match command {
        "CAPA" => "+OK\r\nUTF8\r\n.\r\n".into(),
        "LIST" => "+OK\r\n1 5\r\n.\r\n".into(),
        "RETR 1" => "+OK\r\none\r\n.\r\n".into(),
        _ => "+OK\r\n".into(),
    })
}

/// Fetches into a new folder with this name. Returns the result, the folder, and the commands.
fn fetch(name: &str, says: Says) -> (Result<(), String>, PathBuf, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    thread::spawn(move || {
        for (session, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            (&stream).write_all(b"+OK ready\r\n").unwrap();
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                log.lock().unwrap().push(line.clone());
                let Some(answer) = says(&line, session) else { break };
                if (&stream).write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    let folder = std::env::temp_dir().join(format!("blocking_client.{}.{name}", std::process::id()));
    let done = blocking_client::run(&address, "mrose", "tanstaaf", &folder, true);
    let heard = heard.lock().unwrap().clone();
    (done.map_err(|error| error.to_string()), folder, heard)
}

#[test]
fn utf8_comes_before_the_login() {
    let (done, folder, heard) = fetch("utf8", |command, _| usual(command));
    done.unwrap();
    assert_eq!(heard[..3], ["CAPA", "UTF8", "USER mrose"]);
    assert_eq!(fs::read_to_string(folder.join("1.eml")).unwrap(), "one\r\n");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_session_that_breaks_after_utf8_is_followed_by_one_without() {
    let says: Says = |command, session| {
        if session == 0 && command == "USER mrose" { None } else { usual(command) }
    };
    let (done, folder, heard) = fetch("breaks", says);
    done.unwrap();
    assert_eq!(heard[..6], ["CAPA", "UTF8", "USER mrose", "CAPA", "USER mrose", "PASS tanstaaf"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_message_without_end_is_cut_off_and_not_deleted() {
    let says: Says = |command, _| match command {
        "RETR 1" => Some("+OK\r\n".to_owned() + &"x".repeat(2 << 20)),
        other => usual(other),
    };
    let (done, folder, heard) = fetch("endless", says);
    assert!(done.unwrap_err().starts_with("message 1 is not complete: the server sends more than"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert!(!heard.contains(&"DELE 1".into()));
    fs::remove_dir_all(folder).unwrap();
}
