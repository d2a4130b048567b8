//! Texts of events for records and people. They contain no secret.

use crate::record::Request;
use pop3_proto::client::Event;
use pop3_proto::tap::{Seen, Side, Span};
use pop3_proto::{Command, MessageNumber, SendBuf, StatusText};

const SECRET: &str = "********";

/// A name or a text, up to this number of bytes. JSON escapes the control characters up to 0x1F; the others are replaced, because a
/// terminal may obey them.
pub(crate) fn clip(text: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(most)]);
    text.replace(|c| matches!(c, '\u{7F}'..='\u{9F}'), "\u{FFFD}")
}

/// The request of a line of the client; `None` if it is a part of AUTH.
pub(crate) fn request(seen: &Seen<'_>, place: Span, most: usize) -> Option<Request> {
    let (command, args, redacted) = match seen {
        Seen::Command(command) => arguments(command, most),
        Seen::Unknown(_) => ("UNKNOWN", vec![], true),
        Seen::NotACommand(_) => ("INVALID", vec![], true),
        Seen::LongLine(Side::Client) => ("LONG", vec![], true),
        _ => return None,
    };
    Some(Request { command, args, redacted, offset: place.start, length: place.len() })
}

fn arguments(command: &Command<'_>, most: usize) -> (&'static str, Vec<String>, bool) {
    let text = |octets: &[u8]| vec![clip(octets, most)];
    let number = |message: &MessageNumber| vec![message.get().to_string()];
    let (args, redacted) = match command {
        Command::User(name) => (text(name.as_bytes()), false),
        Command::Pass(_) => (vec![], true),
        Command::Apop { name, .. } => (text(name.as_bytes()), true),
        Command::Auth { mechanism, initial } => (text(mechanism.as_bytes()), initial.is_some()),
        Command::Lang(Some(range)) => (text(range.as_bytes()), false),
        Command::List(Some(message)) | Command::Uidl(Some(message)) => (number(message), false),
        Command::Retr(message) | Command::Dele(message) => (number(message), false),
        Command::Top { message, lines } => (vec![message.get().to_string(), lines.to_string()], false),
        _ => (vec![], false),
    };
    (command.verb().keyword(), args, redacted)
}

/// The number that a status line begins with; the largest if it is larger.
pub(crate) fn stated(text: &[u8]) -> Option<u64> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    (count > 0 && matches!(rest.first(), None | Some(b' '))).then(|| digits.iter().fold(0, add))
}

/// The values of a response of one line, as the server wrote them.
pub(crate) fn values(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::DropListing(_, listing) => format!("{} {}", listing.count, listing.octets),
        Event::ScanListing(_, listing) => format!("{} {}", listing.message, listing.octets),
        Event::UniqueId(_, listing) => {
            format!("{} {}", listing.message, String::from_utf8_lossy(listing.as_bytes()))
        }
        Event::Language(_, listing) => listing.tag.to_string(),
        Event::Mechanism(_, mechanism) => mechanism.to_string(),
        Event::Malformed(_, octets) => String::from_utf8_lossy(octets).into_owned(),
        Event::Capability(_, capability) => {
            let mut line = SendBuf::new(Vec::new());
            capability.encode(&mut line).ok()?;
            String::from_utf8_lossy(line.pending()).trim_end().to_owned()
        }
        _ => return None,
    })
}

/// The line of the dialogue.
pub(crate) fn line(seen: &Seen<'_>) -> Option<String> {
    Some(match seen {
        Seen::Command(command) => format!("C: {command}"),
        Seen::Cancel => "C: *".into(),
        Seen::Unknown(_) | Seen::NotACommand(_) | Seen::Response(_) | Seen::ProxyHeader(_) => {
            format!("C: {SECRET}")
        }
        Seen::LongLine(Side::Client) => format!("C: {SECRET} (a very long line)"),
        Seen::LongLine(Side::Server) => "S: (a very long line)".into(),
        Seen::Challenge(_) | Seen::MalformedChallenge(_) => format!("S: + {SECRET}"),
        Seen::Encrypted => "S: +OK (TLS)".into(),
        Seen::Answer(event) => return answer(event),
        _ => return None,
    })
}

fn answer(event: &Event<'_>) -> Option<String> {
    use pop3_proto::Verb::{Apop, Auth, Other, Pass};
    let status = |word: &str, status: &StatusText<'_>| {
        let is_login = event.ticket().is_some_and(|ticket| matches!(ticket.verb, Pass | Apop | Auth | Other));
        if is_login {
            format!("S: {word}")
        } else {
            format!("S: {word} {}", status.text()).trim_end().to_owned()
        }
    };
    Some(match event {
        Event::Greeting(greeting) => status("+OK", &greeting.status),
        Event::NoService(text) | Event::Refused(_, text) => status("-ERR", text),
        Event::Ok(_, text) | Event::Begin(_, text) => status("+OK", text),
        Event::Body(..) => return None,
        Event::End(ticket, octets) if ticket.message.is_some() => format!("S: ({octets} octets)"),
        Event::End(..) => "S: .".into(),
        event if event.completes() => format!("S: +OK {}", values(event)?),
        event => format!("S: {}", values(event)?),
    })
}
