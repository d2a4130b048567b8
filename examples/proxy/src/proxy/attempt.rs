//! The login at the back end.

use super::{Front, Link, REFUSAL_DELAY, ROOM, Recv, room};
use crate::table::Table;
use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::server::{self, Login, Refusal};
use pop3_proto::{
    ClientConnection, Command, Limits, ResponseCode, Secret, StatusText, Text, TlsPolicy, Verb,
};
use std::time::Duration;

/// The back end is reached in cleartext, on loopback. AUTH is not used, because its long lines would need a larger
/// buffer.
const BEHIND: ClientConfig =
    ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(512));
const _: () = assert!(BEHIND.min_recv_buf() <= ROOM);

/// The connection to the back end.
pub(super) type Back = ClientConnection<Recv, Vec<u8>>;

/// Returns a connection for the next login.
pub(super) fn back() -> Back {
    ClientConnection::with_buffers(BEHIND, 1, room(), Vec::new()).expect("the lines fit: asserted above")
}

/// A login at the back end, for the open question in front.
pub(super) struct Attempt {
    pub(super) login: Login,
    pub(super) address: String,
    name: Vec<u8>,
    /// The password is kept only until the back end asks for it. The back end may not even be connected yet.
    password: Vec<u8>,
    /// Whether the table has this name.
    known: bool,
    pub(super) refused: Option<Refused>,
    /// When `tick` first saw it.
    since: Option<Duration>,
    /// Whether a wrong password may be answered now.
    waited: bool,
}

/// The reason why the login is refused in front.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// The proxy itself refused.
    Here(Refusal),
    /// The back end refused, with this response code or with none.
    Behind(Option<Vec<u8>>),
}

impl Refused {
    /// Returns the refusal that the back end sent in answer to the login.
    fn behind(status: StatusText<'_>) -> Self {
        Refused::Behind(status.code().map(|code| code.as_bytes().to_vec()))
    }

    /// Returns whether the credentials may be wrong, as far as the code shows.
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

    /// Refuses the login in front. Returns whether that was possible. If the back end sent no code, the client gets none either.
    pub(super) fn tell(&self, front: &mut Front, login: Login) -> bool {
        let code = match self {
            Refused::Here(refusal) => return front.responder().refuse(login, *refusal).is_ok(),
            Refused::Behind(code) => code.as_deref().and_then(|code| ResponseCode::new(code).ok()),
        };
        let Some(code) = code else { return front.responder().refuse(login, Refusal::NotAllowed).is_ok() };
        if front.responder().refuse_with_code(login, code).is_ok() {
            return true;
        }
        // The line would be too long. The question is still open, so the connection asks it again.
        match front.poll() {
            Ok(Some((server::Event::Login(login, _), mut responder))) => {
                responder.refuse(login, Refusal::NotAllowed).is_ok()
            }
            _ => false,
        }
    }
}

impl Attempt {
    /// Returns a login at the user's back end. If the table does not have the name, the login fails at the usual back end (the one with
    /// most users), so the code, the text and the time are the same as for a wrong password.
    pub(super) fn new(login: Login, table: &Table, name: &[u8], password: Secret<'_>) -> Self {
        let own = table.backend(name);
        let address = own.or(table.usual_backend());
        Attempt {
            login,
            address: address.unwrap_or_default().into(),
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

    /// Reads the responses of the back end, and sends the next commands. Returns whether the login succeeded. It reads nothing after a
    /// successful login.
    pub(super) fn talk(&mut self, back: &mut Back, table: &Table) -> bool {
        loop {
            let (event, mut sender) = match back.poll() {
                Ok(Some(polled)) => polled,
                Ok(None) => return false,
                // It speaks another protocol, has closed, or is silent.
                Err(_) => return self.refuse(Refused::Here(Refusal::Temporary)),
            };
            let command = match event {
                Event::Greeting(_) => Text::new(&self.name).map(Command::User),
                Event::Ok(ticket, _) if ticket.verb == Verb::User => {
                    Secret::new(&self.password).map(Command::Pass)
                }
                Event::Ok(..) if self.known => return true,
                // It accepts any password, so do not relay this login to any mail.
                Event::Ok(..) => return self.refuse(Refused::Here(Refusal::Credentials)),
                Event::Refused(ticket, status) => {
                    let refused = self.refused_behind(ticket.verb, status, table);
                    return self.refuse(refused);
                }
                // It does not know the name yet, so a refusal without a code is a problem of the back end.
                Event::NoService(status) => {
                    return self.refuse(match status.code() {
                        Some(_) => Refused::behind(status),
                        None => Refused::Here(Refusal::Temporary),
                    });
                }
                _ => return self.refuse(Refused::Here(Refusal::Temporary)),
            };
            if !command.is_ok_and(|command| sender.send(command).is_ok()) {
                // A name that cannot be sent to a back end of this kind.
                return self.refuse(Refused::Here(Refusal::Permanent));
            }
        }
    }

    /// Returns the refusal for the client. A back end that refuses names reveals that the name is wrong, not the password. If the table
    /// does not have a name, the client therefore gets the refusal of a wrong password.
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

    /// Returns whether the login is refused and the client may learn it now.
    pub(super) fn may_refuse(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| !refused.may_be_a_guess() || self.waited)
    }

    pub(super) fn tick(&mut self, now: Duration, link: Link, back: &mut Back) -> Option<Duration> {
        let until = self.since.get_or_insert(now).saturating_add(REFUSAL_DELAY);
        self.waited = now >= until;
        match self.refused {
            Some(_) => Some(until),
            // If a timer ran out, the next poll returns that.
            None if link == Link::Up => back.tick(now).unwrap_or(Some(now)),
            None => None, // the driver limits the time for connecting
        }
    }
}
