use super::mismatch::Problem;
use super::{Cuts, Mismatch, Script, Side, Step, What};

/// One side of a dialogue, played from its script.
///
/// Like the machines, it does no I/O. Pass it the bytes that the other side wrote ([`received`](Self::received)),
/// send its [`pending`](Self::pending) bytes, and report how many you sent ([`sent`](Self::sent)). With the
/// feature `std`, it also implements [`Read`](std::io::Read) and [`Write`](std::io::Write), so it can replace a
/// socket.
///
/// The peer expects a line from the other side once all earlier lines were sent. A played client pipelines
/// consecutive lines, and the server under test may respond after the first of them.
///
/// ```
/// use pop3_proto::script::Script;
///
/// let script = Script::parse("S: +OK ready\nC: QUIT\nS: +OK bye").unwrap();
/// let mut server = script.server();
/// assert_eq!(server.pending(), b"+OK ready\r\n");
/// server.sent(11);
/// assert_eq!((server.pending(), server.expected()), (&b""[..], &b"QUIT\r\n"[..]));
/// server.received(b"QU").unwrap(); // in pieces of any size
/// server.received(b"IT\r\n").unwrap();
/// assert_eq!(server.pending(), b"+OK bye\r\n");
/// server.sent(9);
/// assert!(server.is_done());
/// ```
#[derive(Clone, Debug)]
pub struct Peer<'s> {
    script: &'s Script,
    side: Side,
    cuts: Cuts,
    /// The stream ends after the played side has sent this number of bytes.
    lost: Option<usize>,
    /// The first step that is not over.
    at: usize,
    /// The number of bytes sent.
    said: usize,
    /// The number of bytes received from the other side.
    heard: usize,
}

impl<'s> Peer<'s> {
    pub(super) const fn new(script: &'s Script, side: Side) -> Self {
        Peer { script, side, cuts: Cuts::None, lost: None, at: 0, said: 0, heard: 0 }
    }

    /// Cuts the bytes that this peer sends into pieces.
    ///
    /// ```
    /// use pop3_proto::script::{Cuts, Script};
    ///
    /// let script = Script::parse("S: +OK ready").unwrap();
    /// assert_eq!(script.server().cut(Cuts::Everywhere).pending(), b"+");
    /// ```
    #[must_use]
    pub const fn cut(self, cuts: Cuts) -> Self {
        Peer { cuts, ..self }
    }

    /// Drops the connection after this peer has sent `octets` bytes.
    ///
    /// ```
    /// use pop3_proto::script::Script;
    ///
    /// let script = Script::parse("S: +OK ready").unwrap();
    /// let mut server = script.server().lost_after(3);
    /// assert_eq!((server.pending(), server.closes()), (&b"+OK"[..], false));
    /// server.sent(3);
    /// assert_eq!((server.pending(), server.closes()), (&b""[..], true));
    /// ```
    #[must_use]
    pub const fn lost_after(self, octets: usize) -> Self {
        Peer { lost: Some(octets), ..self }
    }

