/// A number in decimal digits, for an output line.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    buffer: [[u8; 8]; 3],
    /// The number of leading zeros in the buffer.
    zeros: usize,
}

const HUNDRED_MILLION: u64 = 100_000_000;

impl Digits {
    pub(crate) fn new(number: impl Into<u64>) -> Self {
        Self::of(number.into())
    }

    // If inlined, a 32-bit number needs fewer steps. On a small processor, one copy serves all numbers instead.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    #[cfg_attr(target_pointer_width = "64", inline)]
    fn of(number: u64) -> Self {
        let last = eight(number % HUNDRED_MILLION);
        let [first, middle] = match number / HUNDRED_MILLION {
            0 => [0, 0],
            front => [eight(front / HUNDRED_MILLION), eight(front % HUNDRED_MILLION)],
        };
        let zeros = match (first, middle) {
            (0, 0) => 16 + zeros(last).min(7),
            (0, middle) => 8 + zeros(middle),
            (first, _) => zeros(first),
        };
        Digits { buffer: [first, middle, last].map(|word| (word | ASCII).to_le_bytes()), zeros }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.buffer.as_flattened().get(self.zeros..).unwrap_or_default()
    }
}

const ASCII: u64 = u64::from_ne_bytes(*b"00000000");

/// Counts the leading zeros of eight digits.
const fn zeros(digits: u64) -> usize {
    digits.trailing_zeros() as usize / 8
}

/// Returns the eight digits of a number below 100,000,000 as values from 0 to 9, the first digit in the lowest byte.
///
/// It computes all digits together in a register, because a wide load of digits that were stored one at a time stalls. It
/// splits the number into two groups of four digits, then four groups of two, then eight digits. Multiplication and shift
/// divide each group, which is exact for numbers this small.
const fn eight(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | ((twos - tens * 10) << 8)
}

#[cfg(test)]
mod tests {
    use super::{Digits, HUNDRED_MILLION, eight};
    use std::string::ToString;

    #[test]
    fn digits_equal_the_formatter() {
        let powers = (0..20).map(|power| 10u64.pow(power));
        for number in
            powers.flat_map(|power| [power - 1, power, power + 1, power + power / 7]).chain([u64::MAX])
        {
            assert_eq!(Digits::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }

    /// Tests each group of digits separately, because a group does not depend on the other groups.
    #[test]
    fn every_group_of_four_digits_is_right_in_both_places() {
        for group in 0..10_000 {
            for (number, digits) in [(group, "0000"), (group * 10_000, "")] {
                let word = eight(number).to_le_bytes().map(|digit| digit + b'0');
                let rest = if digits.is_empty() { "0000" } else { "" };
                assert_eq!(word, std::format!("{digits}{group:04}{rest}").as_bytes());
            }
            assert_eq!(eight(HUNDRED_MILLION - 1 - group), 0x0909_0909_0909_0909 - eight(group));
        }
    }
}
