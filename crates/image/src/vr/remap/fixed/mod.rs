//! Bilinear and Lanczos reading of 8-bit planes, and bilinear reading of up to 12 bits ([`words`]), in fixed point.
//!
//! What takes the time is fetching the four samples around each position, from rows that lie thousands of
//! bytes apart. So the rectangle that a tile reads is first copied, row by row, into a small buffer of pairs
//! (a sample and the one below it), which stays in the nearest cache and in which all four samples are one
//! load of 32 bits. Their weighted sum is three instructions for eight positions. Positions count from the
//! rectangle and have 16 bits; a tile that reads too large a rectangle for that is left to [`super::float`].
//!
//! **Weights.** A vertical weight has to fit a signed byte, so the two add up to [`VERTICAL`] = 127, not to 128.
//! The horizontal ones make up for it: they add up to [`HORIZONTAL`] = 16513, and 127 x 16513 is one less than
//! 2^21, so that a picture of one value keeps it. Positions are kept to 1/128 of a sample; a table is exact to
//! 1/32.
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
mod words;

pub(super) use words::Depth;

use super::table::{CELL, ExactRow, NODES_X, NODES_Y, NodeRow, OUTSIDE, POSITION_BITS, RemapTable, Tile, TileKind};
use super::weights::{self, WEIGHT_BITS, phase};
use super::{Filter, TILE_H, TILE_W};
use crate::plane::{PlaneRef, Sample};
use crate::simd::Features;
use std::ops::Range;

/// Fractional bits of a position.
const FRACTION: u32 = 7;
/// The most whole samples that a position may have: nodes lie a little farther out and fit 16 bits, too.
const MOST_REACH: i32 = 250;
/// The sum of the weights of a sample and the one below it.
const VERTICAL: i16 = 127;
/// The sum of the weights of a column and the one to its right.
const HORIZONTAL: i16 = 16513;
/// Fractional bits of a weighted sum.
const SUM_BITS: u32 = 21;
/// Fractional bits of Lanczos' vertical sums, which are at most 1.3 times a sample.
const KEPT_BITS: u32 = 6;
/// Pairs that are kept: several times what a tile reads where it is about as large in the source. A power of two.
const PAIRS: usize = 1 << 14;

/// Pairs; one more than can begin a quad.
type Pairs<P> = [P; PAIRS + 1];
/// A coordinate of the samples of a row.
type Row = [i16; TILE_W];
/// A coordinate of a row of nodes, filled up to a whole register.
type Nodes = [i16; 16];

/// Samples that are read as pairs of one, in the lower half, and the one below it.
pub(super) trait Paired: Sample {
    /// A pair.
    type Pair: Copy + Default + std::fmt::Debug;
    /// The pair of `upper` and `lower`.
    fn pair(upper: Self, lower: Self) -> Self::Pair;
}

impl Paired for u8 {
    type Pair = u16;
    #[inline(always)]
    fn pair(upper: Self, lower: Self) -> u16 {
        u16::from_le_bytes([upper, lower])
    }
}

impl Paired for u16 {
    type Pair = u32;
    #[inline(always)]
    fn pair(upper: Self, lower: Self) -> u32 {
        u32::from(upper) | u32::from(lower) << 16
    }
}

/// Reads the rows of a tile; keeps its buffers from tile to tile.
#[derive(Debug)]
pub(super) struct Reader<S: Paired> {
    pairs: Box<Pairs<S::Pair>>,
    /// Pairs in a row.
    width: usize,
    x: [Row; TILE_H],
    y: [Row; TILE_H],
}

impl<S: Paired> Default for Reader<S> {
    fn default() -> Self {
        Self {
            pairs: Box::new([S::Pair::default(); PAIRS + 1]),
            width: 0,
            x: [[0; TILE_W]; TILE_H],
            y: [[0; TILE_W]; TILE_H],
        }
    }
}

