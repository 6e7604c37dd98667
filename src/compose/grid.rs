//! Grids of weighted colours: what all the smooth estimates of foreground and background are
//! blurred on (normalised convolution: blur the weighted colours and the weights, then divide).

use super::field::{Mapping, Sampler};
use crate::matte::tiles::TILE_W;
use crate::plane::{Plane, Rect};

/// Weighted sums of one cell: `w Y`, `w U`, `w V`, `w`.
pub(super) type Cell = [f32; 4];

/// Weight against which a cell's own weight counts: cells with less lean on the fallback.
const FAINT: f32 = 1e-3;

/// A grid of weighted colours. A full cell has weight 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    /// Cells in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row after row.
    pub cells: Vec<Cell>,
    scratch: Vec<Cell>,
}

impl Grid {
    /// Gives the grid a size; every cell is empty.
    pub(super) fn reset(&mut self, width: usize, height: usize) {
        self.width = width;
        self.height = height;
        self.cells.clear();
        self.cells.resize(width * height, [0.0; 4]);
    }

    /// Fills row `y` with the column sums of `rows` (`w Y`, `w U`, `w V`, `w`; all of one length),
    /// `k` columns and `k` rows to a cell.
    #[inline(always)]
    pub(super) fn set_row(&mut self, y: usize, rows: &[Vec<f32>; 4], k: usize) {
        let scale = 1.0 / (k * k) as f32;
        let n = rows[0].len();
        for (x, cell) in self.cells[y * self.width..][..self.width].iter_mut().enumerate() {
            for (c, row) in cell.iter_mut().zip(rows) {
                *c = row[x * k..((x + 1) * k).min(n)].iter().sum::<f32>() * scale;
            }
        }
    }

    /// Means of `k` x `k` cells into `out`.
    fn reduce(&self, k: usize, out: &mut Grid) {
        out.reset(self.width.div_ceil(k), self.height.div_ceil(k));
        let scale = 1.0 / (k * k) as f32;
        for y in 0..self.height {
            let row = &self.cells[y * self.width..][..self.width];
            let sums = &mut out.cells[y / k * out.width..][..out.width];
            for (cells, sum) in row.chunks(k).zip(sums) {
                for cell in cells {
                    add(sum, cell, scale);
                }
            }
        }
    }

    /// Blurs with a standard deviation of (`sx`, `sy`) cells: `passes` extended box filters in
    /// each direction (Gwosdek, Grewenig, Bruhn, Weickert 2011), nothing beyond the border.
    #[inline(always)]
    pub(super) fn blur(&mut self, sx: f32, sy: f32, passes: u32) {
        let (w, h) = (self.width, self.height);
        if w == 0 || h == 0 {
            return;
        }
        self.scratch.resize(w * h, [0.0; 4]);
        let (bx, by) = (ExtendedBox::new(sx, passes), ExtendedBox::new(sy, passes));
        for _ in 0..passes {
            for (src, dst) in self.cells.chunks_exact(w).zip(self.scratch.chunks_exact_mut(w)) {
                bx.row(src, dst);
            }
            by.columns(&self.scratch, &mut self.cells, w, h);
        }
    }

    /// The colours: each cell divided by its weight, leaning on `fallback` (same size) where that
    /// is faint.
    #[inline(always)]
    pub(super) fn colours(&self, fallback: &[Plane<f32>; 3], out: &mut [Plane<f32>; 3]) {
        for (c, (out, fallback)) in out.iter_mut().zip(fallback).enumerate() {
            out.resize(self.width, self.height);
            for ((o, cell), f) in out.data_mut().iter_mut().zip(&self.cells).zip(fallback.data()) {
                *o = (cell[c] + FAINT * f) / (cell[3] + FAINT);
            }
        }
    }
}

/// `sum += scale * cell`.
#[inline(always)]
fn add(sum: &mut Cell, cell: &Cell, scale: f32) {
    for (s, c) in sum.iter_mut().zip(cell) {
        *s += scale * c;
    }
}

/// A box of `2 r + 1` cells of weight 1 and one of weight `edge` on each side.
#[derive(Clone, Copy, Debug)]
struct ExtendedBox {
    r: usize,
    edge: f32,
    scale: f32,
}

impl ExtendedBox {
    /// The box that, applied `passes` times, has standard deviation `sigma`.
    fn new(sigma: f32, passes: u32) -> Self {
        let v = sigma * sigma / passes as f32;
        let r = (0.5 * (12.0 * v + 1.0).sqrt() - 0.5).floor();
        let edge = (2.0 * r + 1.0) * (r * (r + 1.0) - 3.0 * v) / (6.0 * (v - (r + 1.0) * (r + 1.0)));
        Self { r: r as usize, edge, scale: 1.0 / (2.0 * r + 1.0 + 2.0 * edge) }
    }

    /// One row.
    #[inline(always)]
    fn row(&self, src: &[Cell], dst: &mut [Cell]) {
        let n = src.len();
        let r = self.r;
        let mut sum = [0.0; 4];
        for cell in &src[..r.min(n)] {
            add(&mut sum, cell, 1.0);
        }
        for (x, out) in dst.iter_mut().enumerate() {
            if let Some(entering) = src.get(x + r) {
                add(&mut sum, entering, 1.0);
            }
            if x > r {
                add(&mut sum, &src[x - r - 1], -1.0);
            }
            *out = sum;
            if x > r {
                add(out, &src[x - r - 1], self.edge);
            }
            if let Some(right) = src.get(x + r + 1) {
                add(out, right, self.edge);
            }
            for o in out {
                *o *= self.scale;
            }
        }
    }

