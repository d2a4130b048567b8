//! The unique-ids that another server gave to the messages of a Maildir.

use pop3_proto::UniqueId;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The list of unique-ids that Dovecot keeps in a Maildir.
const DOVECOT: &str = "dovecot-uidlist";

/// The unique-ids of files, by base name, and the order in which the old server listed them.
#[derive(PartialEq, Eq, Default, Debug)]
pub struct Ids(HashMap<Vec<u8>, (usize, String)>);

/// A result whose error is text for a person.
type Result<T> = std::result::Result<T, String>;

impl Ids {
    /// Reads the ids of a Maildir: from this file, else from Dovecot's list, else none, so the base names are the ids, as [`Mailbox`] has
    /// them.
    ///
    /// # Errors
    /// Returns an error that names the file, and the line that is wrong.
    ///
    /// [`Mailbox`]: crate::Mailbox
    pub fn read(maildir: &Path, file: Option<&Path>) -> Result<Self> {
        let dovecot = maildir.join(DOVECOT);
        let (path, parse): (&Path, fn(&str) -> Result<Self>) = match file {
            Some(file) => (file, Self::of_lines),
            None => (&dovecot, Self::of_dovecot),
        };
        match fs::read_to_string(path) {
            Ok(text) => parse(&text).map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Reads lines of a base name, a tab, and a unique-id. If two lines have the same base name, the later one counts.
    ///
    /// # Errors
    /// Returns an error that names the wrong line.
    pub fn of_lines(text: &str) -> Result<Self> {
        Self::collect(text.lines().zip(1..), |line| {
            line.split_once('\t').map(|(base, id)| (base, id.to_owned()))
        })
    }

    /// Reads Dovecot's list of version 3. A message's id is the one that it kept from another server, else its UID and the list's validity,
    /// as Dovecot's default `pop3_uidl_format`, `%08Xu%08Xv`, writes them: in lower case. If a file is in the list twice, the later line counts,
    /// as for Dovecot.
    ///
    /// # Errors
    /// Returns an error that names the wrong line.
    pub fn of_dovecot(text: &str) -> Result<Self> {
        let mut lines = text.lines().zip(1..);
        let header = lines.next().and_then(|(line, _)| line.strip_prefix("3 "));
        let header = header.ok_or("line 1: not a list of version 3")?;
        let validity = header.split(' ').find_map(|word| decimal(word.strip_prefix('V')?));
        let validity = validity.ok_or("line 1: no validity")?;
        Self::collect(lines, |line| {
            let (words, file) = line.split_once(" :")?;
            let mut words = words.split(' ');
            let uid = decimal(words.next()?)?;
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
                return Err(format!("line {number}: the id is not 1 to 70 visible characters"));
            }
            if !seen.insert(id.clone()) {
                return Err(format!("line {number}: another message has this id"));
            }
            ids.insert(base.as_bytes().to_vec(), (number, id));
        }
        Ok(Ids(ids))
    }

    /// Returns the line and the unique-id of the file with this base name. The old server listed its messages in the order of their lines.
    #[must_use]
    pub fn get(&self, base: &[u8]) -> Option<(usize, &str)> {
        self.0.get(base).map(|(line, id)| (*line, &**id))
    }

    /// Returns how many files have an id.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Returns the value of decimal digits. `parse` would take a sign too.
fn decimal(digits: &str) -> Option<u32> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<'i>(ids: &'i Ids, base: &str) -> &'i str {
        ids.get(base.as_bytes()).unwrap().1
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
            ("3 V+1 N1\n", "line 1"),
            ("3 V1 N9\n1 :a\nx :b\n", "line 3"),
            ("3 V1 N9\n1 :a\n+2 :b\n", "line 3"),
            ("3 V1 N9\n1 Psame :a\n2 Psame :b\n", "line 3"),
        ];
        for (list, line) in lists {
            let error = Ids::of_dovecot(list).unwrap_err();
            assert!(error.starts_with(line), "{list:?}: {error}");
        }
        for (list, line) in [("a\tx\nb\n", "line 2"), ("a\tx y\n", "line 1"), ("a\tx\nb\tx\n", "line 2")] {
            let error = Ids::of_lines(list).unwrap_err();
            assert!(error.starts_with(line), "{list:?}: {error}");
        }
    }
}
