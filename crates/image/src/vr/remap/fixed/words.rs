//! Bilinear reading of planes with 9 to 12 bits.
//!
//! As with bytes, but a pair has two words, and weights can add up to powers of two: [`VERTICAL`] and [`HORIZONTAL`], so a
//! picture of one value keeps it. Vertical sums are rounded to 15 bits, which is 1/32 of a sample of 10 bits.

use super::{FRACTION, PAIRS, Pairs, Reader, Row, split};
use crate::simd::Features;
use crate::vr::remap::TILE_W;

/// The sum of the weights of a sample and the one below it.
pub(super) const VERTICAL: i16 = 1 << FRACTION;
/// The sum of the weights of a column and the one to its right, and what makes it of the other.
pub(super) const HORIZONTAL: i16 = VERTICAL << HORIZONTAL_SHIFT;
pub(super) const HORIZONTAL_SHIFT: u32 = 7;
/// Bits of vertical sums that are kept, so that they fit signed words.
const KEPT: u32 = 15;

/// How many bits samples have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::vr::remap) struct Depth(u32);

impl Depth {
    /// That of samples up to `max`; `None` where it isn't read in fixed point.
    pub(in crate::vr::remap) fn of(max: f32) -> Option<Self> {
        (9..=12).find(|bits| max == ((1u32 << bits) - 1) as f32).map(Self)
    }

    /// Bits that vertical sums lose.
    pub(super) fn dropped(self) -> u32 {
        self.0 + FRACTION - KEPT
    }

    /// The greatest that they can be then.
    pub(super) fn limit(self) -> i16 {
        ((1 << KEPT) - (1 << (KEPT - self.0))) as i16
    }

    /// What rounds them.
    pub(super) fn half(self) -> i32 {
        1 << (self.dropped() - 1)
    }

    /// Bits of whole sums behind those of a sample.
    pub(super) fn left_over(self) -> u32 {
        2 * FRACTION + HORIZONTAL_SHIFT - self.dropped()
    }

    /// What rounds those.
    pub(super) fn last_half(self) -> i32 {
        1 << (self.left_over() - 1)
    }
}

impl Reader<u16> {
    /// Reads row `j` of the prepared tile.
    #[inline(always)]
    pub(in crate::vr::remap) fn row(&self, features: Features, depth: Depth, j: usize, out: &mut [u16]) {
        let Ok(out) = <&mut [u16; TILE_W]>::try_from(out) else { return };
        bilinear(features, (&self.pairs, depth), self.width, &self.x[j], &self.y[j], out);
    }
}

/// Samples above the depth count as the greatest.
#[inline(always)]
fn bilinear(
    features: Features,
    (pairs, depth): (&Pairs<u32>, Depth),
    width: usize,
    x: &Row,
    y: &Row,
    out: &mut [u16; TILE_W],
) {
    #[cfg(target_arch = "x86_64")]
    if features.avx2().is_some() {
        // SAFETY: the proof of AVX2.
        return unsafe { super::avx2::bilinear_words((pairs, depth), width, x, y, out) };
    }
    let _ = features;
    for k in 0..TILE_W {
        let ((column, x), (row, y)) = (split(x[k]), split(y[k]));
        let at = (row * width + column) & (PAIRS - 1);
        // Signed, as vector instructions have them.
        let column = |pair: u32| {
            let [upper, lower] = [pair as i16, (pair >> 16) as i16].map(i32::from);
            let sum = upper * i32::from(VERTICAL - y) + lower * i32::from(y);
            (((sum + depth.half()) as u32) >> depth.dropped()).min(depth.limit() as u32) as i32
        };
        let right = i32::from(x) << HORIZONTAL_SHIFT;
        let sum = column(pairs[at]) * (i32::from(HORIZONTAL) - right) + column(pairs[at + 1]) * right;
        out[k] = ((sum + depth.last_half()) >> depth.left_over()) as u16;
    }
}
