//! How far a chain of frames is known to the caches, and what of it is still to be cached.

use super::key::{CacheKeyContext, Key};
use super::record::Run;
use super::state::InferenceState;
use super::tiers::{Cache, Tier};
use crate::batch::{Batch, Tensor};
use std::sync::Arc;

/// A run has at most this number of frames: what a killed process loses of its work.
const MAX_RUN_FRAMES: usize = 512;

/// ... or this number of bytes of compressed mattes.
const MAX_RUN_BYTES: usize = 32 << 20;

/// After this number of frames in a row that were cached for nothing, frames of a cheap model are not hashed any more:
/// more than the memory for mattes holds at 4K, so what comes round in a loop is found before.
const MAX_FRAMES_WITHOUT_HIT: usize = 256;

/// Of a frame's numbers every N-th is added up to see whether it may be the frame before.
const CHECKSUM_STRIDE: usize = 509;

#[derive(Debug)]
pub(crate) struct CacheCursor {
    pub(crate) cache: Arc<Cache>,
    pub(crate) context: CacheKeyContext,
    /// Key of the last frame of a recurrent model.
    pub(crate) last: Key,
    pub(crate) states: StatesAt,
    /// Frames that were computed since the last run was stored.
    pub(crate) recording: Run,
    /// Bytes of the states; 0 before they were first saved.
    state_bytes: usize,
    /// The least seconds that the model took for a picture: other work on the machine only adds to it.
    pub(crate) seconds: f64,
    /// Frames since the last hit, or the last frame that might have been one if those before had been cached.
    pub(crate) frames_without_hit: usize,
    /// Checksum of the last frame, see [`CHECKSUM_STRIDE`].
    checksum: u64,
}

/// Where the states before the next frame are.
#[derive(Debug)]
pub(crate) enum StatesAt {
    /// In the model's session.
    Session,
    /// Behind the last frame of a cached run.
    EndOf(Arc<Run>),
    /// Nowhere: inside a cached run, after this number of its frames; the tier is where it was found.
    Inside(Arc<Run>, usize, Tier),
}

impl CacheCursor {
    pub(crate) fn new(past: &InferenceState, cache: Arc<Cache>, context: CacheKeyContext) -> Self {
        // Of another processor's chain only the states are of use.
        let chain = past.chain.filter(|chain| chain.start == context.start());
        let states = chain.and_then(|c| c.within).and_then(|(first, at)| {
            let (run, tier) = cache.run(&first)?;
            Some(if at < run.len() { StatesAt::Inside(run, at, tier) } else { StatesAt::EndOf(run) })
        });
        let last = match chain {
            Some(chain) => chain.last,
            None if past.states.is_empty() => context.start(),
            None => context.resumed(&past.states),
        };
        Self {
            cache,
            context,
            last,
            states: states.unwrap_or(StatesAt::Session),
            recording: Run::default(),
            state_bytes: 0,
            seconds: f64::INFINITY,
            frames_without_hit: 0,
            checksum: 0,
        }
    }

    /// Whether the hashes of a batch's frames are not worth their time: a frame-independent model is cheap, and no
    /// frame has repeated for long. A frame that may be the same as the one before ends that, and is looked up.
    pub(crate) fn skips_lookup(&mut self, batch: &Batch, frames: usize) -> bool {
        for frame in batch.data.chunks_exact((batch.data.len() / frames.max(1)).max(1)) {
            let bits = frame.iter().step_by(CHECKSUM_STRIDE).map(|v| u64::from(v.to_bits()));
            let checksum = bits.fold(0u64, u64::wrapping_add);
            if std::mem::replace(&mut self.checksum, checksum) == checksum {
                self.frames_without_hit = 0;
            }
        }
        self.frames_without_hit >= MAX_FRAMES_WITHOUT_HIT && self.cache.disk_for(self.seconds).is_none()
    }

    /// Whether the recording is to be stored: its states, however large they are, are a third of it at most, or it has
    /// reached its limits.
    pub(crate) fn is_run_complete(&self) -> bool {
        let (n, bytes) = (self.recording.len(), self.recording.compressed_bytes());
        let pays = self.state_bytes > 0 && n >= 32 && bytes >= 2 * self.state_bytes;
        pays || n >= MAX_RUN_FRAMES || bytes >= MAX_RUN_BYTES
    }

    /// Stores the recorded frames in the caches, and the states behind them where they are needed.
    pub(crate) fn store_run(&mut self, end: Option<&[Tensor]>) {
        if let Some(states) = end {
            self.state_bytes = states.iter().map(|t| 4 * t.data.len()).sum();
        }
        let mut run = std::mem::take(&mut self.recording);
        if let Some(key) = run.key(0).copied() {
            run.end_with(end.map(<[_]>::to_vec));
            self.cache.put_run(key, run, self.seconds);
        }
    }
}
