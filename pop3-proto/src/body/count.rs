use super::{CR, LF, scan};

/// Counts the size of a message as its scan listing states it (RFC 1939 section 11). Every line end counts as two octets,
/// whatever the store uses. Added dots and the terminator do not count.
///
/// The size equals the output of [`Stuff`](crate::Stuff) in [`Convert`](crate::StuffMode::Convert) mode: a bare LF counts
/// as CR LF, a bare CR counts as one octet, and a missing line end of the last line counts too.
///
/// ```
/// use pop3_proto::OctetCount;
///
/// let mut count = OctetCount::new();
/// count.add(b"Subject: hi\n\n");
/// count.add(b".no end");
/// assert_eq!(count.finish(), 24);
/// ```
#[doc(alias = "size")]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OctetCount {
    octets: u64,
    last: Option<u8>,
}

impl OctetCount {
    /// Starts a count for one message.
    #[must_use]
    pub const fn new() -> Self {
        OctetCount { octets: 0, last: None }
    }

    /// Returns the size of a message that is completely in memory.
    ///
    /// ```
    /// use pop3_proto::OctetCount;
    ///
    /// assert_eq!(OctetCount::of(b".\n"), 3); // `.` CR LF, however many dots are sent
    /// ```
    #[must_use]
    pub fn of(message: &[u8]) -> u64 {
        let mut count = OctetCount::new();
        count.add(message);
        count.finish()
    }

    /// Counts the next bytes of the message.
    pub fn add(&mut self, bytes: &[u8]) {
        let bare_first = bytes.first() == Some(&LF) && self.last != Some(CR);
        let added = scan::bare_line_feeds(bytes).saturating_add(usize::from(bare_first));
        self.octets = self.octets.saturating_add(bytes.len() as u64).saturating_add(added as u64);
        self.last = bytes.last().copied().or(self.last);
    }

    /// Returns the size, with the line end that is added if the last line has none. An empty message has no lines.
    #[must_use]
    pub const fn finish(self) -> u64 {
        match self.last {
            None | Some(LF) => self.octets,
            Some(_) => self.octets.saturating_add(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::tests::{all_words, long_words};

    /// Counts an LF as two octets unless a CR precedes it.
    fn naive(message: &[u8]) -> u64 {
        let mut octets = 0;
        let mut before = b'\n';
        for octet in message {
            octets += if *octet == b'\n' && before != b'\r' { 2 } else { 1 };
            before = *octet;
        }
        octets + if before == b'\n' { 0 } else { 2 }
    }

    #[test]
    fn r1939_11_b_an_end_of_line_counts_as_two_octets() {
        assert_eq!(OctetCount::of(b"a\nb\n"), OctetCount::of(b"a\r\nb\r\n"));
        assert_eq!(OctetCount::of(b"a\nb\n"), 6);
        all_words(7, |message| assert_eq!(OctetCount::of(message), naive(message), "{message:?}"));
        long_words(|message| assert_eq!(OctetCount::of(message), naive(message), "{message:?}"));
    }

    #[test]
    fn r1939_11_c_added_dots_do_not_count() {
        assert_eq!(OctetCount::of(b".\r\n..\r\n"), 7);
    }

    #[test]
    fn amb_15_a_missing_last_line_end_counts() {
        assert_eq!(OctetCount::of(b""), 0);
        assert_eq!(OctetCount::of(b"a"), OctetCount::of(b"a\r\n"));
    }

    #[test]
    fn amb_16_a_bare_cr_counts_as_itself() {
        assert_eq!(OctetCount::of(b"a\rb\r\n"), 5);
        assert_eq!(OctetCount::of(b"a\r"), 4);
    }

    #[test]
    fn the_count_does_not_depend_on_chunks() {
        all_words(6, |message| {
            for cut in 0..=message.len() {
                let mut count = OctetCount::new();
                count.add(&message[..cut]);
                count.add(&[]);
                count.add(&message[cut..]);
                assert_eq!(count.finish(), OctetCount::of(message), "{message:?} at {cut}");
            }
        });
    }
}
