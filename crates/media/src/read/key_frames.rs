//! A few key frames of a file, to see what it shows before the job begins.

use crate::error::Result;
use crate::ffi::codec::codec_name;
use crate::ffi::frame::VideoFrame;
use crate::ffi::input::{self, Input};
use crate::ffi::parameters::Parameters;
use crate::ffi::views::JoinViews;
use crate::read::info::InputInfo;
use crate::read::open::{open_decoder, open_header, read_ahead};
use crate::read::upright::{Uprighter, frame_orientation};
use ffmpeg_next as ffmpeg;
use std::ops::ControlFlow;

/// Packets that are read in search of one key frame. A second of video, sound and telemetry has some
/// hundred.
const MAX_PACKETS: usize = 5000;

/// Decodes up to `count` key frames from places spread evenly over the file and shows them to
/// `visit`, until that breaks off. Only key frames are decoded, so that each costs one frame's time
/// whatever the distance of key frames. Frames that aren't planar YUV are omitted; damaged places
/// are skipped.
///
/// # Errors
/// The file can't be opened or no decoder be started.
pub fn key_frames(info: &InputInfo, count: u32, mut visit: impl FnMut(&VideoFrame) -> ControlFlow<()>) -> Result<()> {
    let mut input = open_header(&info.path, &info.choice)?;
    let stream = info.video.index;
    if !header_describes_video(&input, info) {
        read_ahead(&info.path, &mut input)?;
    }
    let mut decoder = open_decoder(&info.path, &input, stream, vrseg_hardware::cores(), info.video.layers, None)?;
    let mut join = JoinViews::new(info.video.layers);
    let mut uprighter = Uprighter::default();
    let start = info.start_time.map_or(0, |s| (s * 1e6).round() as i64);
    for i in 0..count {
        let part = f64::from(2 * i + 1) / f64::from(2 * count);
        let at = info.duration.map(|d| start.saturating_add((d * part * 1e6) as i64));
        let sought = at.is_some_and(|at| input::seek(&mut input, at));
        if !sought && i > 0 {
            // There is only the one way through the file: its beginning has been seen.
            break;
        }
        decoder.flush();
        if let Some(frame) = next_key_frame(&mut input, &mut decoder, &mut join, stream) {
            let orientation = frame_orientation(frame.av()).unwrap_or(info.video.orientation);
            if visit(&uprighter.run(frame, orientation)?).is_break() {
                break;
            }
        }
    }
    Ok(())
}

/// The beginning of the first key frame's packet, at most `most` bytes: what the bitstream says of itself without being
/// decoded. `None` where there is none.
pub fn first_key_packet(info: &InputInfo, most: usize) -> Option<Vec<u8>> {
    let mut input = open_header(&info.path, &info.choice).ok()?;
    let mut packet = ffmpeg::Packet::empty();
    for _ in 0..MAX_PACKETS {
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == info.video.index && packet.is_key() => {
                let data = packet.data()?;
                return Some(data[..data.len().min(most)].to_vec());
            }
            Ok(()) | Err(ffmpeg::Error::InvalidData) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Whether all that a decoder has to know of the video is in the file's header.
fn header_describes_video(input: &Input, info: &InputInfo) -> bool {
    let Some(stream) = input.stream(info.video.index) else { return false };
    let parameters = Parameters::of(&stream);
    let (width, height) = parameters.size();
    let views = if info.video.layers.is_some() { 2 } else { 1 };
    !input::has_no_header(input)
        && parameters.has_extradata()
        && codec_name(parameters.codec()) == info.video.codec
        && info.video.orientation.size((width as usize * views, height as usize))
            == (info.video.width, info.video.height)
}

fn next_key_frame(
    input: &mut Input,
    decoder: &mut ffmpeg::decoder::Video,
    join: &mut JoinViews,
    stream: usize,
) -> Option<VideoFrame> {
    let mut packet = ffmpeg::Packet::empty();
    for _ in 0..MAX_PACKETS {
        match packet.read(input) {
            Ok(()) if packet.stream() == stream && packet.is_key() => {}
            Ok(()) | Err(ffmpeg::Error::InvalidData) => continue,
            Err(_) => return None,
        }
        if decoder.send_packet(&packet).is_err() {
            continue;
        }
        // Decoders with threads hold frames back until they know that no more will come.
        let _ = decoder.send_eof();
        let mut frame = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            if let Some(whole) = join.take(std::mem::replace(&mut frame, ffmpeg::frame::Video::empty())).ok()? {
                return VideoFrame::from_av(whole).ok();
            }
        }
        if let Some(half) = join.rest().ok()? {
            return VideoFrame::from_av(half).ok();
        }
        decoder.flush();
    }
    None
}
