//! The file of users, the files next to it, and the facts about names that a client can learn.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pop3_proto_serve::scram::Verifier;
use pop3_proto_serve::users::{self, Users};
use ring::hmac;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A folder for a file of users.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    /// Returns a folder with the user `mrose`.
    fn with_user() -> Self {
        let folder = Self::new();
        folder.add("mrose", "tanstaaf").unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, password: &str) -> pop3_proto_serve::Result<()> {
        users::add(&self.path("users"), name, password, &self.path("Maildir"))
    }

    fn read(&self) -> Users {
        Users::read(&self.path("users")).unwrap()
    }

    fn read_error(&self) -> String {
        Users::read(&self.path("users")).map(drop).unwrap_err().to_string()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("users")).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Returns the salt and the server key.
fn salt_and_key(verifier: &Verifier) -> [Vec<u8>; 2] {
    let text = verifier.to_string();
    let parts: Vec<_> = text.split(['$', ':']).collect();
    [parts[2], parts[4]].map(|part| BASE64_STANDARD.decode(part).unwrap())
}

#[test]
fn a_users_file_keeps_verifiers_and_no_passwords() {
    let folder = Folder::new();
    folder.add("mrose", "old password").unwrap();
    folder.add("another", "tanstaaf").unwrap();
    folder.add("mrose", "sekret").unwrap();
    let text = folder.text();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains("sekret") && text.contains("mrose\tSCRAM-SHA-256$10000:"));
    let users = folder.read();
    for (name, password, right) in [
        ("mrose", "sekret", true),
        ("mrose", "old password", false),
        ("another", "tanstaaf", true),
        ("", "", false),
    ] {
        // Twice, because a right password is remembered.
        assert_eq!([users.is_right(name.as_bytes(), password.as_bytes()); 2], [right; 2], "{name}");
    }
    let maildir = users.maildir(b"another").unwrap();
    assert_eq!(maildir.root(), folder.path("Maildir"));
    assert!(folder.add("a\tb", "sekret").is_err());
    assert_eq!(folder.files(), ["Maildir", "users", "users.lock", "users.secret"]);
}

/// A user with an account knows its server key, which must not reveal the salts of unknown names.
#[test]
fn no_user_can_compute_which_names_exist() {
    let folder = Folder::with_user();
    let users = folder.read();
    let [_, key] = salt_and_key(&users.verifier(b"mrose"));
    for name in ["nobody", "noone"] {
        let guess = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), name.as_bytes());
        let [salt, _] = salt_and_key(&users.verifier(name.as_bytes()));
        assert_ne!(salt, guess.as_ref()[..salt.len()], "{name}");
    }
}

/// A user's salt survives restarts, and differs at another site. So must the salts of unknown names.
#[test]
fn the_salt_of_an_unknown_name_comes_from_the_site() {
    let folder = Folder::with_user();
    let salt = |users: &Users| salt_and_key(&users.verifier(b"nobody"))[0].clone();
    let first = salt(&folder.read());
    assert_eq!(first, salt(&folder.read()));
    folder.add("another", "tanstaaf").unwrap();
    assert_eq!(first, salt(&folder.read()), "another user changes it");
    let other = Folder::new();
    fs::copy(folder.path("users"), other.path("users")).unwrap();
    assert_ne!(first, salt(&other.read()), "it depends on the users alone");
    let one = || salt(&Users::one("mrose", "tanstaaf", other.0.path()).unwrap());
    assert_ne!(one(), one(), "a user made at each start has a new salt, and so must an unknown name");
}

#[test]
fn unknown_names_look_like_known_users() {
    let folder = Folder::with_user();
    let keys = format!("{0}:{0}", BASE64_STANDARD.encode([1; 32]));
    let shapes = [(4096, 16), (10_000, 16), (10_000, 64), (20_000, 0)];
    let line = |&(rounds, salt): &(u32, usize)| {
        let salt_text = BASE64_STANDARD.encode(vec![2; salt]);
        format!("user{rounds}-{salt}\tSCRAM-SHA-256${rounds}:{salt_text}${keys}\t/nowhere\n")
    };
    fs::write(folder.path("users"), shapes.iter().map(line).collect::<String>()).unwrap();
    let users = folder.read();
    let shape = |name: &str| {
        let (rounds, salt) = users.verifier(name.as_bytes()).shape();
        (rounds.get(), salt)
    };
    let seen: BTreeSet<_> = (0..200).map(|number| shape(&format!("nobody{number}"))).collect();
    assert_eq!(seen, BTreeSet::from(shapes));
}

#[test]
fn the_secret_is_secret() {
    let folder = Folder::with_user();
    assert_eq!((folder.mode("users.secret"), folder.mode("users")), (0o600, 0o600));
    for mode in [0o604, 0o660, 0o602] {
        folder.chmod("users.secret", mode);
        assert!(folder.read_error().contains("users.secret: other users may read this file"), "{mode:o}");
    }
    folder.chmod("users.secret", 0o640); // for the server's own group
    folder.read();
    for half in ["", "c2VrcmV0", "sekret!"] {
        fs::write(folder.path("users.secret"), half).unwrap();
        let error = folder.read_error();
        assert!(error.contains("not a secret of 32 bytes") && !error.contains("ekret!"), "{error}");
    }
}

