//! All connections of a capture.

use crate::flow::{After, Flow};
use crate::options::Options;
use crate::output::{Format, Output, Totals, Who};
use crate::packet::{Link, Packet, Segment};
use crate::record::Anomaly;
use crate::store::Store;
use crate::time::Time;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// Reads packets, and writes what they contain.
pub struct Inspector<'w> {
    options: Options,
    output: Output<'w>,
    flows: HashMap<Key, Entry>,
    /// The connections by the turn of their last packet.
    turns: BTreeMap<u64, Key>,
    turn: u64,
    buffered: usize,
    now: Time,
}

/// Two addresses, the smaller one first.
type Key = (SocketAddr, SocketAddr);

struct Entry {
    flow: Flow,
    turn: u64,
    /// What the flow stores, as far as it is counted.
    buffered: usize,
}

/// Shows how much there is, and nothing of it.
impl std::fmt::Debug for Inspector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (flows, buffered) = (self.flows.len(), self.buffered);
        f.debug_struct("Inspector")
            .field("flows", &flows)
            .field("buffered", &buffered)
            .finish_non_exhaustive()
    }
}

impl<'w> Inspector<'w> {
    /// Returns an inspector that writes to `writer`, and stores messages in `store`.
    pub fn new(options: Options, writer: &'w mut dyn Write, format: Format, store: Option<Store>) -> Self {
        Inspector {
            options,
            output: Output::new(writer, format, store),
            flows: HashMap::new(),
            turns: BTreeMap::new(),
            turn: 0,
            buffered: 0,
            now: Time::default(),
        }
    }

    /// Returns how many bytes of connections are stored.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffered
    }

    /// Returns how many connections are followed.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn packet(&mut self, link: Link, time: Time, bytes: &[u8]) -> io::Result<()> {
        self.output.totals.packets += 1;
        // Clocks go back; the order of packets counts.
        self.now = self.now.max(time);
        match Packet::read(link, bytes) {
            Packet::Tcp(segment) => self.segment(&segment),
            Packet::Fragment(from, to) => self.fragment(from, to),
            Packet::Other => {}
        }
        self.forget_idle();
        self.output.result()
    }

    /// Reports the first fragments, which may be how somebody hides what they send.
    fn fragment(&mut self, from: IpAddr, to: IpAddr) {
        const MOST_REPORTS: u64 = 8;
        self.output.totals.fragments += 1;
        if self.output.totals.fragments <= MOST_REPORTS {
            let (client, server) = (SocketAddr::new(from, 0), SocketAddr::new(to, 0));
            let who = Who { flow: 0, client, server, app_proto: None };
            let anomaly = Anomaly { r#type: "decode", event: "IP_FRAGMENT", ..Anomaly::default() };
            self.output.anomaly(&who, self.now, anomaly);
        }
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        let key =
            if segment.from <= segment.to { (segment.from, segment.to) } else { (segment.to, segment.from) };
        let now = self.now;
        if !self.flows.contains_key(&key) {
            // What follows the end of a connection opens none.
            if !segment.syn && segment.bytes.is_empty() {
                return;
            }
            self.open(key, segment);
        }
        let options = &self.options;
        let Some(entry) = self.flows.get_mut(&key) else { return };
        self.turns.remove(&entry.turn);
        self.turn += 1;
        entry.turn = self.turn;
        self.turns.insert(self.turn, key);
        let after = entry.flow.segment(segment, now, options, &mut self.output);
        let buffered = entry.flow.buffered();
        self.buffered = self.buffered - entry.buffered + buffered;
        entry.buffered = buffered;
        match after {
            After::Open => {}
            After::Over => self.close(&key),
            After::Again => {
                self.close(&key);
                self.segment(segment);
            }
        }
        while self.buffered > self.options.total_bytes {
            self.evict();
        }
    }

    fn open(&mut self, key: Key, segment: &Segment<'_>) {
        while self.flows.len() >= self.options.flows.max(1) {
            self.evict();
        }
        self.output.totals.flows += 1;
        // The same in each run, and different for a connection that is opened again.
        let mut hasher = DefaultHasher::new();
        (key, self.now, segment.sequence).hash(&mut hasher);
        let number = hasher.finish() >> 1;
        let flow = Flow::new(number, segment.from, segment.to, self.now);
        self.turn += 1;
        self.turns.insert(self.turn, key);
        self.flows.insert(key, Entry { flow, turn: self.turn, buffered: 0 });
    }

    fn close(&mut self, key: &Key) {
        let Some(entry) = self.flows.remove(key) else { return };
        self.turns.remove(&entry.turn);
        self.buffered -= entry.buffered;
        entry.flow.end(self.now, &self.options, &mut self.output);
    }

    /// Ends the connection that was silent for longest, to make room.
    fn evict(&mut self) {
        let Some((_, key)) = self.turns.first_key_value() else { return };
        let key = *key;
        if let Some(entry) = self.flows.get(&key) {
            entry.flow.evicted(self.now, &mut self.output);
        }
        self.close(&key);
    }

    fn forget_idle(&mut self) {
        while let Some((_, key)) = self.turns.first_key_value() {
            let key = *key;
            let idle =
                self.flows.get(&key).is_none_or(|entry| self.now.since(entry.flow.last) > self.options.idle);
            if !idle {
                return;
            }
            self.close(&key);
        }
    }

    /// Ends all connections, and returns how much was found.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn finish(mut self) -> io::Result<Totals> {
        while let Some((_, key)) = self.turns.first_key_value() {
            let key = *key;
            self.close(&key);
        }
        self.output.flush()?;
        Ok(self.output.totals)
    }

    /// Returns how much was found up to now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.output.totals
    }
}
