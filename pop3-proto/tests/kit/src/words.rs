//! One notation for the events of a client and the questions of a server.

use pop3_proto::client::{Closed, Event, Ticket};
use pop3_proto::server::{self, Credentials};
use pop3_proto::{Secret, StatusText};

/// Returns an event of a client in words: the command that is answered, its outcome, and the server's text.
pub fn event(event: &Event<'_>) -> String {
    let name = event.ticket().as_ref().map(command).unwrap_or_default();
    let words = match event {
        Event::Greeting(greeting) => format!("greeting {}", status(&greeting.status)),
        Event::NoService(text) => format!("no service {}", status(text)),
        Event::Farewell(text) => format!("farewell {}", status(text)),
        Event::Ok(_, text) => format!("{name} ok {}", status(text)),
        Event::Refused(_, text) => format!("{name} refused {}", status(text)),
        Event::Begin(_, text) => format!("{name} begin {}", status(text)),
        Event::End(_, amount) => format!("{name} end {amount}"),
        Event::DropListing(_, listing) => format!("{} messages, {} octets", listing.count, listing.octets),
        Event::ScanListing(_, listing) => format!("{} has {}", listing.message, listing.octets),
        Event::UniqueId(_, id) if id.unique_id().is_some() => format!("{} is {id}", id.message),
        Event::UniqueId(_, id) => format!("{} is odd {id}", id.message),
        Event::Capability(_, capability) => format!("{capability:?}"),
        Event::Language(_, listing) => format!("language {} {}", listing.tag, listing.name),
        Event::Mechanism(_, mechanism) => format!("mechanism {mechanism}"),
        Event::Malformed(_, bytes) => format!("odd {}", bytes.escape_ascii()),
        Event::Body(_, bytes) => body(bytes),
        Event::Challenge(_, challenge) => format!("challenge {}", challenge.as_bytes().escape_ascii()),
        Event::MalformedChallenge(_, bytes) => format!("odd challenge {}", bytes.escape_ascii()),
        Event::AuthAccepted(_, text) => format!("AUTH accepted {}", status(text)),
        Event::StartTls(_) => "start TLS".into(),
        Event::Closed(Closed { deletions, .. }) => format!("closed {deletions:?}"),
        other => format!("{other:?}"),
    };
    words.trim_end().into()
}

/// Returns the bytes of a message.
pub fn body(bytes: &[u8]) -> String {
    format!("body {}", bytes.escape_ascii())
}

/// Returns the response code and the text.
pub fn status(status: &StatusText<'_>) -> String {
    let code = status.code().map(|code| format!("[{code}] ")).unwrap_or_default();
    format!("{code}{}", status.text())
}

fn command(ticket: &Ticket) -> String {
    match ticket.message {
        Some(message) => format!("{} {message}", ticket.verb.keyword()),
        None => ticket.verb.keyword().to_string(),
    }
}

/// Returns a question of the server, with everything that the client gave, or `None` if the event is not a question.
pub fn question(event: &server::Event<'_>) -> Option<String> {
    use server::Event;
    Some(match event {
        Event::Greet(_) => "Greet".into(),
        Event::User(_, name) => format!("User {name}"),
        Event::Login(_, credentials) => self::credentials(credentials),
        Event::Fetch(fetch) => format!("Fetch {} {:?}", fetch.message(), fetch.top()),
        Event::Commit(_) => "Commit".into(),
        Event::StartTls(_) => "StartTls".into(),
        Event::Other(_, keyword, rest) => {
            format!("Other {} {}", keyword.as_bytes().escape_ascii(), rest.map(shown).unwrap_or_default())
        }
        _ => return None,
    })
}

fn credentials(credentials: &Credentials<'_>) -> String {
    match credentials {
        Credentials::Password(password) => format!("Password {}", shown(*password)),
        Credentials::Apop { name, .. } => format!("Apop {name}"),
        Credentials::Sasl { mechanism, initial: None } => format!("Sasl {mechanism}"),
        Credentials::Sasl { mechanism, initial: Some(initial) } => {
            let initial = if initial.is_empty() { b"=" } else { initial.as_bytes() };
            format!("Sasl {mechanism} {}", initial.escape_ascii())
        }
        Credentials::Response(response) => format!("Response {}", response.as_bytes().escape_ascii()),
        other => format!("{other:?}"),
    }
}

fn shown(secret: Secret<'_>) -> String {
    secret.expose().escape_ascii().to_string()
}
