//! The other side of a stream: it follows a script, or sends any bytes.

use crate::link::Fault;
use pop3_proto::script::Peer;
use std::io::ErrorKind;

/// The other side.
#[derive(Debug)]
pub(crate) enum Far {
    Script(Peer<'static>),
    Bytes(Bytes),
}

/// A peer that sends these bytes, whatever it receives.
#[derive(Debug)]
pub(crate) struct Bytes {
    wire: Vec<u8>,
    said: usize,
    /// The places in `wire` at which it waits until the other side needs more. `None` means after each byte.
    gates: Option<Vec<usize>>,
    heard: Vec<u8>,
    /// The places at which the other side wrote something or did a handshake.
    used: Vec<usize>,
}

impl Bytes {
    pub(crate) fn new(wire: &[u8], gates: Option<&[usize]>) -> Self {
        let gates = gates.map(<[usize]>::to_vec);
        Bytes { wire: wire.to_vec(), said: 0, gates, heard: Vec::new(), used: Vec::new() }
    }

    pub(crate) fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// Returns the places at which the other side wrote something or did a handshake, and the place that it has read to.
    pub(crate) fn used(&self) -> Vec<usize> {
        let mut used = self.used.clone();
        used.push(self.said);
        used.dedup();
        used
    }

    fn pending(&self) -> &[u8] {
        let end = match &self.gates {
            None => self.said + 1,
            Some(gates) => gates.iter().copied().find(|gate| *gate > self.said).unwrap_or(usize::MAX),
        };
        &self.wire[self.said..end.min(self.wire.len())]
    }

    /// Fails if bytes in cleartext are in the stream, as a handshake does.
    fn tls_started(&mut self) -> Result<(), Fault> {
        let is_gate = self.gates.as_ref().is_none_or(|gates| gates.contains(&self.said));
        self.used.push(self.said);
        match is_gate || self.said == self.wire.len() {
            true => Ok(()),
            false => Err(Fault::Error(ErrorKind::InvalidData)),
        }
    }
}

impl Far {
    pub(crate) fn pending(&self) -> &[u8] {
        match self {
            Far::Script(peer) => peer.pending(),
            Far::Bytes(bytes) => bytes.pending(),
        }
    }

    pub(crate) fn sent(&mut self, count: usize) {
        match self {
            Far::Script(peer) => peer.sent(count),
            Far::Bytes(bytes) => bytes.said += count,
        }
    }

    /// Takes what the other side wrote. Returns what is wrong with it.
    pub(crate) fn received(&mut self, octets: &[u8]) -> Result<(), String> {
        match self {
            Far::Script(peer) => peer.received(octets).map_err(|mismatch| mismatch.to_string()),
            Far::Bytes(bytes) => {
                bytes.heard.extend_from_slice(octets);
                if !octets.is_empty() {
                    bytes.used.push(bytes.said);
                }
                Ok(())
            }
        }
    }

    /// Returns whether it waits for the other side.
    pub(crate) fn waits(&self) -> bool {
        match self {
            Far::Script(peer) => !peer.closes() && peer.finish().is_err(),
            Far::Bytes(_) => false,
        }
    }

    /// Returns what is missing at the end of a session.
    pub(crate) fn missing(&self) -> Option<String> {
        match self {
            Far::Script(peer) => peer.finish().err().map(|mismatch| mismatch.to_string()),
            Far::Bytes(_) => None,
        }
    }

    pub(crate) fn tls_started(&mut self) -> Result<(), Fault> {
        match self {
            Far::Script(peer) => {
                peer.tls_started().unwrap_or_else(|mismatch| panic!("{mismatch}"));
                Ok(())
            }
            Far::Bytes(bytes) => bytes.tls_started(),
        }
    }
}
