//! Turns the encoders' counts into progress events a few times a second.

use super::{Event, Observer};
use crate::graph::Clocks;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Shortest time between two events.
const INTERVAL: Duration = Duration::from_millis(200);

/// The speed shown is the mean over this time.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts frames of every output.
pub(crate) struct Progress<'a> {
    total: Option<u64>,
    before: u64,
    written: Vec<AtomicU64>,
    bytes: Arc<AtomicU64>,
    recent: Mutex<VecDeque<(Instant, u64)>>,
    observer: &'a dyn Observer,
    clocks: &'a Clocks,
}

impl<'a> Progress<'a> {
    /// Nothing is written yet but `before` frames by other runs. `bytes` is the size of all outputs.
    pub(crate) fn new(
        total: Option<u64>,
        before: u64,
        outputs: usize,
        bytes: &Arc<AtomicU64>,
        observer: &'a dyn Observer,
        clocks: &'a Clocks,
    ) -> Self {
        let recent = Mutex::new(VecDeque::from([(Instant::now(), 0)]));
        let written = (0..outputs).map(|_| AtomicU64::new(0)).collect();
        Self { total, before, written, bytes: Arc::clone(bytes), recent, observer, clocks }
    }

    /// Frames that every output got in this run.
    pub(crate) fn frames(&self) -> u64 {
        self.written.iter().map(|w| w.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// Output `i` has `n` frames now.
    pub(crate) fn wrote(&self, i: usize, n: u64) {
        self.written[i].store(n, Ordering::Relaxed);
        // Another encoder that is reporting right now says the same.
        let Ok(mut recent) = self.recent.try_lock() else { return };
        let now = Instant::now();
        if recent.back().is_some_and(|(t, _)| now - *t < INTERVAL) {
            return;
        }
        let frames = self.frames();
        recent.push_back((now, frames));
        while recent.len() > 2 && recent.front().is_some_and(|(t, _)| now - *t > WINDOW) {
            recent.pop_front();
        }
        let (then, before) = recent[0];
        let fps = (frames - before) as f64 / (now - then).as_secs_f64().max(1e-6);
        let written = self.before + frames;
        // A container may announce too few, as one whose clock jumps.
        let total = self.total.filter(|total| written <= *total);
        let eta = total.filter(|_| fps > 0.0).map(|t| t.saturating_sub(written) as f64 / fps);
        let bottleneck = self.clocks.bottleneck();
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.observer.event(Event::Progress { frames: written, total, fps, eta, bytes, bottleneck });
    }
}
