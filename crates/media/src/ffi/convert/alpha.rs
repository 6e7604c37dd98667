//! The opacity of converted frames at their full depth.
//!
//! Where swscale can't copy planes it brings samples to a greater depth by a shift: 255 becomes 1020 of 1023, and what was
//! opaque lets 0.3 % of an editor's background through.

use super::scale::Side;
use crate::ffi::numbers::PixelFormat;
use crate::ffi::pixel_format::{descriptor, has_alpha};
use ffmpeg_next::frame::Video;

/// Where a format keeps opacity.
#[derive(Clone, Copy, Debug)]
struct Samples {
    plane: usize,
    /// Bytes from one sample to the next, and in front of the first.
    step: usize,
    offset: usize,
    depth: u32,
    big_endian: bool,
}

impl Samples {
    /// `None` where there is no opacity, or it isn't in whole bytes.
    fn of(format: PixelFormat) -> Option<Self> {
        let d = descriptor(format).filter(|_| has_alpha(format))?;
        let c = d.comp[..usize::from(d.nb_components)].last()?;
        let flag = |f: i32| d.flags & f as u64 != 0;
        let whole = c.shift == 0 && (8..=16).contains(&c.depth) && !flag(ffmpeg_next::ffi::AV_PIX_FMT_FLAG_FLOAT);
        whole.then_some(Samples {
            plane: c.plane as usize,
            step: c.step as usize,
            offset: c.offset as usize,
            depth: c.depth as u32,
            big_endian: flag(ffmpeg_next::ffi::AV_PIX_FMT_FLAG_BE),
        })
    }

    fn max(&self) -> u32 {
        (1 << self.depth) - 1
    }

    /// The first sample of a pixel.
    fn get(&self, pixel: &[u8]) -> usize {
        let bytes = &pixel[self.offset..];
        match (self.depth, self.big_endian) {
            (8, _) => usize::from(bytes[0]),
            (_, true) => usize::from(u16::from_be_bytes([bytes[0], bytes[1]])),
            (_, false) => usize::from(u16::from_le_bytes([bytes[0], bytes[1]])),
        }
    }

    fn set(&self, pixel: &mut [u8], value: u16) {
        let bytes = &mut pixel[self.offset..];
        match (self.depth, self.big_endian) {
            (8, _) => bytes[0] = value as u8,
            (_, true) => bytes[..2].copy_from_slice(&value.to_be_bytes()),
            (_, false) => bytes[..2].copy_from_slice(&value.to_le_bytes()),
        }
    }
}

/// Makes the opacity of frames that swscale brought to a greater depth reach from 0 to the greatest value.
#[derive(Debug)]
pub(crate) struct AlphaDepth {
    source: Samples,
    target: Samples,
    resized: bool,
    /// The target's value for each of the source or, where the size changes, for each that swscale leaves.
    values: Vec<u16>,
}

impl AlphaDepth {
    /// `None` where nothing is to be corrected.
    pub(crate) fn new(source: &Side, target: &Side) -> Option<Self> {
        let (from, to) = (Samples::of(source.format)?, Samples::of(target.format)?);
        let resized = (source.width, source.height) != (target.width, target.height);
        // The value that stands for opaque, of how many.
        let (opaque, count) = match resized {
            false => (from.max(), 1 << from.depth),
            true => (from.max() << to.depth.checked_sub(from.depth)?, 1 << to.depth),
        };
        let value = |v: u32| ((v * to.max() + opaque / 2) / opaque).min(to.max()) as u16;
        (to.depth > from.depth).then(|| AlphaDepth {
            source: from,
            target: to,
            resized,
            values: (0..count).map(value).collect(),
        })
    }

    fn full(&self, value: usize) -> u16 {
        // Bits above the depth mean nothing.
        self.values[value.min(self.values.len() - 1)]
    }

