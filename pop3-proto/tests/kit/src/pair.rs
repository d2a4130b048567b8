use crate::{App, Cuts, Host, Line, Memory, Player};
use pop3_proto::client::{self, Deletions};
use pop3_proto::server::{self, CloseReason};
use pop3_proto::{ConnectionError, Limits, MIN_SEND_BUF, TlsPolicy};

/// A session between a guest and a host.
#[derive(Clone)]
pub struct Dialogue<'s> {
    pub client: client::ClientConfig,
    /// The lines that the guest sends: see [`Player`].
    pub steps: &'s [&'s str],
    pub server: server::ServerConfig<'static>,
    pub app: App,
}

/// How their bytes travel.
#[derive(Clone, Debug)]
pub struct How {
    /// The cuts from the client to the server, and back.
    pub up: Cuts,
    pub down: Cuts,
    pub client_memory: Memory,
    pub server_memory: Memory,
    /// The stream ends for the reader after this many bytes, and the remaining bytes are lost.
    pub up_breaks: Option<usize>,
    pub down_breaks: Option<usize>,
}

/// The outcome of a dialogue.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub heard: Vec<String>,
    pub asked: Vec<String>,
    /// The `Debug` output of both.
    pub shown: Vec<String>,
    /// The bytes that arrived.
    pub up: Vec<u8>,
    pub down: Vec<u8>,
    pub end: Option<Result<CloseReason, ConnectionError>>,
    pub deletions: Deletions,
    pub removed: Vec<u32>,
}

impl How {
    /// Delivers all bytes at once, with large buffers.
    pub fn whole() -> Self {
        How {
            up: Cuts::Whole,
            down: Cuts::Whole,
            client_memory: Memory::growing(16 * 1024),
            server_memory: Memory::growing(16 * 1024),
            up_breaks: None,
            down_breaks: None,
        }
    }

    /// Delivers byte by byte.
    pub fn bytes() -> Self {
        How { up: Cuts::Each(1), down: Cuts::Each(1), ..Self::whole() }
    }

    /// Uses this memory for sending on both sides.
    pub fn with_memory(self, memory: &Memory) -> Self {
        How { client_memory: memory.clone(), server_memory: memory.clone(), ..self }
    }
}

/// Lines of AUTH that fit in the smallest send buffer.
pub const SMALL: Limits = Limits::DEFAULT.with_sasl_line(MIN_SEND_BUF as u16);

impl<'s> Dialogue<'s> {
    /// Returns a dialogue in cleartext, with the usual application.
    pub fn new(steps: &'s [&'s str]) -> Self {
        Dialogue {
            client: client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(SMALL),
            steps,
            server: server::ServerConfig::new(TlsPolicy::Cleartext).with_limits(SMALL),
            app: App::new(),
        }
    }

    /// Runs both sides until neither can continue.
    pub fn run(&self, how: &How) -> Outcome {
        let mut guest = Player::new(self.client, self.steps, how.client_memory.clone());
        let mut host = Host::with_app(self.server, self.app.clone()).sized(how.server_memory.clone());
        let mut up = Line::new(how.up, how.up_breaks);
        let mut down = Line::new(how.down, how.down_breaks);
        let mut hung_up = false;
        loop {
            guest.run();
            host.run();
            let sent = up.carry(guest.outgoing());
            guest.sent(sent);
            let answered = down.carry(host.outgoing());
            host.sent(answered);
            if !hung_up {
                host.receive(up.arrived());
            }
            if !guest.is_ended() {
                guest.guest.receive(down.arrived());
            }
            let client_left = guest.is_finished() && guest.outgoing().is_empty() && sent == 0;
            let server_left = host.end.is_some() && host.outgoing().is_empty() && answered == 0;
            let mut moved = sent > 0 || answered > 0;
            if (up.is_broken() || client_left) && !hung_up {
                host.end_stream();
                (hung_up, moved) = (true, true);
            }
            if (down.is_broken() || server_left) && !guest.is_ended() {
                guest.end();
                moved = true;
            }
            if !moved {
                break;
            }
        }
        Outcome {
            deletions: guest.guest.client().deletions(),
            heard: guest.heard,
            shown: [guest.shown, host.app.shown].concat(),
            asked: host.app.asked,
            up: up.bytes,
            down: down.bytes,
            end: host.end,
            removed: host.app.removed,
        }
    }
}
