//! A connection in memory for the async drivers, in which each end reads what the other writes, and the smallest executor for two
//! futures.

use core::cell::RefCell;
use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use embedded_io_async::{ErrorType, Read, Write};

/// A connection that holds up to `N` bytes in each direction.
#[derive(Debug)]
pub struct Pipe<const N: usize>([RefCell<Ring<N>>; 2]);

#[derive(Debug)]
struct Ring<const N: usize> {
    octets: [u8; N],
    start: usize,
    count: usize,
    /// Whether the writing end is gone.
    closed: bool,
}

/// One end. When it is dropped, the other end reads the end of the stream.
#[derive(Debug)]
pub struct End<'p, const N: usize> {
    from: &'p RefCell<Ring<N>>,
    to: &'p RefCell<Ring<N>>,
}

impl<const N: usize> Pipe<N> {
    pub const fn new() -> Self {
        let ring = const { RefCell::new(Ring { octets: [0; N], start: 0, count: 0, closed: false }) };
        let other = const { RefCell::new(Ring { octets: [0; N], start: 0, count: 0, closed: false }) };
        Pipe([ring, other])
    }

    /// Returns both ends.
    pub const fn ends(&self) -> (End<'_, N>, End<'_, N>) {
        let [up, down] = &self.0;
        (End { from: down, to: up }, End { from: up, to: down })
    }
}

impl<const N: usize> Default for Pipe<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Ring<N> {
    fn pull(&mut self, to: &mut [u8]) -> usize {
        let count = self.count.min(to.len());
        for octet in to.iter_mut().take(count) {
            *octet = self.octets[self.start];
            self.start = (self.start + 1) % N;
        }
        self.count -= count;
        count
    }

    fn push(&mut self, from: &[u8]) -> usize {
        let count = from.len().min(N - self.count);
        for octet in &from[..count] {
            self.octets[(self.start + self.count) % N] = *octet;
            self.count += 1;
        }
        count
    }
}

impl<const N: usize> ErrorType for End<'_, N> {
    type Error = Infallible;
}

impl<const N: usize> Read for End<'_, N> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| {
            let mut ring = self.from.borrow_mut();
            match ring.pull(to) {
                0 if !ring.closed => Poll::Pending,
                count => Poll::Ready(Ok(count)),
            }
        })
        .await
    }
}

impl<const N: usize> Write for End<'_, N> {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.to.borrow_mut().push(from) {
            0 => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<const N: usize> Drop for End<'_, N> {
    fn drop(&mut self) {
        self.to.borrow_mut().closed = true;
    }
}

/// Runs both to their end, taking turns. Neither wakes the other, because each is polled all the time.
pub fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut a_done, mut b_done) = (None, None);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if a_done.is_none() {
            if let Poll::Ready(output) = a.as_mut().poll(&mut context) {
                a_done = Some(output);
            }
        }
        if b_done.is_none() {
            if let Poll::Ready(output) = b.as_mut().poll(&mut context) {
                b_done = Some(output);
            }
        }
        (a_done, b_done) = match (a_done, b_done) {
            (Some(a), Some(b)) => return (a, b),
            unfinished => unfinished,
        };
    }
}
