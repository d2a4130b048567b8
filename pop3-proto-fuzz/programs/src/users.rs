//! The file of users of `serve`, and the file with the site's secret: any contents, and any names.

use crate::scram::{NOT_A_VERIFIER, shape};
use pop3_proto_fuzz::folder::Folder;
use pop3_proto_serve::prepare::form;
use pop3_proto_serve::scram::Verifier;
use pop3_proto_serve::users::{self, Users};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

const PASSWORD: &str = "tanstaaf";
/// Bytes that stand for the text of a verifier, of different shapes.
static VERIFIERS: [(u8, &str); 3] = [
    (
        0xFC,
        "SCRAM-SHA-256$1:$AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
    ),
    (
        0xFD,
        "SCRAM-SHA-256$4096:c2FsdA==$AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=:BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=",
    ),
    (
        0xFE,
        "SCRAM-SHA-256$4294967295:MDEyMzQ1Njc4OWFiY2RlZg==$BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=:BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY=",
    ),
];

/// Runs on parts that end at a byte 0xFF: a letter for the kind, and a text.
pub fn run(data: &[u8]) {
    let folder = Folder::create();
    let site = Site { users: folder.join("users"), secret: folder.join("users.secret") };
    let mut parts = Vec::new();
    let mut names = vec![Vec::new()];
    for (kind, text) in data.split(|octet| *octet == 0xff).filter_map(<[u8]>::split_first) {
        match kind {
            b'n' => names.push(text.to_vec()),
            b's' | b'S' => site.write_secret(text, if *kind == b's' { 0o640 } else { 0o644 }),
            _ => parts.push((kind, filled(text))),
        }
    }
    let mut parts = parts.into_iter();
    let Some((b'u', file)) = parts.next() else { return };
    let Some(mut table) = site.open(&file, &names) else { return };
    for (kind, text) in parts.take(4) {
        match kind {
            b'r' => site.reload(&mut table, &text, &names),
            b'a' => site.add(&table, &text),
            _ => {}
        }
    }
}

fn filled(text: &[u8]) -> Vec<u8> {
    let verifier = |octet: &u8| VERIFIERS.iter().find(|(stands, _)| stands == octet);
    text.iter()
        .flat_map(|octet| verifier(octet).map_or(vec![*octet], |(_, text)| text.as_bytes().to_vec()))
        .collect()
}

/// The files of a server.
struct Site {
    users: PathBuf,
    secret: PathBuf,
}

/// The users as the server has read them, and as the oracle has.
struct Table {
    read: Users,
    expected: Model,
}

impl Site {
    fn write_secret(&self, text: &[u8], mode: u32) {
        fs::write(&self.secret, text).expect("the secret");
        fs::set_permissions(&self.secret, Permissions::from_mode(mode)).expect("its mode");
    }

    /// Reads the users of a file. Returns `None` if a file is wrong.
    fn open(&self, file: &[u8], names: &[Vec<u8>]) -> Option<Table> {
        fs::write(&self.users, file).expect("the users");
        let expected = Model::read(file).and_then(|model| self.check_secret().map(|()| model));
        let read = Users::read(&self.users).map_err(|error| error.to_string());
        let (read, expected) = match (read, expected) {
            (Ok(read), Ok(expected)) => (read, expected),
            (Err(error), Err(expected)) => {
                // An exact text shows no part of a verifier or of the secret.
                assert_eq!(error, format!("{}{expected}", self.users.display()));
                return None;
            }
            (read, expected) => panic!("{:?}, and not {:?}", read.err(), expected.err()),
        };
        let table = Table { read, expected };
        table.check(names);
        // An unknown name looks the same after a restart.
        let again = Users::read(&self.users).expect("it was read before");
        for name in names {
            assert_eq!(again.verifier(name).to_string(), table.read.verifier(name).to_string());
        }
        Some(table)
    }

    /// Returns the error, up to the path of the users, if there is a secret that cannot be used.
    fn check_secret(&self) -> Result<(), String> {
        let Ok(metadata) = fs::metadata(&self.secret) else { return Ok(()) };
        if metadata.permissions().mode() & 0o007 != 0 {
            return Err(
                ".secret: other users may read this file, which must be secret: chmod 600 FILE".into()
            );
        }
        let text = fs::read(&self.secret).expect("the secret");
        let letters: Vec<u8> = text.trim_ascii().to_vec();
        let is_letter = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
        // 32 bytes are 43 letters and `=`. The last letter has two bits that must be 0.
        let is_secret = letters.len() == 44
            && letters[..43].iter().all(is_letter)
            && letters[43] == b'='
            && b"AEIMQUYcgkosw048".contains(&letters[42]);
        let error = ".secret: not a secret of 32 bytes in base64: remove this file to get a new one";
        is_secret.then_some(()).ok_or(error.into())
    }

    /// Reads another file, in place of the first. A wrong file changes nothing.
    fn reload(&self, table: &mut Table, file: &[u8], names: &[Vec<u8>]) {
        fs::write(&self.users, file).expect("the users");
        let unknown = |table: &Table| {
            names.iter().map(|name| table.read.verifier(name).to_string()).collect::<Vec<_>>()
        };
        let before = unknown(table);
        match (table.read.reload().map_err(|error| error.to_string()), Model::read(file)) {
            (Ok(count), Ok(expected)) => {
                assert_eq!(count, Some(expected.0.len()));
                table.expected = expected;
            }
            (Err(error), Err(expected)) => {
                assert_eq!(error, format!("{}{expected}", self.users.display()));
                assert_eq!(unknown(table), before, "a wrong file changes a verifier");
            }
            (read, expected) => panic!("{read:?}, and not {:?}", expected.err()),
        }
        table.check(names);
    }

