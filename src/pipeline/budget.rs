//! How threads and memory are shared out between decoder, network, painting and encoders.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::time::Duration;

/// Threads of each part of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// FFmpeg's decoder.
    pub decode: usize,
    /// ONNX Runtime on a CPU.
    pub infer: usize,
    /// Workers that refine mattes and paint outputs.
    pub compose: usize,
    /// Each output's encoder.
    pub encode: usize,
}

impl Threads {
    /// Shares out `cores` for a job of `outputs` outputs. The parts wait for each other, so their
    /// sum is somewhat above `cores`: with the exact sum a core falls idle whenever one part waits
    /// (measured with 2 cores: 2+2+2 beats every smaller split), while `cores` for each of them
    /// only costs memory and context switches on larger machines.
    pub fn share(cores: usize, outputs: usize, network_on_cpu: bool) -> Self {
        let cores = cores.max(1);
        let part = |percent: usize| (cores * percent).div_ceil(100).max(cores.min(2));
        Self {
            decode: part(35).min(16),
            infer: if network_on_cpu { part(60) } else { 1 },
            compose: (cores / 4).clamp(1, 8),
            encode: part(if outputs > 1 { 50 } else { 70 }).min(32),
        }
    }
}

/// The right to hold one source frame in memory; given back when dropped.
#[derive(Debug)]
pub struct Permit(Sender<()>);

impl Drop for Permit {
    fn drop(&mut self) {
        // The receiver is gone only when the decoder has finished: nobody waits any more.
        let _ = self.0.send(());
    }
}

/// A fixed number of [`Permit`]s: what bounds a job's memory, whatever the length of the video.
#[derive(Debug)]
pub struct Permits {
    free: Receiver<()>,
    give_back: Sender<()>,
}

impl Permits {
    /// `n` permits.
    pub fn new(n: usize) -> Self {
        let (give_back, free) = bounded(n);
        for _ in 0..n {
            let _ = give_back.send(());
        }
        Self { free, give_back }
    }

    /// Waits for a permit; `None` once `cancelled` says so.
    pub fn acquire(&self, cancelled: impl Fn() -> bool) -> Option<Permit> {
        loop {
            if cancelled() {
                return None;
            }
            if self.free.recv_timeout(Duration::from_millis(100)).is_ok() {
                return Some(Permit(self.give_back.clone()));
            }
        }
    }
}

/// Source frames that may be in flight: as many as fit `queue_bytes`, but enough for one batch
/// to be filled while another is in the network, and no more than keep every stage busy with as
/// much again waiting: each costs the page faults of its buffers.
pub fn frames_in_flight(queue_bytes: usize, frame_bytes: usize, batch: usize, compose: usize) -> usize {
    let least = 2 * batch + compose + 1;
    (queue_bytes / frame_bytes.max(1)).clamp(least, 2 * least + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back() {
        let p = Permits::new(1);
        let one = p.acquire(|| false);
        assert!(one.is_some());
        drop(one);
        assert!(p.acquire(|| false).is_some());
        let _held = p.acquire(|| false);
        let start = std::time::Instant::now();
        assert!(p.acquire(|| start.elapsed().as_millis() > 50).is_none());
    }

    #[test]
    fn a_batch_always_fits() {
        assert_eq!(frames_in_flight(1 << 20, 44 << 20, 16, 2), 35);
        assert_eq!(frames_in_flight(256 << 20, 3 << 20, 1, 1), 12);
        assert_eq!(frames_in_flight(96 << 20, 11 << 20, 1, 1), 8);
    }

    #[test]
    fn every_part_gets_a_thread() {
        for cores in 1..130 {
            let t = Threads::share(cores, 2, true);
            assert!(t.decode >= 1 && t.infer >= 1 && t.compose >= 1 && t.encode >= 1);
        }
        assert_eq!(Threads::share(64, 1, false).infer, 1);
    }
}
