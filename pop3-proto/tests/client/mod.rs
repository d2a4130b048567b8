//! The client machine, requirement by requirement.

mod answers;
mod deletions;
mod endings;
mod greeting;
mod line_ends;
mod login;
mod quirks;
mod robust;
mod security;
mod sending;
mod surplus;

use pop3_proto::client::ClientConfig;
use pop3_proto::{Profile, Quirk, Quirks, TlsPolicy};
use pop3_proto_kit::Guest;

const CLEAR: ClientConfig = ClientConfig::new(TlsPolicy::Cleartext);
const STRICT: ClientConfig = CLEAR.with_profile(Profile::Strict);
const PIPED: ClientConfig = CLEAR.assume_pipelining();

const GREETING: &str = "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n";

fn quirks(list: &[Quirk]) -> Quirks {
    list.iter().copied().collect()
}

/// Asserts the events of one answer and the noted quirks. In a strict client, a fault that is not fatal is an odd row.
fn in_both(line: &str, answer: impl AsRef<[u8]>, tolerant: &[&str], noted: &[Quirk], strict: &[&str]) {
    let mut session = Guest::opened(CLEAR);
    assert_eq!(session.ask(line, &answer), tolerant);
    assert_eq!(session.quirks(), quirks(noted));
    let mut session = Guest::opened(STRICT);
    assert_eq!(session.ask(line, &answer), strict);
    let odd = strict.iter().any(|event| event.starts_with("odd"));
    assert_eq!(session.quirks(), quirks(if odd { &[Quirk::MalformedRow] } else { &[] }));
}
