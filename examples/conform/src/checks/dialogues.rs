//! Checks that are dialogues: files that the tests of the crate play too, at all cuts.
//!
//! To the form of transcripts a file adds `{*}`, which is any text; `{name}`, which is a word, and the same word each time; a line
//! `| ...` with another legal response to the line above it, or `| * connection closes`; and notes: `@ check`, `@ rows`, `@ needs`,
//! `@ legal`, `@ given`, `@ breaks` and `@ keeps`. The engine logs in: the files have no lines for that.

use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::engine::Stop;
use crate::lab::{Lab, State, seen};
use std::collections::BTreeMap;
use std::sync::LazyLock;

macro_rules! files {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("../../../../pop3-proto/tests/transcripts/conform/", $name, ".pop3")))),+]
    };
}

/// The checks of all files. They live as long as the program, as those in code do.
pub(super) static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
    let files = files![
        "noop" "rset" "order" "quit_early" "quit_argument" "pass_first" "user_argument" "surplus" "unknown" "words"
        "list_argument" "retr_argument" "dele_argument" "dele_ok" "dele_twice" "dele_reach" "dele_list"
    ];
    let check =
        |(name, text)| read(text).unwrap_or_else(|line| panic!("{name}.pop3: not understood: {line}"));
    files.map(check).into()
});

/// A dialogue after the login.
#[derive(Debug)]
pub struct Dialogue {
    state: State,
    /// It needs message 1.
    message: bool,
    /// If the first response to this command is another one, there is no verdict.
    given: Option<&'static str>,
    legal: Vec<&'static str>,
    steps: Vec<Step>,
}

/// A command, and its legal responses.
#[derive(Debug)]
struct Step {
    command: &'static str,
    responses: Vec<&'static str>,
    may_close: bool,
}

