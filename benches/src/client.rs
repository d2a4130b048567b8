//! A client over bytes in memory.

use pop3_proto::client::{Config, Event};
use pop3_proto::{Client, Command, Input, MessageNumber, Out, TlsPolicy};

/// A client in TRANSACTION.
///
/// # Panics
/// Where the crate does not do what it says.
#[must_use]
pub fn logged_in() -> Client {
    let mut client = Client::new(Config::new(TlsPolicy::Cleartext), 1);
    client.poll(&mut Input::more(b"+OK\r\n")).expect("a greeting");
    for line in ["USER mrose", "PASS secret"] {
        send(&mut client, &Command::parse(line.as_bytes()).expect("a command"));
        client.poll(&mut Input::more(b"+OK\r\n")).expect("an answer");
    }
    client
}

/// Sends a command to nobody: the answer is in memory already.
///
/// # Panics
/// Where it is not the client's turn.
pub fn send(client: &mut Client, command: &Command<'_>) {
    client.send(command, &mut Out::new(&mut [0; 512])).expect("it is its turn");
}

/// Hands answers in, so many octets a read; what the client leaves unread is there again in the next one, as in a driver's buffer.
///
/// # Panics
/// Where the client does not take all of it for answers.
#[inline(always)]
pub fn read(client: &mut Client, answers: &[u8], chunk: usize, mut hear: impl FnMut(&mut Client, Event<'_>)) {
    let (mut start, mut end) = (0, 0);
    while end < answers.len() {
        end = answers.len().min(end + chunk);
        let mut unread = Input::more(&answers[start..end]);
        while let Some(event) = client.poll(&mut unread).expect("a sound server") {
            hear(client, event);
        }
        start = end - unread.remaining();
    }
    assert_eq!(start, answers.len());
}

/// LIST: the rows, and what they say together.
pub fn list(client: &mut Client, answer: &[u8], chunk: usize) -> (u64, u64) {
    send(client, &Command::List(None));
    let (mut rows, mut sum) = (0, 0);
    read(client, answer, chunk, |_, event| match event {
        Event::ScanListing(_, listing) => sum += listing.octets,
        Event::End(_, count) => rows = count,
        _ => {}
    });
    (rows, sum)
}

/// UIDL: the rows, and the octets of their unique-ids.
pub fn uidl(client: &mut Client, answer: &[u8], chunk: usize) -> (u64, u64) {
    send(client, &Command::Uidl(None));
    let (mut rows, mut sum) = (0, 0);
    read(client, answer, chunk, |_, event| match event {
        Event::UniqueId(_, listing) => sum += listing.id.as_bytes().len() as u64,
        Event::End(_, count) => rows = count,
        _ => {}
    });
    (rows, sum)
}

/// RETR: the octets of the slices, which are as many as the client says at the end.
///
/// # Panics
/// Where they are not.
pub fn retrieve(client: &mut Client, answer: &[u8], chunk: usize) -> u64 {
    send(client, &Command::Retr(MessageNumber::FIRST));
    let (mut delivered, mut counted) = (0, None);
    read(client, answer, chunk, |_, event| match event {
        Event::Body(_, octets) => delivered += octets.len() as u64,
        Event::End(_, octets) => counted = Some(octets),
        _ => {}
    });
    assert_eq!(counted, Some(delivered));
    delivered
}
