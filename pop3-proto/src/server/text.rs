//! Checks whether a text of the application may be sent in a line.

use crate::codec::ResponseCode;
use crate::types::Text;

/// Returns whether a text is UTF-8 without control characters. RFC 6856 section 3 allows a server to send it, and a terminal can show it.
pub(super) fn is_printable(text: Text<'_>) -> bool {
    let is_ascii = text.as_bytes().iter().all(|byte| matches!(*byte, b' '..=b'~'));
    let is_control = |character| matches!(character, '\0'..='\x1f' | '\x7f'..='\u{9f}');
    is_ascii || text.to_str().is_some_and(|text| !text.chars().any(is_control))
}

/// Returns whether a client could mistake the start of a text for a response code. Some clients skip spaces before it.
pub(super) fn begins_as_code(text: Text<'_>) -> bool {
    text.as_bytes().iter().find(|byte| **byte != b' ') == Some(&b'[')
}

/// Returns whether a text may follow `+OK `. It is printable, and if it begins with a bracket, it begins with a response code, then a space
/// or nothing (RFC 2449 section 8).
pub(super) fn is_status(text: Text<'_>) -> bool {
    is_printable(text) && (!begins_as_code(text) || begins_with_code(text.as_bytes()))
}

fn begins_with_code(text: &[u8]) -> bool {
    let Some(inside) = text.strip_prefix(b"[") else { return false };
    let Some(end) = inside.iter().position(|byte| *byte == b']') else { return false };
    let Some((code, after)) = inside.split_at_checked(end) else { return false };
    ResponseCode::new(code).is_ok() && matches!(after, [b']'] | [b']', b' ', ..])
}
