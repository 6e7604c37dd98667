//! Time stamps: counts of ticks, whose length is a time base.
#![allow(unsafe_code)]

pub(crate) mod timecode;

use ffmpeg_next::ffi;

/// Microseconds, FFmpeg's common time base.
pub(crate) const MICROSECONDS: ffi::AVRational = ffi::AVRational { num: 1, den: 1_000_000 };

/// Seconds of `ticks` of a time base.
pub(crate) fn seconds(ticks: i64, time_base: ffi::AVRational) -> f64 {
    ticks as f64 * f64::from(time_base.num) / f64::from(time_base.den)
}

/// Seconds of one tick.
pub(crate) fn tick(time_base: ffi::AVRational) -> f64 {
    f64::from(time_base.num) / f64::from(time_base.den)
}

/// `ticks` of one time base in another, rounded to nearest; AV_NOPTS_VALUE stays.
pub(crate) fn rescale(ticks: i64, from: ffi::AVRational, to: ffi::AVRational) -> i64 {
    if ticks == ffi::AV_NOPTS_VALUE || (from.num == to.num && from.den == to.den) {
        return ticks;
    }
    // SAFETY: plain arithmetic; both denominators are positive in every stream that FFmpeg opens.
    unsafe { ffi::av_rescale_q(ticks, from, to) }
}
