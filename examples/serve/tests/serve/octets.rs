//! The octets that are sent of a file, and their size in LIST.

use crate::kit::{LOGIN, Server, Site, rest, say};
use std::fs;
use std::time::UNIX_EPOCH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Returns each file, and the octets that RETR sends of it, with dots doubled.
fn samples() -> Vec<(Vec<u8>, Vec<u8>)> {
    let long = "x".repeat(20_000);
    let dots = ".".repeat(20_000);
    let controls: Vec<u8> = (0..=0x1f).filter(|octet| !b"\r\n".contains(octet)).chain([0x7f]).collect();
    let high: Vec<u8> = (0x80..=0xff).collect();
    let big = "A line of text like any other.\n".repeat(20_000);
    [
        (&b"a: b\n\nno final newline"[..], &b"a: b\r\n\r\nno final newline\r\n"[..]),
        (b".a: b\n\n.leading\n", b"..a: b\r\n\r\n..leading\r\n"),
        (b"\n.\n..\n.\n", b"\r\n..\r\n...\r\n..\r\n"),
        (b".", b"..\r\n"),
        (b"a: b\r\n\nbare LF\n\r\nboth\n", b"a: b\r\n\r\nbare LF\r\n\r\nboth\r\n"),
        (b"a: b\n\nin\rside\r\r\nfinal CR\r", b"a: b\r\n\r\nin\rside\r\r\nfinal CR\r\r\n"),
        (&[b"\n", &high[..], b"\n"].concat(), &[b"\r\n", &high[..], b"\r\n"].concat()),
        (&[b"\n", &controls[..], b"\n"].concat(), &[b"\r\n", &controls[..], b"\r\n"].concat()),
        (
            format!("\n{long}\n{dots}\n{long}").as_bytes(),
            format!("\r\n{long}\r\n.{dots}\r\n{long}\r\n").as_bytes(),
        ),
        (big.as_bytes(), big.replace('\n', "\r\n").as_bytes()),
    ]
    .map(|(file, sent)| (file.to_vec(), sent.to_vec()))
    .to_vec()
}

/// Returns the octets of a body as they count, with dots not doubled.
fn octets(sent: &[u8]) -> usize {
    let doubled =
        sent.windows(3).filter(|window| window == b"\n..").count() + usize::from(sent.starts_with(b".."));
    sent.len() - doubled
}

/// Returns the listed sizes, and the responses to RETR.
async fn list_and_retrieve(server: &Server, count: usize) -> (Vec<usize>, Vec<Vec<u8>>) {
    let retr: String = (1..=count).map(|number| format!("RETR {number}\r\n")).collect();
    let answer = server.talk(&format!("{LOGIN}LIST\r\n{retr}QUIT\r\n")).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let rows = text.lines().skip_while(|line| !line.contains("scan listing")).skip(1);
    let sizes =
        rows.take_while(|line| *line != ".").map(|row| row.split(' ').nth(1).unwrap().parse().unwrap());
    let mut rest = &answer[..];
    let bodies = (0..count).map(|_| {
        let start = find(rest, b" octets\r\n").expect("an answer to RETR") + b" octets\r\n".len();
        let end = start + find(&rest[start..], b"\r\n.\r\n").expect("an end mark") + 2;
        let body = rest[start..end].to_vec();
        rest = &rest[end..];
        body
    });
    let bodies = bodies.collect();
    (sizes.collect(), bodies)
}

fn find(octets: &[u8], pattern: &[u8]) -> Option<usize> {
    octets.windows(pattern.len()).position(|window| window == pattern)
}

#[tokio::test]
async fn every_byte_is_kept_and_list_equals_retr() {
    let samples = samples();
    let files: Vec<&[u8]> = samples.iter().map(|(file, _)| &file[..]).collect();
    let site = Site::with(&files);
    let server = site.serve().await;
    for login in ["sizes are counted", "sizes were kept"] {
        let (sizes, bodies) = list_and_retrieve(&server, samples.len()).await;
        for (number, (_, sent)) in samples.iter().enumerate() {
            assert!(bodies[number] == *sent, "{login}, message {}", number + 1);
            assert_eq!(sizes[number], octets(sent), "{login}, message {}", number + 1);
        }
    }
}

