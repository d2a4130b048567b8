//! The contents of the state file: which messages are stored, their unique-ids, and the sizes that the server listed for
//! them.
//!
//! The file is a log. Each line is about one message: its unique-id, the name of its file, and a note, separated by tabs. Lines of
//! earlier versions have no note. They are recognizable because the last field then is a name, which begins with a digit, while a note
//! begins with a letter.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// A stored message.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: OsString,
    /// Whether it was fetched in UTF-8 mode. Earlier versions did not know that mode.
    pub(super) utf8: bool,
    /// The sizes that the server listed for it, outside UTF-8 mode and inside. They may differ, so each is compared only with sizes of
    /// the same mode.
    pub(super) sizes: [Option<u64>; 2],
    /// Whether its deletion was requested without a confirmation that the server removed it.
    pub(super) marked: bool,
    /// Whether this run has met or fetched it.
    pub(super) met: bool,
}

/// The note in a line about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Note {
    /// It is stored. The size is the listed one, if the server listed one.
    Stored { utf8: bool, size: Option<u64> },
    /// The server lists it with this size.
    Listed { utf8: bool, size: u64 },
    /// Its deletion was requested.
    Marked,
    /// Its unique-id no longer refers to it.
    Forgotten,
}

/// The stored messages, by unique-id. A server may give copies of a message the same unique-id (RFC 1939 section 7). Messages of a
/// server without unique-ids have an empty one.
#[derive(Default, Debug)]
pub(super) struct Known(HashMap<Vec<u8>, Vec<Entry>>);

impl Known {
    /// Returns whether no message is stored.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a server has given any message a unique-id.
    pub(super) fn has_ids(&self) -> bool {
        self.0.keys().any(|id| !id.is_empty())
    }

    pub(super) fn entries(&self, id: &[u8]) -> &[Entry] {
        self.0.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn entries_mut(&mut self, id: &[u8]) -> &mut [Entry] {
        self.0.get_mut(id).map(Vec::as_mut_slice).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.0.iter().flat_map(|(id, entries)| entries.iter().map(move |entry| (id.as_slice(), entry)))
    }

    /// Applies a line. A line about a message that is not stored has no effect.
    pub(super) fn apply(&mut self, id: &[u8], name: &OsStr, note: Note) {
        match note {
            Note::Stored { utf8, size } => {
                let mut sizes = [None; 2];
                sizes[usize::from(utf8)] = size;
                let entry = Entry { name: name.into(), utf8, sizes, marked: false, met: false };
                self.0.entry(id.into()).or_default().push(entry);
            }
            Note::Forgotten => {
                let Some(entries) = self.0.get_mut(id) else { return };
                entries.retain(|entry| entry.name != name);
                if entries.is_empty() {
                    self.0.remove(id);
                }
            }
            Note::Listed { .. } | Note::Marked => {
                let entry = self.entries_mut(id).iter_mut().find(|entry| entry.name == name);
                match (entry, note) {
                    (Some(entry), Note::Listed { utf8, size }) => {
                        entry.sizes[usize::from(utf8)] = Some(size);
                    }
                    (Some(entry), _) => entry.marked = true,
                    (None, _) => {}
                }
            }
        }
    }

    /// Returns the fewest lines with the same meaning.
    pub(super) fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (id, entry) in self.iter() {
            let Entry { name, utf8, sizes, marked, .. } = entry;
            let (own, other) = (usize::from(*utf8), usize::from(!*utf8));
            lines.extend(line(id, name, Note::Stored { utf8: *utf8, size: sizes[own] }));
            if let Some(size) = sizes[other] {
                lines.extend(line(id, name, Note::Listed { utf8: !*utf8, size }));
            }
            if *marked {
                lines.extend(line(id, name, Note::Marked));
            }
        }
        lines
    }
}

/// Returns a line of the state file.
pub(super) fn line(id: &[u8], name: &OsStr, note: Note) -> Vec<u8> {
    let mode = |utf8| if utf8 { "utf8" } else { "ascii" };
    let note = match note {
        Note::Stored { utf8, size: Some(size) } => format!("stored {} {size}", mode(utf8)),
        Note::Stored { utf8, size: None } => format!("stored {}", mode(utf8)),
        Note::Listed { utf8, size } => format!("listed {} {size}", mode(utf8)),
        Note::Marked => "marked".into(),
        Note::Forgotten => "forgotten".into(),
    };
    [id, b"\t", name.as_bytes(), b"\t", note.as_bytes(), b"\n"].concat()
}

