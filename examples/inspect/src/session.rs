//! A POP3 session: bytes of both sides in, records out.

use crate::message::Message;
use crate::options::Options;
use crate::output::{Output, Who};
use crate::record::{Anomaly, Pop3, Request, Response};
use crate::secrets::Secrets;
use crate::stream::Chunk;
use crate::text;
use crate::time::Time;
use pop3_proto::client::Event;
use pop3_proto::tap::{Ambiguity, Cause, Monitor, Outcome, Report, Seen, Side, Span, Transaction};
use pop3_proto::{Capability, Command, Input, ResponseCode, StatusText, Verb};
use std::collections::VecDeque;

/// How a session is picked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// From its first byte.
    Beginning,
    /// From the middle.
    Middle,
    /// The server is never seen.
    ClientOnly,
}

pub(crate) struct Session {
    pub(crate) who: Who,
    monitor: Monitor,
    /// What the monitor has left unread, of the client and of the server.
    unread: [Vec<u8>; 2],
    state: State,
}

/// What records need to know.
struct State {
    who: Who,
    /// The most bytes of a name or a text.
    text_bytes: usize,
    /// Commands whose transactions are open, by their numbers.
    requests: VecDeque<(u64, Request)>,
    answer: Option<Answer>,
    user: Option<String>,
    message: Option<Message>,
    secrets: Secrets,
    /// Bytes of the client are missing, and may have been a secret that the server repeats.
    has_unseen: bool,
    /// The last RETR or TOP that was refused or not: its stated size.
    stated: Option<u64>,
    offers_stls: bool,
    warned: Warned,
}

/// What is reported once for a session only.
#[derive(Default)]
struct Warned {
    cleartext: bool,
}

/// The status line of the present response.
struct Answer {
    success: bool,
    code: Option<String>,
    header: Option<String>,
}

impl Session {
    pub(crate) fn new(who: Who, start: Start, options: &Options) -> Self {
        let limits = options.limits;
        let monitor = match start {
            Start::Beginning => Monitor::new(limits),
            Start::Middle => Monitor::joined_late(limits),
            Start::ClientOnly => Monitor::one_sided(limits),
        };
        let mut state = State::new(who, options.text_bytes);
        state.has_unseen = start != Start::Beginning;
        Session { who, monitor, unread: [Vec::new(), Vec::new()], state }
    }

    /// Returns how many bytes it stores.
    pub(crate) fn buffered(&self) -> usize {
        self.unread.iter().map(Vec::len).sum()
    }

    /// Reads the next bytes of one side, or learns that some are missing.
    pub(crate) fn feed(&mut self, side: Side, chunk: &Chunk, now: Time, output: &mut Output<'_>) {
        match chunk {
            Chunk::Bytes(bytes, time) => self.bytes(side, bytes, *time, output),
            Chunk::Missing(bytes) => {
                self.unread[side as usize].clear();
                self.state.has_unseen |= side == Side::Client;
                self.monitor.gap(side, Some(*bytes));
                let anomaly =
                    Anomaly { side: Some(name(side)), bytes: Some(*bytes), ..Anomaly::stream("GAP") };
                output.anomaly(&self.who, now, anomaly);
                self.drain(side, now, output);
            }
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], time: Time, output: &mut Output<'_>) {
        let mut unread = std::mem::take(&mut self.unread[side as usize]);
        // Most packets are read to their end, and need no copy.
        let mut input = if unread.is_empty() {
            Input::more(bytes)
        } else {
            unread.extend_from_slice(bytes);
            Input::more(&unread)
        };
        while let Some(report) = self.monitor.next(side, &mut input) {
            self.state.report(report, &self.monitor, side, time, output);
        }
        self.unread[side as usize] = input.unread().to_vec();
    }

    /// Reads without new bytes: after a gap, and at the end.
    fn drain(&mut self, side: Side, time: Time, output: &mut Output<'_>) {
        let mut input = Input::more(b"");
        while let Some(report) = self.monitor.next(side, &mut input) {
            self.state.report(report, &self.monitor, side, time, output);
        }
    }

    /// Reports what is open when the connection is over.
    pub(crate) fn end(mut self, now: Time, output: &mut Output<'_>) {
        self.monitor.end();
        self.drain(Side::Server, now, output);
        if let Some(message) = self.state.message.take() {
            message.end(&self.who, None, now, output);
        }
    }
}

impl State {
    fn new(who: Who, text_bytes: usize) -> Self {
        State {
            text_bytes,
            who,
            requests: VecDeque::new(),
            answer: None,
            user: None,
            message: None,
            secrets: Secrets::default(),
            has_unseen: false,
            stated: None,
            offers_stls: false,
            warned: Warned::default(),
        }
    }

