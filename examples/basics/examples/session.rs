//! A client and a server talk POP3 in memory, and every line is printed.
//!
//! `cargo run --example session` shows a first session by hand. With `-- --all` it shows the extensions of RFC 1939: CAPA,
//! LANG, UTF8, AUTH PLAIN and pipelining. It fails if a response is not the expected one.

use pop3_proto::client::{Deletions, Event, Feature};
use pop3_proto::server::{CloseReason, Language, Phrase, ServerConfig, Utf8};
use pop3_proto::{
    Capability, ClientConnection, Command, DropListing, LanguageRange, LanguageTag, Mechanism, MessageNumber,
    ResponseCode, ScanListing, Secret, ServerConnection, State, Text, TlsPolicy,
};
use pop3_proto_basics::host::{Host, Maildrop};
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, PLAIN, USER};
use pop3_proto_basics::{Error, Result};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => first_session(),
        Some("--all") => all(),
        Some(_) => Err("usage: session [--all]".into()),
    }
}

/// Shows the commands that a person would try first.
fn first_session() -> Result<()> {
    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
    let mut talk = Dialogue::new(&CONFIG, TlsPolicy::Cleartext);

    talk.listen(|event| matches!(event, Event::Greeting(_)))?;
    talk.say(&[Command::Capa], |event| matches!(event, Event::Capability(_, Capability::Uidl)))?;

    talk.say(&[Command::User(Text::from_static("nobody"))], refused)?;
    talk.say(&[Command::User(Text::from_static(USER))], done)?;
    talk.say(&[Command::Pass(Secret::new(PASSWORD.as_bytes())?)], done)?;
    assert_eq!(talk.client.client().state(), State::Transaction);

    let octets = MESSAGES.map(|message| pop3_proto::OctetCount::of(message.text.as_bytes()));
    let all = DropListing { count: 3, octets: octets.iter().sum() };
    talk.say(&[Command::Stat], |event| matches!(event, Event::DropListing(_, said) if *said == all))?;

    let mut rows = Vec::new();
    talk.say(&[Command::List(None)], |event| match event {
        Event::ScanListing(_, ScanListing { octets, .. }) => {
            rows.push(*octets);
            false
        }
        Event::End(..) => true, // only now is the response complete
        _ => false,
    })?;
    assert_eq!(rows, octets);
    talk.say(&[Command::List(Some(number(23)?))], refused)?;

    let mut text = Vec::new();
    talk.say(&[Command::Retr(number(2)?)], |event| match event {
        Event::Body(_, octets) => {
            text.extend_from_slice(octets);
            false
        }
        Event::End(_, octets) => *octets == rows[1],
        _ => false,
    })?;
    assert_eq!(String::from_utf8(text)?, MESSAGES[1].text.replace('\n', "\r\n"));

    talk.say(&[Command::Dele(number(2)?)], done)?;
    talk.say(&[Command::Retr(number(2)?)], refused)?;
    talk.say(&[Command::Rset], done)?;
    talk.say(&[Command::Stat], |event| matches!(event, Event::DropListing(_, said) if *said == all))?;
    talk.say(&[Command::Dele(number(1)?)], done)?;
    assert_eq!(talk.client.client().deletions(), Deletions::Pending);
    assert_eq!(talk.host.messages(), MESSAGES, "DELE alone removes nothing");

    talk.say(
        &[Command::Quit],
        |event| matches!(event, Event::Closed(closed) if closed.deletions == Deletions::Committed),
    )?;
    assert_eq!(talk.host.messages(), &MESSAGES[1..], "QUIT does");
    Ok(())
}

/// Shows the extensions, in one session.
fn all() -> Result<()> {
    const GERMAN: Language<'_> =
        Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german };
    // PLAIN shows the password to anyone who listens, so the server offers it only inside TLS. This policy tells the server
    // that the session is inside TLS; the application does the encryption.
    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit)
        .with_sasl(&[Mechanism::PLAIN])
        .with_utf8(Utf8::Messages)
        .with_languages(&[Language::ENGLISH, GERMAN])
        .with_implementation(Text::from_static("pop3-proto session"));
    let mut talk = Dialogue::new(&CONFIG, TlsPolicy::Implicit);

    talk.listen(|event| matches!(event, Event::Greeting(_)))?;
    talk.say(&[Command::Capa], |event| matches!(event, Event::End(..)))?;
    for feature in [Feature::Pipelining, Feature::Sasl, Feature::Utf8, Feature::Lang, Feature::Uidl] {
        assert!(talk.client.client().capabilities().has(feature), "{feature:?}");
    }

    talk.say(
        &[Command::Lang(None)],
        |event| matches!(event, Event::Language(_, row) if row.tag == GERMAN.tag),
    )?;
    talk.say(&[Command::Lang(Some(LanguageRange::Tag(GERMAN.tag)))], |event| {
        matches!(event, Event::Language(..))
    })?;
    talk.say(&[Command::Utf8], done)?;
    assert!(talk.client.client().is_utf8() && talk.server.server().is_utf8());

    // First with the response in the command, and a wrong password; then with a challenge.
    let wrong = pop3_proto::Base64::from_static("AG1yb3NlAGd1ZXNz");
    let auth = |initial| Command::Auth { mechanism: Mechanism::PLAIN, initial };
    talk.say(
        &[auth(Some(wrong))],
        |event| matches!(event, Event::Refused(_, status) if status.code() == Some(ResponseCode::Auth)),
    )?;
    talk.say(&[auth(None)], |event| matches!(event, Event::AuthAccepted(..)))?;
    assert_eq!(talk.client.client().state(), State::Transaction);

    // Four commands at once. The responses arrive in the same order, and a refusal does not change the other
    // responses.
    let mut answers = Vec::new();
    let top = Command::Top { message: number(1)?, lines: 0 };
    talk.say(&[Command::Stat, Command::Dele(number(23)?), Command::Uidl(None), top], |event| {
        if event.completes() {
            answers.push(!matches!(event, Event::Refused(..)));
        }
        answers.len() == 4
    })?;
    assert_eq!(answers, [true, false, true, true]);

    // No command may follow QUIT, but QUIT may follow other commands.
    let goodbye = [Command::Dele(number(1)?), Command::Dele(number(3)?), Command::Quit];
    talk.say(
        &goodbye,
        |event| matches!(event, Event::Closed(closed) if closed.deletions == Deletions::Committed),
    )?;
    assert_eq!(talk.host.messages(), &MESSAGES[1..2]);
    Ok(())
}

