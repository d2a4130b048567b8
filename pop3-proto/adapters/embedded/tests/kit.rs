//! A stream to a peer that follows a script, and an executor.

pub(crate) use crate::driver::block_on;
use embedded_io::{ErrorKind, ErrorType};
use pop3_embedded::pop3_proto::script::{Peer, Script};
use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The faults of a stream that a test chooses.
#[derive(Default)]
pub(crate) struct Faults {
    /// Whether reads give up if the script waits, instead of failing.
    pub(crate) patient: bool,
    /// Writes accept this many bytes in all, and then give up.
    pub(crate) takes: Option<usize>,
    /// Writes return 0.
    pub(crate) write_zero: bool,
}

/// A stream. Written bytes reach the peer with the next flush, as over TLS.
pub(crate) struct Stream<'s> {
    peer: RefCell<Peer<'s>>,
    held: Vec<u8>,
    faults: Faults,
    /// The written bytes, once the peer no longer receives them.
    ignored: Option<Vec<u8>>,
    flushes: usize,
}

impl<'s> Stream<'s> {
    pub(crate) fn new(peer: Peer<'s>) -> Self {
        Self::with(peer, Faults::default())
    }

    pub(crate) fn with(peer: Peer<'s>, faults: Faults) -> Self {
        Stream { peer: RefCell::new(peer), held: Vec::new(), faults, ignored: None, flushes: 0 }
    }

    /// Does the handshake.
    pub(crate) fn start_tls(self) -> Self {
        assert!(self.held.is_empty(), "all is flushed before the handshake");
        self.peer.borrow_mut().tls_started().unwrap();
        self
    }

    /// Checks that the script is complete.
    pub(crate) fn finish(&self) {
        assert!(self.held.is_empty(), "not flushed: {}", self.held.escape_ascii());
        self.peer.borrow().finish().unwrap();
    }

    /// From now on, keeps the written bytes instead of passing them to the peer.
    pub(crate) fn ignore(&mut self) {
        self.ignored = Some(Vec::new());
    }

    pub(crate) fn said(&self) -> &[u8] {
        self.ignored.as_deref().unwrap_or_default()
    }

    fn read_now(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.peer.borrow_mut().read(to) {
            Err(_) if self.faults.patient => Err(ErrorKind::TimedOut),
            Err(error) => panic!("{error}"),
            Ok(count) => Ok(count),
        }
    }

    fn write_now(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        if self.faults.write_zero {
            return Ok(0);
        }
        let count = self.faults.takes.unwrap_or(usize::MAX).min(from.len());
        if count == 0 {
            return Err(ErrorKind::TimedOut);
        }
        self.faults.takes = self.faults.takes.map(|takes| takes - count);
        self.held.extend(&from[..count]);
        Ok(count)
    }

    /// The first attempt of each flush gives up.
    fn flush_now(&mut self) -> Result<(), ErrorKind> {
        self.flushes += 1;
        if self.flushes % 2 == 1 {
            return Err(ErrorKind::Interrupted);
        }
        let held = std::mem::take(&mut self.held);
        if let Some(ignored) = &mut self.ignored {
            ignored.extend(held);
            return Ok(());
        }
        let mut peer = self.peer.borrow_mut();
        peer.write_all(&held).unwrap_or_else(|error| panic!("{error}"));
        Ok(())
    }
}

impl ErrorType for Stream<'_> {
    type Error = ErrorKind;
}

impl embedded_io::Read for Stream<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        self.read_now(to)
    }
}

impl embedded_io::Write for Stream<'_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.write_now(from)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flush_now()
    }
}

impl embedded_io_async::Read for Stream<'_> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        pause().await;
        self.read_now(to)
    }
}

impl embedded_io_async::Write for Stream<'_> {
    async fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        pause().await;
        self.write_now(from)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        pause().await;
        self.flush_now()
    }
}

/// Waits once.
async fn pause() {
    let mut waited = false;
    std::future::poll_fn(
        |_| {
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
    .await;
}

/// Polls a future once, and drops it if it waits.
pub(crate) fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Returns a script that lives as long as the tests run.
pub(crate) fn script(text: &str) -> &'static Script {
    Box::leak(Box::new(Script::parse(text).unwrap()))
}

/// A clock that never advances.
pub(crate) fn still() -> Duration {
    Duration::ZERO
}

thread_local! {
    static TIME: Cell<u64> = const { Cell::new(0) };
}

/// A clock that advances by a second at each call.
pub(crate) fn fast() -> Duration {
    TIME.with(|time| Duration::from_secs(time.replace(time.get() + 1)))
}

/// A message source that fails.
pub(crate) struct Broken;

impl ErrorType for Broken {
    type Error = ErrorKind;
}

impl embedded_io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Other)
    }
}
