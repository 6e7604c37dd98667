//! The functions of [`super`] with sixteen values in a register. `W` is a multiple of sixteen in all of them.
#![allow(unsafe_code)]

use super::{FRACTION, Fixed, RowPair};
use crate::compose::paint::edge::Coverage;
use std::arch::x86_64::*;

/// Sixteen values from `i` on.
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
pub(super) fn opacity<const W: usize>(alpha: &[u8], out: &mut Fixed<W>) -> Coverage {
    let (mut any, mut all) = (_mm256_setzero_si256(), _mm256_set1_epi16(-1));
    for i in (0..W).step_by(16) {
        let a = load_bytes(alpha, i);
        any = _mm256_or_si256(any, a);
        all = _mm256_and_si256(all, _mm256_cmpeq_epi16(a, _mm256_set1_epi16(255)));
        store(out, i, _mm256_add_epi16(_mm256_slli_epi16(a, 7), _mm256_srli_epi16(a, 1)));
    }
    coverage(any, all)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn opacity_of_quads<const W: usize>(upper: &[u8], lower: &[u8], out: &mut Fixed<W>) -> Coverage {
    let (mut any, mut all) = (_mm256_setzero_si256(), _mm256_set1_epi16(-1));
    for i in (0..W).step_by(16) {
        let sum = _mm256_add_epi16(load_pairs(upper, 2 * i), load_pairs(lower, 2 * i));
        any = _mm256_or_si256(any, sum);
        all = _mm256_and_si256(all, _mm256_cmpeq_epi16(sum, _mm256_set1_epi16(4 * 255)));
        store(out, i, _mm256_add_epi16(_mm256_slli_epi16(sum, 5), _mm256_srli_epi16(sum, 3)));
    }
    coverage(any, all)
}

#[inline]
#[target_feature(enable = "avx2")]
fn coverage(any: __m256i, all: __m256i) -> Coverage {
    if _mm256_testz_si256(any, any) == 1 {
        Coverage::None
    } else if _mm256_movemask_epi8(all) == -1 {
        Coverage::Full
    } else {
        Coverage::Mixed
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
    (upper, lower, share): RowPair<'_, 2, W>,
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
