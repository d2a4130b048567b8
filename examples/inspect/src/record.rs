//! The records, as JSON objects.
//!
//! The names are those of Suricata's EVE format: of the tools that network monitors use, it is the one that has a record for a
//! POP3 transaction (`pop3.request.command`, `pop3.response.status` and so on), for a file (`fileinfo`) and for deviations
//! (`anomaly`), so what reads Suricata's log reads this one. Fields that EVE does not have are additions: `pop3.user`,
//! `pop3.outcome`, offsets, lengths. EVE writes the arguments of PASS and the lines of responses; here they never appear.

use serde::Serialize;
use std::net::IpAddr;

/// One line of the log.
#[derive(Serialize, Debug)]
pub struct Record<'r> {
    /// When the packet was seen that completed this.
    pub timestamp: String,
    /// The connection. The same capture gives the same number.
    pub flow_id: u64,
    /// The packet, counted from 1 over all files, with which this was found out.
    pub pcap_cnt: u64,
    /// `pop3`, `fileinfo` or `anomaly`.
    pub event_type: &'static str,
    /// The client, if the sides are known.
    pub src_ip: IpAddr,
    /// Its port.
    pub src_port: u16,
    /// The server.
    pub dest_ip: IpAddr,
    /// Its port.
    pub dest_port: u16,
    /// Always `TCP`.
    pub proto: &'static str,
    /// `pop3`, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_proto: Option<&'static str>,
    /// The place of the command in the session; 0 is the greeting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_id: Option<u64>,
    /// A transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pop3: Option<Pop3<'r>>,
    /// A message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fileinfo: Option<FileInfo<'r>>,
    /// A deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<Anomaly>,
}

/// A transaction.
#[derive(Serialize, Debug)]
pub struct Pop3<'r> {
    /// The name that the client logs in with, or has logged in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'r str>,
    /// The command; absent for the greeting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<&'r Request>,
    /// The response; absent if none of it was recognized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response<'r>>,
    /// `ok`, `refused`, `lost`, `untold` or `unanswered`.
    pub outcome: &'static str,
    /// Clients do not agree on the end of the response.
    #[serde(skip_serializing_if = "is_false")]
    pub ambiguous: bool,
    /// Command and response may not belong together.
    #[serde(skip_serializing_if = "is_false")]
    pub guess: bool,
}

/// A command.
#[derive(Serialize, Debug)]
pub struct Request {
    /// Its keyword; `UNKNOWN`, `INVALID` or `LONG` for a line that is not a command.
    pub command: &'static str,
    /// Its arguments without secrets.
    pub args: Vec<String>,
    /// Something is left out, because it is or may be a secret.
    #[serde(skip_serializing_if = "is_false")]
    pub redacted: bool,
    /// The place in the client's stream.
    pub offset: u64,
    /// The length of the line.
    pub length: u64,
}

/// A response.
#[derive(Serialize, Debug)]
pub struct Response<'r> {
    /// Whether it is `+OK`.
    pub success: bool,
    /// `OK` or `ERR`.
    pub status: &'static str,
    /// The response code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'r str>,
    /// The text of the status line, if it cannot contain a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<&'r str>,
    /// The octets of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octets: Option<u64>,
    /// The rows of a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The challenges of AUTH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenges: Option<u32>,
    /// The place in the server's stream.
    pub offset: u64,
    /// The length in bytes, from the status line to the terminator.
    pub length: u64,
    /// Places are too low: bytes of unknown number are missing before.
    #[serde(skip_serializing_if = "is_false")]
    pub inexact: bool,
}

/// A message.
#[derive(Serialize, Debug)]
pub struct FileInfo<'r> {
    /// The name of the file. Nothing of it comes from the network.
    pub filename: &'r str,
    /// `CLOSED` for a complete message, `TRUNCATED` for another.
    pub state: &'static str,
    /// It is stored under its name.
    pub stored: bool,
    /// Why it is not stored, although messages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Its octets, without byte-stuffing.
    pub size: u64,
    /// The digest of these octets.
    pub sha256: String,
    /// Its end is missing.
    pub gaps: bool,
    /// Clients do not agree on its end.
    #[serde(skip_serializing_if = "is_false")]
    pub ambiguous: bool,
    /// It may not be the response to this command.
    #[serde(skip_serializing_if = "is_false")]
    pub guess: bool,
    /// Its number in the session.
    pub message: u32,
}

/// A deviation.
#[derive(Serialize, Debug, Clone, Copy, Default)]
pub struct Anomaly {
    /// `decode`, `stream` or `applayer`.
    pub r#type: &'static str,
    /// Its name.
    pub event: &'static str,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<&'static str>,
    /// How many bytes it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated: Option<u64>,
    /// What was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
}

impl Anomaly {
    /// A deviation from TCP.
    #[must_use]
    pub fn stream(event: &'static str) -> Self {
        Anomaly { r#type: "stream", event, ..Anomaly::default() }
    }

    /// A deviation from POP3.
    #[must_use]
    pub fn applayer(event: &'static str) -> Self {
        Anomaly { r#type: "applayer", event, ..Anomaly::default() }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
