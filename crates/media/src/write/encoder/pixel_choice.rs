//! Which of an encoder's pixel formats loses least.

use crate::error::{MediaError, Result};
use crate::ffi::codec::pixel_formats;
use crate::ffi::numbers::PixelFormat;
use crate::ffi::pixel_format::{descriptor, format_name, format_named, has_alpha, layout_of};
use crate::write::options::{ALPHA_WAYS, Purpose, WriterOptions};
use ffmpeg_next::{self as ffmpeg, ffi};
use vrseg_image::plane::YuvLayout;

/// What matters of a pixel format for the choice.
struct Traits {
    depth: u32,
    x: u32,
    y: u32,
    alpha: bool,
    gray: bool,
    planar: bool,
}

fn traits_of(format: PixelFormat) -> Option<Traits> {
    let d = descriptor(format)?;
    let never = ffi::AV_PIX_FMT_FLAG_RGB
        | ffi::AV_PIX_FMT_FLAG_PAL
        | ffi::AV_PIX_FMT_FLAG_HWACCEL
        | ffi::AV_PIX_FMT_FLAG_BITSTREAM
        | ffi::AV_PIX_FMT_FLAG_FLOAT
        | ffi::AV_PIX_FMT_FLAG_BAYER
        | if cfg!(target_endian = "little") { ffi::AV_PIX_FMT_FLAG_BE } else { 0 };
    if d.flags & never as u64 != 0 || format_name(format).starts_with("yuvj") {
        return None;
    }
    Some(Traits {
        depth: d.comp[0].depth as u32,
        x: u32::from(d.log2_chroma_w),
        y: u32::from(d.log2_chroma_h),
        alpha: has_alpha(format),
        gray: d.nb_components <= 2,
        planar: layout_of(format).is_some(),
    })
}

/// How much is lost (thousands) or wasted (ones) by storing `layout` in a format.
fn cost(layout: YuvLayout, t: &Traits, want_alpha: bool, gray_ok: bool) -> Option<u32> {
    if want_alpha && !t.alpha || t.gray && !gray_ok {
        return None;
    }
    let loss = layout.bits.saturating_sub(t.depth) * 1000
        + t.x.saturating_sub(layout.chroma_shift_x) * 1500
        + t.y.saturating_sub(layout.chroma_shift_y) * 1500;
    let waste = t.depth.saturating_sub(layout.bits) * 4
        + layout.chroma_shift_x.saturating_sub(t.x) * 20
        + layout.chroma_shift_y.saturating_sub(t.y) * 20
        + if t.alpha && !want_alpha { 60 } else { 0 };
    // Of two otherwise equal formats the planar one needs no conversion.
    Some(loss + waste + u32::from(!t.planar) * 2)
}

/// The format of a picture file: red, green and blue in most, with opacity where there is some.
fn picture_format(o: &WriterOptions<'_>, encoder: &str, supported: &[PixelFormat]) -> Option<PixelFormat> {
    let (fine, coarse): (&[&str], &[&str]) = match (encoder, o.purpose) {
        ("mjpeg", Purpose::Alpha) => return None,
        ("mjpeg", _) => (&[], &["yuvj420p", "yuv420p"]),
        ("libwebp", _) => (&[], &["bgra"]),
        ("png" | "tiff" | "bmp", Purpose::Alpha) => (&["rgba64be", "rgba64le"], &["rgba", "bgra"]),
        ("png" | "tiff" | "bmp", Purpose::Matte) => (&["gray16be", "gray16le"], &["gray"]),
        ("png" | "tiff" | "bmp", Purpose::Picture) => (&["rgb48be", "rgb48le"], &["rgb24", "bgr24"]),
        _ => return None,
    };
    let fine = if o.layout.bits > 8 { fine } else { &[] };
    let names = fine.iter().chain(coarse);
    names.filter_map(|name| format_named(name)).find(|format| supported.contains(format))
}

/// The pixel format to encode: the user's, or the nearest that the encoder has.
///
/// # Errors
/// The user's isn't known, the encoder doesn't take it, or none has the alpha that is needed.
pub(crate) fn choose_pixel(o: &WriterOptions<'_>, encoder: &str, codec: &ffmpeg::Codec) -> Result<PixelFormat> {
    let supported = pixel_formats(codec);
    let alpha = o.purpose == Purpose::Alpha;
    if let Some(name) = &o.encode.pix_fmt {
        let format = format_named(name)
            .ok_or_else(|| MediaError::Invalid { what: format!("FFmpeg has no pixel format \"{name}\"") })?;
        if !supported.is_empty() && !supported.contains(&format) {
            let names: Vec<String> = supported.iter().map(|f| format_name(*f)).collect();
            return Err(MediaError::Invalid {
                what: format!("{encoder} cannot encode the pixel format {name}; it supports {}", names.join(", ")),
            });
        }
        if alpha && !has_alpha(format) {
            return Err(MediaError::Invalid {
                what: format!("the pixel format {name} has no alpha channel, which this output needs"),
            });
        }
        return Ok(format);
    }
    if let Some(format) = picture_format(o, encoder, &supported) {
        return Ok(format);
    }
    // A matte is gray already: FFV1 stores it so without the two flat chroma planes.
    let gray = o.purpose == Purpose::Matte && encoder == "ffv1";
    if gray {
        let name = if o.layout.bits == 8 { "gray".to_owned() } else { format!("gray{}", o.layout.bits) };
        if let Some(format) = format_named(&name).filter(|f| supported.contains(f)) {
            return Ok(format);
        }
    }
    // These encoders refuse half chroma samples at the border.
    let even_only = ["libx264", "libx265", "libsvtav1"].contains(&encoder);
    let odd = |t: &Traits| even_only && (!o.width.is_multiple_of(1 << t.x) || !o.height.is_multiple_of(1 << t.y));
    let fits: Vec<_> = supported.iter().filter_map(|&f| traits_of(f).filter(|t| !odd(t)).map(|t| (t, f))).collect();
    if fits.is_empty() && even_only && !alpha {
        let (width, height) = (o.width, o.height);
        return Err(MediaError::Invalid {
            what: format!("{encoder} cannot encode an odd size ({width}x{height}); choose hevc, h264, vp9 or ffv1"),
        });
    }
    fits.iter()
        .filter_map(|(t, f)| Some((cost(o.layout, t, alpha, false)?, *f)))
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, f)| f)
        .ok_or_else(|| MediaError::Invalid {
            what: match alpha {
                true => format!("{encoder} cannot encode an alpha channel; {ALPHA_WAYS}"),
                false => format!("{encoder} doesn't support YUV; choose another encoder or set a pixel format"),
            },
        })
}
