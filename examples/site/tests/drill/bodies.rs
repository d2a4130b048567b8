//! The object store fails.

use crate::client::{Client, is_temporary};
use crate::site::{Site, wait_until};
use std::fs::File;

#[test]
fn while_the_store_is_down_messages_are_refused_for_a_time() {
    let site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    let away = site.bodies().with_extension("away");
    std::fs::rename(site.bodies(), &away).unwrap();
    for command in ["RETR 1", "TOP 1 0"] {
        let refusal = client.ask(command);
        assert!(is_temporary(&refusal), "{refusal}");
    }
    std::fs::rename(&away, site.bodies()).unwrap();
    assert_eq!(client.retrieve(1).unwrap(), "Subject: hello\r\n\r\nHello\r\n");
    assert_eq!(site.messages(), 1);
}

#[test]
fn a_body_of_another_size_is_refused() {
    let site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    let [body] = &site.files()[..] else { panic!() };
    std::fs::write(body, "Subject: hello\r\n").unwrap();
    let refusal = client.ask("RETR 1");
    assert!(is_temporary(&refusal), "{refusal}");
}

#[test]
fn a_body_that_ends_early_cuts_the_connection() {
    let site = Site::new(30);
    // More than all buffers on the way hold.
    const LINES: usize = 500_000;
    site.deliver(&format!("Subject: long\n\n{}", format!("{}\n", "x".repeat(62)).repeat(LINES)));
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    let [body] = &site.files()[..] else { panic!() };
    let file = File::options().write(true).open(body).unwrap();
    let octets = file.metadata().unwrap().len();
    client.send("RETR 1").unwrap();
    let status = client.line().unwrap();
    assert!(status.starts_with("+OK"), "{status}");
    // The first request for a part of the body asks for 64 KiB, and the second for the rest, which is on its way then.
    client.skip(512 * 1024);
    file.set_len(octets - 1000).unwrap();
    let rest = client.rest();
    assert!((rest.len() as u64) < octets, "{} of {octets} octets", rest.len());
    assert!(!rest.ends_with(b"\r\n.\r\n"), "no terminator");
    // The node works, and the lease ends with the connection.
    wait_until("a login works", || Client::log_in(&node).is_ok());
    assert_eq!(site.messages(), 1);
}
