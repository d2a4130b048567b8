//! Every state of a client against every command and every kind of answer. The outcome must be that of a naive
//! reading of the table of commands.

use pop3_proto::client::{ClientConfig, Event, SendError};
use pop3_proto::{Client, Command, ConnectionError, Input, Profile, Quirk, SendBuf, State, TlsPolicy, Verb};
use std::time::Duration;

/// At least one command for each verb, with a message number and without.
const COMMANDS: &[&str] = &[
    "USER m",
    "PASS p",
    "APOP m c4c9334bac560ecc979e58001b3e22fb",
    "AUTH PLAIN",
    "AUTH",
    "STLS",
    "UTF8",
    "CAPA",
    "LANG en",
    "LANG",
    "STAT",
    "LIST",
    "LIST 1",
    "RETR 1",
    "DELE 1",
    "NOOP",
    "RSET",
    "TOP 1 0",
    "UIDL",
    "UIDL 1",
    "QUIT",
    "XTND",
];

/// A kind of situation. Its dialogue leads to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Situation {
    Connected,
    NoService,
    Greeted,
    Named,
    Opened,
    Challenged,
    Accepted,
    Handshake,
    Quitting,
    Closed,
    Broken,
}

use Situation::*;

const SITUATIONS: &[Situation] = &[
    Connected, NoService, Greeted, Named, Opened, Challenged, Accepted, Handshake, Quitting, Closed, Broken,
];

const GREETING: &str = "+OK <1@a>\r\n";

impl Situation {
    /// Returns commands, each with the server's response; the greeting has no command.
    fn dialogue(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Connected => &[],
            NoService => &[("", "-ERR\r\n")],
            Greeted => &[("", GREETING)],
            Named => &[("", GREETING), ("USER m", "+OK\r\n")],
            Opened => &[("", GREETING), ("USER m", "+OK\r\n"), ("PASS p", "+OK\r\n")],
            Challenged => &[("", GREETING), ("AUTH PLAIN", "+ \r\n")],
            Accepted => &[("", GREETING), ("AUTH PLAIN", "+OK\r\n")],
            Handshake => &[("", GREETING), ("STLS", "+OK\r\n")],
            Quitting => &[("", GREETING), ("USER m", "+OK\r\n"), ("PASS p", "+OK\r\n"), ("QUIT", "")],
            Closed => &[("", GREETING), ("QUIT", "+OK\r\n")],
            Broken => &[("", "SSH-2.0\r\n")],
        }
    }

    fn state(self) -> State {
        match self {
            Connected | Broken => State::Greeting,
            Opened => State::Transaction,
            Quitting => State::Update,
            Closed => State::Closed,
            NoService | Greeted | Named | Challenged | Accepted | Handshake => State::Authorization,
        }
    }

    fn client(self, profile: Profile) -> Client {
        let mut client = Client::new(ClientConfig::new(TlsPolicy::Cleartext).with_profile(profile), 1);
        for (line, answer) in self.dialogue() {
            if !line.is_empty() {
                send(&mut client, line).unwrap();
            }
            let polled = client.poll(&mut Input::more(answer.as_bytes()));
            assert_eq!(polled.is_err(), self == Broken);
        }
        assert_eq!(client.state(), self.state(), "{self:?}");
        client
    }

    /// Returns why this command cannot be sent here, by the public table, or `None` if it can.
    fn refusal(self, verb: Verb) -> Option<SendError> {
        match self {
            Closed | Broken => Some(SendError::Over),
            Challenged | Handshake => Some(SendError::CallersTurn),
            Accepted => (verb != Verb::Quit).then_some(SendError::CallersTurn),
            NoService => (verb != Verb::Quit).then_some(SendError::NoService),
            Quitting => Some(SendError::After(Verb::Quit)),
            _ if !verb.is_valid_in(self.state()) => Some(SendError::State(self.state())),
            _ => (verb == Verb::Pass && self != Named).then_some(SendError::NoUser),
        }
    }
}

