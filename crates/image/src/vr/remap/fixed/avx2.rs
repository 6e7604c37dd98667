//! The functions of [`super`] with eight positions in a register.
#![allow(unsafe_code)]

use super::{HORIZONTAL, KEPT_BITS, Pairs, Row, SUM_BITS, VERTICAL, quad};
use crate::vr::remap::TILE_W;
use crate::vr::remap::table::FRACTION;
use crate::vr::remap::weights::{self, WEIGHT_BITS, phase};
use std::arch::x86_64::*;

const SHIFT: i32 = FRACTION as i32;

#[inline]
#[target_feature(enable = "avx2")]
fn load(values: &Row, i: usize) -> __m256i {
    let part = &values[i..i + 8];
    // SAFETY: reads the 32 bytes of `part`.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

/// Where in pairs with `width` in a row the samples at the positions `x` and `y` begin.
#[inline]
#[target_feature(enable = "avx2")]
fn places(width: usize, x: &Row, y: &Row) -> [u32; TILE_W] {
    // A whole column and row in 16 bits each, multiplied by 1 and by the width and added.
    let steps = _mm256_set1_epi32(1 | (width as i32) << 16);
    let mut at = [0u32; TILE_W];
    for i in (0..TILE_W).step_by(8) {
        let (column, row) = (_mm256_srli_epi32::<SHIFT>(load(x, i)), _mm256_srli_epi32::<SHIFT>(load(y, i)));
        let index = _mm256_madd_epi16(_mm256_or_si256(column, _mm256_slli_epi32::<16>(row)), steps);
        let part = &mut at[i..i + 8];
        // SAFETY: writes the 32 bytes of `part`.
        unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), index) };
    }
    at
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn bilinear(pairs: &Pairs, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    let at = places(width, x, y);
    for (i, out) in out.chunks_exact_mut(32).enumerate() {
        // No closures: they are not compiled into a function for other instructions than their own.
        let i = i * 32;
        let left = _mm256_packs_epi32(sums(pairs, &at, x, y, i), sums(pairs, &at, x, y, i + 8));
        let right = _mm256_packs_epi32(sums(pairs, &at, x, y, i + 16), sums(pairs, &at, x, y, i + 24));
        let bytes = _mm256_packus_epi16(left, right);
        // Packing works in halves of a register.
        let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        // SAFETY: writes the 32 bytes of `out`.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) };
    }
}

/// Four quads, in registers all the way: many small stores that one load follows would wait for each other.
#[inline]
#[target_feature(enable = "avx2")]
fn quads(pairs: &Pairs, at: &[u32; TILE_W], i: usize) -> __m128i {
    let first = _mm_cvtsi32_si128(quad(pairs, at[i] as usize) as i32);
    let two = _mm_insert_epi32::<1>(first, quad(pairs, at[i + 1] as usize) as i32);
    let three = _mm_insert_epi32::<2>(two, quad(pairs, at[i + 2] as usize) as i32);
    _mm_insert_epi32::<3>(three, quad(pairs, at[i + 3] as usize) as i32)
}

