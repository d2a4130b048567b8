//! Prints a recorded session as a dialogue, with secrets redacted: `tap CLIENT SERVER`, two files with the bytes that each side sent.
//! Without arguments it prints the recording below. `pop3_proto::script` can read the output, so a session from production becomes a
//! test.
//!
//! Two files do not show in which order the bytes arrived. They need not: print a line of the client, then its complete answer, then the
//! client's next line. Without pipelining, the same session could have had this order. The tap knows when an answer is complete. The order
//! is a guess only while the tap is out of step, and the dialogue marks that.
//!
//! A program that sees the bytes as they arrive, for example a proxy, passes them to the tap in that order and needs
//! no such loop.

use pop3_proto::client::Event;
use pop3_proto::script::{Line, Script};
use pop3_proto::tap::{Seen, Side, Tap};
use pop3_proto::{Input, Limits};
use pop3_proto_basics::Result;

const CLIENT: &[u8] = b"CAPA\r\nAUTH PLAIN\r\nAG1yb3NlAHRhbnN0YWFm\r\nUSER mrose\r\nPASS tanstaaf\r\n\
    LIST\r\nRETR 1\r\nXTND XMIT\r\nDELE 1\r\nQUIT\r\n";
const SERVER: &[u8] = b"+OK POP3 server ready\r\n+OK\r\nUSER\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n+ \r\n-ERR [SYS/TEMP] try PASS\r\n\
    +OK\r\n+OK\r\n+OK\r\n1 30\r\n2 9000\r\n.\r\n+OK 30 octets\r\nSubject: dots\r\n\r\n..\r\nbye\r\n.\r\n-ERR what?\r\n+OK\r\n+OK bye\r\n";

const DIALOGUE: &str = "\
S: +OK POP3 server ready
C: CAPA
S: +OK
S: USER
S: SASL PLAIN
S: PIPELINING
S: .
C: AUTH PLAIN
S: +\\x20
C: ********
S: -ERR [SYS/TEMP] try PASS
C: USER mrose
S: +OK
C: PASS ********
S: +OK
C: LIST
S: +OK
S: 1 30
S: 2 9000
S: .
C: RETR 1
S: +OK 30 octets
S: Subject: dots
S: 
S: ..
S: bye
S: .
# message 1: 25 octets
C: ********
# a command that is not known
S: -ERR what?
C: DELE 1
S: +OK
C: QUIT
S: +OK bye
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            let text = dialogue(CLIENT, SERVER);
            print!("{text}");
            assert_eq!(text, DIALOGUE);
            let script = Script::parse(&text)?;
            assert_eq!(script.octets(Side::Server), SERVER);
            assert!(!dialogue(SERVER, CLIENT).contains("tanstaaf"), "the files in the wrong order");
        }
        [client, server] => print!("{}", dialogue(&std::fs::read(client)?, &std::fs::read(server)?)),
        _ => return Err("usage: tap [CLIENT SERVER]".into()),
    }
    Ok(())
}

/// The bytes that one side sent. The tap has read up to `read` and has seen up to `seen`.
struct Recording<'o> {
    octets: &'o [u8],
    read: usize,
    seen: usize,
}

impl<'o> Recording<'o> {
    const fn new(octets: &'o [u8]) -> Self {
        Recording { octets, read: 0, seen: 0 }
    }

    /// Returns the next line, which the tap sees from now on, or `None` at the end.
    fn line(&mut self) -> Option<&'o [u8]> {
        let line = self.octets[self.seen..].split_inclusive(|octet| *octet == b'\n').next()?;
        self.seen += line.len();
        Some(line)
    }

    fn unread(&self) -> Input<'o> {
        Input::more(&self.octets[self.read..self.seen])
    }
}

fn dialogue(client: &[u8], server: &[u8]) -> String {
    let (mut client, mut server) = (Recording::new(client), Recording::new(server));
    let mut tap = Tap::new(Limits::DEFAULT);
    let mut text = String::new();
    let mut turn = Side::Server; // the greeting
    loop {
        // If one side has no more bytes, the rest is the other side's: a server may just close, or speak before it is
        // asked.
        let next = match turn {
            Side::Client => client.line().map(|line| (Side::Client, line)),
            Side::Server => server.line().map(|line| (Side::Server, line)),
        };
        let other = || match turn.other() {
            Side::Client => client.line().map(|line| (Side::Client, line)),
            Side::Server => server.line().map(|line| (Side::Server, line)),
        };
        let Some((side, line)) = next.or_else(other) else { return text };
        turn = side;
        let (mut known, mut encrypted, mut says) = (false, false, String::new());
        let mut input = if side == Side::Client { client.unread() } else { server.unread() };
        loop {
            let seen = match side {
                Side::Client => tap.client(&mut input),
                Side::Server => tap.server(&mut input),
            };
            let Some(seen) = seen else { break };
            turn = next_turn(&seen).unwrap_or(turn);
            says += &told(&seen);
            known |= !matches!(seen, Seen::OutOfStep(_));
            encrypted |= matches!(seen, Seen::Encrypted);
        }
        if side == Side::Server {
            // If the tap does not recognize an answer, the bytes may be anything, including the client's secrets if the files
            // were swapped.
            text +=
                &if known { shown(side, line) } else { format!("# {} bytes of the server\n", line.len()) };
        }
        text += &says;
        if encrypted {
            return text;
        }
        match side {
            Side::Client => client.read = client.seen - input.remaining(),
            Side::Server => server.read = server.seen - input.remaining(),
        }
        if side == Side::Client && input.remaining() > 0 && client.seen == client.octets.len() {
            text += &format!("# the client's last line is incomplete: {} bytes\n", input.remaining());
        }
    }
}

/// Returns who speaks next, or `None` if that does not change.
fn next_turn(seen: &Seen<'_>) -> Option<Side> {
    match seen {
        Seen::Challenge(_) | Seen::MalformedChallenge(_) | Seen::OutOfStep(_) => Some(Side::Client),
        Seen::Answer(Event::Greeting(_) | Event::NoService(_)) => Some(Side::Client),
        Seen::Answer(event) if event.completes() => Some(Side::Client),
        Seen::Answer(_) | Seen::InStep | Seen::LongLine(Side::Server) => None,
        // The client sent everything else, and expects an answer.
        _ => Some(Side::Server),
    }
}

/// Returns the text that the dialogue shows: the client's lines without secrets, and remarks.
fn told(seen: &Seen<'_>) -> String {
    match seen {
        Seen::Command(command) => format!("C: {command}\n"),
        Seen::Cancel => "C: *\n".into(),
        Seen::Response(_) => "C: ********\n".into(),
        // It may be a password that was sent too early.
        Seen::Unknown(_) => "C: ********\n# a command that is not known\n".into(),
        Seen::NotACommand(error) => format!("C: ********\n# {error}\n"),
        Seen::LongLine(Side::Client) => "C: ********\n# a very long line\n".into(),
        Seen::Answer(Event::End(ticket, octets)) => {
            ticket.message.map_or(String::new(), |message| format!("# message {message}: {octets} octets\n"))
        }
        Seen::OutOfStep(cause) => format!("# out of step ({cause:?}): from here on the order is a guess\n"),
        Seen::InStep => "# in step again, it seems\n".into(),
        Seen::Encrypted => "* TLS starts\n".into(),
        _ => String::new(),
    }
}

/// Returns the line in the form of a script, with unprintable bytes escaped.
fn shown(from: Side, octets: &[u8]) -> String {
    format!("{}\n", Line { number: 0, from, octets })
}
