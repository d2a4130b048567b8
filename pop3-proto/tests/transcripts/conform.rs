//! The dialogues of the program `pop3-conform`, which plays them against servers of others. Here the server of the crate plays them: what
//! they leave open is filled from its own output, and the whole is a transcript like others.

use super::fixture::Fixture;
use pop3_proto::script::Script;
use pop3_proto_kit::Host;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const NOTES: &str =
    "@ server ends Quit\n@ user mrose tanstaaf\n@ message id-1\n@ | abc\n@ message id-2 200\n";
const LOGIN: [(&str, &str); 2] = [("USER mrose", "+OK{*}"), ("PASS tanstaaf", "+OK{*}")];

#[test]
fn each_dialogue_of_the_conformance_program_is_played_at_all_cuts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/conform");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let filled = filled(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        super::play(&filled);
        played += 1;
    }
    assert!(played >= 15, "{played}");
}

#[test]
fn a_dialogue_that_the_server_does_not_follow_is_a_fault() {
    for (text, fault) in [
        ("C: NOOP\nS: -ERR{*}\n", ""),
        ("C: NOOP\nS: +OK{*}\n", "\"NOOP\": \"-ERR not in this state\" does not fit"),
        ("@ needs login\nC: NOOP\nS: +OK{*}\n", ""),
        (
            "@ needs login\nC: STAT\nS: +OK {a} {b}\nC: LIST 1\nS: +OK {b} {a}\n",
            "\"LIST 1\": \"+OK 1 5\" does not fit",
        ),
    ] {
        assert_eq!(filled(text).err().unwrap_or_default(), fault, "{text}");
    }
}

/// Returns the dialogue with its login, its end, and the responses of the crate's server.
fn filled(text: &str) -> Result<String, String> {
    let greeting = format!("{NOTES}S: +OK ready\n");
    let script = Script::parse(&greeting).unwrap();
    let fixture = Fixture::of(&script);
    let mut host = Host::with_app(fixture.config, fixture.app(&script));
    let (mut filled, mut bound) = (NOTES.to_owned(), BTreeMap::new());
    write(&mut filled, 'S', &host.say(""));
    let mut steps = steps(text);
    if !text.contains("@ needs nothing") && text.contains("@ needs ") {
        steps.splice(..0, LOGIN.map(|(command, response)| (command, vec![response])));
    }
    if steps.last().is_none_or(|(command, _)| *command != "QUIT") {
        steps.push(("QUIT", vec!["+OK{*}"]));
    }
    for (command, patterns) in steps {
        write(&mut filled, 'C', command);
        let answer = host.say(format!("{command}\r\n"));
        let line = answer.lines().next().unwrap_or_default();
        if !patterns.iter().any(|pattern| fits(pattern, line, &mut bound)) {
            return Err(format!("{command:?}: {line:?} does not fit"));
        }
        write(&mut filled, 'S', &answer);
    }
    Ok(filled + "* connection closes\n")
}

/// The commands, each with its legal responses.
fn steps(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "C:" => steps.push((rest, Vec::new())),
            "S:" | "|" => steps.last_mut().unwrap().1.push(rest),
            _ => {}
        }
    }
    steps
}

fn write(filled: &mut String, side: char, lines: &str) {
    // An empty command is a line too.
    let lines = if lines.is_empty() { "\n" } else { lines };
    for line in lines.lines() {
        *filled += &format!("{side}: {line}\n");
    }
}

/// Whether the line fits: `{*}` is any text, `{name}` a word, and the same word each time.
fn fits<'p>(pattern: &'p str, line: &str, bound: &mut BTreeMap<&'p str, String>) -> bool {
    let Some((literal, rest)) = pattern.split_once('{') else { return pattern == line };
    let (name, rest) = rest.split_once('}').unwrap();
    let Some(line) = line.strip_prefix(literal) else { return false };
    if name == "*" {
        return rest.is_empty();
    }
    let (word, after) = line.split_at(line.find(' ').unwrap_or(line.len()));
    let known = bound.entry(name).or_insert_with(|| word.to_owned());
    !word.is_empty() && known == word && fits(rest, after, bound)
}
