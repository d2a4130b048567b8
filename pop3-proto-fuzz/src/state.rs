//! The state file of the example `fetch`, which lists stored messages under the unique-ids that a server chose.

// The file itself, because the package needs TLS, a runtime and SCRAM.
#[allow(dead_code)]
#[path = "../../examples/fetch/src/known.rs"]
mod known;

use known::{Known, Note};
use pop3_proto::UniqueId;
use std::ffi::OsString;

/// The first byte chooses between a file of any bytes, and lines that `fetch` writes for a hostile server.
pub fn run(data: &[u8]) {
    let Some((pick, data)) = data.split_first() else { return };
    match pick % 2 {
        0 => any_file(data),
        _ => written(data),
    }
}

type Record = (Vec<u8>, OsString, Note);

/// Returns the records of a state file, up to the first damaged line.
fn records(state: &[u8]) -> (Vec<Record>, bool) {
    let mut records = Vec::new();
    for record in known::records(state) {
        let Ok((id, name, note)) = record else { return (records, false) };
        records.push((id.to_vec(), name, note));
    }
    (records, true)
}

fn apply(records: &[Record]) -> Known {
    let mut known = Known::default();
    records.iter().for_each(|(id, name, note)| known.apply(id, name, *note));
    known
}

/// Returns everything that a file says, in an order that does not depend on a table of hashes. `copies` keeps the order of
/// messages with the same unique-id.
fn content(known: &Known) -> Vec<String> {
    let entries = known.iter().map(|(id, entry)| {
        let copies = known.entries(id).iter().map(|copy| &copy.name).collect::<Vec<_>>();
        format!("{id:?} {:?} {} {:?} {} {copies:?}", entry.name, entry.utf8, entry.sizes, entry.marked)
    });
    let mut content: Vec<String> = entries.collect();
    content.sort();
    content
}

/// Any file: the shorter file has the same content, and a file that was cut while it was written has fewer records and no
/// others.
fn any_file(state: &[u8]) {
    let (all, is_good) = records(state);
    let known = apply(&all);
    if is_good {
        let (again, is_good) = records(&known.lines());
        assert!(is_good, "the shorter file is damaged");
        assert_eq!(content(&apply(&again)), content(&known), "the shorter file says something else");
        assert!(again.len() <= all.len(), "the shorter file is longer");
    }
    for end in (0..state.len()).step_by(state.len() / 16 + 1) {
        let (cut, _) = records(&state[..end]);
        assert_eq!(cut[..], all[..cut.len()], "a record that was not written");
    }
}

/// Lines of `fetch`: each is read as it was written, whatever unique-id a server chose.
fn written(data: &[u8]) {
    let mut expected = Vec::new();
    let mut state = Vec::new();
    for (number, part) in data.split(|octet| *octet == 0xff).enumerate() {
        let Some((kind, id)) = part.split_first() else { continue };
        if !id.is_empty() && UniqueId::new(id).is_err() {
            continue;
        }
        let name = OsString::from(format!("{}.eml", number % 3));
        let (utf8, size) = (kind & 8 != 0, u64::from(*kind) << (kind % 57));
        let note = match kind % 5 {
            0 => Note::Stored { utf8, size: None },
            1 => Note::Stored { utf8, size: Some(size) },
            2 => Note::Listed { utf8, size },
            3 => Note::Marked,
            _ => Note::Forgotten,
        };
        state.extend(known::line(id, &name, note));
        expected.push((id.to_vec(), name, note));
    }
    assert_eq!(records(&state), (expected, true), "a line is read as it was written");
    any_file(&state);
}
