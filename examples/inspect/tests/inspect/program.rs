//! The program as a user runs it.

use inspect::make::sample;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn inspect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inspect")).args(arguments).output().unwrap()
}

#[test]
fn it_reads_files_and_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (pcap, pcapng, out) = (path("a.pcap"), path("a.pcapng"), path("out"));
    fs::write(&pcap, sample().pcap()).unwrap();
    fs::write(&pcapng, sample().pcapng()).unwrap();
    let expected = inspect(&[&pcap]);
    assert!(expected.status.success() && expected.stderr.is_empty());
    assert_eq!(inspect(&[&pcapng]).stdout, expected.stdout);

    let mut child = Command::new(env!("CARGO_BIN_EXE_inspect"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&sample().pcap()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, expected.stdout);

    let stored = inspect(&["--extract", &out, &pcap]);
    assert!(stored.status.success());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
    let text = String::from_utf8(inspect(&["--text", &pcap]).stdout).unwrap();
    assert!(text.contains("C: PASS ********") && !text.contains("tanstaaf"));
    assert!(text.contains("! OVERLAP_DIFFERENT_DATA (server)"), "{text}");
}

#[test]
fn each_error_names_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap");
    let file = sample().pcap();
    fs::write(&path, &file[..file.len() / 2]).unwrap();
    let output = inspect(&[path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stdout.is_empty(), "what comes before the end is reported");
    assert!(String::from_utf8_lossy(&output.stderr).contains("capture ends within a packet"));
    assert_eq!(inspect(&["/nonexistent/file"]).status.code(), Some(1));
    assert_eq!(inspect(&[]).status.code(), Some(2));
}

/// A server cannot write to the terminal on which the dialogue is shown.
#[test]
fn no_control_character_reaches_a_terminal() {
    let mut talk = super::talk();
    talk.server("+OK \x1b[2Jready\x07\r\n").client("USER \x1b[31mred\r\n").server("+OK\r\n");
    talk.client("UIDL\r\n").server("+OK\r\n1 \x1b[2J\r\n\x1b[2J\x07\r\n.\r\n");
    talk.client("STAT\r\n").server("+OK \x1b[2J\r\n");
    talk.client("USER \u{7f}\u{9b}2J\r\n").server("-ERR [\u{7f}] \u{9b}2J\u{7f}\r\n");
    let capture = super::capture_of(talk).pcap();
    for format in [inspect::Format::Text, inspect::Format::Json] {
        let text = super::written(&capture, inspect::Options::default(), format, None);
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
        assert!(text.contains("2J"), "{text:?}");
    }
}
