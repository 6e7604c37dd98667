//! An open source file: what its structures say, and seeking in it.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::numbers::{self, MediaKind};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A file that FFmpeg reads from.
pub(crate) type Input = ffmpeg::format::context::Input;

/// The path as an FFmpeg URL. Without the scheme, `take:2.mp4` would be a protocol named `take`.
pub(crate) fn file_url(path: &Path) -> Result<CString> {
    let mut url = b"file:".to_vec();
    url.extend_from_slice(path.as_os_str().as_bytes());
    CString::new(url)
        .map_err(|_| MediaError::Invalid { what: format!("{}: the name has a NUL byte in it", path.display()) })
}

/// FFmpeg's name(s) of the container.
pub(crate) fn format_of(input: &Input) -> String {
    // SAFETY: an open input's format has a static name.
    unsafe { CStr::from_ptr((*(*input.as_ptr()).iformat).name) }.to_string_lossy().into_owned()
}

/// The first time stamp in microseconds; 0 where the file doesn't say.
pub(crate) fn file_start(input: &Input) -> i64 {
    // SAFETY: reads a field of an open input.
    let start = unsafe { (*input.as_ptr()).start_time };
    if start == ffi::AV_NOPTS_VALUE { 0 } else { start }
}

/// Whether time stamps may jump on the way (MPEG-TS).
pub(crate) fn has_arbitrary_clock(input: &Input) -> bool {
    // SAFETY: reads a field of an open input's static format.
    unsafe { (*(*input.as_ptr()).iformat).flags & ffi::AVFMT_TS_DISCONT != 0 }
}

/// The error that ended the reading, where it was one of the disk or the model: demuxers turn it into an
/// early end, but the I/O layer remembers.
pub(crate) fn io_error(input: &Input) -> Option<ffmpeg::Error> {
    // SAFETY: reads fields of an open input.
    let error = unsafe {
        let pb = (*input.as_ptr()).pb;
        if pb.is_null() { 0 } else { (*pb).error }
    };
    (error < 0 && error != ffi::AVERROR_EOF && error != ffi::AVERROR_INVALIDDATA).then(|| ffmpeg::Error::from(error))
}

/// What a stream carries.
pub(crate) fn kind(stream: &ffmpeg::Stream<'_>) -> MediaKind {
    // SAFETY: reads a field of a stream of an open input.
    unsafe { numbers::read(&raw const (*(*stream.as_ptr()).codecpar).codec_type) }
}

/// Whether a stream is a cover picture or a strip of thumbnails.
pub(crate) fn is_cover(stream: &ffmpeg::Stream<'_>) -> bool {
    // SAFETY: reads a field of a stream of an open input.
    let disposition = unsafe { (*stream.as_ptr()).disposition };
    disposition & (ffi::AV_DISPOSITION_ATTACHED_PIC | ffi::AV_DISPOSITION_TIMED_THUMBNAILS) != 0
}

/// Makes the demuxer skip the packets of a stream.
pub(crate) fn discard_packets(input: &mut Input, stream: usize) {
    if let Some(mut stream) = input.stream_mut(stream) {
        // SAFETY: writes a plain field of a stream of an open input that is ours alone.
        unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL };
    }
}

/// Whether the container has no header, so that streams may appear on the way.
pub(crate) fn has_no_header(input: &Input) -> bool {
    // SAFETY: reads a field of an open input.
    unsafe { (*input.as_ptr()).ctx_flags & ffi::AVFMTCTX_NOHEADER != 0 }
}

/// Seeks to the last key frame at or before `target` (microseconds of the file's clock), as the container's
/// index counts time. False where that isn't possible.
pub(crate) fn seek(input: &mut Input, target: i64) -> bool {
    // SAFETY: an open input.
    unsafe { ffi::avformat_seek_file(input.as_mut_ptr(), -1, i64::MIN, target, target, 0) >= 0 }
}

/// Goes to the first byte of a file without an index, whatever its time stamps say there. False for other files.
pub(crate) fn rewind(input: &mut Input) -> bool {
    if !matches!(format_of(input).as_str(), "mpegts" | "mpeg") {
        return false;
    }
    // SAFETY: an open input.
    unsafe { ffi::avformat_seek_file(input.as_mut_ptr(), -1, 0, 0, 0, ffi::AVSEEK_FLAG_BYTE) >= 0 }
}

/// [`seek`] for a time at which a frame is shown: containers are indexed by decoding time, which with
/// B-frames is earlier.
pub(crate) fn seek_to_frame(input: &mut Input, decoder: &ffmpeg::decoder::Video, shown: i64) -> bool {
    // SAFETY: reads fields of an open input and an open decoder.
    let reorders = unsafe {
        (*(*input.as_ptr()).iformat).flags & ffi::AVFMT_SEEK_TO_PTS == 0 && (*decoder.as_ptr()).has_b_frames > 0
    };
    // Go back by what ffmpeg goes back (three frames at 23 fps).
    let target = if reorders { shown - 3_000_000 / 23 } else { shown };
    seek(input, target)
}
