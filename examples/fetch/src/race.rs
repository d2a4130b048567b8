//! Connects to a name with several addresses, according to RFC 8305.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// How long to try one address before trying the next one too.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to a host within this time.
pub(super) async fn connect(host: &str, port: u16, time: Duration) -> io::Result<TcpStream> {
    let start = Instant::now();
    let addresses =
        timeout(time, lookup_host((host, port))).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
    let addresses =
        addresses.map_err(|error| io::Error::new(error.kind(), format!("cannot look up {host}: {error}")))?;
    let stream = race(interleaved(addresses), time.saturating_sub(start.elapsed()), TcpStream::connect).await;
    let stream =
        stream.map_err(|error| io::Error::new(error.kind(), format!("cannot connect to {host}: {error}")))?;
    stream.set_nodelay(true)?; // commands are small, and each is sent when it is complete
    Ok(stream)
}

/// Alternates between the two address families, beginning with the one that the system prefers.
fn interleaved(addresses: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut addresses = addresses.peekable();
    let is_first_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.partition(|address| address.is_ipv6() == is_first_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut both = VecDeque::new();
    loop {
        let pair = (first.next(), second.next());
        both.extend(pair.0);
        both.extend(pair.1);
        if pair == (None, None) {
            return both;
        }
    }
}

/// Tries the addresses one after the other. Each starts a moment after the previous one, or once that one has failed. Returns the first
/// that answers.
async fn race<T, F>(
    mut addresses: VecDeque<SocketAddr>,
    time: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let until = Instant::now() + time;
    // Each address gets a share of the time.
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
    let head_start = HEAD_START.min(time / count);
    let (mut attempts, mut pending, mut causes) = (JoinSet::new(), Vec::new(), Vec::new());
    let mut kind = ErrorKind::NotFound;
    loop {
        let next = addresses.pop_front();
        if let Some(address) = next {
            let attempt = connect(address);
            pending.push(address);
            attempts.spawn(async move { (address, attempt.await) });
        }
        let wait = if addresses.is_empty() { until } else { Instant::now() + head_start };
        match timeout_at(wait, attempts.join_next()).await {
            Ok(None) => break,
            Ok(Some(Ok((_, Ok(stream))))) => return Ok(stream),
            Ok(Some(Ok((address, Err(error))))) => {
                kind = error.kind();
                causes.push(format!("{address}: {error}"));
                pending.retain(|other| *other != address);
            }
            Ok(Some(Err(_))) => {}
            Err(_) if addresses.is_empty() => {
                kind = ErrorKind::TimedOut;
                causes.extend(
                    pending.iter().map(|address| format!("{address}: no answer in {} s", time.as_secs())),
                );
                break;
            }
            Err(_) => {}
        }
    }
    let causes = if causes.is_empty() { "the name has no address".into() } else { causes.join(", ") };
    Err(io::Error::new(kind, causes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use tokio::time::sleep;

    type Attempt = Pin<Box<dyn Future<Output = io::Result<u16>> + Send>>;

    /// Answers for an address according to its port: 1 never answers, 2 refuses, and any other number answers after that
    /// many milliseconds.
    fn answer(address: SocketAddr) -> Attempt {
        Box::pin(async move {
            match address.port() {
                1 => std::future::pending().await,
                2 => Err(ErrorKind::ConnectionRefused.into()),
                millis => {
                    sleep(Duration::from_millis(millis.into())).await;
                    Ok(millis)
                }
            }
        })
    }

    fn at(ports: &[u16]) -> VecDeque<SocketAddr> {
        ports.iter().map(|port| SocketAddr::from(([192, 0, 2, 1], *port))).collect()
    }

    async fn raced(ports: &[u16], time: Duration) -> (io::Result<u16>, Duration) {
        let start = Instant::now();
        (race(at(ports), time, answer).await, start.elapsed())
    }

    const TIME: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_a_moment() {
        let (won, passed) = raced(&[1, 50], TIME).await;
        assert_eq!((won.unwrap(), passed), (50, Duration::from_millis(300)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_costs_nothing() {
        let (won, passed) = raced(&[2, 2, 50], TIME).await;
        assert_eq!((won.unwrap(), passed), (50, Duration::from_millis(50)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_may_still_win() {
        let (won, passed) = raced(&[400, 5000], TIME).await;
        assert_eq!((won.unwrap(), passed), (400, Duration::from_millis(400)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_of_many_has_its_share_of_a_short_time() {
        let mut ports = [1; 100];
        ports[99] = 5;
        let (won, passed) = raced(&ports, Duration::from_secs(1)).await;
        assert_eq!(won.unwrap(), 5);
        assert!(passed < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn all_causes_are_named() {
        let (lost, passed) = raced(&[2, 1], TIME).await;
        let lost = lost.unwrap_err();
        assert_eq!((lost.kind(), passed), (ErrorKind::TimedOut, TIME));
        assert_eq!(lost.to_string(), "192.0.2.1:2: connection refused, 192.0.2.1:1: no answer in 30 s");
        assert_eq!(raced(&[2, 2], TIME).await.1, Duration::ZERO);
        assert_eq!(raced(&[], TIME).await.0.unwrap_err().to_string(), "the name has no address");
    }

    /// A port with a full queue of connections no longer answers.
    #[tokio::test]
    async fn a_dead_address_is_left_for_one_that_answers() {
        use std::net::TcpListener;
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = full.local_addr().unwrap();
        let connect = || std::net::TcpStream::connect_timeout(&dead, Duration::from_millis(100)).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).take(10_000).collect();
        assert!(connect().is_none());
        let living = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = living.local_addr().unwrap();
        let start = Instant::now();
        let stream = race([dead, address].into(), TIME, TcpStream::connect).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(queue);
    }

    #[test]
    fn the_families_take_turns() {
        let v4 = |last| SocketAddr::from(([192, 0, 2, last], 110));
        let v6 = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 110));
        let order = interleaved([v6(1), v6(2), v6(3), v4(1)].into_iter());
        assert_eq!(order, [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(interleaved([v4(1), v4(2), v6(1)].into_iter()), [v4(1), v6(1), v4(2)]);
    }
}
