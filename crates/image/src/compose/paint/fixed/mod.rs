//! The arithmetic of edges in 8-bit pictures, in 16-bit fixed point: a register holds twice as many samples as
//! it holds floats, and a rounded product is one instruction. A third faster than [`super::float`].
//!
//! A value is a sample times 2^[`FRACTION`], so that colors that were estimated fit, which are at most as far
//! outside of 0..=255 as that is wide; sums beyond stop at the ends. Opacities are 0..=32767 for 0..=1. What is
//! rounded on the way is at most an eighth of a sample in the end, and where the opacity is 0 or 1 nothing:
//! background and source come out as they are.
//!
//! Each function has two forms, plain and for AVX2 ([`avx2`]), which give the same bits. The compiler does not find these
//! instructions by itself: it computes in 32 bits, which is slower than floats.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(test)]
mod tests;

use super::edge::{Coverage, EdgeArithmetic};
use crate::matte::foreground::field::Sampler;
use crate::plane::PlaneRef;
use crate::simd::{self, Avx2, Features, Row, to_i16};

/// Fractional bits of a value.
const FRACTION: u32 = 5;

/// Values, or opacities, of a row.
type Fixed<const W: usize> = [i16; W];

/// Two rows of `N` fields, and the share of the second between them, 0..=32767.
type RowPair<'a, const N: usize, const W: usize> = (&'a [Fixed<W>; N], &'a [Fixed<W>; N], i16);

/// The arithmetic, with the instructions that the processor has.
#[derive(Clone, Copy, Debug)]
pub(in crate::compose) struct FixedPoint {
    avx2: Option<Avx2>,
}

impl FixedPoint {
    pub(super) fn new(features: Features) -> Self {
        Self { avx2: features.avx2() }
    }
}

impl EdgeArithmetic<u8> for FixedPoint {
    type Value = i16;
    type Fields<'a, const N: usize, const W: usize> = FixedSampler<'a, N, W>;

    #[inline(always)]
    fn fields<'a, const N: usize, const W: usize>(self, sampler: Sampler<'a, N, W>) -> FixedSampler<'a, N, W> {
        FixedSampler::new(sampler)
    }

    #[inline(always)]
    fn value(self, v: f32) -> i16 {
        to_fixed(v)
    }

    #[inline(always)]
    fn opacity<const W: usize>(
        self,
        alpha: PlaneRef<'_, u8>,
        shift: (u32, u32),
        at: (usize, usize),
        n: usize,
        out: &mut Fixed<W>,
    ) -> Coverage {
        opacity(self.avx2, alpha, shift, at, n, out)
    }

    #[inline(always)]
    fn load<const W: usize>(self, samples: &[u8]) -> Fixed<W> {
        widen(&simd::load(samples))
    }

    #[inline(always)]
    fn foreground<const W: usize>(
        self,
        samples: &[u8],
        a: &Fixed<W>,
        smooth: &mut FixedSampler<'_, 2, W>,
        y: usize,
        range: [i16; 2],
    ) -> Fixed<W> {
        foreground(self.avx2, &simd::load(samples), a, smooth.around(y), range)
    }

    #[inline(always)]
    fn field<const W: usize>(self, field: &mut FixedSampler<'_, 1, W>, y: usize) -> Fixed<W> {
        let [row] = field.row(self.avx2, y);
        row
    }

    #[inline(always)]
    fn over<const W: usize>(self, a: &Fixed<W>, f: &Fixed<W>, background: &Fixed<W>) -> Fixed<W> {
        over(self.avx2, a, f, background)
    }

    #[inline(always)]
    fn save<const W: usize>(self, values: &Fixed<W>, out: &mut [u8]) {
        simd::save(out, &round(self.avx2, values));
    }
}

/// The nearest value.
#[inline(always)]
fn to_fixed(v: f32) -> i16 {
    let half = if v < 0.0 { -0.5 } else { 0.5 };
    to_i16(v * (1 << FRACTION) as f32 + half)
}

#[inline(always)]
fn widen<const W: usize>(row: &[u8; W]) -> Fixed<W> {
    let mut out = [0; W];
    for i in 0..W {
        out[i] = i16::from(row[i]) << FRACTION;
    }
    out
}

/// The opacities of the first `n` of `W` samples from `x` on in row `y` of a plane that is subsampled by `2^sx`
/// x `2^sy` (together at most 16): the mean of luma-size `alpha` under each, border samples repeated.
#[inline(always)]
fn opacity<const W: usize>(
    avx2: Option<Avx2>,
    alpha: PlaneRef<'_, u8>,
    (sx, sy): (u32, u32),
    (x, y): (usize, usize),
    n: usize,
    out: &mut Fixed<W>,
) -> Coverage {
    #[cfg(target_arch = "x86_64")]
    if avx2.is_some() && W.is_multiple_of(16) && n == W {
        if (sx, sy) == (0, 0) {
            // SAFETY: `avx2` proves that the processor has AVX2.
            return unsafe { avx2::opacity(&alpha.row(y)[x..x + W], out) };
        }
        if sx == 1 && sy <= 1 && 2 * (x + W) <= alpha.width {
            let below = alpha.row(((y << sy) + sy as usize).min(alpha.height - 1));
            // Without vertical subsampling both rows are the same one.
            let (upper, lower) = (&alpha.row(y << sy)[2 * x..2 * (x + W)], &below[2 * x..2 * (x + W)]);
            // SAFETY: as above.
            return unsafe { avx2::opacity_of_quads(upper, lower, out) };
        }
    }
    let _ = avx2;
    let shift = sx + sy;
    *out = [0; W];
    let (mut any, mut all) = (0, 255 << shift);
    for (i, out) in out[..n].iter_mut().enumerate() {
        let mut sum = 0u16;
        for dy in 0..1 << sy {
            let row = alpha.row(((y << sy) + dy).min(alpha.height - 1));
            for dx in 0..1 << sx {
                sum += u16::from(row[(((x + i) << sx) + dx).min(alpha.width - 1)]);
            }
        }
        (any, all) = (any | sum, all.min(sum));
        // 255 times 128.5 is 32767 and a half.
        *out = ((sum << (7 - shift)) + (sum >> (1 + shift))) as i16;
    }
    match (any, all) {
        (0, _) => Coverage::None,
        (_, all) if all == 255 << shift => Coverage::Full,
        _ => Coverage::Mixed,
    }
}

