//! Fills tiles, row by row: first the positions of a tile, then its samples.

use super::fixed::Reader;
use super::positions::{Buffer, interpolate, unpack};
use super::pyramid::Pyramid;
use super::table::{ExactRow, OUTSIDE, RemapTable, TileKind, limits};
use super::{Filter, TILE_H, TILE_W, Texel, float};
use crate::plane::{PlaneMut, PlaneRef};
use crate::simd::{self, dispatch};

#[derive(Debug)]
pub(super) struct Scratch<S> {
    /// Positions from the tile's origin, with [`POSITION_BITS`](super::table::POSITION_BITS) fractional bits.
    x: Buffer,
    y: Buffer,
    /// The four samples around each position of a row.
    around: [[S; TILE_W]; 4],
    reader: Reader,
}

impl<S: Texel> Default for Scratch<S> {
    fn default() -> Self {
        Self {
            x: [[0; TILE_W]; TILE_H],
            y: [[0; TILE_W]; TILE_H],
            around: [[S::default(); TILE_W]; 4],
            reader: Reader::default(),
        }
    }
}

/// How the samples of a tile are made.
#[derive(Clone, Copy)]
enum TileFill<D> {
    /// By the reader of bytes, which is prepared.
    Bytes,
    /// All are this sample.
    Constant(D),
    /// In floats, at the positions in the scratch buffers.
    Floats,
}

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
        let features = simd::features();
        let (width, height) = table.size();
        let y = ty * TILE_H;
        let h = TILE_H.min(height - y);
        for tx in 0..table.tiles_x() {
            let x = tx * TILE_W;
            let w = TILE_W.min(width - x);
            let tile = table.tiles[ty * table.tiles_x() + tx];
            let level = pyramid.level(src, u32::from(tile.level));
            let positions: &[ExactRow] = match tile.kind {
                TileKind::Empty => {
                    (0..h).for_each(|j| out.row_mut(y + j)[x..x + w].fill(outside));
                    continue;
                }
                TileKind::Copy => {
                    let (left, top) = (tile.origin.0 as usize, tile.origin.1 as usize);
                    for j in 0..h {
                        for (out, sample) in out.row_mut(y + j)[x..x + w].iter_mut().zip(&src.row(top + j)[left..]) {
                            *out = D::from_sample(*sample, max);
                        }
                    }
                    continue;
                }
                TileKind::Smooth(_) => &[],
                TileKind::Exact(at, _) => &table.exact[at as usize..][..h],
            };
            let bytes = S::bytes(level).filter(|_| D::bytes_mut(&mut []).is_some());
            let fill = if bytes.is_some_and(|level| scratch.reader.prepare(features, filter, level, (table, &tile, h))) {
                TileFill::Bytes
            } else if let Some(sample) = float::constant(filter, level, &tile) {
                TileFill::Constant(D::from_sample(sample, max))
            } else {
                match tile.kind {
                    TileKind::Smooth(at) => {
                        interpolate(&table.nodes[at as usize..], limits(tile.reach), &mut scratch.x, &mut scratch.y);
                    }
                    TileKind::Exact(_, shift) => unpack(positions, shift, &mut scratch.x, &mut scratch.y),
                    TileKind::Empty | TileKind::Copy => {}
                }
                TileFill::Floats
            };
            for j in 0..h {
                let (xs, ys) = (&scratch.x[j], &scratch.y[j]);
                let mut row = [D::default(); TILE_W];
                match (fill, filter) {
                    (TileFill::Bytes, _) => {
                        if let Some(row) = D::bytes_mut(&mut row) {
                            scratch.reader.row(features, filter, j, row);
                        }
                    }
                    (TileFill::Constant(sample), _) => row.fill(sample),
                    (TileFill::Floats, Filter::Bilinear) => {
                        float::bilinear(level, &tile, xs, ys, max, &mut scratch.around, &mut row);
                    }
                    (TileFill::Floats, Filter::Lanczos3) => float::lanczos(level, &tile, xs, ys, max, &mut row[..w]),
                }
                if let Some([xs, _]) = positions.get(j) {
                    for (value, x) in row.iter_mut().zip(xs) {
                        *value = if *x == OUTSIDE { outside } else { *value };
                    }
                }
                simd::save(&mut out.row_mut(y + j)[x..x + w], &row);
            }
        }
    }
}
