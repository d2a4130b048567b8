//! Sends a message, byte-stuffed, from the end of its status line to its terminator (RFC 1939 sections 3 and 7).

use super::poll::room;
use super::reply::{EndMark, Extent, Reply, Then, What};
use super::{AsConfig, Body, BodyError, Maildrop, Sent, Server, ServerConfig, Turn};
use crate::body::{BareLf, Stuff, TopFilter};
use crate::sink::Sink;

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Takes the next bytes of the message, as many as fit in the sink after byte-stuffing, and returns how many. If
    /// it returns 0, send the pending output. For TOP, it takes and drops the lines that were not requested.
    ///
    /// ```
    /// use pop3_proto::{Input, SendBuf, Server, TlsPolicy, server::Step};
    /// # use pop3_proto::{Text, UniqueId, server::{Ask, MessageInfo, ServerConfig}};
    /// # static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
    /// # let mut server = Server::new(&CONFIG, 1);
    /// # let mut buffer = [0; 1024];
    /// # let mut out = SendBuf::new(&mut buffer[..]);
    /// # let mut input = Input::more(b"USER mrose\r\nPASS secret\r\nRETR 1\r\n");
    /// # let fetch = loop {
    /// #     match server.poll(&mut input, &mut out).unwrap() {
    /// #         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut out).unwrap(),
    /// #         Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
    /// #         Step::Ask(Ask::Login(login, _credentials)) => {
    /// #             let slots = vec![MessageInfo::new(20, UniqueId::new(b"a-1").unwrap())];
    /// #             server.accept(login, slots).unwrap();
    /// #         }
    /// #         Step::Ask(Ask::Fetch(fetch)) => break fetch,
    /// #         step => panic!("{step:?}"),
    /// #     }
    /// # };
    /// # out.clear();
    ///
    /// // The client sent RETR, and `fetch` is the token of the question.
    /// server.send_body(fetch).unwrap();
    /// let mut rest: &[u8] = b"Subject: dots\n\n.\n"; // from the store
    /// while let Step::NeedBody = server.poll(&mut input, &mut out).unwrap() {
    ///     match rest {
    ///         [] => _ = server.finish_body().unwrap(),
    ///         _ => rest = &rest[server.write_body(rest, &mut out).unwrap()..],
    ///     }
    /// }
    /// assert_eq!(out.pending(), b"+OK 20 octets\r\nSubject: dots\r\n\r\n..\r\n.\r\n");
    /// ```
    ///
    /// # Errors
    /// Returns [`BodyError`], and takes no bytes, if no message is open or if the message contains a bare LF.
    pub fn write_body(&mut self, octets: &[u8], sink: &mut dyn Sink) -> Result<usize, BodyError> {
        self.is_alive()?;
        self.note_room(sink);
        if let Turn::Reply(Reply { then: Then::Body, .. }) = &self.turn {
            if self.write(sink).is_err() {
                self.note_blocked(sink);
                return Ok(0);
            }
        }
        let Turn::Body(body) = &mut self.turn else { return Err(BodyError::NoBody) };
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

    /// Returns the next bytes to send of the message, as a slice of it or a static slice, for drivers that write
    /// without copying. Send it after the pending bytes of the sink. Returns `None` when `octets` are used up. Report
    /// sent bytes with [`body_sent`](Self::body_sent).
    ///
    /// ```
    /// use std::io::{IoSlice, Write};
    /// # use pop3_proto::{Input, OctetCount, SendBuf, Server, Text, TlsPolicy, UniqueId};
    /// # use pop3_proto::server::{Ask, MessageInfo, ServerConfig, Step};
    /// # static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
    /// # let mut server = Server::new(&CONFIG, 1);
    /// # let mut send = SendBuf::new(vec![]);
    /// # let mut socket = Vec::new();
    /// # let mut input = Input::more(b"USER mrose\r\nPASS secret\r\nRETR 1\r\n");
    /// # let fetch = loop {
    /// #     match server.poll(&mut input, &mut send).unwrap() {
    /// #         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut send).unwrap(),
    /// #         Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
    /// #         Step::Ask(Ask::Login(login, _credentials)) => {
    /// #             let slots = vec![MessageInfo::new(8, UniqueId::new(b"a-1").unwrap())];
    /// #             server.accept(login, slots).unwrap();
    /// #         }
    /// #         Step::Ask(Ask::Fetch(fetch)) => break fetch,
    /// #         step => panic!("{step:?}"),
    /// #     }
    /// # };
    /// # send.clear();
    /// # server.send_body(fetch).unwrap();
    /// # assert!(matches!(server.poll(&mut input, &mut send).unwrap(), Step::NeedBody));
    /// // The message is open, its status line in the send.
    /// let mut rest: &[u8] = b"one\n.\n";
    /// let mut slices = vec![IoSlice::new(send.pending())];
    /// while let Some(slice) = server.body_slice(&mut rest).unwrap() {
    ///     slices.push(IoSlice::new(slice));
    /// }
    /// let pending = send.pending().len();
    /// let count = socket.write_vectored(&slices).unwrap(); // a socket may take less: keep count
    /// send.sent(pending);
    /// server.body_sent(count - pending, &send);
    /// # assert_eq!(socket, b"+OK 8 octets\r\none\r\n..\r\n");
    /// ```
    ///
    /// # Errors
    /// Returns [`BodyError`], and takes no bytes, if no message is open, if its status line is not written, or if the
    /// message contains a bare LF.
    pub fn body_slice<'c>(&mut self, octets: &mut &'c [u8]) -> Result<Option<&'c [u8]>, BodyError> {
        self.is_alive()?;
        // Changed in place, because a copy for each slice would cost more than the slice.
        let slice = match &mut self.turn {
            Turn::Body(body) if body.top().is_none() => body.stuff.next(octets)?,
            Turn::Body(body) => body.top_slice(octets)?,
            Turn::Reply(Reply { then: Then::Body, .. }) => return Err(BodyError::StatusPending),
            _ => return Err(BodyError::NoBody),
        };
        self.lend(slice.map_or(0, <[u8]>::len));
        Ok(slice)
    }

    /// Reports that `count` bytes of slices were sent. A larger `count` means all bytes that
    /// [`body_slice`](Self::body_slice) returned. Pass the sink whose bytes are sent before the slices.
    ///
    /// The output timer runs from the first slice until all slices are reported as sent, because a client that stops
    /// reading must not hold the session. It starts over if `count` is not 0, or if the sink has more room than at
    /// the last report. After everything is reported, the server waits for the application, and no timer runs while
    /// it reads its store. Report after each write, including the write that sends the last slice of a message,
    /// before or after [`finish_body`](Self::finish_body). Send the slices of one piece before you read the next
    /// piece from a slow store.
    ///
    /// ```no_run
    /// use pop3_proto::server::{Maildrop, Server, ServerConfig};
    /// use pop3_proto::SendBuf;
    /// use std::io::{self, IoSlice, Write};
    ///
    /// /// Writes once: first the pending bytes, then the slices. Returns the number of sent bytes of the slices.
    /// fn write<L: Maildrop>(
    ///     server: &mut Server<L>,
    ///     send: &mut SendBuf<Vec<u8>>,
    ///     slices: &[IoSlice<'_>],
    ///     socket: &mut impl Write,
    /// ) -> io::Result<usize> {
    ///     let mut all = vec![IoSlice::new(send.pending())];
    ///     all.extend_from_slice(slices);
    ///     let count = socket.write_vectored(&all)?;
    ///     let before = send.pending().len().min(count);
    ///     send.sent(before);
    ///     server.body_sent(count - before, send);
    ///     Ok(count - before)
    /// }
    /// ```
    pub fn body_sent(&mut self, count: usize, sink: &dyn Sink) {
        if self.lent == 0 {
            return;
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let room = room(sink);
        self.lent = self.lent.saturating_sub(count);
        self.blocked &= room <= self.room;
        if count > 0 || room > self.room {
            self.rearm();
        }
        self.room = room;
    }

    /// Counts the bytes of a slice for the driver. A further slice is not progress, so the timer only starts with the
    /// first one.
    fn lend(&mut self, octets: usize) {
        if self.lent == 0 && !self.blocked && octets > 0 {
            self.clock.rearm(self.config.as_config().timers.output);
        }
        self.lent = self.lent.saturating_add(u32::try_from(octets).unwrap_or(u32::MAX));
    }

    /// Returns whether the open message waits until the sink has more room.
    pub(crate) fn body_waits(&self, sink: &dyn Sink) -> bool {
        self.blocked && u32::try_from(sink.room()).unwrap_or(u32::MAX) <= self.room
    }

    /// Returns whether the server would send more bytes of the message. After TOP has its lines, this returns false,
    /// and you can stop reading the message. It also returns false if no message is open.
    #[must_use]
    pub const fn wants_body(&self) -> bool {
        match self.turn {
            Turn::Body(body) => !body.is_enough(),
            Turn::Reply(Reply { then: Then::Body, .. }) => true,
            _ => false,
        }
    }

    /// Reports that the message is complete. `poll` then writes its terminator.
    ///
    /// For RETR, this compares the octets that were sent with the size in the status line, unless that size was [an
    /// estimate](Self::send_body_estimated). If they differ, the message changed after its size was counted, and the
    /// client must not accept it as complete. The call then fails and changes nothing: the server writes no
    /// terminator, and the body stays open. If octets are missing, you can write them and call this again. If there
    /// are no more, or too many were sent, call [`close`](Self::close). Only the end of the connection tells the
    /// client that the message is incomplete.
    ///
    /// If a message cannot be completed, call `close`, not this.
    ///
    /// # Errors
    /// Returns [`BodyError::NoBody`] if no message is open.
    /// Returns [`BodyError::Size`] if the sizes differ.
    pub fn finish_body(&mut self) -> Result<Sent, BodyError> {
        self.is_alive()?;
        let (body, status) = match &self.turn {
            Turn::Body(body) => (*body, None),
            // The status line is not written yet, so no byte of the message was sent.
            Turn::Reply(Reply { what: what @ What::Message(extent), then: Then::Body }) => {
                (Body::new(&self.config.as_config(), *extent), Some(*what))
            }
            _ => return Err(BodyError::NoBody),
        };
        let sent = body.sent()?;
        let mark = body.end_mark();
        self.turn = Turn::Reply(match status {
            Some(what) => Reply { what, then: Then::EndMark(mark) },
            None => Reply::end_mark(mark),
        });
        Ok(sent)
    }

    /// Checks that there is no fatal error. After one, no message is open.
    const fn is_alive(&self) -> Result<(), BodyError> {
        if self.fatal.is_some() { Err(BodyError::NoBody) } else { Ok(()) }
    }
}

