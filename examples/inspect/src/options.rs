//! Bounds and choices.

use pop3_proto::Limits;
use std::time::Duration;

/// Bounds on what a capture can make the program store, and what it reads.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ports on which a connection that is seen from its middle counts as POP3: 110.
    pub ports: Vec<u16>,
    /// Connections that are followed at the same time: 65,536. The one that was silent for longest is forgotten first.
    pub flows: usize,
    /// Bytes of one direction that wait for an acknowledgement, or for earlier bytes: 1 MiB. If there are more, they are
    /// read as if they were acknowledged, and what is missing is a gap.
    pub flow_bytes: usize,
    /// Bytes of all connections together: 256 MiB.
    pub total_bytes: usize,
    /// Bytes of a connection that is not recognized: 16 KiB.
    pub probe_bytes: usize,
    /// Bytes of a name, or of a text of a server, in a record: 512. The rest is left out.
    pub text_bytes: usize,
    /// Silence after which a connection is over: 10 minutes of the capture.
    pub idle: Duration,
    /// Whether segments with a wrong checksum are ignored, as receivers do: no. Captures on the sending machine have wrong
    /// checksums, because its network card computes them later. What a wrong segment contradicts is reported either way.
    pub checksums: bool,
    /// Bytes of one block of a capture: 16 MiB.
    pub block_bytes: usize,
    /// Limits of lines: those of the crate.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            ports: vec![110],
            flows: 65_536,
            flow_bytes: 1 << 20,
            total_bytes: 256 << 20,
            probe_bytes: 16 << 10,
            text_bytes: 512,
            idle: Duration::from_secs(600),
            checksums: false,
            block_bytes: 16 << 20,
            limits: Limits::DEFAULT,
        }
    }
}
