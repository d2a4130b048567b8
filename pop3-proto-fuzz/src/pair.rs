//! Client against server over two byte queues under any schedule, and both against a model of the maildrop.

use crate::client::{command, is_for_later, next_call};
use crate::naive;
use crate::server::{COUNT, maildrop, message};
use crate::wire::{Parts, Watched};
use pop3_proto::client::{self, Deletions, Event};
use pop3_proto::server::{Ask, CloseReason, Credentials, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{
    Base64, Client, ConnectionError, Limits, MIN_SEND_BUF, Mechanism, RecvBuf, Server, Text, TlsPolicy,
    UniqueId,
};
use std::collections::VecDeque;

/// A first line of calls, then the schedule: in each octet, who moves and how many octets it gets.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let mut pair = Pair::new(&parts);
    for octet in parts.wire {
        let count = usize::from(octet >> 2);
        match octet & 3 {
            0 => pair.client_reads(count),
            1 => pair.server_reads(count),
            2 => pair.transport(count),
            _ if parts.config & 1 != 0 && count == 0 => pair.cut(),
            _ => pair.transport(usize::MAX),
        }
        if pair.is_cut {
            break;
        }
    }
    pair.finish();
}

const SASL: &[Mechanism<'_>] = &[Mechanism::PLAIN, Mechanism::LOGIN];
static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext)
    .with_sasl_cleartext(SASL)
    .with_limits(Limits::DEFAULT.with_bad_commands(255, 255).with_failed_logins(255));

/// What the model says that the client will be told.
#[derive(PartialEq, Debug)]
enum Told {
    Ok,
    Refused,
    Accepted,
    Stat(u32, u64),
    Scan(u32, u64),
    Id(u32),
    Message(Vec<u8>),
    ScanListing(Vec<(u32, u64)>),
    Ids(Vec<u32>),
    Capabilities,
    Closed(Deletions),
}

/// The maildrop and the login, as RFC 1939 has them.
#[derive(Default)]
struct Model {
    named: bool,
    open: bool,
    marked: [bool; COUNT as usize],
}

impl Model {
    fn there(&self, number: u32) -> Option<u64> {
        let index = number as usize - 1;
        (self.open && !*self.marked.get(index)?).then(|| naive::canonical(message(number)).len() as u64)
    }

    fn listing(&self) -> Vec<(u32, u64)> {
        (1..=COUNT).filter_map(|message| Some((message, self.there(message)?))).collect()
    }

    fn answer(&mut self, letter: u8, number: u32, removed: bool) -> Told {
        let named = self.named;
        self.named = named && matches!(letter, b'c' | b'A' | b'B' | b'm');
        let listing = self.listing();
        let there = self.there(number);
        match letter {
            b'u' => {
                self.named = true;
                Told::Ok
            }
            b'p' if named => {
                self.open = true;
                Told::Ok
            }
            b'A' | b'B' => {
                self.open = true;
                Told::Accepted
            }
            b'c' | b'm' => Told::Capabilities,
            b'n' => Told::Ok,
            b's' => Told::Stat(listing.len() as u32, listing.iter().map(|(_, octets)| octets).sum()),
            b'l' => Told::ScanListing(listing),
            b'i' => Told::Ids(listing.iter().map(|(message, _)| *message).collect()),
            b'R' => {
                self.marked = Default::default();
                Told::Ok
            }
            b'q' => Told::Closed(match (self.marked.contains(&true), removed) {
                (false, _) => Deletions::NoneAsked,
                (true, true) => Deletions::Committed,
                (true, false) => Deletions::RefusedInPart,
            }),
            b'L' => there.map_or(Told::Refused, |octets| Told::Scan(number, octets)),
            b'I' => there.map_or(Told::Refused, |_| Told::Id(number)),
            b'd' => there.map_or(Told::Refused, |_| {
                self.marked[number as usize - 1] = true;
                Told::Ok
            }),
            b'r' => there.map_or(Told::Refused, |_| Told::Message(naive::canonical(message(number)))),
            b't' => there.map_or(Told::Refused, |_| Told::Message(naive::top(message(number), 2))),
            _ => Told::Refused,
        }
    }
}

