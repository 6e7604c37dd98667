//! The planar layouts in which pictures are worked on.

use crate::ffi::numbers::PixelFormat;
use crate::ffi::pixel_format::{descriptor, format_for, is_rgb, layout_of};
use ffmpeg_next::ffi;
use vrseg_image::plane::YuvLayout;

/// The planar layout in which frames of a pixel format are delivered: its own, or the nearest
/// that loses nothing (RGB becomes 4:4:4, gray 4:2:0).
pub(crate) fn working_layout(format: PixelFormat) -> Option<YuvLayout> {
    layout_of(format).or_else(|| nearest_layout(format))
}

/// The layout nearest to `layout` that loses nothing of it and of which FFmpeg has a format with an
/// alpha channel: there is none of 14 bits, of 12 bits in 4:2:0, of 4:1:1 ...
pub fn layout_with_alpha(layout: YuvLayout) -> Option<YuvLayout> {
    let YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, .. } = layout;
    // 4:1:1 is kept in 4:2:2, all else that is rare in 4:4:4.
    let finer = if (x, y) == (2, 0) { (1, 0) } else { (0, 0) };
    let sampled = |(x, y), bits| YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, ..layout };
    [sampled((x, y), bits), sampled((x, y), 16), sampled(finer, bits), sampled(finer, 16)]
        .into_iter()
        .find(|l| format_for(*l).is_some() && format_for(YuvLayout { alpha: true, ..*l }).is_some())
}

/// The planar layout for a pixel format that isn't planar YUV.
fn nearest_layout(format: PixelFormat) -> Option<YuvLayout> {
    let d = descriptor(format)?;
    let flag = |f: i32| d.flags & f as u64 != 0;
    if flag(ffi::AV_PIX_FMT_FLAG_HWACCEL) {
        return None;
    }
    let rgb = is_rgb(d);
    let gray = d.nb_components <= 2 && !rgb;
    let bits = d.comp[0].depth.clamp(8, 16) as u32;
    // A palette always has alpha for FFmpeg; hardly ever is it used.
    let alpha = flag(ffi::AV_PIX_FMT_FLAG_ALPHA) && !flag(ffi::AV_PIX_FMT_FLAG_PAL);
    let (x, y) = match (rgb, gray) {
        (true, _) => (0, 0),
        (_, true) => (1, 1),
        _ => (u32::from(d.log2_chroma_w), u32::from(d.log2_chroma_h)),
    };
    let expected = YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, alpha };
    let deep = YuvLayout { bits: 16, ..expected };
    let full = YuvLayout { bits: if bits == 8 { 8 } else { 16 }, chroma_shift_x: 0, chroma_shift_y: 0, alpha };
    [expected, deep, full].into_iter().find(|l| format_for(*l).is_some())
}
