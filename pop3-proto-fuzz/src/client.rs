//! The client machine against any bytes and any calls.

use crate::naive;
use crate::source::{Chunks, Cuts};
use crate::wire::{Parts, Watched};
use pop3_proto::client::{ClientConfig, Deletions, Event, SendError, StartTls, Ticket};
use pop3_proto::{
    ApopDigest, Base64, BufferFull, Client, Command, ConnectionError, Keyword, LanguageRange, Limits,
    LineEnding, Mechanism, MessageNumber, Profile, RecvBuf, Secret, SendBuf, Text, TlsPolicy,
};
use std::collections::VecDeque;

/// A first line of calls, then what the server sends; the octet 0xFE in it stands for a finished TLS handshake.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    // Octet by octet the client makes each call as soon as it can.
    let every: Vec<usize> = (0..=parts.wire.len()).collect();
    let (expected, gates) = Play::new(&parts, Cuts::Single, &every).run(&parts);
    for cuts in Cuts::all(parts.seed) {
        let (seen, passed) = Play::new(&parts, cuts, &gates).run(&parts);
        assert_eq!(seen, expected, "law 5: {cuts:?}");
        assert_eq!(passed, gates, "law 5: calls at other places: {cuts:?}");
    }
    // Without gates: what was there before a call does not answer it.
    Play::new(&parts, Cuts::Whole, &[]).run(&parts);
}

fn config(octet: u8) -> ClientConfig {
    let tls = [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
    let mut config = ClientConfig::new(tls[usize::from(octet & 3)]);
    if octet & 4 != 0 {
        config = config.assume_pipelining();
    }
    if octet & 8 != 0 {
        config = config.with_profile(Profile::Strict);
    }
    if octet & 16 != 0 {
        let small =
            Limits::DEFAULT.with_status_line(64).with_listing_line(64).with_sasl_line(64).with_sasl_rounds(2);
        config = config.with_limits(small.with_listing_rows(3).with_body_octets(40));
    }
    config
}

/// The call that a letter stands for.
pub(crate) fn command(letter: u8, message: u32) -> Option<Command<'static>> {
    let number = MessageNumber::new(message).ok()?;
    Some(match letter {
        b'u' => Command::User(Text::from_static("mrose")),
        b'p' => Command::Pass(Secret::new(b"secret").ok()?),
        b'P' => Command::Pass(Secret::new(b"wrong").ok()?),
        b'a' => Command::Apop { name: Text::from_static("mrose"), digest: ApopDigest::new([7; 16]) },
        b'A' => Command::Auth { mechanism: Mechanism::PLAIN, initial: Some(Base64::from_static("AGEAYg==")) },
        b'B' => Command::Auth { mechanism: Mechanism::LOGIN, initial: None },
        b'm' => Command::AuthList,
        b'x' => Command::Stls,
        b'8' => Command::Utf8,
        b'c' => Command::Capa,
        b'g' => Command::Lang(None),
        b'G' => Command::Lang(Some(LanguageRange::Preferred)),
        b's' => Command::Stat,
        b'l' => Command::List(None),
        b'L' => Command::List(Some(number)),
        b'r' => Command::Retr(number),
        b't' => Command::Top { message: number, lines: 2 },
        b'd' => Command::Dele(number),
        b'n' => Command::Noop,
        b'R' => Command::Rset,
        b'i' => Command::Uidl(None),
        b'I' => Command::Uidl(Some(number)),
        b'o' => Command::Other { keyword: Keyword::new(b"XTND").ok()?, arguments: None },
        b'q' => Command::Quit,
        _ => return None,
    })
}

/// Takes a letter and, where a digit stands behind it, the number of a message.
pub(crate) fn next_call(letters: &[u8]) -> Option<(u8, u32, &[u8])> {
    match letters {
        [letter, digit @ b'1'..=b'9', behind @ ..] => Some((*letter, u32::from(digit - b'0'), behind)),
        [letter, behind @ ..] => Some((*letter, 1, behind)),
        [] => None,
    }
}

/// Whether a later event may lift the refusal.
pub(crate) fn is_for_later(error: SendError) -> bool {
    matches!(
        error,
        SendError::After(_)
            | SendError::Alone
            | SendError::NotPipelined
            | SendError::QueueFull
            | SendError::CallersTurn
    )
}

/// One session, and what is known of it beside the machine.
struct Play<'d> {
    client: Client,
    letters: &'d [u8],
    chunks: Chunks,
    /// How much of the wire was delivered, and where a gate is: what lies behind it comes once the call is made that is made
    /// there. Otherwise it would not answer the call, as it came before it.
    delivered: usize,
    gates: &'d [usize],
    /// Where calls were made.
    calls: Vec<usize>,
    sink: Watched<'static>,
    /// Sent and not answered.
    tickets: VecDeque<Ticket>,
    /// How far the phase was consumed, and where the answer that is open began, with how its lines end.
    consumed: usize,
    /// How much was delivered before the phase.
    before: usize,
    began: (usize, LineEnding),
    body: Vec<u8>,
    rows: u64,
    quit_sent: bool,
    log: Vec<String>,
}

