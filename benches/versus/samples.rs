//! The input of the rows: random, the same in each run, and chosen so that it flatters no crate.

use pop3_proto::OctetCount;
use pop3_proto_benches::input::{self, Lines, Random};
use std::fmt::Write;
use std::ops::RangeInclusive;

/// How many lines a sample has.
pub(crate) const LINES: usize = 10_000;
/// How many messages a session has.
pub(crate) const MESSAGES: usize = 1000;
/// In the second level cache.
const CACHED: usize = 256 * 1024;
/// A larger message than most.
const SMALL: usize = 64 * 1024;
/// Larger than any cache.
const MEMORY: usize = 64 * 1024 * 1024;

const EVERY_PEER: &[&str] = &[""];

/// The result of a row: the number of items, and the sum of their values.
pub(crate) type Said = (u64, u64);

/// The input, and the right result.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// How many lines, messages or octets it has.
    pub(crate) units: usize,
    pub(crate) said: Said,
    /// The peers that return an error for this input. Their names begin with one of these.
    pub(crate) without: &'static [&'static str],
}

impl Sample {
    fn new(name: impl Into<String>, bytes: Vec<u8>, units: usize, said: Said) -> Self {
        Sample { name: name.into(), bytes, units, said, without: &[] }
    }

    fn without(self, peers: &'static [&'static str]) -> Self {
        Sample { without: peers, ..self }
    }
}

/// A response to UIDL, whose unique-ids have such lengths.
fn ids(name: impl Into<String>, lengths: RangeInclusive<u64>, space: &str) -> Sample {
    let printable: Vec<u8> = (0x21..=0x7e).collect();
    let (mut random, mut sum) = (Random::default(), 0);
    let bytes = listing(|n, row| {
        let length = random.within(lengths.clone());
        sum += length;
        let id: String = (0..length).map(|_| char::from(random.one_of(&printable))).collect();
        write!(row, "{n}{space}{id}")
    });
    Sample::new(name, bytes, LINES, (LINES as u64, sum))
}

pub(crate) fn uidl() -> Vec<Sample> {
    let mut samples: Vec<_> =
        (1..=70).map(|length| ids(format!("ids of {length}"), length..=length, " ")).collect();
    samples.push(ids("mixed ids of 1 to 70", 1..=70, " "));
    samples.push(
        ids("mixed ids of 1 to 70, after two spaces: the general path", 1..=70, "  ").without(EVERY_PEER),
    );
    samples
}

/// A response to LIST whose sizes have this number of digits.
fn sizes(name: &str, digits: RangeInclusive<u64>, space: &str, extra: &str) -> Sample {
    let (mut random, mut sum) = (Random::default(), 0);
    let bytes = listing(|n, row| {
        let digits = random.within(digits.clone());
        let size = random.of_digits(digits as u32);
        sum += size;
        write!(row, "{n}{space}{size}{extra}")
    });
    Sample::new(name, bytes, LINES, (LINES as u64, sum))
}

pub(crate) fn list() -> Vec<Sample> {
    vec![
        sizes("sizes of 1 digit", 1..=1, " ", ""),
        sizes("sizes of 4 digits", 4..=4, " ", ""),
        sizes("sizes of 9 digits", 9..=9, " ", ""),
        sizes("sizes of 1 to 9 digits, mixed", 1..=9, " ", ""),
        sizes("sizes of 1 to 9 digits, after two spaces: the general path", 1..=9, "  ", "")
            .without(EVERY_PEER),
        sizes("sizes of 1 to 9 digits, more text: the general path", 1..=9, " ", " 1995-07-21")
            .without(EVERY_PEER),
    ]
}

fn listing(row: impl FnMut(usize, &mut String) -> std::fmt::Result) -> Vec<u8> {
    [b"+OK listing follows\r\n", lines(row).as_slice(), b".\r\n"].concat()
}

fn lines(mut write: impl FnMut(usize, &mut String) -> std::fmt::Result) -> Vec<u8> {
    let mut lines = String::new();
    for n in 1..=LINES {
        write(n, &mut lines).expect("a String takes all");
        lines.push_str("\r\n");
    }
    lines.into_bytes()
}

