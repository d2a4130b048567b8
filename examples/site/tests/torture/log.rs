//! What a node did and was told, in a file that is complete even if the node is killed.

use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Lease, Maildrop};
use pop3_proto_site::{Delivery, Removal};
use rustix::time::{ClockId, clock_gettime};
use std::fs::{File, read_dir, read_to_string};
use std::io::Write as _;
use std::path::Path;

/// The number of a message or of a token.
pub(crate) type Number = u128;

/// Returns the time in nanoseconds. All processes of a machine have the same.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

/// Returns the number of a message.
pub(crate) fn number(id: Id) -> Number {
    parse(&id.to_string())
}

/// Returns the number with these hexadecimal digits, among which may be hyphens.
pub(crate) fn parse(digits: &str) -> Number {
    Number::from_str_radix(&digits.replace('-', ""), 16).unwrap()
}

fn token_number(token: Token) -> Number {
    let text = format!("{token:?}");
    parse(text.trim_start_matches("Token(").trim_end_matches(')'))
}

/// Something that happened in a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A delivery begins.
    Delivers(Maildrop, Number),
    /// A delivery ends at this time.
    Delivered(Maildrop, Number, bool, u64),
    /// A login is refused.
    InUse(Maildrop),
    /// A login that began at this time is accepted, and lists these messages.
    Opened { maildrop: Maildrop, token: Number, began: u64, listed: Vec<Number> },
    /// QUIT removes these messages.
    Removes(Number, Vec<Number>),
    /// The database did not tell.
    Lost(Number),
    /// QUIT is answered: done, not done, or unknown.
    Told(Number, Option<bool>),
    /// A session cannot read a message that it lists.
    Missing(Number, Number),
    /// A session reads another message than was delivered.
    Differs(Number, Number),
}

/// The log of one node.
pub(crate) struct Log(File);

impl Log {
    pub(crate) fn create(path: &Path) -> Self {
        Log(File::options().append(true).create_new(true).open(path).unwrap())
    }

    /// Writes a line at once, so that it stays if the process is killed.
    pub(crate) fn write(&self, event: &Event) {
        (&self.0).write_all(line(event).as_bytes()).unwrap();
    }

    pub(crate) fn delivered(&self, maildrop: Maildrop, id: Id, delivery: Delivery) {
        self.write(&Event::Delivered(maildrop, number(id), delivery == Delivery::Done, now()));
    }

    pub(crate) fn opened(&self, lease: Lease, began: u64, listed: &[Id]) {
        let (maildrop, token) = (lease.maildrop, token_number(lease.token));
        self.write(&Event::Opened { maildrop, token, began, listed: numbers(listed) });
    }

    pub(crate) fn removes(&self, lease: Lease, marked: &[Id]) {
        self.write(&Event::Removes(token_number(lease.token), numbers(marked)));
    }

    pub(crate) fn lost(&self, lease: Lease) {
        self.write(&Event::Lost(token_number(lease.token)));
    }

    pub(crate) fn told(&self, lease: Lease, removal: Removal) {
        let is_done = match removal {
            Removal::Done => Some(true),
            Removal::NotDone => Some(false),
            Removal::Unknown => None,
        };
        self.write(&Event::Told(token_number(lease.token), is_done));
    }

    pub(crate) fn missing(&self, lease: Lease, id: Id) {
        self.write(&Event::Missing(token_number(lease.token), number(id)));
    }

    pub(crate) fn differs(&self, lease: Lease, id: Id) {
        self.write(&Event::Differs(token_number(lease.token), number(id)));
    }
}

fn numbers(ids: &[Id]) -> Vec<Number> {
    ids.iter().copied().map(number).collect()
}

