use super::*;
use crate::Maildir;
use pop3_proto::server::Maildrop as _;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Longer than until a change counts as old.
const OLD: Duration = Duration::from_millis(3100);

struct Site(PathBuf);

impl Site {
    fn with(name: &str, messages: usize) -> Self {
        let site =
            Site(std::env::temp_dir().join(format!("pop3-maildir-kept-{}-{name}", std::process::id())));
        for folder in FOLDERS {
            fs::create_dir_all(site.0.join(folder)).unwrap();
        }
        for number in 0..messages {
            fs::write(site.0.join(format!("new/{number}.a")), "text\n").unwrap();
        }
        site
    }

    fn maildir(&self) -> Maildir {
        Maildir::new(&*self.0, |line| eprintln!("{line}"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn count(maildir: &Maildir) -> u32 {
    maildir.open().unwrap().unwrap().count()
}

fn is_kept(maildir: &Maildir) -> bool {
    let versions = Versions::of(&Root::open(maildir.root()).unwrap());
    versions.is_ok_and(|versions| maildir.kept().get(versions).is_some())
}

#[test]
fn a_listing_is_kept_after_two_quiet_seconds() {
    let site = Site::with("quiet", 2);
    let maildir = site.maildir();
    assert!(maildir.open().is_ok());
    assert_eq!(count(&maildir), 2);
    assert!(!is_kept(&maildir), "another message could come within the same tick");
    sleep(OLD);
    assert_eq!(count(&maildir), 2);
    assert!(is_kept(&maildir));
    fs::write(site.0.join("new/3.a"), "text\n").unwrap();
    assert_eq!(count(&maildir), 3);
    assert!(!is_kept(&maildir));
}

#[test]
fn a_long_listing_is_not_kept_nor_one_with_a_file_left_out() {
    let (long, left_out) = (Site::with("long", MOST + 1), Site::with("left-out", 1));
    // Its sizes are known, so nothing is counted.
    fs::create_dir(left_out.0.join("cur/folder")).unwrap();
    for site in [&long, &left_out] {
        count(&site.maildir()); // counts
    }
    sleep(OLD);
    for site in [&long, &left_out] {
        let maildir = site.maildir();
        count(&maildir);
        assert!(!is_kept(&maildir));
    }
}
