//! The form in which RETR sends a message: each line ends with CRLF, the last one too.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use memchr::memchr_iter;
use tokio::io::{AsyncBufRead, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};

/// How much of a message is read at once.
const CHUNK: usize = 64 * 1024;

/// Returns a message in the form that RETR sends. Its size is the size that LIST shows, whatever line ends the message has.
pub fn canonical(message: impl AsyncRead + Send + Unpin) -> impl AsyncBufRead + Send + Unpin {
    let mut lines = Lines::default();
    let end = stream::once(std::future::ready(Ok(None)));
    let chunks = ReaderStream::with_capacity(message, CHUNK).map_ok(Some).chain(end);
    StreamReader::new(chunks.map_ok(move |chunk| match chunk {
        Some(chunk) => lines.chunk(&chunk),
        None => lines.end(),
    }))
}

/// Writes CRLF for each line end of a message that comes in chunks.
#[derive(Default)]
struct Lines {
    /// The last byte.
    last: Option<u8>,
}

impl Lines {
    fn chunk(&mut self, chunk: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 32);
        let mut from = 0;
        for at in memchr_iter(b'\n', chunk) {
            let before = if at > 0 { chunk.get(at - 1).copied() } else { self.last };
            out.extend_from_slice(&chunk[from..at]);
            out.extend_from_slice(if before == Some(b'\r') { b"\n" } else { b"\r\n" });
            from = at + 1;
        }
        out.extend_from_slice(&chunk[from..]);
        self.last = chunk.last().copied().or(self.last);
        out.into()
    }

    fn end(&self) -> Bytes {
        Bytes::from_static(match self.last {
            None | Some(b'\n') => b"",
            Some(_) => b"\r\n",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pop3_proto::OctetCount;

    fn in_chunks(chunks: &[&[u8]]) -> Vec<u8> {
        let mut lines = Lines::default();
        let mut out: Vec<u8> = chunks.iter().flat_map(|chunk| lines.chunk(chunk)).collect();
        out.extend(lines.end());
        out
    }

    #[test]
    fn each_short_message_has_the_size_that_the_crate_counts_at_every_cut() {
        let alphabet = *b"a.\r\n";
        let mut messages = vec![Vec::new()];
        for length in 0..6 {
            let longer: Vec<Vec<u8>> = messages
                .iter()
                .filter(|message| message.len() == length)
                .flat_map(|message| alphabet.map(|byte| [message, &[byte][..]].concat()))
                .collect();
            messages.extend(longer);
        }
        for message in &messages {
            let whole = in_chunks(&[message]);
            assert_eq!(whole.len() as u64, OctetCount::of(message), "{}", message.escape_ascii());
            assert_eq!(in_chunks(&[&whole]), whole, "{}", message.escape_ascii());
            for (first, second) in (0..=message.len()).map(|at| message.split_at(at)) {
                assert_eq!(in_chunks(&[first, second]), whole, "{}", message.escape_ascii());
            }
        }
        assert_eq!(messages.len(), (4_usize.pow(7) - 1) / 3);
    }

    #[test]
    fn line_ends_become_crlf_and_nothing_else_changes() {
        assert_eq!(in_chunks(&[b"a\nb\r\n\n.\rc"]), b"a\r\nb\r\n\r\n.\rc\r\n");
    }
}
