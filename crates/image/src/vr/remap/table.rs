//! Building tables and what they hold.

use super::pyramid::{Needed, level_size};
use super::{SampleGrid, TILE_H, TILE_W};
use crate::plane::Plane;
use crate::vr::camera::Picture;

/// Fractional bits of positions while sampling.
pub(super) const POSITION_BITS: u32 = 15;
/// Distance of the nodes of a smooth tile.
pub(super) const CELL: usize = 8;
/// Nodes in a row and in a column of a tile.
pub(super) const NODES_X: usize = TILE_W / CELL + 1;
pub(super) const NODES_Y: usize = TILE_H / CELL + 1;
/// How far (source samples) interpolating between nodes may be off.
const TOLERANCE: f64 = 1.0 / 32.0;
/// How far (source samples) from a sample a position may be that is taken as the sample itself: less than the
/// weights of any filter tell apart.
const UNMOVED: f64 = 1.0 / 1024.0;
/// Source samples that a smooth tile may reach over, so that its arithmetic stays in 32 bits.
const MOST_SMOOTH: i32 = 2000;
/// The same for other tiles; no picture that FFmpeg decodes is wider.
const MOST_EXACT: i32 = 65_000;
/// `x` of a position outside the source's field.
pub(super) const OUTSIDE: u16 = u16::MAX;

/// How a tile's positions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TileKind {
    /// No sample is inside the source's field.
    Empty,
    /// The source's samples from the origin on, as they are.
    Copy,
    /// All samples are inside; [`NODES_Y`] rows of nodes from this index on.
    Smooth(u32),
    /// A row of positions for each row of samples from this index on, shifted right by this many
    /// bits. What lies beyond the destination's border is [`OUTSIDE`].
    Exact(u32, u8),
}

/// A row of a tile's nodes: their x, and their y.
pub(super) type NodeRow = [[i32; NODES_X]; 2];
/// The positions of a tile's row: their x, and their y.
pub(super) type ExactRow = [[u16; TILE_W]; 2];

#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub kind: TileKind,
    /// The level of the pyramid that is read.
    pub level: u8,
    /// The sample of that level that positions count from; it has a right and a lower neighbor.
    pub origin: (i32, i32),
    /// The rightmost and lowest sample that begins an interpolation, from `origin`.
    pub reach: (i32, i32),
}

/// For every destination sample, where in the source it is taken from. See the module's text.
#[derive(Clone, Debug)]
pub struct RemapTable {
    size: (usize, usize),
    source: (usize, usize),
    pub(super) tiles: Vec<Tile>,
    pub(super) nodes: Vec<NodeRow>,
    pub(super) exact: Vec<ExactRow>,
    needed: Needed,
}

/// A position in the source, where there is one.
type Position = Option<(f64, f64)>;

impl RemapTable {
    /// The table that shows `from` (a source view, its samples on `from_grid`) as `to`, with samples
    /// on `to_grid`. Both grids count in luma samples of their own picture.
    ///
    /// # Panics
    /// When the source has fewer than 2 x 2 samples.
    pub fn between((from, from_grid): (&Picture, SampleGrid), (to, to_grid): (&Picture, SampleGrid)) -> Self {
        Self::new((from_grid.width, from_grid.height), (to_grid.width, to_grid.height), &|x, y| {
            let (x, y) = to_grid.to_luma(x, y);
            let (x, y) = from.position(to.ray(x, y)?)?;
            Some(from_grid.from_luma(x, y))
        })
    }

    /// A table from any mapping of destination samples (0.0 is the center of the first one) to
    /// source samples. `map` is called for positions up to half a sample outside the destination, too.
    ///
    /// # Panics
    /// When the source has fewer than 2 x 2 samples.
    pub fn new(source: (usize, usize), size: (usize, usize), map: &dyn Fn(f64, f64) -> Position) -> Self {
        assert!(source.0 >= 2 && source.1 >= 2, "a source of {source:?} can't be interpolated");
        let mut table =
            Self { size, source, tiles: Vec::new(), nodes: Vec::new(), exact: Vec::new(), needed: Needed::default() };
        for y in (0..size.1).step_by(TILE_H) {
            for x in (0..size.0).step_by(TILE_W) {
                let tile = table.tile((x, y), map);
                table.tiles.push(tile);
            }
        }
        table.needed = Needed::by(source, &table.tiles);
        table.nodes.shrink_to_fit();
        table.exact.shrink_to_fit();
        table
    }

