//! One flag for the whole job: continue, stop after the current frames, stop at once.

use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by the signal handler and every stage.
#[derive(Debug, Default)]
pub struct Cancel(AtomicU8);

impl Cancel {
    /// Nothing is canceled yet.
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// First request: no more frames are read, what is in flight is finished and the outputs are
    /// closed properly. Second request: stop at once.
    pub fn request(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(1).min(2)));
    }

    /// Stops at once (an error in one stage aborts the others).
    pub fn abort(&self) {
        self.0.store(2, Ordering::Relaxed);
    }

    /// A gentle or hard stop was requested.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 1
    }

    /// A hard stop was requested.
    pub fn is_aborted(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 2
    }
}
