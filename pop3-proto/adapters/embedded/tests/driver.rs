//! This adapter, blocking and async, driven by the programs of the suite.

use embedded_io::{ErrorKind, ErrorType};
use pop3_adapter_suite::{
    Adapter, ClientProgram, Config, DROPPED, Ended, Fault, Link, ServerProgram, Then, USER,
};
use pop3_embedded::pop3_proto::Command;
use pop3_embedded::pop3_proto::client::ClientConfig;
use pop3_embedded::pop3_proto::login::Login;
use pop3_embedded::{Connection, Error, Session, StartTlsError};
use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The time, which jumps forward if the peer is silent.
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
            Fault::Error(io::ErrorKind::BrokenPipe) => ErrorKind::BrokenPipe,
            Fault::Error(_) => ErrorKind::InvalidData,
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
        Error::Io(ErrorKind::BrokenPipe) => Ended::Io(io::ErrorKind::BrokenPipe),
        Error::Io(_) => Ended::Io(io::ErrorKind::InvalidData),
        Error::Connection(error) => Ended::Connection(error),
        other => Ended::Other(format!("{other:?}")),
    }
}

/// Runs a future to its end. Returns `None` if, while it waited, the schedule dropped it or the clock
/// advanced.
async fn or_drop<T>(link: &Link, clock: &Clock, future: impl Future<Output = T>) -> Option<T> {
    drop_if(clock, future, || link.drops()).await
}

/// Does the same for a future after which the session cannot continue.
async fn or_drop_once<T>(link: &Link, clock: &Clock, future: impl Future<Output = T>) -> Option<T> {
    drop_if(clock, future, || link.drops_once()).await
}

