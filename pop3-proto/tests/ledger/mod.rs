//! The ledger: the guide's table of requirements is complete, and every proof in it is a test that names its row, or a check
//! of `examples/conform` that has the requirement among its rows.

use std::{cmp::Ordering, collections::BTreeMap, fs, path::Path};

const TABLE: &str = include_str!("../../src/guide/conformance.md");
/// A requirement is never removed, and a new one is counted here.
const REQUIREMENTS: usize = 490;
const LEVELS: [&str; 10] =
    ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "GRAMMAR", "LIMIT", "DEF", "ADVICE", "NOTE"];
/// Levels that need a test as proof if the crate keeps the requirement.
const PROVEN: [&str; 6] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "GRAMMAR", "LIMIT"];

/// The names of all tests, each with the doc comments of the tests with this name.
pub(crate) type Tests = BTreeMap<String, String>;

#[test]
fn each_requirement_is_named_by_a_test() {
    let faults = faults(TABLE, &tests_of_the_package());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(rows(TABLE).count(), REQUIREMENTS);
}

struct Row<'t> {
    id: &'t str,
    level: &'t str,
    layers: &'t str,
    requirement: &'t str,
    proof: &'t str,
}

/// Returns the rows whose first cell is a name, which excludes headings and rules. A row with other cells has no
/// proof.
fn rows(table: &str) -> impl Iterator<Item = Row<'_>> {
    table.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let mut cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('|').trim());
        let mut next = || cells.next().unwrap_or_default();
        Row {
            id: next().trim_matches('`'),
            level: next(),
            layers: next(),
            requirement: next(),
            proof: next(),
        }
    })
}

fn faults(table: &str, tests: &Tests) -> Vec<String> {
    let mut faults = Vec::new();
    let mut before = "";
    for row in rows(table) {
        let id = row.id;
        if !before.is_empty() && by_part(before, id) != Ordering::Less {
            faults.push(format!("{id}: double, or not in order after {before}"));
        }
        before = id;
        faults.extend(faults_of(&row, tests).into_iter().map(|fault| format!("{id}: {fault}")));
    }
    faults
}

fn faults_of(row: &Row<'_>, tests: &Tests) -> Vec<String> {
    let mut faults = Vec::new();
    if !LEVELS.contains(&row.level) {
        faults.push(format!("no level: {}", row.level));
    }
    if row.layers != "-" && row.layers.split('/').any(|layer| !["P", "C", "S", "H"].contains(&layer)) {
        faults.push(format!("no layers: {}", row.layers));
    }
    if row.requirement.is_empty() {
        faults.push("no requirement".to_owned());
    }
    let names_tests = row.proof.starts_with(['`']) || row.proof.starts_with("shares ");
    if let Some((kind, reason)) = row.proof.split_once(": ").filter(|_| !names_tests) {
        let is_ours = row.layers.contains(['P', 'C', 'S']) && PROVEN.contains(&row.level);
        match kind {
            "except" => {}
            "host" | "note" if !is_ours => {}
            _ => faults.push(format!("{kind} does not prove it")),
        }
        if reason.is_empty() {
            faults.push("no reason".to_owned());
        }
        return faults;
    }
    for proof in row.proof.split(", ") {
        let is_shared = proof.starts_with("shares ");
        let name = proof.trim_start_matches("shares ").trim_matches('`');
        if name.starts_with(CHECK) {
            faults.extend(fault_of_check(row.id, name, tests));
            continue;
        }
        match tests.get(name) {
            None => faults.push(format!("no test {name:?}")),
            Some(doc) if !is_shared && !is_named(row.id, name, doc) => {
                faults.push(format!("{name} does not name it"));
            }
            Some(_) => {}
        }
    }
    faults
}

/// The prefix of a check of `examples/conform` as a proof. Its rows are its comment among the tests.
const CHECK: &str = "conform: ";

/// Returns the fault of a check as a proof. In the package, which has no folder of checks, no check is known.
fn fault_of_check(id: &str, name: &str, tests: &Tests) -> Option<String> {
    if !tests.keys().any(|name| name.starts_with(CHECK)) {
        return None;
    }
    match tests.get(name) {
        None => Some(format!("no check {name:?}")),
        Some(rows) if rows.lines().all(|row| row != id) => {
            Some(format!("{name} does not have it among its rows"))
        }
        Some(_) => None,
    }
}

