use super::app::{App, Bodies, Later, MailSlots};
use super::{Cuts, Pipe, Size};
use pop3_proto::server::{CloseReason, Server, ServerConfig, StartTls, Step};
use pop3_proto::{ConnectionError, Input, MIN_SEND_BUF};

/// A server machine, its application and its buffers.
pub(crate) struct ServerSide<'s> {
    pub(crate) server: Server<MailSlots, ServerConfig<'static>>,
    pub(crate) app: App,
    sink: Box<dyn Pipe + 's>,
    /// Slices that were lent and go out behind what the sink holds.
    lent: Vec<u8>,
    unread: Vec<u8>,
    ended: bool,
    handshake: Option<StartTls>,
    body: Option<(Vec<u8>, usize)>,
    pub(crate) over: Option<Result<CloseReason, ConnectionError>>,
}

impl<'s> ServerSide<'s> {
    pub(crate) fn new(config: ServerConfig<'static>, app: App, sink: Box<dyn Pipe + 's>) -> Self {
        ServerSide {
            server: Server::new(config, 7),
            app,
            sink,
            lent: Vec::new(),
            unread: Vec::new(),
            ended: false,
            handshake: None,
            body: None,
            over: None,
        }
    }

    /// A server that reads `wire` and then the end of the stream: what it was asked, what it wrote, how it ended, what was removed.
    pub(crate) fn alone(
        config: ServerConfig<'static>,
        app: &App,
        wire: &[u8],
        cuts: &Cuts,
        size: Size,
    ) -> (Vec<String>, Vec<u8>, Result<CloseReason, ConnectionError>, Vec<u32>) {
        let mut buffer = size.buffer();
        let mut side = ServerSide::new(config, app.clone(), size.pipe(&mut buffer));
        let (mut cuts, mut at, mut output) = (cuts.clone(), 0, Vec::new());
        loop {
            side.run();
            let sent = side.outgoing().to_vec();
            side.sent(sent.len());
            output.extend_from_slice(&sent);
            if let (Some(over), true) = (side.over, side.outgoing().is_empty()) {
                return (side.app.asked, output, over, side.app.removed);
            }
            if sent.is_empty() && at < wire.len() {
                let count = cuts.next(at, wire.len() - at);
                side.receive(&wire[at..at + count]);
                at += count;
            } else if sent.is_empty() {
                assert!(!side.ended, "stuck: {:?}", side.server);
                side.end();
            }
        }
    }

    pub(crate) fn receive(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// What goes out next.
    pub(crate) fn outgoing(&self) -> &[u8] {
        if self.sink.pending().is_empty() { &self.lent } else { self.sink.pending() }
    }

    pub(crate) fn sent(&mut self, count: usize) {
        if self.sink.pending().is_empty() {
            self.lent.drain(..count);
        } else {
            self.sink.sent(count);
        }
    }

    /// Goes on until it needs something from the other side.
    pub(crate) fn run(&mut self) {
        while self.over.is_none() && self.lent.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            let mut input = if self.ended { Input::last(&unread) } else { Input::more(&unread) };
            let step = self.server.poll(&mut input, &mut *self.sink);
            let left = input.remaining();
            let goes_on = match step {
                Ok(Step::NeedInput) => {
                    assert!(
                        !self.ended && left < self.server.min_recv_buf(),
                        "a buffer of min_recv_buf() bytes would fill up"
                    );
                    assert!(self.sink.room() >= MIN_SEND_BUF);
                    false
                }
                Ok(Step::NeedSpace(full)) => {
                    assert!(!full.never_fits() && self.sink.room() < full.needed, "{full:?}");
                    false
                }
                Ok(Step::NeedBody) => self.send_body(),
                Ok(Step::Waiting) => self.start_tls(&unread[unread.len() - left..]),
                Ok(Step::Ask(ask)) => {
                    match self.app.answer(ask, &mut self.server, &mut *self.sink) {
                        Some(Later::Body(body)) => self.body = Some((body, 0)),
                        Some(Later::StartTls(start)) => self.handshake = Some(start),
                        None => {}
                    }
                    true
                }
                Ok(Step::Closed(why)) => self.end_with(Ok(why)),
                Err(fatal) => self.end_with(Err(fatal)),
            };
            self.unread = unread[unread.len() - left..].to_vec();
            if !goes_on {
                break;
            }
        }
    }

    fn end_with(&mut self, over: Result<CloseReason, ConnectionError>) -> bool {
        let again = self.server.poll(&mut Input::more(b"QUIT\r\n"), &mut *self.sink);
        match (over, again) {
            (Ok(why), Ok(Step::Closed(again))) => assert_eq!(why, again),
            (Err(fatal), Err(again)) => assert_eq!(fatal, again),
            (over, again) => panic!("{over:?}, then {again:?}"),
        }
        self.over = Some(over);
        false
    }

    /// The handshake: it begins when the answer to STLS was sent.
    fn start_tls(&mut self, unread: &[u8]) -> bool {
        match self.handshake.take() {
            Some(start) if self.sink.pending().is_empty() => {
                self.server.tls_started(start, Input::more(unread)).unwrap();
                true
            }
            start => {
                assert!(start.is_some(), "waiting for an answer that was given");
                self.handshake = start;
                false
            }
        }
    }

    fn send_body(&mut self) -> bool {
        let (body, at) = self.body.as_mut().expect("a message is open");
        if *at == body.len() || !self.server.wants_body() {
            self.body = None;
            self.server.finish_body().unwrap();
            return true;
        }
        match self.app.bodies {
            Bodies::Copied(most) => {
                let chunk = &body[*at..body.len().min(*at + most)];
                let taken = self.server.write_body(chunk, &mut *self.sink).unwrap();
                *at += taken;
                taken > 0
            }
            // A slice goes out behind what the sink holds.
            Bodies::Lent(_) if !self.sink.pending().is_empty() => false,
            Bodies::Lent(most) => {
                let chunk = &body[*at..body.len().min(*at + most)];
                let mut rest = chunk;
                while let Some(slice) = self.server.body_slice(&mut rest).unwrap() {
                    let borrowed = chunk.as_ptr_range().contains(&slice.as_ptr());
                    assert!(borrowed || [&b"\r\n"[..], b"\r\n."].contains(&slice), "a copy: {slice:?}");
                    self.lent.extend_from_slice(slice);
                }
                *at += chunk.len();
                true
            }
        }
    }
}
