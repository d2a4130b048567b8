//! Reading commands, and the order of turns.

use super::question::{Greet, Question, StartTls};
use super::reply::Then;
use super::{AsConfig, Ask, CloseReason, Maildrop, Server, Step, Turn};
use crate::codec::{Framed, LineEnding, State, frame};
use crate::error::ConnectionError;
use crate::input::Input;
use crate::sink::{BufferFull, MIN_SEND_BUF, Sink};

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Goes on until something is needed: reads commands, writes answers, asks.
    ///
    /// While output is pending, or the sink has less room than [`MIN_SEND_BUF`], no command is read: what the
    /// client pipelines stays in the caller's buffer.
    ///
    /// # Errors
    /// [`ConnectionError`], the same from then on. Nothing is removed.
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

    /// Whether a question is open.
    pub(crate) const fn is_asking(&self) -> bool {
        self.fatal.is_none() && matches!(self.turn, Turn::Asked(_))
    }

    /// From the line STLS on, until TLS is up, no octet in clear may come.
    const fn awaits_tls(&self) -> bool {
        match self.turn {
            Turn::StartTls | Turn::Asked(Question::StartTls) => true,
            Turn::Reply(reply) => matches!(reply.then, Then::StartTls),
            _ => false,
        }
    }

    /// Reads a line if there is room for its answer; `None` where the turn went on.
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

    /// Frames the next line. The bytes searched before hold no line end, unless the caller has replaced them: so that a line never holds
    /// two commands then, one that came in parts is looked at once more from its start.
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

    /// Takes octets up to the line end of an over-long line, which then gets its one `-ERR`.
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

    /// An AUTH line may be as long as a response: some clients put a long initial response in it all the same
    /// (RFC 5034 section 4).
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

    /// The sink is full: the output timer runs from the first time on, and anew whenever the sink has taken
    /// something.
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

    /// To be called before something is written, which may leave no more room than there was.
    pub(super) fn note_room(&mut self, sink: &dyn Sink) {
        if room(sink) > self.room {
            self.unblocked();
        }
    }

    /// The sink has room again: the timer that is next starts over.
    pub(super) fn unblocked(&mut self) {
        if core::mem::take(&mut self.blocked) {
            self.rearm();
        }
    }

    /// The client's turn begins, or it has said something: the autologout timer starts over. Neither is a sign that it takes slices.
    pub(super) fn turned(&mut self) {
        if self.lent == 0 {
            self.rearm();
        }
    }

    /// Starts the timer that is next over: for output while there is some that the client has not taken, else for autologout.
    pub(super) fn rearm(&mut self) {
        let timers = self.config.as_config().timers;
        self.clock.rearm(if self.blocked || self.lent > 0 { timers.output } else { timers.autologout });
    }
}

pub(super) fn room(sink: &dyn Sink) -> u32 {
    u32::try_from(sink.room()).unwrap_or(u32::MAX)
}
