//! Imports a Maildir with its unique-ids, so clients do not fetch again what they have.

use crate::Result;
use crate::canonical::canonical;
use crate::database::Database;
use crate::id::Id;
use crate::objects::Objects;
use crate::operations::Maildrop;
use crate::site::{Delivery, Site};
use pop3_proto::MessageNumber;
use pop3_proto::server::Maildrop as _;
use pop3_proto_maildir::{Ids, Mailbox, Maildir};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// What an import did.
#[derive(PartialEq, Eq, Debug)]
pub struct Imported {
    pub new: usize,
    /// Messages that an earlier import has brought.
    pub known: usize,
}

/// A message to import.
struct Item {
    number: MessageNumber,
    /// Its line in the old server's list. Messages that are not in it come last, in the order of delivery.
    line: usize,
    id: String,
    /// Milliseconds since 1970.
    delivered: u64,
}

/// Imports the messages of a Maildir, in their order. A second run continues where the first one ended.
///
/// # Errors
/// Returns an error if another program has the Maildir open, if a message cannot be read, or if the database or the object store
/// failed. Messages that were imported stay.
pub async fn import(
    site: &Site<Database, Objects>,
    maildrop: Maildrop,
    folder: &Path,
    ids: &Ids,
) -> Result<Imported> {
    let maildir = Maildir::new(folder, |line| tracing::error!("{line}"));
    let mailbox = maildir.open()?.map_err(|_| "another program has the Maildir open: stop it first")?;
    let items = items(&mailbox, ids)?;
    let files = files(folder)?;
    if files != items.len() {
        let error = format!("{files} files, but only {} can be imported: nothing was imported", items.len());
        return Err(error.into());
    }
    let known: HashSet<String> = site.rows.imported(maildrop).await?.into_iter().collect();
    let (mut imported, mut last) = (Imported { new: 0, known: 0 }, 0);
    for item in items {
        last = item.delivered.max(last + 1); // two ids of one time would have a random order
        if known.contains(&item.id) {
            imported.known += 1;
            continue;
        }
        let message = canonical(pop3_proto_serve::Mailbox::message(&mailbox, item.number).await?);
        match site.deliver(maildrop, (Id::at(last)?, Some(&item.id)), message).await? {
            Delivery::Done => imported.new += 1,
            Delivery::NotDone => return Err("the maildrop is being moved: try again later".into()),
        }
    }
    Ok(imported)
}

/// Returns the messages in the order in which the old server listed them.
fn items(mailbox: &Mailbox, ids: &Ids) -> Result<Vec<Item>> {
    let mut items = Vec::with_capacity(mailbox.count() as usize);
    for number in (1..=mailbox.count()).filter_map(|number| MessageNumber::new(number).ok()) {
        let base = mailbox.base_name(number).ok_or("the Maildir changes")?;
        let own = mailbox.entry(number).map_err(|_| "a message has no unique-id")?.id;
        let (line, id) = match ids.get(base) {
            Some((line, id)) => (line, id.to_owned()),
            None => (usize::MAX, String::from_utf8_lossy(own.as_bytes()).into_owned()),
        };
        items.push(Item { number, line, id, delivered: delivered(base) });
    }
    items.sort_by_key(|item| item.line); // stable: the rest stays in the order of delivery
    let mut seen = HashSet::new();
    match items.iter().find(|item| !seen.insert(&item.id)) {
        Some(item) => Err(format!("two messages have the unique-id {:?}", item.id).into()),
        None => Ok(items),
    }
}

/// Returns the time at the start of a base name, in milliseconds.
fn delivered(base: &[u8]) -> u64 {
    let digits = base.iter().take_while(|byte| byte.is_ascii_digit()).take(10);
    digits.fold(0, |seconds, digit| seconds * 10 + u64::from(digit - b'0')) * 1000
}

/// Counts the files that should be messages.
fn files(maildir: &Path) -> Result<usize> {
    let mut files = 0;
    for folder in ["new", "cur"] {
        for file in fs::read_dir(maildir.join(folder))? {
            files += usize::from(!file?.file_name().as_encoded_bytes().starts_with(b"."));
        }
    }
    Ok(files)
}