impl<S: Paired> Reader<S> {
    /// Prepares `tile` of `table`, of which `rows` rows are wanted and which reads `src`. `false` where it has to
    /// be read in floats.
    #[inline(always)]
    pub(super) fn prepare(
        &mut self,
        features: Features,
        filter: Filter,
        src: PlaneRef<'_, S>,
        (table, tile, rows): (&RemapTable, &Tile, usize),
    ) -> bool {
        if !self.copy(filter, src, tile.origin, tile.reach) {
            return false;
        }
        match tile.kind {
            TileKind::Smooth(at) => self.interpolate(features, &table.nodes[at as usize..], tile.reach),
            TileKind::Exact(at, shift) => {
                self.unpack(&table.exact[at as usize..][..rows], shift);
                true
            }
            TileKind::Empty | TileKind::Copy => false,
        }
    }

    /// Copies what is read of `src` around positions that count from `origin` and whose whole samples are at most
    /// `reach`. `false` where that is too much.
    #[inline(always)]
    fn copy(&mut self, filter: Filter, src: PlaneRef<'_, S>, origin: (i32, i32), reach: (i32, i32)) -> bool {
        let (before, after) = filter.margin();
        let span = |origin: i32, reach: i32| origin - before..origin + reach + after + 1;
        let (columns, rows) = (span(origin.0, reach.0), span(origin.1, reach.1));
        // Whole registers, where the source has them.
        let whole = columns.start..columns.start + columns.len().next_multiple_of(32) as i32;
        let inside = |columns: &Range<i32>| columns.start >= 0 && columns.end as usize <= src.width;
        let columns = if inside(&whole) { whole } else { columns };
        if reach.0.max(reach.1) > MOST_REACH || (rows.len() - 1) * columns.len() > PAIRS {
            return false;
        }
        self.width = columns.len();
        self.fill(src, &columns, &rows, inside(&columns));
        true
    }

    /// Fills the pairs; beyond the source's border its last sample repeats.
    #[inline(always)]
    fn fill(&mut self, src: PlaneRef<'_, S>, columns: &Range<i32>, rows: &Range<i32>, inside: bool) {
        let row = |y: i32| src.row(y.clamp(0, src.height as i32 - 1) as usize);
        for (y, pairs) in rows.clone().zip(self.pairs.chunks_exact_mut(columns.len()).take(rows.len() - 1)) {
            let (upper, lower) = (row(y), row(y + 1));
            if inside {
                let columns = columns.start as usize..columns.end as usize;
                for ((pair, upper), lower) in pairs.iter_mut().zip(&upper[columns.clone()]).zip(&lower[columns]) {
                    *pair = S::pair(*upper, *lower);
                }
            } else {
                for (x, pair) in columns.clone().zip(pairs) {
                    let x = x.clamp(0, src.width as i32 - 1) as usize;
                    *pair = S::pair(upper[x], lower[x]);
                }
            }
        }
    }

    /// Positions between nodes, as [`super::positions::interpolate`]. `false` where nodes lie too far outside.
    #[inline(always)]
    fn interpolate(&mut self, features: Features, nodes: &[NodeRow], reach: (i32, i32)) -> bool {
        const DROPPED: u32 = POSITION_BITS - FRACTION;
        /// What fits 16 bits, as the difference of two of them does.
        const FITTING: Range<i32> = -(4 << POSITION_BITS)..(MOST_REACH + 4) << POSITION_BITS;
        let nodes = &nodes[..NODES_Y];
        if nodes.as_flattened().as_flattened().iter().any(|node| !FITTING.contains(node)) {
            return false;
        }
        let mut short = [[[0; 16]; 2]; NODES_Y];
        for (row, short) in nodes.iter().zip(&mut short) {
            for (row, short) in row.iter().zip(short) {
                for (node, short) in row.iter().zip(short) {
                    *short = ((node + (1 << (DROPPED - 1))) >> DROPPED) as i16;
                }
            }
        }
        let limit = |reach: i32| (((reach + 1) << FRACTION) - 1) as i16;
        for (j, (x, y)) in self.x.iter_mut().zip(&mut self.y).enumerate() {
            let (upper, lower) = (&short[j / CELL], &short[j / CELL + 1]);
            // 16ths of a cell, as rounded products take them.
            let share = (2 * (j % CELL) + 1) as i16 * SIXTEENTH;
            along(features, (&upper[0], &lower[0], share), limit(reach.0), x);
            along(features, (&upper[1], &lower[1], share), limit(reach.1), y);
        }
        true
    }

