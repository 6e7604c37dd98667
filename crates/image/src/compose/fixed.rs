//! The inner loops of edges in 8-bit pictures, in 16-bit fixed point: a register holds twice as many samples as
//! it holds floats, and a rounded product is one instruction. A row of a tile at a time, as in
//! [`super::kernels`].
//!
//! A value is a sample times 2^[`FRACTION`], so that colors that were estimated fit, which are at most as far
//! outside of 0..=255 as that is wide; sums beyond stop at the ends. Opacities are 0..=32767 for 0..=1. What is
//! rounded on the way is at most an eighth of a sample in the end, and where the opacity is 0 or 1 nothing:
//! background and source come out as they are.
//!
//! Each function has two forms, plain and for AVX2, which give the same bits. The compiler does not find these
//! instructions by itself: it computes in 32 bits, which is slower than floats.
#![allow(unsafe_code)]

use crate::matte::foreground::field::Sampler;
use crate::plane::{PlaneRef, Sample};
use crate::simd::{self, Level, Row, to_i16};

/// Bits behind the point.
const FRACTION: u32 = 5;

/// Values, or opacities, of a row.
pub(super) type Fixed<const W: usize> = [i16; W];

/// What a row's opacities are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opacity {
    /// 0, all of them.
    None,
    /// 1, all of them.
    Full,
    /// Something else.
    Mixed,
}

/// A value, as near as it can be told.
#[inline(always)]
pub(super) fn fixed(v: f32) -> i16 {
    let half = if v < 0.0 { -0.5 } else { 0.5 };
    to_i16(v * (1 << FRACTION) as f32 + half)
}

/// Bytes of a row, the first of `W`; `row` is no longer.
#[inline(always)]
pub(super) fn bytes<T: Sample, const W: usize>(row: &[T]) -> [u8; W] {
    simd::load(T::bytes(row).unwrap_or(&[]))
}

/// Bytes as values.
#[inline(always)]
pub(super) fn widen<const W: usize>(row: &[u8; W]) -> Fixed<W> {
    let mut out = [0; W];
    for i in 0..W {
        out[i] = i16::from(row[i]) << FRACTION;
    }
    out
}

/// The opacities of the first `n` of `W` samples from `x` on in row `y` of a plane that is subsampled by `2^sx`
/// x `2^sy` (together at most 16): the mean of luma-size `alpha` under each, border samples repeated.
#[inline(always)]
pub(super) fn opacity<const W: usize>(
    level: Level,
    alpha: PlaneRef<'_, u8>,
    (sx, sy): (u32, u32),
    (x, y): (usize, usize),
    n: usize,
    out: &mut Fixed<W>,
) -> Opacity {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && W.is_multiple_of(16) && n == W {
        if (sx, sy) == (0, 0) {
            // SAFETY: the processor has AVX2.
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
    let _ = level;
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
        (0, _) => Opacity::None,
        (_, all) if all == 255 << shift => Opacity::Full,
        _ => Opacity::Mixed,
    }
}

/// Two rows of `N` fields, and how much of the second there is between them, 0..=32767.
pub(super) type Between<'a, const N: usize, const W: usize> = (&'a [Fixed<W>; N], &'a [Fixed<W>; N], i16);

/// The foreground's own color, see [`super::kernels::foreground`]; `range` are values, too.
#[inline(always)]
pub(super) fn foreground<const W: usize>(
    level: Level,
    src: &[u8; W],
    a: &Fixed<W>,
    smooth: Between<'_, 2, W>,
    range: [i16; 2],
) -> Fixed<W> {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && W.is_multiple_of(16) {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::foreground(src, a, smooth, range) };
    }
    let _ = level;
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
pub(super) fn over<const W: usize>(level: Level, a: &Fixed<W>, f: &Fixed<W>, background: &Fixed<W>) -> Fixed<W> {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && W.is_multiple_of(16) {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::over(a, f, background) };
    }
    let _ = level;
    let mut out = [0; W];
    for i in 0..W {
        out[i] = between(background[i], f[i], a[i]);
    }
    out
}

/// Values rounded to bytes.
#[inline(always)]
pub(super) fn round<const W: usize>(level: Level, values: &Fixed<W>) -> [u8; W] {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && W.is_multiple_of(16) {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::round(values) };
    }
    let _ = level;
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

