//! The inner loops on rows of at most one tile's width.
//!
//! Every loop is `#[inline(always)]` and takes on the instruction set of the function it is
//! inlined into; [`super::paint`] has one such function per instruction set. No loop uses fused
//! multiply-add, so all of them give the same samples bit for bit.

use crate::matte::tiles::TILE_W;
use crate::plane::{PlaneRef, Sample};
use crate::simd::to_u16;

/// One row of a tile (of any plane; chroma uses the first part of it).
pub(super) type Row = [f32; TILE_W];

/// `v` rounded to a sample; NaN and everything outside `0..=max` is clamped first.
/// `max` is the layout's highest value, at most 65535.
#[inline(always)]
pub(super) fn quantise<T: Sample>(v: f32, max: f32) -> T {
    T::from_u32(u32::from(to_u16(v + 0.5, max)))
}

/// `out[i] = src[i]`, widened.
#[inline(always)]
pub(super) fn widen<T: Sample>(src: &[T], out: &mut Row) {
    for (o, s) in out.iter_mut().zip(src) {
        *o = s.to_f32();
    }
}

/// `dst[i] = values[i]`, rounded.
#[inline(always)]
pub(super) fn store<T: Sample>(dst: &mut [T], values: &Row, max: f32) {
    for (d, v) in dst.iter_mut().zip(values) {
        *d = quantise(*v, max);
    }
}

/// The opacity, 0..=1, of the `n` samples from `x` on in row `y` of a plane that is subsampled by
/// `2^sx` x `2^sy`: the mean of the luma-size `alpha` under each sample, border samples repeated.
#[inline(always)]
pub(super) fn alpha_row(alpha: PlaneRef<'_, u8>, sx: u32, sy: u32, x: usize, y: usize, n: usize, out: &mut Row) {
    let scale = 1.0 / (255u32 << (sx + sy)) as f32;
    let last = alpha.height - 1;
    let out = &mut out[..n];
    if (sx, sy) == (0, 0) {
        for (o, a) in out.iter_mut().zip(&alpha.row(y)[x..x + n]) {
            *o = f32::from(*a) * scale;
        }
    } else if (sx, sy) == (1, 1) && 2 * (x + n) <= alpha.width {
        let top = &alpha.row(2 * y)[2 * x..2 * (x + n)];
        let low = &alpha.row((2 * y + 1).min(last))[2 * x..2 * (x + n)];
        for ((o, t), l) in out.iter_mut().zip(top.as_chunks::<2>().0).zip(low.as_chunks::<2>().0) {
            *o = (u32::from(t[0]) + u32::from(t[1]) + u32::from(l[0]) + u32::from(l[1])) as f32 * scale;
        }
    } else if (sx, sy) == (1, 0) && 2 * (x + n) <= alpha.width {
        for (o, a) in out.iter_mut().zip(alpha.row(y)[2 * x..2 * (x + n)].as_chunks::<2>().0) {
            *o = (u32::from(a[0]) + u32::from(a[1])) as f32 * scale;
        }
    } else {
        for (i, o) in out.iter_mut().enumerate() {
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
}

/// The foreground's own colour: `F = Fh + a (I - a Fh - (1 - a) Bh)` (Forte and Pitié 2021,
/// equation 4), `Fh` and `Bh` being the smooth estimates. Clamped to the legal `range`, widened
/// to the source's own value where that is outside (super-white and the like), so that `a = 1`
/// always gives the source back.
#[inline(always)]
pub(super) fn foreground<T: Sample>(src: &[T], a: &Row, fh: &Row, bh: &Row, range: [f32; 2], out: &mut Row) {
    let n = src.len();
    let (a, fh, bh, out) = (&a[..n], &fh[..n], &bh[..n], &mut out[..n]);
    for i in 0..n {
        let s = src[i].to_f32();
        let f = fh[i] + a[i] * (s - a[i] * fh[i] - (1.0 - a[i]) * bh[i]);
        out[i] = f.max(range[0].min(s)).min(range[1].max(s));
    }
}

/// `dst = a F + (1 - a) background`, rounded.
#[inline(always)]
pub(super) fn over<T: Sample>(dst: &mut [T], a: &Row, f: &Row, background: &Row, max: f32) {
    let n = dst.len();
    let (a, f, background) = (&a[..n], &f[..n], &background[..n]);
    for i in 0..n {
        dst[i] = quantise(background[i] + a[i] * (f[i] - background[i]), max);
    }
}

/// `dst = gain * src + offset`, rounded.
#[inline(always)]
pub(super) fn affine<T: Sample>(dst: &mut [T], src: &[T], gain: f32, offset: f32, max: f32) {
    for (d, s) in dst.iter_mut().zip(src) {
        *d = quantise(gain * s.to_f32() + offset, max);
    }
}

/// How one plane of an overlay is coloured.
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
pub(super) fn overlay<T: Sample>(dst: &mut [T], src: &[T], a: &Row, c: OverlayPlane, max: f32) {
    let n = dst.len();
    let (src, a) = (&src[..n], &a[..n]);
    for i in 0..n {
        let s = src[i].to_f32();
        let person = s + c.share * (c.tint - s);
        let dark = c.black + c.keep * (s - c.black);
        let mixed = dark + a[i] * (person - dark);
        let outline = 1.0 - (2.0 * a[i] - 1.0).abs();
        dst[i] = quantise(mixed + outline * (c.tint - mixed), max);
    }
}

/// `dst = offset + span * alpha / 255`, rounded: alpha as luma or as an alpha plane.
#[inline(always)]
pub(super) fn scale_alpha<T: Sample>(dst: &mut [T], alpha: &[u8], offset: f32, span: f32, max: f32) {
    let gain = span / 255.0;
    for (d, a) in dst.iter_mut().zip(alpha) {
        *d = quantise(f32::from(*a) * gain + offset, max);
    }
}
