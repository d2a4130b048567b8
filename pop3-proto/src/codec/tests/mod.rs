//! Commands, status lines and listings: rules by requirement row, and every value written and read again.

mod command;
mod framing;
mod listing;
mod response;
mod values;

use super::Decoded;
use crate::buffers::SendBuf;
use crate::quirks::Quirks;
use crate::sink::{BufferFull, Sink};
use std::vec::Vec;

/// Returns the bytes that `encode` writes.
fn encoded(encode: impl FnOnce(&mut dyn Sink) -> Result<(), BufferFull>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let mut out = SendBuf::new(&mut buffer[..]);
    encode(&mut out).unwrap();
    out.pending().to_vec()
}

/// Returns the line without its end. There is only one, and it has no byte that ends lines or texts.
fn line(octets: &[u8]) -> &[u8] {
    let line = octets.strip_suffix(b"\r\n").expect("CR LF at the end");
    assert!(!line.iter().any(|octet| b"\r\n\0".contains(octet)), "{}", octets.escape_ascii());
    line
}

/// Returns the result of `read` for a line, and the quirks that it noted.
fn noting<T>(read: impl FnOnce(&mut Quirks) -> T) -> (T, Quirks) {
    let mut quirks = Quirks::NONE;
    let value = read(&mut quirks);
    (value, quirks)
}

/// Returns the value of a complete line, and its length.
fn complete<T, E: std::fmt::Debug>(decoded: Decoded<T, E>) -> Option<(T, usize)> {
    match decoded {
        Decoded::Complete { consumed, value } => Some((value, consumed)),
        _ => None,
    }
}