/// The kinds of answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ok,
    Err,
    /// A response of either kind, in lower case.
    OkCase,
    ErrCase,
    Challenge,
    NoStatus,
    TooLong,
    BareLf,
    End,
}

fn answers() -> Vec<(Kind, String)> {
    let mut answers: Vec<(Kind, String)> = [
        (Kind::Ok, "+OK 1 2\r\n"),
        (Kind::Ok, "+OK [X-C] 1 2\r\n"),
        (Kind::OkCase, "+ok 1 2\r\n"),
        (Kind::Err, "-ERR\r\n"),
        (Kind::Err, "-ERR [IN-USE] no\r\n"),
        (Kind::ErrCase, "-err no\r\n"),
        (Kind::Challenge, "+ \r\n"),
        (Kind::Challenge, "+ YQ==\r\n"),
        (Kind::NoStatus, "HTTP/1.1 400 Bad Request\r\n"),
        (Kind::NoStatus, "+OKAY\r\n"),
        (Kind::NoStatus, "1 2\r\n"),
        (Kind::NoStatus, "* OK\r\n"),
        (Kind::NoStatus, "\r\n"),
        (Kind::BareLf, "+OK 1 2\n"),
        (Kind::End, ""),
        (Kind::End, "+OK 1 2"),
    ]
    .map(|(kind, answer)| (kind, answer.to_owned()))
    .into();
    answers.push((Kind::TooLong, format!("+OK {}\r\n", "x".repeat(12_288))));
    answers
}

/// The outcome of an answer: the kind of event, or the end.
type Outcome = Result<&'static str, ConnectionError>;

/// Returns the meaning of a status line of this kind as a response to `verb`; `None` is the greeting.
fn status(verb: Option<Verb>, message: bool, kind: Kind, strict: bool) -> Outcome {
    match kind {
        Kind::OkCase | Kind::ErrCase if strict => Err(ConnectionError::Strict(Quirk::StatusCase)),
        Kind::Ok | Kind::OkCase => Ok(accepted(verb, message)),
        Kind::Err | Kind::ErrCase => Ok(match verb {
            None => "NoService",
            Some(Verb::Quit) => "Closed",
            _ => "Refused",
        }),
        Kind::Challenge if verb == Some(Verb::Auth) => Ok("Challenge"),
        Kind::Challenge | Kind::NoStatus => Err(ConnectionError::NotPop3),
        Kind::TooLong => Err(ConnectionError::OverLimit(match verb {
            Some(Verb::Auth) => pop3_proto::Limit::SaslLine,
            _ => pop3_proto::Limit::StatusLine,
        })),
        // The first line decides about line ends.
        Kind::BareLf if verb.is_none() && strict => Err(ConnectionError::Strict(Quirk::BareLf)),
        Kind::BareLf if verb.is_none() => Ok("Greeting"),
        Kind::BareLf => Err(ConnectionError::BareLf),
        Kind::End if verb == Some(Verb::Quit) && strict => {
            Err(ConnectionError::Strict(Quirk::QuitUnanswered))
        }
        Kind::End if verb == Some(Verb::Quit) => Ok("Closed"),
        Kind::End => Err(ConnectionError::UnexpectedEof),
    }
}

/// `+OK 1 2`
fn accepted(verb: Option<Verb>, message: bool) -> &'static str {
    let Some(verb) = verb else { return "Greeting" };
    if verb.is_multi_line(message) {
        return "Begin";
    }
    match verb {
        Verb::Auth => "AuthAccepted",
        Verb::Stls => "StartTls",
        Verb::Quit => "Closed",
        Verb::Stat => "DropListing",
        Verb::List => "ScanListing",
        Verb::Uidl => "UniqueId",
        // `1` is not a language tag.
        Verb::Lang => "Malformed",
        _ => "Ok",
    }
}

