//! The inner loops. Edges are worked on a row of a tile at a time, `W` samples that the compiler
//! knows the number of; where the picture's border leaves fewer, the rest is computed in vain.
//!
//! Every loop is `#[inline(always)]` and takes on the instruction set of the function it is
//! inlined into; [`super::paint`] has one such function per instruction set. No loop uses fused
//! multiply-add, so all of them give the same samples bit for bit.

use crate::plane::{PlaneRef, Sample};
use crate::simd::{Row, load, to_u16};

/// `v` rounded to a sample; NaN and everything outside `0..=max` is clamped first.
/// `max` is the layout's highest value, at most 65535.
#[inline(always)]
pub(super) fn quantize<T: Sample>(v: f32, max: f32) -> T {
    T::from_u32(u32::from(to_u16(v + 0.5, max)))
}

/// How many of a row's values are `value`; unlike a search that ends early, this is vectorized.
#[inline(always)]
pub(super) fn count<const W: usize>(row: &Row<W>, value: f32) -> usize {
    let mut n = 0u32;
    for v in row {
        n += u32::from(*v == value);
    }
    n as usize
}

/// Samples as floats.
#[inline(always)]
pub(super) fn widen<T: Sample, const W: usize>(row: &[T; W]) -> Row<W> {
    // A loop, since `map` on an array is a function of its own, without this one's instruction set.
    let mut out = [0.0; W];
    for i in 0..W {
        out[i] = row[i].to_f32();
    }
    out
}

/// Floats rounded to samples.
#[inline(always)]
pub(super) fn round<T: Sample, const W: usize>(values: &Row<W>, max: f32) -> [T; W] {
    let mut out = [T::default(); W];
    for i in 0..W {
        out[i] = quantize(values[i], max);
    }
    out
}

/// The opacity, 0..=1, of the first `n` of `W` samples from `x` on in row `y` of a plane that is
/// subsampled by `2^sx` x `2^sy`: the mean of the luma-size `alpha` under each sample, border
/// samples repeated. The other samples are 0.
#[inline(always)]
pub(super) fn alpha_row<const W: usize>(
    alpha: PlaneRef<'_, u8>,
    (sx, sy): (u32, u32),
    (x, y): (usize, usize),
    n: usize,
) -> Row<W> {
    let scale = 1.0 / (255u32 << (sx + sy)) as f32;
    let last = alpha.height - 1;
    let mut out = [0.0; W];
    if n == W && (sx, sy) == (0, 0) {
        let row: [u8; W] = load(&alpha.row(y)[x..x + W]);
        for i in 0..W {
            out[i] = f32::from(row[i]) * scale;
        }
    } else if n == W && sx == 1 && sy <= 1 && 2 * (x + W) <= alpha.width {
        let lower = alpha.row(((y << sy) + sy as usize).min(last));
        let upper = &alpha.row(y << sy)[2 * x..2 * (x + W)];
        let (upper, lower) = (upper.as_chunks::<2>().0, lower[2 * x..2 * (x + W)].as_chunks::<2>().0);
        // Without vertical subsampling both rows are the same one.
        let scale = 1.0 / 1020.0;
        for ((o, u), l) in out.iter_mut().zip(upper).zip(lower) {
            *o = f32::from(u16::from(u[0]) + u16::from(u[1]) + u16::from(l[0]) + u16::from(l[1])) * scale;
        }
    } else {
        for (i, o) in out[..n].iter_mut().enumerate() {
            let mut sum = 0u32;
            for dy in 0..1 << sy {
                let row = alpha.row(((y << sy) + dy).min(last));
                for dx in 0..1 << sx {
                    sum += u32::from(row[(((x + i) << sx) + dx).min(alpha.width - 1)]);
                }
            }
            *o = sum as f32 * scale;
        }
    }
    out
}

/// The foreground's own color: `F = Fh + a (I - a Fh - (1 - a) Bh)` (Forte and Pitié 2021,
/// equation 4), `smooth` being the estimates `Fh` and `Bh`. Clamped to the legal `range`, widened
/// to the source's own value where that is outside (super-white and the like), so that `a = 1`
/// always gives the source back.
#[inline(always)]
pub(super) fn foreground<const W: usize>(src: &Row<W>, a: &Row<W>, [fh, bh]: &[Row<W>; 2], range: [f32; 2]) -> Row<W> {
    let mut out = [0.0; W];
    for i in 0..W {
        let s = src[i];
        let f = fh[i] + a[i] * (s - a[i] * fh[i] - (1.0 - a[i]) * bh[i]);
        // Comparisons rather than `max` and `min`, whose care for NaN costs as much as the rest.
        let low = if s < range[0] { s } else { range[0] };
        let high = if s > range[1] { s } else { range[1] };
        let f = if f < low { low } else { f };
        out[i] = if f > high { high } else { f };
    }
    out
}

/// `a F + (1 - a) background`.
#[inline(always)]
pub(super) fn over<const W: usize>(a: &Row<W>, f: &Row<W>, background: &Row<W>) -> Row<W> {
    let mut out = [0.0; W];
    for i in 0..W {
        out[i] = background[i] + a[i] * (f[i] - background[i]);
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
pub(super) struct OverlayPlane {
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
