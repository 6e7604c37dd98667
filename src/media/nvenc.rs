//! Whether NVENC really works here.
#![allow(unsafe_code)]

use super::log;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CStr;
use std::sync::OnceLock;

/// Whether an NVENC encoder can be opened on this machine; if not, why, in one line. Found out
/// once: the driver's libraries are loaded, then a small encoder is opened.
pub fn nvenc_status() -> std::result::Result<(), String> {
    static STATUS: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    STATUS.get_or_init(try_nvenc).clone()
}

fn try_nvenc() -> std::result::Result<(), String> {
    log::init();
    for library in [c"libcuda.so.1", c"libnvidia-encode.so.1"] {
        load(library)?;
    }
    // HEVC first: cards exist whose NVENC lacks neither, but FFmpeg builds that lack one.
    let codec = ["h264_nvenc", "hevc_nvenc"]
        .into_iter()
        .find_map(ffmpeg::encoder::find_by_name)
        .ok_or("this FFmpeg is built without NVENC")?;
    let mut context = ffmpeg::codec::Context::new_with_codec(codec);
    // SAFETY: plain fields of a context that isn't open yet; `context` frees it.
    let (code, lines) = unsafe {
        let c = context.as_mut_ptr();
        (*c).width = 640;
        (*c).height = 480;
        (*c).pix_fmt = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;
        (*c).time_base = ffi::AVRational { num: 1, den: 30 };
        log::capture(|| ffi::avcodec_open2(c, codec.as_ptr(), std::ptr::null_mut()))
    };
    if code >= 0 {
        return Ok(());
    }
    let reason = lines.last().cloned().unwrap_or_else(|| ffmpeg::Error::from(code).to_string());
    Err(format!("NVENC cannot be opened: {reason}"))
}

fn load(name: &CStr) -> std::result::Result<(), String> {
    // SAFETY: loads a library of the driver, whose initialisers FFmpeg would run anyway, and keeps
    // it loaded; dlerror's text is copied at once.
    unsafe {
        if !libc::dlopen(name.as_ptr(), libc::RTLD_LAZY).is_null() {
            return Ok(());
        }
        let reason = libc::dlerror();
        let name = name.to_string_lossy();
        Err(if reason.is_null() {
            format!("{name} cannot be loaded")
        } else {
            CStr::from_ptr(reason).to_string_lossy().into_owned()
        })
    }
}
