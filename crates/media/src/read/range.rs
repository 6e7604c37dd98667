//! The part of a file that is read.

use crate::error::{MediaError, Result};
use crate::ffi::input::{Input, file_start};
use crate::ffi::time::{self, MICROSECONDS};
use crate::read::info::InputInfo;
use crate::read::options::DecodeOptions;
use ffmpeg_next::ffi;

pub(crate) struct Range {
    /// Start and end in microseconds of the file's clock.
    pub micros: (Option<i64>, Option<i64>),
    /// The same in ticks of the video.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub frames: Option<u64>,
}

/// # Errors
/// The range that is requested makes no sense.
pub(crate) fn check_range(info: &InputInfo, options: &DecodeOptions) -> Result<()> {
    let range = options.range;
    let seconds_ok = |t: Option<f64>| t.is_none_or(|t| t.is_finite() && (0.0..1e10).contains(&t));
    let wrong = if !seconds_ok(range.start) || !seconds_ok(range.end) {
        Some("times must be 0 or more seconds".to_owned())
    } else if range.end.is_some_and(|end| end <= range.start.unwrap_or(0.0)) {
        Some(format!(
            "the range ends ({:.3} s) before it starts ({:.3} s)",
            range.end.unwrap_or(0.0),
            range.start.unwrap_or(0.0)
        ))
    } else if range.frames == Some(0) {
        Some("the number of frames must be 1 or more".to_owned())
    } else {
        None
    };
    match wrong {
        Some(what) => Err(MediaError::Invalid { what: format!("{}: {what}", info.path.display()) }),
        None => Ok(()),
    }
}

impl Range {
    pub(crate) fn new(input: &Input, options: &DecodeOptions, time_base: ffi::AVRational) -> Self {
        // As for ffmpeg's -ss and -to, 0 is where the file starts, whatever its clock says there.
        let offset = file_start(input);
        let micros = |t: f64| (t * 1e6).round() as i64 + offset;
        let start = options.range.start.filter(|t| *t > 0.0).map(micros);
        let end = options.range.end.map(micros);
        let ticks = |t: i64| time::rescale(t, MICROSECONDS, time_base);
        Range { micros: (start, end), start: start.map(ticks), end: end.map(ticks), frames: options.range.frames }
    }
}
