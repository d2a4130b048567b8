//! The declaration of a check: its rows, its legal answers, and the twists that prove it.

use crate::checks::dialogues::Dialogue;
use crate::engine::Heard;
use crate::engine::log::Side;
use crate::lab::Lab;
use crate::lab::twist::Turn;

/// One question to a server. It is data, apart from its probe.
#[derive(Debug)]
pub struct Check {
    /// A short name that never changes, such as `list.one`.
    pub id: &'static str,
    /// The rows of the ledger that it judges. The level and the words of each are in the ledger.
    pub rows: &'static [&'static str],
    /// What it asks, in one sentence.
    pub asks: &'static str,
    pub needs: Needs,
    /// All answers that are legal.
    pub legal: &'static [Legal],
    pub probe: Probe,
    /// Twists that violate a row. Under each of them alone, the check must be red.
    pub breaks: &'static [Twist],
    /// Twists that violate nothing. Under each of them alone, the check must be green.
    pub keeps: &'static [Twist],
}

/// A legal answer, and the text that allows it.
#[derive(Debug)]
pub struct Legal {
    pub name: &'static str,
    pub by: &'static str,
}

/// The name of the legal answer that was seen, or what is wrong. A check never says "pass".
pub type Seen = Result<&'static str, Finding>;

/// What a watcher says of a line: the legal answer that it is, `None` if the line does not concern it, or what is wrong and at which
/// byte of the line.
pub type Watched = Result<Option<&'static str>, (usize, String)>;

/// How a check looks at the server.
#[derive(Clone, Copy, Debug)]
pub enum Probe {
    /// It holds dialogues of its own.
    Ask(fn(&mut Lab) -> Seen),
    /// It plays a dialogue.
    Play(&'static Dialogue),
    /// It looks at each line of each session of the run.
    Watch(fn(&Heard) -> Watched),
}

/// Why there is no legal answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The server does what a row forbids. All offences of the check, in order.
    Wrong(Vec<Offence>),
    /// The server does not have, and need not have, this capability or command.
    Absent(&'static str),
    /// There is no verdict.
    Open(Why),
}

/// One thing that is wrong, and the byte that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offence {
    pub why: String,
    /// The session, as an index into the log.
    pub session: usize,
    /// Who sent the byte: under test, a server sends it, or a client.
    pub side: Side,
    /// The offset of the byte in what this side sent in this session.
    pub at: u64,
}

impl Offence {
    /// An offence that this byte of a server shows.
    #[must_use]
    pub fn new(why: impl Into<String>, session: usize, at: u64) -> Self {
        Offence { why: why.into(), session, side: Side::Server, at }
    }
}