    /// Adds a user to the file as it is now, and reads it again.
    fn add(&self, table: &Table, name: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        let before = fs::read(&self.users).expect("the users");
        let root = self.users.with_file_name("Maildir");
        let added = users::add(&self.users, name, PASSWORD, &root);
        let after = fs::read(&self.users).expect("the users");
        let Some(kept) = kept(&before, name) else {
            assert!(added.is_err(), "{name:?} is added");
            assert_eq!(after, before, "a user who is not added changes the file");
            return;
        };
        added.expect("the user can be added");
        let own = after.strip_prefix(&kept[..]).expect("the other lines are unchanged");
        let own = std::str::from_utf8(own).expect("a line");
        assert!(
            own.starts_with(&format!("{name}\t")) && own.ends_with(&format!("\t{}\n", root.display())),
            "{own}"
        );

        table.check(&[]); // the server has not read it yet
        let read = Users::read(&self.users).map_err(|error| error.to_string());
        match (read, Model::read(&after)) {
            (Ok(read), Ok(expected)) => {
                let table = Table { read, expected };
                table.check(&[]);
                let Table { read, .. } = table;
                let name = name.as_bytes();
                assert!(read.maildir(name).is_some_and(|maildir| maildir.root() == root));
                assert_eq!(read.verifier(name).shape(), Verifier::SHAPE);
                assert!(read.is_right(name, PASSWORD.as_bytes()) && read.knows(name, PASSWORD.as_bytes()));
            }
            (read, expected) => {
                let expected = expected.err().map(|error| format!("{}{error}", self.users.display()));
                assert_eq!(read.err(), expected);
            }
        }
    }
}

/// Returns the lines that stay if this user is added, or `None` if the user cannot be added.
fn kept(file: &[u8], name: &str) -> Option<Vec<u8>> {
    if lines(file).is_err() || name.is_empty() || name.contains(char::is_control) {
        return None;
    }
    let mut kept = Vec::new();
    for line in file.split_inclusive(|octet| *octet == b'\n') {
        match fields(std::str::from_utf8(line).ok()?) {
            Some((same, ..)) if same == name => {}
            Some((other, ..)) if form(other.as_bytes()) == form(name.as_bytes()) => return None,
            _ => kept.extend_from_slice(line),
        }
    }
    Some(kept)
}

/// A user's verifier and Maildir.
type User = (String, PathBuf);

/// The users by name.
struct Model(BTreeMap<String, User>);

impl Model {
    /// Reads a file. Returns the error after the path if a line is wrong. If a name is in it twice, the later line counts.
    fn read(file: &[u8]) -> Result<Self, String> {
        let mut users = BTreeMap::new();
        for (line, number) in lines(file)?.into_iter().zip(1..) {
            let wrong = |error: &str| format!(", line {number}: {error}");
            let (name, verifier, maildir) =
                fields(line).ok_or_else(|| wrong("not NAME, VERIFIER, MAILDIR with tabs between"))?;
            shape(verifier).ok_or_else(|| wrong(NOT_A_VERIFIER))?;
            users.insert(name.to_owned(), (verifier.to_owned(), PathBuf::from(maildir)));
        }
        Ok(Model(users))
    }

    /// Returns the user with this name, else the only one whose name has the same form.
    fn find(&self, name: &[u8]) -> Option<&User> {
        let exact = self.0.iter().find(|(own, _)| own.as_bytes() == name);
        let mut similar = self.0.iter().filter(|(own, _)| form(own.as_bytes()) == form(name));
        let only = similar.next().filter(|_| similar.next().is_none());
        exact.or(only).map(|(_, user)| user)
    }

    fn shapes(&self) -> BTreeSet<(NonZeroU32, usize)> {
        let shapes: BTreeSet<_> = self.0.values().filter_map(|(verifier, _)| shape(verifier)).collect();
        if shapes.is_empty() { [Verifier::SHAPE].into() } else { shapes }
    }
}

impl Table {
    /// Compares these names and those in the file.
    fn check(&self, names: &[Vec<u8>]) {
        let Table { read, expected } = self;
        for name in names.iter().map(|name| &name[..]).chain(expected.0.keys().map(String::as_bytes)) {
            let maildir = read.maildir(name);
            let verifier = read.verifier(name);
            assert!(!read.knows(name, PASSWORD.as_bytes()), "no password was right before");
            match expected.find(name) {
                Some((text, root)) => {
                    assert_eq!(verifier.to_string(), *text, "{}", name.escape_ascii());
                    assert!(maildir.is_some_and(|maildir| maildir.root() == *root));
                }
                None => {
                    assert!(maildir.is_none(), "{} has a Maildir", name.escape_ascii());
                    assert!(expected.shapes().contains(&verifier.shape()), "{:?}", verifier.shape());
                    assert_eq!(
                        read.verifier(name).to_string(),
                        verifier.to_string(),
                        "it is the same each time"
                    );
                    let nobody = Verifier::of_nobody(verifier.shape().0, Vec::new()).to_string();
                    let keys = nobody.rsplit('$').next().expect("the keys");
                    assert!(verifier.to_string().ends_with(keys), "a password may be right");
                }
            }
        }
    }
}

/// Returns the lines of a file, or the error after its path. A CR before a line feed belongs to the line end.
fn lines(file: &[u8]) -> Result<Vec<&str>, String> {
    let text = std::str::from_utf8(file).map_err(|_| ": not UTF-8")?;
    let mut lines: Vec<&str> = text.split('\n').collect();
    match lines.pop() {
        Some("") => Ok(lines.iter().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect()),
        _ => Err(": the last line is incomplete: end it with a line feed".into()),
    }
}

/// Returns name, verifier and Maildir.
fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let mut fields = line.splitn(3, '\t');
    Some((fields.next()?, fields.next()?, fields.next()?))
}
