//! The object store fails.

use crate::client::{Client, is_temporary};
use crate::kit::pool;
use crate::nodes::Node;
use crate::site::{Site, wait_until};
use pop3_proto_site::operations::Ages;
use pop3_proto_site::{Clock, Database, Objects};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;
use tokio::runtime::Runtime;

#[test]
fn while_the_store_is_down_messages_are_refused_for_a_time() {
    let site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    let away = site.bodies().with_extension("away");
    fs::rename(site.bodies(), &away).unwrap();
    for command in ["RETR 1", "TOP 1 0"] {
        let refusal = client.ask(command);
        assert!(is_temporary(&refusal), "{refusal}");
    }
    fs::rename(&away, site.bodies()).unwrap();
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
    fs::write(body, "Subject: hello\r\n").unwrap();
    let refusal = client.ask("RETR 1");
    assert!(is_temporary(&refusal), "{refusal}");
}

#[test]
fn what_is_not_a_file_in_place_of_a_body_is_refused() {
    let site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    site.deliver("Subject: other\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    let mut files = site.files();
    files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned)); // the order of delivery
    let (body, other) = (&files[0], &files[1]);
    let replace: [(&str, &dyn Fn()); 4] = [
        ("a FIFO", &|| assert!(Command::new("mkfifo").arg(body).status().unwrap().success())),
        ("a folder", &|| fs::create_dir(body).unwrap()),
        ("a link to a device", &|| symlink("/dev/zero", body).unwrap()),
        ("a link that leads nowhere", &|| symlink("/nowhere", body).unwrap()),
    ];
    for (what, replace) in replace {
        fs::remove_file(body).or_else(|_| fs::remove_dir(body)).unwrap();
        replace();
        let refusal = client.ask("RETR 1");
        assert!(is_temporary(&refusal), "{what}: {refusal}");
        assert_eq!(client.retrieve(2).unwrap(), "Subject: other\r\n\r\nHello\r\n", "{what}");
    }
    // QUIT removes the message, and the collection does not stop at what it cannot delete.
    fs::remove_file(body).unwrap();
    fs::create_dir(body).unwrap();
    client.ask("DELE 1");
    client.ask("DELE 2");
    assert_eq!(client.ask("QUIT"), "+OK bye");
    let _collector =
        Node::start(site.program(site.postgres.port()), &["--delivery-hours", "0", "--keep-days", "0"]);
    wait_until("the other body is collected", || !other.exists());
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

#[test]
fn bodies_that_cannot_be_deleted_do_not_keep_others_from_being_collected() {
    let site = Site::new(30);
    // As many as one collection chooses, all older than the one that can be deleted.
    site.execute(
        "INSERT INTO loose (id, state, since)
            SELECT gen_random_uuid(), 'g', now() - n * interval '1 minute' FROM generate_series(1, 501) n",
    );
    let ids: Vec<String> =
        site.value("SELECT array_agg(replace(id::text, '-', '') ORDER BY since) FROM loose");
    for id in &ids[..500] {
        fs::create_dir_all(site.bodies().join(&id[30..]).join(id)).unwrap();
    }
    let runtime = Runtime::new().unwrap();
    let collect = || {
        let rows = Database::new(pool(site.postgres.port(), 1), Duration::from_secs(30), false);
        let bodies = Objects::in_folder(&site.bodies()).unwrap();
        let objects = pop3_proto_site::Site { rows, bodies, clock: Clock };
        runtime.block_on(objects.collect(Ages { coming: 0, going: 0 })).unwrap()
    };
    assert_eq!([collect(), collect()], [0, 1]);
    assert_eq!(site.value::<i64>("SELECT count(*) FROM loose"), 500);
}
