//! Sending a message: byte-stuffed, from where its status line ends to its end mark (RFC 1939 sections 3 and
//! 7).

use super::reply::{EndMark, Reply, Then};
use super::{AsConfig, Body, Config, Maildrop, Sent, Server, Turn, Unfit};
use crate::body::{BareLf, Stuff, TopFilter};
use crate::sink::Sink;

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Takes the next octets of the message, as many as the sink has room for once they are stuffed, and says
    /// how many. 0 asks to send what the sink holds. For TOP, what is not asked for is taken and dropped.
    ///
    /// ```
    /// use pop3_proto::{Input, Out, Server, TlsPolicy, server::Step};
    /// # use pop3_proto::{Text, UniqueId, server::{Announce, Ask, Config, Slot}};
    /// # static CONFIG: Config = Config::new(TlsPolicy::Cleartext);
    /// # let mut server = Server::new(&CONFIG, 1);
    /// # let mut buffer = [0; 1024];
    /// # let mut out = Out::new(&mut buffer);
    /// # let mut input = Input::more(b"USER mrose\r\nPASS secret\r\nRETR 1\r\n");
    /// # let fetch = loop {
    /// #     match server.poll(&mut input, &mut out).unwrap() {
    /// #         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::literal("ready"), &mut out).unwrap(),
    /// #         Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
    /// #         Step::Ask(Ask::Login(login, _credentials)) => {
    /// #             let slots = vec![Slot::new(20, UniqueId::new(b"a-1").unwrap())];
    /// #             server.accept(login, slots, Announce::default()).unwrap();
    /// #         }
    /// #         Step::Ask(Ask::Fetch(fetch)) => break fetch,
    /// #         step => panic!("{step:?}"),
    /// #     }
    /// # };
    /// # out.sent(usize::MAX);
    ///
    /// // RETR was asked about, and `fetch` is the question's token.
    /// server.send_body(fetch, 20).unwrap();
    /// let mut rest: &[u8] = b"Subject: dots\n\n.\n"; // as it lies in the store
    /// while let Step::NeedBody = server.poll(&mut input, &mut out).unwrap() {
    ///     match rest {
    ///         [] => server.finish_body().unwrap(),
    ///         _ => rest = &rest[server.write_body(rest, &mut out).unwrap()..],
    ///     }
    /// }
    /// assert_eq!(out.pending(), b"+OK 20 octets\r\nSubject: dots\r\n\r\n..\r\n.\r\n");
    /// ```
    ///
    /// # Errors
    /// [`Unfit`], with nothing taken.
    pub fn write_body(&mut self, octets: &[u8], sink: &mut dyn Sink) -> Result<usize, Unfit> {
        self.is_alive()?;
        self.note_room(sink);
        if let Turn::Reply(Reply { then: Then::Body, .. }) = &self.turn {
            if self.write(sink).is_err() {
                self.note_blocked(sink);
                return Ok(0);
            }
        }
        let Turn::Body(body) = &mut self.turn else { return Err(Unfit::NoBody) };
        let wanted = body.wanted(octets, sink.room());
        let taken = body.stuff.copy(wanted, sink)?;
        body.take(wanted.get(..taken).unwrap_or(wanted));
        if taken < octets.len() && !body.is_enough() {
            self.note_blocked(sink);
            return Ok(taken);
        }
        self.unblocked();
        Ok(octets.len())
    }

    /// The next octets to send of the message, as a slice of it or a static one: for drivers that write
    /// without copying. It goes out behind what the sink holds. `None` once `octets` are used up.
    ///
    /// ```
    /// use std::io::{IoSlice, Write};
    /// # use pop3_proto::{Input, Outbox, Server, Text, TlsPolicy, UniqueId, octets};
    /// # use pop3_proto::server::{Announce, Ask, Config, Slot, Step};
    /// # static CONFIG: Config = Config::new(TlsPolicy::Cleartext);
    /// # let mut server = Server::new(&CONFIG, 1);
    /// # let mut outbox = Outbox::new();
    /// # let mut socket = Vec::new();
    /// # let mut input = Input::more(b"USER mrose\r\nPASS secret\r\nRETR 1\r\n");
    /// # let fetch = loop {
    /// #     match server.poll(&mut input, &mut outbox).unwrap() {
    /// #         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::literal("ready"), &mut outbox).unwrap(),
    /// #         Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
    /// #         Step::Ask(Ask::Login(login, _credentials)) => {
    /// #             let slots = vec![Slot::new(8, UniqueId::new(b"a-1").unwrap())];
    /// #             server.accept(login, slots, Announce::default()).unwrap();
    /// #         }
    /// #         Step::Ask(Ask::Fetch(fetch)) => break fetch,
    /// #         step => panic!("{step:?}"),
    /// #     }
    /// # };
    /// # outbox.sent(usize::MAX);
    /// # server.send_body(fetch, 8).unwrap();
    /// # assert!(matches!(server.poll(&mut input, &mut outbox).unwrap(), Step::NeedBody));
    /// // The message is open, its status line in the outbox.
    /// let mut rest: &[u8] = b"one\n.\n";
    /// let mut slices = vec![IoSlice::new(outbox.pending())];
    /// while let Some(slice) = server.body_slice(&mut rest).unwrap() {
    ///     slices.push(IoSlice::new(slice));
    /// }
    /// let count = socket.write_vectored(&slices).unwrap(); // a socket may take less: keep count
    /// # assert_eq!(count, slices.iter().map(|slice| slice.len()).sum());
    /// # assert_eq!(socket, b"+OK 8 octets\r\none\r\n..\r\n");
    /// ```
    ///
    /// # Errors
    /// [`Unfit`], with nothing taken.
    pub fn body_slice<'c>(&mut self, octets: &mut &'c [u8]) -> Result<Option<&'c [u8]>, Unfit> {
        self.is_alive()?;
        // Changed where it lies: a copy out and in for each slice costs more than the slice.
        match &mut self.turn {
            Turn::Body(body) => {
                let slice =
                    if body.top.is_none() { body.stuff.next(octets)? } else { body.top_slice(octets)? };
                body.lent = true;
                self.clock.rearm(self.config.as_config().timers.output);
                Ok(slice)
            }
            Turn::Reply(Reply { then: Then::Body, .. }) => Err(Unfit::StatusPending),
            _ => Err(Unfit::NoBody),
        }
    }

    /// Whether the message that is open waits for the sink to have more room than it had.
    pub(crate) fn body_waits(&self, sink: &dyn Sink) -> bool {
        self.blocked && u32::try_from(sink.room()).unwrap_or(u32::MAX) <= self.room
    }

    /// Whether nothing that follows of the message would be sent: TOP has its lines, and the application may
    /// stop reading.
    #[must_use]
    pub const fn enough(&self) -> bool {
        match self.turn {
            Turn::Body(body) => body.is_enough(),
            _ => false,
        }
    }

    /// The message is complete: `poll` writes its end mark. A message that cannot be completed must not be
    /// finished, but [`close`](Self::close)d: only a connection that ends tells the client that it is not
    /// whole.
    ///
    /// # Errors
    /// [`Unfit::NoBody`]
    pub fn finish_body(&mut self) -> Result<(), Unfit> {
        self.is_alive()?;
        self.turn = match &self.turn {
            Turn::Body(body) => Turn::Reply(Reply::end_mark(body.end_mark())),
            // The status line is still to come, so nothing of the message was sent.
            Turn::Reply(reply @ Reply { then: Then::Body, .. }) => {
                let reply = *reply;
                let body = Body::new(&self.config.as_config(), reply.top(), reply.stated());
                Turn::Reply(Reply { then: Then::EndMark(body.end_mark()), ..reply })
            }
            _ => return Err(Unfit::NoBody),
        };
        Ok(())
    }

    /// As [`finish_body`](Self::finish_body), and says whether the client was told the truth about its size.
    ///
    /// # Errors
    /// [`Unfit::NoBody`]
    pub fn end_body(&mut self) -> Result<Sent, Unfit> {
        let sent = match self.turn {
            Turn::Body(mut body) => {
                body.stuff.finish();
                Sent { octets: body.stuff.octets(), stated: body.stated }
            }
            Turn::Reply(reply) => Sent { octets: 0, stated: reply.stated() },
            _ => return Err(Unfit::NoBody),
        };
        self.finish_body()?;
        Ok(sent)
    }

    /// Behind a fatal error no message is open.
    const fn is_alive(&self) -> Result<(), Unfit> {
        if self.fatal.is_some() { Err(Unfit::NoBody) } else { Ok(()) }
    }
}

