//! The possible actions, and how to execute them.

use super::{Asked, Owed, World};
use pop3_proto::client::{SendError, Ticket};
use pop3_proto::server::Refusal;
use pop3_proto::{Base64, Command, Input, OctetCount, SendBuf, Text};

/// One step of one side, or of the connection between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::explore) enum Action {
    /// Bytes arrive at the server.
    Up(Amount),
    /// Bytes arrive at the client.
    Down(Amount),
    /// The server sees that the client has hung up.
    UpEnds,
    /// The client sees that the server has hung up.
    DownEnds,
    /// The bytes on their way to the server are lost, and the stream ends there.
    CutUp,
    CutDown,
    /// The client's application sends its next command.
    Send,
    /// It answers the challenge.
    Respond,
    CancelSasl,
    /// It agrees with the outcome of AUTH.
    Verify,
    /// Both do the handshake.
    Handshake,
    /// The server's application answers its question.
    Accept,
    Refuse,
    Challenge,
    /// It sends bytes of the open message.
    Body(Amount),
    FinishBody,
    /// It cannot complete the message.
    Abort,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::explore) enum Amount {
    Octet,
    All,
}

impl Amount {
    fn of(self, pending: usize) -> usize {
        if self == Amount::Octet { pending.min(1) } else { pending }
    }
}

