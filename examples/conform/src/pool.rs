//! Work that several threads do at the same time.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Returns the number of cores.
#[must_use]
pub fn cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Calls `work` for each item, on this number of threads. `receive` gets each result with the place of its item, as soon as it is there.
///
/// # Errors
/// Returns the first error of `receive`. No more work begins after it.
pub fn run<T: Sync, R: Send, E>(
    items: &[T],
    threads: NonZero<usize>,
    work: impl Fn(&T) -> R + Sync,
    mut receive: impl FnMut(usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let (sender, receiver) = mpsc::channel();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads.get().min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                let take = || next.fetch_add(1, Ordering::Relaxed);
                while let Some((place, item)) = items.iter().enumerate().nth(take()) {
                    if sender.send((place, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(|(place, result)| receive(place, result))
    })
}

/// Calls `work` for each item, on all cores, and returns the results in the order of the items.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut results = Vec::new();
    let Ok(()) = run(items, cores(), work, |place, result| {
        results.push((place, result));
        Ok::<_, std::convert::Infallible>(())
    });
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_an_error_ends_the_work() {
        let items: Vec<u64> = (0..100).collect();
        assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        let begun = AtomicUsize::new(0);
        let work = |_: &u64| begun.fetch_add(1, Ordering::Relaxed);
        let threads = NonZero::new(2).unwrap();
        let mut received = 0;
        let result = run(&items, threads, work, |_, _| {
            received += 1;
            if received < 3 { Ok(()) } else { Err("enough") }
        });
        assert_eq!((result, received), (Err("enough"), 3));
    }
}
