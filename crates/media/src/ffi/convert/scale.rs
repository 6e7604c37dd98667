//! swscale: pixel format and size conversion with the color meaning kept.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::format_of;
use crate::ffi::numbers::{self, PixelFormat};
use crate::ffi::pixel_format::{descriptor, format_name};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ptr;
use vrseg_image::plane::{Matrix, YuvColor};

/// Format, size and color meaning of one side of a conversion. For RGB only the range of
/// `color` counts, and FFmpeg's RGB is always full range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Side {
    pub format: PixelFormat,
    pub width: usize,
    pub height: usize,
    pub color: YuvColor,
}

/// A converter between two sides; keeps its tables from frame to frame.
pub(crate) struct Scaler {
    context: *mut ffi::SwsContext,
    source: Side,
    target: Side,
}

// SAFETY: a swscale context may move between threads; it only mustn't be used by two at once,
// which `&mut self` sees to.
unsafe impl Send for Scaler {}

impl Scaler {
    /// # Errors
    /// When swscale can't convert between the formats.
    pub(crate) fn new(source: Side, target: Side) -> Result<Self> {
        let fail = || MediaError::Unsupported {
            what: format!(
                "swscale cannot convert {}x{} {} to {}x{} {}",
                source.width,
                source.height,
                format_name(source.format),
                target.width,
                target.height,
                format_name(target.format)
            ),
        };
        let format = |side: &Side| descriptor(side.format).map(|_| side.format.get()).ok_or_else(fail);
        let flags = ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND | ffi::SWS_FULL_CHR_H_INT | ffi::SWS_FULL_CHR_H_INP;
        // SAFETY: sizes and formats are plain values; null is checked for.
        let context = unsafe {
            numbers::sws_getContext(
                source.width as i32,
                source.height as i32,
                format(&source)?,
                target.width as i32,
                target.height as i32,
                format(&target)?,
                flags,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if context.is_null() {
            return Err(fail());
        }
        // Fails (harmlessly) where no YUV is concerned.
        // SAFETY: the context is valid, the coefficient tables are static; the last three are
        // brightness 0, contrast 1 and saturation 1 in 16.16.
        unsafe {
            ffi::sws_setColorspaceDetails(
                context,
                ffi::sws_getCoefficients(coefficients(source.color.matrix)),
                i32::from(source.color.full_range),
                ffi::sws_getCoefficients(coefficients(target.color.matrix)),
                i32::from(target.color.full_range),
                0,
                1 << 16,
                1 << 16,
            );
        }
        Ok(Scaler { context, source, target })
    }

    /// The frames that it accepts.
    pub(crate) fn source(&self) -> Side {
        self.source
    }

    /// The frames that come out of it.
    pub(crate) fn target(&self) -> Side {
        self.target
    }

    /// Converts the samples; properties are the caller's.
    ///
    /// # Errors
    /// When a frame doesn't fit the converter.
    pub(crate) fn run(&mut self, source: &ffmpeg::frame::Video, target: &mut ffmpeg::frame::Video) -> Result<()> {
        let shape = |f: &ffmpeg::frame::Video| (format_of(f), f.width() as usize, f.height() as usize);
        let of = |s: &Side| (s.format, s.width, s.height);
        // SAFETY: only reads reference counts.
        let writable = unsafe { ffi::av_frame_is_writable(target.as_mut_ptr()) > 0 };
        if shape(source) != of(&self.source) || shape(target) != of(&self.target) || !writable {
            let say = |(format, w, h)| format!("{w}x{h} {}", format_name(format));
            return Err(MediaError::FrameMismatch {
                got: format!("{} -> {}", say(shape(source)), say(shape(target))),
                expected: format!("{} -> {}", say(of(&self.source)), say(of(&self.target))),
            });
        }
        // SAFETY: both frames have the formats and sizes that the context was made for (checked), and
        // the target is ours alone.
        let rows = unsafe {
            let (s, t) = (source.as_ptr(), target.as_mut_ptr());
            ffi::sws_scale(
                self.context,
                (&raw const (*s).data).cast(),
                (&raw const (*s).linesize).cast(),
                0,
                (*s).height,
                (&raw const (*t).data).cast(),
                (&raw const (*t).linesize).cast(),
            )
        };
        if rows < 0 {
            return Err(MediaError::Unsupported { what: format!("swscale failed: {}", ffmpeg::Error::from(rows)) });
        }
        Ok(())
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: made in `new`.
        unsafe { ffi::sws_freeContext(self.context) };
    }
}

/// swscale's number of a matrix (the numbers of AVColorSpace).
fn coefficients(matrix: Matrix) -> i32 {
    match matrix {
        Matrix::Bt601 => ffi::SWS_CS_ITU601,
        Matrix::Bt709 => ffi::SWS_CS_ITU709,
        Matrix::Bt2020 => ffi::SWS_CS_BT2020,
    }
}
