//! The baseline: checks that are known to be red, with a reason for each.

use std::collections::HashSet;

/// A line of a baseline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    pub check: String,
    pub reason: String,
}

/// Reads a baseline. Each line is a check and a reason; lines that begin with `#` are comments.
///
/// # Errors
/// Returns an error for a line without a reason, and for a check that is named twice.
pub fn parse(text: &str) -> Result<Vec<Known>, String> {
    let (mut known, mut names) = (Vec::new(), HashSet::new());
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (check, reason) =
            line.split_once(char::is_whitespace).ok_or(format!("line {number} has no reason: add one"))?;
        if !names.insert(check) {
            return Err(format!("line {number} names {check:?} again: keep one of the lines"));
        }
        known.push(Known { check: check.to_owned(), reason: reason.trim().to_owned() });
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_has_a_check_and_a_reason_in_each_line() {
        let known = parse("# of version 1\n\nlist.one  rounds sizes\nstat.count\tcounts from 0\n").unwrap();
        let lines: Vec<_> = known.iter().map(|line| (line.check.as_str(), line.reason.as_str())).collect();
        assert_eq!(lines, [("list.one", "rounds sizes"), ("stat.count", "counts from 0")]);
        assert!(parse("list.one\n").unwrap_err().contains("line 1 has no reason"));
        assert!(parse("a  b\na  c\n").unwrap_err().contains("line 2 names \"a\" again"));
    }
}