const STATUS_LINES: [&str; 6] = [
    "+OK",
    "-ERR",
    "+OK message deleted",
    "-ERR no such message",
    "+OK maildrop has 2 messages (320 octets), and a longer text than most servers write here",
    "-ERR [SYS/TEMP] try again later",
];

pub(crate) fn status_lines() -> Vec<Sample> {
    let mut random = Random::default();
    let sample = |name: &str, bytes| Sample::new(name, bytes, LINES, (LINES as u64, 0));
    let mixed = lines(|_, line| write!(line, "{}", random.one_of(&STATUS_LINES)));
    let mut samples = vec![sample("mixed", mixed)];
    samples.extend(STATUS_LINES.map(|text| {
        let name = if text.len() > 40 { format!("+OK and {} octets", text.len() - 4) } else { text.into() };
        sample(&name, lines(|_, line| write!(line, "{text}")))
    }));
    let tabs = lines(|_, line| write!(line, "+OK message\tdeleted"));
    samples.push(sample("+OK with a tab: the general path", tabs).without(&["pop3-codec"]));
    samples
}

pub(crate) fn commands() -> Vec<Sample> {
    let mut random = Random::default();
    let mixed = lines(|n, line| command(random.within(0..=7), n, line));
    let in_turn = lines(|n, line| command(n as u64 % 8, n, line));
    let marks = lines(|n, line| command(n as u64 % 2, n, line));
    let sample = |name: &str, bytes| Sample::new(name, bytes, LINES, (LINES as u64, 0));
    vec![
        sample("mixed at random", mixed),
        sample("eight kinds in turn", in_turn),
        sample("RETR and DELE in turn", marks),
        sample("lower case and spaces at the end", lines(|n, line| write!(line, "retr {n} ")))
            .without(EVERY_PEER),
    ]
}

fn command(kind: u64, n: usize, line: &mut String) -> std::fmt::Result {
    match kind {
        0 => write!(line, "RETR {n}"),
        1 => write!(line, "DELE {n}"),
        2 => write!(line, "LIST {n}"),
        3 => write!(line, "TOP {n} 10"),
        4 => write!(line, "UIDL {n}"),
        5 => write!(line, "STAT"),
        6 => write!(line, "NOOP"),
        _ => write!(line, "USER user{n}@example.org"),
    }
}

pub(crate) const STATUS: &[u8] = b"+OK message follows\r\n";

/// A response to RETR.
fn received(name: &str, octets: usize, lines: &Lines) -> Sample {
    let message = input::message(octets, lines);
    let bytes = [STATUS, &input::stuffed(&message)].concat();
    Sample::new(name, bytes, message.len(), (message.len() as u64, 0))
}

pub(crate) fn received_base64() -> Vec<Sample> {
    vec![
        received("base64, 256 KiB", CACHED, &Lines::Base64),
        received("base64, 64 KiB", SMALL, &Lines::Base64),
    ]
}

