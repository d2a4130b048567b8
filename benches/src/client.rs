//! A client over bytes in memory.

use crate::CHUNK;
use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{Client, ClientConnection, Command, Input, SendBuf, TlsPolicy};

/// Returns a client in TRANSACTION.
///
/// # Panics
/// Panics if the crate breaks a promise.
#[must_use]
pub fn logged_in() -> Client {
    let mut client = Client::new(ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining(), 1);
    client.poll(&mut Input::more(b"+OK\r\n")).expect("a greeting");
    for line in ["USER mrose", "PASS secret"] {
        send(&mut client, &Command::parse(line.as_bytes()).expect("a command"));
        client.poll(&mut Input::more(b"+OK\r\n")).expect("a response");
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
pub fn read<'i>(
    client: &mut Client,
    responses: &'i [u8],
    chunk: usize,
    mut hear: impl FnMut(&mut Client, Event<'i>),
) {
    let (mut start, mut end) = (0, 0);
    while end < responses.len() {
        end = responses.len().min(end + chunk);
        let mut unread = Input::more(&responses[start..end]);
        while let Some(event) = client.poll(&mut unread).expect("a sound server") {
            hear(client, event);
        }
        start = end - unread.remaining();
    }
    assert_eq!(start, responses.len());
}

/// The memory of a connection: that of most programs, or, without features, an array.
#[cfg(feature = "peers")]
type Bytes = Vec<u8>;
#[cfg(not(feature = "peers"))]
type Bytes = [u8; 28 * 1024];

const fn bytes() -> Bytes {
    #[cfg(feature = "peers")]
    return Vec::new();
    #[cfg(not(feature = "peers"))]
    [0; 28 * 1024]
}

/// A client with its buffers.
pub type Connection = ClientConnection<Bytes>;

/// Returns a connection in TRANSACTION, with nothing pending.
///
/// # Panics
/// Panics if the crate breaks a promise.
#[must_use]
pub fn connected() -> Box<Connection> {
    let config = ClientConfig::new(TlsPolicy::Cleartext);
    let mut pop3 =
        Box::new(ClientConnection::with_buffers(config, 1, bytes(), bytes()).expect("enough room"));
    for line in ["USER mrose", "PASS secret", "NOOP"] {
        receive(&mut pop3, b"+OK\r\n");
        pop3.poll().expect("a sound server");
        send_connected(&mut pop3, Command::parse(line.as_bytes()).expect("a command"));
    }
    receive(&mut pop3, b"+OK\r\n");
    pop3.poll().expect("a sound server");
    pop3
}

/// Sends a command to nobody.
///
/// # Panics
/// If it is not the client's turn.
pub fn send_connected(pop3: &mut Connection, command: Command<'_>) {
    pop3.sender().send(command).expect("it is its turn");
    pop3.send_buf().clear();
}

/// Copies up to [`CHUNK`] octets into the connection, as a read does, and returns the rest.
fn receive<'r>(pop3: &mut Connection, rest: &'r [u8]) -> &'r [u8] {
    let room = pop3.recv_buf().spare_mut();
    let (read, rest) = rest.split_at(rest.len().min(room.len()).min(CHUNK));
    room[..read.len()].copy_from_slice(read);
    pop3.recv_buf().received(read.len());
    rest
}

/// As [`read`], through a connection: with the copy into its buffer.
///
/// # Panics
/// If the client does not take all of it for responses.
#[inline(always)]
pub fn read_connected(pop3: &mut Connection, responses: &[u8], mut hear: impl FnMut(Event<'_>)) {
    let mut rest = responses;
    while !rest.is_empty() {
        rest = receive(pop3, rest);
        while let Some((event, _)) = pop3.poll().expect("a sound server") {
            hear(event);
        }
    }
}
