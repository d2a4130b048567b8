//! Connects to a name that may have several addresses, some of which do not answer.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long connecting may take, regardless of the number of addresses.
const CONNECT: Duration = Duration::from_secs(30);
/// How long to try one address before trying the next one too.
const HEAD_START: Duration = Duration::from_millis(250);
/// Connects to the first address of the name that answers.
pub fn connect(address: &str) -> io::Result<TcpStream> {
    race(interleaved(address.to_socket_addrs()?))
}

/// Alternates between the two address families (RFC 8305), starting with the one that the system prefers.
fn interleaved(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let is_first_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == is_first_v6);
    let both = first.len().min(second.len());
    let rest = if first.len() > both { first.split_off(both) } else { second.split_off(both) };
    first.into_iter().zip(second).flat_map(|(first, second)| [first, second]).chain(rest).collect()
}

/// Tries the addresses one after the other. The next one follows after a moment, or once the previous one has failed. Returns the
/// first that answers. The threads of the other addresses end when their time is up.
fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let until = Instant::now() + CONNECT;
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
    let head_start = HEAD_START.min(CONNECT / count); // each address gets a share of the time
    let (sender, results) = channel();
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    let mut addresses = addresses.into_iter().peekable();
    let mut running = 0;
    while running > 0 || addresses.peek().is_some() {
        if let Some(address) = addresses.next() {
            let sender = sender.clone();
            let time = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            // The receiver may be gone.
            thread::spawn(move || drop(sender.send((address, TcpStream::connect_timeout(&address, time)))));
            running += 1;
        }
        let patience = match addresses.peek() {
            Some(_) => head_start,
            None => until.saturating_duration_since(Instant::now()) + HEAD_START,
        };
        match results.recv_timeout(patience) {
            Ok((_, Ok(stream))) => return Ok(stream),
            Ok((address, Err(error))) => {
                running -= 1;
                last = io::Error::new(error.kind(), format!("{address}: {error}"));
            }
            Err(RecvTimeoutError::Timeout) if addresses.peek().is_none() => {
                return Err(ErrorKind::TimedOut.into());
            }
            Err(_) => {}
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Returns a port whose queue of connections is full, so it no longer answers.
    fn dead() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).take(10_000).collect();
        assert!(connect().is_none());
        (listener, queue, address)
    }

    #[test]
    fn an_address_that_is_dead_costs_a_moment() {
        let (_listener, _queue, dead) = dead();
        let living = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = living.local_addr().unwrap();
        let start = Instant::now();
        assert_eq!(race(vec![dead, address]).unwrap().peer_addr().unwrap(), address);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn an_address_that_refuses_costs_nothing() {
        let living = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = living.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(race(vec![closed, address]).unwrap().peer_addr().unwrap(), address);
        assert_eq!(race(vec![closed, closed]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(race(vec![]).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn the_families_take_turns() {
        let v4 = |last| SocketAddr::from(([192, 0, 2, last], 110));
        let v6 = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 110));
        assert_eq!(interleaved([v6(1), v6(2), v4(1)].into_iter()), [v6(1), v4(1), v6(2)]);
        assert_eq!(interleaved([v4(1), v6(1), v6(2), v6(3)].into_iter()), [v4(1), v6(1), v6(2), v6(3)]);
    }
}
