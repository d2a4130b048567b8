//! Both connections against each other, over the smallest buffers, under every cut of either direction.

use super::{command, give, retr};
use pop3_proto::client::{self, Event};
use pop3_proto::server::{self, Entry, Maildrop, Refusal};
use pop3_proto::{
    ClientConnection, Command, Limits, MIN_SEND_BUF, MessageNumber, OctetCount, RecvBuf, SendBuf,
    ServerConnection, Storage, Text, TlsPolicy, UniqueId,
};
use std::cell::Cell;
use std::rc::Rc;

static CONFIG: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Cleartext);

const MESSAGES: [&[u8]; 2] = [b"Subject: one\n\n.dots\n..\nno line end", b"two\r\n"];

/// A maildrop with a lock that is released when it is dropped.
struct Locked {
    marked: [bool; 2],
    lock: Rc<Cell<bool>>,
}

impl Maildrop for Locked {
    fn count(&self) -> u32 {
        2
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let body = MESSAGES.get(message.index()).ok_or(Refusal::NoSuchMessage)?;
        let id = UniqueId::new(if message.index() == 0 { b"id-1" } else { b"id-2" }).unwrap();
        Ok(Entry { octets: OctetCount::of(body), id, marked: self.marked[message.index()] })
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.marked[message.index()] = true;
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.marked = [false; 2];
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.lock.set(false);
    }
}

/// Moves at most `most` bytes, as far as there is room.
fn carry<A: Storage, B: Storage>(from: &mut SendBuf<A>, to: &mut RecvBuf<B>, most: usize) -> usize {
    let count = give(to, &from.pending()[..most.min(from.pending().len())]);
    from.sent(count);
    count
}

struct Outcome {
    seen: Vec<String>,
    bodies: [Vec<u8>; 2],
    removed: Vec<u32>,
}

fn session(up: usize, down: usize) -> Outcome {
    let limits = Limits::DEFAULT.with_sasl_line(64);
    let config = client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits).assume_pipelining();
    let mut client = ClientConnection::with_buffers(config, 1, [0; 512], [0; MIN_SEND_BUF]).unwrap();
    let mut server: ServerConnection<Locked, [u8; 255], [u8; MIN_SEND_BUF]> =
        ServerConnection::with_buffers(&CONFIG, 1, [0; 255], [0; MIN_SEND_BUF]).unwrap();
    let lock = Rc::new(Cell::new(false));
    let mut outcome = Outcome { seen: Vec::new(), bodies: Default::default(), removed: Vec::new() };
    let mut left: &[u8] = &[];
    let pipelined = ["STAT", "LIST", "UIDL", "TOP 1 1", "RETR 1", "DELE 1", "NOOP"];
    while !(client.is_closed() && server.is_closed()) {
        while let Some((event, mut sender)) = client.poll().unwrap() {
            match &event {
                Event::Body(ticket, octets) => {
                    outcome.bodies[usize::from(ticket.verb == pop3_proto::Verb::Retr)]
                        .extend_from_slice(octets);
                    continue;
                }
                Event::Greeting(_) => {
                    sender.send(command("USER mrose")).unwrap();
                    sender.send(command("PASS secret")).unwrap();
                }
                Event::Ok(ticket, _) if ticket.verb == pop3_proto::Verb::Pass => {
                    for line in pipelined {
                        sender.send(command(line)).unwrap();
                    }
                    sender.send(retr(2)).unwrap();
                    sender.send(Command::Quit).unwrap();
                }
                Event::Closed(closed) => {
                    assert!(closed.answer.is_some());
                    assert!(!lock.get(), "the lock is released before the client reads the last response");
                }
                _ => {}
            }
            outcome.seen.push(format!("{event:?}"));
        }
        while let Some((event, mut responder)) = server.poll().unwrap() {
            match event {
                server::Event::Greet(token) => responder.greet(token, Text::from_static("ready")).unwrap(),
                server::Event::User(token, _) => responder.accept_name(token).unwrap(),
                server::Event::Login(token, _) => {
                    lock.set(true);
                    responder.accept(token, Locked { marked: [true; 2], lock: Rc::clone(&lock) }).unwrap();
                }
                server::Event::Fetch(token) => {
                    left = MESSAGES[token.message().index()];
                    responder.send_body(token).unwrap();
                }
                server::Event::Body if left.is_empty() || !responder.wants_body() => {
                    responder.finish_body().unwrap();
                }
                server::Event::Body => left = &left[responder.write_body(left).unwrap()..],
                server::Event::Commit(token) => {
                    outcome.removed.extend(responder.marked().map(MessageNumber::get));
                    responder.removed(token).unwrap();
                }
                server::Event::Closed(why) => assert_eq!(why, server::CloseReason::Quit),
                other => panic!("{other:?}"),
            }
        }
        let mut moved = carry(client.send_buf(), server.recv_buf(), up);
        moved += carry(server.send_buf(), client.recv_buf(), down);
        assert!(moved > 0 || client.is_closed(), "both wait: {client:?} {server:?}");
    }
    outcome
}

#[test]
fn law_5_both_connections_hold_the_same_session_under_every_cut() {
    let whole = session(usize::MAX, usize::MAX);
    assert_eq!(whole.removed, [1]);
    assert_eq!(whole.bodies[0], b"Subject: one\r\n\r\n.dots\r\n");
    assert_eq!(whole.bodies[1], b"Subject: one\r\n\r\n.dots\r\n..\r\nno line end\r\ntwo\r\n");
    assert!(whole.seen.last().unwrap().starts_with("Closed"), "{:?}", whole.seen);
    for up in (1..40).chain([100, 255]) {
        for down in (1..40).chain([100, 511, 512]) {
            let cut = session(up, down);
            assert_eq!(
                (cut.seen, cut.bodies, cut.removed),
                (whole.seen.clone(), whole.bodies.clone(), vec![1]),
                "{up} {down}"
            );
        }
    }
}
