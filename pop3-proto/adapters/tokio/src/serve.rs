use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long to wait if no connection can be accepted, for example because of too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Ends [`serve`], and the sessions that [have it](crate::Session::with_shutdown). Clones end the same ones.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// Returns a handle for one server.
    #[must_use]
    pub fn new() -> Self {
        Shutdown(Arc::new(watch::Sender::new(false)))
    }

    /// Ends the server. No more connections are accepted, and sessions end instead of waiting for the next command. Responses that are
    /// being written are completed; a session without QUIT removes nothing.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether the server must end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for [`stop`](Self::stop).
    pub async fn stopped(&self) {
        // It fails only if there is no sender, and `self` is a sender.
        self.0.subscribe().wait_for(|stopped| *stopped).await.ok();
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves each connection in a separate task, up to `most` at a time, until [`Shutdown::stop`]. Then it waits up to `grace` for the running
/// sessions, and aborts the rest. If the future is dropped, all sessions are aborted.
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// use pop3_tokio::{Shutdown, serve};
/// use std::time::Duration;
/// use tokio::net::TcpListener;
///
/// let shutdown = Shutdown::new();
/// let stop = shutdown.clone();
/// tokio::spawn(async move {
///     tokio::signal::ctrl_c().await.ok();
///     stop.stop();
/// });
/// serve(TcpListener::bind("localhost:110").await?, 10_000, Duration::from_secs(10), shutdown, |socket, shutdown| async {
///     // A `Session` on the socket, with this `shutdown`.
///     # drop((socket, shutdown));
/// }).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve<F, T>(listener: TcpListener, most: usize, grace: Duration, shutdown: Shutdown, session: F)
where
    F: Fn(TcpStream, Shutdown) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let mut sessions = JoinSet::new();
    let mut stopped = pin!(shutdown.stopped());
    loop {
        let accepted = poll_fn(|context| {
            while let Poll::Ready(Some(_)) = sessions.poll_join_next(context) {}
            if stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            if sessions.len() >= most.max(1) {
                return Poll::Pending;
            }
            listener.poll_accept(context).map(Some)
        });
        match accepted.await {
            None => break,
            Some(Ok((socket, _))) => {
                socket.set_nodelay(true).ok();
                sessions.spawn(session(socket, shutdown.clone()));
            }
            Some(Err(error)) if is_one_connections(&error) => {}
            Some(Err(_)) => {
                if timeout(PAUSE, stopped.as_mut()).await.is_ok() {
                    break;
                }
            }
        }
    }
    drop(listener);
    let ended = async { while sessions.join_next().await.is_some() {} };
    timeout(grace, ended).await.ok();
}

/// Returns whether the error belongs to the connection, so the next one can be accepted at once.
fn is_one_connections(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
