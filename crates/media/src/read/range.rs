//! Opening a source for reading: decoder, streams that are copied, the range, seeking.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::log;
use crate::ffi::parameters::{self as raw, MICROSECONDS};
use crate::read::probe::{InputInfo, MAX_PIXELS};
use crate::write::options::DecodeOptions;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::path::Path;

/// What is known of a stream while it is copied.
pub(crate) struct CopyState {
    pub time_base: ffi::AVRational,
    pub copied: bool,
    /// The end of the range waits for it.
    pub awaited: bool,
    pub subtitle: bool,
    /// Where its next packet should be, in microseconds.
    pub expected: Option<i64>,
}

/// The part that is read.
pub(crate) struct Range {
    /// Start and end in microseconds of the file's clock.
    pub micros: (Option<i64>, Option<i64>),
    /// The same in ticks of the video.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub frames: Option<u64>,
}

pub(crate) fn tick(time_base: ffi::AVRational) -> f64 {
    f64::from(time_base.num) / f64::from(time_base.den)
}

pub(crate) fn file_start(input: &ffmpeg::format::context::Input) -> i64 {
    // SAFETY: reads a field of an open input.
    let start = unsafe { (*input.as_ptr()).start_time };
    if start == ffi::AV_NOPTS_VALUE { 0 } else { start }
}

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
    pub(crate) fn new(
        input: &ffmpeg::format::context::Input,
        options: &DecodeOptions,
        time_base: ffi::AVRational,
    ) -> Self {
        // As for ffmpeg's -ss and -to, 0 is where the file starts, whatever its clock says there.
        let offset = file_start(input);
        let micros = |t: f64| (t * 1e6).round() as i64 + offset;
        let start = options.range.start.filter(|t| *t > 0.0).map(micros);
        let end = options.range.end.map(micros);
        let ticks = |t: i64| raw::rescale(t, MICROSECONDS, time_base);
        Range { micros: (start, end), start: start.map(ticks), end: end.map(ticks), frames: options.range.frames }
    }
}

pub(crate) fn open_decoder(
    path: &Path,
    input: &ffmpeg::format::context::Input,
    index: usize,
    threads: usize,
) -> Result<ffmpeg::decoder::Video> {
    let fail = |reason: String, log| MediaError::Decode { path: path.to_path_buf(), reason, log };
    let Some(stream) = input.stream(index) else { return Err(fail("no stream".to_owned(), Vec::new())) };
    let (opened, lines) = log::capture(|| {
        let mut context = ffmpeg::codec::Context::from_parameters(stream.parameters())?;
        // ffmpeg-next can set only one kind of threading, and FFmpeg's default is one thread.
        // SAFETY: plain fields of a context that isn't open yet.
        unsafe {
            let c = &mut *context.as_mut_ptr();
            c.thread_count = threads.min(64) as i32;
            c.thread_type = ffi::FF_THREAD_FRAME | ffi::FF_THREAD_SLICE;
            c.pkt_timebase = (*stream.as_ptr()).time_base;
            // Of pictures that grow on the way, too.
            c.max_pixels = MAX_PIXELS as i64;
        }
        context.decoder().video()
    });
    opened.map_err(|e: ffmpeg::Error| fail(e.to_string(), lines))
}

/// Which streams are copied; tells the demuxer to leave the others out.
pub(crate) fn copy_states(input: &mut ffmpeg::format::context::Input, video: usize) -> Vec<CopyState> {
    use ffmpeg::media::Type;
    let mut states = Vec::new();
    for stream in input.streams() {
        let kind = stream.parameters().medium();
        let copied = stream.index() != video
            && match kind {
                Type::Audio | Type::Subtitle | Type::Data => true,
                // Cover pictures and attachments travel with the template.
                _ => false,
            };
        // SAFETY: sets and reads plain fields of a stream of an open input that is ours alone.
        let time_base = unsafe {
            let s = stream.as_ptr().cast_mut();
            if !copied && stream.index() != video {
                (*s).discard = ffi::AVDiscard::AVDISCARD_ALL;
            }
            (*s).time_base
        };
        states.push(CopyState {
            time_base,
            copied,
            awaited: kind == Type::Audio,
            subtitle: kind == Type::Subtitle,
            expected: None,
        });
    }
    states
}

/// Seeks to the last key frame at or before `start` (microseconds of the file's clock). False where
/// that isn't possible.
pub(crate) fn seek(input: &mut ffmpeg::format::context::Input, decoder: &ffmpeg::decoder::Video, start: i64) -> bool {
    // SAFETY: an open input and an open decoder.
    unsafe {
        let ic = input.as_mut_ptr();
        let mut target = start;
        // Containers are indexed by decoding time, which with B-frames is earlier: go back by what
        // ffmpeg goes back (three frames at 23 fps).
        if (*(*ic).iformat).flags & ffi::AVFMT_SEEK_TO_PTS == 0 && (*decoder.as_ptr()).has_b_frames > 0 {
            target -= 3_000_000 / 23;
        }
        ffi::avformat_seek_file(ic, -1, i64::MIN, target, target, 0) >= 0
    }
}
