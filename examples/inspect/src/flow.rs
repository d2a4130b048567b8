//! A TCP connection: two streams, and the session that is in them.

use crate::options::Options;
use crate::output::{Output, Who};
use crate::packet::Segment;
use crate::record::Anomaly;
use crate::session::{Session, Start};
use crate::stream::{Chunk, Effect, Stream};
use crate::time::Time;
use pop3_proto::tap::{Probe, Side, probe};
use std::net::SocketAddr;

pub(crate) struct Flow {
    who: Who,
    /// What the first side sends, then what the other sends.
    streams: [Stream; 2],
    kind: Kind,
    pub(crate) last: Time,
    /// A SYN was seen, so the connection was seen from its beginning.
    has_syn: bool,
    /// A SYN of this side with this sequence number came while the connection was open.
    syn_again: Option<(usize, u32)>,
    /// How often each deviation was reported.
    reported: [u8; EVENTS.len()],
}

enum Kind {
    /// It is not known yet what it is.
    Probing(Box<Waiting>),
    Pop3(Box<Session>, Side),
    Other,
}

/// The bytes of a connection that is not recognized.
#[derive(Default)]
struct Waiting {
    chunks: Vec<(usize, Chunk)>,
    /// The first bytes of both directions.
    first: [Vec<u8>; 2],
    buffered: usize,
}

/// Deviations of TCP. Each is reported only a few times for a connection.
const EVENTS: [&str; 5] =
    ["OVERLAP_DIFFERENT_DATA", "OUT_OF_WINDOW", "URGENT_DATA", "SYN_IN_SESSION", "BAD_CHECKSUM"];
const MOST_REPORTS: u8 = 8;

/// What became of a segment.
#[derive(PartialEq, Eq)]
pub(crate) enum After {
    Open,
    /// Both sides have finished.
    Over,
    /// The segment opens another connection between the same addresses.
    Again,
}

impl Flow {
    pub(crate) fn new(number: u64, from: SocketAddr, to: SocketAddr, time: Time) -> Self {
        let who = Who { flow: number, client: from, server: to, app_proto: None };
        Flow {
            who,
            streams: [Stream::default(), Stream::default()],
            kind: Kind::Probing(Box::default()),
            last: time,
            has_syn: false,
            syn_again: None,
            reported: [0; EVENTS.len()],
        }
    }

    /// Returns how many bytes it stores.
    pub(crate) fn buffered(&self) -> usize {
        let kind = match &self.kind {
            Kind::Probing(waiting) => waiting.buffered,
            Kind::Pop3(session, _) => session.buffered(),
            Kind::Other => 0,
        };
        kind + self.streams.iter().map(Stream::buffered).sum::<usize>()
    }

    /// Reads a segment. `from` is 0 if the side of the first packet sent it.
    pub(crate) fn segment(
        &mut self,
        segment: &Segment<'_>,
        time: Time,
        options: &Options,
        output: &mut Output<'_>,
    ) -> After {
        let from = usize::from(segment.from != self.who_sent_first());
        let to = 1 - from;
        self.last = time;
        if segment.checksum == Some(false) && options.checksums {
            self.deviation(4, from, time, output);
            return After::Open;
        }
        if matches!(self.kind, Kind::Other) {
            // A SYN may be forged, but then nothing is lost: it is recognized again.
            let again = segment.syn && segment.acknowledgement.is_none();
            let over = segment.fin || segment.rst;
            return if again {
                After::Again
            } else if over {
                After::Over
            } else {
                After::Open
            };
        }
        if let Some(after) = self.opens_again(segment, from, time, output) {
            return after;
        }
        if segment.rst {
            // It may be forged, so what follows is read. Silence ends the connection.
            return After::Open;
        }
        let sequence = segment.sequence.wrapping_add(segment.syn.into());
        if segment.syn {
            self.has_syn = true;
            self.streams[from].open(sequence);
        }
        self.store(segment, sequence, from, time, output);
        // What the capture lacks of this side shows now, before the other side's response to it is read.
        self.read(from, time, options, output, Stream::next_acknowledged);
        if let Some(acknowledgement) = segment.acknowledgement {
            self.streams[to].acknowledge(acknowledgement);
            self.read(to, time, options, output, Stream::next_acknowledged);
        }
        if self.streams[from].buffered() > options.flow_bytes {
            self.read(from, time, options, output, Stream::next_of_all);
        }
        if self.streams.iter().all(Stream::is_over) { After::Over } else { After::Open }
    }

    fn store(
        &mut self,
        segment: &Segment<'_>,
        sequence: u32,
        from: usize,
        time: Time,
        output: &mut Output<'_>,
    ) {
        match self.streams[from].segment(sequence, segment.bytes, segment.fin, time) {
            Effect::Stored => {}
            Effect::Conflict => self.deviation(0, from, time, output),
            Effect::TooFar => self.deviation(1, from, time, output),
        }
        if segment.urgent && !segment.bytes.is_empty() {
            // Whether the last urgent byte is part of the stream depends on the receiver's options.
            self.streams[from].distrust(sequence, segment.bytes.len());
            self.deviation(2, from, time, output);
        }
    }

    fn who_sent_first(&self) -> SocketAddr {
        match &self.kind {
            // The sides of a session are known, and may be the other way round.
            Kind::Pop3(_, Side::Server) => self.who.server,
            _ => self.who.client,
        }
    }

