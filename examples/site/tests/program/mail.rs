//! Deliveries, and nodes that serve them.

use crate::world::{World, run};
use std::fs;
use std::io::Write as _;

#[test]
fn a_message_is_served_as_it_was_delivered_by_every_node() {
    let world = World::new();
    world.add("mrose");
    let messages: [(&[u8], &str); 4] = [
        (b"Subject: lf\n\n.dot\nend\n", "Subject: lf\r\n\r\n..dot\r\nend\r\n"),
        (b"Subject: crlf\r\n\r\nend\r\n", "Subject: crlf\r\n\r\nend\r\n"),
        (b"no line end", "no line end\r\n"),
        (b"", ""),
    ];
    messages.iter().for_each(|(message, _)| world.deliver("mrose", message));
    let nodes = [world.node(), world.node()];
    let uidl = |node: usize| nodes[node].session("mrose", "UIDL\r\n");
    assert_eq!(uidl(0), uidl(1));
    for (number, (_, sent)) in (1..).zip(&messages) {
        for node in &nodes {
            let answer = node.session("mrose", &format!("LIST {number}\r\nRETR {number}\r\n"));
            let octets = sent.len() - sent.matches("..").count();
            assert!(answer.contains(&format!("+OK {number} {octets}\r\n")), "{answer}");
            assert!(answer.contains(&format!("octets\r\n{sent}.\r\n")), "{answer}");
        }
    }
}

#[test]
fn a_message_larger_than_a_part_and_its_top_arrive_complete() {
    let world = World::new();
    world.add("mrose");
    let line = "0123456789".repeat(7) + "\n";
    let message = format!("Subject: large\n\n{}", line.repeat(160_000)); // 11 MB: more than one part, and many ranges
    world.deliver("mrose", message.as_bytes());
    let node = world.node();
    let answer = node.session("mrose", "RETR 1\r\n");
    let body = answer.split_once("octets\r\n").unwrap().1.split_once("\r\n.\r\n").unwrap().0;
    assert!(body.replace("\r\n", "\n") + "\n" == message, "the message differs");
    assert!(
        node.session("mrose", "TOP 1 1\r\n").contains(&format!("large\r\n\r\n{}\r\n.\r\n", line.trim_end()))
    );
}

#[test]
fn hostile_bytes_are_served_as_they_were_delivered_except_for_line_ends() {
    let world = World::new();
    world.add("mrose");
    let long = b"x".repeat(3_000_000);
    let messages: [(&[u8], &[u8]); 6] = [
        (b"bare\rCR\r\r\nand \r", b"bare\rCR\r\r\nand \r\r\n"),
        (b"NUL \0 in a line, \xff\xfe, \x1b[2J\n\0", b"NUL \0 in a line, \xff\xfe, \x1b[2J\r\n\0\r\n"),
        // What could end the response too early, or begin another one.
        (b".\n..\n.\r\n+OK\r\n.", b"..\r\n...\r\n..\r\n+OK\r\n..\r\n"),
        (b"a\r.\r\nQUIT\r\n", b"a\r.\r\nQUIT\r\n"),
        (b"\n", b"\r\n"),
        (&long, &[&long[..], b"\r\n"].concat()),
    ];
    messages.iter().for_each(|(message, _)| world.deliver("mrose", message));
    let node = world.node();
    for (number, (message, sent)) in (1..).zip(&messages) {
        let answer = node.session_bytes("mrose", &format!("RETR {number}\r\n"));
        let status = answer.windows(8).position(|part| part == b"octets\r\n").unwrap();
        let body = &answer[status + 8..];
        assert!(body == [sent, &b".\r\n+OK bye\r\n"[..]].concat(), "{:.80}", message.escape_ascii());
    }
}

