//! Sampling: first the positions of a tile, then its samples, row by row.
//!
//! Loading single samples is what takes the time, and no vector instruction helps there (hardware
//! gathers are slower than plain loads on many processors). Everything else is done in loops over
//! a row of a tile that the compiler vectorizes.

use super::pyramid::Pyramid;
use super::table::{CELL, FRACTION, NODES_X, OUTSIDE, RemapTable, Tile, TileKind, limits};
use super::{Filter, TILE_H, TILE_W, Texel};
use crate::plane::{PlaneMut, PlaneRef};
use crate::simd::dispatch;
use std::f64::consts::PI;
use std::sync::LazyLock;

#[derive(Debug)]
pub(super) struct Scratch<S> {
    /// Positions from the tile's origin, with [`FRACTION`] fractional bits.
    x: [[i32; TILE_W]; TILE_H],
    y: [[i32; TILE_W]; TILE_H],
    /// The four samples around each position of a row.
    around: [[S; TILE_W]; 4],
}

impl<S: Texel> Default for Scratch<S> {
    fn default() -> Self {
        Self { x: [[0; TILE_W]; TILE_H], y: [[0; TILE_W]; TILE_H], around: [[S::default(); TILE_W]; 4] }
    }
}

/// Steps between two samples of a source, as fine as Lanczos' weights are kept.
const PHASES: usize = 256;

/// Lanczos' weights of the samples -2..=3 (and two zeros) for each position between samples 0 and 1.
static LANCZOS: LazyLock<Vec<[f32; 8]>> = LazyLock::new(|| {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    (0..=PHASES)
        .map(|phase| {
            let weight = |k: usize| {
                let x = (k as f64 - 2.0) - phase as f64 / PHASES as f64;
                if k < 6 && x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
            };
            let sum: f64 = (0..6).map(weight).sum();
            std::array::from_fn(|k| (weight(k) / sum) as f32)
        })
        .collect()
});

dispatch! {
    /// Fills the tiles of row `ty` of tiles.
    pub(super) fn tile_row[S: Texel, D: Texel](
        table: &RemapTable,
        ty: usize,
        filter: Filter,
        src: PlaneRef<'_, S>,
        pyramid: &Pyramid<S>,
        outside: D,
        max: f32,
        scratch: &mut Scratch<S>,
        out: &mut PlaneMut<'_, D>,
    ) {
        let (width, height) = table.size();
        let y = ty * TILE_H;
        let h = TILE_H.min(height - y);
        for tx in 0..table.tiles_x() {
            let x = tx * TILE_W;
            let w = TILE_W.min(width - x);
            let tile = table.tiles[ty * table.tiles_x() + tx];
            let positions = match tile.kind {
                TileKind::Empty => {
                    for j in 0..h {
                        out.row_mut(y + j)[x..x + w].fill(outside);
                    }
                    continue;
                }
                TileKind::Smooth(at) => {
                    interpolate(&table.nodes[at as usize..], limits(tile.reach), &mut scratch.x, &mut scratch.y);
                    None
                }
                TileKind::Exact(at, shift) => {
                    let positions = &table.exact[at as usize..][..w * h];
                    unpack(positions, w, shift, &mut scratch.x, &mut scratch.y);
                    Some(positions)
                }
            };
            let level = pyramid.level(src, u32::from(tile.level));
            for j in 0..h {
                let row = &mut out.row_mut(y + j)[x..x + w];
                let (xs, ys) = (&scratch.x[j], &scratch.y[j]);
                match filter {
                    Filter::Bilinear => bilinear(level, &tile, xs, ys, max, &mut scratch.around, row),
                    Filter::Lanczos3 => lanczos(level, &tile, xs, ys, max, row),
                }
                if let Some(positions) = positions {
                    for (out, p) in row.iter_mut().zip(&positions[j * w..][..w]) {
                        *out = if p[0] == OUTSIDE { outside } else { *out };
                    }
                }
            }
        }
    }
}

type Buffer = [[i32; TILE_W]; TILE_H];