    /// Stored positions; those outside become 0.
    #[inline(always)]
    fn unpack(&mut self, positions: &[ExactRow], shift: u8) {
        const DROPPED: u32 = POSITION_BITS - FRACTION;
        for (([xs, ys], x), y) in positions.iter().zip(&mut self.x).zip(&mut self.y) {
            for k in 0..TILE_W {
                let short = |v: u16| ((u32::from(v) << shift) >> DROPPED) as i16;
                let inside = xs[k] != OUTSIDE;
                x[k] = if inside { short(xs[k]) } else { 0 };
                y[k] = if inside { short(ys[k]) } else { 0 };
            }
        }
    }
}

impl Reader<u8> {
    /// Reads row `j` of the prepared tile.
    #[inline(always)]
    pub(super) fn row(&self, features: Features, filter: Filter, j: usize, out: &mut [u8]) {
        let Ok(out) = <&mut [u8; TILE_W]>::try_from(out) else { return };
        let (x, y) = (&self.x[j], &self.y[j]);
        match filter {
            Filter::Bilinear => bilinear(features, &self.pairs, self.width, x, y, out),
            Filter::Lanczos3 => lanczos(features, &self.pairs, self.width, x, y, out),
        }
    }
}

/// A sixteenth, as [`product`] takes it.
const SIXTEENTH: i16 = 1 << 11;

/// `v` times `share` 2^15ths, rounded.
#[inline(always)]
fn product(v: i16, share: i16) -> i16 {
    ((i32::from(v) * i32::from(share) + (1 << 14)) >> 15) as i16
}

/// A coordinate of a row that lies `share` of a cell between two rows of nodes.
#[inline(always)]
fn along(features: Features, (upper, lower, share): (&Nodes, &Nodes, i16), limit: i16, out: &mut Row) {
    #[cfg(target_arch = "x86_64")]
    if features.avx2().is_some() {
        // SAFETY: the proof of AVX2.
        return unsafe { avx2::along(upper, lower, share, limit, out) };
    }
    let _ = features;
    let edge = |i: usize| upper[i] + product(lower[i] - upper[i], share);
    for i in 0..NODES_X - 1 {
        let (from, step) = (edge(i), edge(i + 1) - edge(i));
        for k in 0..CELL {
            out[i * CELL + k] = (from + product(step, (2 * k + 1) as i16 * SIXTEENTH)).clamp(0, limit);
        }
    }
}

/// The whole sample of a position, and its part after it.
#[inline(always)]
fn split(v: i16) -> (usize, i16) {
    ((v >> FRACTION) as usize, v & ((1 << FRACTION) - 1))
}

#[inline(always)]
fn bilinear(features: Features, pairs: &Pairs<u16>, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    #[cfg(target_arch = "x86_64")]
    if features.avx2().is_some() {
        // SAFETY: the proof of AVX2.
        return unsafe { avx2::bilinear(pairs, width, x, y, out) };
    }
    let _ = features;
    for k in 0..TILE_W {
        let ((column, x), (row, y)) = (split(x[k]), split(y[k]));
        let at = row * width + column;
        let ([a, c], [b, d]) = (pairs[at].to_le_bytes(), pairs[at + 1].to_le_bytes());
        let [a, b, c, d] = [a, b, c, d].map(i32::from);
        let lower = product(y, VERTICAL << 8);
        let right = product(x << 8, HORIZONTAL);
        let [upper, lower] = [VERTICAL - lower, lower].map(i32::from);
        let [left, right] = [HORIZONTAL - right, right].map(i32::from);
        let sum = (a * upper + c * lower) * left + (b * upper + d * lower) * right;
        out[k] = ((sum + (1 << (SUM_BITS - 1))) >> SUM_BITS) as u8;
    }
}

#[inline(always)]
fn lanczos(features: Features, pairs: &Pairs<u16>, width: usize, x: &Row, y: &Row, out: &mut [u8; TILE_W]) {
    #[cfg(target_arch = "x86_64")]
    if features.avx2().is_some() {
        // SAFETY: the proof of AVX2.
        return unsafe { avx2::lanczos(pairs, width, x, y, out) };
    }
    let _ = features;
    let weights = weights::fixed();
    for k in 0..TILE_W {
        let (wx, wy) = (weights[phase(x[k].into(), FRACTION)], weights[phase(y[k].into(), FRACTION)]);
        let at = split(y[k]).0 * width + split(x[k]).0;
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
