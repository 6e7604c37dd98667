//! Loops over rows of samples. Where `W` is known, a row of a tile; where the picture's border leaves fewer
//! samples, the rest is computed in vain.
//!
//! Every loop is `#[inline(always)]` and takes on the instruction set of the function it is
//! inlined into; [`super`] has one such function per instruction set. No loop uses fused
//! multiply-add, so all of them give the same samples bit for bit.

use crate::plane::Sample;
use crate::simd::{Row, to_u16};

/// `v` rounded to a sample; NaN and everything outside `0..=max` is clamped first.
/// `max` is the layout's highest value, at most 65535.
#[inline(always)]
pub(super) fn quantize<T: Sample>(v: f32, max: f32) -> T {
    T::from_u32(u32::from(to_u16(v + 0.5, max)))
}

#[inline(always)]
pub(super) fn widen<T: Sample, const W: usize>(row: &[T; W]) -> Row<W> {
    // A loop, since `map` on an array is a function of its own, without this one's instruction set.
    let mut out = [0.0; W];
    for i in 0..W {
        out[i] = row[i].to_f32();
    }
    out
}

#[inline(always)]
pub(super) fn round<T: Sample, const W: usize>(values: &Row<W>, max: f32) -> [T; W] {
    let mut out = [T::default(); W];
    for i in 0..W {
        out[i] = quantize(values[i], max);
    }
    out
}

/// `dst = gain * src + offset`, rounded.
#[inline(always)]
pub(super) fn affine<T: Sample>(dst: &mut [T], src: &[T], gain: f32, offset: f32, max: f32) {
    for (d, s) in dst.iter_mut().zip(src) {
        *d = quantize(gain * s.to_f32() + offset, max);
    }
}

/// How one plane of an overlay is colored.
#[derive(Clone, Copy, Debug)]
pub(in crate::compose) struct OverlayPlane {
    /// The tint's sample.
    pub tint: f32,
    /// Share of the tint inside the person.
    pub share: f32,
    /// Black's sample: what the background is darkened towards.
    pub black: f32,
    /// Share of the source's brightness that the background keeps.
    pub keep: f32,
}

/// The overlay of an edge: tinted person over darkened background, and towards `a = 1/2` ever
/// more of the pure tint, which draws the outline.
#[inline(always)]
pub(super) fn overlay<const W: usize>(src: &Row<W>, a: &Row<W>, c: OverlayPlane) -> Row<W> {
    let mut out = [0.0; W];
    for i in 0..W {
        let person = src[i] + c.share * (c.tint - src[i]);
        let dark = c.black + c.keep * (src[i] - c.black);
        let mixed = dark + a[i] * (person - dark);
        let outline = 1.0 - (2.0 * a[i] - 1.0).abs();
        out[i] = mixed + outline * (c.tint - mixed);
    }
    out
}

/// `dst = offset + span * alpha / 255`, rounded: alpha as luma or as an alpha plane.
#[inline(always)]
pub(super) fn scale_alpha<T: Sample>(dst: &mut [T], alpha: &[u8], offset: f32, span: f32, max: f32) {
    let gain = span / 255.0;
    for (d, a) in dst.iter_mut().zip(alpha) {
        *d = quantize(f32::from(*a) * gain + offset, max);
    }
}