/// Lines of text, by how many of them begin with a dot.
fn texts() -> [(&'static str, usize, Lines); 6] {
    [
        ("text, no line dotted", CACHED, Lines::text(0)),
        ("text, 0.1 % of the lines dotted", CACHED, Lines::text(1)),
        ("text, 1 % of the lines dotted", CACHED, Lines::text(10)),
        ("text, 1 % of the lines dotted, 64 KiB", SMALL, Lines::text(10)),
        ("text, 10 % of the lines dotted", CACHED, Lines::text(100)),
        ("text, lines of 0 to 77, 1 % dotted", CACHED, Lines::Text { columns: 0..=77, dotted: 10 }),
    ]
}

fn dotted() -> [(&'static str, usize, Lines); 2] {
    [("every line dotted", CACHED, Lines::text(1000)), ("one dot a line", CACHED, Lines::Dot)]
}

pub(crate) fn received_text() -> Vec<Sample> {
    texts().iter().map(|(name, octets, lines)| received(name, *octets, lines)).collect()
}

pub(crate) fn received_dotted() -> Vec<Sample> {
    dotted().iter().map(|(name, octets, lines)| received(name, *octets, lines)).collect()
}

pub(crate) fn received_from_memory() -> Vec<Sample> {
    vec![
        received("text, 1 % dotted, 64 MiB", MEMORY, &Lines::text(10)),
        received("base64, 64 MiB", MEMORY, &Lines::Base64),
    ]
}

/// A message in a store, and how many octets it is sent as.
fn sent(name: &str, message: Vec<u8>, payload: usize) -> Sample {
    let octets = OctetCount::of(&message);
    Sample::new(name, message, octets as usize, (payload as u64, 0))
}

/// From a store whose lines end in CRLF.
fn crlf(name: &str, octets: usize, lines: &Lines) -> Sample {
    let message = input::message(octets, lines);
    let payload = input::stuffed(&message).len();
    sent(name, message, payload)
}

/// From a store whose lines end in LF.
fn lf(name: &str, octets: usize, lines: &Lines) -> Sample {
    let message = input::message(octets, lines);
    sent(name, input::bare_lf(&message), input::stuffed(&message).len())
}

fn base64_and_texts(sample: fn(&str, usize, &Lines) -> Sample) -> Vec<Sample> {
    let base64 = [("base64", CACHED, Lines::Base64)].into_iter();
    base64.chain(texts()).map(|(name, octets, lines)| sample(name, octets, &lines)).collect()
}

pub(crate) fn sent_from_lf() -> Vec<Sample> {
    base64_and_texts(lf)
}

pub(crate) fn sent_from_crlf() -> Vec<Sample> {
    base64_and_texts(crlf)
}

pub(crate) fn dotted_from_lf() -> Vec<Sample> {
    dotted().iter().map(|(name, octets, lines)| lf(name, *octets, lines)).collect()
}

pub(crate) fn dotted_from_crlf() -> Vec<Sample> {
    dotted().iter().map(|(name, octets, lines)| crlf(name, *octets, lines)).collect()
}

pub(crate) fn sent_from_memory() -> Vec<Sample> {
    vec![crlf("text, 1 % dotted, 64 MiB", MEMORY, &Lines::text(10))]
}

/// The sizes of a maildrop, one a line.
pub(crate) fn maildrop() -> Vec<Sample> {
    let mut random = Random::default();
    let sizes = lines(|_, line| {
        let digits = random.within(1..=9) as u32;
        write!(line, "{}", random.of_digits(digits))
    });
    vec![Sample::new("sizes of 1 to 9 digits, mixed", sizes, LINES, (LINES as u64, 0))]
}

pub(crate) fn fetched() -> Vec<Sample> {
    let message = input::message(1024 - 76, &Lines::text(10));
    let octets = (MESSAGES * message.len()) as u64;
    vec![Sample::new("1000 messages, 16 commands in flight", message, MESSAGES, (octets, 0))]
}

pub(crate) fn logins() -> Vec<Sample> {
    let dialogue = b"+OK ready\r\nUSER mrose\r\n+OK send PASS\r\nPASS secret\r\n+OK maildrop open\r\nQUIT\r\n+OK bye\r\n";
    vec![Sample::new("greeting, USER, PASS, QUIT", dialogue.to_vec(), MESSAGES, (0, 0))]
}

/// Input that is received octet by octet.
pub(crate) fn by_octet_body() -> Vec<Sample> {
    vec![received("text, 1 % of the lines dotted, 64 KiB", SMALL, &Lines::text(10))]
}

pub(crate) fn by_octet_list() -> Vec<Sample> {
    let sample = sizes("sizes of 1 to 9 digits, mixed", 1..=9, " ", "");
    vec![Sample { units: sample.bytes.len(), ..sample }]
}

pub(crate) fn by_octet_commands() -> Vec<Sample> {
    let bytes = b"STAT\r\nNOOP\r\nLIST 1\r\nUIDL 1\r\n".repeat(1000);
    let units = bytes.len();
    vec![Sample::new("STAT, NOOP, LIST 1, UIDL 1", bytes, units, (52_000, 0))]
}

impl Sample {
    /// The sizes of a [`maildrop`].
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let lines = std::str::from_utf8(&self.bytes).expect("digits").lines();
        lines.map(|size| size.parse().expect("a size")).collect()
    }
}
