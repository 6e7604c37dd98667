//! Whether NVENC really works here.
#![allow(unsafe_code)]

use crate::ffi::codec::find_encoder;
use crate::ffi::log;
use crate::write::encoder::trial;
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
    load_driver()?;
    // HEVC first: GPUs exist whose NVENC lacks neither, but FFmpeg builds that lack one.
    let codec =
        ["h264_nvenc", "hevc_nvenc"].into_iter().find_map(find_encoder).ok_or("this FFmpeg is built without NVENC")?;
    trial::open(codec).map(drop).map_err(|reason| format!("NVENC cannot be opened: {reason}"))
}

/// Loads the driver's libraries, whose absence FFmpeg reports only in its log.
pub(crate) fn load_driver() -> std::result::Result<(), String> {
    let libraries = [c"libcuda.so.1", c"libnvidia-encode.so.1"];
    libraries.into_iter().try_for_each(load).map_err(|e| format!("{e}; it comes with NVIDIA's driver"))
}

fn load(name: &CStr) -> std::result::Result<(), String> {
    // SAFETY: loads a library of the driver, whose initializers FFmpeg would run anyway, and keeps
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
