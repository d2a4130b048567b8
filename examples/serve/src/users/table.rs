//! The users at one moment.

use crate::nobody::Nobody;
use crate::prepare::form;
use crate::scram::Verifier;
use pop3_proto_maildir::Maildir;
use std::collections::HashMap;

pub(super) struct User {
    pub(super) verifier: Verifier,
    pub(super) maildir: Maildir,
}

/// All users.
pub(super) struct Table {
    by_name: HashMap<Vec<u8>, User>,
    /// Maps a prepared name to the one name that is prepared to it, or to `None` if there are several.
    by_form: HashMap<Vec<u8>, Option<Vec<u8>>>,
    nobody: Nobody,
}

impl Table {
    pub(super) fn new(by_name: HashMap<Vec<u8>, User>, secret: &[u8]) -> Self {
        let mut by_form = HashMap::new();
        for name in by_name.keys() {
            let others = by_form.entry(form(name).into_owned());
            others.and_modify(|other| *other = None).or_insert_with(|| Some(name.clone()));
        }
        let nobody = Nobody::new(secret, by_name.values().map(|user| user.verifier.shape()));
        Table { by_name, by_form, nobody }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Finds a user by the typed name, else by the prepared name. Looks up both for every name, so all names take the same time.
    /// Returns the user's own name too.
    pub(super) fn find(&self, name: &[u8]) -> Option<(&[u8], &User)> {
        let exact = self.by_name.get_key_value(name);
        let similar = self.by_form.get(&*form(name));
        let similar = similar.and_then(|name| self.by_name.get_key_value(name.as_deref()?));
        exact.or(similar).map(|(name, user)| (&name[..], user))
    }

    /// Returns the user's own name and verifier. For an unknown name, returns that name, and a verifier that looks the same and takes the same
    /// time.
    pub(super) fn verifier<'n>(&'n self, name: &'n [u8]) -> (&'n [u8], Verifier) {
        let nobody = self.nobody.verifier(name); // made for every name, so all take the same time
        self.find(name).map_or((name, nobody), |(own, user)| (own, user.verifier.clone()))
    }
}
