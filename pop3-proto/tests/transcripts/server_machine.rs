//! The server of a transcript, with the application that its notes describe.

use super::client_machine::feed;
use super::fixture::Fixture;
use pop3_proto::script::{Peer, Script};
use pop3_proto_kit::{Host, Memory};

/// The outcome of a session.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Played {
    /// The reason for the close, or the fatal error.
    pub(super) ended: String,
    /// The unique-ids of the removed messages.
    pub(super) removed: Vec<String>,
    /// The quirks that were noted.
    pub(super) quirks: String,
}

/// Plays a complete dialogue, with a send buffer of this size. Panics if the server writes bytes that the transcript
/// does not have.
pub(super) fn play(script: &Script, fixture: &Fixture, mut peer: Peer<'_>, memory: usize) -> Played {
    let mut host = Host::with_app(fixture.config, fixture.app(script)).sized(Memory::growing(memory));
    while host.end.is_none() || !host.outgoing().is_empty() {
        host.run();
        let count = host.outgoing().len();
        peer.received(host.outgoing()).unwrap_or_else(|mismatch| panic!("{mismatch}"));
        host.sent(count);
        if host.awaits_tls() && peer.awaits_tls() {
            peer.tls_started().unwrap();
        } else if count == 0 && host.end.is_none() {
            match feed(&mut peer) {
                Some(bytes) => host.receive(bytes),
                None => host.end_stream(),
            }
        }
    }
    let ended = match host.end.unwrap() {
        Ok(why) => format!("{why:?}"),
        Err(fatal) => format!("{fatal:?}"),
    };
    let removed =
        host.removed.iter().map(|message| host.messages[*message as usize - 1].id.clone()).collect();
    Played { ended, removed, quirks: format!("{:?}", host.server().quirks()) }
}