/// Returns the event of a line after the status line of a multi-line response.
fn inside(verb: Verb, kind: Kind, line: &str) -> Result<Option<&'static str>, ConnectionError> {
    let is_body = matches!(verb, Verb::Retr | Verb::Top);
    match kind {
        Kind::End if !is_body || line.is_empty() => Err(ConnectionError::UnexpectedEof),
        _ if is_body => Ok(Some("Body")),
        Kind::TooLong => Err(ConnectionError::OverLimit(pop3_proto::Limit::ListingLine)),
        // The line continues.
        Kind::BareLf => Ok(None),
        _ => Ok(Some("row")),
    }
}

fn send(client: &mut Client, line: &str) -> Result<(), SendError> {
    client.send(&Command::parse(line.as_bytes()).unwrap(), &mut SendBuf::new(vec![])).map(drop)
}

/// Returns the name of the next event's kind.
fn hear(client: &mut Client, kind: Kind, line: &str) -> Result<Option<String>, ConnectionError> {
    let mut input = match kind {
        Kind::End => Input::last(line.as_bytes()),
        _ => Input::more(line.as_bytes()),
    };
    let event = client.poll(&mut input)?;
    Ok(event.map(|event| match event {
        Event::Malformed(ticket, _) if ticket.verb.is_multi_line(ticket.message.is_some()) => {
            "row".to_owned()
        }
        Event::ScanListing(ticket, _) if ticket.message.is_none() => "row".to_owned(),
        Event::UniqueId(ticket, _) if ticket.message.is_none() => "row".to_owned(),
        Event::Capability(..) | Event::Mechanism(..) => "row".to_owned(),
        Event::Language(ticket, _) if ticket.verb == Verb::LangList => "row".to_owned(),
        event => format!("{event:?}").split(['(', ' ']).next().unwrap().to_owned(),
    }))
}

/// Asserts that a fatal error is permanent, or that the session continues in this state.
fn stays(client: &mut Client, fatal: Option<ConnectionError>, state: State, what: &str) {
    if let Some(fatal) = fatal {
        assert_eq!(client.poll(&mut Input::more(b"+OK\r\n")).unwrap_err(), fatal, "{what}");
        assert_eq!(client.tick(Duration::ZERO), Err(fatal), "{what}");
        assert_eq!(send(client, "QUIT"), Err(SendError::Over), "{what}");
    } else {
        assert_eq!(client.state(), state, "{what}");
        assert!(client.tick(Duration::ZERO).is_ok(), "{what}");
    }
}

/// Returns the outcome of a response if no command was sent: the greeting, or an unsolicited response.
///
/// A line of `-ERR` is an event, and also fatal.
fn unasked(situation: Situation, kind: Kind, strict: bool) -> Result<&'static str, ConnectionError> {
    match (situation, kind) {
        (Connected, _) => status(None, false, kind, strict),
        (Closed, _) => Ok("nothing"),
        (Broken, _) => Err(ConnectionError::NotPop3),
        (Quitting, _) => status(Some(Verb::Quit), false, kind, strict),
        (Handshake, Kind::End) | (_, Kind::End) if situation != NoService => {
            Err(ConnectionError::UnexpectedEof)
        }
        (Handshake, _) => Err(ConnectionError::PlaintextAfterStls),
        (NoService, Kind::End) => Ok("Closed"),
        (_, Kind::Err) => Ok("Farewell"),
        (_, Kind::ErrCase) if !strict => Ok("Farewell"),
        _ => Err(ConnectionError::Unsolicited),
    }
}

#[test]
fn every_state_against_every_command() {
    let mut count = 0;
    for situation in SITUATIONS {
        for line in COMMANDS {
            let mut client = situation.client(Profile::Tolerant);
            let (verb, before) = (Command::parse(line.as_bytes()).unwrap().verb(), format!("{client:?}"));
            let expected = situation.refusal(verb).map_or(Ok(()), Err);
            assert_eq!(send(&mut client, line), expected, "{situation:?} {line}");
            assert_eq!(expected.is_err(), format!("{client:?}") == before, "{situation:?} {line}");
            count += 1;
        }
    }
    let verbs: Vec<Verb> =
        COMMANDS.iter().map(|line| Command::parse(line.as_bytes()).unwrap().verb()).collect();
    assert!(Verb::ALL.iter().all(|verb| verbs.contains(verb)), "a verb without a command");
    println!("{count} pairs of state and command");
}

