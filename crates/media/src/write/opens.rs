//! Whether an encoder really works here: the only sure answer is to open it.
#![allow(unsafe_code)]

use crate::error::Result;
use crate::ffi::log;
use crate::ffi::parameters::Options;
use crate::write::options::Codec;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CStr;

/// The encoders that vrseg chooses from by itself, each with the codec that it is for.
pub fn encoders() -> impl Iterator<Item = (&'static str, Codec)> {
    Codec::ALL.into_iter().flat_map(|codec| {
        [Some(codec.software()), codec.hardware()].into_iter().flatten().map(move |name| (name, codec))
    })
}

/// The version of the FFmpeg that this process has loaded, such as `5.1.9-0+deb12u1`.
pub fn ffmpeg_version() -> String {
    // SAFETY: returns a static string.
    unsafe { CStr::from_ptr(ffi::av_version_info()) }.to_string_lossy().into_owned()
}

/// Opens the encoder `name` for a picture of 640x480, and leaves it open: SVT-AV1 was seen never to
/// come back from being closed before its first frame. For a process that ends soon.
///
/// # Errors
/// Why it can't be opened, in one line.
pub fn encoder_opens(name: &str) -> std::result::Result<(), String> {
    log::init();
    let codec = ffmpeg::encoder::find_by_name(name).ok_or_else(|| format!("this FFmpeg is built without {name}"))?;
    if name.ends_with("_nvenc") {
        crate::write::encoder::nvenc::driver()?;
    }
    open(codec).map(std::mem::forget)
}

/// Opens `codec`, which must be a video encoder.
pub(crate) fn open(codec: ffmpeg::Codec) -> std::result::Result<ffmpeg::codec::Context, String> {
    let plain = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;
    let formats = codec.video().ok().and_then(|v| v.formats());
    let formats: Vec<_> = formats.map(|all| all.map(ffi::AVPixelFormat::from).collect()).unwrap_or_default();
    let format = if formats.contains(&plain) { plain } else { formats.first().copied().unwrap_or(plain) };
    let mut options = options(codec.name()).map_err(|e| e.to_string())?;
    let mut context = ffmpeg::codec::Context::new_with_codec(codec);
    // SAFETY: plain fields of a context that isn't open yet; `context` frees it, `options` its dictionary.
    let (code, lines) = unsafe {
        let c = context.as_mut_ptr();
        (*c).width = 640;
        (*c).height = 480;
        (*c).pix_fmt = format;
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
fn options(name: &str) -> Result<Options> {
    Options::new((name == "libx265").then_some(("x265-params", "log-level=error")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffv1_opens_and_nonsense_does_not() {
        assert_eq!(encoder_opens("ffv1"), Ok(()));
        assert!(encoder_opens("libx999").is_err_and(|why| why.contains("built without libx999")));
        assert!(ffmpeg_version().contains('.'));
    }
}
