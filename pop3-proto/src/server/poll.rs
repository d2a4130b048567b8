//! Reads commands, and orders the turns of client, server and application.

use super::question::{Greet, Question, StartTls};
use super::reply::Then;
use super::{AsConfig, Ask, CloseReason, Maildrop, Server, Step, Turn};
use crate::codec::{Framed, LineEnding, State, frame};
use crate::error::ConnectionError;
use crate::input::Input;
use crate::sink::{BufferFull, MIN_SEND_BUF, Sink};

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Continues until the server needs something from you: it reads commands, writes responses and asks questions.
    ///
    /// The server reads no command while output is pending, or while the sink has less room than [`MIN_SEND_BUF`].
    /// Pipelined commands stay in your buffer.
    ///
    /// # Errors
    /// Returns [`ConnectionError`], and the same error from then on. The server removes no message.
    pub fn poll<'i>(
        &mut self,
        input: &mut Input<'i>,
        sink: &mut dyn Sink,
    ) -> Result<Step<'i>, ConnectionError> {
        loop {
            if let Some(fatal) = self.fatal {
                return Err(fatal);
            }
            if self.awaits_tls() && input.remaining() > 0 {
                self.fatal = Some(ConnectionError::PlaintextAfterStls);
                continue;
            }
            match self.turn {
                Turn::Command | Turn::Response | Turn::Skip { .. } => {
                    if let Some(step) = self.read(input, sink) {
                        return Ok(step);
                    }
                }
                Turn::Reply(_) => {
                    self.note_room(sink);
                    if let Err(full) = self.write(sink) {
                        return Ok(self.needs_space(full, sink));
                    }
                    self.unblocked();
                }
                Turn::Start => {
                    self.turn = Turn::Asked(Question::Greet);
                    return Ok(Step::Ask(Ask::Greet(Greet { mark: self.new_mark() })));
                }
                Turn::StartTls => {
                    self.turn = Turn::Asked(Question::StartTls);
                    self.clock.rearm(self.config.as_config().timers.tls);
                    return Ok(Step::Ask(Ask::StartTls(StartTls { mark: self.new_mark() })));
                }
                Turn::Asked(_) => return Ok(Step::Waiting),
                Turn::Body(_) => return Ok(Step::NeedBody),
                Turn::Closed(why) => return Ok(Step::Closed(why)),
            }
        }
    }

    /// Returns whether a question is open.
    pub(crate) const fn is_asking(&self) -> bool {
        self.fatal.is_none() && matches!(self.turn, Turn::Asked(_))
    }

    /// Returns whether unencrypted bytes are forbidden: from the line STLS until TLS has started.
    const fn awaits_tls(&self) -> bool {
        match self.turn {
            Turn::StartTls | Turn::Asked(Question::StartTls) => true,
            Turn::Reply(reply) => matches!(reply.then, Then::StartTls),
            _ => false,
        }
    }

    /// Reads a line if there is room for its response. Returns `None` if the turn changed.
    fn read<'i>(&mut self, input: &mut Input<'i>, sink: &mut dyn Sink) -> Option<Step<'i>> {
        if sink.room() < MIN_SEND_BUF {
            return Some(
                self.needs_space(BufferFull { needed: MIN_SEND_BUF, capacity: sink.capacity() }, sink),
            );
        }
        self.unblocked();
        if let Turn::Skip { response } = self.turn {
            return self.skip(input, response);
        }
        let response = matches!(self.turn, Turn::Response);
        let limit = self.line_limit(response, input.unread());
        match self.frame(input.unread(), limit) {
            Framed::Line { content, ending, consumed } => {
                self.searched = 0;
                input.take(consumed);
                self.line(content, ending, consumed, response)
            }
            Framed::TooLong => {
                self.searched = 0;
                self.turn = Turn::Skip { response };
                None
            }
            Framed::Incomplete if input.is_last() => {
                self.end(CloseReason::End);
                None
            }
            Framed::Incomplete => {
                self.searched = u16::try_from(input.remaining()).unwrap_or_default();
                Some(Step::NeedInput)
            }
        }
    }

    /// Frames the next line. The bytes searched before contain no line end, unless the caller has replaced them. A
    /// line that arrived in parts is therefore searched again from its start, so it never contains two commands.
    fn frame<'i>(&self, unread: &'i [u8], limit: usize) -> Framed<'i> {
        let searched = usize::from(self.searched);
        if searched == 0 || searched > unread.len() {
            return frame(unread, 0, limit);
        }
        match frame(unread, searched, limit) {
            Framed::Incomplete => Framed::Incomplete,
            Framed::Line { .. } | Framed::TooLong => frame(unread, 0, limit),
        }
    }

    fn line<'i>(
        &mut self,
        content: &'i [u8],
        ending: LineEnding,
        consumed: usize,
        response: bool,
    ) -> Option<Step<'i>> {
        if self.state == State::Transaction {
            self.turned();
        }
        let next =
            if response { self.response(content, ending) } else { self.command(content, ending, consumed) };
        next.map(Step::Ask)
    }

    /// Skips the rest of a line that is too long. The server then responds with one `-ERR`.
    fn skip<'i>(&mut self, input: &mut Input<'i>, response: bool) -> Option<Step<'i>> {
        let line_end = memchr::memchr(b'\n', input.unread());
        input.take(line_end.map_or(input.remaining(), |offset| offset.saturating_add(1)));
        match line_end {
            Some(_) => self.too_long(response).map(Step::Ask),
            None if input.is_last() => {
                self.end(CloseReason::End);
                None
            }
            None => Some(Step::NeedInput),
        }
    }

    /// Returns the limit of the next line. An AUTH line may be as long as a response, because some clients put a long
    /// initial response in it (RFC 5034 section 4).
    fn line_limit(&self, response: bool, unread: &[u8]) -> usize {
        let limits = &self.config.as_config().limits;
        let auth = || {
            self.state == State::Authorization
                && !self.mechanisms().is_empty()
                && unread.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH "))
        };
        usize::from(match response {
            true => limits.sasl_line,
            false if auth() => limits.sasl_line.max(limits.command_line),
            false => limits.command_line,
        })
    }

    /// Notes that the sink is full. The output timer starts now, and starts over whenever the sink has taken bytes.
    pub(super) fn needs_space<'i>(&mut self, full: BufferFull, sink: &dyn Sink) -> Step<'i> {
        self.note_blocked(sink);
        Step::NeedSpace(full)
    }

    pub(super) fn note_blocked(&mut self, sink: &dyn Sink) {
        self.note_room(sink);
        if !self.blocked && self.lent == 0 {
            self.clock.rearm(self.config.as_config().timers.output);
        }
        (self.blocked, self.room) = (true, room(sink));
    }

    /// Notes new room in the sink. Call this before writing, because writing may use up the new room.
    pub(super) fn note_room(&mut self, sink: &dyn Sink) {
        if room(sink) > self.room {
            self.unblocked();
        }
    }

    /// Notes that the sink has room again. The next timer starts over.
    pub(super) fn unblocked(&mut self) {
        if core::mem::take(&mut self.blocked) {
            self.rearm();
        }
    }

    /// Restarts the autologout timer when the client's turn begins, or when it has sent a line. Neither means that it
    /// reads slices.
    pub(super) fn turned(&mut self) {
        if self.lent == 0 {
            self.rearm();
        }
    }

    /// Restarts the next timer: the output timer while the client has not read all output, otherwise the autologout
    /// timer.
    pub(super) fn rearm(&mut self) {
        let timers = self.config.as_config().timers;
        self.clock.rearm(if self.blocked || self.lent > 0 { timers.output } else { timers.autologout });
    }
}

pub(super) fn room(sink: &dyn Sink) -> u32 {
    u32::try_from(sink.room()).unwrap_or(u32::MAX)
}
