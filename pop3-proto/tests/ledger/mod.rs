//! The ledger: every requirement in `rows.txt` is named by a test, in its name or in its doc comment.

use std::{fs, path::Path};

const ROWS: &str = include_str!("rows.txt");

#[test]
fn each_requirement_is_named_by_a_test() {
    let tests = sources(Path::new(env!("CARGO_MANIFEST_DIR")));
    let missing: Vec<&str> = ROWS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("except:"))
        .filter_map(|line| line.split(" | ").next())
        .filter(|id| !is_named(id, &tests))
        .collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}

/// `1939.5.d` is the test `r1939_5_d_...`, or stands in the doc comment of one.
fn is_named(id: &str, tests: &str) -> bool {
    let mut name = id.to_lowercase().replace('.', "_");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, 'r');
    }
    let is_function = tests.contains(&format!("fn {name}_")) || tests.contains(&format!("    {name}_"));
    is_function || tests.lines().any(|line| line.trim_start().starts_with("///") && has_word(line, id))
}

/// Whether `line` holds `word` and not only a longer identifier that begins or ends with it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let behind: String = line[at + word.len()..].chars().take(2).collect();
        let goes_on = behind.starts_with(|c: char| c.is_ascii_alphanumeric())
            || (behind.starts_with('.') && behind.ends_with(|c: char| c.is_ascii_alphanumeric()));
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.') && !goes_on
    })
}

/// All that holds tests: `tests`, and the test modules in `src`; not this file, whose comments name some.
fn sources(package: &Path) -> String {
    let mut all = String::new();
    let mut folders = vec![package.join("src"), package.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests/ledger") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&tests_of(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    all
}

/// The part of a file that can hold tests: the doc comments of the library name requirements too, and prove none.
fn tests_of(source: &str) -> String {
    let from = source.find("#[test]").or_else(|| source.find("transcripts!")).unwrap_or(source.len());
    // The doc comment of the first test stands before its attribute.
    let from = source[..from].rfind("\n\n").unwrap_or(0);
    source[from..].to_owned()
}

#[test]
fn the_check_sees_what_is_not_named() {
    let tests = "/// Also 1939.5.e.\n#[test]\nfn r1939_5_d_a_number_that_names_no_message() {}";
    assert!(is_named("1939.5.d", tests) && is_named("1939.5.e", tests));
    assert!(!is_named("1939.5.f", tests) && !is_named("1939.5.dd", tests) && !is_named("939.5.e", tests));
}
