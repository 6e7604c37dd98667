//! The encoder's context: its fields, its options, opening it.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::codec::is_hardware;
use crate::ffi::frame::alloc_raw;
use crate::ffi::log;
use crate::ffi::numbers;
use crate::ffi::pixel_format::{descriptor, is_rgb};
use crate::formats::color::space_of;
use crate::read::template::VideoTemplate;
use crate::write::encoder::plan::{EncoderPlan, joined_params};
use crate::write::options::WriterOptions;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CString;
use std::ptr;
use vrseg_image::plane::YuvColor;

/// The encoder's clock.
pub(crate) struct Timing {
    /// Of the frames' time stamps.
    pub time_base: ffi::AVRational,
    /// Frames per second.
    pub rate: ffi::AVRational,
}

/// An open encoder.
///
/// # Errors
/// An option is unknown or refused, or the encoder doesn't start.
pub(crate) fn open_context(
    codec: &ffmpeg::Codec,
    plan: &EncoderPlan,
    options: &WriterOptions<'_>,
    video: &VideoTemplate,
    timing: &Timing,
    global_header: bool,
) -> Result<ffmpeg::codec::Context> {
    let mut context = ffmpeg::codec::Context::new_with_codec(*codec);
    // SAFETY: plain fields of a context that isn't open yet.
    unsafe {
        let c = context.as_mut_ptr();
        (*c).width = plan.size.0 as i32;
        (*c).height = plan.size.1 as i32;
        numbers::write(&raw mut (*c).pix_fmt, plan.pixel);
        (*c).time_base = timing.time_base;
        (*c).framerate = timing.rate;
        (*c).sample_aspect_ratio = options.aspect(video);
        (*c).thread_count = options.encode.threads.min(64) as i32;
        set_color(c, video, options.color);
        if descriptor(plan.pixel).is_some_and(is_rgb) {
            (*c).color_range = ffi::AVColorRange::AVCOL_RANGE_JPEG;
            numbers::write(&raw mut (*c).colorspace, ffi::AVColorSpace::AVCOL_SPC_RGB.into());
        } else if plan.encoder == "mjpeg" {
            // JFIF: BT.601 in full range.
            (*c).color_range = ffi::AVColorRange::AVCOL_RANGE_JPEG;
            numbers::write(&raw mut (*c).colorspace, ffi::AVColorSpace::AVCOL_SPC_BT470BG.into());
        }
        numbers::write(&raw mut (*c).field_order, video.field_order);
        let interlaced =
            !video.field_order.is_any(&[ffi::AVFieldOrder::AV_FIELD_UNKNOWN, ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE]);
        if interlaced && plan.encoder == "libx264" {
            (*c).flags |= ffi::AV_CODEC_FLAG_INTERLACED_DCT as i32;
        }
        if global_header {
            (*c).flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        }
        let id = numbers::read(&raw const (*c).codec_id);
        if plan.container.is_mov() && id == ffi::AVCodecID::AV_CODEC_ID_HEVC {
            // Apple's players refuse hev1.
            (*c).codec_tag = u32::from_le_bytes(*b"hvc1");
        }
    }
    let settings = joined_params(plan, video, options.encode.threads);
    open_codec(&mut context, codec, plan, options, &settings)?;
    Ok(context)
}

/// Color tags: the source's, and what the composer really wrote.
///
/// # Safety
/// `c` is a context that isn't open yet.
unsafe fn set_color(c: *mut ffi::AVCodecContext, video: &VideoTemplate, color: YuvColor) {
    use ffi::AVColorRange::{AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG, AVCOL_RANGE_UNSPECIFIED};
    let range = if color.full_range {
        AVCOL_RANGE_JPEG
    } else if video.range == AVCOL_RANGE_UNSPECIFIED {
        AVCOL_RANGE_UNSPECIFIED
    } else {
        AVCOL_RANGE_MPEG
    };
    // SAFETY: the caller's.
    unsafe {
        numbers::write(&raw mut (*c).color_primaries, video.primaries);
        numbers::write(&raw mut (*c).color_trc, video.transfer);
        if video.space.is_any(&[ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED]) {
            // Whoever reads the output must not have to guess, or the key color is another one.
            numbers::write(&raw mut (*c).colorspace, space_of(color.matrix).into());
        } else {
            numbers::write(&raw mut (*c).colorspace, video.space);
        }
        numbers::write(&raw mut (*c).chroma_sample_location, video.chroma_location);
        (*c).color_range = range;
    }
}