/// Reads a file, or returns the line that is not understood.
fn read(text: &'static str) -> Result<Check, &'static str> {
    let (mut id, mut asks, mut needs, mut rows) = ("", "", Needs::NOTHING, Vec::new());
    let (mut legal, mut breaks, mut keeps) = (Vec::new(), Vec::new(), Vec::new());
    let (mut given, mut steps): (_, Vec<Step>) = (None, Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (mark, rest.split_once(' ').unwrap_or((rest, ""))) {
            ("#", _) => asks = rest,
            ("@", ("check", name)) => id = name,
            ("@", ("rows", ids)) => rows = ids.split(' ').collect(),
            ("@", ("needs", "nothing")) => {}
            ("@", ("needs", "login")) => needs = Needs::LOGIN,
            ("@", ("needs", "marks")) => needs = Needs::MARKS,
            ("@", ("given", command)) => given = Some(command),
            ("@", ("legal", rest)) => {
                let (name, by) = rest.split_once(": ").ok_or(line)?;
                legal.push(Legal { name, by });
            }
            ("@", ("breaks", rest)) => breaks.push(twist(rest).ok_or(line)?),
            ("@", ("keeps", rest)) => keeps.push(twist(rest).ok_or(line)?),
            ("C:", _) => steps.push(Step { command: rest, responses: Vec::new(), may_close: false }),
            ("S:", _) => steps.last_mut().ok_or(line)?.responses.push(rest),
            ("|", _) if rest == "* connection closes" => steps.last_mut().ok_or(line)?.may_close = true,
            ("|", _) => steps.last_mut().ok_or(line)?.responses.push(rest),
            _ => return Err(line),
        }
    }
    let dialogue = Dialogue {
        state: if needs.has(Needs::LOGIN) { State::Transaction } else { State::Authorization },
        message: needs.has(Needs::MARKS),
        given,
        legal: legal.iter().map(|legal| legal.name).collect(),
        steps,
    };
    Ok(Check {
        id,
        rows: rows.leak(),
        asks,
        needs,
        legal: legal.leak(),
        probe: Probe::Play(Box::leak(Box::new(dialogue))),
        breaks: breaks.leak(),
        keeps: keeps.leak(),
    })
}

/// `NAME: COMMAND -> COMMAND`, `NAME: COMMAND | OLD | NEW`, or `NAME: COMMAND | RESPONSE`; without a response, the server hangs up.
fn twist(note: &'static str) -> Option<Twist> {
    let (name, edit) = note.split_once(": ")?;
    if let Some((from, to)) = edit.split_once(" -> ") {
        return Some(Twist { name, edit: Edit::Command { from, to } });
    }
    let (to, change) = edit.split_once(" |")?;
    let octets = |text: &str| text.trim().replace("\\r\\n", "\r\n");
    let edit = match change.split_once(" | ") {
        Some((old, new)) => Edit::Answer { to, old: octets(old).leak(), new: octets(new).leak() },
        None if change.is_empty() => Edit::Say { to, instead: "" },
        None => Edit::Say { to, instead: (octets(change) + "\r\n").leak() },
    };
    Some(Twist { name, edit })
}

/// Plays a dialogue to its end, or to the close.
pub(crate) fn play(dialogue: &'static Dialogue, lab: &mut Lab) -> Seen {
    let mut session = lab.session(dialogue.state)?;
    // Not by LIST 1: a server that answers it by a listing is the matter of another check.
    if dialogue.message
        && !session.ask("LIST")?.rows.iter().filter_map(super::pair).any(|(number, _)| number == 1)
    {
        return Err(Finding::Open(Why::Mailbox("no message 1")));
    }
    let (mut bound, mut legal, mut given) = (BTreeMap::new(), dialogue.legal.first(), dialogue.given);
    let mut offences = Vec::new();
    for step in &dialogue.steps {
        // Before the login, the next command might be the rest of a login that fails.
        if dialogue.state == State::Authorization && !offences.is_empty() {
            break;
        }
        let response = match session.ask(step.command) {
            Ok(response) => response,
            // After an offence the dialogue is another one.
            Err(_) if !offences.is_empty() => break,
            Err(Stop::Closed { .. }) if step.may_close => {
                legal = dialogue.legal.get(1);
                break;
            }
            // A server may hang up after several bad commands, and not at the first one.
            Err(Stop::Closed { at, refusals: 0, .. }) => {
                let why = format!("{:?}: closed without a response", step.command);
                offences.push(Offence::new(why, session.id(), at));
                break;
            }
            Err(stop) => return Err(stop.into()),
        };
        let line = response.line.text();
        let found = step.responses.iter().position(|pattern| fits(pattern, &line, &mut bound));
        match found {
            Some(0) => {}
            Some(_) => legal = dialogue.legal.get(1),
            None if given == Some(step.command) => {
                return Err(Finding::Open(Why::Mailbox("a message that the server does not mark")));
            }
            None => offences.push(response.wrong(expected(step, &bound))),
        }
        given = given.filter(|command| *command != step.command);
    }
    seen(legal.copied().unwrap_or_default(), offences)
}

/// Returns what would have been legal, with the words that are bound to names.
fn expected(step: &Step, bound: &BTreeMap<&str, String>) -> String {
    let mut legal = step.responses.join(" or ").replace("{*}", "");
    for (name, word) in bound {
        legal = legal.replace(&format!("{{{name}}}"), word);
    }
    format!("{:?}: not {}", step.command, legal.replace(['{', '}'], ""))
}

/// Returns whether the line fits, and binds the words that have names.
fn fits(pattern: &'static str, line: &str, bound: &mut BTreeMap<&'static str, String>) -> bool {
    let Some((literal, rest)) = pattern.split_once('{') else { return pattern == line };
    let Some((name, rest)) = rest.split_once('}') else { return pattern == line };
    let Some(line) = line.strip_prefix(literal) else { return false };
    if name == "*" {
        return rest.is_empty();
    }
    let (word, after) = line.split_at(line.find(' ').unwrap_or(line.len()));
    let known = bound.entry(name).or_insert_with(|| word.to_owned());
    !word.is_empty() && known == word && fits(rest, after, bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_a_pattern() {
        let mut bound = BTreeMap::new();
        for (pattern, line, does) in [
            ("+OK{*}", "+OK", true),
            ("+OK{*}", "+OK a b", true),
            ("+OK{*}", "-ERR", false),
            ("+OK {n} {size}{*}", "+OK 1", false),
            ("+OK {n} {size}{*}", "+OK 1 20 octets", true),
            ("+OK {n}", "+OK 1", true),
            ("+OK {n}", "+OK 2", false),
            ("+OK 1", "+OK 1 ", false),
        ] {
            assert_eq!(fits(pattern, line, &mut bound), does, "{pattern} {line}");
        }
    }
}
