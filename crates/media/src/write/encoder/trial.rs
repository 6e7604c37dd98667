//! Opening an encoder to see whether it works here.
#![allow(unsafe_code)]

use crate::error::Result;
use crate::ffi::codec::pixel_formats;
use crate::ffi::dictionary::Dictionary;
use crate::ffi::log;
use crate::ffi::numbers::{self, PixelFormat};
use ffmpeg_next::{self as ffmpeg, ffi};

/// Opens `codec`, which must be a video encoder, for a picture of 640x480.
///
/// # Errors
/// Why it can't be opened, in one line.
pub(crate) fn open(codec: ffmpeg::Codec) -> std::result::Result<ffmpeg::codec::Context, String> {
    let plain = PixelFormat::from(ffi::AVPixelFormat::AV_PIX_FMT_YUV420P);
    let formats = pixel_formats(&codec);
    let format = if formats.contains(&plain) { plain } else { formats.first().copied().unwrap_or(plain) };
    let mut options = options(codec.name()).map_err(|e| e.to_string())?;
    let mut context = ffmpeg::codec::Context::new_with_codec(codec);
    // SAFETY: plain fields of a context that isn't open yet; `context` frees it, `options` its dictionary.
    let (code, lines) = unsafe {
        let c = context.as_mut_ptr();
        (*c).width = 640;
        (*c).height = 480;
        numbers::write(&raw mut (*c).pix_fmt, format);
        (*c).time_base = ffi::AVRational { num: 1, den: 30 };
        (*c).thread_count = 1;
        log::capture(|| ffi::avcodec_open2(c, codec.as_ptr(), options.as_mut_ptr()))
    };
    if code >= 0 {
        return Ok(context);
    }
    Err(lines.last().cloned().unwrap_or_else(|| ffmpeg::Error::from(code).to_string()))
}

/// What keeps an encoder from writing to standard error by itself.
fn options(name: &str) -> Result<Dictionary> {
    Dictionary::new((name == "libx265").then_some(("x265-params", "log-level=error")))
}
