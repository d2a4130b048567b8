//! A server with a mailbox that changes, and with faults that a test chooses.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// A message on the server. All texts differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) text: String,
    /// The size that LIST reports.
    pub(crate) listed: usize,
}

impl Mail {
    pub(crate) fn new(id: &str, text: &str) -> Self {
        let text = format!("{text}\r\n");
        Mail { id: id.into(), listed: text.len(), text }
    }
}

/// The fault at a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    None,
    /// The connection ends, and the command does nothing.
    Break,
    /// The command takes effect, and then the connection ends without a complete response.
    BreakLate,
    Refuse(&'static str),
}

/// The mailbox, and how the server behaves.
pub(crate) struct World {
    pub(crate) mails: Vec<Mail>,
    pub(crate) removed: Vec<Mail>,
    /// The rows of CAPA. If empty, CAPA is refused.
    pub(crate) capabilities: &'static str,
    /// How many messages a session sees.
    pub(crate) window: usize,
    /// After this many sessions the server sends no greeting.
    pub(crate) sessions: usize,
    /// Whether the server confirms a removal without making it.
    pub(crate) removes_nothing: bool,
    /// Whether the server removes marked messages even if the connection breaks.
    pub(crate) removes_always: bool,
    /// Called with each command.
    pub(crate) fault: Box<dyn FnMut(&str) -> Fault + Send>,
    /// All commands of all sessions.
    pub(crate) heard: Vec<String>,
    /// How many commands arrived before the previous response.
    pub(crate) pipelined: u32,
}

impl World {
    pub(crate) fn new(mails: &[Mail]) -> Self {
        World {
            mails: mails.into(),
            removed: Vec::new(),
            capabilities: "",
            window: usize::MAX,
            sessions: usize::MAX,
            removes_nothing: false,
            removes_always: false,
            fault: Box::new(|_| Fault::None),
            heard: Vec::new(),
            pipelined: 0,
        }
    }

    /// Serves sessions, one after the other, until the test ends.
    pub(crate) fn serve(self) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(self));
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            let sessions = shared.lock().unwrap().sessions;
            for stream in listener.incoming().take(sessions) {
                Visit::new(&shared).talk(&stream.unwrap());
            }
            thread::sleep(Duration::from_secs(60)); // it still listens
        });
        Host { address, world }
    }
}

/// A world that is being served.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
}

impl Host {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Returns the commands that begin with this word, and forgets all commands.
    pub(crate) fn heard(&self, word: &str) -> Vec<String> {
        let heard = std::mem::take(&mut self.world().heard);
        heard.into_iter().filter(|command| command.starts_with(word)).collect()
    }
}

/// One session.
struct Visit<'w> {
    world: &'w Mutex<World>,
    /// The messages that the session sees, fixed when it began.
    mails: Vec<Mail>,
    marked: BTreeSet<usize>,
}

impl<'w> Visit<'w> {
    fn new(world: &'w Mutex<World>) -> Self {
        let mails = {
            let world = world.lock().unwrap();
            world.mails.iter().take(world.window).cloned().collect()
        };
        Visit { world, mails, marked: BTreeSet::new() }
    }

    fn talk(mut self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream);
        let say = |text: &str| (&*stream).write_all(text.as_bytes()).ok();
        say("+OK ready\r\n");
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
            let line = std::mem::take(&mut line).trim_end().to_owned();
            let fault = {
                let mut world = self.world.lock().unwrap();
                world.heard.push(line.clone());
                world.pipelined += u32::from(!reader.buffer().is_empty());
                (world.fault)(&line)
            };
            match fault {
                Fault::Break => break,
                Fault::Refuse(text) => say(&format!("-ERR {text}\r\n")),
                Fault::None => say(&self.answer(&line)),
                Fault::BreakLate => {
                    let answer = self.answer(&line);
                    say(if answer.len() > 20 { &answer[..answer.len() / 2] } else { "" });
                    break;
                }
            };
            if line == "QUIT" {
                return;
            }
        }
        if self.world.lock().unwrap().removes_always {
            self.remove();
        }
    }

    fn answer(&mut self, line: &str) -> String {
        let (verb, number) = line.split_once(' ').unwrap_or((line, ""));
        let place = number.parse::<usize>().unwrap_or(1).wrapping_sub(1);
        let rows = |row: &dyn Fn(&Mail) -> String| {
            let rows: String =
                (1..).zip(&self.mails).map(|(number, mail)| format!("{number} {}\r\n", row(mail))).collect();
            format!("+OK\r\n{rows}.\r\n")
        };
        match verb {
            "CAPA" => {
                let capabilities = self.world.lock().unwrap().capabilities;
                if capabilities.is_empty() {
                    "-ERR\r\n".into()
                } else {
                    format!("+OK\r\n{capabilities}.\r\n")
                }
            }
            "LIST" => rows(&|mail| mail.listed.to_string()),
            "UIDL" => rows(&|mail| mail.id.clone()),
            "RETR" => format!("+OK\r\n{}.\r\n", self.mails[place].text),
            "DELE" => {
                self.marked.insert(place);
                "+OK\r\n".into()
            }
            "QUIT" => {
                self.remove();
                "+OK\r\n".into()
            }
            _ => "+OK\r\n".into(),
        }
    }

    fn remove(&mut self) {
        let mut world = self.world.lock().unwrap();
        if world.removes_nothing {
            return;
        }
        for place in std::mem::take(&mut self.marked) {
            let Some(at) = world.mails.iter().position(|mail| *mail == self.mails[place]) else { continue };
            let mail = world.mails.remove(at);
            world.removed.push(mail);
        }
    }
}
