//! The committed corpora: one file for each target, because thousands of small files would be slow to check out.
//!
//! A file contains inputs one after the other. Each is its length in decimal digits, a line feed, its bytes, and a line feed.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the file with the inputs of a target.
#[must_use]
pub fn file(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(target)
}

/// Returns the committed inputs of a target.
///
/// # Panics
/// Panics if the file cannot be read or is damaged.
#[must_use]
pub fn read(target: &str) -> Vec<Vec<u8>> {
    let file = file(target);
    let packed = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    unpack(&packed).unwrap_or_else(|| panic!("{}: damaged", file.display()))
}

/// Returns the inputs in a file, or `None` if it is damaged.
#[must_use]
pub fn unpack(mut packed: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut inputs = Vec::new();
    while !packed.is_empty() {
        let end = packed.iter().position(|octet| *octet == b'\n')?;
        let length: usize = std::str::from_utf8(&packed[..end]).ok()?.parse().ok()?;
        let (input, rest) = packed[end + 1..].split_at_checked(length)?;
        inputs.push(input.to_vec());
        packed = rest.strip_prefix(b"\n")?;
    }
    Some(inputs)
}

/// Returns a file with these inputs, the shortest first.
#[must_use]
pub fn pack(mut inputs: Vec<Vec<u8>>) -> Vec<u8> {
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let parts = inputs
        .iter()
        .flat_map(|input| [format!("{}\n", input.len()).into_bytes(), input.clone(), vec![b'\n']]);
    parts.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_contains_the_inputs_that_were_packed() {
        let inputs = [&b""[..], b"\n", b"5\nfive!\n", &[0; 300]].map(<[u8]>::to_vec);
        let packed =
            pack(vec![inputs[3].clone(), inputs[1].clone(), inputs[2].clone(), inputs[0].clone(), vec![]]);
        assert_eq!(unpack(&packed).unwrap(), inputs);
        for damaged in [&packed[..packed.len() - 1], &packed[1..], b"7\nshort\n", b"-1\n\n", b"x\n"] {
            assert_eq!(unpack(damaged), None, "{}", damaged.escape_ascii());
        }
    }
}
