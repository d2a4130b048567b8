//! The login behind: what the client machine is for.

use super::{INBOX, Link, REFUSAL_DELAY, Wire, after};
use pop3_proto::client::{self, Event};
use pop3_proto::server::{Login, Refusal};
use pop3_proto::{Client, Command, Limits, Millis, ResponseCode, Secret, StatusText, Text, TlsPolicy, Verb};

/// How the back end is spoken to: in clear, on loopback. AUTH is not used, whose long lines would want a larger recv.
const BEHIND: client::Config =
    client::Config::new(TlsPolicy::Cleartext).limits(Limits::DEFAULT.sasl_line(512));
const _: () = assert!(BEHIND.hold() <= INBOX);

/// A login behind, for the question that waits in front.
pub(super) struct Attempt {
    pub(super) login: Login,
    pub(super) address: String,
    client: Client,
    name: Vec<u8>,
    /// Kept until the back end wants it, which may not even be connected, and no longer.
    password: Vec<u8>,
    pub(super) refused: Option<Refusal>,
    /// When `tick` first saw it.
    since: Option<Millis>,
    /// A wrong password may be answered now.
    waited: bool,
}

impl Attempt {
    pub(super) fn new(login: Login, address: Option<&str>, name: &[u8], password: Secret<'_>) -> Self {
        Attempt {
            login,
            address: address.unwrap_or_default().into(),
            client: Client::new(BEHIND, 1),
            name: name.to_vec(),
            password: password.expose().to_vec(),
            refused: address.is_none().then_some(Refusal::Credentials),
            since: None,
            waited: false,
        }
    }

    /// Reads what the back end says, and answers it; whether the login succeeded. It reads not an octet behind that.
    pub(super) fn talk(&mut self, back: &mut Wire) -> bool {
        loop {
            let command = match back.recv.with(|input| self.client.poll(input)) {
                Ok(None) => return false,
                Ok(Some(Event::Greeting(_))) => Text::new(&self.name).map(Command::User),
                Ok(Some(Event::Ok(ticket, _))) if ticket.verb == Verb::User => {
                    Secret::new(&self.password).map(Command::Pass)
                }
                Ok(Some(Event::Ok(..))) => return true,
                Ok(Some(Event::Refused(_, status))) => {
                    return self.refuse(refusal(status).unwrap_or(Refusal::Credentials));
                }
                Ok(Some(Event::NoService(status))) => {
                    return self.refuse(refusal(status).unwrap_or(Refusal::Temporary));
                }
                // It speaks something else, has gone, or is silent.
                Ok(Some(_)) | Err(_) => return self.refuse(Refusal::Temporary),
            };
            let sent = command.is_ok_and(|command| self.client.send(&command, &mut back.send).is_ok());
            if !sent {
                return self.refuse(Refusal::Permanent); // a name that no back end of this kind can be told
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> bool {
        self.refused = Some(refusal);
        false
    }

    /// Whether it is refused, and may be told so now.
    pub(super) fn may_refuse(&self) -> bool {
        self.refused.is_some_and(|refusal| refusal != Refusal::Credentials || self.waited)
    }

    pub(super) fn tick(&mut self, now: Millis, link: Link) -> Option<Millis> {
        let until = after(*self.since.get_or_insert(now), REFUSAL_DELAY);
        self.waited = now >= until;
        match self.refused {
            Some(_) => Some(until),
            // That its timer ran out is what the client says at the next poll.
            None if link == Link::Up => self.client.tick(now).unwrap_or(Some(now)),
            None => None, // the time for connecting is the driver's
        }
    }
}

/// What a back end's refusal is in front; `None` where it gives no reason.
fn refusal(status: StatusText<'_>) -> Option<Refusal> {
    match status.code()? {
        ResponseCode::Auth => Some(Refusal::Credentials),
        ResponseCode::InUse => Some(Refusal::InUse),
        ResponseCode::LoginDelay => Some(Refusal::LoginDelay),
        ResponseCode::SysTemp | ResponseCode::Sys => Some(Refusal::Temporary),
        ResponseCode::SysPerm => Some(Refusal::Permanent),
        ResponseCode::Utf8 | ResponseCode::Other(_) => None,
    }
}
