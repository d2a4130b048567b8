//! This adapter, driven by the programs of the suite.

use pop3_adapter_suite::{
    Adapter, ClientProgram, Config, DROPPED, Ended, Fault, Link, ServerProgram, Then, USER,
};
use pop3_tokio::pop3_proto::{ClientConfig, Command};
use pop3_tokio::{Connection, Error, Session};
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream of the suite for tokio.
pub(crate) struct Stream(pub(crate) Link);

impl Stream {
    fn poll<T>(result: Result<T, Fault>, context: &Context<'_>) -> Poll<io::Result<T>> {
        match result {
            Ok(moved) => Poll::Ready(Ok(moved)),
            Err(Fault::NotNow) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(Fault::Silent) => Poll::Pending,
            Err(fault) => Poll::Ready(Err(fault.into())),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = self.0.read(buffer.initialize_unfilled());
        Self::poll(result.map(|count| buffer.advance(count)), context)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll(self.0.write(bytes), context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll(self.0.flush(), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// Runs a future until it is done. Returns `None` if the schedule drops it while it waits.
async fn or_drop<T>(link: &Link, future: impl Future<Output = T>) -> Option<T> {
    drop_if(future, || link.drops()).await
}

/// Does the same for a future after which the session cannot continue.
async fn or_drop_once<T>(link: &Link, future: impl Future<Output = T>) -> Option<T> {
    drop_if(future, || link.drops_once()).await
}

async fn drop_if<T>(future: impl Future<Output = T>, drops: impl Fn() -> bool) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if drops() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Starts TLS in place, or with another stream. Returns `None` if the future was dropped.
macro_rules! upgraded {
    ($link:ident, $pop3:ident, $start:ident) => {
        if $link.upgrades_in_place() {
            let shaken = shake(&$link).await;
            Some(shaken.map_err(Error::from).and_then(|()| $pop3.tls_started($start)).map(|()| $pop3))
        } else {
            or_drop_once(&$link, $pop3.start_tls($start, shaken)).await
        }
    };
}

/// Lets other tasks, and the clock of the test, run after a future was dropped.
async fn pause() {
    tokio::time::sleep(std::time::Duration::from_micros(1)).await;
}

pub(crate) struct Tokio;

impl Adapter for Tokio {
    fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended {
        run(client(link, config, program))
    }

    fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended {
        run(server(link, config, program))
    }

    fn log_in(link: Link, config: ClientConfig, log: &mut Vec<String>) -> Ended {
        run(log_in(link, config, log))
    }
}

/// Runs with a clock that advances when everything waits. The bound proves that the futures can be spawned.
pub(crate) fn run<T>(session: impl Future<Output = T> + Send) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(session)
}

async fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended {
    let mut pop3 = Connection::new(Stream(link.clone()), config);
    loop {
        let failed = match or_drop(&link, pop3.next()).await {
            None => {
                pause().await;
                continue;
            }
            Some(Ok(None)) => return Ended::Over,
            Some(Ok(Some((event, sender)))) => match program.handle(event, sender) {
                Then::StartTls(start) => {
                    loop {
                        match or_drop(&link, pop3.stream_for_tls(&start)).await.map(|ready| ready.map(drop)) {
                            None => pause().await,
                            Some(Ok(())) => break,
                            Some(Err(error)) => {
                                let ended = ended(error);
                                if !program.retries(&ended) {
                                    return ended;
                                }
                            }
                        }
                    }
                    pop3 = match upgraded!(link, pop3, start) {
                        None => return Ended::Dropped,
                        Some(Ok(pop3)) => pop3,
                        Some(Err(error)) => return ended(error),
                    };
                    program.send(&mut pop3.sender());
                    continue;
                }
                _ => continue,
            },
            Some(Err(error)) => ended(error),
        };
        if !program.retries(&failed) {
            if failed.lasts() {
                let again = pop3.next().await.map(drop).map_err(ended);
                assert_eq!(again, Err(failed.clone()), "a failed session goes on");
            }
            return failed;
        }
    }
}

async fn log_in(link: Link, config: ClientConfig, log: &mut Vec<String>) -> Ended {
    let mut pop3 = Connection::new(Stream(link.clone()), config);
    let [name, password] = USER;
    match or_drop_once(&link, pop3.log_in(name, password)).await {
        None => {
            log.push(DROPPED.into());
            pop3.close();
        }
        Some(Ok(way)) => {
            log.push(format!("{way:?}"));
            pop3.sender().send(Command::Quit).unwrap();
        }
        Some(Err(Error::Login { why, .. })) => {
            log.push(format!("{why:?}"));
            pop3.close();
        }
        Some(Err(error)) => return ended(error),
    }
    loop {
        match or_drop(&link, pop3.next()).await {
            None => pause().await,
            Some(Ok(Some((event, _)))) => log.push(format!("{event:?}")),
            Some(Ok(None)) => return Ended::Over,
            Some(Err(error)) => return ended(error),
        }
    }
}

async fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended {
    let mut pop3 = Session::new(Stream(link.clone()), config);
    loop {
        let failed = match or_drop(&link, pop3.next()).await {
            None => {
                pause().await;
                continue;
            }
            Some(Ok(None)) => return Ended::Over,
            Some(Ok(Some((event, responder)))) => match program.handle(event, responder) {
                Then::Next => continue,
                Then::Send(fetch) => {
                    match or_drop(&link, pop3.send_message(fetch, &mut program.body)).await {
                        None | Some(Ok(_)) => continue, // if it was dropped, `next` returns `Body`
                        Some(Err(error)) => ended(error),
                    }
                }
                Then::StartTls(start) => {
                    loop {
                        match or_drop(&link, pop3.stream_for_tls(&start)).await.map(|ready| ready.map(drop)) {
                            None => pause().await,
                            Some(Ok(())) => break,
                            Some(Err(error)) => {
                                let ended = ended(error);
                                if !program.retries(&ended) {
                                    return ended;
                                }
                            }
                        }
                    }
                    pop3 = match upgraded!(link, pop3, start) {
                        None => return Ended::Dropped,
                        Some(Ok(pop3)) => pop3,
                        Some(Err(error)) => return ended(error),
                    };
                    continue;
                }
            },
            Some(Err(error)) => ended(error),
        };
        if !program.retries(&failed) {
            if failed.lasts() {
                let again = pop3.next().await.map(drop).map_err(ended);
                assert_eq!(again, Err(failed.clone()), "a failed session goes on");
            }
            return failed;
        }
    }
}

/// Does the handshake.
async fn shake(link: &Link) -> io::Result<()> {
    std::future::poll_fn(|context| Stream::poll(link.start_tls(), context)).await
}

async fn shaken(stream: Stream) -> io::Result<Stream> {
    shake(&stream.0).await?;
    Ok(stream)
}

fn ended(error: Error) -> Ended {
    match error {
        Error::NothingDue => Ended::NothingDue,
        Error::Deadline => Ended::Deadline,
        Error::Io(error) => Ended::Io(error.kind()),
        Error::Connection(error) => Ended::Connection(error),
        other => Ended::Other(format!("{other}: {:?}", other.source())),
    }
}
