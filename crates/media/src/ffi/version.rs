//! Which FFmpeg this process has loaded.
#![allow(unsafe_code)]

use ffmpeg_next::ffi;
use std::ffi::CStr;

/// The version of the FFmpeg that this process has loaded, such as `5.1.9-0+deb12u1`.
pub fn ffmpeg_version() -> String {
    // SAFETY: returns a static string.
    unsafe { CStr::from_ptr(ffi::av_version_info()) }.to_string_lossy().into_owned()
}

/// Whether the libavformat that is loaded is of this version or a later one.
pub(crate) fn libavformat_is_at_least(major: u32, minor: u32) -> bool {
    // SAFETY: returns a number.
    let version = unsafe { ffi::avformat_version() };
    version >= (major << 16 | minor << 8)
}
