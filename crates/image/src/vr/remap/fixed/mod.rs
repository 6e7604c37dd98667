//! Bilinear reading of 8-bit planes, in fixed point.
//!
//! What takes the time is fetching the four samples around each position, from rows that lie thousands of
//! bytes apart. So the rectangle that a tile reads is first copied, row by row, into a small buffer of pairs
//! (a sample and the one below it), which stays in the nearest cache and in which all four samples are one
//! load of 32 bits. Their weighted sum is three instructions for eight positions.
//!
//! **Weights.** A vertical weight has to fit a signed byte, so the two add up to [`VERTICAL`] = 127, not to 128.
//! The horizontal ones make up for it: they add up to [`HORIZONTAL`] = 16513, and 127 x 16513 is one less than 2^21, so that
//! a picture of one value keeps it. Positions between samples are thus kept to 1/254 of a sample; a
//! table is exact to 1/32.
//!
//! **Lanczos** goes the same way: the samples of six rows are three pairs of rows; the vertical sums are kept
//! with [`KEPT_BITS`] fractional bits and then added up along the row.
//!
//! Each function has two forms, plain and for AVX2 ([`avx2`]), which give the same bits.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(test)]
mod tests;

use super::table::FRACTION;
use super::weights::{self, WEIGHT_BITS, phase};
use super::{Filter, TILE_W};
use crate::plane::PlaneRef;
use crate::simd::Features;
use std::ops::Range;

/// The sum of the weights of a sample and the one below it.
const VERTICAL: i32 = 127;
/// The sum of the weights of a column and the one to its right.
const HORIZONTAL: i32 = 16513;
/// Fractional bits of a weighted sum.
const SUM_BITS: u32 = 21;
/// Fractional bits of Lanczos' vertical sums, which are at most 1.3 times a sample.
const KEPT_BITS: u32 = 6;
/// Pairs that are kept: several times what a tile reads where it is about as large in the source. A power of two.
const PAIRS: usize = 1 << 14;

/// Pairs of a sample, in the lower byte, and the one below it; one more than can begin a [`Quad`].
type Pairs = [u16; PAIRS + 1];
/// Four samples, one byte each, from the lowest: left, the one below it, right, the one below that.
type Quad = u32;
/// A coordinate of the samples of a row.
type Row = [i32; TILE_W];

/// Reads the rows of a tile; keeps its buffer from tile to tile.
#[derive(Debug)]
pub(super) struct Reader {
    pairs: Box<Pairs>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { pairs: Box::new([0; PAIRS + 1]) }
    }
}

/// Where the samples of a tile lie.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// In the pairs, which have this many in a row.
    Pairs(Filter, usize),
    /// In a source too spread out for the buffer: from its first sample on, with its stride. For [`Filter::Bilinear`].
    Source(&'a [u8], usize),
}

impl Reader {
    /// Prepares a tile that reads `src` from `origin` on; positions count from there, and their whole samples
    /// are at most `reach`. `None` where the tile has to be read in floats.
    #[inline(always)]
    pub(super) fn prepare<'a>(
        &mut self,
        filter: Filter,
        src: PlaneRef<'a, u8>,
        origin: (i32, i32),
        reach: (i32, i32),
    ) -> Option<Place<'a>> {
        // Samples that are read before and after the one at a position.
        let (before, after) = match filter {
            Filter::Bilinear => (0, 1),
            Filter::Lanczos3 => (2, 5),
        };
        let span = |origin: i32, reach: i32| origin - before..origin + reach + after + 1;
        let (columns, rows) = (span(origin.0, reach.0), span(origin.1, reach.1));
        // Whole registers, where the source has them.
        let whole = columns.start..columns.start + columns.len().next_multiple_of(32) as i32;
        let inside = |columns: &Range<i32>| columns.start >= 0 && columns.end as usize <= src.width;
        let columns = if inside(&whole) { whole } else { columns };
        if (rows.len() - 1) * columns.len() > PAIRS {
            return match filter {
                Filter::Bilinear => {
                    let first = origin.1 as usize * src.stride + origin.0 as usize;
                    Some(Place::Source(&src.data[first..], src.stride))
                }
                Filter::Lanczos3 => None,
            };
        }
        self.fill(src, &columns, &rows, inside(&columns));
        Some(Place::Pairs(filter, columns.len()))
    }

    /// Fills the pairs; beyond the source's border its last sample repeats.
    #[inline(always)]
    fn fill(&mut self, src: PlaneRef<'_, u8>, columns: &Range<i32>, rows: &Range<i32>, inside: bool) {
        let row = |y: i32| src.row(y.clamp(0, src.height as i32 - 1) as usize);
        for (y, pairs) in rows.clone().zip(self.pairs.chunks_exact_mut(columns.len()).take(rows.len() - 1)) {
            let (upper, lower) = (row(y), row(y + 1));
            if inside {
                let columns = columns.start as usize..columns.end as usize;
                for ((pair, upper), lower) in pairs.iter_mut().zip(&upper[columns.clone()]).zip(&lower[columns]) {
                    *pair = u16::from_le_bytes([*upper, *lower]);
                }
            } else {
                for (x, pair) in columns.clone().zip(pairs) {
                    let x = x.clamp(0, src.width as i32 - 1) as usize;
                    *pair = u16::from_le_bytes([upper[x], lower[x]]);
                }
            }
        }
    }

    /// Reads a row of the tile at `place`, at the positions `x` and `y` with [`FRACTION`] fractional bits.
    #[inline(always)]
    pub(super) fn row(&self, features: Features, place: Place<'_>, x: &Row, y: &Row, out: &mut [u8]) {
        let Ok(out) = <&mut [u8; TILE_W]>::try_from(out) else { return };
        match place {
            Place::Pairs(Filter::Bilinear, width) => bilinear(features, &self.pairs, width, x, y, out),
            Place::Pairs(Filter::Lanczos3, width) => lanczos(features, &self.pairs, width, x, y, out),
            Place::Source(data, stride) => {
                let mut quads = [0; TILE_W];
                for k in 0..TILE_W {
                    let at = (y[k] >> FRACTION) as usize * stride + (x[k] >> FRACTION) as usize;
                    // One check for all four.
                    let s = &data[at..at + stride + 2];
                    quads[k] = Quad::from_le_bytes([s[0], s[stride], s[1], s[stride + 1]]);
                }
                blend(&quads, x, y, out);
            }
        }
    }
}