/// The weighted sums of eight quads from `i` on, rounded.
#[inline]
#[target_feature(enable = "avx2")]
fn sums(pairs: &Pairs, at: &[u32; TILE_W], x: &Row, y: &Row, i: usize) -> __m256i {
    let quads = _mm256_set_m128i(quads(pairs, at, i + 4), quads(pairs, at, i));
    let fraction = _mm256_set1_epi32((1 << FRACTION) - 1);
    // In the lower half of each 32 bits; the upper one stays 0.
    let lower = _mm256_mulhrs_epi16(_mm256_and_si256(load(y, i), fraction), _mm256_set1_epi32(VERTICAL));
    let right = _mm256_mulhrs_epi16(_mm256_and_si256(load(x, i), fraction), _mm256_set1_epi32(HORIZONTAL));
    // The vertical weights as bytes: 127 - lower, lower, 127 - lower, lower.
    let pair = _mm256_add_epi32(_mm256_sub_epi32(_mm256_slli_epi32::<8>(lower), lower), _mm256_set1_epi32(VERTICAL));
    let vertical = _mm256_or_si256(pair, _mm256_slli_epi32::<16>(pair));
    // The horizontal ones as 16 bits: 16513 - right, right.
    let horizontal =
        _mm256_add_epi32(_mm256_sub_epi32(_mm256_slli_epi32::<16>(right), right), _mm256_set1_epi32(HORIZONTAL));
    let sum = _mm256_madd_epi16(_mm256_maddubs_epi16(quads, vertical), horizontal);
    _mm256_srli_epi32::<{ SUM_BITS as i32 }>(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << (SUM_BITS - 1))))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn lanczos(pairs: &Pairs, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    const DROPPED: i32 = (WEIGHT_BITS - KEPT_BITS) as i32;
    const BITS: i32 = (WEIGHT_BITS + KEPT_BITS) as i32;
    let weights = weights::fixed();
    let at = places(width, x, y);
    for (i, out) in out.chunks_exact_mut(8).enumerate() {
        // For each position the weighted samples around it, added up in columns.
        let mut columns = [_mm256_setzero_si256(); 8];
        for (k, columns) in columns.iter_mut().enumerate() {
            let k = i * 8 + k;
            let (wx, wy) = (&weights[phase(x[k], FRACTION)], &weights[phase(y[k], FRACTION)]);
            let at = at[k] as usize;
            let upper = two_rows(pairs, at, wy[0], wy[1]);
            let middle = two_rows(pairs, at + 2 * width, wy[2], wy[3]);
            let lower = two_rows(pairs, at + 4 * width, wy[4], wy[5]);
            let half = _mm256_set1_epi32(1 << (DROPPED - 1));
            let vertical = _mm256_add_epi32(_mm256_add_epi32(upper, middle), _mm256_add_epi32(lower, half));
            // What is kept fits 16 bits; beside each weight stands a 0 for the sign in the upper half.
            // SAFETY: reads the 16 bytes of `wx`.
            let wx = _mm256_cvtepu16_epi32(unsafe { _mm_loadu_si128(wx.as_ptr().cast()) });
            *columns = _mm256_madd_epi16(_mm256_srai_epi32::<DROPPED>(vertical), wx);
        }
        let [a, b, c, d, e, f, g, h] = columns;
        let (ab, cd) = (_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let (ef, gh) = (_mm256_hadd_epi32(e, f), _mm256_hadd_epi32(g, h));
        let (abcd, efgh) = (_mm256_hadd_epi32(ab, cd), _mm256_hadd_epi32(ef, gh));
        // Sums of the lower halves of the registers, and of the upper ones.
        let lower = _mm256_permute2x128_si256::<0x20>(abcd, efgh);
        let upper = _mm256_permute2x128_si256::<0x31>(abcd, efgh);
        let sums = _mm256_add_epi32(_mm256_add_epi32(lower, upper), _mm256_set1_epi32(1 << (BITS - 1)));
        let sums = _mm256_srai_epi32::<BITS>(sums);
        let words = _mm_packs_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        // SAFETY: writes the 8 bytes of `out`.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), _mm_packus_epi16(words, words)) };
    }
}

/// Eight pairs from `at` on, weighted.
#[inline]
#[target_feature(enable = "avx2")]
fn two_rows(pairs: &Pairs, at: usize, upper: i16, lower: i16) -> __m256i {
    let part = &pairs[at..at + 8];
    // SAFETY: reads the 16 bytes of `part`.
    let samples = _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(part.as_ptr().cast()) });
    let weights = _mm256_set1_epi32(i32::from(upper as u16) | i32::from(lower) << 16);
    _mm256_madd_epi16(samples, weights)
}