/// Returns the complete lines of a state file.
pub(super) fn whole(state: &[u8]) -> &[u8] {
    let end = state.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
    &state[..end]
}

/// Returns unique-ids, names and notes.
pub(super) fn records(state: &[u8]) -> impl Iterator<Item = io::Result<(&[u8], OsString, Note)>> {
    let lines = whole(state).split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| record(line).ok_or_else(|| io::Error::other("the state file is damaged")))
}

/// Reads a line from its end, because a unique-id may contain tabs.
fn record(line: &[u8]) -> Option<(&[u8], OsString, Note)> {
    let (before, last) = split_last(line)?;
    if last.first().is_none_or(|first| !first.is_ascii_lowercase()) {
        return Some((before, OsString::from_vec(last.into()), Note::Stored { utf8: false, size: None }));
    }
    let (id, name) = split_last(before)?;
    Some((id, OsString::from_vec(name.into()), read_note(std::str::from_utf8(last).ok()?)?))
}

fn split_last(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let tab = line.iter().rposition(|octet| *octet == b'\t')?;
    Some((&line[..tab], &line[tab + 1..]))
}

fn read_note(note: &str) -> Option<Note> {
    let words: Vec<_> = note.split(' ').collect();
    let is_utf8 = |mode: &str| match mode {
        "ascii" => Some(false),
        "utf8" => Some(true),
        _ => None,
    };
    Some(match words[..] {
        ["stored", mode] => Note::Stored { utf8: is_utf8(mode)?, size: None },
        ["stored", mode, size] => Note::Stored { utf8: is_utf8(mode)?, size: Some(size.parse().ok()?) },
        ["listed", mode, size] => Note::Listed { utf8: is_utf8(mode)?, size: size.parse().ok()? },
        ["marked"] => Note::Marked,
        ["forgotten"] => Note::Forgotten,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: [Note; 6] = [
        Note::Stored { utf8: false, size: Some(5) },
        Note::Stored { utf8: true, size: None },
        Note::Listed { utf8: false, size: 0 },
        Note::Listed { utf8: true, size: u64::MAX },
        Note::Marked,
        Note::Forgotten,
    ];

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for id in [&b"a"[..], b"", b"a\tb", b"\t", b"a\t1.eml\tmarked", b"\xff "] {
            for note in NOTES {
                let line = line(id, OsStr::new("1.eml"), note);
                let read: Vec<_> = records(&line).map(Result::unwrap).collect();
                assert_eq!(read, [(id, OsString::from("1.eml"), note)]);
            }
        }
    }

    #[test]
    fn a_note_that_nobody_knows_is_not_guessed_at() {
        for line in ["a\t1.eml\tmoved\n", "a\t1.eml\tstored utf9\n", "marked\n", "a\tmarked\n"] {
            assert!(records(line.as_bytes()).next().unwrap().is_err(), "{line}");
        }
    }

    #[test]
    fn few_lines_give_the_same_result() {
        let mut known = Known::default();
        let names = ["1.eml", "2.eml", "3.eml"].map(OsStr::new);
        known.apply(b"a", names[0], Note::Stored { utf8: true, size: Some(5) });
        known.apply(b"a", names[1], Note::Stored { utf8: false, size: None });
        known.apply(b"b", names[2], Note::Stored { utf8: false, size: Some(7) });
        known.apply(b"a", names[0], Note::Listed { utf8: false, size: 6 });
        known.apply(b"a", names[0], Note::Marked);
        known.apply(b"b", names[2], Note::Forgotten);
        let expected =
            "a\t1.eml\tstored utf8 5\na\t1.eml\tlisted ascii 6\na\t1.eml\tmarked\na\t2.eml\tstored ascii\n";
        assert_eq!(String::from_utf8(known.lines()).unwrap(), expected);
    }
}
