//! swscale: pixel format and size conversion with the color meaning kept.
#![allow(unsafe_code)]

use super::alpha::AlphaDepth;
use crate::error::{MediaError, Result};
use crate::ffi::frame::format_of;
use crate::ffi::numbers::{self, PixelFormat};
use crate::ffi::pixel_format::{descriptor, format_name};
use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ptr;
use vrseg_image::plane::{Matrix, Rect, YuvColor};

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
        let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::FULL_CHR_H_INP;
        // SAFETY: sizes and formats are plain values; null is checked for.
        let context = unsafe {
            numbers::sws_getContext(
                source.width as i32,
                source.height as i32,
                format(&source)?,
                target.width as i32,
                target.height as i32,
                format(&target)?,
                flags.bits(),
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

    /// Converts the samples; properties are the caller's.
    ///
    /// # Errors
    /// When a frame doesn't fit the converter.
    pub(crate) fn run(&mut self, source: &ffmpeg::frame::Video, target: &mut ffmpeg::frame::Video) -> Result<()> {
        whole((source, &self.source), (target, &self.target))?;
        self.run_at(source, (0, 0), target, (0, 0))
    }

    /// Converts a part of `source`, whose upper left corner is `from`, to the part of `target` at `to`. Corners lie between
    /// chroma samples.
    fn run_at(
        &mut self,
        source: &ffmpeg::frame::Video,
        from: (usize, usize),
        target: &mut ffmpeg::frame::Video,
        to: (usize, usize),
    ) -> Result<()> {
        let contains = |f: &ffmpeg::frame::Video, side: &Side, at: (usize, usize)| {
            let (width, height) = (f.width() as usize, f.height() as usize);
            format_of(f) == side.format && width >= at.0 + side.width && height >= at.1 + side.height
        };
        // SAFETY: only reads reference counts.
        let writable = unsafe { ffi::av_frame_is_writable(target.as_mut_ptr()) > 0 };
        if !contains(source, &self.source, from) || !contains(target, &self.target, to) || !writable {
            return Err(mismatch((source, &self.source), (target, &self.target)));
        }
        // SAFETY: from these corners on both frames have the formats and at least the sizes that the context was made for
        // (checked), and the target is ours alone.
        let rows = unsafe {
            let (s, t) = (source.as_ptr(), target.as_mut_ptr());
            let above = planes_at(source, self.source.format, from);
            let below = planes_at(target, self.target.format, to);
            ffi::sws_scale(
                self.context,
                above.as_ptr().cast(),
                (&raw const (*s).linesize).cast(),
                0,
                self.source.height as i32,
                below.as_ptr().cast(),
                (&raw const (*t).linesize).cast(),
            )
        };
        if rows < 0 {
            return Err(MediaError::Unsupported { what: format!("swscale failed: {}", ffmpeg::Error::from(rows)) });
        }
        Ok(())
    }
}

/// A frame, and what is expected of it.
type Expected<'a> = (&'a ffmpeg::frame::Video, &'a Side);

/// That frames have the very sizes that are expected.
fn whole(source: Expected<'_>, target: Expected<'_>) -> Result<()> {
    let fits =
        |(frame, side): Expected<'_>| (frame.width() as usize, frame.height() as usize) == (side.width, side.height);
    if fits(source) && fits(target) { Ok(()) } else { Err(mismatch(source, target)) }
}

fn mismatch(source: Expected<'_>, target: Expected<'_>) -> MediaError {
    let say = |format, w, h| format!("{w}x{h} {}", format_name(format));
    let frame = |(f, _): Expected<'_>| say(format_of(f), f.width() as usize, f.height() as usize);
    let side = |(_, s): Expected<'_>| say(s.format, s.width, s.height);
    MediaError::FrameMismatch {
        got: format!("{} -> {}", frame(source), frame(target)),
        expected: format!("{} -> {}", side(source), side(target)),
    }
}

/// The planes' first samples from the corner `at` on.
fn planes_at(frame: &ffmpeg::frame::Video, format: PixelFormat, at: (usize, usize)) -> [*mut u8; 8] {
    // SAFETY: a valid frame's pointers and line sizes are copied.
    let (mut planes, lines) = unsafe { ((*frame.as_ptr()).data, (*frame.as_ptr()).linesize) };
    let Some(description) = descriptor(format).filter(|_| at != (0, 0)) else { return planes };
    for (n, plane) in planes.iter_mut().enumerate().filter(|(_, plane)| !plane.is_null()) {
        let chroma = n == 1 || n == 2;
        let shift = |by: u8| if chroma { u32::from(by) } else { 0 };
        let comps = description.comp[..usize::from(description.nb_components)].iter();
        let step = comps.filter(|c| c.plane == n as i32).map(|c| c.step as usize).max().unwrap_or(0);
        let (x, y) = (at.0 >> shift(description.log2_chroma_w), at.1 >> shift(description.log2_chroma_h));
        // Line sizes of frames that run from the bottom up are negative.
        *plane = plane.wrapping_offset(y as isize * lines[n] as isize + (x * step) as isize);
    }
    planes
}

/// Column and row of a view's first sample.
type Corner = (usize, usize);

/// Resizes the views of frames, each by itself, so that none gets samples of another at the cut between them.
pub(crate) struct ViewScaler {
    /// A scaler for each view, and its corners in the source and in the target.
    parts: Vec<(Scaler, Corner, Corner)>,
    source: Side,
    target: Side,
    alpha: Option<AlphaDepth>,
}

impl ViewScaler {
    /// `views` are where they lie in the source; none: the frame is one picture. The target's views have equal sizes.
    ///
    /// # Errors
    /// As [`Scaler::new`].
    pub(crate) fn new(source: Side, target: Side, views: &[Rect]) -> Result<Self> {
        let resized = (source.width, source.height) != (target.width, target.height);
        let parts = match views {
            [first, second] if resized => {
                let across = second.x > first.x;
                let (width, height) =
                    if across { (target.width / 2, target.height) } else { (target.width, target.height / 2) };
                let corners = [(0, 0), if across { (width, 0) } else { (0, height) }];
                let part = |view: &Rect, to| {
                    let from = Side { width: view.w, height: view.h, ..source };
                    Ok((Scaler::new(from, Side { width, height, ..target })?, (view.x, view.y), to))
                };
                views.iter().zip(corners).map(|(view, to)| part(view, to)).collect::<Result<_>>()?
            }
            _ => vec![(Scaler::new(source, target)?, (0, 0), (0, 0))],
        };
        let alpha = AlphaDepth::new(&source, &target);
        Ok(ViewScaler { parts, source, target, alpha })
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
        whole((source, &self.source), (target, &self.target))?;
        self.parts.iter_mut().try_for_each(|(scaler, from, to)| scaler.run_at(source, *from, target, *to))?;
        if let Some(alpha) = &self.alpha {
            alpha.correct(source, target);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::pixel_format::format_named;
    use ffmpeg::format::Pixel;
    use ffmpeg::frame::Video;

    const SIZE: (u32, u32) = (322, 162);

    /// A sample of a plane in `bits`, which looks random.
    fn sample(plane: usize, x: usize, y: usize, bits: u32) -> u16 {
        let at = (plane << 20 | y << 10 | x) as u32;
        (at.wrapping_mul(0x9E37_79B9) >> (32 - bits)) as u16
    }

    /// Fills a row of samples of one or two bytes, each of which is moved up by `shift`.
    fn fill(row: &mut [u8], values: impl Iterator<Item = u16>, bytes: usize, shift: u32) {
        for (out, value) in row.chunks_exact_mut(bytes).zip(values) {
            out.copy_from_slice(&(value << shift).to_le_bytes()[..bytes]);
        }
    }

    fn rows(frame: &mut Video, plane: usize) -> impl Iterator<Item = (usize, &mut [u8])> {
        let (stride, height) = (frame.stride(plane), frame.plane_height(plane) as usize);
        frame.data_mut(plane).chunks_exact_mut(stride).take(height).enumerate()
    }

    #[test]
    fn pictures_as_a_gpu_delivers_them_keep_every_bit() {
        for (planar, interleaved, bits, shift) in [
            (Pixel::YUV420P, Pixel::NV12, 8, 0),
            // The upper bits of 16.
            (Pixel::YUV420P10LE, Pixel::P010LE, 10, 6),
        ] {
            let bytes = if bits > 8 { 2 } else { 1 };
            let (mut plain, mut pairs) = (Video::new(planar, SIZE.0, SIZE.1), Video::new(interleaved, SIZE.0, SIZE.1));
            let (width, half) = (SIZE.0 as usize, SIZE.0 as usize / 2);
            rows(&mut plain, 0).for_each(|(y, row)| fill(row, (0..width).map(|x| sample(0, x, y, bits)), bytes, 0));
            rows(&mut pairs, 0).for_each(|(y, row)| fill(row, (0..width).map(|x| sample(0, x, y, bits)), bytes, shift));
            for p in 1..3 {
                rows(&mut plain, p).for_each(|(y, row)| fill(row, (0..half).map(|x| sample(p, x, y, bits)), bytes, 0));
            }
            rows(&mut pairs, 1).for_each(|(y, row)| {
                let both = (0..half).flat_map(|x| [1, 2].map(|p| sample(p, x, y, bits)));
                fill(row, both, bytes, shift);
            });
            let color = YuvColor { matrix: Matrix::Bt709, full_range: false };
            let named = |pixel: Pixel| format_named(pixel.descriptor().expect("a format").name()).expect("a format");
            let side = |pixel| Side { format: named(pixel), width, height: SIZE.1 as usize, color };
            let mut found = Video::new(planar, SIZE.0, SIZE.1);
            let mut scaler = Scaler::new(side(interleaved), side(planar)).expect("a scaler");
            scaler.run(&pairs, &mut found).expect("converted");
            for p in 0..3 {
                let visible = bytes * if p == 0 { width } else { half };
                let same = rows(&mut plain, p).zip(rows(&mut found, p)).all(|(a, b)| a.1[..visible] == b.1[..visible]);
                assert!(same, "{interleaved:?}, plane {p}");
            }
        }
    }
}
