//! The table of quirks in the documentation against the code and its tests.

use pop3_proto::Quirk;
use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("../../src/guide/quirks.md");

/// Returns the rows that have a number, with the answer in each row.
fn rows() -> Vec<(u32, &'static str)> {
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (number, answer) = (cells.next()?.parse().ok()?, cells.nth(1)?);
        Some((number, answer))
    };
    TABLE.lines().filter_map(row).collect()
}

/// Adds the Rust files below a directory to one text.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_quirk_has_its_row_and_its_answer() {
    let numbers: Vec<u32> = rows().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=55).collect::<Vec<_>>());
    for (number, answer) in rows() {
        let answers = ["**Accepted**", "**Refused**", "**Out of scope**: "];
        assert!(answers.iter().any(|start| answer.starts_with(start)), "{number}: {answer}");
        let reasoned = !answer.starts_with("**Out of scope**") || answer.len() > 60;
        assert!(reasoned, "{number} gives its reason");
    }
}

#[test]
fn each_row_that_is_in_scope_is_proved_by_a_test() {
    let mut text = String::new();
    for directory in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut text);
    }
    let in_scope = rows().into_iter().filter(|(_, answer)| !answer.starts_with("**Out of scope**"));
    let unproved: Vec<_> = in_scope
        .map(|(number, _)| number)
        .filter(|number| !text.contains(&format!("fn quirk_{number}_")))
        .collect();
    assert!(unproved.is_empty(), "no test for {unproved:?}");
}

#[test]
fn recorded_quirks_and_the_table_agree() {
    let names: Vec<String> = Quirk::ALL.iter().map(|quirk| format!("{quirk:?}")).collect();
    for name in &names {
        assert!(TABLE.contains(&format!("`{name}`")), "{name} has no row");
    }
    for part in TABLE.split("recorded as `").skip(1) {
        let name = part.split('`').next().unwrap();
        assert!(names.iter().any(|known| known == name), "{name} is not a quirk");
    }
}
