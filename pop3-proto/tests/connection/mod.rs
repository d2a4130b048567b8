//! `ClientConnection` and `ServerConnection` from outside.

mod answers;
mod attacks;
mod buffers;
mod challenges;
mod config;
mod idle;
mod law_5;
mod no_alloc;
mod pair;
mod readme;
mod schedules;
mod stls;
mod stopping;

use pop3_proto::client::Event;
use pop3_proto::server::{MessageInfo, ServerConfig};
use pop3_proto::{
    ClientConnection, Command, MessageNumber, RecvBuf, ServerConnection, Storage, TlsPolicy, UniqueId,
};

type Mail = Vec<MessageInfo<UniqueId<'static>>>;

/// Returns a maildrop of one message.
fn mail(octets: u64) -> Mail {
    vec![MessageInfo::new(octets, UniqueId::new(b"1").unwrap())]
}

/// Receives these bytes, as far as there is room, and returns how many.
fn give<B: Storage>(recv: &mut RecvBuf<B>, bytes: &[u8]) -> usize {
    let spare = recv.spare_mut();
    let count = spare.len().min(bytes.len());
    spare[..count].copy_from_slice(&bytes[..count]);
    if count > 0 {
        recv.received(count);
    }
    count
}

fn command(line: &str) -> Command<'_> {
    Command::parse(line.as_bytes()).unwrap()
}

fn retr(number: u32) -> Command<'static> {
    Command::Retr(MessageNumber::new(number).unwrap())
}

type Pop3Client = ClientConnection<Vec<u8>>;
type Pop3Server = ServerConnection<Mail, Vec<u8>>;

/// Gives a response and polls its only event, which needs no answer.
fn hear(pop3: &mut Pop3Client, response: &str) {
    assert_eq!(give(pop3.recv_buf(), response.as_bytes()), response.len());
    pop3.poll().unwrap().unwrap();
    assert!(matches!(pop3.poll(), Ok(None)));
}

/// Returns a client in TRANSACTION with nothing pending.
fn logged_in() -> Pop3Client {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    hear(&mut pop3, "+OK ready\r\n");
    for line in ["USER mrose", "PASS secret"] {
        pop3.sender().send(command(line)).unwrap();
        hear(&mut pop3, "+OK\r\n");
    }
    assert_eq!(pop3.client().state(), pop3_proto::State::Transaction);
    pop3.send_buf().clear();
    pop3
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// Copies an event, so it borrows nothing.
fn shown(event: &Event<'_>) -> String {
    format!("{event:?}")
}
