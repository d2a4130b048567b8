//! Servers whose responses never end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

/// A server that answers a command without end.
struct Endless {
    command: &'static str,
    row: fn(u64) -> String,
}

impl Endless {
    fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || listener.incoming().for_each(|stream| self.talk(&stream.unwrap())));
        address
    }

    fn talk(&self, stream: &TcpStream) {
        let say = |text: &str| (&*stream).write_all(text.as_bytes());
        say("+OK ready\r\n").unwrap();
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let said = match line.as_str() {
                line if line == self.command => break,
                "CAPA" => say("-ERR\r\n"),
                "LIST" => say("+OK\r\n1 5\r\n.\r\n"),
                "UIDL" => say("+OK\r\n1 a\r\n.\r\n"),
                _ => say("+OK\r\n"),
            };
            if said.is_err() {
                return;
            }
        }
        let mut text = String::from("+OK\r\n");
        for row in 1.. {
            text += &(self.row)(row);
            if text.len() > 64 * 1024 {
                if say(&text).is_err() {
                    return;
                }
                text.clear();
            }
        }
    }
}

/// Returns the exit code of `fetch`, its output, and its peak memory in MiB.
fn fetch(address: SocketAddr) -> (i32, String, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut fetch = Command::new(env!("CARGO_BIN_EXE_fetch"))
        .args([&format!("pop3://mrose@{address}"), "--password-env", "PASSWORD", "--out"])
        .arg(folder.path())
        .env("PASSWORD", "tanstaaf")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut most = 0;
    let code = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", fetch.id())).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(peak.unwrap_or(0));
        if let Some(code) = fetch.try_wait().unwrap() {
            break code.code().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    };
    let said = std::io::read_to_string(fetch.stderr.take().unwrap()).unwrap();
    (code, said, most / 1024)
}

#[test]
fn an_endless_list_ends_and_fits_in_memory() {
    let (code, said, memory) = fetch(Endless { command: "LIST", row: |row| format!("{row} 5\r\n") }.serve());
    assert_eq!(code, 3, "{said}");
    assert!(memory < 128, "{memory} MiB");
}

#[test]
fn an_endless_uidl_ends_and_fits_in_memory() {
    let long = |row| format!("{row} {row:070}\r\n");
    let (code, said, memory) = fetch(Endless { command: "UIDL", row: long }.serve());
    assert_eq!(code, 3, "{said}");
    assert!(memory < 160, "{memory} MiB");
}

#[test]
fn an_endless_message_is_cut_off() {
    let (code, said, memory) = fetch(Endless { command: "RETR 1", row: |_| "x".repeat(78) + "\r\n" }.serve());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("message 1 is larger than 1048586 octets"), "{said}");
    assert!(memory < 64, "{memory} MiB");
}