struct Pair<'d> {
    client: Client,
    server: Server<Vec<MessageInfo<UniqueId<'static>>>>,
    letters: &'d [u8],
    client_recv: RecvBuf<Vec<u8>>,
    client_sink: Watched<'static>,
    server_recv: RecvBuf<Vec<u8>>,
    server_sink: Watched<'static>,
    to_client: VecDeque<u8>,
    to_server: VecDeque<u8>,
    model: Model,
    expected: VecDeque<Told>,
    /// What was collected of the answer that is open.
    scans: Vec<(u32, u64)>,
    ids: Vec<u32>,
    body: Vec<u8>,
    /// The message that the server is sending, and how much of it was taken.
    sending: (&'static [u8], usize),
    removes: bool,
    commits: u32,
    is_cut: bool,
    client_over: bool,
    server_over: bool,
}

impl<'d> Pair<'d> {
    fn new(parts: &Parts<'d>) -> Self {
        let mut config = client::ClientConfig::new(TlsPolicy::Cleartext);
        if parts.config & 2 != 0 {
            config = config.assume_pipelining();
        }
        let client = Client::new(config, 1);
        Pair {
            client_recv: RecvBuf::new(vec![0; client.min_recv_buf()]),
            client,
            server: Server::new(&CONFIG, 7),
            letters: parts.letters,
            client_sink: Watched::heap(MIN_SEND_BUF),
            server_recv: RecvBuf::new(vec![0; CONFIG.min_recv_buf()]),
            server_sink: Watched::heap(MIN_SEND_BUF + usize::from(parts.seed)),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            model: Model::default(),
            expected: VecDeque::new(),
            scans: Vec::new(),
            ids: Vec::new(),
            body: Vec::new(),
            sending: (b"", 0),
            removes: parts.config & 4 != 0,
            commits: 0,
            is_cut: false,
            client_over: false,
            server_over: false,
        }
    }

    /// Octets leave both sinks.
    fn transport(&mut self, count: usize) {
        for (sink, queue) in
            [(&mut self.client_sink, &mut self.to_server), (&mut self.server_sink, &mut self.to_client)]
        {
            let before = sink.sent.len();
            sink.send(count);
            queue.extend(&sink.sent[before..]);
        }
    }

    /// Nothing arrives any more, on either side.
    fn cut(&mut self) {
        self.is_cut = true;
        self.to_client.clear();
        self.to_server.clear();
        self.client_recv.received_eof();
        self.server_recv.received_eof();
    }

    /// Moves until nothing does; a session that was not cut ends in QUIT, with every answer there.
    fn finish(&mut self) {
        let mut quiet = 0;
        while quiet < 2 {
            let before = (self.client_sink.total(), self.server_sink.total(), self.expected.len());
            self.transport(usize::MAX);
            if self.is_cut {
                self.to_client.clear();
                self.to_server.clear();
            }
            self.server_reads(usize::MAX);
            self.client_reads(usize::MAX);
            let after = (self.client_sink.total(), self.server_sink.total(), self.expected.len());
            quiet = if before == after { quiet + 1 } else { 0 };
            if quiet == 1 && self.letters.is_empty() && !self.is_cut {
                self.letters = b"q";
                self.send_what_goes();
            }
        }
        assert!(self.client_over && self.server_over, "nobody can move, and it is not over");
        assert!(self.is_cut || self.expected.is_empty(), "not answered: {:?}", self.expected);
    }

    fn client_reads(&mut self, count: usize) {
        receive(&mut self.client_recv, &mut self.to_client, count);
        while !self.client_over {
            let before = self.client_recv.unread().len();
            let (client, recv) = (&mut self.client, &mut self.client_recv);
            // Owned, so that the model can be asked while the next octets are read.
            match recv.with(|input| client.poll(input).map(|event| event.map(Heard::from))) {
                Ok(Some(heard)) => self.heard(heard),
                Ok(None) if self.client_recv.unread().len() < before => {}
                Ok(None) => {
                    if self.client_recv.unread().is_empty() && self.to_client.is_empty() {
                        return;
                    }
                    let room = self.client_recv.spare_mut().len();
                    assert!(room > 0, "the buffer never fills up");
                    return;
                }
                Err(fatal) => {
                    assert!(self.is_cut && fatal == ConnectionError::UnexpectedEof, "{fatal}");
                    assert_ne!(self.client.deletions(), Deletions::Committed);
                    self.client_over = true;
                }
            }
        }
    }

