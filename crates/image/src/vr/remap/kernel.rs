//! Fills tiles, row by row: first the positions of a tile, then its samples.

use super::fixed::{Depth, Reader};
use super::positions::{Buffer, interpolate, unpack};
use super::pyramid::Pyramid;
use super::table::{ExactRow, OUTSIDE, RemapTable, Tile, TileKind, limits};
use super::{Filter, TILE_H, TILE_W, Texel, float};
use crate::plane::{PlaneMut, PlaneRef};
use crate::simd::{self, Features, dispatch};
use std::ops::Range;

#[derive(Debug)]
pub(super) struct Scratch<S> {
    /// Positions from the tile's origin, with [`POSITION_BITS`](super::table::POSITION_BITS) fractional bits.
    x: Buffer,
    y: Buffer,
    /// The four samples around each position of a row.
    around: [[S; TILE_W]; 4],
    bytes: Reader<u8>,
    words: Reader<u16>,
}

impl<S: Texel> Default for Scratch<S> {
    fn default() -> Self {
        Self {
            x: [[0; TILE_W]; TILE_H],
            y: [[0; TILE_W]; TILE_H],
            around: [[S::default(); TILE_W]; 4],
            bytes: Reader::default(),
            words: Reader::default(),
        }
    }
}

/// How the samples of a tile are made.
#[derive(Clone, Copy)]
enum TileFill<D> {
    /// By the reader of bytes, which is prepared.
    Bytes,
    /// By the reader of words, which is prepared.
    Words(Depth),
    /// All are this sample.
    Constant(D),
    /// In floats, at the positions in the scratch buffers.
    Floats,
}

/// Tiles beside each other that are filled before any of them is written: a row of 512 samples is written as fast as
/// memory takes it, rows of 64 that lie far apart are not.
const BLOCK: usize = 8;
/// The rows of a block.
type Block<D> = [[D; BLOCK * TILE_W]; TILE_H];

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
        let mut block: Block<D> = [[D::default(); BLOCK * TILE_W]; TILE_H];
        for first in (0..table.tiles_x()).step_by(BLOCK) {
            for tx in first..(first + BLOCK).min(table.tiles_x()) {
                let tile = &table.tiles[ty * table.tiles_x() + tx];
                let columns = (tx - first) * TILE_W..(tx - first + 1) * TILE_W;
                tile_of_block(features, (table, tile, h), filter, (src, pyramid), (outside, max), scratch, (&mut block, columns));
            }
            let x = first * TILE_W;
            let w = (BLOCK * TILE_W).min(width - x);
            for (j, row) in block.iter().enumerate().take(h) {
                out.row_mut(y + j)[x..x + w].copy_from_slice(&row[..w]);
            }
        }
    }
}

/// Fills the `columns` of `block` with `tile`.
#[inline(always)]
fn tile_of_block<S: Texel, D: Texel>(
    features: Features,
    (table, tile, h): (&RemapTable, &Tile, usize),
    filter: Filter,
    (src, pyramid): (PlaneRef<'_, S>, &Pyramid<S>),
    (outside, max): (D, f32),
    scratch: &mut Scratch<S>,
    (block, columns): (&mut Block<D>, Range<usize>),
) {
    let rows = block.iter_mut().take(h);
    let positions: &[ExactRow] = match tile.kind {
        TileKind::Empty => {
            for row in rows {
                row[columns.clone()].fill(outside);
            }
            return;
        }
        TileKind::Copy => {
            let (left, top) = (tile.origin.0 as usize, tile.origin.1 as usize);
            for (j, row) in rows.enumerate() {
                for (out, sample) in row[columns.clone()].iter_mut().zip(&src.row(top + j)[left..]) {
                    *out = D::from_sample(*sample, max);
                }
            }
            return;
        }
        TileKind::Smooth(_) => &[],
        TileKind::Exact(at, _) => &table.exact[at as usize..][..h],
    };
    let level = pyramid.level(src, u32::from(tile.level));
    let fill = how_to_fill(features, filter, level, (table, tile, h), max, scratch);
    if let TileFill::Floats = fill {
        match tile.kind {
            TileKind::Smooth(at) => {
                interpolate(&table.nodes[at as usize..], limits(tile.reach), &mut scratch.x, &mut scratch.y);
            }
            TileKind::Exact(_, shift) => unpack(positions, shift, &mut scratch.x, &mut scratch.y),
            TileKind::Empty | TileKind::Copy => {}
        }
    }
    for (j, row) in rows.enumerate() {
        let Some(row) = row[columns.clone()].first_chunk_mut::<TILE_W>() else { return };
        let (xs, ys) = (&scratch.x[j], &scratch.y[j]);
        match (fill, filter) {
            (TileFill::Bytes, _) => {
                if let Some(row) = D::bytes_mut(row) {
                    scratch.bytes.row(features, filter, j, row);
                }
            }
            (TileFill::Words(depth), _) => {
                if let Some(row) = D::words_mut(row) {
                    scratch.words.row(features, depth, j, row);
                }
            }
            (TileFill::Constant(sample), _) => row.fill(sample),
            (TileFill::Floats, Filter::Bilinear) => {
                float::bilinear(level, tile, xs, ys, max, &mut scratch.around, row);
            }
            (TileFill::Floats, Filter::Lanczos3) => float::lanczos(level, tile, xs, ys, max, row),
        }
        if let Some([xs, _]) = positions.get(j) {
            for (value, x) in row.iter_mut().zip(xs) {
                *value = if *x == OUTSIDE { outside } else { *value };
            }
        }
    }
}

/// Prepares a reader where one can read the tile. No closures: they would not be compiled for the features of the caller.
#[inline(always)]
fn how_to_fill<S: Texel, D: Texel>(
    features: Features,
    filter: Filter,
    level: PlaneRef<'_, S>,
    (table, tile, rows): (&RemapTable, &Tile, usize),
    max: f32,
    scratch: &mut Scratch<S>,
) -> TileFill<D> {
    if let (Some(level), Some(_)) = (S::bytes(level), D::bytes_mut(&mut []))
        && scratch.bytes.prepare(features, filter, level, (table, tile, rows))
    {
        return TileFill::Bytes;
    }
    if let (Some(level), Some(_), Some(depth), Filter::Bilinear) =
        (S::words(level), D::words_mut(&mut []), Depth::of(max), filter)
        && scratch.words.prepare(features, filter, level, (table, tile, rows))
    {
        return TileFill::Words(depth);
    }
    match float::constant(filter, level, tile) {
        Some(sample) => TileFill::Constant(D::from_sample(sample, max)),
        None => TileFill::Floats,
    }
}