/// The foreground's own color, see [`super::kernels::foreground`]; `range` are values, too.
#[inline(always)]
fn foreground<const W: usize>(
    avx2: Option<Avx2>,
    src: &[u8; W],
    a: &Fixed<W>,
    smooth: RowPair<'_, 2, W>,
    range: [i16; 2],
) -> Fixed<W> {
    #[cfg(target_arch = "x86_64")]
    if avx2.is_some() && W.is_multiple_of(16) {
        // SAFETY: `avx2` proves that the processor has AVX2.
        return unsafe { avx2::foreground(src, a, smooth, range) };
    }
    let _ = avx2;
    let (src, (upper, lower, share)) = (widen(src), smooth);
    let mut out = [0; W];
    for i in 0..W {
        let [fh, bh] = [0, 1].map(|n| between(upper[n][i], lower[n][i], share));
        let apart = product(a[i], fh.saturating_sub(bh));
        let rest = product(a[i], src[i].saturating_sub(bh).saturating_sub(apart));
        out[i] = fh.saturating_add(rest).max(src[i].min(range[0])).min(src[i].max(range[1]));
    }
    out
}

/// `a F + (1 - a) background`.
#[inline(always)]
fn over<const W: usize>(avx2: Option<Avx2>, a: &Fixed<W>, f: &Fixed<W>, background: &Fixed<W>) -> Fixed<W> {
    #[cfg(target_arch = "x86_64")]
    if avx2.is_some() && W.is_multiple_of(16) {
        // SAFETY: `avx2` proves that the processor has AVX2.
        return unsafe { avx2::over(a, f, background) };
    }
    let _ = avx2;
    let mut out = [0; W];
    for i in 0..W {
        out[i] = between(background[i], f[i], a[i]);
    }
    out
}

#[inline(always)]
fn round<const W: usize>(avx2: Option<Avx2>, values: &Fixed<W>) -> [u8; W] {
    #[cfg(target_arch = "x86_64")]
    if avx2.is_some() && W.is_multiple_of(16) {
        // SAFETY: `avx2` proves that the processor has AVX2.
        return unsafe { avx2::round(values) };
    }
    let _ = avx2;
    let mut out = [0; W];
    for i in 0..W {
        let v = values[i].saturating_add(1 << (FRACTION - 1)) >> FRACTION;
        out[i] = v.clamp(0, 255) as u8;
    }
    out
}

/// `a + share (b - a)`.
#[inline(always)]
fn between(a: i16, b: i16, share: i16) -> i16 {
    a.saturating_add(product(share, b.saturating_sub(a)))
}

/// `share v`, the share being 0..=32767, rounded.
#[inline(always)]
fn product(share: i16, v: i16) -> i16 {
    ((i32::from(share) * i32::from(v) + (1 << 14)) >> 15) as i16
}

/// A [`Sampler`] whose rows are values.
pub(in crate::compose) struct FixedSampler<'a, const N: usize, const W: usize> {
    sampler: Sampler<'a, N, W>,
    /// The numbers of the grid's rows in `rows`.
    loaded: [usize; 2],
    /// Two rows of the grid, stretched.
    rows: [[Fixed<W>; N]; 2],
}

impl<'a, const N: usize, const W: usize> FixedSampler<'a, N, W> {
    #[inline(always)]
    fn new(sampler: Sampler<'a, N, W>) -> Self {
        Self { sampler, loaded: [usize::MAX; 2], rows: [[[0; W]; N]; 2] }
    }

    /// The rows of the grid around row `y` of the view; cheap from top to bottom.
    #[inline(always)]
    fn around(&mut self, y: usize) -> RowPair<'_, N, W> {
        let (upper, lower, share) = self.sampler.between(y);
        for row in [upper, lower] {
            let slot = row & 1;
            if self.loaded[slot] != row {
                self.loaded[slot] = row;
                for (values, field) in self.rows[slot].iter_mut().zip(self.sampler.grid_row(row)) {
                    *values = values_of(field);
                }
            }
        }
        (&self.rows[upper & 1], &self.rows[lower & 1], (share * 32767.0) as i16)
    }

    /// The fields at row `y` of the view.
    #[inline(always)]
    fn row(&mut self, avx2: Option<Avx2>, y: usize) -> [Fixed<W>; N] {
        let (upper, lower, share) = self.around(y);
        let mut out = [[0; W]; N];
        for ((out, u), l) in out.iter_mut().zip(upper).zip(lower) {
            *out = over(avx2, &[share; W], l, u);
        }
        out
    }
}

#[inline(always)]
fn values_of<const W: usize>(field: &Row<W>) -> Fixed<W> {
    let mut out = [0; W];
    for i in 0..W {
        out[i] = to_fixed(field[i]);
    }
    out
}
