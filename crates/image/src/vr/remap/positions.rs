//! The positions of a tile's samples, from its nodes or as they are stored.

use super::table::{CELL, ExactRow, NODES_X, NodeRow, OUTSIDE};
use super::{TILE_H, TILE_W};

/// A coordinate of all samples of a tile.
pub(super) type Buffer = [[i32; TILE_W]; TILE_H];

/// Positions between nodes. Samples lie at (2 k + 1) / 16 of a cell.
#[inline(always)]
pub(super) fn interpolate(nodes: &[NodeRow], limit: (i32, i32), x: &mut Buffer, y: &mut Buffer) {
    for j in 0..TILE_H {
        let t = (2 * (j % CELL) + 1) as i32;
        let (upper, lower) = (&nodes[j / CELL], &nodes[j / CELL + 1]);
        along(&upper[0], &lower[0], t, limit.0, &mut x[j]);
        along(&upper[1], &lower[1], t, limit.1, &mut y[j]);
    }
}

/// A coordinate of a row that lies `t` / 16 of a cell below the nodes `upper`.
#[inline(always)]
fn along(upper: &[i32; NODES_X], lower: &[i32; NODES_X], t: i32, limit: i32, out: &mut [i32; TILE_W]) {
    let edge = |i: usize| upper[i] + (((lower[i] - upper[i]) * t) >> 4);
    let (mut from, mut step) = ([0; NODES_X - 1], [0; NODES_X - 1]);
    for i in 0..NODES_X - 1 {
        // Computed twice: stored and loaded again, shifted by one, it would be waited for.
        (from[i], step[i]) = (edge(i), edge(i + 1) - edge(i));
    }
    for ((cell, from), step) in out.as_chunks_mut::<CELL>().0.iter_mut().zip(from).zip(step) {
        for (k, out) in cell.iter_mut().enumerate() {
            *out = (from + ((step * (2 * k + 1) as i32) >> 4)).clamp(0, limit);
        }
    }
}

/// Stored positions; those outside become 0.
#[inline(always)]
pub(super) fn unpack(positions: &[ExactRow], shift: u8, x: &mut Buffer, y: &mut Buffer) {
    for (([xs, ys], x), y) in positions.iter().zip(x.iter_mut()).zip(y.iter_mut()) {
        for k in 0..TILE_W {
            let inside = xs[k] != OUTSIDE;
            x[k] = if inside { i32::from(xs[k]) << shift } else { 0 };
            y[k] = if inside { i32::from(ys[k]) << shift } else { 0 };
        }
    }
}