#[test]
fn every_state_against_every_answer_that_nobody_asked_for() {
    for profile in [Profile::Tolerant, Profile::Strict] {
        for situation in SITUATIONS {
            for (kind, line) in answers() {
                // Bytes followed by an end are two steps if no response is pending.
                if kind == Kind::End
                    && !line.is_empty()
                    && !matches!(situation, Connected | Quitting | Closed | Broken)
                {
                    continue;
                }
                let mut client = situation.client(profile);
                let what = format!("{profile:?} {situation:?} {line:.40?}");
                let expected = unasked(*situation, kind, profile == Profile::Strict);
                let seen = hear(&mut client, kind, &line);
                let name = expected.map(|name| (name != "nothing").then(|| name.to_owned()));
                assert_eq!(seen, name, "{what}");
                let state = match expected {
                    Ok("Closed" | "nothing") => State::Closed,
                    _ => State::Authorization,
                };
                let fatal = if expected == Ok("Farewell") {
                    Some(ConnectionError::Unsolicited)
                } else {
                    expected.err()
                };
                stays(&mut client, fatal, state, &what);
            }
        }
    }
}

#[test]
fn every_command_against_every_kind_of_answer() {
    let mut count = 0;
    for profile in [Profile::Tolerant, Profile::Strict] {
        for (situation, line) in
            SITUATIONS.iter().flat_map(|it| COMMANDS.iter().map(move |line| (*it, *line)))
        {
            let command = Command::parse(line.as_bytes()).unwrap();
            let (verb, message) = (command.verb(), command.message().is_some());
            if situation.refusal(verb).is_some() {
                continue;
            }
            for (kind, answer) in answers() {
                let what = format!("{profile:?} {situation:?} {line}: {answer:.40?}");
                let mut client = situation.client(profile);
                send(&mut client, line).unwrap();
                let waiting = client.state();
                let expected = status(Some(verb), message, kind, profile == Profile::Strict);
                let seen = hear(&mut client, kind, &answer);
                assert_eq!(seen, expected.map(|name| Some(name.to_owned())), "{what}");
                let state = match (expected, verb) {
                    (Ok("Closed"), _) => State::Closed,
                    (Ok("Ok"), Verb::Pass | Verb::Apop) => State::Transaction,
                    _ => waiting,
                };
                stays(&mut client, expected.err(), state, &what);
                count += 1;
                if expected == Ok("Begin") {
                    count += every_line_inside(situation, profile, line, &answer);
                }
            }
        }
    }
    println!("{count} answers");
    assert!(count > 2000);
}

/// The same lines after a status line of a multi-line response, then the terminator.
fn every_line_inside(situation: Situation, profile: Profile, line: &str, begin: &str) -> usize {
    let verb = Command::parse(line.as_bytes()).unwrap().verb();
    for (kind, row) in answers() {
        let what = format!("{profile:?} {situation:?} {line}: {begin:?}, {row:.40?}");
        let mut client = situation.client(profile);
        send(&mut client, line).unwrap();
        hear(&mut client, Kind::Ok, begin).unwrap();
        let expected = inside(verb, kind, &row);
        let seen = hear(&mut client, kind, &row);
        assert_eq!(seen, expected.map(|name| name.map(str::to_owned)), "{what}");
        stays(&mut client, expected.err(), situation.state(), &what);
        if row.ends_with("\r\n") && expected.is_ok() {
            assert_eq!(hear(&mut client, Kind::Ok, ".\r\n"), Ok(Some("End".to_owned())), "{what}");
            assert!(client.is_idle(), "{what}");
        }
    }
    answers().len()
}