/// Why there is no verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The server sent nothing for the time of `--timeout`.
    Silent,
    /// The response to this command began, and the server sent nothing more after this number of octets of the message.
    Stalled(String, u64),
    /// The server closed the connection, which proves nothing here.
    Closed,
    /// The user could not log in.
    Login,
    /// There is no connection to the server.
    Unreachable(String),
    /// The mailbox does not have what the check needs.
    Mailbox(&'static str),
    /// Something else that the server does hides it.
    Server(&'static str),
    /// A client did nothing that shows it.
    Client(&'static str),
    /// An option is missing.
    Needs(&'static str),
    /// A fault of the kit: a check or the engine broke a rule of its own.
    Kit(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::Silent => f.write_str("the server sent no response in time"),
            Why::Stalled(command, octets) => {
                write!(
                    f,
                    "the server began to answer {command}, and sent nothing more in time after {octets} octets"
                )
            }
            Why::Closed => f.write_str("the server closed the connection"),
            Why::Login => f.write_str("the login was refused"),
            Why::Unreachable(error) => write!(f, "no connection: {error}"),
            Why::Mailbox(lack) => write!(f, "the mailbox has {lack}"),
            Why::Server(does) => write!(f, "the server {does}"),
            Why::Client(lack) => write!(f, "the client {lack}"),
            Why::Needs(option) => write!(f, "needs {option}"),
            Why::Kit(fault) => write!(f, "the kit: {fault}"),
        }
    }
}

/// What a check needs, apart from a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needs(u16);

impl Needs {
    /// A connection, and nothing else.
    pub const NOTHING: Needs = Needs(0);
    /// `--user` and `--password-env`.
    pub const LOGIN: Needs = Needs(1);
    /// `--allow marks`: it may mark messages. It must end with RSET and a close, never with QUIT. The mailbox is filled before it if there is
    /// `--fill`: a server may remove what is only marked.
    pub const MARKS: Needs = Needs(2 | 1);
    /// `--manifest`: the messages of the mailbox are known.
    pub const MANIFEST: Needs = Needs(4 | 1);
    /// `--fill`: a command that fills the mailbox again. It runs before the check, which may remove messages.
    pub const FILL: Needs = Needs(8 | 1);
    /// `--allow failed-logins`.
    pub const FAILED_LOGINS: Needs = Needs(16 | 1);
    /// `--allow slow`: it takes minutes.
    pub const SLOW: Needs = Needs(32 | 1);
    /// `--second-user` and `--second-password-env`.
    pub const SECOND_USER: Needs = Needs(64 | 1);
    /// A connection that can begin TLS by STLS: not `--tls`.
    pub const CLEARTEXT: Needs = Needs(128);
    /// `--apop`: the user's password is also the shared secret of APOP.
    pub const APOP: Needs = Needs(256 | 1);

    /// `--bearer-env`: there is a token for OAUTHBEARER.
    pub const BEARER: Needs = Needs(512 | 1);

    /// What to name if it is missing.
    const NAMES: [(Needs, &'static str); 10] = [
        (Needs(1), "--user and --password-env"),
        (Needs(2), "--allow marks"),
        (Needs(4), "--manifest DIR"),
        (Needs(8), "--fill CMD"),
        (Needs(16), "--allow failed-logins"),
        (Needs(32), "--allow slow"),
        (Needs(64), "--second-user and --second-password-env"),
        (Needs(128), "a connection without --tls"),
        (Needs(256), "--apop"),
        (Needs(512), "--bearer-env"),
    ];

    #[must_use]
    pub const fn and(self, other: Needs) -> Needs {
        Needs(self.0 | other.0)
    }

    /// Returns whether all of `other` is in this.
    #[must_use]
    pub const fn has(self, other: Needs) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns what these needs lack in `given`, by the name of its option.
    #[must_use]
    pub fn lacks(self, given: Needs) -> Option<&'static str> {
        let missing = Needs(self.0 & !given.0);
        Needs::NAMES.iter().find(|(need, _)| missing.has(*need)).map(|(_, name)| *name)
    }

    /// Returns the options that are needed.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Needs::NAMES.iter().filter(move |(need, _)| self.has(*need)).map(|(_, name)| *name)
    }

    /// Returns the rank in a run. Checks that mark messages are late, because a server may remove what is only marked. Those that remove
    /// messages are later, and failed logins, which make servers slow, are last.
    #[must_use]
    pub const fn rank(self) -> u16 {
        self.0 & (Needs::MARKS.0 | Needs::FILL.0 | Needs::FAILED_LOGINS.0 | Needs::SLOW.0) & !Needs::LOGIN.0
    }
}

/// One change of what a good server or client does.
#[derive(Clone, Copy, Debug)]
pub struct Twist {
    /// What it does, in a few words. It is unique among the twists of its check.
    pub name: &'static str,
    pub edit: Edit,
}

/// A change as data, so that it can be printed. A command is written without its line end, in any letter case. `*` at the end matches
/// the rest of a command, and `greeting` is what the server sends first.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    /// Replaces the first `old` in each response to this command.
    Answer { to: &'static str, old: &'static str, new: &'static str },
    /// Replaces each `old` in each response to this command.
    Answers { to: &'static str, old: &'static str, new: &'static str },
    /// Sends this in place of a response. The server does not see the command. An empty text hangs up.
    Say { to: &'static str, instead: &'static str },
    /// The server sees the command `to` in place of `from`.
    Command { from: &'static str, to: &'static str },
    /// The server sees this command when the stream ends without QUIT.
    AtEnd(&'static str),
    /// The stream ends in the response to this command, before the first `before`.
    Cut { to: &'static str, before: &'static str },
    /// The response arrives byte by byte.
    Drip,
    /// What arrives without the end of a line is lost: a command must arrive in one piece.
    OnePiece,
    /// A command line of more than this number of octets, with its line end, is refused.
    Line(usize),
    /// Anything else: the function takes the place of the layer between.
    Code(fn(&mut Turn<'_>)),
}
