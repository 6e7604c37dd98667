//! Pixel formats: FFmpeg's names and descriptions of them, and the layouts that they stand for.
#![allow(unsafe_code)]

use crate::ffi::numbers::{self, PixelFormat};
use ffmpeg_next::ffi;
use std::ffi::{CStr, CString};
use vrseg_image::plane::YuvLayout;

/// FFmpeg's pixel format for a layout, in the machine's byte order; `None` where it has none.
pub(crate) fn format_for(layout: YuvLayout) -> Option<PixelFormat> {
    let sampling = match (layout.chroma_shift_x, layout.chroma_shift_y) {
        (1, 1) => "420",
        (1, 0) => "422",
        (0, 0) => "444",
        (0, 1) => "440",
        (2, 0) => "411",
        (2, 2) => "410",
        _ => return None,
    };
    let alpha = if layout.alpha { "a" } else { "" };
    let bits = if layout.bits == 8 { String::new() } else { layout.bits.to_string() };
    let format = format_named(&format!("yuv{alpha}{sampling}p{bits}"))?;
    // FFmpeg looks for the name with the byte order added, too; but not every depth exists.
    (layout_of(format) == Some(layout)).then_some(format)
}

/// FFmpeg's pixel format of that name.
pub(crate) fn format_named(name: &str) -> Option<PixelFormat> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is a valid string.
    let format = unsafe { numbers::av_get_pix_fmt(name.as_ptr()) };
    (format >= 0).then(|| PixelFormat::new(format))
}

/// FFmpeg's description of a pixel format; `None` for a number that is none.
pub(crate) fn descriptor(format: PixelFormat) -> Option<&'static ffi::AVPixFmtDescriptor> {
    // SAFETY: null or a static description.
    unsafe { numbers::av_pix_fmt_desc_get(format.get()).as_ref() }
}

/// FFmpeg's name of a pixel format.
pub(crate) fn format_name(format: PixelFormat) -> String {
    match descriptor(format) {
        // SAFETY: a description's name is a static string.
        Some(d) => unsafe { CStr::from_ptr(d.name) }.to_string_lossy().into_owned(),
        None => "unknown".to_owned(),
    }
}

/// Whether the samples are red, green and blue (or numbers of such colors) rather than YUV.
pub(crate) fn is_rgb(d: &ffi::AVPixFmtDescriptor) -> bool {
    let rgb = ffi::AV_PIX_FMT_FLAG_RGB | ffi::AV_PIX_FMT_FLAG_PAL | ffi::AV_PIX_FMT_FLAG_BAYER;
    d.flags & rgb as u64 != 0
}

/// Whether a format has a channel of opacity.
pub(crate) fn has_alpha(format: PixelFormat) -> bool {
    descriptor(format).is_some_and(|d| d.flags & ffi::AV_PIX_FMT_FLAG_ALPHA as u64 != 0)
}

/// The layout of a pixel format; `None` where it isn't planar YUV in the machine's byte order. `yuvj420p` and
/// the like have the layout of their ordinary twins.
pub(crate) fn layout_of(format: PixelFormat) -> Option<YuvLayout> {
    let d = descriptor(format)?;
    let flag = |f: i32| d.flags & f as u64 != 0;
    let foreign = ffi::AV_PIX_FMT_FLAG_RGB
        | ffi::AV_PIX_FMT_FLAG_PAL
        | ffi::AV_PIX_FMT_FLAG_BITSTREAM
        | ffi::AV_PIX_FMT_FLAG_HWACCEL
        | ffi::AV_PIX_FMT_FLAG_BAYER
        | ffi::AV_PIX_FMT_FLAG_FLOAT
        | if cfg!(target_endian = "little") { ffi::AV_PIX_FMT_FLAG_BE } else { 0 };
    if d.flags & foreign as u64 != 0 || !flag(ffi::AV_PIX_FMT_FLAG_PLANAR) {
        return None;
    }
    let planes = usize::from(d.nb_components);
    let alpha = flag(ffi::AV_PIX_FMT_FLAG_ALPHA);
    let depth = d.comp[0].depth;
    if planes != 3 + usize::from(alpha) || !(8..=16).contains(&depth) {
        return None;
    }
    let bytes = if depth > 8 { 2 } else { 1 };
    let separate = d.comp[..planes]
        .iter()
        .enumerate()
        .all(|(i, c)| c.plane == i as i32 && c.step == bytes && c.offset == 0 && c.shift == 0 && c.depth == depth);
    separate.then(|| YuvLayout {
        bits: depth as u32,
        chroma_shift_x: u32::from(d.log2_chroma_w),
        chroma_shift_y: u32::from(d.log2_chroma_h),
        alpha,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_layouts_are_inverse() {
        for (x, y) in [(1, 1), (1, 0), (0, 0)] {
            for bits in [8, 9, 10, 12, 14, 16] {
                let layout = YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, alpha: false };
                assert_eq!(layout_of(format_for(layout).unwrap()), Some(layout));
            }
            for bits in [8, 9, 10, 16] {
                let layout = YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, alpha: true };
                assert_eq!(layout_of(format_for(layout).unwrap()), Some(layout));
            }
        }
        let of_name = |name| layout_of(format_named(name).unwrap());
        assert_eq!(of_name("yuvj420p"), of_name("yuv420p"));
        for foreign in ["nv12", "p010le", "rgb24", "gbrp", "gray", "yuv420p10be"] {
            assert_eq!(of_name(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn unknown_numbers_have_no_description() {
        for number in [-1, ffi::AVPixelFormat::AV_PIX_FMT_NB as i32, i32::MAX, i32::MIN] {
            let format = PixelFormat::new(number);
            assert!(descriptor(format).is_none());
            assert_eq!((format_name(format).as_str(), layout_of(format)), ("unknown", None));
        }
    }
}