#[test]
fn a_secret_that_is_missing_is_made_once() {
    let folder = Folder::with_user();
    fs::remove_file(folder.path("users.secret")).unwrap();
    let salts: BTreeSet<_> = std::thread::scope(|scope| {
        let read = || salt_and_key(&folder.read().verifier(b"nobody"))[0].clone();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(read)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(salts.len(), 1);
    assert_eq!(folder.mode("users.secret"), 0o600);
}

#[test]
fn links_are_never_followed_for_writing() {
    let folder = Folder::with_user();
    let victim = folder.path("victim");
    let untouched = || assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.path("users.new")).unwrap(); // where the file is written first
    folder.add("another", "tanstaaf").unwrap();
    untouched();

    for name in ["users", "users.secret", "users.lock"] {
        let folder = Folder::with_user();
        fs::rename(folder.path(name), folder.path("moved")).unwrap();
        symlink(folder.path("moved"), folder.path(name)).unwrap();
        let before = fs::read(folder.path("moved")).unwrap();
        let error = folder.add("another", "tanstaaf").unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert_eq!(fs::read(folder.path("moved")).unwrap(), before, "{name}");
        assert!(fs::symlink_metadata(folder.path(name)).unwrap().is_symlink(), "{name}");
    }
    // The server follows the administrator's own link to read.
    let folder = Folder::with_user();
    fs::rename(folder.path("users"), folder.path("moved")).unwrap();
    symlink("moved", folder.path("users")).unwrap();
    assert!(folder.read().maildir(b"mrose").is_some());
    // Nor does it follow a link in place of the CA's file.
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.path("ca.pem")).unwrap();
    assert!(pop3_proto_serve::self_signed(folder.0.path()).is_err());
    untouched();
}

#[test]
fn a_file_that_is_replaced_keeps_its_group_and_shows_others_nothing() {
    let folder = Folder::with_user();
    folder.chmod("users", 0o644);
    folder.add("another", "tanstaaf").unwrap();
    assert_eq!(folder.mode("users"), 0o640); // the server's own group may still read it
}

#[test]
fn a_user_who_cannot_be_added_changes_nothing() {
    let folder = Folder::with_user();
    let before = folder.text();
    for (name, password) in [("", "x"), ("a\tb", "x"), ("a\nb", "x"), ("mrose", ""), ("mrose", "a\nb")] {
        assert!(folder.add(name, password).is_err());
        assert_eq!((folder.text(), folder.files().len()), (before.clone(), 4));
    }
}

#[test]
fn a_user_who_is_added_leaves_the_other_lines_as_they_are() {
    let folder = Folder::with_user();
    let own = folder.text();
    let other = own.replace("mrose", "third").replace('\n', "\r\r\n");
    fs::write(folder.path("users"), format!("{own}{other}no fields\r\n")).unwrap();
    folder.add("mrose", "sekret").unwrap();
    let text = folder.text();
    assert!(text.starts_with(&format!("{other}no fields\r\nmrose\t")), "{text}");
}

/// Half a line can still be a valid line, with another user's Maildir.
#[test]
fn a_file_that_is_not_whole_is_not_used() {
    let folder = Folder::with_user();
    let users = folder.read();
    let text = folder.text();
    for length in 1..text.len() {
        fs::write(folder.path("users"), &text[..length]).unwrap();
        assert!(users.reload().is_err(), "{length}");
        assert!(folder.add("another", "tanstaaf").is_err(), "{length}");
    }
    assert!(users.is_right(b"mrose", b"tanstaaf"));
}

#[test]
fn a_line_that_is_wrong_is_named_and_not_shown() {
    let folder = Folder::with_user();
    let good = folder.text();
    for bad in [
        "mrose\tsekret\t/",
        "sekret",
        "mrose\tSCRAM-SHA-256$sekret:$:\t/",
        "mrose\tSCRAM-SHA-256$1:s%kret$:\t/",
        "mrose\tSCRAM-SHA-256$1:$s%kret:\t/",
    ] {
        fs::write(folder.path("users"), format!("{good}{bad}\n")).unwrap();
        let error = folder.read_error();
        // The folder's name is random, so it may contain any two characters by chance.
        let (_, fault) = error.split_once("users, line 2: ").ok_or(&error).unwrap();
        assert!(!fault.contains("kret") && !fault.contains("37"), "{fault}");
    }
}

#[test]
fn a_file_that_could_keep_the_server_waiting_is_refused() {
    for name in ["users", "users.secret"] {
        let folder = Folder::with_user();
        fs::remove_file(folder.path(name)).unwrap();
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
        assert!(folder.read_error().contains("not a regular file"), "{name}");
    }
}

#[test]
fn names_are_found_as_they_are_typed_or_prepared() {
    let folder = Folder::new();
    folder.add("j\u{fc}rgen", "tanstaaf").unwrap();
    folder.add("o\u{308}zlem", "sekret").unwrap();
    folder.add("jurgen", "other").unwrap();
    let users = folder.read();
    for (name, password) in [
        ("j\u{fc}rgen", "tanstaaf"),
        ("ju\u{308}rgen", "tanstaaf"),
        ("\u{f6}zlem", "sekret"),
        ("o\u{308}zlem", "sekret"),
        ("jurgen", "other"),
    ] {
        assert!(users.is_right(name.as_bytes(), password.as_bytes()), "{name}");
        assert!(users.maildir(name.as_bytes()).is_some());
    }
    assert!(!users.is_right("jurgen".as_bytes(), b"tanstaaf"));
    // Two users with one name would share a mailbox by accident.
    let error = folder.add("ju\u{308}rgen", "sekret").unwrap_err().to_string();
    assert!(error.contains("would be one name"), "{error}");
    folder.add("j\u{fc}rgen", "new").unwrap();
    assert!(folder.read().is_right("ju\u{308}rgen".as_bytes(), b"new"));
}
