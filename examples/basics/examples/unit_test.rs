//! How an application tests its POP3 code without a network: machines have no sockets, so a test plays the other side with the
//! octets of the wire. The functions below `main` would be `#[test]`s in an application; here `main` runs them.

use pop3_proto::client::Event;
use pop3_proto::script::{Cuts, Script};
use pop3_proto::server::{CloseReason, ServerConfig};
use pop3_proto::{
    Client, Command, ConnectionError, Input, MIN_SEND_BUF, RecvBuf, Secret, SendBuf, Sink, Text, TlsPolicy,
    Verb,
};
use pop3_proto_basics::Result;
use pop3_proto_basics::host::{Host, Wants};
use pop3_proto_basics::sample::{MESSAGES, Message};
use std::collections::HashSet;
use std::io::{Read, Write};

/// The application's code: it logs in and asks which messages there are, to tell the new ones. It knows machines and
/// buffers; what moves the octets is not its business, and so a test can.
struct NewMail {
    client: Client,
    known: HashSet<Vec<u8>>,
    new: Vec<u32>,
    done: bool,
}

impl NewMail {
    fn new(known: &[&str]) -> Self {
        let known = known.iter().map(|id| id.as_bytes().to_vec()).collect();
        NewMail { client: Client::new(TlsPolicy::Cleartext, 1), known, new: Vec::new(), done: false }
    }

    /// Takes what came and says what is to be sent.
    fn advance(&mut self, input: &mut Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        while !self.done {
            let Some(event) = self.client.poll(input)? else { break };
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
                Event::Closed(_) => {
                    self.done = true;
                    continue;
                }
                _ => continue,
            };
            self.client.send(&next, sink)?;
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    the_dialogue_is_what_it_should_be()?;
    the_cuts_of_the_stream_do_not_matter()?;
    a_script_plays_the_server()?;
    a_refused_login_is_told_with_its_code();
    a_listing_that_is_cut_is_an_error();
    the_server_removes_at_quit_only()?;
    a_large_message_passes_a_small_sink()?;
    both_sides_meet_in_memory()
}

/// What came, what is sent: one line of the table for each turn.
const DIALOGUE: [(&str, &str); 5] = [
    ("+OK ready\r\n", "USER mrose\r\n"),
    ("+OK\r\n", "PASS tanstaaf\r\n"),
    ("+OK 3 messages\r\n", "UIDL\r\n"),
    ("+OK\r\n1 aaa\r\n2 bbb\r\n3 ccc\r\n.\r\n", "QUIT\r\n"),
    ("+OK bye\r\n", ""),
];

fn the_dialogue_is_what_it_should_be() -> Result<()> {
    let mut mail = NewMail::new(&["bbb"]);
    for (came, sent) in DIALOGUE {
        let mut send = SendBuf::new(vec![]);
        mail.advance(&mut Input::more(came.as_bytes()), &mut send)?;
        assert_eq!(String::from_utf8_lossy(send.pending()), sent);
    }
    assert_eq!(mail.new, [1, 3]);
    assert!(mail.done);
    passed("the dialogue is what it should be")
}

/// A stream may arrive in pieces of any size. What a machine does not read of one is handed in again with the next.
fn the_cuts_of_the_stream_do_not_matter() -> Result<()> {
    let stream = DIALOGUE.map(|(came, _)| came).concat();
    let mut mail = NewMail::new(&["bbb"]);
    let (mut start, mut send) = (0, SendBuf::new(vec![]));
    for end in 1..=stream.len() {
        let mut input = Input::more(&stream.as_bytes()[start..end]);
        mail.advance(&mut input, &mut send)?;
        start = end - input.remaining();
    }
    assert_eq!(send.pending(), DIALOGUE.map(|(_, sent)| sent).concat().as_bytes());
    assert_eq!((mail.new, mail.done), (vec![1, 3], true));
    passed("the cuts of the stream do not matter")
}

/// The same with a script: easier to read, at every cut, and where the two part it shows the line.
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
line 2: the client says something else
  script  C: USER anybody
  came    C: USER mrose
                  ^";
    assert_eq!(error.to_string(), shown);
    passed("a script plays the server, and shows where the two part")
}

/// What moves the octets in this application: any stream does, and so does a played server.
fn talk(mail: &mut NewMail, stream: &mut (impl Read + Write)) -> Result<()> {
    let (mut recv, mut send) = (RecvBuf::new([0; 4096]), SendBuf::new(vec![]));
    while !mail.done {
        let count = stream.read(recv.spare_mut())?;
        recv.received(count);
        recv.with(|input| mail.advance(input, &mut send))?;
        while !send.pending().is_empty() {
            let count = stream.write(send.pending())?;
            send.sent(count);
        }
    }
    Ok(())
}

