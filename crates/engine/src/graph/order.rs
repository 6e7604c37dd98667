//! The one way in which order is restored behind threads that work side by side: what they make carries
//! its number, and whoever takes it puts it in order.

use crossbeam_channel::{Receiver, RecvError, Sender};
use std::collections::BTreeMap;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
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
}