    /// Returns the number of bytes that this peer sends in the whole dialogue, as [`Cuts::singles`] needs it.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.script.octets(self.side).len()
    }

    /// Returns the bytes to send now, up to the next cut or the next line of the other side. Returns an empty
    /// slice while the peer waits for the other side.
    #[must_use]
    pub fn pending(&self) -> &'s [u8] {
        let end = self.lost.unwrap_or(usize::MAX).min(self.may_say());
        let end = self.cuts.piece_end(self.said, end);
        self.script.octets(self.side).get(self.said..end).unwrap_or_default()
    }

    /// Reports that the first `count` pending bytes were sent. A larger `count` means all of them.
    pub fn sent(&mut self, count: usize) {
        self.said = self.said.saturating_add(count.min(self.pending().len()));
        self.advance();
    }

    /// Returns the bytes that the other side should write now. Returns an empty slice while it is this peer's turn.
    #[must_use]
    pub fn expected(&self) -> &'s [u8] {
        self.script.octets(self.side.other()).get(self.heard..self.may_hear()).unwrap_or_default()
    }

    /// Takes bytes that the other side wrote, and compares them with the script.
    ///
    /// # Errors
    /// Returns [`Mismatch`] if the bytes differ from the script or are too early. None of them then count as
    /// received.
    pub fn received(&mut self, octets: &[u8]) -> Result<(), Mismatch> {
        let same = self.expected().iter().zip(octets).take_while(|(expected, came)| expected == came).count();
        match octets.get(same..) {
            None | Some([]) => {
                self.heard = self.heard.saturating_add(same);
                self.advance();
                Ok(())
            }
            Some(rest) => Err(self.parted(same, rest)),
        }
    }

    /// Returns whether the dialogue is at `* TLS starts`.
    #[must_use]
    pub fn awaits_tls(&self) -> bool {
        self.is_at(What::TlsStarts)
    }

    /// Reports that TLS starts. Call this in place of the handshake.
    ///
    /// ```
    /// use pop3_proto::script::Script;
    ///
    /// let script = Script::parse("S: +OK ready\nC: STLS\nS: +OK\n* TLS starts\nC: CAPA").unwrap();
    /// let mut server = script.server();
    /// server.sent(usize::MAX);
    /// server.received(b"STLS\r\n").unwrap();
    /// assert!(server.tls_started().is_err());
    /// server.sent(usize::MAX);
    /// server.tls_started().unwrap();
    /// server.received(b"CAPA\r\n").unwrap();
    /// ```
    ///
    /// # Errors
    /// Returns [`Mismatch`] if the dialogue is not at `* TLS starts`.
    pub fn tls_started(&mut self) -> Result<(), Mismatch> {
        if self.awaits_tls() {
            self.at = self.at.saturating_add(1);
            self.advance();
            return Ok(());
        }
        Err(self.mismatch(self.step(), Problem::Tls, &[]))
    }

    /// Returns whether the stream ends here, at `* connection closes` or because the connection is
    /// [lost](Self::lost_after).
    #[must_use]
    pub fn closes(&self) -> bool {
        self.is_at(What::Closes) || self.lost.is_some_and(|lost| lost <= self.said)
    }

    /// Returns whether the dialogue is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.finish().is_ok()
    }

    /// Checks that the dialogue is complete. Call this after the code under test has ended.
    ///
    /// ```
    /// use pop3_proto::script::Script;
    ///
    /// let script = Script::parse("S: +OK ready\nC: QUIT\nS: +OK bye").unwrap();
    /// let mut server = script.server();
    /// server.sent(usize::MAX);
    /// assert_eq!(server.finish().unwrap_err().to_string(), "line 2: the client sent nothing\n  script  C: QUIT");
    /// ```
    ///
    /// # Errors
    /// Returns [`Mismatch`] with the next line of the script if the dialogue is not complete.
    pub fn finish(&self) -> Result<(), Mismatch> {
        let problem = match self.step().map(|step| step.what) {
            None | Some(What::Closes) => return Ok(()),
            Some(What::TlsStarts) => Problem::NoTls,
            Some(What::Says { from, .. }) if from == self.side => Problem::Unread,
            Some(What::Says { .. }) => Problem::Missing,
        };
        Err(self.mismatch(self.step(), problem, &[]))
    }

    fn step(&self) -> Option<&'s Step> {
        self.script.steps.get(self.at)
    }

    fn is_at(&self, what: What) -> bool {
        self.step().is_some_and(|step| step.what == what)
    }

    fn rest(&self) -> impl Iterator<Item = &'s Step> + use<'s> {
        self.script.steps.get(self.at..).unwrap_or_default().iter()
    }

    /// Moves to the first step that is not over.
    fn advance(&mut self) {
        let over = |step: &&Step| match step.what {
            What::Says { from, end, .. } => end <= if from == self.side { self.said } else { self.heard },
            What::TlsStarts | What::Closes => false,
        };
        self.at = self.at.saturating_add(self.rest().take_while(over).count());
    }

    /// Returns how far this side may send: up to the next line that it has not received.
    fn may_say(&self) -> usize {
        let mut may = self.said;
        for step in self.rest() {
            match step.what {
                What::Says { from, end, .. } if from == self.side => may = end,
                What::Says { end, .. } if end <= self.heard => {}
                _ => break,
            }
        }
        may
    }

    /// Returns how far the other side may send: up to the next line that this side has not sent. A server that
    /// has received the first of several pipelined lines may respond to all of them.
    fn may_hear(&self) -> usize {
        let says = |step: &Step| matches!(step.what, What::Says { from, .. } if from == self.side);
        let before = self.at.checked_sub(1).and_then(|before| self.script.steps.get(before));
        let mut begun = before.is_some_and(says);
        let mut may = self.heard;
        for step in self.rest() {
            match step.what {
                What::Says { from, .. } if from == self.side => {
                    if self.side == Side::Server || !begun {
                        break;
                    }
                }
                What::Says { end, .. } => (may, begun) = (end, false),
                What::TlsStarts | What::Closes => break,
            }
        }
        may
    }

    /// Returns the mismatch that follows `same` bytes that were as expected.
    fn parted(&self, same: usize, came: &[u8]) -> Mismatch {
        let mut here = self.clone();
        here.heard = here.heard.saturating_add(same);
        here.advance();
        let came = came.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default();
        if !here.expected().is_empty() {
            let mut due = here.rest().filter(
                |step| matches!(step.what, What::Says { from, end, .. } if from != here.side && end > here.heard),
            );
            return here.mismatch(due.next(), Problem::Differs, came);
        }
        match here.step() {
            Some(step) if matches!(step.what, What::Says { .. }) => {
                here.mismatch(Some(step), Problem::TooEarly, came)
            }
            Some(step) if step.what == What::TlsStarts => here.mismatch(Some(step), Problem::BeforeTls, came),
            _ => here.mismatch(None, Problem::Surplus, came),
        }
    }

    /// Builds the mismatch. `came` holds the bytes after the part of the step that was as expected.
    fn mismatch(&self, step: Option<&Step>, problem: Problem, came: &[u8]) -> Mismatch {
        let side = self.side.other();
        let line = step.and_then(|step| self.script.line(step));
        let before = match step.map(|step| step.what) {
            Some(What::Says { from, start, .. }) if from == side => {
                self.script.octets(side).get(start..self.heard).unwrap_or_default()
            }
            _ => &[],
        };
        Mismatch {
            line: step.map(|step| step.number),
            problem,
            side,
            due: line.map_or(side, |line| line.from),
            expected: line.map_or(&[][..], |line| line.octets).to_vec(),
            came: [before, came].concat(),
        }
    }
}
