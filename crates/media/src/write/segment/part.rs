//! What is known of a finished segment.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A finished segment of one output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentPart {
    /// Name of its file, without the folder.
    pub file: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// How many frames a packet is behind its place in time at most: the encoder's reordering.
    pub reorder: usize,
}

/// When the frames of a segment are shown, in the source's ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentTimes {
    /// When each frame is shown, rising.
    pub pts: Vec<i64>,
    /// How long the last frame is shown.
    pub last_duration: i64,
}

impl SegmentTimes {
    /// The end of the last frame.
    pub fn end(&self) -> i64 {
        self.pts.last().map_or(0, |t| t + self.last_duration)
    }
}
