//! The suite that every adapter passes, blocking and async.

use crate::kit::block_on;
use embedded_io::{Error as _, ErrorKind, ErrorType};
use pop3_adapter_suite as suite;
use pop3_adapter_suite::{Adapter, ClientProgram, Config, Ended, Fault, Link, ServerProgram, Then};
use pop3_embedded::pop3_proto::client::ClientConfig;
use pop3_embedded::{Connection, Error, Session, StartTlsError};
use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// The time, which goes far on if the peer is silent.
#[derive(Clone, Default)]
struct Clock(Rc<Cell<Duration>>);

impl Clock {
    const LATE: Duration = Duration::from_secs(1 << 20);

    fn now(&self) -> impl FnMut() -> Duration + use<> {
        let time = Rc::clone(&self.0);
        move || time.get()
    }
}

/// The stream of the suite.
struct Stream(Link, Clock);

impl Stream {
    fn blocking<T>(&self, result: Result<T, Fault>) -> Result<T, ErrorKind> {
        result.map_err(|fault| match fault {
            Fault::NotNow => ErrorKind::TimedOut,
            Fault::Silent => {
                self.1.0.set(Clock::LATE);
                ErrorKind::TimedOut
            }
            Fault::Error(kind) => kind.into(),
        })
    }

    /// Waits if nothing moves for now.
    async fn waiting<T>(&self, mut call: impl FnMut(&Link) -> Result<T, Fault>) -> Result<T, ErrorKind> {
        std::future::poll_fn(|_| match call(&self.0) {
            Err(Fault::NotNow) => Poll::Pending,
            Err(Fault::Silent) => {
                self.1.0.set(Clock::LATE);
                Poll::Pending
            }
            result => Poll::Ready(self.blocking(result)),
        })
        .await
    }
}

impl ErrorType for Stream {
    type Error = ErrorKind;
}

impl embedded_io::Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        self.blocking(self.0.read(to))
    }
}

impl embedded_io::Write for Stream {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.blocking(self.0.write(from))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.blocking(self.0.flush())
    }
}

impl embedded_io_async::Read for Stream {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        self.waiting(|link| link.read(to)).await
    }
}

impl embedded_io_async::Write for Stream {
    async fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.waiting(|link| link.write(from)).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.waiting(Link::flush).await
    }
}

fn ended(error: Error<ErrorKind>) -> Ended {
    match error {
        Error::NothingDue => Ended::NothingDue,
        Error::Deadline => Ended::Deadline,
        Error::Io(error) => Ended::Io(error.kind().into()),
        Error::Connection(error) => Ended::Connection(error),
        other => Ended::Other(format!("{other:?}")),
    }
}

fn shaken(stream: Stream) -> Result<Stream, Infallible> {
    stream.0.start_tls();
    Ok(stream)
}

/// Runs a future to its end. `None`: the schedule has dropped it, or the clock went on, while it waited.
async fn or_drop<T>(link: &Link, clock: &Clock, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let start = clock.0.get();
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if link.drops() || clock.0.get() > start => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// The two sessions. `$wait` is how a call is waited for: `None` if its future was dropped.
macro_rules! adapter {
    ($adapter:ident, $next:ident, $send_message:ident, $stream_for_tls:ident, $start_tls:ident, $shaken:expr, $wait:expr) => {
        struct $adapter;

        impl Adapter for $adapter {
            fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended {
                let clock = Clock::default();
                let stream = Stream(link.clone(), clock.clone());
                let (recv, send) = (vec![0; config.min_recv_buf()], vec![0; config.min_send_buf()]);
                let mut pop3 = Connection::new(config, 1, stream, clock.now(), recv, send).unwrap();
                block_on(async {
                    loop {
                        let failed = match $wait(&link, &clock, async || pop3.$next().await).await {};
                    }
                })
            }
        }
    };
}
