//! What a twist does to one exchange. The twists themselves are data: see [`Edit`].

use super::world::{Good, World};
use crate::check::Edit;
use crate::engine::log::find;

/// One command of the client, and the server that would answer it. A twist of [`Edit::Code`] gets it in place of the layer between.
///
/// Apart from commands there are three turns: `greeting` before the first command, `tls` after the handshake, and `end` at the end of the
/// stream.
#[derive(Debug)]
pub struct Turn<'b> {
    /// The command without its line end.
    pub command: String,
    /// What the twist remembers until the next turn of the session.
    pub memory: &'b mut Memory,
    /// Whether more was received together with this command.
    pub follows: bool,
    moment: Moment,
    line: &'b [u8],
    good: &'b mut Good,
    output: Vec<u8>,
    passed: Option<Vec<u8>>,
    bites: bool,
    hangs_up: bool,
}

/// When a turn is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    Greeting,
    Command,
    Tls,
    End,
}

impl Moment {
    const ALL: [Moment; 3] = [Moment::Greeting, Moment::Tls, Moment::End];

    /// Returns the pattern that matches it, and nothing for commands.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Moment::Greeting => "greeting",
            Moment::Command => "",
            Moment::Tls => "tls",
            Moment::End => "end",
        }
    }
}

/// What a twist remembers in one session.
#[derive(Clone, Default, Debug)]
pub struct Memory {
    pub count: u64,
    pub bytes: Vec<u8>,
}

/// What a turn comes to.
pub(super) struct Outcome {
    pub(super) output: Vec<u8>,
    pub(super) bites: bool,
    pub(super) hangs_up: bool,
}

impl<'b> Turn<'b> {
    pub(super) fn new(
        (moment, command): (Moment, String),
        line: &'b [u8],
        good: &'b mut Good,
        memory: &'b mut Memory,
    ) -> Self {
        Turn {
            command,
            memory,
            follows: false,
            moment,
            line,
            good,
            output: Vec::new(),
            passed: None,
            bites: false,
            hangs_up: false,
        }
    }

    /// Returns whether the command is this one: `*` at the end matches the rest.
    #[must_use]
    pub fn is(&self, pattern: &str) -> bool {
        let command = self.command.as_bytes();
        if self.moment != Moment::Command || Moment::ALL.iter().any(|moment| moment.name() == pattern) {
            return self.moment.name() == pattern;
        }
        match pattern.strip_suffix('*') {
            Some("") => true,
            Some(start) => {
                command.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
            }
            None => command.eq_ignore_ascii_case(pattern.as_bytes()),
        }
    }

    /// Passes the command on, and returns what the good server sends.
    pub fn pass(&mut self) -> Vec<u8> {
        let answer = match self.moment {
            Moment::Greeting => self.good.run(),
            Moment::End => {
                let mut answer = self.good.receive(self.line);
                answer.extend(self.good.end());
                answer
            }
            Moment::Tls => {
                let mut answer = self.good.receive(self.line);
                answer.extend(self.good.tls_started());
                answer
            }
            Moment::Command => self.good.receive(self.line),
        };
        self.bites |= self.passed.is_some();
        self.passed = Some(answer.clone());
        answer
    }

    /// Passes another command on, without its line end, and returns what the good server sends.
    pub fn ask(&mut self, command: &str) -> Vec<u8> {
        self.bites = true;
        self.good.receive(format!("{command}\r\n").as_bytes())
    }

    /// Sends these bytes to the client.
    pub fn say(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Passes the command on, and the response back.
    pub fn through(&mut self) {
        let answer = self.pass();
        self.say(&answer);
    }

    /// Passes the command on, and the response back with the first `old` replaced.
    pub fn replace(&mut self, old: &str, new: &str) {
        let answer = replaced(&self.pass(), old, new, 1);
        self.say(&answer);
    }

    /// Runs `other` for this command, and passes every other command on.
    pub fn through_unless(&mut self, pattern: &str, other: impl FnOnce(&mut Self)) {
        match self.is(pattern) {
            true => other(self),
            false => self.through(),
        }
    }

    /// Closes the connection after what was sent.
    pub fn hang_up(&mut self) {
        self.hangs_up = true;
    }

    /// Counts a bite that no byte shows, such as a change of the world.
    pub fn bite(&mut self) {
        self.bites = true;
    }

    /// Returns what the client sent before the handshake but after STLS, in the turn `tls`. The good server then does not see it.
    pub fn take_early(&mut self) -> Vec<u8> {
        self.bites |= !self.line.is_empty();
        std::mem::take(&mut self.line).to_vec()
    }

    /// Returns the world of the good server.
    #[must_use]
    pub fn world(&self) -> World {
        self.good.world().clone()
    }

    /// Returns the number of the session in its world, from 1 up.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.good.number()
    }

    /// Applies an edit.
    pub(super) fn apply(mut self, edit: Option<Edit>) -> Outcome {
        match edit {
            Some(Edit::Answer { to, old, new }) if self.is(to) => self.replace(old, new),
            Some(Edit::Answers { to, old, new }) if self.is(to) => {
                let answer = replaced(&self.pass(), old, new, usize::MAX);
                self.say(&answer);
            }
            Some(Edit::Say { to, instead }) if self.is(to) => {
                if self.moment == Moment::Greeting {
                    self.pass();
                }
                self.say(instead.as_bytes());
                self.hangs_up = instead.is_empty();
            }
            Some(Edit::Command { from, to }) if self.is(from) => {
                let answer = self.ask(to);
                self.say(&answer);
            }
            Some(Edit::AtEnd(command)) if self.moment == Moment::End && !self.good.is_over() => {
                self.ask(command);
                self.pass();
            }
            Some(Edit::Cut { to, before }) if self.is(to) => {
                let mut answer = self.pass();
                if let Some(found) = find(&answer, before.as_bytes()) {
                    answer.truncate(found);
                    self.hang_up();
                }
                self.say(&answer);
            }
            Some(Edit::Line(most)) if self.line.len() > most && self.is("*") => {
                self.say(b"-ERR line too long\r\n");
            }
            Some(Edit::Code(code)) => code(&mut self),
            _ => self.through(),
        }
        let bites = self.bites || self.hangs_up || self.passed.as_ref() != Some(&self.output);
        Outcome { output: self.output, bites, hangs_up: self.hangs_up }
    }
}

fn replaced(answer: &[u8], old: &str, new: &str, most: usize) -> Vec<u8> {
    let (mut rest, mut changed) = (answer, Vec::new());
    for _ in 0..most {
        let Some(found) = find(rest, old.as_bytes()).filter(|_| !old.is_empty()) else { break };
        changed.extend_from_slice(&rest[..found]);
        changed.extend_from_slice(new.as_bytes());
        rest = &rest[found + old.len()..];
    }
    changed.extend_from_slice(rest);
    changed
}