/// Positions between nodes. Samples lie at (2 k + 1) / 16 of a cell.
#[inline(always)]
fn interpolate(nodes: &[[i32; 2]], limit: (i32, i32), x: &mut Buffer, y: &mut Buffer) {
    for j in 0..TILE_H {
        let t = (2 * (j % CELL) + 1) as i32;
        let upper = &nodes[j / CELL * NODES_X..][..NODES_X];
        let lower = &nodes[(j / CELL + 1) * NODES_X..][..NODES_X];
        let edge: [[i32; 2]; NODES_X] = std::array::from_fn(|i| {
            let (a, b) = (upper[i], lower[i]);
            [a[0] + (((b[0] - a[0]) * t) >> 4), a[1] + (((b[1] - a[1]) * t) >> 4)]
        });
        for i in 0..NODES_X - 1 {
            let (a, b) = (edge[i], edge[i + 1]);
            let (step_x, step_y) = (b[0] - a[0], b[1] - a[1]);
            for k in 0..CELL {
                let t = (2 * k + 1) as i32;
                x[j][i * CELL + k] = (a[0] + ((step_x * t) >> 4)).clamp(0, limit.0);
                y[j][i * CELL + k] = (a[1] + ((step_y * t) >> 4)).clamp(0, limit.1);
            }
        }
    }
}

/// Stored positions; those outside become 0.
#[inline(always)]
fn unpack(positions: &[[u16; 2]], w: usize, shift: u8, x: &mut Buffer, y: &mut Buffer) {
    for (row, (x, y)) in positions.chunks_exact(w).zip(x.iter_mut().zip(y)) {
        for ((p, x), y) in row.iter().zip(x.iter_mut()).zip(y.iter_mut()) {
            let inside = p[0] != OUTSIDE;
            *x = if inside { i32::from(p[0]) << shift } else { 0 };
            *y = if inside { i32::from(p[1]) << shift } else { 0 };
        }
    }
}

/// The part of a position after its whole sample, 0.0..1.0.
#[inline(always)]
fn fraction(v: i32) -> f32 {
    (v & ((1 << FRACTION) - 1)) as f32 * (1.0 / (1u32 << FRACTION) as f32)
}

#[inline(always)]
fn bilinear<S: Texel, D: Texel>(
    src: PlaneRef<'_, S>,
    tile: &Tile,
    x: &[i32; TILE_W],
    y: &[i32; TILE_W],
    max: f32,
    [a, b, c, d]: &mut [[S; TILE_W]; 4],
    out: &mut [D],
) {
    let data = &src.data[tile.origin.1 as usize * src.stride + tile.origin.0 as usize..];
    for k in 0..out.len().min(TILE_W) {
        let at = (y[k] >> FRACTION) as usize * src.stride + (x[k] >> FRACTION) as usize;
        // One check for all four.
        let s = &data[at..at + src.stride + 2];
        a[k] = s[0];
        b[k] = s[1];
        c[k] = s[src.stride];
        d[k] = s[src.stride + 1];
    }
    let mut row = [D::default(); TILE_W];
    for k in 0..TILE_W {
        let (fx, fy) = (fraction(x[k]), fraction(y[k]));
        let (a, b, c, d) = (a[k].to_f32(), b[k].to_f32(), c[k].to_f32(), d[k].to_f32());
        let upper = a + fx * (b - a);
        let lower = c + fx * (d - c);
        row[k] = D::from_sum(upper + fy * (lower - upper), max);
    }
    out.copy_from_slice(&row[..out.len()]);
}

#[inline(always)]
fn lanczos<S: Texel, D: Texel>(
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
    let weights = |v: i32| {
        let phase = (v & ((1 << FRACTION) - 1)) as usize * PHASES + (1 << (FRACTION - 1));
        LANCZOS[phase >> FRACTION]
    };
    for (k, out) in out.iter_mut().enumerate().take(TILE_W) {
        let (wx, wy) = (weights(x[k]), weights(y[k]));
        let (sx, sy) = (left + (x[k] >> FRACTION) as usize, top + (y[k] >> FRACTION) as usize);
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