    /// Corrects `target`, which was converted from `source`.
    pub(crate) fn correct(&self, source: &Video, target: &mut Video) {
        let (width, height) = (target.width() as usize, target.height() as usize);
        let (to, pitch) = (self.target, target.stride(self.target.plane));
        let rows = |pitch: usize, step: usize| pitch <= i32::MAX as usize && pitch >= width * step;
        if !rows(pitch, to.step) {
            return;
        }
        let pixels = target.data_mut(to.plane).chunks_mut(pitch).take(height);
        if self.resized {
            for row in pixels {
                for pixel in row.chunks_exact_mut(to.step).take(width) {
                    to.set(pixel, self.full(to.get(pixel)));
                }
            }
            return;
        }
        let (from, pitch) = (self.source, source.stride(self.source.plane));
        if !rows(pitch, from.step) {
            return;
        }
        for (row, own) in source.data(from.plane).chunks(pitch).zip(pixels) {
            for (seen, pixel) in row.chunks_exact(from.step).zip(own.chunks_exact_mut(to.step)).take(width) {
                to.set(pixel, self.full(from.get(seen)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::convert::scale::ViewScaler;
    use crate::ffi::frame::alloc_raw;
    use crate::ffi::pixel_format::format_named;
    use vrseg_image::plane::YuvColor;

    const HEIGHT: usize = 8;

    /// What is left of columns of each opacity, four columns of each, converted as writers do it.
    fn converted(from: &str, to: &str, half: bool) -> (Vec<(u32, u32)>, u32, u32) {
        let (from, to) = (format_named(from).unwrap(), format_named(to).unwrap());
        let (own, theirs) = (Samples::of(from).unwrap(), Samples::of(to).unwrap());
        let seen: Vec<u32> = (0..=64).map(|i| i * own.max() / 64).collect();
        let width = 4 * seen.len();
        let side =
            |format, by: usize| Side { format, width: width / by, height: HEIGHT / by, color: YuvColor::default() };
        let (source, target) = (side(from, 1), side(to, if half { 2 } else { 1 }));
        let frame = |side: &Side| alloc_raw(side.format, side.width, side.height).unwrap();
        let (mut a, mut b) = (frame(&source), frame(&target));
        let pitch = a.stride(own.plane);
        for row in a.data_mut(own.plane).chunks_mut(pitch) {
            for (x, pixel) in row.chunks_exact_mut(own.step).take(width).enumerate() {
                own.set(pixel, seen[x / 4] as u16);
            }
        }
        ViewScaler::new(source, target, &[]).unwrap().run(&a, &mut b).unwrap();
        let pitch = b.stride(theirs.plane);
        let row = &b.data(theirs.plane)[target.height / 2 * pitch..][..target.width * theirs.step];
        let each = target.width / seen.len();
        let at = |i: usize| theirs.get(&row[(each * i + each / 2) * theirs.step..][..theirs.step]) as u32;
        (seen.iter().enumerate().map(|(i, v)| (*v, at(i))).collect(), own.max(), theirs.max())
    }

    #[test]
    fn opacity_keeps_its_share_at_a_greater_depth() {
        for (from, to) in [
            ("yuva420p", "yuva444p10le"),
            ("yuva420p", "yuva420p10le"),
            ("yuva420p", "yuva422p16le"),
            ("yuva420p", "rgba64be"),
            ("yuva420p10le", "rgba64be"),
            ("yuva420p10le", "rgba64le"),
            ("yuva444p10le", "yuva444p16le"),
            ("yuva420p10le", "yuva444p10le"),
        ] {
            let (values, max, new_max) = converted(from, to, false);
            for (v, got) in values {
                let want = (f64::from(v) * f64::from(new_max) / f64::from(max)).round() as u32;
                assert_eq!(got, want, "{from} {to}: {v} of {max}");
            }
        }
    }

    #[test]
    fn opacity_keeps_its_share_in_resized_frames() {
        for (from, to) in [("yuva420p", "yuva444p10le"), ("yuva420p10le", "rgba64be"), ("yuva420p", "yuva420p")] {
            let (values, max, new_max) = converted(from, to, true);
            for (v, got) in values {
                // Bicubic weights are rounded, and neighbors differ by a 64th.
                let off = (f64::from(got) / f64::from(new_max) - f64::from(v) / f64::from(max)).abs();
                assert!(off < 0.006, "{from} {to}: {v} of {max} became {got} of {new_max}");
                assert!(v < max || got == new_max, "{from} {to}: opaque became {got} of {new_max}");
            }
        }
    }
}
