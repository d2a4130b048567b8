//! Imports a Maildir with its unique-ids, so clients do not fetch again what they have.

use crate::Result;
use crate::canonical::canonical;
use crate::database::Database;
use crate::id::Id;
use crate::objects::Objects;
use crate::operations::Maildrop;
use crate::site::{Delivery, Site};
use pop3_proto::server::Maildrop as _;
use pop3_proto::{MessageNumber, UniqueId};
use pop3_proto_maildir::{Mailbox, Maildir};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The list of unique-ids that Dovecot keeps in a Maildir.
const DOVECOT: &str = "dovecot-uidlist";

/// The unique-ids of files, by base name, and the order in which the old server listed them.
#[derive(PartialEq, Eq, Default, Debug)]
pub struct Ids(HashMap<Vec<u8>, (usize, String)>);

/// What an import did.
#[derive(PartialEq, Eq, Debug)]
pub struct Imported {
    pub new: usize,
    /// Messages that an earlier import has brought.
    pub known: usize,
}

impl Ids {
    /// Reads the ids of a Maildir: from this file, else from Dovecot's list, else none, so the base names are the ids, as `serve` has them.
    ///
    /// # Errors
    /// Returns an error that names the file, and the line that is wrong.
    pub fn read(maildir: &Path, file: Option<&Path>) -> Result<Self> {
        let dovecot = maildir.join(DOVECOT);
        let (path, parse): (&Path, fn(&str) -> Result<Self>) = match file {
            Some(file) => (file, Self::of_lines),
            None => (&dovecot, Self::of_dovecot),
        };
        match fs::read_to_string(path) {
            Ok(text) => parse(&text).map_err(|error| format!("{}: {error}", path.display()).into()),
            Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    /// Reads lines of a base name, a tab, and a unique-id.
    ///
    /// # Errors
    /// Returns an error that names the wrong line.
    pub fn of_lines(text: &str) -> Result<Self> {
        Self::collect(text.lines().zip(1..), |line| {
            line.split_once('\t').map(|(base, id)| (base, id.to_owned()))
        })
    }

    /// Reads Dovecot's list of version 3. A message's id is the one that it kept from another server, else its UID and the list's validity,
    /// as Dovecot's default `pop3_uidl_format`, `%08Xu%08Xv`, writes them: in lower case.
    ///
    /// # Errors
    /// Returns an error that names the wrong line.
    pub fn of_dovecot(text: &str) -> Result<Self> {
        let mut lines = text.lines().zip(1..);
        let header = lines.next().and_then(|(line, _)| line.strip_prefix("3 "));
        let header = header.ok_or("line 1: not a list of version 3")?;
        let validity = header.split(' ').find_map(|word| word.strip_prefix('V')?.parse::<u32>().ok());
        let validity = validity.ok_or("line 1: no validity")?;
        Self::collect(lines, |line| {
            let (words, file) = line.split_once(" :")?;
            let mut words = words.split(' ');
            let uid: u32 = words.next()?.parse().ok()?;
            let kept = words.find_map(|word| word.strip_prefix('P'));
            let id = kept.map_or_else(|| format!("{uid:08x}{validity:08x}"), str::to_owned);
            // Older lists have the flags of the file.
            Some((file.split_once(':').map_or(file, |(base, _)| base), id))
        })
    }

    fn collect<'t>(
        lines: impl Iterator<Item = (&'t str, usize)>,
        parse: impl Fn(&'t str) -> Option<(&'t str, String)>,
    ) -> Result<Self> {
        let (mut ids, mut seen) = (HashMap::new(), HashSet::new());
        for (line, number) in lines {
            let (base, id) = parse(line).ok_or_else(|| format!("line {number}: not a file and its id"))?;
            if UniqueId::new(id.as_bytes()).is_err() {
                return Err(format!("line {number}: the id is not 1 to 70 visible characters").into());
            }
            if !seen.insert(id.clone()) {
                return Err(format!("line {number}: another message has this id").into());
            }
            ids.insert(base.as_bytes().to_vec(), (number, id));
        }
        Ok(Ids(ids))
    }
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
        let (line, id) = match ids.0.get(base) {
            Some((line, id)) => (*line, id.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id<'i>(ids: &'i Ids, base: &str) -> &'i str {
        &ids.0[base.as_bytes()].1
    }

    #[test]
    fn dovecots_list_has_ids_of_its_own_and_ids_that_it_kept() {
        let ids = Ids::of_dovecot(
            "3 V1275660208 N26 G3085f01b7f11094c501100008c4a11c1\n\
             25 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,\n\
             26 W1394 Pkept-id :1276533073.M242911P3632.kurkku\n",
        )
        .unwrap();
        assert_eq!(id(&ids, "1276528487.M364837P9451.kurkku,S=1355,W=1394"), "000000194c0907b0");
        assert_eq!(id(&ids, "1276533073.M242911P3632.kurkku"), "kept-id");
    }

    #[test]
    fn a_wrong_list_is_an_error_that_names_the_line() {
        let lists = [
            ("", "line 1"),
            ("1 V1 N1\n", "line 1"),
            ("3 N1\n", "line 1"),
            ("3 V1 N9\n1 :a\nx :b\n", "line 3"),
            ("3 V1 N9\n1 Psame :a\n2 Psame :b\n", "line 3"),
        ];
        for (list, line) in lists {
            let error = Ids::of_dovecot(list).unwrap_err().to_string();
            assert!(error.starts_with(line), "{list:?}: {error}");
        }
        for (list, line) in [("a\tx\nb\n", "line 2"), ("a\tx y\n", "line 1"), ("a\tx\nb\tx\n", "line 2")] {
            let error = Ids::of_lines(list).unwrap_err().to_string();
            assert!(error.starts_with(line), "{list:?}: {error}");
        }
    }
}
