//! How many frames a graph's source gave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many frames the source gave, known once it has ended in order. A sink whose frames end earlier must not
/// close its file as if it were whole: some stage between the two has failed, and its channels may be closed a
/// moment before the cancel flag is up.
#[derive(Clone, Debug)]
pub(super) struct Total(Arc<State>);

#[derive(Debug)]
struct State {
    frames: AtomicU64,
    whole: AtomicBool,
}

impl Total {
    pub(super) fn unknown() -> Self {
        Self(Arc::new(State { frames: AtomicU64::new(u64::MAX), whole: AtomicBool::new(false) }))
    }

    /// The source has ended after `frames`; `whole`: because there are no more, rather than because the user
    /// stopped it.
    pub(super) fn set(&self, frames: u64, whole: bool) {
        self.0.whole.store(whole, Ordering::Relaxed);
        self.0.frames.store(frames, Ordering::Release);
    }

    /// All that was to be worked on was read.
    pub(super) fn is_whole(&self) -> bool {
        self.0.frames.load(Ordering::Acquire) != u64::MAX && self.0.whole.load(Ordering::Relaxed)
    }

    /// All of the source's frames are among the `frames` that came through.
    pub(super) fn is(&self, frames: u64) -> bool {
        self.0.frames.load(Ordering::Acquire) == frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_known_only_after_an_orderly_end() {
        let total = Total::unknown();
        assert!(!total.is(0) && !total.is_whole());
        total.set(3, false);
        assert!(total.is(3) && !total.is(2) && !total.is_whole());
        total.set(3, true);
        assert!(total.is_whole());
    }
}