impl<'d> Play<'d> {
    fn new(parts: &Parts<'d>, cuts: Cuts, gates: &'d [usize]) -> Self {
        Play {
            client: Client::new(config(parts.config), 1),
            letters: parts.letters,
            chunks: cuts.chunks(),
            delivered: 0,
            gates,
            calls: Vec::new(),
            sink: Watched::heap(0),
            tickets: VecDeque::new(),
            consumed: 0,
            before: 0,
            began: (0, LineEnding::Crlf),
            body: Vec::new(),
            rows: 0,
            quit_sent: false,
            log: Vec::new(),
        }
    }

    /// Everything that can be seen of the session, whatever the cuts, and where calls were made.
    fn run(mut self, parts: &Parts<'_>) -> ((Vec<String>, Vec<u8>), Vec<usize>) {
        let mut phases = parts.wire.split(|octet| *octet == 0xfe).peekable();
        while let Some(phase) = phases.next() {
            let ends = phases.peek().is_none() && parts.config & 32 != 0;
            if !self.phase(phase, ends) {
                break;
            }
        }
        let body = std::mem::take(&mut self.body);
        self.log.push(format!("{body:?} {:?} {:?}", self.client.quirks(), self.client.deletions()));
        self.calls.dedup();
        ((self.log, self.sink.sent), self.calls)
    }

    /// What comes between two TLS handshakes; whether the second one was done.
    fn phase(&mut self, wire: &[u8], ends: bool) -> bool {
        let mut recv = RecvBuf::new(vec![0; self.client.min_recv_buf()]);
        let mut undelivered = wire;
        self.consumed = 0;
        self.before = self.delivered;
        loop {
            let idle = self.client.needs_input(recv.unread(), recv.is_eof());
            let again = self.client.needs_input(recv.unread(), recv.is_eof());
            assert_eq!(again, idle, "asking changes nothing");
            let (client, before) = (&mut self.client, recv.unread().len());
            let range = recv.unread().as_ptr_range();
            let polled = recv.with(|input| client.poll(input).map(|event| (event, input.remaining())));
            let (event, remaining) = match polled {
                Ok((event, remaining)) => (event, remaining),
                Err(fatal) => {
                    assert!(!idle, "{fatal} where input was asked for");
                    return self.fatal(fatal, &mut recv);
                }
            };
            self.consumed += before - remaining;
            let Some(event) = event else {
                assert_eq!(idle, remaining == before, "needs_input and poll agree");
                assert!(remaining < self.client.min_recv_buf(), "the buffer never fills up");
                assert!(!recv.is_eof(), "at the end of the stream something is said");
                if remaining < before {
                    continue;
                }
                if undelivered.is_empty() && !ends {
                    return false;
                }
                self.deliver(&mut recv, &mut undelivered, ends);
                continue;
            };
            assert!(!idle, "an event where input was asked for");
            if let Event::Body(_, data) = event {
                assert!(range.contains(&data.as_ptr()) || data == b"\r", "law 1");
                assert!(remaining < before || data == b"\r", "progress");
            } else if !matches!(event, Event::Closed(_)) {
                assert!(remaining < before, "progress");
            }
            match self.event(event, wire) {
                Next::Poll => {}
                Next::Closed => return false,
                Next::Tls(token) => {
                    assert_eq!(remaining, 0, "law 8: octets behind the answer to STLS");
                    if !undelivered.is_empty() {
                        self.deliver(&mut recv, &mut undelivered, ends);
                    }
                    return self.handshake(token, &mut recv);
                }
            }
        }
    }

    /// Whether TLS started: not where anything came in clear behind the answer to STLS.
    fn handshake(&mut self, token: StartTls, recv: &mut RecvBuf<Vec<u8>>) -> bool {
        if recv.unread().is_empty() {
            self.client.tls_started(token, recv.input()).expect("the token is this client's");
            self.log.push("TLS".into());
            self.send_what_goes();
            return true;
        }
        if self.consumed % 2 == 0 {
            assert!(self.client.tls_started(token, recv.input()).is_ok());
        }
        let polled = recv.with(|input| self.client.poll(input).map(|_| ()));
        assert_eq!(polled, Err(ConnectionError::PlaintextAfterStls), "law 8");
        self.log.push("wall".into());
        false
    }

    fn deliver(&mut self, recv: &mut RecvBuf<Vec<u8>>, undelivered: &mut &[u8], ends: bool) {
        let spare = recv.spare_mut();
        let open = self.gates.iter().find(|gate| **gate > self.delivered).map(|gate| gate - self.delivered);
        let count = self.chunks.next(undelivered.len()).min(spare.len()).min(open.unwrap_or(usize::MAX));
        self.delivered += count;
        let (chunk, rest) = undelivered.split_at(count);
        spare[..count].copy_from_slice(chunk);
        if count > 0 {
            recv.received(count);
        }
        *undelivered = rest;
        // The end is seen with the last octets, or behind them.
        if rest.is_empty() && ends && (count == 0 || self.consumed % 2 == 0) {
            recv.received_eof();
        }
    }