fn a_refused_login_is_told_with_its_code() {
    let mut mail = NewMail::new(&[]);
    let mut send = SendBuf::new(vec![]);
    // Each response after its command: what is there before a command is sent does not answer it.
    for came in ["+OK ready\r\n", "+OK\r\n"] {
        mail.advance(&mut Input::more(came.as_bytes()), &mut send).unwrap();
    }
    let mut input = Input::more(b"-ERR [IN-USE] locked\r\n");
    let error = mail.advance(&mut input, &mut send).unwrap_err();
    assert_eq!(error.to_string(), "PASS: IN-USE");
    println!("ok: a refused login is told with its code");
}

/// `Input::last` says that the peer has closed.
fn a_listing_that_is_cut_is_an_error() {
    let mut mail = NewMail::new(&[]);
    let mut send = SendBuf::new(vec![]);
    for came in ["+OK ready\r\n", "+OK\r\n", "+OK\r\n"] {
        mail.advance(&mut Input::more(came.as_bytes()), &mut send).unwrap();
    }
    let mut input = Input::last(b"+OK\r\n1 aaa\r\n2 bb");
    let error = mail.advance(&mut input, &mut send).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&ConnectionError::UnexpectedEof));
    assert!(!mail.done);
    println!("ok: a listing that is cut is an error");
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// A server is tested the same way, here with a sink that is a slice.
fn the_server_removes_at_quit_only() -> Result<()> {
    for (last, left) in [("", &MESSAGES[..]), ("QUIT\r\n", &MESSAGES[1..])] {
        let mut host = Host::new(&CONFIG, &MESSAGES);
        let commands = format!("USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n{last}");
        let mut buffer = [0; 1024];
        let mut out = SendBuf::new(&mut buffer[..]);
        let wants = host.run(&mut Input::last(commands.as_bytes()), &mut out)?;
        assert_eq!(wants, Wants::Nothing(if last.is_empty() { CloseReason::End } else { CloseReason::Quit }));
        // The words behind `+OK` are for people: a test should not depend on them.
        let answers =
            String::from_utf8_lossy(out.pending()).lines().filter(|line| line.starts_with("+OK")).count();
        assert_eq!(answers, 4 + usize::from(!last.is_empty()));
        assert_eq!(host.messages(), left);
    }
    passed("the server removes at QUIT only")
}

/// `Wants::Space` is where a driver writes to its socket. Whatever the size of the sink, from 512 octets on, the same comes out.
fn a_large_message_passes_a_small_sink() -> Result<()> {
    let large = Message { id: "large", text: ".dot\nno dot\n".repeat(1000).leak() };
    let mut host = Host::new(&CONFIG, &[large]);
    let mut input = Input::more(b"USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\n");
    let (mut buffer, mut sent) = ([0; MIN_SEND_BUF], Vec::new());
    let mut out = SendBuf::new(&mut buffer[..]);
    loop {
        let wants = host.run(&mut input, &mut out)?;
        sent.extend_from_slice(out.pending());
        out.sent(out.pending().len());
        if wants == Wants::Input {
            break;
        }
    }
    let message = [b"+OK 14000 octets\r\n", "..dot\r\nno dot\r\n".repeat(1000).as_bytes(), b".\r\n"].concat();
    assert!(sent.ends_with(&message));
    passed("a large message passes a small sink")
}

/// Or the application's two sides talk to each other, without a socket between them.
fn both_sides_meet_in_memory() -> Result<()> {
    let (mut mail, mut host) = (NewMail::new(&[MESSAGES[0].id]), Host::new(&CONFIG, &MESSAGES));
    let (mut up, mut down) = (SendBuf::new(vec![]), SendBuf::new(vec![]));
    while !mail.done {
        let mut input = Input::more(up.pending());
        host.run(&mut input, &mut down)?;
        up.sent(up.pending().len() - input.remaining());

        let mut input = Input::more(down.pending());
        mail.advance(&mut input, &mut up)?;
        down.sent(down.pending().len() - input.remaining());
    }
    assert_eq!(mail.new, [2, 3]);
    passed("both sides meet in memory")
}

fn passed(what: &str) -> Result<()> {
    println!("ok: {what}");
    Ok(())
}