/// The same with sixteen values in a register. `W` is a multiple of sixteen in all of it.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Between, FRACTION, Fixed, Opacity};
    use std::arch::x86_64::*;

    /// Values from `i` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load<const W: usize>(row: &Fixed<W>, i: usize) -> __m256i {
        let part = &row[i..i + 16];
        // SAFETY: reads the 32 bytes of `part`.
        unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store<const W: usize>(row: &mut Fixed<W>, i: usize, values: __m256i) {
        let part = &mut row[i..i + 16];
        // SAFETY: writes the 32 bytes of `part`.
        unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), values) }
    }

    /// Sixteen bytes from `i` on, as numbers of 16 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_bytes(row: &[u8], i: usize) -> __m256i {
        let part = &row[i..i + 16];
        // SAFETY: reads the 16 bytes of `part`.
        _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(part.as_ptr().cast()) })
    }

    /// Sums of sixteen pairs of bytes from `i` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_pairs(row: &[u8], i: usize) -> __m256i {
        let part = &row[i..i + 32];
        // SAFETY: reads the 32 bytes of `part`.
        let bytes = unsafe { _mm256_loadu_si256(part.as_ptr().cast()) };
        _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn opacity<const W: usize>(alpha: &[u8], out: &mut Fixed<W>) -> Opacity {
        let (mut any, mut all) = (_mm256_setzero_si256(), _mm256_set1_epi16(-1));
        for i in (0..W).step_by(16) {
            let a = load_bytes(alpha, i);
            any = _mm256_or_si256(any, a);
            all = _mm256_and_si256(all, _mm256_cmpeq_epi16(a, _mm256_set1_epi16(255)));
            store(out, i, _mm256_add_epi16(_mm256_slli_epi16(a, 7), _mm256_srli_epi16(a, 1)));
        }
        kind(any, all)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn opacity_of_quads<const W: usize>(upper: &[u8], lower: &[u8], out: &mut Fixed<W>) -> Opacity {
        let (mut any, mut all) = (_mm256_setzero_si256(), _mm256_set1_epi16(-1));
        for i in (0..W).step_by(16) {
            let sum = _mm256_add_epi16(load_pairs(upper, 2 * i), load_pairs(lower, 2 * i));
            any = _mm256_or_si256(any, sum);
            all = _mm256_and_si256(all, _mm256_cmpeq_epi16(sum, _mm256_set1_epi16(4 * 255)));
            store(out, i, _mm256_add_epi16(_mm256_slli_epi16(sum, 5), _mm256_srli_epi16(sum, 3)));
        }
        kind(any, all)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn kind(any: __m256i, all: __m256i) -> Opacity {
        if _mm256_testz_si256(any, any) == 1 {
            Opacity::None
        } else if _mm256_movemask_epi8(all) == -1 {
            Opacity::Full
        } else {
            Opacity::Mixed
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn between(a: __m256i, b: __m256i, share: __m256i) -> __m256i {
        _mm256_adds_epi16(a, _mm256_mulhrs_epi16(share, _mm256_subs_epi16(b, a)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn foreground<const W: usize>(
        src: &[u8; W],
        a: &Fixed<W>,
        (upper, lower, share): Between<'_, 2, W>,
        range: [i16; 2],
    ) -> Fixed<W> {
        let (share, low, high) = (_mm256_set1_epi16(share), _mm256_set1_epi16(range[0]), _mm256_set1_epi16(range[1]));
        let mut out = [0; W];
        for i in (0..W).step_by(16) {
            let (s, a) = (_mm256_slli_epi16(load_bytes(src, i), FRACTION as i32), load(a, i));
            let fh = between(load(&upper[0], i), load(&lower[0], i), share);
            let bh = between(load(&upper[1], i), load(&lower[1], i), share);
            let apart = _mm256_mulhrs_epi16(a, _mm256_subs_epi16(fh, bh));
            let rest = _mm256_mulhrs_epi16(a, _mm256_subs_epi16(_mm256_subs_epi16(s, bh), apart));
            let f = _mm256_max_epi16(_mm256_adds_epi16(fh, rest), _mm256_min_epi16(s, low));
            store(&mut out, i, _mm256_min_epi16(f, _mm256_max_epi16(s, high)));
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn over<const W: usize>(a: &Fixed<W>, f: &Fixed<W>, background: &Fixed<W>) -> Fixed<W> {
        let mut out = [0; W];
        for i in (0..W).step_by(16) {
            store(&mut out, i, between(load(background, i), load(f, i), load(a, i)));
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn round<const W: usize>(values: &Fixed<W>) -> [u8; W] {
        let mut out = [0; W];
        for i in (0..W).step_by(16) {
            let half = _mm256_set1_epi16(1 << (FRACTION - 1));
            let v = _mm256_srai_epi16(_mm256_adds_epi16(load(values, i), half), FRACTION as i32);
            // Each half of the register is packed by itself.
            let packed = _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
            let part = &mut out[i..i + 16];
            // SAFETY: writes the 16 bytes of `part`.
            unsafe { _mm_storeu_si128(part.as_mut_ptr().cast(), packed) };
        }
        out
    }
}

/// A [`Sampler`] whose rows are values.
pub(super) struct FixedSampler<'a, const N: usize, const W: usize> {
    sampler: Sampler<'a, N, W>,
    held: [usize; 2],
    /// Two rows of the grid, stretched.
    rows: [[Fixed<W>; N]; 2],
}

impl<'a, const N: usize, const W: usize> FixedSampler<'a, N, W> {
    /// The same fields as values.
    #[inline(always)]
    pub(super) fn new(sampler: Sampler<'a, N, W>) -> Self {
        Self { sampler, held: [usize::MAX; 2], rows: [[[0; W]; N]; 2] }
    }

    /// What row `y` of the view lies between; cheap from top to bottom.
    #[inline(always)]
    pub(super) fn around(&mut self, y: usize) -> Between<'_, N, W> {
        let (upper, lower, share) = self.sampler.between(y);
        for row in [upper, lower] {
            let slot = row & 1;
            if self.held[slot] != row {
                self.held[slot] = row;
                for (values, field) in self.rows[slot].iter_mut().zip(self.sampler.grid_row(row)) {
                    *values = values_of(field);
                }
            }
        }
        (&self.rows[upper & 1], &self.rows[lower & 1], (share * 32767.0) as i16)
    }

    /// The fields at row `y` of the view.
    #[inline(always)]
    pub(super) fn row(&mut self, level: Level, y: usize) -> [Fixed<W>; N] {
        let (upper, lower, share) = self.around(y);
        let mut out = [[0; W]; N];
        for ((out, u), l) in out.iter_mut().zip(upper).zip(lower) {
            *out = over(level, &[share; W], l, u);
        }
        out
    }
}

#[inline(always)]
fn values_of<const W: usize>(field: &Row<W>) -> Fixed<W> {
    let mut out = [0; W];
    for i in 0..W {
        out[i] = fixed(field[i]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced;
    use proptest::prelude::*;

    proptest! {
        /// The formulas in floats, for colors as far out as estimates may be, and the same bits at every level.
        #[test]
        fn an_eighth_of_a_sample_is_lost_at_most(
            src in any::<[u8; 32]>(), alpha in any::<[u8; 32]>(), far in any::<[i8; 32]>(), key in any::<u8>(),
            share in 0i16..=32767,
        ) {
            // From -256 to 509.
            let color = |i: usize| 128.0 + 3.0 * f32::from(far[i % 32]);
            let rows: [[Row<32>; 2]; 2] = [0, 1].map(|row| [0, 1].map(|n| std::array::from_fn(|i| color(i + 5 * n + 9 * row))));
            let [upper, lower] = rows.map(|row| row.map(|field| values_of(&field)));
            let range = [16.0, 235.0].map(fixed);
            let mut first = None;
            forced::each(|level| {
                let mut a = [0; 32];
                opacity(level, PlaneRef::new(&alpha, 32, 32, 1), (0, 0), (0, 0), 32, &mut a);
                let f = foreground(level, &src, &a, (&upper, &lower, share), range);
                let got = round(level, &over(level, &a, &f, &[fixed(f32::from(key)); 32]));
                assert_eq!(*first.get_or_insert(got), got, "{level:?}");
                for i in 0..32 {
                    let (s, a, t) = (f32::from(src[i]), f32::from(alpha[i]) / 255.0, f32::from(share) / 32767.0);
                    let [fh, bh] = [0, 1].map(|n| rows[0][n][i] + t * (rows[1][n][i] - rows[0][n][i]));
                    let f = fh + a * (s - a * fh - (1.0 - a) * bh);
                    let want = a * f.clamp(s.min(16.0), s.max(235.0)) + (1.0 - a) * f32::from(key);
                    assert!((f32::from(got[i]) - want).abs() <= 0.625, "{level:?} {i}: {} for {want}", got[i]);
                }
            });
        }

        /// Whatever the place and the subsampling.
        #[test]
        fn opacities_are_the_means_of_alpha(
            (sx, sy) in prop::sample::select(vec![(0, 0), (1, 0), (1, 1), (2, 0), (2, 2)]),
            alpha in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 1, 130, 254, 255, 255, 255]), 80 * 3),
            flat in prop::option::of(prop::sample::select(vec![0u8, 255])), x in 0usize..8, y in 0usize..2, n in 1usize..=16,
        ) {
            let alpha: Vec<u8> = alpha.into_iter().map(|a| flat.unwrap_or(a)).collect();
            let alpha = PlaneRef::new(&alpha, 80, 80, 3);
            let (y, n) = (y >> sy, if n > 8 { 16 } else { n });
            let (mut plain, mut out) = ([7; 16], [9; 16]);
            let want = opacity(Level::Base, alpha, (sx, sy), (x, y), n, &mut plain);
            forced::each(|level| {
                assert_eq!(opacity(level, alpha, (sx, sy), (x, y), n, &mut out), want, "{level:?}");
                assert_eq!(out, plain, "{level:?}");
            });
            prop_assert_eq!(want == Opacity::Full, plain[..n].iter().all(|a| *a == 32767));
            prop_assert_eq!(want == Opacity::None, plain.iter().all(|a| *a == 0));
            for (i, a) in plain.iter().enumerate() {
                let mut sum = 0.0;
                for (dx, dy) in (0..1 << sx).flat_map(|dx| (0..1 << sy).map(move |dy| (dx, dy))) {
                    sum += f32::from(alpha.row(((y << sy) + dy).min(2))[(((x + i) << sx) + dx).min(79)]) / 255.0;
                }
                let mean = if i < n { sum / (1 << (sx + sy)) as f32 } else { 0.0 };
                prop_assert!((f32::from(*a) - 32767.0 * mean).abs() <= 1.0, "{} for {}", a, 32767.0 * mean);
            }
        }
    }
}
