//! Passwords that a session has shown, so that no text of the server repeats one.

/// The last secrets of a session.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Vec<u8>>);

/// How many are kept, and between which lengths. A shorter one is part of too many words.
const MOST: usize = 32;
const SHORTEST: usize = 3;
const LONGEST: usize = 1024;

impl Secrets {
    /// Remembers a secret. A message of SASL has parts and words, each of which may be one.
    pub(crate) fn add(&mut self, secret: &[u8]) {
        let parts = secret.split(|byte| matches!(byte, 0 | 1));
        let words = secret.split(|byte| matches!(byte, 0 | 1 | b' ' | b'=' | b','));
        for part in words.chain(parts).chain([secret]) {
            let part = &part[..part.len().min(LONGEST)];
            if part.len() < SHORTEST || self.0.iter().any(|known| known == part) {
                continue;
            }
            if self.0.len() == MOST {
                self.0.remove(0);
            }
            self.0.push(part.to_vec());
        }
    }

    /// Returns whether a text contains one of them.
    pub(crate) fn are_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|secret| text.windows(secret.len()).any(|window| window == secret))
    }

    /// Forgets a part that is not secret after all: the name next to a password.
    pub(crate) fn forget(&mut self, name: &[u8]) {
        self.0.retain(|secret| secret != name);
    }
}