/// How many octets one slice of TOP looks at.
const WINDOW: usize = 1024;

impl Body {
    /// The whole message, or for TOP so many lines of its body.
    pub(super) fn new(config: &Config<'_>, top: Option<u64>, stated: Option<u64>) -> Self {
        Body { stuff: Stuff::new(config.bodies), top: top.map(TopFilter::new), stated, lent: false }
    }

    /// What at the front of these octets belongs to the answer. Where that takes a look at them, it is at no
    /// more than `window`: a long chunk, handed in again as it was left, would be looked at anew each time.
    fn wanted<'c>(&self, octets: &'c [u8], window: usize) -> &'c [u8] {
        let Some(mut top) = self.top else { return octets };
        let window = octets.get(..window).unwrap_or(octets);
        window.get(..top.pass(window)).unwrap_or(window)
    }

    /// The next slice of what is asked for.
    fn top_slice<'c>(&mut self, octets: &mut &'c [u8]) -> Result<Option<&'c [u8]>, Unfit> {
        let wanted = self.wanted(octets, WINDOW);
        let mut left = wanted;
        let slice = self.stuff.next(&mut left)?;
        let taken = wanted.len().saturating_sub(left.len());
        self.take(wanted.get(..taken).unwrap_or(wanted));
        // The rest of the octets, if any, is not asked for once there are enough.
        *octets = if self.is_enough() { &[] } else { octets.get(taken..).unwrap_or_default() };
        Ok(slice)
    }

    const fn is_enough(&self) -> bool {
        match self.top {
            Some(top) => top.is_done(),
            None => false,
        }
    }

    /// These octets went out.
    fn take(&mut self, octets: &[u8]) {
        if let Some(top) = &mut self.top {
            top.pass(octets);
        }
    }

    fn end_mark(&self) -> EndMark {
        let blank_line = self.top.is_some_and(|top| top.needs_blank_line());
        let line_end = !self.stuff.begins_line();
        EndMark { line_end, blank_line }
    }
}

impl From<BareLf> for Unfit {
    fn from(_: BareLf) -> Self {
        Unfit::BareLf
    }
}
