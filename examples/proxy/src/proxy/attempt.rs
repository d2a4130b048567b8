//! The login behind: what the client machine is for.

use super::{INBOX, Link, REFUSAL_DELAY, Wire};
use crate::table::Table;
use pop3_proto::client::{self, Event};
use pop3_proto::server::{Login, Refusal};
use pop3_proto::{
    Client, Command, Limits, ResponseCode, Secret, SendBuf, Server, StatusText, Text, TlsPolicy, Verb,
};
use std::convert::Infallible;
use std::time::Duration;

/// How the back end is spoken to: in cleartext, on loopback. AUTH is not used, whose long lines would want a larger recv.
const BEHIND: client::ClientConfig =
    client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(512));
const _: () = assert!(BEHIND.min_recv_buf() <= INBOX);

/// A login behind, for the question that waits in front.
pub(super) struct Attempt {
    pub(super) login: Login,
    pub(super) address: String,
    client: Client,
    name: Vec<u8>,
    /// Kept until the back end wants it, which may not even be connected, and no longer.
    password: Vec<u8>,
    /// The table has this name.
    known: bool,
    pub(super) refused: Option<Refused>,
    /// When `tick` first saw it.
    since: Option<Duration>,
    /// A wrong password may be answered now.
    waited: bool,
}

/// Why the login is refused in front.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// By the proxy itself.
    Here(Refusal),
    /// By the back end, with this response code or with none.
    Behind(Option<Vec<u8>>),
}

impl Refused {
    /// By the back end, in answer to the login.
    fn behind(status: StatusText<'_>) -> Self {
        Refused::Behind(status.code().map(|code| code.as_bytes().to_vec()))
    }

    /// Whether the credentials may be wrong, as far as the code tells.
    fn may_be_a_guess(&self) -> bool {
        match self {
            Refused::Here(refusal) => *refusal == Refusal::Credentials,
            Refused::Behind(None) => true,
            Refused::Behind(Some(code)) => matches!(
                ResponseCode::new(code),
                Ok(ResponseCode::Auth | ResponseCode::Utf8 | ResponseCode::Other(_)) | Err(_)
            ),
        }
    }

    /// Tells the client in front; whether that was possible. Without a code of the back end the client gets none either.
    pub(super) fn tell(
        &self,
        server: &mut Server<Infallible>,
        login: Login,
        send: &mut SendBuf<Vec<u8>>,
    ) -> bool {
        let code = match self {
            Refused::Here(refusal) => return server.refuse(login, *refusal).is_ok(),
            Refused::Behind(code) => code.as_deref().and_then(|code| ResponseCode::new(code).ok()),
        };
        let login = match code {
            None => login,
            Some(code) => match server.refuse_with_code(login, code, send) {
                Ok(()) => return true,
                Err(unanswered) => unanswered.token, // the line would be too long
            },
        };
        server.refuse(login, Refusal::NotAllowed).is_ok()
    }
}

impl Attempt {
    /// A login at the user's back end. For a name that the table does not have it is a login that fails, at the back end that most users
    /// have: code, words and time are then the same as for a wrong password.
    pub(super) fn new(login: Login, table: &Table, name: &[u8], password: Secret<'_>) -> Self {
        let own = table.backend(name);
        let address = own.or(table.usual_backend());
        Attempt {
            login,
            address: address.unwrap_or_default().into(),
            client: Client::new(BEHIND, 1),
            name: name.to_vec(),
            password: match own {
                Some(_) => password.expose().to_vec(),
                None => table.wrong_password(name).into(),
            },
            known: own.is_some(),
            refused: address.is_none().then_some(Refused::Here(Refusal::Credentials)),
            since: None,
            waited: false,
        }
    }

    /// Reads what the back end says, and answers it; whether the login succeeded. It reads not an octet after that.
    pub(super) fn talk(&mut self, back: &mut Wire, table: &Table) -> bool {
        loop {
            let command = match back.recv.with(|input| self.client.poll(input)) {
                Ok(None) => return false,
                Ok(Some(Event::Greeting(_))) => Text::new(&self.name).map(Command::User),
                Ok(Some(Event::Ok(ticket, _))) if ticket.verb == Verb::User => {
                    Secret::new(&self.password).map(Command::Pass)
                }
                Ok(Some(Event::Ok(..))) if self.known => return true,
                // It takes any password. No mail of anybody is meant.
                Ok(Some(Event::Ok(..))) => return self.refuse(Refused::Here(Refusal::Credentials)),
                Ok(Some(Event::Refused(ticket, status))) => {
                    let refused = self.refused_behind(ticket.verb, status, table);
                    return self.refuse(refused);
                }
                // It said this before it heard of a name: without a code, the trouble is the back end.
                Ok(Some(Event::NoService(status))) => {
                    return self.refuse(match status.code() {
                        Some(_) => Refused::behind(status),
                        None => Refused::Here(Refusal::Temporary),
                    });
                }
                // It speaks something else, has gone, or is silent.
                Ok(Some(_)) | Err(_) => return self.refuse(Refused::Here(Refusal::Temporary)),
            };
            let sent = command.is_ok_and(|command| self.client.send(&command, &mut back.send).is_ok());
            if !sent {
                // A name that no back end of this kind can be told.
                return self.refuse(Refused::Here(Refusal::Permanent));
            }
        }
    }

    /// What the client hears of a back end's refusal. A back end that refuses names has told a name from a password: for a name that is not
    /// in the table, the client hears what it would hear of a wrong password.
    fn refused_behind(&self, verb: Verb, status: StatusText<'_>, table: &Table) -> Refused {
        if !self.known && verb == Verb::User {
            return Refused::Behind(table.usual_code());
        }
        let refused = Refused::behind(status);
        if self.known && verb == Verb::Pass && refused.may_be_a_guess() {
            table.refused(&self.address, status.code().map(|code| code.as_bytes()));
        }
        refused
    }

    fn refuse(&mut self, refused: Refused) -> bool {
        self.refused = Some(refused);
        false
    }

    /// Whether it is refused, and the client may hear of it now.
    pub(super) fn may_refuse(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| !refused.may_be_a_guess() || self.waited)
    }

    pub(super) fn tick(&mut self, now: Duration, link: Link) -> Option<Duration> {
        let until = self.since.get_or_insert(now).saturating_add(REFUSAL_DELAY);
        self.waited = now >= until;
        match self.refused {
            Some(_) => Some(until),
            // That its timer ran out is what the client says at the next poll.
            None if link == Link::Up => self.client.tick(now).unwrap_or(Some(now)),
            None => None, // the time for connecting is the driver's
        }
    }
}