#[inline(always)]
fn bilinear(features: Features, pairs: &Pairs, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    #[cfg(target_arch = "x86_64")]
    if features.avx2().is_some() {
        // SAFETY: the proof of AVX2.
        return unsafe { avx2::bilinear(pairs, width, x, y, out) };
    }
    let _ = features;
    let mut quads = [0; TILE_W];
    for k in 0..TILE_W {
        quads[k] = quad(pairs, (y[k] >> FRACTION) as usize * width + (x[k] >> FRACTION) as usize);
    }
    blend(&quads, x, y, out);
}

/// The pairs from `at` on, which is in the buffer.
#[inline(always)]
fn quad(pairs: &Pairs, at: usize) -> Quad {
    // Without a check: what is masked is inside.
    let at = at & (PAIRS - 1);
    Quad::from(pairs[at]) | Quad::from(pairs[at + 1]) << 16
}

/// The weighted sums of quads.
#[inline(always)]
fn blend(quads: &[Quad; TILE_W], x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    let part = |v: i32, whole: i32| ((v & ((1 << FRACTION) - 1)) * whole + (1 << (FRACTION - 1))) >> FRACTION;
    for k in 0..TILE_W {
        let [a, c, b, d] = quads[k].to_le_bytes().map(i32::from);
        let (lower, right) = (part(y[k], VERTICAL), part(x[k], HORIZONTAL));
        let upper = VERTICAL - lower;
        let sum = (a * upper + c * lower) * (HORIZONTAL - right) + (b * upper + d * lower) * right;
        out[k] = ((sum + (1 << (SUM_BITS - 1))) >> SUM_BITS) as u8;
    }
}

#[inline(always)]
fn lanczos(features: Features, pairs: &Pairs, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    #[cfg(target_arch = "x86_64")]
    if features.avx2().is_some() {
        // SAFETY: the proof of AVX2.
        return unsafe { avx2::lanczos(pairs, width, x, y, out) };
    }
    let _ = features;
    let weights = weights::fixed();
    for k in 0..TILE_W {
        let (wx, wy) = (weights[phase(x[k], FRACTION)], weights[phase(y[k], FRACTION)]);
        let at = (y[k] >> FRACTION) as usize * width + (x[k] >> FRACTION) as usize;
        let mut vertical = [0i32; 8];
        for j in 0..3 {
            for (sum, pair) in vertical.iter_mut().zip(&pairs[at + 2 * j * width..][..8]) {
                let [upper, lower] = pair.to_le_bytes().map(i32::from);
                *sum += upper * i32::from(wy[2 * j]) + lower * i32::from(wy[2 * j + 1]);
            }
        }
        const DROPPED: u32 = WEIGHT_BITS - KEPT_BITS;
        let kept = vertical.map(|sum| (sum + (1 << (DROPPED - 1))) >> DROPPED);
        let sum: i32 = kept.iter().zip(wx).map(|(v, w)| v * i32::from(w)).sum();
        const BITS: u32 = WEIGHT_BITS + KEPT_BITS;
        out[k] = ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8;
    }
}
