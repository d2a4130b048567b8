//! The client machine, requirement by requirement.

mod answers;
mod deletions;
mod endings;
mod greeting;
mod line_ends;
mod login;
mod quirks;
mod robust;
mod security;
mod sending;
mod surplus;

use pop3_proto::client::{ClientConfig, Closed, Event, SaslDone, SaslStep, SendError, StartTls};
use pop3_proto::{
    Base64, Client, Command, Input, Profile, Quirk, Quirks, SendBuf, StatusText, TlsPolicy, client::Ticket,
};
use std::time::Duration;

const CLEAR: ClientConfig = ClientConfig::new(TlsPolicy::Cleartext);
const STRICT: ClientConfig = CLEAR.with_profile(Profile::Strict);
const PIPED: ClientConfig = CLEAR.assume_pipelining();

const GREETING: &str = "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n";

/// A client, what it sent, and the tokens that it gave out last.
struct Session {
    client: Client,
    out: SendBuf<Vec<u8>>,
    unread: Vec<u8>,
    now: Duration,
    step: Option<SaslStep>,
    done: Option<SaslDone>,
    start: Option<StartTls>,
}

impl Session {
    /// Before the greeting.
    fn new(config: ClientConfig) -> Self {
        let client = Client::new(config, 1);
        Session {
            client,
            out: SendBuf::new(vec![]),
            unread: Vec::new(),
            now: Duration::ZERO,
            step: None,
            done: None,
            start: None,
        }
    }

    /// In AUTHORIZATION, with a timestamp for APOP.
    fn greeted(config: ClientConfig) -> Self {
        let mut session = Session::new(config);
        session.hear(GREETING);
        session
    }

    /// In TRANSACTION.
    fn opened(config: ClientConfig) -> Self {
        let mut session = Session::greeted(config);
        session.ask("USER mrose", "+OK\r\n");
        assert_eq!(session.ask("PASS tanstaaf", "+OK open\r\n"), ["PASS ok open"]);
        session
    }

    /// Sends the command of this line.
    fn send(&mut self, line: impl AsRef<[u8]>) -> Result<Ticket, SendError> {
        self.client.send(&Command::parse(line.as_ref()).unwrap(), &mut self.out)
    }

    /// What was sent since the last call.
    fn sent(&mut self) -> String {
        let sent = String::from_utf8_lossy(self.out.pending()).into_owned();
        self.out.clear();
        sent
    }

    /// Sends the command of this line and hears the answer.
    fn ask(&mut self, line: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) -> Vec<String> {
        self.send(line).unwrap();
        self.out.clear();
        self.hear(answer)
    }

    /// The events of what the server says, in words.
    fn hear(&mut self, octets: impl AsRef<[u8]>) -> Vec<String> {
        self.heard(octets.as_ref(), false)
    }

    /// The stream ends behind these octets.
    fn last(&mut self, octets: impl AsRef<[u8]>) -> Vec<String> {
        self.heard(octets.as_ref(), true)
    }

    fn heard(&mut self, octets: &[u8], last: bool) -> Vec<String> {
        let mut unread = std::mem::take(&mut self.unread);
        unread.extend_from_slice(octets);
        let mut input = if last { Input::last(&unread) } else { Input::more(&unread) };
        let mut events: Vec<String> = Vec::new();
        let mut body = Vec::new();
        loop {
            let event = self.client.poll(&mut input);
            if let Ok(Some(Event::Body(_, data))) = event {
                body.extend_from_slice(data);
                continue;
            }
            if !body.is_empty() {
                events.push(format!("body {}", std::mem::take(&mut body).escape_ascii()));
            }
            let over = matches!(event, Err(_) | Ok(Some(Event::Closed(_))));
            match event {
                Ok(Some(event)) => events.push(self.words(event)),
                Ok(None) => break,
                Err(fatal) => events.push(format!("fatal {fatal:?}")),
            }
            if over {
                break;
            }
        }
        self.unread = input.unread().to_vec();
        events
    }