    fn report(
        &mut self,
        report: Report<'_>,
        monitor: &Monitor,
        side: Side,
        time: Time,
        output: &mut Output<'_>,
    ) {
        match report {
            Report::Seen(seen, place) => {
                self.learn_secrets(&seen, monitor);
                self.text(&seen, output);
                match side {
                    Side::Client => self.client(&seen, place, monitor, time, output),
                    Side::Server => self.server(&seen, time, output),
                }
                self.deviation(&seen, time, output);
            }
            Report::Done(transaction) => self.done(&transaction, time, output),
        }
    }

    /// Remembers what no text of the server may repeat, and the name of the user.
    fn learn_secrets(&mut self, seen: &Seen<'_>, monitor: &Monitor) {
        match seen {
            // They may be secrets in a form that is not known.
            Seen::Unknown(_) | Seen::NotACommand(_) | Seen::LongLine(Side::Client) => self.has_unseen = true,
            Seen::Command(Command::Pass(password)) => self.secrets.add(password.expose()),
            Seen::Command(Command::Apop { digest, .. }) => self.secrets.add(&digest.to_hex()),
            _ => {}
        }
        let base64 = match seen {
            Seen::Command(Command::Auth { initial: Some(base64), .. }) | Seen::Response(base64) => {
                Some(*base64)
            }
            _ => None,
        };
        let mut scratch = vec![0; base64.map_or(0, |base64| base64.as_bytes().len())];
        if let Some(user) = monitor.tap().user_name(seen, &mut scratch) {
            self.user = Some(text::clip(user.as_bytes(), self.text_bytes));
        }
        let Some(base64) = base64 else { return };
        self.secrets.add(base64.as_bytes());
        if let Ok(message) = pop3_proto::sasl::decode(base64, &mut scratch) {
            self.secrets.add(message);
            self.secrets.forget(self.user.as_deref().unwrap_or_default().as_bytes());
        }
    }

    fn client(
        &mut self,
        seen: &Seen<'_>,
        place: Span,
        monitor: &Monitor,
        time: Time,
        output: &mut Output<'_>,
    ) {
        if let Seen::Command(Command::Pass(_) | Command::Auth { .. }) = seen {
            if !std::mem::replace(&mut self.warned.cleartext, true) {
                let event = if self.offers_stls { "LOGIN_WITHOUT_OFFERED_TLS" } else { "LOGIN_WITHOUT_TLS" };
                output.anomaly(&self.who, time, Anomaly::applayer(event));
            }
        }
        let number = monitor.commands();
        if self.requests.back().is_none_or(|(last, _)| *last < number) {
            if let Some(request) = text::request(seen, place, self.text_bytes) {
                self.requests.push_back((number, request));
            }
        }
    }

    fn server(&mut self, seen: &Seen<'_>, time: Time, output: &mut Output<'_>) {
        let event = match seen {
            Seen::Answer(event) => event,
            Seen::Encrypted => return self.answer = Some(Answer { success: true, code: None, header: None }),
            _ => return,
        };
        match event {
            Event::Greeting(greeting) => self.answer(true, &greeting.status, None),
            Event::NoService(status) => self.answer(false, status, None),
            Event::Ok(ticket, status) => self.answer(true, status, Some(ticket.verb)),
            Event::Refused(ticket, status) => self.answer(false, status, Some(ticket.verb)),
            Event::Begin(ticket, status) => {
                self.answer(true, status, Some(ticket.verb));
                if let (Verb::Retr, Some(message)) = (ticket.verb, ticket.message) {
                    self.stated = text::stated(status.text().as_bytes());
                    self.message = Some(Message::new(message.get(), output.store.as_mut()));
                }
            }
            Event::Body(_, octets) => {
                if let Some(message) = &mut self.message {
                    message.write(octets, output.store.as_mut());
                }
            }
            Event::End(ticket, octets) => self.size(ticket.verb, *octets, time, output),
            Event::Capability(_, Capability::Stls) => self.offers_stls = true,
            event if event.completes() => {
                let header = text::values(event).and_then(|header| self.clean(header.as_bytes()));
                self.answer = Some(Answer { success: true, code: None, header });
            }
            _ => {}
        }
    }

    /// Compares the octets of a message with those that the status line states.
    fn size(&mut self, verb: Verb, counted: u64, time: Time, output: &mut Output<'_>) {
        let stated = self.stated.take().filter(|stated| verb == Verb::Retr && *stated != counted);
        if let Some(stated) = stated {
            let anomaly = Anomaly::applayer("SIZE_MISMATCH");
            let anomaly = Anomaly { stated: Some(stated), counted: Some(counted), ..anomaly };
            output.anomaly(&self.who, time, anomaly);
        }
    }

    /// The text of a response to a login is left out: servers repeat what they were given.
    fn answer(&mut self, success: bool, status: &StatusText<'_>, verb: Option<Verb>) {
        let is_login = matches!(verb, Some(Verb::Pass | Verb::Apop | Verb::Auth | Verb::Other));
        let code = status.code().filter(|code| !is_login || !matches!(code, ResponseCode::Other(_)));
        self.answer = Some(Answer {
            success,
            code: code.and_then(|code| self.clean(code.as_bytes())),
            header: self.clean(status.text().as_bytes()).filter(|_| !is_login),
        });
    }

