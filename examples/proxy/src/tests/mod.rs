//! The proxy in memory, with its input cut everywhere; then on streams.

mod ends;
mod limits;
mod logins;
mod refusals;
mod streams;

use crate::proxy::{End, Proxy, Wants};
use crate::table::Table;
use pop3_proto::TlsPolicy;
use pop3_proto::server::ServerConfig;
use std::sync::Arc;
use std::time::Duration;

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// The text that the proxy sends before a login is complete.
const ASKED: &str = "+OK POP3 proxy ready\r\n+OK send PASS\r\n";
const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

/// A proxy, the bytes from either side, and the bytes that each side received.
struct World {
    proxy: Proxy,
    from_front: Octets,
    from_back: Octets,
    to_front: Vec<u8>,
    to_back: Vec<u8>,
    /// The back end's response to each line from login to relaying, beginning with its greeting. After the last
    /// response it is silent.
    says: &'static [&'static str],
    /// Whether it cannot be reached.
    down: bool,
    /// How many connections to it were requested.
    connections: usize,
    /// Whether the client reads nothing.
    deaf: bool,
    /// The maximum number of bytes to write at once.
    write: usize,
    now: Duration,
    over: bool,
}

/// Bytes that arrive in pieces.
#[derive(Default)]
struct Octets {
    octets: Vec<u8>,
    /// How many have arrived.
    arrived: usize,
    /// The end of the first piece. The pieces after it have `piece` bytes.
    cut: usize,
    piece: usize,
    /// The end of the stream.
    end: Option<usize>,
}

impl Octets {
    /// Returns the next piece that fits, or `None` at the end of the stream.
    fn next(&mut self, room: usize) -> Option<&[u8]> {
        let all = self.end.unwrap_or(usize::MAX).min(self.octets.len());
        if self.end == Some(self.arrived) {
            return None;
        }
        let stop = if self.arrived < self.cut { self.cut } else { self.arrived.saturating_add(self.piece) };
        let piece = self.arrived..stop.min(all).min(self.arrived + room);
        self.arrived = piece.end;
        Some(&self.octets[piece])
    }
}

impl World {
    fn new(front: impl AsRef<[u8]>, says: &'static [&'static str]) -> Self {
        let table = Table::parse("mrose back:110\n# others\n\nm rose back:111\n").unwrap();
        let octets =
            |octets: &[u8]| Octets { octets: octets.to_vec(), piece: usize::MAX, ..Octets::default() };
        World {
            proxy: Proxy::new(&CONFIG, Arc::new(table), 1),
            from_front: octets(front.as_ref()),
            from_back: octets(b""),
            to_front: Vec::new(),
            to_back: Vec::new(),
            says,
            down: false,
            connections: 0,
            deaf: false,
            write: usize::MAX,
            now: Duration::ZERO,
            over: false,
        }
    }

    /// Runs until no bytes move. Time passes when nothing else changes, in AUTHORIZATION and for some minutes.
    fn run(mut self) -> Self {
        for _ in 0..100_000 {
            match self.proxy.step() {
                Wants::Nothing => self.over = true,
                Wants::Connection(address) => {
                    assert_eq!(address, "back:110");
                    self.connections += 1;
                    (self.from_back.arrived, self.from_back.octets) = (0, Vec::new());
                    self.to_back.clear();
                    if self.down {
                        self.proxy.unreachable();
                    } else {
                        self.proxy.connected();
                    }
                    continue;
                }
                Wants::Octets => {}
            }
            let mut moved = self.write(End::Front);
            if self.over {
                while self.write(End::Front) {}
                return self;
            }
            moved |= self.read(End::Front);
            if self.proxy.has_back_end() {
                moved |= self.write(End::Back);
                self.back_end_answers();
                moved |= self.read(End::Back);
            }
            if !moved && !self.wait() {
                return self;
            }
        }
        panic!("it goes round in circles");
    }

    fn wait(&mut self) -> bool {
        let until = self.proxy.tick(self.now).unwrap_or(self.now);
        let waits = !self.proxy.is_relaying() && until > self.now && until < Duration::from_secs(170);
        if waits {
            self.now = until;
            self.proxy.tick(self.now);
        }
        waits
    }

    fn write(&mut self, end: End) -> bool {
        let pending = self.proxy.pending(end);
        let count = pending.len().min(self.write);
        match end {
            End::Front if self.deaf => return false,
            End::Front => self.to_front.extend_from_slice(&pending[..count]),
            End::Back => self.to_back.extend_from_slice(&pending[..count]),
        }
        self.proxy.sent(end, count);
        count > 0
    }

    fn read(&mut self, end: End) -> bool {
        let from = if end == End::Front { &mut self.from_front } else { &mut self.from_back };
        let room = self.proxy.spare_mut(end);
        let Some(octets) = from.next(room.len()) else {
            let news = !self.proxy.is_eof(end);
            self.proxy.received_eof(end);
            return news;
        };
        room[..octets.len()].copy_from_slice(octets);
        let count = octets.len();
        self.proxy.received(end, count);
        count > 0
    }

    /// Returns a response for the connection, and one for each complete line.
    fn back_end_answers(&mut self) {
        let lines = self.to_back.iter().filter(|octet| **octet == b'\n').count();
        self.from_back.octets = self.says.iter().take(lines + 1).flat_map(|line| line.bytes()).collect();
    }

    fn front(&self) -> String {
        self.to_front.escape_ascii().to_string()
    }

    /// Cuts the input of either side in each possible way, and writes in pieces. The results must be the
    /// same.
    fn at_every_cut(front: impl AsRef<[u8]>, says: &'static [&'static str], check: impl Fn(&World)) {
        let front = front.as_ref();
        let back: usize = says.iter().map(|line| line.len()).sum();
        let worlds = (0..=front.len())
            .map(|cut| (cut, 0, usize::MAX, usize::MAX))
            .chain((0..=back).map(|cut| (0, cut, usize::MAX, usize::MAX)))
            .chain([1, 2, 3, 7].map(|piece| (0, 0, piece, usize::MAX)))
            .chain([1, 2, 3, 7].map(|write| (0, 0, usize::MAX, write)))
            .chain([(0, 0, 1, 1)]);
        for (front_cut, back_cut, piece, write) in worlds {
            let mut world = World::new(front, says);
            (world.from_front.cut, world.from_front.piece) = (front_cut, piece);
            (world.from_back.cut, world.from_back.piece) = (back_cut, piece);
            world.write = write;
            check(&world.run());
        }
    }
}
