//! Status lines and rows, as a client reads them, for each pending command.

use crate::command::one_line;
use crate::naive;
use crate::wire::encoded;
use pop3_proto::{
    Capability, Decoded, DropListing, LanguageListing, Limits, MessageNumber, Response, ScanListing,
    UniqueId, UniqueIdListing, Verb,
};

/// Runs on an input whose first byte chooses the pending command. The rest are the bytes of a server.
pub fn run(data: &[u8]) {
    let Some((pick, data)) = data.split_first() else { return };
    let verb = Verb::ALL.get(usize::from(*pick) % (Verb::ALL.len() + 1)).copied();
    status_lines(data, verb);
    for line in data.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        rows(line);
        if let Ok(capability) = Capability::parse(line) {
            capability_there_and_back(&capability);
        }
    }
}

fn status_lines(data: &[u8], verb: Option<Verb>) {
    let limits = Limits::DEFAULT;
    let limit = if verb == Some(Verb::Auth) { 12_288 } else { 512 };
    let mut rest = data;
    loop {
        let line_feed = rest.iter().position(|octet| *octet == b'\n');
        let decoded = Response::decode(rest, verb, &limits);
        let consumed = match decoded {
            Decoded::Complete { consumed, value } => {
                response_there_and_back(&value, verb);
                for cut in 0..consumed {
                    assert_eq!(Response::decode(&rest[..cut], verb, &limits), Decoded::Incomplete);
                }
                consumed
            }
            Decoded::Malformed { consumed, .. } => consumed,
            Decoded::Incomplete => {
                assert!(line_feed.is_none() && rest.len() < limit);
                break;
            }
            Decoded::TooLong { limit: over } => {
                assert!(over == limit && line_feed.map_or(rest.len(), |at| at + 1) >= limit);
                break;
            }
        };
        assert_eq!(Some(consumed), line_feed.map(|at| at + 1));
        assert!(consumed <= limit);
        rest = &rest[consumed..];
    }
}

/// Compares listings with words and decimal digits.
fn rows(line: &[u8]) {
    let words = naive::words(line);
    let leading = line.first().is_some_and(|octet| matches!(octet, b' ' | b'\t'));
    let number =
        |at: usize, most| words.get(at).filter(|_| !leading).and_then(|word| naive::decimal(word, most));
    let count = number(0, u32::MAX.into()).map(|count| count as u32);
    let message = count.and_then(|count| MessageNumber::new(count).ok());
    let octets = number(1, u64::MAX);

    // A byte that ends lines elsewhere may make a row invalid, but never changes its value.
    let clean = !line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
    let drop_listing = count.zip(octets).map(|(count, octets)| DropListing { count, octets });
    let parsed = DropListing::parse(line).ok();
    assert!(parsed == drop_listing || (parsed.is_none() && !clean), "{}", line.escape_ascii());
    let scan_listing = message.zip(octets).map(|(message, octets)| ScanListing { message, octets });
    let parsed = ScanListing::parse(line).ok();
    assert!(parsed == scan_listing || (parsed.is_none() && !clean), "{}", line.escape_ascii());
    let id = words.get(1).filter(|_| words.len() == 2).and_then(|word| UniqueId::new(word).ok());
    let listing = UniqueIdListing::parse(line);
    if let Some((message, id)) = message.zip(id) {
        assert_eq!(listing, Ok(UniqueIdListing { message, id }));
    } else if let Ok(listing) = listing {
        // White space other than spaces and tabs may be at the end.
        assert!(line.trim_ascii_end().ends_with(listing.id.as_bytes()));
    }
    if let Ok(language) = LanguageListing::parse(line) {
        assert_eq!(words.first(), Some(&language.tag.as_bytes()));
    }
}

/// Checks that one line has the same meaning when it is decoded, and is encoded the same again.
pub(crate) fn response_there_and_back(response: &Response<'_>, verb: Option<Verb>) {
    let wire = encoded(|out| response.encode(out));
    let again = Response::parse(one_line(&wire), verb);
    assert_eq!(again.as_ref(), Ok(response));
    assert_eq!(again.map(|again| encoded(|out| again.encode(out))), Ok(wire));
}

/// Checks that one line has the same meaning when it is decoded, and is encoded the same again.
pub(crate) fn capability_there_and_back(capability: &Capability<'_>) {
    let wire = encoded(|out| capability.encode(out));
    let again = Capability::parse(one_line(&wire));
    assert_eq!(again.as_ref(), Ok(capability));
    assert_eq!(again.map(|again| encoded(|out| again.encode(out))), Ok(wire));
}
