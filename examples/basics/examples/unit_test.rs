//! Shows how an application tests its POP3 code without a network. Connections have no sockets, so a test plays the other side
//! with the bytes of the protocol. In an application, the functions below `main` would be `#[test]`s; here `main` runs them.

use pop3_proto::client::Event;
use pop3_proto::script::{Cuts, Script};
use pop3_proto::server::{CloseReason, ServerConfig};
use pop3_proto::{
    ClientConnection, Command, ConnectionError, MIN_SEND_BUF, Secret, ServerConnection, Text, TlsPolicy, Verb,
};
use pop3_proto_basics::Result;
use pop3_proto_basics::host::Host;
use pop3_proto_basics::sample::{MESSAGES, Message};
use std::collections::HashSet;
use std::io::{Read, Write};

/// The application's code. It logs in and asks for the unique-ids, to find the new messages. It does not move bytes, so a test can
/// move them.
struct NewMail {
    pop3: ClientConnection<Vec<u8>>,
    known: HashSet<Vec<u8>>,
    new: Vec<u32>,
}

impl NewMail {
    fn new(known: &[&str]) -> Self {
        let known = known.iter().map(|id| id.as_bytes().to_vec()).collect();
        NewMail { pop3: ClientConnection::new(TlsPolicy::Cleartext, 1), known, new: Vec::new() }
    }

    /// Reads the bytes received, and queues the commands to send.
    fn advance(&mut self) -> Result<()> {
        while let Some((event, mut sender)) = self.pop3.poll()? {
            let next = match event {
                Event::Greeting(_) => Command::User(Text::from_static("mrose")),
                Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass(Secret::new(b"tanstaaf")?),
                Event::Ok(..) => Command::Uidl(None),
                Event::UniqueId(_, row) => {
                    if !self.known.contains(row.as_bytes()) {
                        self.new.push(row.message.get());
                    }
                    continue;
                }
                Event::End(..) => Command::Quit,
                Event::Refused(ticket, status) => {
                    let code = status.code().map_or("no code".to_string(), |code| code.to_string());
                    return Err(format!("{ticket}: {code}").into());
                }
                _ => continue,
            };
            sender.send(next)?;
        }
        Ok(())
    }

    /// Takes the place of a socket in a test: passes the received bytes in, and returns the bytes to send.
    fn turn(&mut self, received: &[u8]) -> Result<Vec<u8>> {
        self.pop3.recv_buf().append(received);
        self.advance()?;
        let sent = self.pop3.send_buf().pending().to_vec();
        self.pop3.send_buf().clear();
        Ok(sent)
    }
}

fn main() -> Result<()> {
    the_dialogue_is_what_it_should_be()?;
    the_cuts_of_the_stream_do_not_matter()?;
    a_script_plays_the_server()?;
    a_refused_login_is_told_with_its_code()?;
    a_listing_that_is_cut_is_an_error()?;
    the_server_removes_at_quit_only()?;
    a_large_message_passes_a_small_sink()?;
    both_sides_meet_in_memory()
}

/// The bytes received and the bytes sent, one row for each turn.
const DIALOGUE: [(&str, &str); 5] = [
    ("+OK ready\r\n", "USER mrose\r\n"),
    ("+OK\r\n", "PASS tanstaaf\r\n"),
    ("+OK 3 messages\r\n", "UIDL\r\n"),
    ("+OK\r\n1 aaa\r\n2 bbb\r\n3 ccc\r\n.\r\n", "QUIT\r\n"),
    ("+OK bye\r\n", ""),
];

fn the_dialogue_is_what_it_should_be() -> Result<()> {
    let mut mail = NewMail::new(&["bbb"]);
    for (received, sent) in DIALOGUE {
        assert_eq!(String::from_utf8(mail.turn(received.as_bytes())?)?, sent);
    }
    assert_eq!(mail.new, [1, 3]);
    assert!(mail.pop3.is_closed());
    passed("the dialogue is as expected")
}

/// A stream may arrive in pieces of any size. The connection keeps the bytes of an incomplete line.
fn the_cuts_of_the_stream_do_not_matter() -> Result<()> {
    let mut mail = NewMail::new(&["bbb"]);
    let mut sent = Vec::new();
    for byte in DIALOGUE.map(|(received, _)| received).concat().as_bytes() {
        sent.extend(mail.turn(&[*byte])?);
    }
    assert_eq!(sent, DIALOGUE.map(|(_, sent)| sent).concat().as_bytes());
    assert_eq!((&mail.new[..], mail.pop3.is_closed()), (&[1, 3][..], true));
    passed("the stream may be cut anywhere")
}