    /// Returns a text of the server, unless it may repeat a secret.
    fn clean(&self, said: &[u8]) -> Option<String> {
        let clean = !self.has_unseen && !self.secrets.are_in(said);
        clean.then(|| text::clip(said, self.text_bytes))
    }

    fn deviation(&self, seen: &Seen<'_>, time: Time, output: &mut Output<'_>) {
        let (event, side) = match seen {
            Seen::OutOfStep(cause) => (lost(*cause), Side::Server),
            Seen::InStep => ("IN_STEP", Side::Client),
            Seen::NotTls(side) => ("PLAINTEXT_AFTER_STLS", *side),
            Seen::Ambiguous(_, Ambiguity::BareLfTerminator) => ("AMBIGUOUS_TERMINATOR", Side::Server),
            Seen::Ambiguous(_, Ambiguity::BareLfStatus) => ("AMBIGUOUS_LINE_END", Side::Server),
            Seen::Ambiguous(_, Ambiguity::Dots) => ("AMBIGUOUS_DOTS", Side::Server),
            Seen::Ambiguous(..) => ("AMBIGUOUS_RESPONSE", Side::Server),
            Seen::LongLine(side) => ("LINE_TOO_LONG", *side),
            Seen::Unknown(_) => ("UNKNOWN_COMMAND", Side::Client),
            Seen::NotACommand(_) => ("INVALID_COMMAND", Side::Client),
            Seen::MalformedChallenge(_) => ("INVALID_CHALLENGE", Side::Server),
            Seen::ProxyHeader(_) => ("PROXY_HEADER", Side::Client),
            _ => return,
        };
        let anomaly = Anomaly { side: Some(name(side)), ..Anomaly::applayer(event) };
        output.anomaly(&self.who, time, anomaly);
    }

    fn done(&mut self, transaction: &Transaction, time: Time, output: &mut Output<'_>) {
        output.totals.transactions += 1;
        let place = self.requests.iter().position(|(number, _)| *number == transaction.number);
        let request = place.and_then(|place| self.requests.remove(place)).map(|(_, request)| request);
        // The answer is the oldest transaction's, which has a response.
        let answer = if transaction.response.is_empty() { None } else { self.answer.take() };
        let mut record = output.record(&self.who, time, "pop3");
        record.tx_id = Some(transaction.number);
        record.pop3 = Some(Pop3 {
            user: self.user.as_deref(),
            request: request.as_ref(),
            response: answer.as_ref().map(|answer| response(answer, transaction)),
            outcome: outcome(transaction.outcome),
            ambiguous: transaction.is_ambiguous,
            guess: transaction.is_guess,
        });
        output.write(&record);
        if transaction.verb == Some(Verb::Retr) && !transaction.response.is_empty() {
            if let Some(message) = self.message.take() {
                message.end(&self.who, Some(transaction), time, output);
            }
        }
    }

    fn text(&self, seen: &Seen<'_>, output: &mut Output<'_>) {
        if output.format == crate::output::Format::Text {
            let Some(line) = text::line(seen) else { return };
            // What the client says is clean already.
            let line = if line.starts_with("C:") { Some(line) } else { self.clean(line.as_bytes()) };
            output.line(&self.who, line.as_deref().unwrap_or("S: ********"));
        }
    }
}

fn response<'a>(answer: &'a Answer, transaction: &Transaction) -> Response<'a> {
    let is = |verbs: &[Verb]| transaction.verb.is_some_and(|verb| verbs.contains(&verb));
    let many = is(&[Verb::Capa, Verb::LangList, Verb::AuthList])
        || is(&[Verb::List, Verb::Uidl]) && transaction.message.is_none();
    Response {
        success: answer.success,
        status: if answer.success { "OK" } else { "ERR" },
        code: answer.code.as_deref(),
        header: answer.header.as_deref(),
        octets: (answer.success && is(&[Verb::Retr, Verb::Top])).then_some(transaction.payload),
        rows: (answer.success && many).then_some(transaction.payload),
        challenges: is(&[Verb::Auth]).then_some(transaction.challenges),
        offset: transaction.response.start,
        length: transaction.response.len(),
        inexact: transaction.is_inexact,
    }
}

pub(crate) const fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Refused => "refused",
        Outcome::Lost(_) => "lost",
        Outcome::Untold => "untold",
        _ => "unanswered",
    }
}

const fn lost(cause: Cause) -> &'static str {
    match cause {
        Cause::JoinedLate => "JOINED_LATE",
        Cause::OneSided => "ONE_SIDED",
        Cause::Gap => "OUT_OF_STEP_GAP",
        Cause::Unsolicited => "UNSOLICITED_RESPONSE",
        Cause::NotPop3 => "NOT_A_RESPONSE",
        Cause::LongLine => "RESPONSE_TOO_LONG",
        Cause::QueueFull => "TOO_MANY_COMMANDS",
        _ => "OUT_OF_STEP",
    }
}