    /// All columns of a grid of `w` x `h`, row by row so that the memory is read in order.
    #[inline(always)]
    fn columns(&self, src: &[Cell], dst: &mut [Cell], w: usize, h: usize) {
        let r = self.r;
        let row = |y: usize| &src[y * w..][..w];
        let mut sums = vec![[0.0; 4]; w];
        for y in 0..r.min(h) {
            accumulate(&mut sums, row(y), 1.0);
        }
        for (y, out) in dst.chunks_exact_mut(w).enumerate() {
            if y + r < h {
                accumulate(&mut sums, row(y + r), 1.0);
            }
            if y > r {
                accumulate(&mut sums, row(y - r - 1), -1.0);
            }
            out.copy_from_slice(&sums);
            if y > r {
                accumulate(out, row(y - r - 1), self.edge);
            }
            if y + r + 1 < h {
                accumulate(out, row(y + r + 1), self.edge);
            }
            for o in out.as_flattened_mut() {
                *o *= self.scale;
            }
        }
    }
}

/// `sums += scale * row`.
#[inline(always)]
fn accumulate(sums: &mut [Cell], row: &[Cell], scale: f32) {
    for (s, c) in sums.as_flattened_mut().iter_mut().zip(row.as_flattened()) {
        *s += scale * c;
    }
}

/// The wide estimate: a colour for every cell of a grid, also where it has no weight at all
/// nearby. Near weights it is their mean within roughly a tenth of the picture, far from them
/// the mean of the whole grid.
#[derive(Clone, Debug, Default)]
pub(super) struct WideFill {
    coarse: Grid,
    colours: [Plane<f32>; 3],
    mapping: Mapping,
}

impl WideFill {
    /// Cells of the grid to a coarse cell, in each direction.
    const REDUCTION: usize = 4;
    /// Standard deviation in coarse cells.
    const SIGMA: f32 = 1.5;

    /// Writes the estimate, in planes of the grid's size.
    #[inline(always)]
    pub(super) fn fill(&mut self, grid: &Grid, out: &mut [Plane<f32>; 3]) {
        grid.reduce(Self::REDUCTION, &mut self.coarse);
        let mean = mean(&self.coarse);
        self.coarse.blur(Self::SIGMA, Self::SIGMA, 2);
        let (w, h) = (self.coarse.width, self.coarse.height);
        let flat = mean.map(|m| Plane::from_vec(vec![m; w * h], w, h));
        self.coarse.colours(&flat, &mut self.colours);
        let step = Self::REDUCTION as f32;
        self.mapping.update(Rect::new(0, 0, grid.width, grid.height), (0, 0), (w, h), (step, step));
        for o in out.iter_mut() {
            o.resize(grid.width, grid.height);
        }
        for x in (0..grid.width).step_by(TILE_W) {
            let n = TILE_W.min(grid.width - x);
            let mut sampler = Sampler::new(self.colours.each_ref(), self.mapping.axes(0), x, n);
            let mut rows = [[0.0; TILE_W]; 3];
            for y in 0..grid.height {
                sampler.row(y, &mut rows);
                for (o, row) in out.iter_mut().zip(&rows) {
                    o.as_mut().row_mut(y)[x..x + n].copy_from_slice(&row[..n]);
                }
            }
        }
    }
}

/// The mean colour of a grid; mid grey where it has no weight.
fn mean(grid: &Grid) -> [f32; 3] {
    let mut sum = [0.0; 4];
    for cell in &grid.cells {
        add(&mut sum, cell, 1.0);
    }
    let w = sum[3] + FAINT;
    [(sum[0] + FAINT * 0.5) / w, sum[1] / w, sum[2] / w]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blur_has_the_variance_asked_for() {
        for (sx, sy) in [(0.3, 1.0), (0.8, 2.5), (4.2, 0.5), (7.0, 7.0)] {
            let mut grid = Grid::default();
            let n = 81;
            grid.reset(n, n);
            grid.cells[n / 2 * n + n / 2] = [1.0, 0.0, 0.0, 2.0];
            grid.blur(sx, sy, 3);
            let (mut sum, mut vx, mut vy) = (0.0, 0.0, 0.0);
            for (i, c) in grid.cells.iter().enumerate() {
                let (dx, dy) = ((i % n) as f32 - 40.0, (i / n) as f32 - 40.0);
                assert!((c[3] - 2.0 * c[0]).abs() < 1e-5);
                sum += c[0];
                vx += c[0] * dx * dx;
                vy += c[0] * dy * dy;
            }
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
            assert!((vx.sqrt() - sx).abs() < 0.02 * sx && (vy.sqrt() - sy).abs() < 0.02 * sy, "{sx} {sy}: {vx} {vy}");
        }
    }

    #[test]
    fn a_wide_fill_has_a_colour_everywhere() {
        let mut grid = Grid::default();
        grid.reset(70, 30);
        grid.cells[31] = [0.25, 0.125, -0.5, 1.0];
        let mut out = Default::default();
        WideFill::default().fill(&grid, &mut out);
        for (plane, want) in out.iter().zip([0.25, 0.125, -0.5]) {
            // A single cell is faint against the mid grey of an empty picture, but not drowned by it.
            assert!(plane.data().iter().all(|v| (v - want).abs() < 0.15), "{want}");
        }
    }
}
