//! The functions of [`super`] with sixteen positions in a register.
#![allow(unsafe_code)]

use super::words::{self, Depth};
use super::{FRACTION, HORIZONTAL, KEPT_BITS, Nodes, PAIRS, Pairs, Row, SIXTEENTH, SUM_BITS, VERTICAL};
use crate::vr::remap::TILE_W;
use crate::vr::remap::table::CELL;
use crate::vr::remap::weights::{self, WEIGHT_BITS, phase};
use std::arch::x86_64::*;

const SHIFT: i32 = FRACTION as i32;

#[inline]
#[target_feature(enable = "avx2")]
fn load(values: &Row, i: usize) -> __m256i {
    let part = &values[i..i + 16];
    // SAFETY: reads the 32 bytes of `part`.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

/// Eight nodes from `i` on.
#[inline]
#[target_feature(enable = "avx2")]
fn load_nodes(nodes: &Nodes, i: usize) -> __m128i {
    let part = &nodes[i..i + 8];
    // SAFETY: reads the 16 bytes of `part`.
    unsafe { _mm_loadu_si128(part.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn along(upper: &Nodes, lower: &Nodes, share: i16, limit: i16, out: &mut Row) {
    let (share, limit) = (_mm_set1_epi16(share), _mm256_set1_epi16(limit));
    let (a, b) = (load_nodes(upper, 0), load_nodes(upper, 1));
    let from = _mm_add_epi16(a, _mm_mulhrs_epi16(_mm_sub_epi16(load_nodes(lower, 0), a), share));
    let to = _mm_add_epi16(b, _mm_mulhrs_epi16(_mm_sub_epi16(load_nodes(lower, 1), b), share));
    let (from, step) = (_mm256_broadcastsi128_si256(from), _mm256_broadcastsi128_si256(_mm_sub_epi16(to, from)));
    // 1, 3, .. 15 sixteenths of a cell.
    const S: i16 = SIXTEENTH;
    let eighth = _mm_setr_epi16(S, 3 * S, 5 * S, 7 * S, 9 * S, 11 * S, 13 * S, 15 * S);
    let shares = _mm256_broadcastsi128_si256(eighth);
    // The bytes of node 0 for the first eight samples and of node 1 for the others.
    let mut pick = _mm256_set_m128i(_mm_set1_epi16(0x0302), _mm_set1_epi16(0x0100));
    for out in out.chunks_exact_mut(2 * CELL) {
        let (from, step) = (_mm256_shuffle_epi8(from, pick), _mm256_shuffle_epi8(step, pick));
        let v = _mm256_add_epi16(from, _mm256_mulhrs_epi16(step, shares));
        let v = _mm256_min_epi16(_mm256_max_epi16(v, _mm256_setzero_si256()), limit);
        // SAFETY: writes the 32 bytes of `out`.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), v) };
        pick = _mm256_add_epi8(pick, _mm256_set1_epi8(4));
    }
}

/// Where in pairs with `width` in a row the samples at the positions `x` and `y` begin.
#[inline]
#[target_feature(enable = "avx2")]
fn places(width: usize, x: &Row, y: &Row) -> [u16; TILE_W] {
    let width = _mm256_set1_epi16(width as i16);
    let mut at = [0u16; TILE_W];
    for (i, at) in at.chunks_exact_mut(16).enumerate() {
        let (column, row) = (_mm256_srli_epi16::<SHIFT>(load(x, i * 16)), _mm256_srli_epi16::<SHIFT>(load(y, i * 16)));
        let index = _mm256_add_epi16(_mm256_mullo_epi16(row, width), column);
        // SAFETY: writes the 32 bytes of `at`.
        unsafe { _mm256_storeu_si256(at.as_mut_ptr().cast(), index) };
    }
    at
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn bilinear(pairs: &Pairs<u16>, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    let at = places(width, x, y);
    for (i, out) in out.chunks_exact_mut(32).enumerate() {
        let i = i * 32;
        let bytes = _mm256_packus_epi16(sixteen(pairs, &at, x, y, i), sixteen(pairs, &at, x, y, i + 16));
        // Packing works in halves of a register.
        let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
        // SAFETY: writes the 32 bytes of `out`.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) };
    }
}

/// The weighted sums of sixteen positions from `i` on, rounded.
#[inline]
#[target_feature(enable = "avx2")]
fn sixteen(pairs: &Pairs<u16>, at: &[u16; TILE_W], x: &Row, y: &Row, i: usize) -> __m256i {
    let fraction = _mm256_set1_epi16((1 << FRACTION) - 1);
    let (x, y) = (_mm256_and_si256(load(x, i), fraction), _mm256_and_si256(load(y, i), fraction));
    // The vertical weights, two bytes each: 127 - lower, lower.
    let lower = _mm256_mulhrs_epi16(y, _mm256_set1_epi16(VERTICAL << 8));
    let upper = _mm256_sub_epi16(_mm256_set1_epi16(VERTICAL), lower);
    let vertical = _mm256_or_si256(upper, _mm256_slli_epi16::<8>(lower));
    let right = _mm256_mulhrs_epi16(_mm256_slli_epi16::<8>(x), _mm256_set1_epi16(HORIZONTAL));
    let left = _mm256_sub_epi16(_mm256_set1_epi16(HORIZONTAL), right);
    // Each half of a register by itself: positions 0 to 3 and 8 to 11, and the others.
    let (first, second) = (_mm256_unpacklo_epi16(vertical, vertical), _mm256_unpackhi_epi16(vertical, vertical));
    let a = _mm256_maddubs_epi16(_mm256_set_m128i(quads(pairs, at, i + 8), quads(pairs, at, i)), first);
    let b = _mm256_maddubs_epi16(_mm256_set_m128i(quads(pairs, at, i + 12), quads(pairs, at, i + 4)), second);
    let a = _mm256_madd_epi16(a, _mm256_unpacklo_epi16(left, right));
    let b = _mm256_madd_epi16(b, _mm256_unpackhi_epi16(left, right));
    let half = _mm256_set1_epi32(1 << (SUM_BITS - 1));
    let a = _mm256_srli_epi32::<{ SUM_BITS as i32 }>(_mm256_add_epi32(a, half));
    let b = _mm256_srli_epi32::<{ SUM_BITS as i32 }>(_mm256_add_epi32(b, half));
    // Puts them back in order.
    _mm256_packs_epi32(a, b)
}

/// The samples around four positions from `i` on, in registers all the way: many small stores that one load follows
/// would wait for each other.
#[inline]
#[target_feature(enable = "avx2")]
fn quads(pairs: &Pairs<u16>, at: &[u16; TILE_W], i: usize) -> __m128i {
    let first = _mm_cvtsi32_si128(quad(pairs, at[i]));
    let two = _mm_insert_epi32::<1>(first, quad(pairs, at[i + 1]));
    let three = _mm_insert_epi32::<2>(two, quad(pairs, at[i + 2]));
    _mm_insert_epi32::<3>(three, quad(pairs, at[i + 3]))
}

/// Four samples, one byte each, from the lowest: left, the one below it, right, the one below that.
#[inline(always)]
fn quad(pairs: &Pairs<u16>, at: u16) -> i32 {
    // Without a check: what is masked is inside.
    let at = usize::from(at) & (PAIRS - 1);
    (u32::from(pairs[at]) | u32::from(pairs[at + 1]) << 16) as i32
}

/// As [`words::bilinear`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn bilinear_words(
    (pairs, depth): (&Pairs<u32>, Depth),
    width: usize,
    x: &Row,
    y: &Row,
    out: &mut [u16; TILE_W],
) {
    let at = places(width, x, y);
    let fraction = _mm256_set1_epi16((1 << FRACTION) - 1);
    let limit = _mm256_set1_epi16(depth.limit());
    let dropped = _mm_cvtsi32_si128(depth.dropped() as i32);
    let left_over = _mm_cvtsi32_si128(depth.left_over() as i32);
    let (half, last_half) = (_mm256_set1_epi32(depth.half()), _mm256_set1_epi32(depth.last_half()));
    for (i, out) in out.chunks_exact_mut(16).enumerate() {
        let i = i * 16;
        let (x, y) = (_mm256_and_si256(load(x, i), fraction), _mm256_and_si256(load(y, i), fraction));
        let upper = _mm256_sub_epi16(_mm256_set1_epi16(words::VERTICAL), y);
        let right = _mm256_slli_epi16::<{ words::HORIZONTAL_SHIFT as i32 }>(x);
        let left = _mm256_sub_epi16(_mm256_set1_epi16(words::HORIZONTAL), right);
        // A pair of weights for each position: 0 to 3 and 8 to 11, and the others.
        let vertical = [_mm256_unpacklo_epi16(upper, y), _mm256_unpackhi_epi16(upper, y)];
        let horizontal = [_mm256_unpacklo_epi16(left, right), _mm256_unpackhi_epi16(left, right)];
        let mut sums = [_mm256_setzero_si256(); 2];
        for (k, sum) in sums.iter_mut().enumerate() {
            let i = i + 4 * k;
            let first = _mm256_set_m128i(two_quads(pairs, &at, i + 8), two_quads(pairs, &at, i));
            let second = _mm256_set_m128i(two_quads(pairs, &at, i + 10), two_quads(pairs, &at, i + 2));
            let weights =
                [_mm256_unpacklo_epi32(vertical[k], vertical[k]), _mm256_unpackhi_epi32(vertical[k], vertical[k])];
            let drop = |v| _mm256_srl_epi32(_mm256_add_epi32(v, half), dropped);
            let (a, b) = (drop(_mm256_madd_epi16(first, weights[0])), drop(_mm256_madd_epi16(second, weights[1])));
            let columns = _mm256_min_epi16(_mm256_packs_epi32(a, b), limit);
            let total = _mm256_madd_epi16(columns, horizontal[k]);
            *sum = _mm256_srl_epi32(_mm256_add_epi32(total, last_half), left_over);
        }
        let values = _mm256_packus_epi32(sums[0], sums[1]);
        // SAFETY: writes the 32 bytes of `out`.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), values) };
    }
}

/// The samples around two positions from `i` on: for each left, the one below it, right, the one below that.
#[inline]
#[target_feature(enable = "avx2")]
fn two_quads(pairs: &Pairs<u32>, at: &[u16; TILE_W], i: usize) -> __m128i {
    let quad = |at: u16| {
        // Without a check: what is masked is inside.
        let at = usize::from(at) & (PAIRS - 1);
        (u64::from(pairs[at]) | u64::from(pairs[at + 1]) << 32) as i64
    };
    _mm_insert_epi64::<1>(_mm_cvtsi64_si128(quad(at[i])), quad(at[i + 1]))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn lanczos(pairs: &Pairs<u16>, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    const DROPPED: i32 = (WEIGHT_BITS - KEPT_BITS) as i32;
    const BITS: i32 = (WEIGHT_BITS + KEPT_BITS) as i32;
    let weights = weights::fixed();
    let at = places(width, x, y);
    for (i, out) in out.chunks_exact_mut(8).enumerate() {
        // For each position the weighted samples around it, added up in columns.
        let mut columns = [_mm256_setzero_si256(); 8];
        for (k, columns) in columns.iter_mut().enumerate() {
            let k = i * 8 + k;
            let (wx, wy) = (&weights[phase(x[k].into(), FRACTION)], &weights[phase(y[k].into(), FRACTION)]);
            let at = usize::from(at[k]);
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
fn two_rows(pairs: &Pairs<u16>, at: usize, upper: i16, lower: i16) -> __m256i {
    let part = &pairs[at..at + 8];
    // SAFETY: reads the 16 bytes of `part`.
    let samples = _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(part.as_ptr().cast()) });
    let weights = _mm256_set1_epi32(i32::from(upper as u16) | i32::from(lower) << 16);
    _mm256_madd_epi16(samples, weights)
}