/// Returns whether a test names `1939.5.d`: by its name `r1939_5_d_...`, or in its doc comment.
fn is_named(id: &str, test: &str, doc: &str) -> bool {
    let mut name = id.to_lowercase().replace('.', "_");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, 'r');
    }
    let goes_on = test.strip_prefix(&name).is_some_and(|rest| rest.starts_with('_'));
    goes_on || doc.lines().any(|line| has_word(line, id))
}

/// Returns whether `line` contains `word` and not only a longer identifier that begins or ends with it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let behind: String = line[at + word.len()..].chars().take(2).collect();
        let goes_on = behind.starts_with(|c: char| c.is_ascii_alphanumeric())
            || (behind.starts_with('.') && behind.ends_with(|c: char| c.is_ascii_alphanumeric()));
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.') && !goes_on
    })
}

/// Compares ids in the order of the table: document by document, `1939.3.z` before `1939.3.aa`, numbers before
/// letters.
fn by_part(left: &str, right: &str) -> Ordering {
    let parts = |id: &str| -> Vec<(u32, usize, String)> {
        id.split('.').map(|part| (part.parse().unwrap_or(u32::MAX), part.len(), part.to_owned())).collect()
    };
    parts(left).cmp(&parts(right))
}

pub(crate) fn tests_of_the_package() -> Tests {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Tests::new();
    let mut folders = vec![package.join("src"), package.join("tests")];
    // The package has the dialogues without the program.
    let checks = package.join("../examples/conform/src/checks");
    if checks.is_dir() {
        each_file(&checks, |text| add_checks(text, &mut tests));
        each_file(&package.join("tests/transcripts/conform"), |text| add_dialogue(text, &mut tests));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // This file's own tests contain tests as text.
                if !path.ends_with("tests/ledger") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                add_tests(&fs::read_to_string(path).unwrap(), &mut tests);
            }
        }
    }
    tests
}

fn each_file(folder: &Path, mut read: impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        read(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
}

/// Adds the checks of a file: `id: "..."`, and the strings of `rows: &[...]` after it.
fn add_checks(source: &str, tests: &mut Tests) {
    for check in source.split("id: \"").skip(1) {
        let (id, rest) = check.split_once('"').unwrap_or_default();
        let rows =
            rest.split_once("rows: &[").and_then(|(_, rows)| rows.split_once(']')).unwrap_or_default().0;
        let rows: Vec<&str> = rows.split('"').skip(1).step_by(2).collect();
        tests.insert(format!("{CHECK}{id}"), rows.join("\n"));
    }
}

/// Adds the check of a dialogue, from its notes `@ check` and `@ rows`.
fn add_dialogue(source: &str, tests: &mut Tests) {
    let note = |name| source.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    tests.insert(format!("{CHECK}{}", note("@ check ")), note("@ rows ").replace(' ', "\n"));
}

/// Returns functions after `#[test]`, and the names before the files in `transcripts!`, with the comments right above
/// them. The doc comments of the library also name requirements, but they do not prove any.
fn add_tests(source: &str, tests: &mut Tests) {
    let (mut doc, mut is_test) = (String::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            doc.push_str(comment);
            doc.push('\n');
        } else if line == "#[test]" {
            is_test = true;
        } else if !line.starts_with("#[") {
            let function = line.strip_prefix("fn ").and_then(|line| line.split_once('(')).filter(|_| is_test);
            let dialogue = line.split_once(": \"").filter(|(_, file)| file.ends_with(".pop3\","));
            if let Some((name, _)) = function.or(dialogue) {
                tests.entry(name.to_owned()).or_default().push_str(&doc);
            }
            (doc, is_test) = (String::new(), false);
        }
    }
}

const SOURCE: &str = "/// Also 1939.5.e.\n#[test]\nfn r1939_5_d_a_number_that_names_no_message() {}\n\
    /// 1939.5.b\nfn r1939_5_b_is_no_test() {}\ntranscripts! {\n    /// Also 1939.6.d.\n    r1939_6_c_quit: \"quit.pop3\",\n}";

const CHECKS: &str = "Check { id: \"quit.removes\", rows: &[\"1939.6.a\", \"1939.6.c\"], asks: \"\" }";

fn faults_of_rows(rows: &str) -> String {
    let mut tests = Tests::new();
    add_tests(SOURCE, &mut tests);
    add_checks(CHECKS, &mut tests);
    faults(rows, &tests).join("\n")
}

