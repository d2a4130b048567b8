//! A hostile server, over many runs. It must never remove a message that is not stored.

use crate::kit::Reader;
use crate::world::{Fault, Host, Mail, World};
use std::collections::HashMap;
use std::fs;
use tempfile::TempDir;

/// The number of runs with each seed.
const RUNS: u32 = 12;
const SEEDS: u64 = 60;

/// Random numbers from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// The test's record of all messages that ever existed.
#[derive(Default)]
struct History {
    /// How many copies of each text there may be: one, plus one for each time that safety required another.
    copies: HashMap<String, usize>,
    count: u32,
}

impl History {
    /// Adds a new message. There are few unique-ids and few sizes, so they are used again.
    fn arrives(&mut self, dice: &mut Dice, mails: &mut Vec<Mail>) {
        let id = dice.roll(8).to_string();
        if mails.iter().any(|mail| mail.id == id) {
            return; // the server keeps this rule: two messages never have the same unique-id at the same time
        }
        self.count += 1;
        let text = format!("{:05}{}", self.count, "x".repeat(dice.roll(2) as usize));
        let mail = Mail::new(&id, &text);
        self.copies.insert(mail.text.clone(), 1);
        mails.push(mail);
    }

    /// Makes the server count the same message differently.
    fn changes_size(&mut self, dice: &mut Dice, mails: &mut [Mail]) {
        let count = mails.len() as u64;
        if let Some(mail) = mails.get_mut(dice.roll(count.max(1)) as usize) {
            mail.listed += 10 + dice.roll(3) as usize;
            // Fetch another copy if the message was sent outside UTF-8 mode, and is now listed inside with a size that it does
            // not have.
            *self.copies.get_mut(&mail.text).unwrap() += 2;
        }
    }

    /// A session lists part of the messages. The server may have removed the rest, as far as the client can see.
    fn may_come_again(&mut self, mails: &[Mail]) {
        mails.iter().for_each(|mail| *self.copies.get_mut(&mail.text).unwrap() += 1);
    }

    fn check(&self, host: &Host, reader: &Reader, seed: u64) {
        let stored: Vec<String> = fs::read_dir(reader.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        for mail in &host.world().removed {
            assert!(stored.contains(&mail.text), "seed {seed}: {mail:?} is lost");
        }
        for text in &stored {
            let copies = stored.iter().filter(|other| *other == text).count();
            let allowed =
                self.copies.get(text).unwrap_or_else(|| panic!("seed {seed}: {text:?} is half a message"));
            assert!(copies <= *allowed, "seed {seed}: {copies} copies of {text:?}, not {allowed}");
        }
    }
}

/// Returns the server's fault at each command of a run.
fn faults(mut dice: Dice, calm: u64) -> Box<dyn FnMut(&str) -> Fault + Send> {
    Box::new(move |command| {
        let verb = command.split(' ').next().unwrap_or_default();
        match (verb, dice.roll(calm)) {
            (_, 0) => Fault::Break,
            ("QUIT" | "RETR" | "DELE" | "LIST" | "UIDL", 1) => Fault::BreakLate,
            ("RETR" | "DELE" | "UIDL" | "PASS", 2) => Fault::Refuse("[SYS/TEMP] not now"),
            ("RETR" | "DELE" | "UIDL", 3) => Fault::Refuse("no"),
            ("QUIT", 2 | 3) => Fault::BreakLate,
            _ => Fault::None,
        }
    })
}

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let mut history = History::default();
    let mut world = World::new(&[]);
    world.capabilities = match dice.roll(3) {
        0 => "UIDL\r\n",
        1 => "UIDL\r\nPIPELINING\r\n",
        _ => "UIDL\r\nPIPELINING\r\nUTF8\r\n",
    };
    world.removes_always = dice.one_in(4);
    let host = world.serve();
    let mut reader = Reader { folder: folder(), retries: dice.roll(4) as u32, ..Reader::new() };
    for run in 0..=RUNS {
        let is_last = run == RUNS;
        {
            let mut world = host.world();
            for _ in 0..dice.roll(6) {
                history.arrives(&mut dice, &mut world.mails);
            }
            if dice.one_in(4) {
                history.changes_size(&mut dice, &mut world.mails);
            }
            world.window = if dice.one_in(3) { 1 + dice.roll(4) as usize } else { usize::MAX };
            if world.window != usize::MAX {
                history.may_come_again(&world.mails);
            }
            let calm = [6, 12, 40, u64::MAX][dice.roll(4) as usize];
            world.fault =
                if is_last { Box::new(|_| Fault::None) } else { faults(Dice(dice.roll(u64::MAX)), calm) };
        }
        reader.delete = is_last || dice.one_in(2);
        let (_, done) = reader.fetch_from(host.address);
        if is_last {
            done.unwrap();
        }
        history.check(&host, &reader, seed);
        look(&host, &mut reader);
    }
    assert!(host.world().mails.is_empty(), "seed {seed}: {:?} are left", host.world().mails);
    assert_eq!(host.world().removed.len() as u32, history.count, "seed {seed}");
}

/// Makes the server list all its messages and send none. After a lost response to QUIT only a listing shows which unique-ids are free,
/// so none is reused before.
fn look(host: &Host, reader: &mut Reader) {
    host.world().window = usize::MAX;
    host.world().fault = Box::new(|command| match command.split_once(' ') {
        Some(("RETR", _)) => Fault::Refuse("later"),
        _ => Fault::None,
    });
    reader.delete = false;
    reader.fetch_from(host.address).1.unwrap();
}

/// Returns a folder in memory, if there is such a file system, because each message is synced.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn whatever_happens_no_message_is_removed_that_is_not_stored() {
    for seed in 0..SEEDS {
        play(seed);
    }
}
