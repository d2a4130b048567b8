//! The Maildir of the example servers: files with any names and contents, and any stored sizes.

use crate::folder::Folder;
use crate::naive;
use pop3_proto::MessageNumber;
use pop3_proto::server::Maildrop as _;
use pop3_proto_maildir::{Mailbox, Maildir};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// The file with the stored sizes.
const SIZES: &str = "pop3.sizes";
/// The greatest number of files, so a run takes little time.
const MOST: usize = 12;

/// The first byte chooses the messages to remove. The files follow, each up to a byte 0xFF: a letter for the kind, the name up
/// to a line feed, and the content.
pub fn run(data: &[u8]) {
    let Some((marks, data)) = data.split_first() else { return };
    let site = Site::new();
    let mut model = Model::default();
    for file in data.split(|octet| *octet == 0xff).take(MOST) {
        site.put(file, &mut model);
    }
    let maildir = Maildir::new(site.0.path(), |_| {});
    let expected = model.messages();
    // Once with the stored sizes of the input, once after a message may have shown that they are wrong, and once with those
    // that the Maildir has stored itself.
    for round in 0..3 {
        let mailbox = maildir.open().expect("it can be read").expect("no session has it open");
        let trusts = model.has_sizes && round == 0;
        let is_right = check(&mailbox, &expected, trusts);
        assert!(is_right || round == 0, "sizes that are known to be wrong are used again");
        if round == 2 {
            remove(mailbox, *marks, &expected, &site);
        }
    }
}

/// A path and its content.
type File = (PathBuf, Vec<u8>);

/// The messages by sort key.
type Messages = BTreeMap<(u64, Vec<u8>), File>;

/// What is in the folders.
#[derive(Default)]
struct Model {
    /// The regular files by folder and base name. `cur` is `true`.
    files: BTreeMap<(bool, Vec<u8>), File>,
    has_sizes: bool,
}

impl Model {
    /// Returns the messages. If both folders have a file with the same base name, the one in `cur` counts.
    fn messages(&self) -> Messages {
        let delivered = |base: &[u8]| {
            let digits = base.iter().take_while(|octet| octet.is_ascii_digit());
            let digits: String = digits.map(|octet| char::from(*octet)).collect();
            if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) }
        };
        let files = self.files.iter();
        files.map(|((_, base), file)| ((delivered(base), base.clone()), file.clone())).collect()
    }
}

/// Returns a file name up to the flags.
fn base(name: &[u8]) -> Vec<u8> {
    name.split(|octet| *octet == b':').next().unwrap_or_default().to_vec()
}

/// The folder of a Maildir.
struct Site(Folder);

impl Site {
    fn new() -> Self {
        let root = Folder::create();
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir(root.join(folder)).expect("a folder");
        }
        Site(root)
    }

    /// Creates a file. Names that no file can have are left out.
    fn put(&self, file: &[u8], model: &mut Model) {
        let Some((kind, rest)) = file.split_first() else { return };
        let end = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
        let (name, content) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        let folder = match kind {
            b'n' | b'l' | b'd' => "new",
            b'c' => "cur",
            b't' => "tmp",
            b's' => {
                model.has_sizes |= fs::write(self.0.join(SIZES), rest).is_ok();
                return;
            }
            _ => return,
        };
        let path = self.0.join(folder).join(OsStr::from_bytes(name));
        // Of two files with one base name in one folder, either may be listed.
        let key = (*kind == b'c', base(name));
        if name.is_empty() || name.contains(&b'/') || name.contains(&0) || model.files.contains_key(&key) {
            return;
        }
        let made = match kind {
            b'l' => symlink("/dev/zero", &path),
            b'd' => fs::create_dir(&path),
            _ if fs::symlink_metadata(&path).is_ok() => return,
            _ => fs::write(&path, content),
        };
        let is_message = matches!(kind, b'n' | b'c') && !name.starts_with(b".");
        if made.is_ok() && is_message {
            model.files.insert(key, (path, content.to_vec()));
        }
    }
}

/// Compares a session with the files. Returns whether all messages could be read. If the session trusts sizes from the input,
/// a message whose size is wrong ends with an error.
fn check(mailbox: &Mailbox, expected: &Messages, trusts: bool) -> bool {
    assert_eq!(mailbox.count() as usize, expected.len(), "a message for each base name");
    let mut ids = BTreeSet::new();
    let mut is_right = true;
    for (number, ((_, base), (_, content))) in (1..).zip(expected) {
        let number = MessageNumber::new(number).expect("not 0");
        assert_eq!(mailbox.base_name(number), Some(&**base), "the order of delivery");
        let entry = mailbox.entry(number).expect("a message");
        let (octets, id) = (entry.octets, entry.id.as_bytes().to_vec());
        assert!(ids.insert(id), "two messages have the same unique-id");
        let listed_right = octets == naive::canonical(content).len() as u64;
        assert!(listed_right || trusts, "{octets} octets are listed");
        match text(mailbox, number) {
            Ok(text) => assert!(text == *content && listed_right, "a message that looks complete and is not"),
            Err(error) => {
                assert!(trusts, "{error}");
                is_right = false;
            }
        }
    }
    is_right
}

fn text(mailbox: &Mailbox, number: MessageNumber) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    mailbox.message(number)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Removes the messages that `marks` chooses, and no other file.
fn remove(mut mailbox: Mailbox, marks: u8, expected: &Messages, site: &Site) {
    let is_marked = |number: u32| marks >> (number % 8) & 1 == 1;
    for number in (1..=mailbox.count()).filter(|number| is_marked(*number)) {
        mailbox.mark(MessageNumber::new(number).expect("not 0")).expect("a message");
    }
    assert_eq!(mailbox.remove_marked(), Ok(()));
    for (number, (path, content)) in (1..).zip(expected.values()) {
        let left = fs::read(path).ok();
        let kept = (!is_marked(number)).then_some(content);
        assert_eq!(left.as_ref(), kept, "{}", path.display());
    }
    assert!(site.0.join("tmp").is_dir());
}
