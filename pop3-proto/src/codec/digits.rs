use core::fmt;

/// A number as decimal digits, for a line to send.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    buffer: [u8; 20],
    length: u8,
}

impl Digits {
    pub(crate) fn new(number: impl Into<u64>) -> Self {
        let mut rest = number.into();
        let mut digits = Digits { buffer: [b'0'; 20], length: 0 };
        for digit in digits.buffer.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            digits.length += 1;
            if rest == 0 {
                break;
            }
        }
        digits
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        let zeros = self.buffer.len().saturating_sub(usize::from(self.length));
        self.buffer.get(zeros..).unwrap_or_default()
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Digits;
    use std::string::ToString;

    #[test]
    fn digits_equal_the_formatter() {
        for number in [0, 1, 9, 10, 99, 100, 4_294_967_295, 4_294_967_296, u64::MAX] {
            assert_eq!(Digits::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
