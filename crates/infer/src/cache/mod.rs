//! Mattes that were computed before, found by the model's input: in memory, and on disk for the next run.
//!
//! [`CachedInference`] stands between the pipeline and the model. A frame's key is a hash of the very numbers that the model
//! would get ([`Key`]), so whatever led to them (crop, view, color, size) needs no part in it. What the cache returns is
//! bit for bit what the model would return: mattes are rounded to `matte::LEVELS` steps whether they are cached or
//! not.
//!
//! A recurrent model's matte depends on all frames since the last reset, and so does its key. Its mattes are cached
//! in *runs* (`record::Run`): consecutive frames together with the states behind the last of them, from which the
//! model can resume where the cached frames end.
//!
//! Modules import only from modules above them in this list: `matte`; `key`; `record`; `memory` and `disk`; `tiers`;
//! `stats`, `state`; `cursor`; `cached_inference`.

mod cached_inference;
mod cursor;
mod disk;
mod key;
mod matte;
mod memory;
pub(crate) mod record;
mod state;
mod stats;
mod tiers;

pub use cached_inference::{CachedInference, CachedInferenceError};
pub use disk::{Checked, Disk, DiskError, Stats};
pub use key::{CacheKeyContext, Key};
pub use state::{Chain, InferenceState};
pub use stats::CacheStats;
pub use tiers::{Cache, CacheChoice, SLOW_MODEL, Tiers, folder};