#[test]
fn a_message_of_any_size_takes_bounded_memory() {
    let world = World::new();
    world.add("mrose");
    let mut deliverer = world.command(&["deliver", "mrose"]).spawn().unwrap();
    let mut input = deliverer.stdin.take().unwrap();
    let chunk = ("x".repeat(99) + "\n").repeat(10_000);
    for _ in 0..250 {
        input.write_all(chunk.as_bytes()).unwrap();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", deliverer.id())).unwrap();
    let most =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    drop(input);
    assert!(deliverer.wait().unwrap().success());
    // Eight parts of 8 MiB are on their way at most.
    let most: u32 = most.unwrap();
    assert!(most < 150_000, "{most} KiB for a message of 250 MB");
    assert!(world.node().session("mrose", "LIST 1\r\n").contains("+OK 1 252500000\r\n"));
}

#[test]
fn quit_removes_what_was_marked_and_the_collection_its_bodies_later() {
    let world = World::new();
    world.add("mrose");
    (1..=3).for_each(|number| world.deliver("mrose", format!("number {number}\n").as_bytes()));
    let node = world.node();
    let answer = node.session("mrose", "DELE 1\r\nDELE 3\r\n");
    assert!(!answer.contains("-ERR"), "{answer}");
    let other = world.node();
    assert!(other.session("mrose", "RETR 1\r\n").contains("number 2\r\n"));
    let status = world.run(&["status"]).output;
    assert!(status.contains("messages\t1\n") && status.contains("bodies going\t2\n"), "{status}");
    assert_eq!(bodies(&world), 3); // a backup that is restored finds them
}

#[test]
fn a_connection_that_dies_removes_nothing() {
    let world = World::new();
    world.add("mrose");
    world.deliver("mrose", b"one\n");
    let node = world.node();
    node.say_and_leave("USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n");
    assert!(world.node().wait_for_login("mrose").contains("\r\n1 5\r\n"));
}

#[test]
fn a_delivery_exits_as_an_mta_expects() {
    let mut world = World::new();
    world.add("mrose");
    assert_eq!(world.run_with(&["deliver", "mrose"], b"x\n").code, Some(0));
    assert_eq!(world.run_with(&["deliver", "unknown"], b"x\n").code, Some(67));
    assert_eq!(world.run_with(&["deliver", ""], b"x\n").code, Some(67));
    let mut command = world.command(&["deliver", "mrose"]);
    command
        .env("SITE_BODIES", "s3://bucket")
        .env("AWS_ENDPOINT", "http://127.0.0.1:9")
        .env("AWS_ACCESS_KEY_ID", "k");
    command.env("AWS_SECRET_ACCESS_KEY", "s").env("AWS_REGION", "us-east-1");
    assert_eq!(run(command, b"x\n").code, Some(75)); // no object store
    let mut command = world.command(&["deliver", "mrose"]);
    command.env_remove("SITE_BODIES"); // a mistake of the operator must not send mail back
    assert_eq!(run(command, b"x\n").code, Some(75));
    assert_eq!(world.run(&["deliver"]).code, Some(75));
    assert_eq!(world.run(&["deliver", "--help"]).code, Some(0));
    world.postgres.stop();
    assert_eq!(world.run_with(&["deliver", "mrose"], b"x\n").code, Some(75));
    world.postgres.start_again();
    assert!(world.run(&["status"]).output.contains("messages\t1\n"));
}

#[test]
fn a_sweep_deletes_what_the_database_does_not_know_and_nothing_else() {
    let world = World::new();
    world.add("mrose");
    world.deliver("mrose", b"kept\n");
    let unknown = world.bodies().join("00");
    fs::create_dir_all(&unknown).unwrap();
    fs::write(unknown.join("018bcfe568007000800000000000ab00"), b"orphan").unwrap();
    fs::write(unknown.join("notes.txt"), b"of somebody else").unwrap();
    assert_eq!(world.run(&["sweep"]).output, "deleted 0 objects\n"); // all are new
    let swept = world.run(&["sweep", "--older-than", "0"]);
    assert_eq!(swept.output, "deleted 1 objects\n", "{}", swept.errors);
    assert_eq!(bodies(&world), 2);
    assert!(world.node().session("mrose", "RETR 1\r\n").contains("kept\r\n"));
}

/// Counts the files of the object store.
fn bodies(world: &World) -> usize {
    let folders = fs::read_dir(world.bodies()).unwrap();
    folders.map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}
