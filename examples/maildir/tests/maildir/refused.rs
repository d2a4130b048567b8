//! Removals that the system refuses.

use crate::kit::{Site, names, number};
use pop3_proto::server::{Maildrop, Refusal};
use pop3_proto_maildir::{Mailbox, Maildir};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Set to the root of the Maildir, in the process that may not change it.
const ROOT: &str = "POP3_MAILDIR_REFUSED";
/// The exit code if the system cannot make such a process.
const NOT_POSSIBLE: i32 = 77;

fn site() -> Site {
    Site::with(&[("new/1.a", b"one\n"), ("cur/2.b", b"two\n"), ("cur/3.c", b"three\n")])
}

/// Runs a test again in a namespace made with this option of unshare, after a script.
fn run_again(test: &str, site: &Site, option: &str, script: &str) {
    let status = Command::new("unshare")
        .args([option, "--mount", "sh", "-c", &format!("{script}; exec \"$0\" --exact refused::{test}")])
        .arg(std::env::current_exe().unwrap())
        .env(ROOT, site.path(""))
        .status();
    match status.map(|status| (status.success(), status.code())) {
        Ok((true, _)) => {}
        Ok((false, Some(1 | NOT_POSSIBLE))) | Err(_) => eprintln!("not allowed: not tested"),
        Ok(other) => panic!("{other:?}"),
    }
}

fn with_all_marked(root: &Path) -> Mailbox {
    let mut mailbox = Maildir::new(root, |line| eprintln!("{line}")).open().unwrap().unwrap();
    for message in 1..=mailbox.count() {
        mailbox.mark(number(message)).unwrap();
    }
    mailbox
}

#[test]
fn a_read_only_file_system_refuses_for_good() {
    let Some(root) = std::env::var_os(ROOT) else {
        let script = format!(
            "mount --bind \"${ROOT}/cur\" \"${ROOT}/cur\" && mount -o remount,bind,ro \"${ROOT}/cur\" || exit {NOT_POSSIBLE}"
        );
        return run_again("a_read_only_file_system_refuses_for_good", &site(), "--map-root-user", &script);
    };
    let root = Path::new(&root);
    let mailbox = with_all_marked(root);
    assert_eq!(mailbox.remove_marked(), Err(Refusal::Permanent));
    assert_eq!(names(&root.join("cur")), ["2.b", "3.c"]);
    assert!(names(&root.join("new")).is_empty(), "the rest is removed");
}

#[test]
fn a_folder_that_may_not_be_written_or_read_refuses_for_good() {
    let Some(root) = std::env::var_os(ROOT) else {
        // Not as root, who may do everything.
        let test = "a_folder_that_may_not_be_written_or_read_refuses_for_good";
        return run_again(test, &site(), "--map-user=1000", ":");
    };
    let root = Path::new(&root);
    let mailbox = with_all_marked(root);
    for (mode, left) in [(0o500, 2), (0o300, 2), (0o700, 0)] {
        fs::set_permissions(root.join("cur"), Permissions::from_mode(mode)).unwrap();
        let expected = if left == 0 { Ok(()) } else { Err(Refusal::Permanent) };
        assert_eq!(mailbox.remove_marked(), expected, "{mode:o}");
        fs::set_permissions(root.join("cur"), Permissions::from_mode(0o700)).unwrap();
        assert_eq!(names(&root.join("cur")).len(), left, "{mode:o}");
    }
}

#[test]
fn a_removal_that_may_succeed_later_is_refused_for_now() {
    let site = site();
    let mailbox = with_all_marked(&site.path(""));
    fs::rename(site.path("cur"), site.path("moved")).unwrap();
    assert_eq!(mailbox.remove_marked(), Err(Refusal::Temporary));
    assert_eq!(names(&site.path("new")), ["1.a"]);
    fs::rename(site.path("moved"), site.path("cur")).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
}
