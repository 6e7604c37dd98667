//! What a recurrent model knows of the frames before, as a value that another process can resume from.

use super::key::Key;
use crate::batch::Tensor;
use serde::{Deserialize, Serialize};

/// What a recurrent model knows of the frames before, for a job that resumes in another process. Empty at the start
/// and for other models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferenceState {
    /// Its states; empty where they are only known as a place inside a cached run ([`InferenceState::needs_cache`]).
    pub states: Vec<Tensor>,
    /// What each picture of the last frame showed, see [`super::CachedInference::run_slots`]; empty where all frames
    /// have the same pictures.
    pub slots: Vec<u64>,
    /// Keys of its frames in the caches; `None`: the job had no caches.
    pub chain: Option<Chain>,
}

/// Keys of a chain of frames since the last reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Key of the start: what computes.
    pub(super) start: Key,
    /// Key of the last frame.
    pub(super) last: Key,
    /// The states are not known, since cached mattes were used: the key of the first frame of the cached run
    /// that they are in, and how many of its frames were used.
    pub(super) within: Option<(Key, usize)>,
}

impl InferenceState {
    /// Whether resuming needs a run that is cached elsewhere, as the states themselves are not known.
    pub fn needs_cache(&self) -> bool {
        self.chain.is_some_and(|c| c.within.is_some())
    }
}
