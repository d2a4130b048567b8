//! Handles names and passwords that are typed in different ways: SASLprep (RFC 4013), and the limits of a
//! command.

use super::{COMMAND_LINE, SASL_LINE};
use crate::Result;
use std::borrow::Cow;
use stringprep::saslprep;

/// Returns the text as SASLprep prepares it. Returns `None` if that changes nothing, or if the text cannot be prepared.
///
/// Two keyboards may send different code points for one letter. Once prepared, both are the same.
#[must_use]
pub fn prepared(octets: &[u8]) -> Option<Vec<u8>> {
    let prepared = saslprep(std::str::from_utf8(octets).ok()?).ok()?;
    // A text of invisible characters becomes an empty one, which would be equal to any other of its kind.
    (!prepared.is_empty() && prepared.as_bytes() != octets).then(|| prepared.into_owned().into_bytes())
}

/// Returns the form of a name by which a store finds a user: prepared, or unchanged if that is not possible. Two names of one form are the same
/// name, typed in two ways.
#[must_use]
pub fn form(name: &[u8]) -> Cow<'_, [u8]> {
    prepared(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// Checks that a client can log in with this password: PASS or AUTH PLAIN must be able to carry it. APOP and SCRAM send no password, but
/// not every mail program has them.
///
/// # Errors
/// Returns an error that names the user, never the password, if no command can carry the password.
pub fn check(name: &str, password: &str) -> Result<()> {
    if password.is_empty() {
        return Err(format!("the password of {name:?} is empty").into());
    }
    if password.contains(['\r', '\n', '\0']) {
        return Err(
            format!("the password of {name:?} has a line end or NUL, which no command can carry").into()
        );
    }
    match (fits_pass(name, password), fits_plain(name, password)) {
        (true, _) => Ok(()),
        (false, true) => {
            tracing::warn!(name, "USER and PASS cannot carry this user's name and password: only AUTH can");
            Ok(())
        }
        (false, false) => {
            let most = usize::from(SASL_LINE - 2) / 4 * 3 - 2;
            Err(format!(
                "the password of {name:?} is too long for PASS and for AUTH PLAIN: \
                 name and password may have {most} bytes together"
            )
            .into())
        }
    }
}

fn fits_pass(name: &str, password: &str) -> bool {
    let most = usize::from(COMMAND_LINE) - "PASS \r\n".len();
    name.len() <= most && password.len() <= most
}

/// Returns whether an exchange can carry the message with an empty authorization identity. The message may be
/// on a separate line.
fn fits_plain(name: &str, password: &str) -> bool {
    let message = name.len() + password.len() + 2;
    message.div_ceil(3) * 4 + "\r\n".len() <= usize::from(SASL_LINE)
}
