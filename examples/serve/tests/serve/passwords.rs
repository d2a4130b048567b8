//! Passwords that are not ASCII, or that are long.

use crate::kit::{PASSWORD, Server, Site, door, say};
use crate::logins::{plain, scram};
use pop3_proto::{ApopTimestamp, Secret, apop};
use pop3_proto_serve::passwords::Remembered;
use pop3_proto_serve::scram::{ITERATIONS, Verifier};
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{Guests, Host};
use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};

/// One password, as two keyboards send it.
const COMPOSED: &str = "na\u{ef}vet\u{e9}";
const DECOMPOSED: &str = "nai\u{308}vete\u{301}";
const NAME: &str = "ren\u{e9}e";
const NAME_DECOMPOSED: &str = "rene\u{301}e";

async fn serve(site: &Site, users: Users) -> Server {
    Server::start(door(Host::new(users, Guests::new(99, 99), None), site.path())).await
}

#[tokio::test]
async fn a_password_is_right_however_its_letters_are_composed() {
    for stored in [COMPOSED, DECOMPOSED] {
        let site = Site::with(&[]);
        let server = serve(&site, Users::one(NAME, stored, &site.maildir()).unwrap()).await;
        let capabilities = server.talk_alone("CAPA\r\nQUIT\r\n").await;
        assert!(capabilities.contains("\r\nUTF8 USER\r\n"), "{capabilities}");
        for (name, typed) in
            [(NAME, COMPOSED), (NAME, DECOMPOSED), (NAME_DECOMPOSED, COMPOSED), (NAME_DECOMPOSED, DECOMPOSED)]
        {
            for login in [format!("USER {name}\r\nPASS {typed}\r\n"), plain("", name, typed)] {
                let answer = server.talk_alone(&format!("{login}STAT\r\nQUIT\r\n")).await;
                assert!(answer.contains("+OK 0 0\r\n"), "{stored} {typed}: {answer}");
            }
        }
        // A client of SCRAM prepares the password.
        let mut stream = server.connect().await;
        say(&mut stream, "", 1).await;
        assert_eq!(scram(&mut stream, NAME, COMPOSED).await, "+OK maildrop open\r\n", "{stored}");
    }
}

/// This covers verifiers made when passwords were not prepared, and those of texts that SASLprep refuses.
#[test]
fn a_password_is_right_as_it_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    for password in [COMPOSED, DECOMPOSED, "\u{aa}", "\u{1f511}", "\u{ad}", "soft\u{ad}hyphen", "bell\u{7}"] {
        let old = Verifier::new(password.as_bytes(), ITERATIONS).unwrap();
        fs::write(&file, format!("mrose\t{old}\t/nowhere\n")).unwrap();
        assert!(Users::read(&file).unwrap().is_right(b"mrose", password.as_bytes()), "{password:?}");
        users::add(&file, "mrose", password, folder.path()).unwrap();
        let users = Users::read(&file).unwrap();
        assert!(users.is_right(b"mrose", password.as_bytes()), "{password:?}");
        assert!(!users.is_right(b"mrose", b"") && !users.is_right(b"mrose", "\u{ad}\u{ad}".as_bytes()));
    }
}

#[tokio::test]
async fn apop_takes_the_password_as_it_is() {
    let site = Site::with(&[]);
    let users = Users::one(NAME, DECOMPOSED, &site.maildir()).unwrap();
    let host = Host::new(users, Guests::new(9, 9), Some((NAME.into(), DECOMPOSED.into())));
    let server = Server::start(door(host, site.path())).await;
    for (password, expected) in [(DECOMPOSED, "+OK"), (COMPOSED, "-ERR [AUTH]")] {
        let mut stream = server.connect().await;
        let greeting = say(&mut stream, "", 1).await;
        let timestamp = ApopTimestamp::find(greeting.as_bytes()).unwrap();
        let digest = apop::digest(timestamp, Secret::new(password.as_bytes()).unwrap()).to_hex();
        let digest = String::from_utf8(digest.into()).unwrap();
        let answer = say(&mut stream, &format!("APOP {NAME} {digest}\r\n"), 1).await;
        assert!(answer.starts_with(expected), "{password}: {answer}");
    }
}

