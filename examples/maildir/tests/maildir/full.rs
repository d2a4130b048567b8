//! A full disk.

use crate::kit::{Site, listing, names, number};
use pop3_proto::server::Maildrop;
use pop3_proto_maildir::Maildir;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Set to the root of a file system of 64 KiB, in the process that has it.
const DISK: &str = "POP3_MAILDIR_SMALL_DISK";
/// The exit code if there is no such file system.
const NO_DISK: i32 = 77;

/// Sizes cannot be stored then, but all else works. The test runs itself again in a namespace with a separate
/// disk.
#[test]
fn a_full_disk_keeps_nobody_from_their_mail() {
    if let Some(disk) = std::env::var_os(DISK) {
        return on_a_full_disk(Path::new(&disk));
    }
    let site = Site::with(&[]);
    let script =
        format!("mount -t tmpfs -o size=64k none \"${DISK}\" || exit {NO_DISK}; exec \"$0\" a_full_disk");
    let test = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(test)
        .env(DISK, site.path(""))
        .status();
    match status.map(|status| (status.success(), status.code())) {
        Ok((true, _)) => {}
        Ok((false, Some(1 | NO_DISK))) | Err(_) => eprintln!("not allowed to mount: not tested"),
        Ok(other) => panic!("{other:?}"),
    }
}

fn on_a_full_disk(root: &Path) {
    for folder in ["new", "cur"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::write(root.join("new/1.a"), "one\n").unwrap();
    fs::write(root.join("new/2.b"), "two\n").unwrap();
    let mut fill = File::create(root.join("fill")).unwrap();
    while fill.write_all(&[0; 4096]).is_ok() {}

    let maildir = Maildir::new(root, |line| eprintln!("{line}"));
    let mut mailbox = maildir.open().unwrap().unwrap();
    assert_eq!(listing(&mailbox), [(5, "1.a".into()), (5, "2.b".into())]);
    assert_eq!(names(root), ["cur", "fill", "new", "pop3.lock"]);
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert_eq!(names(&root.join("new")), ["2.b"]);
}