    /// Returns what a SYN inside this connection means. It opens a new one if the other side answers it. Alone it may be
    /// forged, to make an observer forget what it knows.
    fn opens_again(
        &mut self,
        segment: &Segment<'_>,
        from: usize,
        time: Time,
        output: &mut Output<'_>,
    ) -> Option<After> {
        let is_new = !self.streams.iter().any(Stream::is_seen);
        if !segment.syn || is_new || self.streams[from].began_with(segment.sequence.wrapping_add(1)) {
            return None;
        }
        match (segment.acknowledgement, self.syn_again) {
            (Some(next), Some((side, sequence))) if side != from && sequence == next.wrapping_sub(1) => {
                Some(After::Again)
            }
            // The answer to the SYN that opened this connection.
            (Some(_), _) if !self.streams[from].is_seen() => None,
            (answer, _) => {
                if answer.is_none() {
                    self.syn_again = Some((from, segment.sequence));
                }
                self.deviation(3, from, time, output);
                Some(After::Open)
            }
        }
    }

    /// Passes on what a stream gives.
    fn read(
        &mut self,
        from: usize,
        time: Time,
        options: &Options,
        output: &mut Output<'_>,
        next: fn(&mut Stream) -> Option<Chunk>,
    ) {
        while let Some(chunk) = next(&mut self.streams[from]) {
            match &mut self.kind {
                Kind::Probing(waiting) => {
                    waiting.add(from, chunk);
                    self.recognize(false, time, options, output);
                }
                Kind::Pop3(session, first) => {
                    let side = if from == 0 { *first } else { first.other() };
                    session.feed(side, &chunk, time, output);
                }
                Kind::Other => {}
            }
        }
    }

    /// Finds out what it is, with what there is. At the end, or if too much waits, a guess must do.
    fn recognize(&mut self, at_end: bool, time: Time, options: &Options, output: &mut Output<'_>) {
        let Kind::Probing(waiting) = &mut self.kind else { return };
        let must = at_end || waiting.buffered > options.probe_bytes;
        let [opener, acceptor] = &waiting.first;
        let (first, second) = (self.who.client.port(), self.who.server.port());
        let by_port = match (options.ports.contains(&first), options.ports.contains(&second)) {
            (false, true) => Some(Side::Client),
            (true, false) => Some(Side::Server),
            _ => None,
        };
        let side = match (probe(acceptor, opener), by_port) {
            (Probe::Unknown | Probe::Likely(_), _) if !must => return,
            // Seen from the middle, the first lines tell nothing, and the port must do.
            (_, Some(side)) if !self.has_syn => side,
            (Probe::Pop3(acceptor) | Probe::Likely(acceptor), _) => acceptor.other(),
            (Probe::Unknown, Some(side)) if !waiting.chunks.is_empty() => side,
            _ => {
                self.streams = [Stream::default(), Stream::default()];
                return self.kind = Kind::Other;
            }
        };
        let start = if self.has_syn { Start::Beginning } else { Start::Middle };
        self.start(side, start, time, options, output);
    }

    fn start(&mut self, side: Side, start: Start, time: Time, options: &Options, output: &mut Output<'_>) {
        let Kind::Probing(waiting) = std::mem::replace(&mut self.kind, Kind::Other) else { return };
        let client = usize::from(side == Side::Server);
        if side == Side::Server {
            std::mem::swap(&mut self.who.client, &mut self.who.server);
        }
        self.who.app_proto = Some("pop3");
        let start = if self.streams[1 - client].is_seen() { start } else { Start::ClientOnly };
        output.totals.sessions += 1;
        let mut session = Box::new(Session::new(self.who, start, options));
        for (from, chunk) in waiting.chunks {
            let side = if from == 0 { side } else { side.other() };
            session.feed(side, &chunk, time, output);
        }
        self.kind = Kind::Pop3(session, side);
    }

    fn deviation(&mut self, event: usize, from: usize, time: Time, output: &mut Output<'_>) {
        let count = &mut self.reported[event];
        if *count == MOST_REPORTS || matches!(self.kind, Kind::Other) {
            return;
        }
        *count += 1;
        let side = match &self.kind {
            Kind::Pop3(_, first) => {
                Some(crate::session::name(if from == 0 { *first } else { first.other() }))
            }
            _ => None,
        };
        output.anomaly(&self.who, time, Anomaly { side, ..Anomaly::stream(EVENTS[event]) });
    }

    /// Reads what is left, and ends the session.
    pub(crate) fn end(mut self, time: Time, options: &Options, output: &mut Output<'_>) {
        for from in [0, 1] {
            self.read(from, time, options, output, Stream::next_of_all);
        }
        self.recognize(true, time, options, output);
        if let Kind::Pop3(session, _) = self.kind {
            session.end(time, output);
        }
    }

    /// Reports that it is forgotten before its end.
    pub(crate) fn evicted(&self, time: Time, output: &mut Output<'_>) {
        if matches!(self.kind, Kind::Pop3(..)) {
            output.anomaly(&self.who, time, Anomaly::stream("FLOW_EVICTED"));
        }
    }
}

impl Waiting {
    fn add(&mut self, from: usize, chunk: Chunk) {
        /// No more is needed to recognize it.
        const FIRST: usize = 512;
        if let Chunk::Bytes(bytes, _) = &chunk {
            let first = &mut self.first[from];
            let room = FIRST.saturating_sub(first.len());
            first.extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.buffered += bytes.len();
        }
        self.buffered += 64;
        self.chunks.push((from, chunk));
    }
}
