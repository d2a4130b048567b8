//! The PROXY header that a load balancer sends to `serve`, of version 1 and 2.

use pop3_proto_serve::proxied::{Header, header};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest headers of the two versions.
const MOST_V1: usize = 107;
const MOST_V2: usize = 4096;

/// The first byte says how many blocks of zeros follow the other bytes, so a short input has a long header.
pub fn run(data: &[u8]) {
    let Some((blocks, start)) = data.split_first() else { return };
    let mut stream = start.to_vec();
    stream.resize(start.len() + 32 * usize::from(blocks.wrapping_sub(b'0')), 0);

    let expected = v1(&stream).or_else(|| v2(&stream));
    // A load balancer may send any part at once, so a decision must not depend on the part.
    let mut is_over = false;
    for end in ends(stream.len()) {
        match header(&stream[..end]) {
            Ok(None) => {
                assert!(!is_over, "{end} bytes are too few, and fewer were enough");
                assert!(expected.is_none_or(|header| end < header.length), "{end} bytes are a header");
                assert!(end < longest(&stream[..end]), "more than {end} bytes cannot be a header");
            }
            Ok(Some(header)) => {
                assert_eq!(Some(header), expected, "{end} bytes");
                assert!(header.length <= end, "more bytes are read than have arrived");
                is_over = true;
            }
            Err(error) => {
                assert_eq!(expected, None, "{end} bytes: {error}");
                is_over = true;
            }
        }
    }
}

/// Returns the length of the longest header that can begin with these bytes.
fn longest(start: &[u8]) -> usize {
    match start {
        [b'P', ..] => MOST_V1,
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] => {
            MOST_V2.min(16 + usize::from(*high) * 256 + usize::from(*low))
        }
        _ => MOST_V2,
    }
}

/// Returns the lengths to try: all short ones, and some of the long ones.
fn ends(length: usize) -> impl Iterator<Item = usize> {
    (0..=length).filter(move |end| {
        let is_near = |limit: usize| end.abs_diff(limit) < 3;
        *end < 128 || end % 61 == 0 || is_near(MOST_V2) || is_near(length)
    })
}

/// Reads a header of version 1: words and one space between two, up to CRLF.
fn v1(stream: &[u8]) -> Option<Header> {
    let length = stream.windows(2).position(|end| end[0] == b'\r')? + 2;
    let line = stream[..length].strip_suffix(b"\r\n").filter(|_| length <= MOST_V1)?;
    // The crate does not look at the byte after the first word.
    let line = line.strip_prefix(b"PROXY")?.get(1..)?;
    if line.starts_with(b"UNKNOWN") {
        return Some(Header { client: None, length });
    }
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = words[..] else { return None };
    let address = |text| match family {
        "TCP4" => ipv4(text).map(IpAddr::from),
        "TCP6" => ipv6(text).map(IpAddr::from),
        _ => None,
    };
    let client = address(source);
    address(destination)?;
    port(source_port)?;
    port(destination_port)?;
    client.map(|client| Header { client: Some(client), length })
}

/// Reads a port. The crate allows a sign and zeros before it.
fn port(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => Some(0),
        digits => number(digits, 10, 5, 0xFFFF),
    }
}

/// Reads a header of version 2: 16 bytes with a length at the end, and a block of this length.
fn v2(stream: &[u8]) -> Option<Header> {
    let rest = stream.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let [command, family, high, low, block @ ..] = rest else { return None };
    let length = usize::from(*high) * 256 + usize::from(*low);
    let block = block.get(..length).filter(|_| 16 + length <= MOST_V2)?;
    let client = match (command, family) {
        (0x20, _) | (0x21, 0x00) => None,
        (0x21, 0x11 | 0x12) if length >= 12 => Some(<[u8; 4]>::try_from(&block[..4]).ok()?.into()),
        (0x21, 0x21 | 0x22) if length >= 36 => Some(<[u8; 16]>::try_from(&block[..16]).ok()?.into()),
        (0x21, 0x31 | 0x32) if length >= 216 => None,
        _ => return None,
    };
    Some(Header { client, length: 16 + length })
}

/// Reads four decimal numbers with dots between.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let has_zeros = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    let octets = text.split('.').map(|digits| number(digits, 10, 3, 0xFF).filter(|_| !has_zeros(digits)));
    let octets: Vec<u8> = octets.map(|octet| octet.map(|octet| octet as u8)).collect::<Option<_>>()?;
    Some(<[u8; 4]>::try_from(octets).ok()?.into())
}

/// Reads eight hexadecimal numbers with colons between. `::` stands for one or more zeros, once. The last two may be an IPv4 address.
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    let groups = match text.split_once("::") {
        None => groups(text, true)?,
        Some((left, right)) => {
            let (mut left, right) = (groups(left, false)?, groups(right, true)?);
            let missing = 8usize.checked_sub(left.len() + right.len()).filter(|missing| *missing > 0)?;
            left.resize(left.len() + missing, 0);
            [left, right].concat()
        }
    };
    Some(<[u16; 8]>::try_from(groups).ok()?.into())
}

fn groups(text: &str, may_end_with_ipv4: bool) -> Option<Vec<u16>> {
    let mut groups = Vec::new();
    let mut words = text.split(':').filter(|_| !text.is_empty()).peekable();
    while let Some(word) = words.next() {
        match ipv4(word) {
            Some(address) if may_end_with_ipv4 && words.peek().is_none() => {
                let [a, b, c, d] = address.octets();
                groups.extend([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
            }
            _ => groups.push(number(word, 16, 4, 0xFFFF)? as u16),
        }
    }
    Some(groups)
}

/// Returns the value of 1 to `longest` digits. It is at most `most`.
fn number(digits: &str, radix: u32, longest: usize, most: u32) -> Option<u32> {
    if digits.is_empty() || digits.len() > longest {
        return None;
    }
    let value = digits.chars().try_fold(0, |value, digit| Some(value * radix + digit.to_digit(radix)?))?;
    (value <= most).then_some(value)
}
