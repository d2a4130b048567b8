//! The lists of unique-ids that an import of the example site reads: lines of base names and ids, and the list of Dovecot.

use crate::naive;
use pop3_proto_maildir::Ids;
use std::collections::{BTreeMap, BTreeSet};

/// The first byte chooses the format. The list follows.
pub fn run(data: &[u8]) {
    let Some((pick, list)) = data.split_first() else { return };
    let Ok(list) = std::str::from_utf8(list) else { return };
    let (ids, expected) = match pick % 2 {
        0 => (Ids::of_lines(list), read(&lines(list), 1, pair)),
        _ => (Ids::of_dovecot(list), dovecot(&lines(list))),
    };
    let (ids, expected) = match (ids, expected) {
        (Ok(ids), Ok(expected)) => (ids, expected),
        (Err(error), Err(line)) => {
            return assert!(error.starts_with(&format!("line {line}: ")), "{line}: {error}");
        }
        (ids, expected) => panic!("{ids:?}, and not {expected:?}"),
    };
    assert_eq!(ids.count(), expected.len());
    for (base, (line, id)) in &expected {
        assert_eq!(ids.get(base.as_bytes()), Some((*line, &**id)), "{base:?}");
    }
}

/// Lines and ids by base name, or the number of the wrong line.
type Expected = Result<BTreeMap<String, (usize, String)>, usize>;

/// Returns the lines. A CR before a line feed belongs to the line end.
fn lines(list: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = list.split('\n').collect();
    let last = lines.pop().unwrap_or_default();
    let mut lines: Vec<&str> = lines.iter().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    lines.extend((!last.is_empty()).then_some(last));
    lines
}

/// Reads lines, the first of which has this number.
fn read(lines: &[&str], first: usize, pair: impl Fn(&str) -> Option<(String, String)>) -> Expected {
    let mut by_base = BTreeMap::new();
    let mut used = BTreeSet::new();
    for (line, number) in lines.iter().zip(first..) {
        let (base, id) = pair(line).ok_or(number)?;
        let is_valid = matches!(id.len(), 1..=70) && id.bytes().all(|octet| octet.is_ascii_graphic());
        if !is_valid || !used.insert(id.clone()) {
            return Err(number);
        }
        by_base.insert(base, (number, id));
    }
    Ok(by_base)
}

/// Reads a base name, a tab, and an id.
fn pair(line: &str) -> Option<(String, String)> {
    let tab = line.find('\t')?;
    Some((line[..tab].into(), line[tab + 1..].into()))
}

/// Reads the first line and the others. The fields after a UID are a letter and a value.
fn dovecot(lines: &[&str]) -> Expected {
    let header: Vec<&str> = lines.first().ok_or(1usize)?.split(' ').collect();
    let valid = |word: &&str| word.strip_prefix('V').and_then(number);
    let validity = header[1..].iter().find_map(valid).filter(|_| header[0] == "3").ok_or(1usize)?;
    read(&lines[1..], 2, |line| {
        let colon = line.find(" :")?;
        let fields: Vec<&str> = line[..colon].split(' ').collect();
        let uid = number(fields[0])?;
        let id = match fields[1..].iter().find(|field| field.starts_with('P')) {
            Some(kept) => kept[1..].to_owned(),
            None => format!("{uid:08x}{validity:08x}"),
        };
        let base: String = line[colon + 2..].chars().take_while(|letter| *letter != ':').collect();
        Some((base, id))
    })
}

fn number(digits: &str) -> Option<u64> {
    naive::decimal(digits.as_bytes(), u32::MAX.into())
}