/// Gives the encoder an option.
///
/// # Errors
/// It doesn't know the option, or not with this value.
fn set_option(context: &mut ffmpeg::codec::Context, encoder: &str, key: &str, value: &str) -> Result<()> {
    let text = |text: &str| {
        let what = format!("{encoder}: option {key}: has a NUL character in it");
        CString::new(text).map_err(|_| MediaError::Invalid { what })
    };
    let (name, content) = (text(key)?, text(value)?);
    // SAFETY: a context made for its codec, so its private options are there; both texts are copied.
    let (code, log) = log::capture(|| unsafe {
        let flags = ffi::AV_OPT_SEARCH_CHILDREN;
        ffi::av_opt_set(context.as_mut_ptr().cast(), name.as_ptr(), content.as_ptr(), flags)
    });
    let (encoder, option) = (encoder.to_owned(), key.to_owned());
    match code {
        0.. => Ok(()),
        ffi::AVERROR_OPTION_NOT_FOUND => Err(MediaError::UnknownOption { encoder, option }),
        _ => Err(MediaError::OptionValue { encoder, option, value: value.to_owned(), log }),
    }
}

/// `avcodec_open2`, with an error for every option that it doesn't know or refuses.
fn open_codec(
    context: &mut ffmpeg::codec::Context,
    codec: &ffmpeg::Codec,
    plan: &EncoderPlan,
    options: &WriterOptions<'_>,
    settings: &[(String, String)],
) -> Result<()> {
    for (key, value) in settings {
        set_option(context, &plan.encoder, key, value)?;
    }
    // SAFETY: a context made for this codec.
    let (code, lines) =
        log::capture(|| unsafe { ffi::avcodec_open2(context.as_mut_ptr(), codec.as_ptr(), ptr::null_mut()) });
    // Encoders that take a string of parameters only complain about unknown ones.
    let complaint = lines
        .iter()
        .any(|l| ["Unknown option", "Invalid value for", "Error parsing option"].iter().any(|c| l.contains(c)));
    if code >= 0 && !complaint {
        return Ok(());
    }
    if code >= 0 {
        make_closable(context, &plan.encoder);
    }
    let encoder = plan.encoder.clone();
    let what = format!("{}x{} ({})", plan.size.0, plan.size.1, plan.description);
    let reason = if code < 0 { ffmpeg::Error::from(code).to_string() } else { "it does not know an option".to_owned() };
    // An encoder on the CPU that calls its arguments wrong means the user's own, where there are some.
    let wrong = code == ffi::AVERROR(libc::EINVAL) || code == ffi::AVERROR_OPTION_NOT_FOUND;
    if complaint || wrong && !options.encode.extra.is_empty() && !is_hardware(codec) {
        return Err(MediaError::EncoderOptions { encoder, what, reason, log: lines });
    }
    Err(MediaError::Encoder { encoder, what, reason, log: lines })
}

/// Prepares an open encoder that has got no frame for being closed: from that SVT-AV1 (1.4 at least)
/// never returns. With a frame it does, within a second at 8K.
pub(crate) fn make_closable(context: &mut ffmpeg::codec::Context, encoder: &str) {
    if encoder != "libsvtav1" {
        return;
    }
    // SAFETY: reads plain fields of an open encoder.
    let (format, width, height) = unsafe {
        let c = context.as_ptr();
        (numbers::read(&raw const (*c).pix_fmt), (*c).width.max(0) as usize, (*c).height.max(0) as usize)
    };
    let Ok(mut frame) = alloc_raw(format, width, height) else { return };
    frame.set_pts(Some(0));
    // SAFETY: an open encoder and a frame as it expects them; then the end of its frames.
    unsafe {
        ffi::avcodec_send_frame(context.as_mut_ptr(), frame.as_ptr());
        ffi::avcodec_send_frame(context.as_mut_ptr(), ptr::null());
    }
}