    fn heard(&mut self, heard: Heard) {
        let told = match heard {
            Heard::Greeting => return self.send_what_goes(),
            Heard::Begin => return,
            Heard::Body(data) => return self.body.extend(data),
            Heard::Row(Row::Scan(message, octets)) => return self.scans.push((message, octets)),
            Heard::Row(Row::Id(message)) => return self.ids.push(message),
            Heard::Row(Row::Other) => return,
            Heard::Challenge(step) => {
                self.client.respond(step, Base64::from_static("AAAA"), &mut self.client_sink).expect("room");
                return;
            }
            Heard::Accepted(done) => {
                self.client.verified(done).expect("the token is this client's");
                Told::Accepted
            }
            Heard::End(letter) => {
                let (scans, ids, body) = (
                    std::mem::take(&mut self.scans),
                    std::mem::take(&mut self.ids),
                    std::mem::take(&mut self.body),
                );
                match letter {
                    'l' => Told::ScanListing(scans),
                    'i' => Told::Ids(ids),
                    'r' => Told::Message(body),
                    _ => Told::Capabilities,
                }
            }
            Heard::Told(Told::Closed(Deletions::Unknown)) if self.is_cut => {
                self.client_over = true;
                return;
            }
            Heard::Told(Told::Closed(Deletions::NoneAsked)) if self.is_cut => {
                self.client_over = true;
                return;
            }
            Heard::Told(told) => {
                self.client_over |= matches!(told, Told::Closed(_));
                told
            }
        };
        assert_eq!(Some(told), self.expected.pop_front());
        self.send_what_goes();
    }

    fn send_what_goes(&mut self) {
        while let Some((letter, message, behind)) = next_call(self.letters) {
            let known = b"upPABcmnslLrtdRiIq".contains(&letter);
            let Some(command) = command(letter, message).filter(|_| known) else {
                self.letters = behind;
                continue;
            };
            match self.client.send(&command, &mut self.client_sink) {
                Ok(_) => self.expected.push_back(self.model.answer(letter, message, self.removes)),
                Err(error) if is_for_later(error) => return,
                Err(client::SendError::BufferFull(full)) => {
                    assert!(!full.never_fits());
                    return;
                }
                Err(_) => {}
            }
            self.letters = behind;
        }
    }

    fn server_reads(&mut self, count: usize) {
        receive(&mut self.server_recv, &mut self.to_server, count);
        while !self.server_over {
            let (server, sink) = (&mut self.server, &mut self.server_sink);
            let mut asked = None;
            let step = self.server_recv.with(|input| server.poll(input, sink));
            match step.expect("nothing that this client sends is fatal") {
                Step::NeedInput | Step::NeedSpace(_) => return,
                Step::NeedBody => asked = Some(()),
                Step::Waiting => panic!("every question was answered"),
                Step::Closed(why) => {
                    assert!(why == CloseReason::Quit || (self.is_cut && why == CloseReason::End), "{why:?}");
                    assert!(self.commits == 0 || why == CloseReason::Quit, "no commit without QUIT");
                    self.server_over = true;
                }
                Step::Ask(Ask::Greet(token)) => {
                    let text = Text::from_static("ready");
                    self.server.greet(token, text, &mut self.server_sink).expect("room");
                }
                Step::Ask(Ask::User(token, name)) => {
                    assert_eq!(name.as_bytes(), b"mrose");
                    self.server.accept_name(token).expect("asked");
                }
                Step::Ask(Ask::Login(token, credentials)) => {
                    let wrong = matches!(credentials, Credentials::Password(p) if p.expose() != b"secret");
                    let first = matches!(credentials, Credentials::Sasl { initial: None, .. });
                    if wrong {
                        self.server.refuse(token, Refusal::Credentials).expect("asked");
                    } else if first {
                        let prompt = Base64::from_static("VXNlcm5hbWU6");
                        self.server.challenge(token, prompt, &mut self.server_sink).expect("room");
                    } else {
                        self.server.accept(token, maildrop()).expect("asked");
                    }
                }
                Step::Ask(Ask::Fetch(token)) => {
                    let message = message(token.message().get());
                    self.sending = (message, 0);
                    self.server.send_body(token).expect("asked");
                }
                Step::Ask(Ask::Commit(token)) => {
                    let marked: Option<Vec<bool>> =
                        self.server.maildrop().map(|drop| drop.iter().map(MessageInfo::is_marked).collect());
                    assert_eq!(
                        marked.as_deref(),
                        Some(self.model.marked.as_slice()),
                        "what the client asked for"
                    );
                    self.commits += 1;
                    let answered = match self.removes {
                        true => self.server.removed(token),
                        false => self.server.not_removed(token, Refusal::Temporary),
                    };
                    answered.expect("asked");
                }
                Step::Ask(other) => panic!("{other:?}"),
            }
            if asked.is_some() && !self.send_body() {
                return;
            }
        }
    }

