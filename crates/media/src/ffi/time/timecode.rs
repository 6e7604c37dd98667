//! Time codes of film and television: hours, minutes, seconds and frames, with or without dropped numbers.
#![allow(unsafe_code)]

use ffmpeg_next::ffi;
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;

/// The time code that is `frames` after `text` (such as `10:00:00:00`, or `10:00:00;00` where numbers are dropped) at that
/// frame rate; `None` where it isn't one.
pub(crate) fn after(text: &CStr, rate: ffi::AVRational, frames: i64) -> Option<CString> {
    let mut code = MaybeUninit::<ffi::AVTimecode>::zeroed();
    // As long as AV_TIMECODE_STR_SIZE or longer.
    let mut out = [0 as c_char; 64];
    // SAFETY: the text is ended by NUL; the structure is filled where the result isn't negative; what is written into the
    // buffer, which is longer than any time code, ends with NUL.
    unsafe {
        if ffi::av_timecode_init_from_string(code.as_mut_ptr(), rate, text.as_ptr(), ptr::null_mut()) < 0 {
            return None;
        }
        ffi::av_timecode_make_string(code.as_ptr(), out.as_mut_ptr(), i32::try_from(frames).ok()?);
        Some(CStr::from_ptr(out.as_ptr()).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_codes_advance_by_frames() {
        let rate = |num, den| ffi::AVRational { num, den };
        for (text, rate, frames, want) in [
            (c"10:00:00:00", rate(30, 1), 30, Some(c"10:00:01:00")),
            (c"01:59:59:20", rate(25, 1), 7, Some(c"02:00:00:02")),
            // At the full minute two numbers are omitted.
            (c"00:00:59;28", rate(30000, 1001), 2, Some(c"00:01:00;02")),
            (c"noon", rate(30, 1), 1, None),
        ] {
            assert_eq!(after(text, rate, frames).as_deref(), want);
        }
    }
}