fn line(event: &Event) -> String {
    match event {
        Event::Delivers(maildrop, id) => format!("delivers {maildrop} {id:x}\n"),
        Event::Delivered(maildrop, id, true, time) => format!("delivered {maildrop} {id:x} {time}\n"),
        Event::Delivered(maildrop, id, false, time) => format!("refused {maildrop} {id:x} {time}\n"),
        Event::InUse(maildrop) => format!("in-use {maildrop}\n"),
        Event::Opened { maildrop, token, began, listed } => {
            format!("opened {maildrop} {token:x} {began} {}\n", list(listed))
        }
        Event::Removes(token, marked) => format!("removes {token:x} {}\n", list(marked)),
        Event::Lost(token) => format!("lost {token:x}\n"),
        Event::Told(token, Some(true)) => format!("done {token:x}\n"),
        Event::Told(token, Some(false)) => format!("not-done {token:x}\n"),
        Event::Told(token, None) => format!("unknown {token:x}\n"),
        Event::Missing(token, id) => format!("missing {token:x} {id:x}\n"),
        Event::Differs(token, id) => format!("differs {token:x} {id:x}\n"),
    }
}

fn list(numbers: &[Number]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:x}")).collect();
    format!("[{}]", numbers.join(","))
}

/// Reads the logs in a folder. The events of one node are in order.
pub(crate) fn read(folder: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    for entry in read_dir(folder).unwrap() {
        let text = read_to_string(entry.unwrap().path()).unwrap();
        // A node that was killed may have written a part of its last line. What follows a line has not happened then.
        events.extend(text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(event));
    }
    events
}

fn event(line: &str) -> Event {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["delivers", maildrop, id] => Event::Delivers(maildrop.parse().unwrap(), parse(id)),
        ["delivered", maildrop, id, time] => {
            Event::Delivered(maildrop.parse().unwrap(), parse(id), true, time.parse().unwrap())
        }
        ["refused", maildrop, id, time] => {
            Event::Delivered(maildrop.parse().unwrap(), parse(id), false, time.parse().unwrap())
        }
        ["in-use", maildrop] => Event::InUse(maildrop.parse().unwrap()),
        ["opened", maildrop, token, began, listed] => Event::Opened {
            maildrop: maildrop.parse().unwrap(),
            token: parse(token),
            began: began.parse().unwrap(),
            listed: listed_numbers(listed),
        },
        ["removes", token, marked] => Event::Removes(parse(token), listed_numbers(marked)),
        ["lost", token] => Event::Lost(parse(token)),
        ["done", token] => Event::Told(parse(token), Some(true)),
        ["not-done", token] => Event::Told(parse(token), Some(false)),
        ["unknown", token] => Event::Told(parse(token), None),
        ["missing", token, id] => Event::Missing(parse(token), parse(id)),
        ["differs", token, id] => Event::Differs(parse(token), parse(id)),
        _ => panic!("not an event: {line}"),
    }
}

fn listed_numbers(list: &str) -> Vec<Number> {
    let list = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap();
    list.split(',').filter(|digits| !digits.is_empty()).map(parse).collect()
}

#[test]
fn a_log_is_read_as_it_was_written_and_half_a_line_has_not_happened() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::create(&folder.path().join("log"));
    let events = [
        Event::Delivers(1, 7),
        Event::Delivered(1, 7, true, 9),
        Event::Delivered(1, 8, false, 9),
        Event::InUse(2),
        Event::Opened { maildrop: 1, token: Number::MAX, began: 5, listed: vec![] },
        Event::Opened { maildrop: 1, token: 3, began: 5, listed: vec![1, 2] },
        Event::Removes(3, vec![1]),
        Event::Lost(3),
        Event::Told(3, Some(true)),
        Event::Told(3, Some(false)),
        Event::Told(3, None),
        Event::Missing(3, 1),
        Event::Differs(3, 1),
    ];
    events.iter().for_each(|event| log.write(event));
    (&log.0).write_all(b"opened 1 3 5 [1,").unwrap();
    assert_eq!(read(folder.path()), events);
    let token = Token::with_random([0xab; 16]);
    assert_eq!(token_number(token), Number::from_be_bytes([0xab; 16]));
}
