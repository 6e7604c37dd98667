//! What a caller may ask of decoding.

use serde::{Deserialize, Serialize};

/// The part of the source that is worked on. Times are seconds from the start of the file, as
/// ffmpeg's `-ss`, `-to` and `-t` count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeRange {
    /// First moment that is kept.
    pub start: Option<f64>,
    /// First moment that is no longer kept (`--to`; `-t` is added to the start before it comes here).
    pub end: Option<f64>,
    /// At most this number of frames.
    pub frames: Option<u64>,
}

/// What a path alone doesn't tell of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputChoice {
    /// The video stream to work on, counted from 0 among the file's video streams; `None`: the one with most pixels.
    pub stream: Option<usize>,
    /// Deliver frames of high dynamic range as such of standard range: 8 bits, BT.709.
    #[serde(default)]
    pub sdr: bool,
    /// Pictures of a second of a numbered sequence; `None`: 25, as for ffmpeg.
    pub rate: Option<f64>,
}

/// Which part of a source is decoded, and how.
#[derive(Clone, Debug, Default)]
pub struct DecodeOptions {
    /// What the path alone doesn't tell.
    pub choice: InputChoice,
    /// The part to read; the default is all of it.
    pub range: TimeRange,
    /// Threads of the video decoder; 0 leaves the choice to FFmpeg.
    pub threads: usize,
    /// Decode on the GPU of this number, as CUDA counts, where that works.
    pub gpu: Option<u32>,
    /// Deliver frames in a layout of which FFmpeg also has a format with alpha
    /// ([`crate::layout_with_alpha`]), because an output will need that.
    pub alpha: bool,
    /// A packet or frame that can't be decoded ends the reading with an error instead of being counted.
    pub strict: bool,
}
