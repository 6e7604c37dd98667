//! Whether a segment's file is whole.

use super::file::damaged;
use super::part::{SegmentPart, SegmentTimes};
use super::reader::SegmentReader;
use crate::error::Result;
use crate::ffi::parameters::Parameters;
use ffmpeg_next as ffmpeg;
use std::path::Path;

/// Whether a segment's file is the one that was written: reads all of it.
///
/// # Errors
/// It is missing, or its size or checksum is wrong.
pub fn check_segment(folder: &Path, part: &SegmentPart) -> Result<()> {
    let mut reader = SegmentReader::open(&folder.join(&part.file), part)?;
    while reader.left > 0 {
        reader.bytes(reader.left.min(1 << 20))?;
    }
    reader.check(part)
}

/// Decodes a segment's file and compares the frames that come with what is expected.
///
/// # Errors
/// It is damaged, or not all frames come.
pub fn decode_segment(folder: &Path, part: &SegmentPart, times: &SegmentTimes) -> Result<()> {
    let path = folder.join(&part.file);
    let mut reader = SegmentReader::open(&path, part)?;
    let fail = |e: ffmpeg::Error| damaged(&path, &format!("it can't be decoded: {e}"));
    let mut decoder = Parameters::restore(&reader.head.codec)?.decoder().map_err(fail)?;
    let mut frames = 0;
    let mut take = |decoder: &mut ffmpeg::decoder::Video| {
        let mut frame = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            frames += usize::from(!frame.is_corrupt());
        }
    };
    while let Some(packet) = reader.next()? {
        decoder.send_packet(&packet).map_err(fail)?;
        take(&mut decoder);
    }
    decoder.send_eof().map_err(fail)?;
    take(&mut decoder);
    reader.check(part)?;
    if frames == times.pts.len() {
        return Ok(());
    }
    Err(damaged(&path, &format!("{frames} of its {} frames can be decoded", times.pts.len())))
}
