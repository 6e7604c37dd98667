//! What bounds a job's memory: the number of source frames that may be in it at a time.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::time::Duration;

/// The right to hold one source frame in memory; given back when dropped.
#[derive(Debug)]
pub struct Permit(Sender<()>);

impl Permit {
    /// One of no number.
    pub(super) fn unbounded() -> Self {
        Self(bounded(0).0)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // The receiver is gone only when the decoder has finished: nobody waits any more.
        let _ = self.0.send(());
    }
}

/// A number of [`Permit`]s: what bounds a job's memory, whatever the length of the video.
#[derive(Debug)]
pub(crate) struct Permits {
    free: Receiver<()>,
    give_back: Sender<()>,
    /// Permits that are out or free.
    number: usize,
    /// Permits that are taken away when they come back.
    owed: usize,
}

impl Permits {
    /// `n` permits.
    pub(crate) fn new(n: usize) -> Self {
        let (give_back, free) = bounded(n);
        for _ in 0..n {
            let _ = give_back.send(());
        }
        Self { free, give_back, number: n, owed: 0 }
    }

    /// Waits for a permit; `None` once `canceled` says so.
    pub(crate) fn acquire(&mut self, canceled: impl Fn() -> bool) -> Option<Permit> {
        loop {
            if canceled() {
                return None;
            }
            if self.free.recv_timeout(Duration::from_millis(100)).is_ok() {
                if self.owed == 0 {
                    return Some(Permit(self.give_back.clone()));
                }
                self.owed -= 1;
            }
        }
    }

    /// Takes one away for good, unless only `least` are left. One that is out goes when it comes back.
    pub(crate) fn withdraw(&mut self, least: usize) -> bool {
        let spare = self.number > least.max(1);
        if spare {
            self.number -= 1;
            self.owed += 1;
        }
        spare
    }
}

/// Source frames that may be in flight: as many as fit `queue_bytes`, but enough for one batch
/// to be filled while another is in the model and `workers` hold one each, and no more than keep
/// every stage busy with as much again waiting: each costs the page faults of its buffers.
pub(crate) fn frames_in_flight(queue_bytes: usize, frame_bytes: usize, batch: usize, workers: usize) -> usize {
    let least = 2 * batch + workers;
    (queue_bytes / frame_bytes.max(1)).clamp(least, 2 * least + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back() {
        let mut p = Permits::new(1);
        let one = p.acquire(|| false);
        assert!(one.is_some());
        drop(one);
        assert!(p.acquire(|| false).is_some());
        let _held = p.acquire(|| false);
        let start = std::time::Instant::now();
        assert!(p.acquire(|| start.elapsed().as_millis() > 50).is_none());
    }

    #[test]
    fn permits_can_be_taken_away_also_while_they_are_out() {
        let mut p = Permits::new(4);
        let soon = |p: &mut Permits| {
            let start = std::time::Instant::now();
            p.acquire(move || start.elapsed().as_millis() > 250)
        };
        let held: Vec<_> = (0..4).filter_map(|_| soon(&mut p)).collect();
        assert!(p.withdraw(2) && p.withdraw(2) && !p.withdraw(2), "two are left");
        drop(held);
        let left = [soon(&mut p), soon(&mut p), soon(&mut p)];
        assert_eq!(left.map(|p| p.is_some()), [true, true, false]);
    }

    #[test]
    fn a_batch_always_fits() {
        assert_eq!(frames_in_flight(1 << 20, 44 << 20, 16, 3), 35);
        assert_eq!(frames_in_flight(256 << 20, 3 << 20, 1, 2), 12);
        assert_eq!(frames_in_flight(96 << 20, 11 << 20, 1, 2), 8);
    }
}