/// Does the same with a script. A script is easier to read, runs at every cut, and shows the line that
/// differs.
fn a_script_plays_the_server() -> Result<()> {
    let script = Script::parse(
        "
        S: +OK ready
        C: USER mrose
        S: +OK
        C: PASS tanstaaf
        S: +OK 2 messages
        C: UIDL
        S: +OK
        S: 1 aaa
        S: 2 bbb
        S: .
        C: QUIT
        S: +OK bye
        * connection closes
        ",
    )?;
    for cuts in Cuts::singles(script.server().octets()) {
        let (mut mail, mut server) = (NewMail::new(&["bbb"]), script.server().cut(cuts));
        talk(&mut mail, &mut server)?;
        server.finish()?;
        assert_eq!(mail.new, [1]);
    }

    let other = Script::parse("S: +OK ready\nC: USER anybody")?;
    let error = talk(&mut NewMail::new(&[]), &mut other.server()).unwrap_err();
    let shown = "\
line 2: the client sent something else
  script  C: USER anybody
  sent    C: USER mrose
                  ^";
    assert_eq!(error.to_string(), shown);
    passed("a script plays the server, and shows the line that differs")
}

/// Moves the bytes in this application, over any stream or a script.
fn talk(mail: &mut NewMail, stream: &mut (impl Read + Write)) -> Result<()> {
    while !mail.pop3.is_closed() {
        mail.advance()?;
        mail.pop3.write_to(stream)?;
        mail.pop3.read_from(stream)?;
    }
    Ok(())
}

fn a_refused_login_is_told_with_its_code() -> Result<()> {
    let mut mail = NewMail::new(&[]);
    // Each response follows its command: bytes that arrived before a command was sent do not answer it.
    for received in ["+OK ready\r\n", "+OK\r\n"] {
        mail.turn(received.as_bytes())?;
    }
    let error = mail.turn(b"-ERR [IN-USE] locked\r\n").unwrap_err();
    assert_eq!(error.to_string(), "PASS: IN-USE");
    passed("a refused login is reported with its code")
}

/// `received_eof` reports that the peer has closed.
fn a_listing_that_is_cut_is_an_error() -> Result<()> {
    let mut mail = NewMail::new(&[]);
    for received in ["+OK ready\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n1 aaa\r\n2 bb"] {
        mail.turn(received.as_bytes())?;
    }
    mail.pop3.recv_buf().received_eof();
    let error = mail.advance().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&ConnectionError::UnexpectedEof));
    passed("a listing that is cut is an error")
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// A server is tested the same way.
fn the_server_removes_at_quit_only() -> Result<()> {
    let cases = [("", CloseReason::End, &MESSAGES[..]), ("QUIT\r\n", CloseReason::Quit, &MESSAGES[1..])];
    for (last, reason, left) in cases {
        let (mut host, mut pop3) = (Host::new(&MESSAGES), ServerConnection::new(&CONFIG, 1));
        let commands = format!("USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n{last}");
        pop3.recv_buf().append(commands.as_bytes());
        pop3.recv_buf().received_eof();
        assert_eq!(host.serve(&mut pop3)?, Some(reason));
        // The words after `+OK` are for people, so a test should not depend on them.
        let responses = String::from_utf8_lossy(pop3.send_buf().pending());
        let accepted = responses.lines().filter(|line| line.starts_with("+OK")).count();
        assert_eq!(accepted, 4 + usize::from(!last.is_empty()));
        assert_eq!(host.messages(), left);
    }
    passed("the server removes messages only at QUIT")
}

/// The send buffer may be an array. Any size of at least 512 bytes sends the same bytes.
fn a_large_message_passes_a_small_sink() -> Result<()> {
    let large = Message { id: "large", text: ".dot\nno dot\n".repeat(1000).leak() };
    let mut host = Host::new(&[large]);
    let mut pop3 = ServerConnection::with_buffers(&CONFIG, 1, vec![], [0; MIN_SEND_BUF])?;
    pop3.recv_buf().append(b"USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\n");
    let mut sent = Vec::new();
    while !pop3.wants_read() {
        host.serve(&mut pop3)?;
        sent.extend_from_slice(pop3.send_buf().pending()); // a driver writes these bytes to its socket
        pop3.send_buf().clear();
    }
    let message = [b"+OK 14000 octets\r\n", "..dot\r\nno dot\r\n".repeat(1000).as_bytes(), b".\r\n"].concat();
    assert!(sent.ends_with(&message));
    passed("a large message passes a small sink")
}

/// Both sides of the application can talk to each other, without a socket between them.
fn both_sides_meet_in_memory() -> Result<()> {
    let mut mail = NewMail::new(&[MESSAGES[0].id]);
    let (mut host, mut pop3) = (Host::new(&MESSAGES), ServerConnection::new(&CONFIG, 1));
    while !mail.pop3.is_closed() {
        host.serve(&mut pop3)?;
        let commands = mail.turn(pop3.send_buf().pending())?;
        pop3.send_buf().clear();
        pop3.recv_buf().append(&commands);
    }
    assert_eq!(mail.new, [2, 3]);
    passed("both sides meet in memory")
}

fn passed(what: &str) -> Result<()> {
    println!("ok: {what}");
    Ok(())
}
