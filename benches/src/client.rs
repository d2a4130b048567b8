//! A client over bytes in memory.

use crate::CHUNK;
use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{Client, ClientConnection, Command, Input, MessageNumber, SendBuf, TlsPolicy};

/// Returns a client in TRANSACTION.
///
/// # Panics
/// Panics if the crate breaks a promise.
#[must_use]
pub fn logged_in() -> Client {
    let mut client = Client::new(ClientConfig::new(TlsPolicy::Cleartext), 1);
    client.poll(&mut Input::more(b"+OK\r\n")).expect("a greeting");
    for line in ["USER mrose", "PASS secret"] {
        send(&mut client, &Command::parse(line.as_bytes()).expect("a command"));
        client.poll(&mut Input::more(b"+OK\r\n")).expect("an answer");
    }
    client
}

/// Sends a command to nobody, because the response is in memory already.
///
/// # Panics
/// Panics if it is not the client's turn.
pub fn send(client: &mut Client, command: &Command<'_>) {
    client.send(command, &mut SendBuf::new([0; 512])).expect("it is its turn");
}

/// Passes responses in, `chunk` bytes in each read. The next read begins with the bytes that the client left unread, as in a
/// driver's buffer.
///
/// # Panics
/// Panics if the client does not read all bytes as responses.
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

/// Sends LIST. Returns the number of rows, and the sum of their sizes.
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

/// Returns a connection in TRANSACTION, with nothing pending.
///
/// # Panics
/// Panics if the crate breaks a promise.
#[must_use]
pub fn connected() -> ClientConnection<Vec<u8>> {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    for line in ["USER mrose", "PASS secret", "NOOP"] {
        receive(&mut pop3, b"+OK\r\n", CHUNK);
        pop3.poll().expect("a sound server");
        pop3.sender().send(Command::parse(line.as_bytes()).expect("a command")).expect("its turn");
        pop3.send_buf().clear();
    }
    receive(&mut pop3, b"+OK\r\n", CHUNK);
    pop3.poll().expect("a sound server");
    pop3
}

/// Copies up to `chunk` bytes into the connection, as a read would, and returns the rest.
fn receive<'r>(pop3: &mut ClientConnection<Vec<u8>>, rest: &'r [u8], chunk: usize) -> &'r [u8] {
    let room = pop3.recv_buf().spare_mut();
    let (read, rest) = rest.split_at(rest.len().min(room.len()).min(chunk));
    room[..read.len()].copy_from_slice(read);
    pop3.recv_buf().received(read.len());
    rest
}

/// Does the same as [`list`] through a connection, which includes the copy into its buffer.
///
/// # Panics
/// Panics if the client does not read all bytes as responses.
pub fn list_connected(pop3: &mut ClientConnection<Vec<u8>>, answer: &[u8], chunk: usize) -> (u64, u64) {
    pop3.sender().send(Command::List(None)).expect("its turn");
    pop3.send_buf().clear();
    let (mut rows, mut sum, mut rest) = (0, 0, answer);
    while !rest.is_empty() {
        rest = receive(pop3, rest, chunk);
        while let Some((event, _)) = pop3.poll().expect("a sound server") {
            match event {
                Event::ScanListing(_, listing) => sum += listing.octets,
                Event::End(_, count) => rows = count,
                _ => {}
            }
        }
    }
    (rows, sum)
}

/// Sends UIDL. Returns the number of rows, and the total length of their unique-ids.
pub fn uidl(client: &mut Client, answer: &[u8], chunk: usize) -> (u64, u64) {
    send(client, &Command::Uidl(None));
    let (mut rows, mut sum) = (0, 0);
    read(client, answer, chunk, |_, event| match event {
        Event::UniqueId(_, listing) => sum += listing.as_bytes().len() as u64,
        Event::End(_, count) => rows = count,
        _ => {}
    });
    (rows, sum)
}

/// Sends RETR. Returns the octets of the slices, which equal the client's count at the end.
///
/// # Panics
/// Panics if they differ.
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
