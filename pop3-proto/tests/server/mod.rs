//! The server machine, requirement by requirement.

mod application_texts;
mod bodies;
mod codes;
mod commands;
mod hand_over;
mod lines;
mod listings;
mod login;
mod maildrops;
mod others;
mod questions;
mod resumed;
mod robust;
mod security;
mod sizes;
mod slices;
mod texts;
mod timers;
mod top;
mod transaction;
mod update;

use pop3_proto::server::{Ask, CloseReason, Maildrop, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{
    Base64, ConnectionError, Input, Limits, OctetCount, OwnedUniqueId, SendBuf, Server, Sink, Text,
    TlsPolicy, UniqueId,
};
use pop3_proto_kit::{Bodies, Host, Infos, LOGIN, Memory, infos, machine};

const CLEAR: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// Like [`CLEAR`], for tables that are full of refusals.
const PATIENT: ServerConfig<'_> =
    CLEAR.with_limits(Limits::DEFAULT.with_bad_commands(255, 255).with_failed_logins(255));

/// Returns a host that sends messages in chunks of this size, as copies or as slices, through a buffer of `room`
/// bytes that sends `drain` at a time.
fn through(host: Host, chunk: usize, room: usize, drain: usize, slices: bool) -> Host {
    let mut host = host.sized(Memory::fixed(room));
    host.drain = drain;
    host.bodies = if slices { Bodies::Lent(chunk) } else { Bodies::Copied(chunk) };
    host
}

/// Returns three messages of 120, 200 and 5 octets.
fn three() -> Infos {
    infos(&[[b'x'; 118].as_slice(), &[b'y'; 198], b"abc"])
}

/// Polls to the next question, which must be this one, and returns its token.
macro_rules! ask {
    ($server:expr, $input:expr, $out:expr, $kind:ident $(, $what:pat)*) => {
        match $server.poll($input, $out) {
            Ok(Step::Ask(Ask::$kind(token $(, $what)*))) => token,
            step => panic!("{step:?}"),
        }
    };
}
use ask;

/// A sink that the test drains.
fn pending(out: &mut SendBuf<&mut [u8]>) -> String {
    let sent = String::from_utf8(out.pending().to_vec()).unwrap();
    out.clear();
    assert_eq!(out.room(), out.capacity());
    sent
}
