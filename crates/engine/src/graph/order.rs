//! The one way in which order is restored behind threads that work side by side: what they make carries
//! its number, and whoever takes it puts it in order.

use crossbeam_channel::{Receiver, RecvError, Sender, bounded};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Something with its place in the order.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    /// From 0, without gaps.
    pub(crate) number: u64,
    pub(crate) item: T,
}

/// Gives things their numbers as they are sent.
#[derive(Debug)]
pub(crate) struct Numbering<T> {
    to: Sender<Numbered<T>>,
    next: u64,
}

impl<T> Numbering<T> {
    pub(crate) fn new(to: Sender<Numbered<T>>) -> Self {
        Self { to, next: 0 }
    }

    /// Sends it; false where nobody listens any more.
    pub(crate) fn send(&mut self, item: T) -> bool {
        let number = self.next;
        self.next += 1;
        self.to.send(Numbered { number, item }).is_ok()
    }
}

/// Receives numbered things in order, whatever the order in which they come.
#[derive(Debug)]
pub(crate) struct InOrder<T> {
    from: Receiver<Numbered<T>>,
    /// What came before its turn: as much at most as there are threads that make it.
    early: BTreeMap<u64, T>,
    next: u64,
}

impl<T> InOrder<T> {
    pub(crate) fn new(from: Receiver<Numbered<T>>) -> Self {
        Self { from, early: BTreeMap::new(), next: 0 }
    }

    /// Waits for the next in the order.
    ///
    /// # Errors
    /// Nobody sends any more. Where something is missing in the order, what is behind the gap is lost.
    pub(crate) fn recv(&mut self) -> Result<T, RecvError> {
        loop {
            if let Some(item) = self.early.remove(&self.next) {
                self.next += 1;
                return Ok(item);
            }
            let Numbered { number, item } = self.from.recv()?;
            self.early.insert(number, item);
        }
    }
}

/// Calls `make` for each number below `n`, each call with one of the `workers`, and `take` with what it made, in
/// order, in this thread. A single worker makes each thing just before it is taken; several, in threads of their
/// own, are at most about two things each ahead. The first error of `take` ends it.
///
/// # Errors
/// What `take` says.
///
/// # Panics
/// When `workers` is empty, and when `make` panics.
pub(crate) fn make_ahead<W: Send, T: Send, E>(
    workers: &mut [W],
    n: usize,
    make: impl Fn(&mut W, usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    if let ([worker], _) | ([worker, ..], 0 | 1) = (&mut *workers, n) {
        return (0..n).try_for_each(|i| take(i, make(worker, i)));
    }
    assert!(!workers.is_empty(), "at least one worker is needed");
    let (next, make) = (AtomicUsize::new(0), &make);
    thread::scope(|scope| {
        // Made within the scope: an error drops it, and the workers end.
        let (made, things) = bounded(workers.len());
        for worker in workers {
            let (made, next) = (made.clone(), &next);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n || made.send(Numbered { number: i as u64, item: make(worker, i) }).is_err() {
                        return;
                    }
                }
            });
        }
        drop(made);
        let mut things = InOrder::new(things);
        // A worker that panicked leaves a gap, and the scope passes its panic on.
        (0..n).try_for_each(|i| things.recv().map_or(Ok(()), |thing| take(i, thing)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;
    use std::time::Duration;

    #[test]
    fn items_arrive_in_order_whoever_is_ready_first() {
        let (to, from) = unbounded();
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for worker in 0..4usize {
                let (to, next) = (to.clone(), &next);
                scope.spawn(move || {
                    while let Some(n) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < 200) {
                        thread::sleep(Duration::from_micros((n as u64 * 7 + worker as u64 * 13) % 97));
                        to.send(Numbered { number: n as u64, item: n }).unwrap();
                    }
                });
            }
        });
        drop(to);
        let mut items = InOrder::new(from);
        let seen: Vec<_> = std::iter::from_fn(|| items.recv().ok()).collect();
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_behind_a_gap_is_given_out() {
        let (to, from) = unbounded();
        for number in [0, 3, 1, 4] {
            to.send(Numbered { number, item: number }).unwrap();
        }
        drop(to);
        let mut items = InOrder::new(from);
        assert_eq!([items.recv(), items.recv(), items.recv()], [Ok(0), Ok(1), Err(RecvError)]);
    }

    #[test]
    fn all_are_taken_in_order_however_many_make_them() {
        for workers in [1, 2, 5] {
            for n in [0, 1, 2, 40] {
                let (mut made, mut taken) = (vec![0; workers], Vec::new());
                let make = |count: &mut usize, i: usize| {
                    *count += 1;
                    thread::sleep(Duration::from_micros((i as u64 * 37) % 211));
                    i * i
                };
                let all: Result<(), ()> = make_ahead(&mut made, n, make, |i, square| {
                    taken.push((i, square));
                    Ok(())
                });
                assert_eq!(all, Ok(()));
                assert_eq!(taken, (0..n).map(|i| (i, i * i)).collect::<Vec<_>>(), "{workers} workers");
                assert_eq!(made.iter().sum::<usize>(), n);
            }
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        for workers in [1, 3] {
            let mut made = vec![0; workers];
            let make = |count: &mut usize, i| {
                *count += 1;
                i
            };
            let ended = make_ahead(&mut made, 1000, make, |i, _| if i == 4 { Err(i) } else { Ok(()) });
            assert_eq!(ended, Err(4));
            assert!(made.iter().sum::<usize>() < 30, "nobody makes what nobody takes: {made:?}");
        }
    }
}
