use super::app::App;
use super::{ClientSide, Cuts, Do, Seen, ServerSide, Size};
use pop3_proto::client::{self, Deletions};
use pop3_proto::server::{self, CloseReason};
use pop3_proto::{ConnectionError, TlsPolicy};

/// What two machines say to each other.
#[derive(Clone)]
pub(crate) struct Session<'s> {
    pub(crate) client: client::ClientConfig,
    pub(crate) steps: &'s [Do<'s>],
    pub(crate) server: server::ServerConfig<'static>,
    pub(crate) app: App,
}

/// How their bytes travel.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// From the client to the server, and back.
    pub(crate) up: Cuts,
    pub(crate) down: Cuts,
    pub(crate) client_sink: Size,
    pub(crate) server_sink: Size,
    /// The stream ends for the reader behind so many octets, and the others are lost.
    pub(crate) up_ends: Option<usize>,
    pub(crate) down_ends: Option<usize>,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outcome {
    pub(crate) seen: Vec<Seen>,
    pub(crate) asked: Vec<String>,
    /// The octets that arrived.
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    pub(crate) over: Option<Result<CloseReason, ConnectionError>>,
    pub(crate) deletions: Deletions,
    pub(crate) removed: Vec<u32>,
}

impl How {
    /// All octets at once, and large sinks.
    pub(crate) fn whole() -> Self {
        How {
            up: Cuts::Whole,
            down: Cuts::Whole,
            client_sink: Size::Heap(16 * 1024),
            server_sink: Size::Heap(16 * 1024),
            up_ends: None,
            down_ends: None,
        }
    }

    /// Octet by octet.
    pub(crate) fn octets() -> Self {
        How { up: Cuts::Each(1), down: Cuts::Each(1), ..Self::whole() }
    }
}

impl<'s> Session<'s> {
    /// In clear, with the usual application.
    pub(crate) fn new(steps: &'s [Do<'s>]) -> Self {
        Session {
            client: client::ClientConfig::new(TlsPolicy::Cleartext),
            steps,
            server: server::ServerConfig::new(TlsPolicy::Cleartext),
            app: App::new(),
        }
    }

    /// Runs both machines until neither can go on.
    pub(crate) fn run(&self, how: &How) -> Outcome {
        let (mut client_buffer, mut server_buffer) = (how.client_sink.buffer(), how.server_sink.buffer());
        let mut client = ClientSide::new(self.client, self.steps, how.client_sink.pipe(&mut client_buffer));
        let mut server =
            ServerSide::new(self.server, self.app.clone(), how.server_sink.pipe(&mut server_buffer));
        let mut up = Wire::new(&how.up, how.up_ends);
        let mut down = Wire::new(&how.down, how.down_ends);
        loop {
            client.run();
            server.run();
            let sent = up.carry(client.outgoing());
            client.sent(sent);
            let answered = down.carry(server.outgoing());
            server.sent(answered);
            if !server.is_ended() {
                server.receive(up.arrived());
            }
            if !client.is_ended() {
                client.receive(down.arrived());
            }
            let client_left = client.is_finished() && client.outgoing().is_empty() && sent == 0;
            let server_left = server.over.is_some() && server.outgoing().is_empty() && answered == 0;
            let mut moved = sent > 0 || answered > 0;
            if (up.is_cut() || client_left) && !server.is_ended() {
                server.end();
                moved = true;
            }
            if (down.is_cut() || server_left) && !client.is_ended() {
                client.end();
                moved = true;
            }
            if !moved {
                break;
            }
        }
        Outcome {
            deletions: client.client.deletions(),
            seen: client.seen,
            asked: server.app.asked,
            up: up.octets,
            down: down.octets,
            over: server.over,
            removed: server.app.removed,
        }
    }
}

/// One direction.
struct Wire {
    cuts: Cuts,
    ends: Option<usize>,
    octets: Vec<u8>,
    /// Where the octets begin that arrived last.
    last: usize,
}

impl Wire {
    fn new(cuts: &Cuts, ends: Option<usize>) -> Self {
        Wire { cuts: cuts.clone(), ends, octets: Vec::new(), last: 0 }
    }

    /// Takes the next octets off a sink and says how many.
    fn carry(&mut self, pending: &[u8]) -> usize {
        let count = self.cuts.next(self.octets.len(), pending.len());
        let left = self.ends.map_or(count, |end| end - self.octets.len());
        self.last = self.octets.len();
        self.octets.extend_from_slice(&pending[..count.min(left)]);
        count
    }

    fn arrived(&self) -> &[u8] {
        &self.octets[self.last..]
    }

    fn is_cut(&self) -> bool {
        self.ends == Some(self.octets.len())
    }
}