    /// Whether all of the message was taken.
    fn send_body(&mut self) -> bool {
        let (message, taken) = &mut self.sending;
        while *taken < message.len() {
            match self.server.write_body(&message[*taken..], &mut self.server_sink) {
                Ok(0) => return false,
                Ok(count) => *taken += count,
                Err(unfit) => panic!("{unfit:?}"),
            }
        }
        self.server.finish_body().expect("a body is open");
        true
    }
}

/// Moves at most `count` octets from a queue to a buffer.
fn receive(recv: &mut RecvBuf<Vec<u8>>, queue: &mut VecDeque<u8>, count: usize) {
    let spare = recv.spare_mut();
    let count = count.min(spare.len()).min(queue.len());
    for (to, octet) in spare.iter_mut().zip(queue.drain(..count)) {
        *to = octet;
    }
    if count > 0 {
        recv.received(count);
    }
}

enum Row {
    Scan(u32, u64),
    Id(u32),
    Other,
}

/// An event that owns what it says.
enum Heard {
    Greeting,
    Begin,
    Row(Row),
    Body(Vec<u8>),
    End(char),
    Challenge(client::SaslStep),
    Accepted(client::SaslDone),
    Told(Told),
}

impl From<Event<'_>> for Heard {
    fn from(event: Event<'_>) -> Self {
        let completes = event.completes();
        match event {
            Event::Greeting(_) => Heard::Greeting,
            Event::Begin(..) => Heard::Begin,
            Event::Body(_, data) => Heard::Body(data.to_vec()),
            Event::End(ticket, _) => Heard::End(match ticket.verb.keyword() {
                "LIST" => 'l',
                "UIDL" => 'i',
                "RETR" | "TOP" => 'r',
                _ => 'c',
            }),
            Event::Challenge(step, _) => Heard::Challenge(step),
            Event::AuthAccepted(done, _) => Heard::Accepted(done),
            Event::Ok(..) => Heard::Told(Told::Ok),
            Event::Refused(..) => Heard::Told(Told::Refused),
            Event::DropListing(_, listing) => Heard::Told(Told::Stat(listing.count, listing.octets)),
            Event::ScanListing(_, listing) if completes => {
                Heard::Told(Told::Scan(listing.message.get(), listing.octets))
            }
            Event::ScanListing(_, listing) => Heard::Row(Row::Scan(listing.message.get(), listing.octets)),
            Event::UniqueId(_, listing) if completes => Heard::Told(Told::Id(listing.message.get())),
            Event::UniqueId(_, listing) => Heard::Row(Row::Id(listing.message.get())),
            Event::Capability(..) | Event::Mechanism(..) => Heard::Row(Row::Other),
            Event::Closed(deletions) => Heard::Told(Told::Closed(deletions.deletions)),
            other => panic!("{other:?}"),
        }
    }
}