#[tokio::test]
async fn sizes_are_kept_and_not_counted_again() {
    let site = Site::with(&[b"\none\n", b"\ntwo\n"]);
    let server = site.serve().await;
    server.talk(&format!("{LOGIN}QUIT\r\n")).await;
    // No row has the size of a file, so these sizes were counted from the files.
    let kept = site.maildir().join("pop3.sizes");
    let rows = fs::read_to_string(&kept).unwrap();
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let wrong: Vec<_> = rows
        .lines()
        .map(|row| match row.ends_with("1700000002.M2.example") {
            true => row.replacen("5 2 ", "5 4706 ", 1),
            false => row.into(),
        })
        .collect();
    fs::write(&kept, wrong.join("\n")).unwrap();
    let answer = server.talk_alone(&format!("{LOGIN}LIST\r\nRETR 2\r\nQUIT\r\n")).await;
    assert!(answer.contains("\r\n2 4711\r\n"), "{answer}");
    // A wrong size is detected before any of the message is sent, and only once.
    assert!(answer.contains("-ERR [SYS/TEMP]"), "{answer}");
    let answer = server.talk_alone(&format!("{LOGIN}LIST\r\nRETR 2\r\nQUIT\r\n")).await;
    assert!(answer.contains("\r\n2 7\r\n") && answer.contains("\r\ntwo\r\n.\r\n"), "{answer}");
    // A broken file of sizes counts as a missing one.
    fs::write(&kept, b"\0\0\0\n7\n7 x\n\xff 3 4\n").unwrap();
    assert_eq!(server.talk_alone(&format!("{LOGIN}STAT\r\nQUIT\r\n")).await.lines().nth(3), Some("+OK 2 14"));
}

#[tokio::test]
async fn a_message_that_vanishes_or_changes_is_refused_and_the_session_continues() {
    let site = Site::with(&[b"\none\n", b"\ntwo\n", b"\nthree\n", b"\nfour\n"]);
    let server = site.serve().await;
    let mut stream = server.connect().await;
    say(&mut stream, &format!("{LOGIN}STAT\r\n"), 4).await;
    fs::remove_file(site.file(1)).unwrap();
    fs::write(site.file(2), b"\ntwo\nand more\n").unwrap();
    let moved = site.maildir().join("cur/1700000003.M3.example:2,S");
    fs::rename(site.file(3), &moved).unwrap();
    let told = say(&mut stream, "RETR 1\r\nRETR 2\r\n", 2).await;
    // The first message does not come back. The next session lists the second with its current size.
    assert!(told.starts_with("-ERR no such message\r\n-ERR [SYS/TEMP]"), "{told}");
    let told = say(&mut stream, "RETR 3\r\n", 4).await;
    assert!(told.ends_with("\r\nthree\r\n.\r\n"), "{told}");
    // The missing message stays gone, and the moved message is removed at its new place.
    let told = say(&mut stream, "DELE 1\r\nDELE 3\r\nQUIT\r\n", 3).await;
    assert!(told.ends_with("+OK bye\r\n"), "{told}");
    assert_eq!(site.files(), ["1700000002.M2.example", "1700000004.M4.example"]);
    let answer = server.talk_alone(&format!("{LOGIN}LIST\r\nQUIT\r\n")).await;
    assert!(answer.contains("\r\n1 17\r\n2 8\r\n.\r\n"), "{answer}");
}

#[tokio::test]
async fn a_message_that_is_cut_while_it_is_sent_never_looks_whole() {
    const LINES: usize = 800_000; // more than the buffers of two sockets hold
    let line = "A line of text like any other.\n";
    let site = Site::with(&[format!("\n{}", line.repeat(LINES)).as_bytes()]);
    let server = site.serve().await;
    let mut stream = server.connect().await;
    say(&mut stream, LOGIN, 3).await;
    stream.write_all(b"RETR 1\r\n").await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    fs::File::options().write(true).open(site.file(1)).unwrap().set_len(20_000_000).unwrap();
    let octets = rest(&mut stream).await;
    assert!(octets.len() < LINES * (line.len() + 1), "{}", octets.len());
    assert!(find(&octets, b"\r\n.\r\n").is_none());
}

/// Neither its length nor its time shows the change.
#[tokio::test]
async fn a_message_whose_change_is_hidden_never_looks_whole() {
    let site = Site::with(&[b"\none\ntwo\n"]);
    let file = || fs::File::options().write(true).open(site.file(1)).unwrap();
    file().set_modified(UNIX_EPOCH).unwrap();
    let server = site.serve().await;
    assert!(server.talk_alone(&format!("{LOGIN}STAT\r\nQUIT\r\n")).await.contains("+OK 1 12\r\n"));
    for (changed, is_whole) in [("\none two\n", false), ("\n\n\n\n\n\n\n\n\n", false), ("\ntwo\none\n", true)]
    {
        fs::write(site.file(1), changed).unwrap();
        file().set_modified(UNIX_EPOCH).unwrap();
        let told = server.talk_alone(&format!("{LOGIN}RETR 1\r\nQUIT\r\n")).await;
        assert_eq!(told.contains("\r\n.\r\n"), is_whole, "{told}");
    }
}
