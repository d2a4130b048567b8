//! A server of a site: the users and their mail, as `serve` asks for them.

use crate::Result;
use crate::database::{Accounts, Database};
use crate::keeper::Keeper;
use crate::mailbox::Mailbox;
use crate::objects::Objects;
use crate::operations::Maildrop;
use crate::site::Site;
use pop3_proto::server::Refusal;
use pop3_proto_serve::nobody::Nobody;
use pop3_proto_serve::passwords::Remembered;
use pop3_proto_serve::prepare;
use pop3_proto_serve::scram::Verifier;
use pop3_proto_serve::{self as serve, Store};
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::runtime::Handle;

/// What the sessions of one server share. It has no state that another server needs.
pub struct Node {
    pub site: Site<Database, Objects>,
    pub keeper: Keeper,
    passwords: Remembered,
}

/// The store of a node: `serve` calls it on threads that may block.
pub struct Users(pub Arc<Node>);

/// A user who may log in, or the substitute for an unknown name.
struct User {
    verifier: Verifier,
    /// `None` if nobody can log in with the name.
    maildrop: Option<Maildrop>,
}

impl Node {
    /// Returns a node of a site.
    ///
    /// # Errors
    /// Returns an error if the system has no random numbers.
    pub fn new(site: Site<Database, Objects>) -> Result<Arc<Self>> {
        Ok(Arc::new(Node { site, keeper: Keeper::default(), passwords: Remembered::new(Remembered::MOST)? }))
    }

    /// Finds a user. An unknown name takes the same round trip, and looks the same to a client.
    async fn user(&self, name: &[u8]) -> Result<User> {
        let name = stored_name(name);
        let Accounts { account, model } = self.site.rows.account(&name).await?;
        let shape = model.parse::<Verifier>()?.shape();
        let nobody = Nobody::new(model.as_bytes(), [shape]).verifier(name.as_bytes()); // for every name, so all take the same time
        match account {
            Some((verifier, maildrop)) if !verifier.is_empty() => {
                Ok(User { verifier: verifier.parse()?, maildrop: Some(maildrop) })
            }
            _ => Ok(User { verifier: nobody, maildrop: None }),
        }
    }

    /// Opens a user's mail. It is refused if another session has it.
    async fn open(self: &Arc<Self>, user: User) -> Result<Result<Box<dyn serve::Mailbox>, Refusal>> {
        let maildrop = user.maildrop.ok_or("the account was closed during the login")?;
        Ok(match self.site.open(maildrop).await? {
            None => Err(Refusal::InUse),
            Some((lease, listing)) => {
                let held = self.keeper.hold(lease);
                Ok(Box::new(Mailbox::new(Arc::clone(self), listing, held)))
            }
        })
    }
}

/// Returns the form of a name in the database: prepared by SASLprep, so every way to type a name finds it. A name that is not text becomes
/// the empty name, which no account has.
#[must_use]
pub fn stored_name(name: &[u8]) -> String {
    // PostgreSQL has no NUL in its texts.
    String::from_utf8(prepare::form(name).into_owned())
        .ok()
        .filter(|name| !name.contains('\0'))
        .unwrap_or_default()
}

/// Waits on a thread that may block.
fn wait_for<T>(future: impl Future<Output = Result<T>>) -> io::Result<T> {
    Handle::current().block_on(future).map_err(io::Error::other)
}

impl Store for Users {
    fn verifier(&self, name: &[u8]) -> io::Result<Verifier> {
        wait_for(self.0.user(name)).map(|user| user.verifier)
    }

    fn log_in(&self, name: &[u8], password: &[u8]) -> io::Result<Result<Box<dyn serve::Mailbox>, Refusal>> {
        let user = wait_for(self.0.user(name))?;
        match self.0.passwords.is_right(stored_name(name).as_bytes(), &user.verifier, password) {
            true => wait_for(self.0.open(user)),
            false => Ok(Err(Refusal::Credentials)),
        }
    }

    fn open(&self, name: &[u8]) -> io::Result<Result<Box<dyn serve::Mailbox>, Refusal>> {
        wait_for(async { self.0.open(self.0.user(name).await?).await })
    }
}