#[test]
fn the_check_finds_a_row_that_is_not_named() {
    let (name, doc) = ("r1939_5_d_a_number_that_names_no_message", " Also 1939.5.e.\n");
    assert!(is_named("1939.5.d", name, doc) && is_named("1939.5.e", name, doc));
    assert!(
        !is_named("1939.5.f", name, doc)
            && !is_named("1939.5.dd", name, doc)
            && !is_named("939.5.e", name, doc)
    );
    for id in ["1939.5.d", "1939.5.e"] {
        let row = format!("| `{id}` | MUST | S | Some rule. | `{name}` |");
        assert_eq!(faults_of_rows(&row), "");
        assert_eq!(
            faults_of_rows(&row.replace(id, "1939.5.f")),
            format!("1939.5.f: {name} does not name it")
        );
        assert_eq!(faults_of_rows(&row.replace(id, "1939.5.f").replace("| `r", "| shares `r")), "");
    }
}

#[test]
fn the_check_finds_a_name_that_is_not_a_test() {
    for (proof, fault) in [
        ("`r1939_6_c_quit`", ""),
        ("`r1939_6_c_quits`", "1939.6.c: no test \"r1939_6_c_quits\""),
        ("`r1939_6_c_quit`, `r1939_6_c_gone`", "1939.6.c: no test \"r1939_6_c_gone\""),
        ("shares `r1939_5_b_is_no_test`", "1939.6.c: no test \"r1939_5_b_is_no_test\""),
        ("", "1939.6.c: no test \"\""),
    ] {
        assert_eq!(faults_of_rows(&format!("| `1939.6.c` | MUST | S/H | Some rule. | {proof} |")), fault);
    }
}

#[test]
fn the_check_finds_a_missing_check_of_the_kit_and_one_with_other_rows() {
    for (proof, fault) in [
        ("`conform: quit.removes`", ""),
        ("`r1939_6_c_quit`, `conform: quit.removes`", ""),
        ("`conform: quit.remove`", "1939.6.c: no check \"conform: quit.remove\""),
        ("`conform: r1939_6_c_quit`", "1939.6.c: no check \"conform: r1939_6_c_quit\""),
        ("conform: quit.removes", "1939.6.c: conform does not prove it"),
    ] {
        assert_eq!(faults_of_rows(&format!("| `1939.6.c` | MUST | S/H | Some rule. | {proof} |")), fault);
    }
    let other = faults_of_rows("| `1939.6.d` | MUST | S/H | Some rule. | `conform: quit.removes` |");
    assert_eq!(other, "1939.6.d: conform: quit.removes does not have it among its rows");
}

#[test]
fn the_check_finds_a_rule_that_only_a_reason_proves() {
    let row = |level, layers, proof| {
        faults_of_rows(&format!("| `ROB.1` | {level} | {layers} | Some rule. | {proof} |"))
    };
    for (level, layers) in [("MUST", "P"), ("GRAMMAR", "S/H"), ("SHOULD NOT", "C"), ("LIMIT", "P")] {
        assert_eq!(row(level, layers, "host: it does."), "ROB.1: host does not prove it");
        assert_eq!(row(level, layers, "except: for a reason."), "");
    }
    for (level, layers) in [("MUST", "H"), ("DEF", "P"), ("MAY", "S"), ("NOTE", "-")] {
        assert_eq!(row(level, layers, "host: it does."), "");
        assert_eq!(row(level, layers, "else: it does."), "ROB.1: else does not prove it");
    }
    assert_eq!(row("OUGHT", "X", "note: nothing."), "ROB.1: no level: OUGHT\nROB.1: no layers: X");
}

#[test]
fn the_check_sees_rows_that_are_double_or_out_of_order() {
    let order = [
        "1734.2.a",
        "1939.3.z",
        "1939.3.aa",
        "1939.5.e",
        "1939.5.list.a",
        "1939.11.a",
        "AMB.9",
        "AMB.10",
        "ROB.1",
    ];
    let table = |ids: &[&str]| -> String {
        ids.iter().map(|id| format!("| `{id}` | NOTE | - | Some rule. | note: nothing. |\n")).collect()
    };
    assert_eq!(faults_of_rows(&table(&order)), "");
    for at in 1..order.len() {
        let (mut swapped, mut double) = (order, order);
        swapped.swap(at - 1, at);
        double[at] = double[at - 1];
        assert!(!faults_of_rows(&table(&swapped)).is_empty(), "{}", order[at]);
        assert!(!faults_of_rows(&table(&double)).is_empty(), "{}", order[at]);
    }
}