impl World<'_> {
    /// Returns the possible actions. `Send` may be too early, and then changes nothing.
    pub(in crate::explore) fn enabled(&self, deep: bool) -> Vec<Action> {
        let mut actions = self.of_applications();
        let (up, down) = (self.up.pending().len(), self.down.pending().len());
        if !self.up_ended && self.server_over.is_none() {
            actions.extend((up > 0).then_some(Action::Up(Amount::All)));
            // After a cut, the order of the remaining bytes is less important for the search.
            actions.extend((up > 1 && (deep || !self.cut)).then_some(Action::Up(Amount::Octet)));
            actions.extend((up == 0 && self.client_hangs_up()).then_some(Action::UpEnds));
            actions.push(Action::CutUp);
        }
        if !self.down_ended && self.client_over.is_none() {
            actions.extend((down > 0).then_some(Action::Down(Amount::All)));
            actions.extend((down > 1 && (deep || !self.cut)).then_some(Action::Down(Amount::Octet)));
            actions.extend((down == 0 && self.server_over.is_some()).then_some(Action::DownEnds));
            actions.push(Action::CutDown);
        }
        actions
    }

    fn of_applications(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        match &self.asked {
            Some(Asked::Login(login)) if login.is_auth() => {
                actions.extend([Action::Accept, Action::Refuse]);
                actions.extend((self.log.challenges < 2).then_some(Action::Challenge));
            }
            Some(Asked::StartTls(_)) => {
                let both = matches!(self.owed, Some(Owed::Handshake(_))) && self.client_over.is_none();
                actions.extend(both.then_some(Action::Handshake));
                actions.extend(self.up_ended.then_some(Action::Abort));
            }
            Some(_) => actions.extend([Action::Accept, Action::Refuse]),
            None => {}
        }
        if let (Some((message, at)), None) = (self.body, self.server_over) {
            match self.scenario.app.text(message.index()).len() - at {
                0 => actions.push(Action::FinishBody),
                1 => actions.push(Action::Body(Amount::All)),
                _ => actions.extend([Action::Body(Amount::All), Action::Body(Amount::Octet)]),
            }
            actions.push(Action::Abort);
        }
        if self.client_over.is_none() {
            match &self.owed {
                Some(Owed::Response(_)) => actions.extend([Action::Respond, Action::CancelSasl]),
                Some(Owed::Verdict(_)) => actions.push(Action::Verify),
                Some(Owed::Handshake(_)) => {}
                None if self.log.greeted && self.next < self.scenario.commands.len() => {
                    actions.push(Action::Send);
                }
                None => {}
            }
        }
        actions
    }

    /// Returns whether the session is over for the client, or nothing is left to send or to receive.
    fn client_hangs_up(&self) -> bool {
        let done = self.next == self.scenario.commands.len() && self.owed.is_none();
        self.client_over.is_some() || (self.log.greeted && done && self.client.is_idle())
    }

    /// Does one step of a session without failures, and returns whether there was a step.
    pub(in crate::explore) fn go_on(&mut self) -> bool {
        let bad = |action: &Action| match action {
            Action::CutUp | Action::CutDown | Action::Refuse | Action::CancelSasl => true,
            // Abort only a handshake that the client does not answer; a message can be sent.
            Action::Abort => self.body.is_some(),
            _ => false,
        };
        let challenge = self.log.challenges == 0 && self.scenario.opening == 0;
        let actions = self.enabled(false);
        let mut good: Vec<Action> = actions.into_iter().filter(|action| !bad(action)).collect();
        good.sort_by_key(|action| match action {
            Action::Challenge => !challenge,
            _ => false,
        });
        good.into_iter().any(|action| self.act(action))
    }

    /// Executes this action, and returns whether it changed anything.
    pub(in crate::explore) fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Up(amount) => carry(&mut self.up, &mut self.server_unread, amount),
            Action::Down(amount) => {
                let before = self.client_unread.len();
                carry(&mut self.down, &mut self.client_unread, amount);
                self.heard.extend_from_slice(&self.client_unread[before..]);
            }
            Action::UpEnds => self.up_ended = true,
            Action::DownEnds => self.down_ended = true,
            Action::CutUp => (self.up_ended, self.cut) = (true, true),
            Action::CutDown => (self.down_ended, self.cut) = (true, true),
            Action::Send => {
                if !self.send() {
                    return false;
                }
            }
            Action::Respond | Action::CancelSasl | Action::Verify | Action::Handshake => self.pay(action),
            Action::Accept | Action::Refuse | Action::Challenge => self.answer(action),
            Action::Body(amount) => {
                let (message, at) = self.body.unwrap();
                let rest = &self.scenario.app.text(message.index())[at..];
                let taken = self.server.write_body(&rest[..amount.of(rest.len())], &mut self.down).unwrap();
                self.body = Some((message, at + taken));
                if taken == 0 {
                    return false;
                }
            }
            Action::FinishBody => {
                self.body = None;
                self.server.finish_body().unwrap();
            }
            Action::Abort => {
                self.asked = None;
                self.server.close();
            }
        }
        self.settle();
        true
    }

    /// Returns whether the command is sent, or can never be sent.
    fn send(&mut self) -> bool {
        match self.offer(self.scenario.commands[self.next]) {
            Err(SendError::BufferFull(_)) => return false,
            Err(error) if error.is_retryable() => return false,
            _ => self.next += 1,
        }
        true
    }

    /// Sends this line if the client accepts it.
    pub(in crate::explore) fn offer(&mut self, line: &str) -> Result<Ticket, SendError> {
        let ticket = self.client.send(&Command::parse(line.as_bytes()).unwrap(), &mut self.up)?;
        self.log.sent.push(ticket);
        Ok(ticket)
    }

    fn pay(&mut self, action: Action) {
        match (self.owed.take().unwrap(), action) {
            (Owed::Response(step), Action::Respond) => {
                self.client.respond(step, Base64::from_static("AG1y"), &mut self.up).unwrap();
            }
            (Owed::Response(step), _) => self.client.cancel(step, &mut self.up).unwrap(),
            (Owed::Verdict(done), _) => self.client.verified(done).unwrap(),
            (Owed::Handshake(start), _) => {
                assert!(self.down.pending().is_empty() && self.up.pending().is_empty());
                self.client.tls_started(start, Input::more(&self.client_unread)).unwrap();
                let Some(Asked::StartTls(start)) = self.asked.take() else {
                    panic!("no handshake is expected")
                };
                self.server.tls_started(start, Input::more(&self.server_unread)).unwrap();
            }
        }
    }

    fn answer(&mut self, action: Action) {
        let accept = action == Action::Accept;
        let server = &mut self.server;
        match self.asked.take().unwrap() {
            Asked::Greet(greet) if accept => {
                server.greet(greet, Text::from_static("hi"), &mut self.down).unwrap();
            }
            Asked::Greet(greet) => server.refuse(greet, Refusal::Temporary).unwrap(),
            Asked::User(user) if accept => server.accept_name(user).unwrap(),
            Asked::User(user) => server.refuse(user, Refusal::NotAllowed).unwrap(),
            Asked::Login(login) if accept => {
                server.accept(login, self.scenario.app.maildrop()).unwrap();
                self.opened_at = Some(self.read.len());
            }
            Asked::Login(login) if action == Action::Challenge => {
                server.challenge(login, Base64::from_static("Y2g="), &mut self.down).unwrap();
            }
            Asked::Login(login) => server.refuse(login, Refusal::Credentials).unwrap(),
            Asked::Fetch(fetch) if accept => {
                self.body = Some((fetch.message(), 0));
                let octets = OctetCount::of(self.scenario.app.text(fetch.message().index()));
                server.send_body_of(fetch, octets).unwrap();
            }
            Asked::Fetch(fetch) => server.refuse(fetch, Refusal::Temporary).unwrap(),
            // A store that fails removes only the first marked message.
            Asked::Commit(commit) => {
                let infos = server.maildrop().unwrap();
                let marked = (1..).zip(infos).filter(|(_, info)| info.is_marked()).map(|(number, _)| number);
                self.removed = marked.take(if accept { usize::MAX } else { 1 }).collect();
                self.committed = Some(accept);
                match accept {
                    true => server.removed(commit).unwrap(),
                    false => server.not_removed(commit, Refusal::NoSuchMessage).unwrap(),
                }
            }
            Asked::StartTls(_) => panic!("not a question"),
        }
    }
}

fn carry(from: &mut SendBuf<Vec<u8>>, to: &mut Vec<u8>, amount: Amount) {
    let count = amount.of(from.pending().len());
    to.extend_from_slice(&from.pending()[..count]);
    from.sent(count);
}
