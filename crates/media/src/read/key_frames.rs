//! A few key frames of a file, for a look at what it shows before the job begins, and the times of all.
#![allow(unsafe_code)]

use crate::error::Result;
use crate::ffi::frame::VideoFrame;
use crate::ffi::parameters as raw;
use crate::read::probe::{self, InputInfo};
use crate::read::range::{Range, check_range, copy_states, open_decoder};
use crate::write::options::{DecodeOptions, TimeRange};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ops::ControlFlow;

/// Packets that are read in search of one key frame. A second of video, sound and telemetry has some
/// hundred.
const PATIENCE: usize = 5000;

/// Decodes up to `count` key frames from places spread evenly over the file and shows them to
/// `look`, until that breaks off. Only key frames are decoded, so that each costs one frame's time
/// whatever the distance of key frames. Frames that aren't planar YUV are left out; damaged places
/// are skipped.
///
/// # Errors
/// The file can't be opened or no decoder be started.
pub fn key_frames(info: &InputInfo, count: u32, mut look: impl FnMut(&VideoFrame) -> ControlFlow<()>) -> Result<()> {
    let mut input = probe::open_header(&info.path)?;
    let stream = info.video.index;
    if !header_tells(&input, info) {
        probe::read_ahead(&info.path, &mut input)?;
    }
    let mut decoder = open_decoder(&info.path, &input, stream, vrseg_hardware::cores())?;
    let start = info.start_time.map_or(0, |s| (s * 1e6).round() as i64);
    for i in 0..count {
        let part = f64::from(2 * i + 1) / f64::from(2 * count);
        let at = info.duration.map(|d| start.saturating_add((d * part * 1e6) as i64));
        // SAFETY: an open input; the decoder's state is only dropped.
        let sought =
            at.is_some_and(|at| unsafe { ffi::avformat_seek_file(input.as_mut_ptr(), -1, i64::MIN, at, at, 0) >= 0 });
        if !sought && i > 0 {
            // There is only the one way through the file: its beginning has been seen.
            break;
        }
        decoder.flush();
        if let Some(frame) = next_key_frame(&mut input, &mut decoder, stream)
            && look(&frame).is_break()
        {
            break;
        }
    }
    Ok(())
}

/// Whether all that a decoder has to know of the video is in the file's header.
fn header_tells(input: &ffmpeg::format::context::Input, info: &InputInfo) -> bool {
    let Some(stream) = input.stream(info.video.index) else { return false };
    // SAFETY: reads fields of an open input and of one of its streams.
    let (open_end, p) =
        unsafe { ((*input.as_ptr()).ctx_flags & ffi::AVFMTCTX_NOHEADER != 0, &*(*stream.as_ptr()).codecpar) };
    let size = (p.width as usize, p.height as usize);
    !open_end
        && p.extradata_size > 0
        && raw::codec_name(p.codec_id) == info.video.codec
        && size == (info.video.width, info.video.height)
}

fn next_key_frame(
    input: &mut ffmpeg::format::context::Input,
    decoder: &mut ffmpeg::decoder::Video,
    stream: usize,
) -> Option<VideoFrame> {
    let mut packet = ffmpeg::Packet::empty();
    for _ in 0..PATIENCE {
        match packet.read(input) {
            Ok(()) if packet.stream() == stream && packet.is_key() => {}
            Ok(()) | Err(ffmpeg::Error::InvalidData) => continue,
            Err(_) => return None,
        }
        if decoder.send_packet(&packet).is_err() {
            continue;
        }
        // Decoders with threads hold frames back until they are told that no more will come.
        let _ = decoder.send_eof();
        let mut frame = ffmpeg::frame::Video::empty();
        if decoder.receive_frame(&mut frame).is_ok() {
            return VideoFrame::from_av(frame).ok();
        }
        decoder.flush();
    }
    None
}

/// A frame of the video, as its packet has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameTime {
    /// When it is shown, as [`crate::SourceFrame`] has it.
    pub pts: i64,
    /// A key frame.
    pub key: bool,
}

/// The times of all frames in `range`, rising, without decoding any of them: reads the whole file.
/// `None` where packets have no time stamps, or two the same.
///
/// # Errors
/// The file can't be opened.
pub fn frame_times(info: &InputInfo, range: TimeRange) -> Result<Option<Vec<FrameTime>>> {
    let mut input = probe::open_context(&info.path)?;
    let stream = info.video.index;
    let time_base = ffi::AVRational { num: info.video.time_base.0, den: info.video.time_base.1 };
    let options = DecodeOptions { range, ..DecodeOptions::default() };
    check_range(info, &options)?;
    let range = Range::new(&input, &options, time_base);
    copy_states(&mut input, stream);
    let offset = range.start.unwrap_or(0);
    let mut packet = ffmpeg::Packet::empty();
    let mut times = Vec::new();
    loop {
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == stream => {
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
