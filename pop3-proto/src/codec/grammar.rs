//! The productions that several lines share, as nom parsers over framed lines.
//!
//! They are `complete` parsers, because a framed line is complete. They use slice patterns, because several of nom's own
//! byte parsers leave a reachable panic in the compiled code.

use crate::quirks::{Quirk, Quirks};
use core::cell::Cell;
use nom::{Err, IResult, Parser, combinator::map_opt};

/// The rest and the value. The error is empty, because the caller knows what it expected.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// Collects the deviations that the parsers of one line tolerated.
pub(super) type Notes = Cell<Quirks>;

pub(super) fn note(notes: &Notes, quirk: Quirk) {
    let mut quirks = notes.get();
    quirks.note(quirk);
    notes.set(quirks);
}

pub(super) fn fail<'a, T>() -> Parsed<'a, T> {
    Err(Err::Error(()))
}

/// Reads one or more spaces or tabs. The RFCs allow exactly one space (RFC 1939 section 3).
pub(super) fn spaces<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = (), Error = ()> {
    move |input: &'a [u8]| {
        let rest = skip(input, |octet| matches!(octet, b' ' | b'\t'));
        match input.len().saturating_sub(rest.len()) {
            0 => return fail(),
            1 if input.first() == Some(&b' ') => {}
            _ => note(notes, Quirk::Spacing),
        }
        Ok((rest, ()))
    }
}

/// Reads the end of the line, and tolerates spaces before it.
pub(super) fn end<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = (), Error = ()> {
    move |input: &'a [u8]| {
        if input.is_empty() {
            return Ok((input, ()));
        }
        match spaces(notes).parse(input) {
            Ok(([], ())) => {
                note(notes, Quirk::Spacing);
                Ok((&[], ()))
            }
            _ => fail(),
        }
    }
}

/// Reads a decimal number without a sign that fits 64 bits (RFC 1939 section 4).
pub(super) fn number<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = u64, Error = ()> {
    map_opt(digits(notes), |number| number)
}

/// Reads a decimal number of any size. The value is `None` if it does not fit 64 bits.
pub(super) fn digits<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = Option<u64>, Error = ()> {
    move |input: &'a [u8]| {
        let (value, rest) = leading_digits(input);
        let value = match input.len().saturating_sub(rest.len()) {
            0 => return fail(),
            1..=19 => Some(value),
            _ => checked_value(input),
        };
        if let [b'0', b'0'..=b'9', ..] = input {
            note(notes, Quirk::LeadingZeros);
        }
        Ok((rest, value))
    }
}

/// Reads the digits at the front of `input`, and returns their value, which is correct for up to 19 digits, and the rest. A
/// loop over the digits is faster here than arithmetic on words, because the processor predicts its end.
#[inline]
pub(super) fn leading_digits(input: &[u8]) -> (u64, &[u8]) {
    more_digits(0, input)
}

/// Does the same for digits that follow those of `value`.
#[inline]
fn more_digits(value: u64, input: &[u8]) -> (u64, &[u8]) {
    let (mut rest, mut value) = (input, value);
    while let [octet, tail @ ..] = rest {
        let digit = u64::from(*octet).wrapping_sub(u64::from(b'0'));
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(digit);
        rest = tail;
    }
    (value, rest)
}

/// Reads any number of digits, which may include leading zeros.
fn checked_value(input: &[u8]) -> Option<u64> {
    let digits = input.iter().take_while(|octet| octet.is_ascii_digit());
    digits
        .map(|digit| u64::from(digit.wrapping_sub(b'0')))
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(digit))
}

/// Reads a number in the usual form: 1 to `MOST` digits, which cannot overflow, without a leading zero.
#[inline]
pub(super) fn plain_number<const MOST: usize>(input: &mut &[u8]) -> Option<u64> {
    let [b'1'..=b'9', ..] = input else { return None };
    // The compiler unrolls the loop over a block of known length, which saves a quarter of the time of a row.
    if let Some(block) = input.first_chunk::<8>() {
        let mut value = 0u32;
        for (length, octet) in block.iter().enumerate() {
            let digit = u32::from(*octet).wrapping_sub(u32::from(b'0'));
            if digit > 9 {
                *input = input.get(length..)?;
                return (length <= MOST).then_some(value.into());
            }
            value = value.wrapping_mul(10).wrapping_add(digit);
        }
    }
    let (value, rest) = leading_digits(input);
    let digits = input.len().wrapping_sub(rest.len());
    *input = rest;
    (digits <= MOST).then_some(value)
}

/// Reads a size in the usual form and the end of the line: 1 to 18 digits, without a leading zero, and CR LF. The sizes of a listing
/// have any number of digits, so the processor cannot predict the end of a loop over them. Eight digits are tested and converted at
/// once.
#[inline(always)]
pub(super) fn plain_size(input: &[u8]) -> Option<(u64, &[u8])> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    match input {
        // One digit takes less time alone.
        [digit @ b'1'..=b'9', b'\r', b'\n', rest @ ..] => {
            return Some((digit.wrapping_sub(b'0').into(), rest));
        }
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let Some((word, tail)) = input.split_first_chunk() else { return short_size(input) };
    let word = u64::from_le_bytes(*word);
    // Each digit has this bit, and CR does not. Only this decides where the next row begins, so it is kept short.
    let ends = !word & (ONES * 0x10);
    let bits = ends.trailing_zeros() & 0x78;
    // Zeros take the place of the bytes after the digits.
    let digits = (word ^ (ONES * b'0' as u64)).wrapping_shl(64_u32.wrapping_sub(bits));
    // Sets the top bit of a byte above 9.
    if (digits.wrapping_add(ONES * 0x76) | digits) & (ONES << 7) != 0 {
        return None;
    }
    let value = eight_digits(digits);
    if ends != 0 {
        return Some((value, input.get(bits as usize / 8..)?.strip_prefix(b"\r\n")?));
    }
    let (value, rest) = more_digits(value, tail);
    let usual = input.len().wrapping_sub(rest.len()) <= 18;
    if usual { Some((value, rest.strip_prefix(b"\r\n")?)) } else { None }
}

/// Does the same at the end of the input.
#[cold]
fn short_size(input: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = input;
    let size = plain_number::<18>(&mut rest)?;
    Some((size, rest.strip_prefix(b"\r\n")?))
}

/// Returns the value of eight digits, the first one in the lowest byte. It joins them to pairs, then to groups of four.
const fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xFFFF_FFFF
}

/// Reads one or more bytes up to the next space or tab.
pub(super) fn token(input: &[u8]) -> Parsed<'_, &[u8]> {
    let rest = skip(input, |octet| !matches!(octet, b' ' | b'\t'));
    match input.split_at_checked(input.len().saturating_sub(rest.len())) {
        Some((token, rest)) if !token.is_empty() => Ok((rest, token)),
        _ => fail(),
    }
}

fn skip(input: &[u8], which: impl Fn(u8) -> bool) -> &[u8] {
    let mut rest = input;
    while let [octet, tail @ ..] = rest {
        if !which(*octet) {
            break;
        }
        rest = tail;
    }
    rest
}
