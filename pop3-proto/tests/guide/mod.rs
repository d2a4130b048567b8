//! The guide's pictures and names are right: the picture of the states is drawn from the table of commands and from a
//! client's behaviour, and the proofs on the page about security exist.

mod draw;
mod moves;

use crate::ledger::tests_of_the_package;
use std::{env, fs, path::Path};

/// To draw it again: `POP3_STATES=write cargo test -p pop3-proto --test tests the_picture_of_the_states`.
#[test]
fn the_picture_of_the_states_is_the_tables() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/states.svg");
    let drawn = draw::picture();
    if env::var_os("POP3_STATES").is_some() {
        fs::write(&file, &drawn).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        drawn,
        "the picture is stale; the comment above says how to draw it again"
    );
}

/// The picture of sans-I/O shows calls in a monospace font. Each of them is a method of the public API.
#[test]
fn the_calls_in_the_picture_of_sans_io_exist() {
    let picture = include_str!("../../src/guide/sans_io.svg");
    let api = include_str!("../api/none.txt");
    let labels = picture.lines().filter(|line| line.contains("monospace"));
    let calls: Vec<&str> = labels
        .flat_map(|line| line.split(['>', '<', '.']))
        .filter_map(|part| part.split_once('(').map(|(name, _)| name))
        .filter(|name| name.starts_with(char::is_lowercase)) // not `Ok(Some(next))`
        .collect();
    assert!(calls.len() >= 6, "{calls:?}");
    let missing: Vec<_> = calls.iter().filter(|name| !api.contains(&format!("::{name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_tests_that_prove_the_promises_on_security_are_there() {
    let tests = tests_of_the_package();
    let words = include_str!("../../SECURITY.md").split('`').skip(1).step_by(2);
    let is_name = |word: &&str| {
        word.len() > 20 && word.chars().all(|octet| octet.is_ascii_alphanumeric() || octet == '_')
    };
    let named: Vec<_> = words.filter(is_name).collect();
    assert!(named.len() > 30, "{named:?}");
    let missing: Vec<_> = named.into_iter().filter(|name| !tests.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
