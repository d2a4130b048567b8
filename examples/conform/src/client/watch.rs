//! What is wrong with a single command.

use super::serve::{Exchange, Session};

/// Returns whether the line responds to a challenge of AUTH.
fn is_response(session: &Session, index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| session.exchanges.get(before));
    before.is_some_and(|before| before.answer.starts_with(b"+ "))
}

/// The text of a command for a reason: no password.
fn shown(exchange: &Exchange) -> String {
    let verb = exchange.verb();
    if super::judge::shows_password(exchange) {
        verb
    } else {
        exchange.text().escape_debug().take(60).collect()
    }
}

pub(super) fn crlf(_: &Session, _: usize, exchange: &Exchange) -> Option<String> {
    let text = exchange.line.strip_suffix(b"\r\n");
    let is_right = text.is_some_and(|text| !text.contains(&b'\r'));
    (!is_right).then(|| format!("{}: this line does not end in CR LF, or has another CR", shown(exchange)))
}

pub(super) fn keyword(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let verb = exchange.verb();
    let is_right = (3..=4).contains(&verb.len()) && verb.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!is_right && !is_response(session, index)).then(|| format!("{}: not a keyword of POP3", shown(exchange)))
}

pub(super) fn spaces(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let text = exchange.text();
    // Spaces of a name or a password are their own.
    let is_free = matches!(exchange.verb().as_str(), "USER" | "PASS") || is_response(session, index);
    let is_wrong = text.starts_with(' ') || text.ends_with(' ') || text.contains("  ") || text.contains('\t');
    (is_wrong && !is_free).then(|| format!("{}: spaces where no space may be", shown(exchange)))
}

pub(super) fn ascii(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let line = exchange.line.trim_ascii_end();
    let is_right = line.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let is_free = matches!(exchange.verb().as_str(), "USER" | "PASS") || is_response(session, index);
    (!is_right && !is_free).then(|| format!("{}: not printable ASCII", shown(exchange)))
}

pub(super) fn length(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let length = exchange.line.len();
    let is_free = is_response(session, index);
    (length > 255 && !is_free).then(|| format!("{}: {length} octets", exchange.verb()))
}

pub(super) fn number(_: &Session, _: usize, exchange: &Exchange) -> Option<String> {
    let text = exchange.text();
    // Surplus spaces are the matter of another scenario.
    let words: Vec<&str> = text.split(' ').skip(1).filter(|word| !word.is_empty()).collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let is_right = match exchange.verb().as_str() {
        "RETR" | "DELE" => words.len() == 1 && words.iter().all(is_number) && exchange.number() != Some(0),
        "TOP" => words.len() == 2 && words.iter().all(is_number),
        "LIST" | "UIDL" => words.len() <= 1 && words.iter().all(is_number),
        _ => true,
    };
    (!is_right).then(|| format!("{}: not a message number", shown(exchange)))
}

/// APOP, and nothing in the greeting is in angle brackets.
pub(super) fn apop(session: &Session, _: usize, exchange: &Exchange) -> Option<String> {
    let has_timestamp = session.greeting.contains(&b'<') && session.greeting.contains(&b'>');
    (exchange.verb() == "APOP" && !has_timestamp)
        .then(|| "APOP, and the greeting has no timestamp".to_owned())
}

/// A command that was sent before the response to the one before, without PIPELINING.
pub(super) fn unannounced(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let list = session
        .exchanges
        .iter()
        .take(index)
        .rev()
        .find(|other| other.verb() == "CAPA" && other.is_ok() && other.tls == exchange.tls);
    let announced = list.is_some_and(|list| String::from_utf8_lossy(&list.answer).contains("\nPIPELINING\r"));
    (exchange.early && !announced).then(|| {
        format!("{}: sent before the response to the command before, without PIPELINING", shown(exchange))
    })
}
