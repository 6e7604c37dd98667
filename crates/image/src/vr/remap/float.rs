//! Reading samples of any depth, in floats.
//!
//! Loading single samples is what takes the time, and no vector instruction helps there (hardware gathers are
//! slower than plain loads on many processors). Everything else is done in loops over a row of a tile that the
//! compiler vectorizes.

use super::table::{POSITION_BITS, Tile};
use super::weights::{self, phase};
use super::{Filter, TILE_W, Texel};
use crate::plane::PlaneRef;

/// The sample that a tile reads everywhere, as most tiles of a matte do: all person or none. A row is compared without
/// stopping at the first difference, which takes several samples at once, and no closure keeps the caller's features from it.
#[inline(always)]
pub(super) fn constant<S: Texel>(filter: Filter, src: PlaneRef<'_, S>, tile: &Tile) -> Option<S> {
    if filter != Filter::Bilinear {
        return None;
    }
    let (left, top) = (tile.origin.0 as usize, tile.origin.1 as usize);
    let (right, bottom) = (left + tile.reach.0 as usize + 1, top + tile.reach.1 as usize + 1);
    let first = src.row(top)[left];
    for y in top..bottom + 1 {
        let mut differ = false;
        for sample in &src.row(y)[left..right + 1] {
            differ |= *sample != first;
        }
        if differ {
            return None;
        }
    }
    Some(first)
}

/// The part of a position after its whole sample, 0.0..1.0.
#[inline(always)]
fn fraction(v: i32) -> f32 {
    (v & ((1 << POSITION_BITS) - 1)) as f32 * (1.0 / (1u32 << POSITION_BITS) as f32)
}

#[inline(always)]
pub(super) fn bilinear<S: Texel, D: Texel>(
    src: PlaneRef<'_, S>,
    tile: &Tile,
    x: &[i32; TILE_W],
    y: &[i32; TILE_W],
    max: f32,
    [a, b, c, d]: &mut [[S; TILE_W]; 4],
    out: &mut [D; TILE_W],
) {
    let data = &src.data[tile.origin.1 as usize * src.stride + tile.origin.0 as usize..];
    for k in 0..TILE_W {
        let at = (y[k] >> POSITION_BITS) as usize * src.stride + (x[k] >> POSITION_BITS) as usize;
        // One check for all four.
        let s = &data[at..at + src.stride + 2];
        a[k] = s[0];
        b[k] = s[1];
        c[k] = s[src.stride];
        d[k] = s[src.stride + 1];
    }
    for k in 0..TILE_W {
        let (fx, fy) = (fraction(x[k]), fraction(y[k]));
        let (a, b, c, d) = (a[k].to_f32(), b[k].to_f32(), c[k].to_f32(), d[k].to_f32());
        let upper = a + fx * (b - a);
        let lower = c + fx * (d - c);
        out[k] = D::from_sum(upper + fy * (lower - upper), max);
    }
}

#[inline(always)]
pub(super) fn lanczos<S: Texel, D: Texel>(
    src: PlaneRef<'_, S>,
    tile: &Tile,
    x: &[i32; TILE_W],
    y: &[i32; TILE_W],
    max: f32,
    out: &mut [D],
) {
    let (left, top) = (tile.origin.0 as usize, tile.origin.1 as usize);
    let (right, bottom) = (left + tile.reach.0 as usize, top + tile.reach.1 as usize);
    // Eight samples are loaded from the second one on the left on.
    let inside = left >= 2 && right + 5 < src.width && top >= 2 && bottom + 3 < src.height;
    let weights = weights::float();
    for (k, out) in out.iter_mut().enumerate().take(TILE_W) {
        let (wx, wy) = (weights[phase(x[k], POSITION_BITS)], weights[phase(y[k], POSITION_BITS)]);
        let (sx, sy) = (left + (x[k] >> POSITION_BITS) as usize, top + (y[k] >> POSITION_BITS) as usize);
        let mut sum = [0f32; 8];
        for (j, weight) in wy.iter().enumerate().take(6) {
            let samples: [S; 8] = if inside {
                let at = (sy + j - 2) * src.stride + sx - 2;
                src.data[at..at + 8].try_into().unwrap_or([S::default(); 8])
            } else {
                let row = src.row((sy + j).saturating_sub(2).min(src.height - 1));
                std::array::from_fn(|i| row[(sx + i).saturating_sub(2).min(src.width - 1)])
            };
            for i in 0..8 {
                sum[i] += weight * wx[i] * samples[i].to_f32();
            }
        }
        *out = D::from_sum(sum.iter().sum(), max);
    }
}
