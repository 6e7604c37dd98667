//! Parsers of what others may have written, for fuzz targets. [`crate::Manifest::parse`] and [`crate::yaml::too_deep`]
//! are public anyway.

use crate::cache::record::{Mattes, Run};

/// Decodes the mattes of one frame as they are on disk; returns whether `bytes` are such mattes.
pub fn cached_mattes(bytes: &[u8]) -> bool {
    Mattes::from_bytes(bytes).is_some()
}

/// Decodes a run of frames as it is on disk, and the mattes of each frame; returns whether `bytes` are a run. Which of
/// its frames hold mattes makes no difference.
pub fn cached_run(bytes: &[u8]) -> bool {
    let Some(run) = Run::from_bytes(bytes) else { return false };
    (0..run.len()).for_each(|i| drop(run.mattes(i)));
    true
}