async fn drop_if<T>(clock: &Clock, future: impl Future<Output = T>, drops: impl Fn() -> bool) -> Option<T> {
    let mut future = pin!(future);
    let start = clock.0.get();
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if drops() || clock.0.get() > start => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// How to wait for a blocking call, and for a future.
macro_rules! blocking {
    ($link:expr, $clock:expr, $call:expr) => {
        Some($call)
    };
}
macro_rules! or_dropped_once {
    ($link:expr, $clock:expr, $call:expr) => {
        or_drop_once($link, $clock, $call).await
    };
}
macro_rules! or_dropped {
    ($link:expr, $clock:expr, $call:expr) => {
        or_drop($link, $clock, $call).await
    };
}

/// Does the handshake, and again if it has to wait.
fn shake(stream: &Stream) -> Result<(), ErrorKind> {
    loop {
        match stream.0.start_tls() {
            Err(Fault::NotNow) => {}
            shaken => return stream.blocking(shaken),
        }
    }
}

fn shaken(stream: Stream) -> Result<Stream, ErrorKind> {
    shake(&stream).map(|()| stream)
}

async fn shaken_async(stream: Stream) -> Result<Stream, ErrorKind> {
    stream.waiting(Link::start_tls).await.map(|()| stream)
}

/// Starts TLS, in place or with another stream. Asks for the stream again after an error, if the program wants it.
macro_rules! handshake {
    ($wait:ident, $once:ident, $link:ident, $clock:ident, $pop3:ident, $stream_for_tls:ident, $start_tls:ident, $shaken:ident,
        $start:ident, $program:ident) => {
        loop {
            match $wait!(&$link, &$clock, $pop3.$stream_for_tls(&$start)) {
                None => {}
                Some(Ok(_)) => break,
                Some(Err(error)) => {
                    let ended = ended(error);
                    if !$program.retries(&ended) {
                        return ended;
                    }
                }
            }
        }
        if $link.upgrades_in_place() {
            if shake($pop3.stream_mut()).is_err() {
                return Ended::Io(io::ErrorKind::InvalidData);
            }
            $pop3.tls_started($start).unwrap();
        } else {
            $pop3 = match $once!(&$link, &$clock, $pop3.$start_tls($start, $shaken)) {
                None => return Ended::Dropped,
                Some(Ok(pop3)) => pop3,
                Some(Err(StartTlsError::Session(error))) => return ended(error),
                Some(Err(_)) => return Ended::Io(io::ErrorKind::InvalidData),
            };
        }
    };
}

/// Defines an adapter whose calls are waited for with `$wait`.
macro_rules! adapter {
    ($adapter:ident, $wait:ident, $once:ident, $next:ident, $log_in:ident, $send_message:ident, $stream_for_tls:ident, $start_tls:ident, $shaken:ident) => {
        pub(crate) struct $adapter;

        impl Adapter for $adapter {
            fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended {
                let clock = Clock::default();
                let stream = Stream(link.clone(), clock.clone());
                let (mut recv, mut send) = (vec![0; config.min_recv_buf()], vec![0; config.min_send_buf()]);
                let mut pop3 =
                    Connection::new(config, 1, stream, clock.now(), &mut recv[..], &mut send[..]).unwrap();
                block_on(async {
                    loop {
                        let failed = match $wait!(&link, &clock, pop3.$next()) {
                            None => continue,
                            Some(Ok(None)) => return Ended::Over,
                            Some(Ok(Some((event, sender)))) => match program.handle(event, sender) {
                                Then::StartTls(start) => {
                                    handshake!(
                                        $wait,
                                        $once,
                                        link,
                                        clock,
                                        pop3,
                                        $stream_for_tls,
                                        $start_tls,
                                        $shaken,
                                        start,
                                        program
                                    );
                                    program.send(&mut pop3.sender());
                                    continue;
                                }
                                _ => continue,
                            },
                            Some(Err(error)) => ended(error),
                        };
                        if !program.retries(&failed) {
                            if failed.lasts() {
                                let again = $wait!(&link, &clock, pop3.$next())
                                    .map(|again| again.map(drop).map_err(ended));
                                assert!(
                                    again.is_none_or(|again| again == Err(failed.clone())),
                                    "a failed session goes on"
                                );
                            }
                            return failed;
                        }
                    }
                })
            }

            fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended {
                let clock = Clock::default();
                let stream = Stream(link.clone(), clock.clone());
                let (mut recv, mut send) = (vec![0; config.min_recv_buf()], vec![0; config.min_send_buf()]);
                let pop3 = Session::new(config, 1, stream, clock.now(), &mut recv[..], &mut send[..]);
                let mut pop3 = pop3.unwrap();
                block_on(async {
                    loop {
                        let failed = match $wait!(&link, &clock, pop3.$next()) {
                            None => continue,
                            Some(Ok(None)) => return Ended::Over,
                            Some(Ok(Some((event, responder)))) => match program.handle(event, responder) {
                                Then::Next => continue,
                                Then::Send(fetch) => {
                                    match $wait!(&link, &clock, pop3.$send_message(fetch, &mut program.body))
                                    {
                                        None | Some(Ok(_)) => continue, // dropped: the next event is `Body`
                                        Some(Err(error)) => ended(error),
                                    }
                                }
                                Then::StartTls(start) => {
                                    handshake!(
                                        $wait,
                                        $once,
                                        link,
                                        clock,
                                        pop3,
                                        $stream_for_tls,
                                        $start_tls,
                                        $shaken,
                                        start,
                                        program
                                    );
                                    continue;
                                }
                            },
                            Some(Err(error)) => ended(error),
                        };
                        if !program.retries(&failed) {
                            if failed.lasts() {
                                let again = $wait!(&link, &clock, pop3.$next())
                                    .map(|again| again.map(drop).map_err(ended));
                                assert!(
                                    again.is_none_or(|again| again == Err(failed.clone())),
                                    "a failed session goes on"
                                );
                            }
                            return failed;
                        }
                    }
                })
            }

            fn log_in(link: Link, config: ClientConfig, log: &mut Vec<String>) -> Ended {
                let clock = Clock::default();
                let stream = Stream(link.clone(), clock.clone());
                let (mut recv, mut send) = (vec![0; config.min_recv_buf()], vec![0; config.min_send_buf()]);
                let mut pop3 =
                    Connection::new(config, 1, stream, clock.now(), &mut recv[..], &mut send[..]).unwrap();
                let [name, password] = USER;
                let login = Login::new(name.try_into().unwrap(), password.try_into().unwrap());
                block_on(async {
                    match $once!(&link, &clock, pop3.$log_in(login)) {
                        None => {
                            // A timer may have run out.
                            if let Err(error) = pop3.tick() {
                                return ended(error);
                            }
                            log.push(DROPPED.into());
                            pop3.close();
                        }
                        Some(Ok(way)) => {
                            log.push(format!("{way:?}"));
                            pop3.sender().send(Command::Quit).unwrap();
                        }
                        Some(Err(Error::Login(why))) => {
                            log.push(format!("{why:?}"));
                            pop3.close();
                        }
                        Some(Err(error)) => return ended(error),
                    }
                    loop {
                        match $wait!(&link, &clock, pop3.$next()) {
                            None => {}
                            Some(Ok(Some((event, _)))) => log.push(format!("{event:?}")),
                            Some(Ok(None)) => return Ended::Over,
                            Some(Err(error)) => return ended(error),
                        }
                    }
                })
            }
        }
    };
}

adapter!(Blocking, blocking, blocking, next, log_in, send_message, stream_for_tls, start_tls, shaken);
adapter!(
    Async,
    or_dropped,
    or_dropped_once,
    next_async,
    log_in_async,
    send_message_async,
    stream_for_tls_async,
    start_tls_async,
    shaken_async
);
