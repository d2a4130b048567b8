//! Client against server over `embedded-io`, in two threads; and each against a peer that is slow or gone.

mod kit;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use kit::{Kept, Memory, account, no_clock};
use pop3_embedded::Error as SessionError;
use pop3_proto::client::Deletions;
use pop3_proto::server::CloseReason;
use pop3_proto::{ConnectionError, Timer};
use pop3_proto_bare_metal::blocking::{fetch, serve};
use pop3_proto_bare_metal::{Error, Fetched};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{iter, thread};

/// One end of a connection: a channel of bytes in each direction, which is full after 16.
struct End {
    from: Receiver<u8>,
    to: SyncSender<u8>,
}

impl End {
    fn pair() -> (End, End) {
        let ((to_far, from_near), (to_near, from_far)) = (sync_channel(16), sync_channel(16));
        (End { from: from_far, to: to_far }, End { from: from_near, to: to_near })
    }
}

impl ErrorType for End {
    type Error = ErrorKind;
}

impl Read for End {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let Ok(first) = self.from.recv() else { return Ok(0) };
        let octets = iter::once(first).chain(self.from.try_iter());
        Ok(to.iter_mut().zip(octets).map(|(to, octet)| *to = octet).count())
    }
}

impl Write for End {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.to.send(from[0]).map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[test]
fn every_message_arrives() {
    let (mut near, mut far) = End::pair();
    let (mut store, mut memory) = (Kept::default(), Memory::new());
    let sent = memory.sent();
    let server = thread::spawn(move || {
        let why = serve(&mut far, no_clock, 1, &mut memory.slots(), &mut memory);
        (why, memory.messages.len())
    });
    let fetched = fetch(&mut near, no_clock, account("tanstaaf"), &mut store);
    assert_eq!(fetched, Ok(Fetched { messages: 5, deletions: Deletions::Committed }));
    assert_eq!(server.join().unwrap(), (Ok(CloseReason::Quit), 0));
    assert_eq!(store.complete, sent);
}

/// A peer that sends this, a line at a time, and then stays silent or closes. It accepts this many bytes.
struct Peer {
    says: &'static [u8],
    stays: bool,
    takes: usize,
    took: Vec<u8>,
    flushes: usize,
}

impl ErrorType for Peer {
    type Error = ErrorKind;
}

impl Read for Peer {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let line = self.says.iter().position(|octet| *octet == b'\n').map_or(self.says.len(), |end| end + 1);
        let most = line.min(to.len());
        match self.says.read(&mut to[..most]) {
            Ok(0) if self.stays => Err(ErrorKind::TimedOut),
            Ok(count) => Ok(count),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        let count = self.takes.min(from.len());
        self.takes -= count;
        self.took.extend(&from[..count]);
        if count == 0 { Err(ErrorKind::TimedOut) } else { Ok(count) }
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushes += 1;
        if self.flushes % 2 == 0 { Ok(()) } else { Err(ErrorKind::TimedOut) } // as harmless as the other timeouts
    }
}

/// Returns a clock that advances by a second at each call.
fn clock() -> impl FnMut() -> Duration {
    let mut now = 0;
    move || {
        now += 1000;
        Duration::from_millis(now)
    }
}

fn fetch_from(says: &'static str, stays: bool, store: &mut Kept) -> Result<Fetched, Error<ErrorKind>> {
    fetch(
        &mut Peer { says: says.as_bytes(), stays, takes: usize::MAX, took: Vec::new(), flushes: 0 },
        clock(),
        account("tanstaaf"),
        store,
    )
}

fn serve_to(says: &'static str, stays: bool, takes: usize) -> Result<CloseReason, SessionError<ErrorKind>> {
    let mut memory = Memory::new();
    let mut peer = Peer { says: says.as_bytes(), stays, takes, took: Vec::new(), flushes: 0 };
    let why = serve(&mut peer, clock(), 1, &mut memory.slots(), &mut memory);
    assert_eq!(memory.messages.len(), 5, "nothing is removed");
    why
}

#[test]
fn silence_runs_into_the_timers() {
    let late = |timer| SessionError::Connection(ConnectionError::TimedOut(timer));
    assert_eq!(fetch_from("", true, &mut Kept::default()), Err(late(Timer::Greeting).into()));
    assert_eq!(fetch_from("+OK\r\n", true, &mut Kept::default()), Err(late(Timer::Answer).into()));
    assert_eq!(serve_to("", true, usize::MAX), Err(late(Timer::Login)));
    let login = "USER mrose\r\nPASS tanstaaf\r\n";
    assert_eq!(serve_to(login, true, usize::MAX), Err(late(Timer::Autologout)));
    // No peer takes the message, or the response to QUIT.
    assert_eq!(serve_to("USER mrose\r\nPASS tanstaaf\r\nRETR 5\r\n", true, 2000), Err(late(Timer::Output)));
    assert_eq!(serve_to("QUIT\r\n", true, 12), Err(late(Timer::Output)));
}

#[test]
fn who_is_gone_removes_nothing() {
    assert_eq!(
        serve_to("USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n", false, usize::MAX),
        Ok(CloseReason::End)
    );
    let mut store = Kept::default();
    let cut = "+OK\r\n+OK\r\n+OK\r\n+OK 2 9\r\n+OK\r\none\r\n.\r\n+OK\r\n+OK\r\ntwo\r\n";
    let eof = Error::Session(ConnectionError::UnexpectedEof.into());
    assert_eq!(fetch_from(cut, false, &mut store), Err(eof));
    assert_eq!(store.complete.into_iter().collect::<Vec<_>>(), [(1, b"one\r\n".to_vec())]);
    assert_eq!(store.partial[&2], b"two\r\n");
}

#[test]
fn a_message_that_is_refused_is_passed_over() {
    let mut store = Kept { unsafe_here: true, ..Kept::default() };
    let says = "+OK\r\n+OK\r\n+OK\r\n+OK 2 9\r\n-ERR gone\r\n+OK\r\ntwo\r\n.\r\n+OK bye\r\n";
    let fetched = fetch_from(says, false, &mut store);
    assert_eq!(fetched, Ok(Fetched { messages: 1, deletions: Deletions::NoneAsked }));
    assert!(store.complete.keys().eq(&[2]));
    assert_eq!(fetch_from("-ERR busy\r\n+OK\r\n", false, &mut store), Err(Error::Refused(None)));
}

/// The text is the same for both.
#[test]
fn a_wrong_name_is_refused_like_a_wrong_password() {
    let said = |login: &'static str| {
        let mut memory = Memory::new();
        let mut peer =
            Peer { says: login.as_bytes(), stays: false, takes: usize::MAX, took: Vec::new(), flushes: 0 };
        assert_eq!(serve(&mut peer, no_clock, 1, &mut memory.slots(), &mut memory), Ok(CloseReason::Quit));
        String::from_utf8(peer.took).unwrap()
    };
    let wrong_name = said("USER nobody\r\nPASS tanstaaf\r\nQUIT\r\n");
    assert_eq!(wrong_name, said("USER mrose\r\nPASS guess\r\nQUIT\r\n"));
    assert!(wrong_name.contains("-ERR [AUTH]"), "{wrong_name}");
}