    fn fatal(&mut self, fatal: ConnectionError, recv: &mut RecvBuf<Vec<u8>>) -> bool {
        let again = recv.with(|input| self.client.poll(input).map(|_| ()));
        assert_eq!(again, Err(fatal), "sticky");
        let mut buffer = [0; 512];
        let sent = self.client.send(&Command::Quit, &mut SendBuf::new(&mut buffer[..]));
        assert_eq!(sent, Err(SendError::Over));
        assert_ne!(self.client.deletions(), Deletions::Committed, "nobody said so");
        let wall = fatal == ConnectionError::PlaintextAfterStls;
        self.log.push(if wall { "wall".into() } else { format!("{fatal:?}") });
        false
    }

    fn event(&mut self, event: Event<'_>, wire: &[u8]) -> Next {
        if let Event::Body(ticket, data) = event {
            assert_eq!(Some(&ticket), self.tickets.front());
            self.body.extend_from_slice(data);
            return Next::Poll;
        }
        if !matches!(event, Event::StartTls(_)) {
            self.log.push(format!("{event:?}"));
        }
        if let Some(ticket) = event.ticket() {
            assert_eq!(Some(&ticket), self.tickets.front(), "answers come in order");
        }
        if event.completes() {
            self.tickets.pop_front();
        }
        match event {
            Event::Begin(..) => {
                let crlf = wire[..self.consumed].ends_with(b"\r\n");
                self.began = (self.consumed, if crlf { LineEnding::Crlf } else { LineEnding::Lf });
                self.rows = 0;
            }
            Event::End(ticket, count) => self.check_end(ticket, count, wire),
            Event::Challenge(step, challenge) => {
                self.log.push(format!("{}", challenge.as_bytes().escape_ascii()));
                self.respond(|client, sink| client.respond(step, Base64::from_static("AAAA"), sink).is_ok());
            }
            Event::MalformedChallenge(step, _) => {
                self.respond(|client, sink| client.cancel(step, sink).is_ok());
            }
            Event::AuthAccepted(done, _) => {
                self.calls.push(self.delivered);
                assert_eq!(self.client.verified(done).is_ok(), self.has_read_all());
            }
            Event::StartTls(token) => return Next::Tls(token),
            Event::Closed(deletions) => {
                assert_eq!(deletions.deletions, self.client.deletions());
                let no_service = self.log.iter().any(|line| line.starts_with("NoService"));
                assert!(self.quit_sent || no_service, "only QUIT closes, or a server that is not there");
                return Next::Closed;
            }
            _ => self.rows += 1,
        }
        assert_eq!(self.client.is_idle(), self.tickets.is_empty());
        self.send_what_goes();
        Next::Poll
    }

    /// A whole answer is what the naive reader makes of the same octets.
    fn check_end(&mut self, ticket: Ticket, count: u64, wire: &[u8]) {
        let body = std::mem::take(&mut self.body);
        let (start, ending) = self.began;
        let (message, end) = naive::unstuff(&wire[start..], ending);
        assert_eq!(end, Some(self.consumed - start), "the end mark, and no octet behind it");
        if matches!(ticket.verb.keyword(), "RETR" | "TOP") {
            assert_eq!((body.len() as u64, &body), (count, &message));
            self.log.push(format!("{}", body.escape_ascii()));
        } else {
            assert_eq!(count, self.rows);
            let rows = message.split(|octet| *octet == b'\n').count() as u64;
            assert!(ending == LineEnding::Crlf || count == rows - 1, "a row for each line");
        }
    }

    /// Whether nothing that was delivered is unread.
    fn has_read_all(&self) -> bool {
        self.delivered - self.before == self.consumed
    }

    fn respond(&mut self, answer: impl FnOnce(&mut Client, &mut Watched<'static>) -> bool) {
        self.calls.push(self.delivered);
        let taken = answer(&mut self.client, &mut self.sink);
        assert_eq!(taken, self.has_read_all(), "the token is this client's");
        self.sink.send_all();
    }

    fn send_what_goes(&mut self) {
        while let Some((letter, message, behind)) = next_call(self.letters) {
            let Some(command) = command(letter, message) else {
                self.letters = behind;
                continue;
            };
            let without_room = self.client.send(&command, &mut SendBuf::new([]));
            match self.client.send(&command, &mut self.sink) {
                Ok(ticket) => {
                    let full = BufferFull { needed: command.encoded_len(), capacity: 0 };
                    assert_eq!(without_room, Err(SendError::BufferFull(full)), "law 4");
                    assert_eq!((ticket.verb, ticket.message), (command.verb(), command.message()));
                    assert!(!self.tickets.is_empty() || self.has_read_all(), "the response was there before");
                    self.quit_sent |= letter == b'q';
                    self.tickets.push_back(ticket);
                }
                Err(error) => {
                    assert_eq!(without_room, Err(error), "a refused call changes nothing");
                    assert!(self.sink.pending().is_empty());
                    if is_for_later(error) {
                        return;
                    }
                    self.log.push(format!("{letter} {error:?}"));
                }
            }
            self.calls.push(self.delivered);
            self.letters = behind;
            self.sink.send_all();
        }
    }
}

enum Next {
    Poll,
    Closed,
    Tls(StartTls),
}