/// The number of bytes that one slice of TOP examines.
const WINDOW: usize = 1024;

impl Body {
    pub(super) const fn new(config: &ServerConfig<'_>, extent: Extent<u64>) -> Self {
        let extent = match extent {
            Extent::Exact(octets) => Extent::Exact(octets),
            Extent::Estimated(octets) => Extent::Estimated(octets),
            Extent::Top(lines) => Extent::Top(TopFilter::new(lines)),
        };
        Body { stuff: Stuff::new(config.bodies), extent }
    }

    /// Returns the size that was sent, with the line end that the terminator adds if the last line has none.
    fn sent(mut self) -> Result<Sent, BodyError> {
        self.stuff.finish();
        let octets = self.stuff.octets();
        match self.extent {
            Extent::Exact(stated) if stated != octets => Err(BodyError::Size { sent: octets, stated }),
            Extent::Exact(stated) | Extent::Estimated(stated) => Ok(Sent { octets, stated: Some(stated) }),
            Extent::Top(_) => Ok(Sent { octets, stated: None }),
        }
    }

    const fn top(&self) -> Option<&TopFilter> {
        match &self.extent {
            Extent::Top(top) => Some(top),
            Extent::Exact(_) | Extent::Estimated(_) => None,
        }
    }

    /// Returns the front part of these bytes that belongs to the response. For TOP, it examines at most `window`
    /// bytes. Otherwise a long chunk that is passed again would be examined each time.
    fn wanted<'c>(&self, octets: &'c [u8], window: usize) -> &'c [u8] {
        let Some(mut top) = self.top().copied() else { return octets };
        let window = octets.get(..window).unwrap_or(octets);
        window.get(..top.pass(window)).unwrap_or(window)
    }

    /// Returns the next slice of the requested part.
    fn top_slice<'c>(&mut self, octets: &mut &'c [u8]) -> Result<Option<&'c [u8]>, BodyError> {
        let wanted = self.wanted(octets, WINDOW);
        let mut left = wanted;
        let slice = self.stuff.next(&mut left)?;
        let taken = wanted.len().saturating_sub(left.len());
        self.take(wanted.get(..taken).unwrap_or(wanted));
        // The rest of the bytes is dropped once TOP has its lines.
        *octets = if self.is_enough() { &[] } else { octets.get(taken..).unwrap_or_default() };
        Ok(slice)
    }

    const fn is_enough(&self) -> bool {
        match self.top() {
            Some(top) => top.is_done(),
            None => false,
        }
    }

    /// Notes that these bytes were sent.
    fn take(&mut self, octets: &[u8]) {
        if let Extent::Top(top) = &mut self.extent {
            top.pass(octets);
        }
    }

    fn end_mark(&self) -> EndMark {
        let blank_line = self.top().is_some_and(TopFilter::needs_blank_line);
        let line_end = !self.stuff.begins_line();
        EndMark { line_end, blank_line }
    }
}

impl From<BareLf> for BodyError {
    fn from(_: BareLf) -> Self {
        BodyError::BareLf
    }
}