/// The longest password that PASS can carry, one that only PLAIN can carry, the longest for PLAIN, and one
/// that is too long.
#[tokio::test]
async fn a_password_is_accepted_if_a_command_can_carry_it() {
    let (pass, plain_alone, most) = ("p".repeat(248), "p".repeat(249), "p".repeat(9_206));
    for (password, by_pass) in [(&pass, true), (&plain_alone, false), (&most, false)] {
        let site = Site::with(&[]);
        let server = serve(&site, Users::one("mrose", password, &site.maildir()).unwrap()).await;
        let answer = server.talk_alone(&format!("USER mrose\r\nPASS {password}\r\nQUIT\r\n")).await;
        assert_eq!(answer.contains("+OK maildrop open"), by_pass, "{}: {answer}", password.len());
        // In two lines, each of which has the whole limit.
        let message = plain("", "mrose", password).replace("AUTH PLAIN ", "");
        let answer = server.talk_alone(&format!("AUTH PLAIN\r\n{message}QUIT\r\n")).await;
        assert!(answer.contains("+OK maildrop open"), "{}: {answer}", password.len());
    }
    let longer = format!("{most}p");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    for error in [
        Users::one("mrose", &longer, folder.path()).map(drop).unwrap_err(),
        users::add(&file, "mrose", &longer, folder.path()).unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.starts_with("the password of \"mrose\" is too long"), "{error}");
        assert!(error.contains("9211 bytes together") && !error.contains("ppp"), "{error}");
    }
    assert!(!file.exists());
}

fn remembered(most: usize) -> Remembered {
    Remembered::new(NonZeroUsize::new(most).unwrap()).unwrap()
}

fn verifier_of(password: &str) -> Verifier {
    Verifier::new(password.as_bytes(), NonZeroU32::MIN).unwrap()
}

#[test]
fn a_right_password_is_remembered_until_the_verifier_changes() {
    let remembered = remembered(9);
    let [old, new] = [PASSWORD, "sekret"].map(verifier_of);
    let nobody = Verifier::of_nobody(NonZeroU32::MIN, vec![0; 16]);
    assert!(!remembered.is_right(b"mrose", &old, b"wrong") && !remembered.knows(b"mrose", &old, b"wrong"));
    assert!(!remembered.knows(b"mrose", &old, PASSWORD.as_bytes()), "it was not checked yet");
    assert!(remembered.is_right(b"mrose", &old, PASSWORD.as_bytes()));
    assert!(remembered.knows(b"mrose", &old, PASSWORD.as_bytes()));
    // Another verifier of the same password, another password, no user, and another name.
    for (name, verifier) in
        [("mrose", &verifier_of(PASSWORD)), ("mrose", &new), ("mrose", &nobody), ("mros", &old)]
    {
        assert!(!remembered.knows(name.as_bytes(), verifier, PASSWORD.as_bytes()), "{name}");
    }
    assert!(!remembered.is_right(b"mrose", &new, PASSWORD.as_bytes()));
    assert!(!remembered.is_right(b"mrose", &nobody, PASSWORD.as_bytes()));
    assert!(remembered.is_right(b"mrose", &new, b"sekret") && remembered.knows(b"mrose", &new, b"sekret"));
}

#[test]
fn the_password_that_was_not_used_for_the_longest_time_is_forgotten() {
    let remembered = remembered(3);
    let verifier = verifier_of(PASSWORD);
    let knows = |name: &str| remembered.knows(name.as_bytes(), &verifier, PASSWORD.as_bytes());
    for name in ["a", "b", "c", "a", "d"] {
        assert!(remembered.is_right(name.as_bytes(), &verifier, PASSWORD.as_bytes()));
    }
    assert!(knows("a") && !knows("b") && knows("c") && knows("d"));
    for name in ["x", "y", "z"] {
        assert!(!remembered.is_right(name.as_bytes(), &verifier, b"wrong"));
    }
    assert!(knows("a"), "wrong passwords take a place");
}

#[test]
fn a_password_that_changed_is_not_remembered_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    let users = |password: &str| users::add(&file, "mrose", password, folder.path()).unwrap();
    users(PASSWORD);
    let read = Users::read(&file).unwrap();
    assert!(read.is_right(b"mrose", PASSWORD.as_bytes()));
    users("sekret");
    assert_eq!(read.reload().unwrap(), Some(1));
    assert!(!read.is_right(b"mrose", PASSWORD.as_bytes()) && read.is_right(b"mrose", b"sekret"));
}
