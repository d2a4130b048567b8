//! Files in a Maildir that are not regular. The tests of the Maildir's own package use all kinds. These tests run on one thread,
//! which nothing may block.

use crate::kit::{LOGIN, Site, say};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[tokio::test]
async fn only_regular_files_are_listed() {
    let site = Site::with(&[b"\none\n"]);
    let secret = site.path().join("secret");
    fs::write(&secret, "\nsecret\n").unwrap();
    make_fifo(&site.file(2));
    symlink(&secret, site.file(3)).unwrap();
    symlink("/dev/zero", site.file(4)).unwrap();
    symlink(&secret, site.maildir().join("pop3.sizes.new")).unwrap();
    let answer = site.serve().await.talk(&format!("{LOGIN}STAT\r\nRETR 2\r\nQUIT\r\n")).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("+OK 1 7\r\n-ERR no such message\r\n"), "{answer}");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "\nsecret\n");
}

#[tokio::test]
async fn a_message_that_is_replaced_after_login_is_gone() {
    let site = Site::with(&[b"\none\n", b"\ntwo\n", b"\nthree\n"]);
    let server = site.serve().await;
    let mut stream = server.connect().await;
    say(&mut stream, LOGIN, 3).await;
    for number in [1, 2] {
        fs::remove_file(site.file(number)).unwrap();
    }
    make_fifo(&site.file(1));
    symlink("/dev/zero", site.file(2)).unwrap();
    let told = say(&mut stream, "RETR 1\r\nRETR 2\r\nTOP 1 0\r\n", 3).await;
    assert_eq!(told, "-ERR no such message\r\n".repeat(3));
    let told = say(&mut stream, "RETR 3\r\n", 4).await;
    assert!(told.ends_with("\r\nthree\r\n.\r\n"), "{told}");
    assert!(say(&mut stream, "DELE 1\r\nDELE 3\r\nQUIT\r\n", 3).await.ends_with("+OK bye\r\n"));
    assert_eq!(site.files().len(), 2);
}

#[tokio::test]
async fn a_lock_or_a_folder_that_is_a_link_refuses_the_login() {
    for name in ["pop3.lock", "new"] {
        let site = Site::with(&[]);
        let elsewhere = site.path().join("elsewhere");
        if name == "new" {
            fs::rename(site.maildir().join(name), &elsewhere).unwrap();
        }
        symlink(&elsewhere, site.maildir().join(name)).unwrap();
        let answer = site.serve().await.talk(&format!("{LOGIN}QUIT\r\n")).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("-ERR [SYS/TEMP]"), "{name}: {answer}");
        assert_eq!(elsewhere.exists(), name == "new");
    }
}