    fn words(&mut self, event: Event<'_>) -> String {
        let name = event.ticket().map(|ticket| match ticket.message {
            Some(message) => format!("{} {message}", ticket.verb.keyword()),
            None => ticket.verb.keyword().to_string(),
        });
        let name = name.unwrap_or_default();
        match event {
            Event::Greeting(greeting) => format!("greeting {}", words(&greeting.status)),
            Event::NoService(status) => format!("no service {}", words(&status)),
            Event::Farewell(status) => format!("farewell {}", words(&status)),
            Event::Ok(_, status) => format!("{name} ok {}", words(&status)),
            Event::Refused(_, status) => format!("{name} refused {}", words(&status)),
            Event::Begin(_, status) => format!("{name} begin {}", words(&status)),
            Event::End(_, amount) => format!("{name} end {amount}"),
            Event::DropListing(_, listing) => {
                format!("{} messages, {} octets", listing.count, listing.octets)
            }
            Event::ScanListing(_, listing) => format!("{} has {}", listing.message, listing.octets),
            Event::UniqueId(_, id) if id.unique_id().is_some() => format!("{} is {id}", id.message),
            Event::UniqueId(_, id) => format!("{} is odd {id}", id.message),
            Event::Capability(_, capability) => format!("{capability:?}"),
            Event::Mechanism(_, mechanism) => format!("mechanism {mechanism}"),
            Event::Malformed(_, octets) => format!("odd {}", octets.escape_ascii()),
            Event::Challenge(step, challenge) => {
                self.step = Some(step);
                format!("challenge {}", challenge.as_bytes().escape_ascii())
            }
            Event::MalformedChallenge(step, octets) => {
                self.step = Some(step);
                format!("odd challenge {}", octets.escape_ascii())
            }
            Event::AuthAccepted(done, status) => {
                self.done = Some(done);
                format!("AUTH accepted {}", words(&status))
            }
            Event::StartTls(start) => {
                self.start = Some(start);
                "start TLS".to_string()
            }
            Event::Closed(Closed { deletions, .. }) => format!("closed {deletions:?}"),
            other => format!("{other:?}"),
        }
        .trim_end()
        .to_string()
    }

    /// Answers the challenge that was heard last.
    fn respond(&mut self, response: &'static str) {
        self.client.respond(self.step.take().unwrap(), Base64::from_static(response), &mut self.out).unwrap();
    }

    fn quirks(&self) -> Quirks {
        self.client.quirks()
    }

    /// Lets so many seconds pass and says which timer ran out, if one did.
    fn wait(&mut self, seconds: u64) -> String {
        self.client.tick(self.now).unwrap();
        self.now = self.now + Duration::from_secs(seconds);
        match self.client.tick(self.now) {
            Ok(_) => String::new(),
            Err(fatal) => format!("{fatal:?}"),
        }
    }
}

/// Response code and text.
fn words(status: &StatusText<'_>) -> String {
    let code = status.code().map(|code| format!("[{code}] ")).unwrap_or_default();
    format!("{code}{}", status.text())
}

fn quirks(list: &[Quirk]) -> Quirks {
    list.iter().copied().collect()
}

/// The events of one answer, and what was noted: tolerant, then strict, where what is not fatal is an odd row.
fn in_both(line: &str, answer: impl AsRef<[u8]>, tolerant: &[&str], noted: &[Quirk], strict: &[&str]) {
    let mut session = Session::opened(CLEAR);
    assert_eq!(session.ask(line, &answer), tolerant);
    assert_eq!(session.quirks(), quirks(noted));
    let mut session = Session::opened(STRICT);
    assert_eq!(session.ask(line, &answer), strict);
    let odd = strict.iter().any(|event| event.starts_with("odd"));
    assert_eq!(session.quirks(), quirks(if odd { &[Quirk::MalformedRow] } else { &[] }));
}
