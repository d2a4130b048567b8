use memchr::memchr;

/// Finds a line of a single dot that only lenient readers take for a terminator. It reads the bytes of a response as they are on
/// the wire, without the terminator itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubt {
    /// The next byte is the first after an LF.
    LineStart,
    /// It follows a dot that began a line.
    Dot,
    /// It follows such a dot and a CR.
    DotCr,
    /// None of these.
    Text,
    /// There is such a line.
    Found,
}

impl Doubt {
    /// Reads on. Dots are searched for, because a message has fewer dots than line ends.
    #[must_use]
    pub(super) fn read(self, bytes: &[u8]) -> Self {
        let (mut doubt, mut rest) = (self, bytes);
        while let [byte, behind @ ..] = rest {
            if doubt == Doubt::Found {
                break;
            }
            if doubt != Doubt::Text {
                (doubt, rest) = (doubt.step(*byte), behind);
                continue;
            }
            let Some(dot) = memchr(b'.', rest) else {
                return if rest.ends_with(b"\n") { Doubt::LineStart } else { Doubt::Text };
            };
            let (before, from_dot) = rest.split_at_checked(dot).unwrap_or((rest, &[]));
            if before.ends_with(b"\n") {
                doubt = Doubt::Dot;
            }
            rest = from_dot.get(1..).unwrap_or_default();
        }
        doubt
    }

    const fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (Doubt::Dot | Doubt::DotCr, b'\n') => Doubt::Found,
            (Doubt::Dot, b'\r') => Doubt::DotCr,
            (Doubt::LineStart, b'.') => Doubt::Dot,
            (_, b'\n') => Doubt::LineStart,
            _ => Doubt::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Doubt;
    use std::vec::Vec;

    /// Any line of a single dot, as a reader of lines that drops a CR has it.
    fn naive(bytes: &[u8]) -> bool {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        lines.pop(); // not complete
        lines.iter().any(|line| line.strip_suffix(b"\r").unwrap_or(line) == b".")
    }

    #[test]
    fn it_finds_the_same_lines_as_a_reader_of_lines_at_any_cut() {
        const BYTES: &[u8] = b".\r\na";
        for number in 0..4usize.pow(7) {
            let bytes: Vec<u8> =
                (0..7).map(|place| BYTES[number >> (2 * place) & 3]).take(1 + number % 7).collect();
            for cut in 0..=bytes.len() {
                let found = Doubt::LineStart.read(&bytes[..cut]).read(&bytes[cut..]) == Doubt::Found;
                assert_eq!(found, naive(&bytes), "{} cut at {cut}", bytes.escape_ascii());
            }
        }
    }
}
