//! Prepares text for the terminal: without secrets, and without characters that move the cursor or reverse
//! the text.

use super::Options;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The replacement for a secret.
const HIDDEN: &str = "********";
/// The maximum number of characters that are shown of a text.
const MOST: usize = 1000;

/// Makes texts safe to show. A server may repeat what it received, so its text is searched for the password.
#[derive(Clone)]
#[allow(missing_debug_implementations)] // it holds the password
pub(super) struct Shown {
    /// The forms in which the password may be repeated, the longest first.
    secrets: Vec<String>,
}

impl Shown {
    pub(super) fn new(options: &Options) -> Self {
        let Options { account, password, .. } = options;
        let user = &account.user;
        let plain = [b"\0", user.as_slice(), b"\0", password].concat();
        let xoauth2 = [b"user=", user.as_slice(), b"\x01auth=Bearer ", password, b"\x01\x01"].concat();
        let mut secrets = vec![
            String::from_utf8_lossy(password).into_owned(),
            String::from_utf8_lossy(password).replace('/', "\\/"), // JSON may escape it like this
            password.escape_ascii().to_string(),
            STANDARD.encode(plain),
            STANDARD.encode(xoauth2),
            STANDARD.encode(password),
        ];
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Shown { secrets }
    }

    pub(super) fn text(&self, text: &str) -> String {
        let hidden = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN));
        // Cut last: the beginning of a cut secret would not be found.
        let cut: String = hidden.chars().take(MOST).collect();
        cut.replace(is_unfit, "\u{fffd}")
    }

    /// Does the same for one line of either side, without its line ending.
    pub(super) fn line(&self, line: &[u8]) -> String {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.text(&String::from_utf8_lossy(line))
    }
}

/// Returns whether this is a control character, or one that changes the direction of the text around it.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Account;

    fn shown(password: &[u8], text: &str) -> String {
        let account = Account::parse("pop3://mrose@example.org", None).unwrap();
        Shown::new(&Options::new(account, password.into())).text(text)
    }

    #[test]
    fn a_secret_is_hidden_however_the_server_repeats_it() {
        assert_eq!(shown(b"tanstaaf", "PASSS tanstaaf?"), "PASSS ********?");
        assert_eq!(shown(b"tanstaaf", "what is AG1yb3NlAHRhbnN0YWFm"), "what is ********");
        assert_eq!(shown(b"tanstaaf", "what is dGFuc3RhYWY="), "what is ********");
        assert_eq!(shown(b"ya29/x", r#"{"token":"ya29\/x"}"#), r#"{"token":"********"}"#);
        assert_eq!(shown(b"m\xFC", "m\\xfc, m\u{fffd}"), "********, ********");
        assert_eq!(shown(b"", "no"), "no");
    }

    #[test]
    fn a_long_text_is_cut_and_no_secret_with_it() {
        let text = shown(b"tanstaaf", &("x".repeat(MOST - 4) + "tanstaaf"));
        assert_eq!(text, "x".repeat(MOST - 4) + "****");
    }

    #[test]
    fn a_terminal_is_left_alone() {
        assert_eq!(
            shown(b"x", "\u{1b}[2J\u{9b}m\r\n\u{202e}\u{fc}"),
            "\u{fffd}[2J\u{fffd}m\u{fffd}\u{fffd}\u{fffd}\u{fc}"
        );
    }
}