    /// Width and height of the destination.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Width and height of the source.
    pub fn source_size(&self) -> (usize, usize) {
        self.source
    }

    /// Bytes that the table occupies.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.tiles) + size_of_val(&*self.nodes) + size_of_val(&*self.exact)
    }

    /// Where the destination shows anything: 255, elsewhere 0.
    pub fn mask(&self) -> Plane<u8> {
        let mut mask = Plane::new(self.size.0, self.size.1);
        let (w, h) = self.size;
        for (i, tile) in self.tiles.iter().enumerate() {
            let (x, y) = (i % self.tiles_x() * TILE_W, i / self.tiles_x() * TILE_H);
            let (tw, th) = (TILE_W.min(w - x), TILE_H.min(h - y));
            for j in 0..th {
                let row = &mut mask.data_mut()[(y + j) * w + x..][..tw];
                match tile.kind {
                    TileKind::Empty => {}
                    TileKind::Copy | TileKind::Smooth(_) => row.fill(255),
                    TileKind::Exact(at, _) => {
                        let [xs, _] = &self.exact[at as usize + j];
                        row.iter_mut().zip(xs).for_each(|(m, x)| *m = if *x == OUTSIDE { 0 } else { 255 });
                    }
                }
            }
        }
        mask
    }

    pub(super) fn tiles_x(&self) -> usize {
        self.size.0.div_ceil(TILE_W)
    }

    pub(super) fn tiles_y(&self) -> usize {
        self.size.1.div_ceil(TILE_H)
    }

    /// What is read of the source's smaller levels.
    pub(super) fn needed(&self) -> &Needed {
        &self.needed
    }

    fn tile(&mut self, (x, y): (usize, usize), map: &dyn Fn(f64, f64) -> Position) -> Tile {
        // Nodes and the places halfway between them, at the edges of samples: even indices are nodes.
        const FINE_X: usize = 2 * NODES_X - 1;
        const FINE_Y: usize = 2 * NODES_Y - 1;
        let fine: [[Position; FINE_X]; FINE_Y] = std::array::from_fn(|j| {
            std::array::from_fn(|i| {
                let step = CELL as f64 / 2.0;
                map(x as f64 - 0.5 + i as f64 * step, y as f64 - 0.5 + j as f64 * step)
            })
        });
        let (w, h) = (TILE_W.min(self.size.0 - x), TILE_H.min(self.size.1 - y));
        let found = fine.iter().flatten().flatten().count();
        if found == FINE_X * FINE_Y && (w, h) == (TILE_W, TILE_H) {
            let fine = fine.map(|row| row.map(Option::unwrap_or_default));
            if let Some(tile) = self.smooth(&fine) {
                return tile;
            }
        }
        let at = |i: usize, j: usize| map((x + i) as f64, (y + j) as f64);
        // The field may still reach into a tile between the positions tried, across its border.
        let border = || (0..w).flat_map(|i| [(i, 0), (i, h - 1)]).chain((0..h).flat_map(|j| [(0, j), (w - 1, j)]));
        // Between all of these hides only a field of a few samples, which only a tiny picture has.
        let tiny = self.size.0.min(self.size.1) <= TILE_W;
        if found == 0 && !tiny && border().all(|(i, j)| at(i, j).is_none()) {
            return Tile { kind: TileKind::Empty, level: 0, origin: (0, 0), reach: (0, 0) };
        }
        let positions: Vec<Position> = (0..w * h).map(|k| at(k % w, k / w)).collect();
        self.exact(&positions, w)
    }

    /// A tile of nodes, if interpolating between them is near enough to `fine`.
    fn smooth<const X: usize, const Y: usize>(&mut self, fine: &[[(f64, f64); X]; Y]) -> Option<Tile> {
        let difference = |a: (f64, f64), b: (f64, f64), n: f64| ((b.0 - a.0) / n, (b.1 - a.1) / n);
        let (cx, cy) = (X / 2, Y / 2);
        let (nx, ny) = ((X - 1) as f64 * CELL as f64 / 2.0, (Y - 1) as f64 * CELL as f64 / 2.0);
        let across = difference(fine[cy][0], fine[cy][X - 1], nx);
        let down = difference(fine[0][cx], fine[Y - 1][cx], ny);
        let level = self.level_for(least_scale(across, down));
        let unit = f64::from(1u32 << level);
        let between = |a: (f64, f64), b: (f64, f64)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let allowed = TOLERANCE * unit;
        let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() <= allowed && (a.1 - b.1).abs() <= allowed;
        for j in 0..Y {
            for i in 0..X {
                let guess = match (i % 2, j % 2) {
                    (0, 0) => continue,
                    (1, 0) => between(fine[j][i - 1], fine[j][i + 1]),
                    (0, _) => between(fine[j - 1][i], fine[j + 1][i]),
                    _ => between(
                        between(fine[j - 1][i - 1], fine[j - 1][i + 1]),
                        between(fine[j + 1][i - 1], fine[j + 1][i + 1]),
                    ),
                };
                if !near(guess, fine[j][i]) {
                    return None;
                }
            }
        }
        let nodes: Vec<(f64, f64)> =
            fine.iter().step_by(2).flat_map(|row| row.iter().step_by(2)).map(|p| to_level(*p, unit)).collect();
        if let Some(origin) = self.copied(&nodes).filter(|_| level == 0) {
            return Some(Tile {
                kind: TileKind::Copy,
                level: 0,
                origin,
                reach: (TILE_W as i32 - 1, TILE_H as i32 - 1),
            });
        }
        let (origin, reach) = self.bounds(nodes.iter().copied(), level);
        if reach.0.max(reach.1) > MOST_SMOOTH {
            return None;
        }
        let at = self.nodes.len() as u32;
        // Nodes may lie beyond the source's border; interpolated positions are clamped.
        let fixed = |v: f64, origin: i32| ((v - f64::from(origin)) * f64::from(1u32 << POSITION_BITS)).round() as i32;
        self.nodes.extend(nodes.chunks_exact(NODES_X).map(|row| {
            let row: &[_; NODES_X] = row.try_into().unwrap_or(&[(0.0, 0.0); NODES_X]);
            [row.map(|p| fixed(p.0, origin.0)), row.map(|p| fixed(p.1, origin.1))]
        }));
        Some(Tile { kind: TileKind::Smooth(at), level: level as u8, origin, reach })
    }

    /// The source's first sample of a tile with these nodes whose samples are some of the source's, unmoved.
    fn copied(&self, nodes: &[(f64, f64)]) -> Option<(i32, i32)> {
        // Nodes lie at the edges of samples.
        let (left, top) = ((nodes[0].0 + 0.5).round(), (nodes[0].1 + 0.5).round());
        let inside = left >= 0.0
            && top >= 0.0
            && left + TILE_W as f64 <= self.source.0 as f64
            && top + TILE_H as f64 <= self.source.1 as f64;
        let unmoved = |(i, (x, y)): (usize, &(f64, f64))| {
            let (column, row) = ((i % NODES_X * CELL) as f64, (i / NODES_X * CELL) as f64);
            (x + 0.5 - left - column).abs().max((y + 0.5 - top - row).abs()) < UNMOVED
        };
        (inside && nodes.iter().enumerate().all(unmoved)).then_some((left as i32, top as i32))
    }

    /// A tile of positions, `w` in a row.
    fn exact(&mut self, positions: &[Position], w: usize) -> Tile {
        // The field may end between the tile's samples and the positions outside them that were tried.
        if positions.iter().all(Option::is_none) {
            return Tile { kind: TileKind::Empty, level: 0, origin: (0, 0), reach: (0, 0) };
        }
        let mut scales: Vec<f64> = Vec::new();
        for (k, p) in positions.iter().enumerate() {
            let right = positions.get(k + 1).filter(|_| (k + 1) % w != 0).copied().flatten();
            let below = positions.get(k + w).copied().flatten();
            if let (Some(p), Some(r), Some(b)) = (p, right, below) {
                scales.push(least_scale((r.0 - p.0, r.1 - p.1), (b.0 - p.0, b.1 - p.1)));
            }
        }
        scales.sort_by(f64::total_cmp);
        let level = self.level_for(scales.get(scales.len() / 2).copied().unwrap_or(1.0));
        let unit = f64::from(1u32 << level);
        let (origin, reach) = self.bounds(positions.iter().flatten().map(|p| to_level(*p, unit)), level);
        let limit = limits(reach);
        // A position is cut, not rounded, to the bits that fit, so that it stays inside.
        let shift = (0..16).find(|s| limit.0.max(limit.1) >> s < i32::from(OUTSIDE)).unwrap_or(16);
        let fixed = |v: f64, origin: i32, limit: i32| {
            let v = (v - f64::from(origin)) * f64::from(1u32 << POSITION_BITS);
            (v.round().clamp(0.0, f64::from(limit)) as i32 >> shift) as u16
        };
        let at = self.exact.len() as u32;
        self.exact.extend(positions.chunks_exact(w).map(|row| {
            let (mut xs, mut ys) = ([OUTSIDE; TILE_W], [0; TILE_W]);
            for ((p, x), y) in row.iter().zip(&mut xs).zip(&mut ys) {
                if let Some(p) = p.map(|p| to_level(p, unit)) {
                    (*x, *y) = (fixed(p.0, origin.0, limit.0), fixed(p.1, origin.1, limit.1));
                }
            }
            [xs, ys]
        }));
        Tile { kind: TileKind::Exact(at, shift as u8), level: level as u8, origin, reach }
    }

    /// Origin and reach of a tile that reads at `positions` of a level.
    fn bounds(&self, positions: impl Iterator<Item = (f64, f64)>, level: u32) -> ((i32, i32), (i32, i32)) {
        let (w, h) = level_size(self.source, level);
        let (mut x, mut y) = ((f64::MAX, f64::MIN), (f64::MAX, f64::MIN));
        for p in positions {
            x = (x.0.min(p.0), x.1.max(p.0));
            y = (y.0.min(p.1), y.1.max(p.1));
        }
        let axis = |(low, high): (f64, f64), n: usize| {
            let sample = |v: f64| v.floor().clamp(0.0, n as f64 - 2.0) as i32;
            (sample(low), (sample(high) - sample(low)).min(MOST_EXACT))
        };
        let (x, y) = (axis(x, w), axis(y, h));
        ((x.0, y.0), (x.1, y.1))
    }

    /// The level at which `scale` source samples per destination sample are about one.
    fn level_for(&self, scale: f64) -> u32 {
        let wanted = if scale > 1.0 { scale.log2().round() as u32 } else { 0 };
        let enough = |level: &u32| {
            let (w, h) = level_size(self.source, *level);
            w >= 2 && h >= 2
        };
        (0..=wanted.min(12)).rev().find(enough).unwrap_or(0)
    }
}

/// The highest positions of a tile with this reach: just before the sample after it.
pub(super) fn limits(reach: (i32, i32)) -> (i32, i32) {
    (((reach.0 + 1) << POSITION_BITS) - 1, ((reach.1 + 1) << POSITION_BITS) - 1)
}

/// From samples of the source to samples of a level that is `unit` times smaller.
fn to_level((x, y): (f64, f64), unit: f64) -> (f64, f64) {
    ((x + 0.5) / unit - 0.5, (y + 0.5) / unit - 0.5)
}

/// The smaller singular value of the matrix with these columns: source samples per destination
/// sample in the direction that shrinks least.
fn least_scale(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (aa, bb, ab) = (a.0 * a.0 + a.1 * a.1, b.0 * b.0 + b.1 * b.1, a.0 * b.0 + a.1 * b.1);
    let half = (aa + bb) / 2.0;
    (half - ((aa - bb).powi(2) / 4.0 + ab * ab).sqrt()).max(0.0).sqrt()
}