/// Returns the German phrases of this server, and English for the rest.
fn german(phrase: Phrase) -> Text<'static> {
    match phrase {
        Phrase::LanguageSelected => const { Text::from_static("ab jetzt auf Deutsch") },
        Phrase::LoginFailed => const { Text::from_static("Anmeldung fehlgeschlagen") },
        Phrase::NoSuchMessage => const { Text::from_static("keine Nachricht mit dieser Nummer") },
        Phrase::Bye => const { Text::from_static("auf Wiedersehen") },
        other => other.english(),
    }
}

fn number(number: u32) -> Result<MessageNumber> {
    Ok(MessageNumber::new(number)?)
}

fn done(event: &Event<'_>) -> bool {
    matches!(event, Event::Ok(..))
}

fn refused(event: &Event<'_>) -> bool {
    matches!(event, Event::Refused(..))
}

/// A client and a server. Each receives the bytes that the other sends.
struct Dialogue {
    client: ClientConnection<Vec<u8>>,
    server: ServerConnection<Maildrop, Vec<u8>>,
    host: Host,
    /// Whether the next line of the client answers a challenge.
    challenged: bool,
}

impl Dialogue {
    fn new(config: &'static ServerConfig<'_>, policy: TlsPolicy) -> Self {
        Dialogue {
            client: ClientConnection::new(policy, 1),
            server: ServerConnection::new(config, 1),
            host: Host::new(&MESSAGES),
            challenged: false,
        }
    }

    /// Sends all commands at once and reads the responses. `check` must accept one of the events.
    fn say(&mut self, commands: &[Command<'_>], check: impl FnMut(&Event<'_>) -> bool) -> Result<()> {
        for command in commands {
            self.client.sender().send(*command)?;
        }
        self.listen(check)
    }

    fn listen(&mut self, mut check: impl FnMut(&Event<'_>) -> bool) -> Result<()> {
        let mut agreed = false;
        loop {
            self.exchange()?;
            while let Some((event, mut sender)) = self.client.poll()? {
                agreed |= check(&event);
                match event {
                    Event::Challenge(step, _) => {
                        sender.respond(step, PLAIN)?;
                        self.challenged = true;
                    }
                    // PLAIN proves nothing about the server. Other mechanisms may do so.
                    Event::AuthAccepted(done, _) => sender.verified(done)?,
                    _ => {}
                }
            }
            if !self.client.wants_write() {
                return if agreed {
                    Ok(())
                } else {
                    Err(Error::from("the response is not the expected one"))
                };
            }
        }
    }

    /// Moves the client's commands to the server, and the server's responses to the client. Prints both.
    fn exchange(&mut self) -> Result<()> {
        let commands = self.client.send_buf();
        for line in lines(commands.pending()) {
            println!("C: {}", redacted(line, std::mem::take(&mut self.challenged)));
        }
        self.server.recv_buf().append(commands.pending());
        commands.clear();

        let closed = self.host.serve(&mut self.server)?;
        let responses = self.server.send_buf();
        for line in lines(responses.pending()) {
            println!("S: {}", String::from_utf8_lossy(line));
        }
        self.client.recv_buf().append(responses.pending());
        responses.clear();
        match closed {
            None | Some(CloseReason::Quit) => Ok(()),
            Some(why) => Err(format!("the server closed: {why:?}").into()),
        }
    }
}

fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split_inclusive(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
}

/// Returns a client's line without its secrets, for display or a log. The types of the crate never show a secret, but these are raw
/// bytes.
fn redacted(line: &[u8], response: bool) -> String {
    let text = String::from_utf8_lossy(line);
    let mut words = text.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        _ if response => "********".into(),
        (Some("PASS"), ..) => "PASS ********".into(),
        (Some("AUTH"), Some(mechanism), Some(_)) => format!("AUTH {mechanism} ********"),
        _ => text.into(),
    }
}
