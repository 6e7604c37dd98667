//! When the frames of a file are shown, without decoding them.

use crate::error::Result;
use crate::ffi::input::has_arbitrary_clock;
use crate::read::clock::Clock;
use crate::read::info::InputInfo;
use crate::read::open::open_context;
use crate::read::options::{DecodeOptions, TimeRange};
use crate::read::range::{Range, check_range};
use crate::read::streams::copy_states;
use ffmpeg_next::{self as ffmpeg, ffi};

/// A frame of the video, as its packet has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameTime {
    /// When it is shown, as [`crate::SourceFrame`] has it.
    pub pts: i64,
    /// Whether decoding can begin with it.
    pub key: bool,
}

/// The times of all frames in `range`, rising, without decoding any of them: reads the whole file.
/// `None` where packets have no time stamps, two the same, or such that go back.
///
/// # Errors
/// The file can't be opened.
pub fn frame_times(info: &InputInfo, range: TimeRange) -> Result<Option<Vec<FrameTime>>> {
    let mut input = open_context(&info.path, &info.choice)?;
    let stream = info.video.index;
    let time_base = ffi::AVRational { num: info.video.time_base.0, den: info.video.time_base.1 };
    let options = DecodeOptions { range, ..DecodeOptions::default() };
    check_range(info, &options)?;
    let range = Range::new(&input, &options, time_base);
    let streams = copy_states(&mut input, stream);
    let mut clock = Clock::new(has_arbitrary_clock(&input), &streams, stream);
    let offset = range.start.unwrap_or(0);
    let mut packet = ffmpeg::Packet::empty();
    let mut times = Vec::new();
    let mut last_dts = None;
    loop {
        let read = packet.read(&mut input);
        if read.is_ok() {
            clock.place(&mut packet);
        }
        match read {
            Ok(()) if packet.stream() == stream => {
                // The reader would repair what goes back.
                if clock.may_jump() && packet.dts().is_some_and(|dts| last_dts.replace(dts).is_some_and(|l| dts <= l)) {
                    return Ok(None);
                }
                let Some(pts) = packet.pts() else { return Ok(None) };
                let inside = range.start.is_none_or(|s| pts >= s) && range.end.is_none_or(|e| pts < e);
                if inside {
                    times.push(FrameTime { pts: pts - offset, key: packet.is_key() });
                }
            }
            Ok(()) | Err(ffmpeg::Error::InvalidData) => {}
            Err(_) => break,
        }
    }
    times.sort_unstable();
    if times.windows(2).any(|w| w[0].pts == w[1].pts) {
        return Ok(None);
    }
    if let Some(frames) = range.frames {
        times.truncate(usize::try_from(frames).unwrap_or(usize::MAX));
    }
    Ok(Some(times))
}
