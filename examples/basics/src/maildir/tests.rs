use super::*;
use pop3_proto::AsUniqueId;
use std::io::Write;
use std::sync::atomic::AtomicU32;

/// A Maildir in the system's folder for temporary files, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("pop3-proto-maildir-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let scratch = Scratch(std::env::temp_dir().join(name));
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(scratch.0.join(folder)).unwrap();
        }
        for (name, text) in files {
            File::create(scratch.0.join(name)).unwrap().write_all(text).unwrap();
        }
        scratch
    }

    fn open(&self) -> OpenMaildir {
        Maildir::new(&self.0).unwrap().open().unwrap().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// Size and unique-id of each message.
fn listing(maildrop: &OpenMaildir) -> Vec<(u64, String)> {
    (1..=maildrop.count())
        .map(|message| {
            let entry = maildrop.entry(number(message)).unwrap();
            (entry.octets, entry.id.to_string())
        })
        .collect()
}

#[test]
fn both_folders_in_the_order_of_delivery_and_nothing_else() {
    let scratch = Scratch::new(&[
        ("new/1000.c", b"three\n"),
        ("cur/999.b:2,S", b"two\r\n"),
        ("cur/99.a:2,", b"one"),
        ("cur/.hidden", b"x"),
        ("tmp/98.t", b"x"),
    ]);
    fs::create_dir(scratch.0.join("cur/97.folder")).unwrap();
    let expected = [(5, "99.a"), (5, "999.b"), (7, "1000.c")].map(|(octets, id)| (octets, id.to_string()));
    assert_eq!(listing(&scratch.open()), expected);
}

#[test]
fn sizes_are_what_retr_sends() {
    let big = b"line\n".repeat(10_000); // more than one buffer
    let scratch = Scratch::new(&[("new/1.lf", b".\na\n"), ("new/2.empty", b""), ("new/3.big", &big)]);
    let sizes: Vec<u64> = listing(&scratch.open()).into_iter().map(|(octets, _)| octets).collect();
    assert_eq!(sizes, [6, 0, 60_000]);
}

#[test]
fn a_message_seen_in_both_folders_is_one() {
    let scratch = Scratch::new(&[("new/1.a", b"one\n"), ("cur/1.a:2,S", b"one\n"), ("new/2.b", b"two\n")]);
    let open = scratch.open();
    assert_eq!(open.count(), 2);
    assert!(open.files[0].path.ends_with("cur/1.a:2,S"));
}

#[test]
fn one_session_at_a_time() {
    let scratch = Scratch::new(&[]);
    let maildir = Maildir::new(&scratch.0).unwrap();
    let first = maildir.open().unwrap().unwrap();
    assert_eq!(maildir.open().unwrap().unwrap_err(), Refusal::InUse);
    drop(first);
    assert!(maildir.open().unwrap().is_ok());
}

#[test]
fn a_login_that_fails_leaves_no_lock() {
    let scratch = Scratch::new(&[]);
    let maildir = Maildir::new(&scratch.0).unwrap();
    fs::remove_dir(scratch.0.join("new")).unwrap();
    assert!(maildir.open().is_err());
    fs::create_dir(scratch.0.join("new")).unwrap();
    assert!(maildir.open().unwrap().is_ok());
}

#[test]
fn a_moved_message_is_found_and_removed() {
    let scratch = Scratch::new(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n"), ("new/3.c", b"three\n")]);
    let mut open = scratch.open();
    fs::rename(scratch.0.join("new/1.a"), scratch.0.join("cur/1.a:2,S")).unwrap();
    let mut text = String::new();
    open.message(number(1)).unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\n");

    open.mark(number(1)).unwrap();
    open.mark(number(2)).unwrap();
    fs::remove_file(scratch.0.join("new/2.b")).unwrap(); // somebody else was faster
    assert!(open.remove_marked());
    drop(open);
    assert_eq!(listing(&scratch.open()), [(7, "3.c".to_string())]);
}

#[test]
fn what_cannot_be_removed_is_told() {
    let scratch = Scratch::new(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n")]);
    let mut open = scratch.open();
    open.mark(number(1)).unwrap();
    open.mark(number(2)).unwrap();
    // A folder in the file's place: removing a file fails, whoever runs this.
    fs::remove_file(scratch.0.join("new/1.a")).unwrap();
    fs::create_dir(scratch.0.join("new/1.a")).unwrap();
    assert!(!open.remove_marked());
    assert!(!scratch.0.join("new/2.b").exists(), "the others are removed all the same");
}

#[test]
fn unique_ids_are_valid_and_differ() {
    let names: [&[u8]; 6] =
        [b"1700.M1P1.host,S=10", &[b'x'; 70], &[b'x'; 71], b"two words", b"gr\xc3\xbc\xc3\x9fe", b""];
    let ids = names.map(|name| unique_id(name).as_unique_id().to_string());
    assert_eq!(ids[0], "1700.M1P1.host,S=10");
    assert_eq!(ids[1].len(), 70);
    assert_eq!(ids[5], "fnv1a128.6c62272e07bb014262b821756295c58d");
    assert!(ids[2..].iter().all(|id| id.starts_with(HASHED)));
    assert_eq!(std::collections::HashSet::from(ids.clone()).len(), 6);
    assert_ne!(unique_id(ids[3].as_bytes()).as_unique_id().to_string(), ids[3]);
}

#[test]
fn the_hash_is_fnv_1a() {
    // The test vectors of the FNV authors for 128 bits.
    assert_eq!(fnv1a(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
    assert_eq!(fnv1a(b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
}
