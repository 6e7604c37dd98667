//! The colors of person and background by themselves at the edges, where the picture
//! shows a mixture of both.
//!
//! M. Forte and F. Pitié, "Fast Multi-Level Foreground Estimation" / "Blur Fusion" (ICIP 2021):
//! the foreground near an edge looks like the mean of the surely-foreground colors nearby,
//! `Fh = blur(w I) / blur(w)`, likewise the background, and the one pixel is then corrected by
//! what the two smooth estimates leave unexplained, `F = Fh + a (I - a Fh - (1 - a) Bh)`. Two
//! passes: a wide one that finds a color everywhere, a narrow one that follows the local
//! colors, fed with what is surely foreground and with the first one's F for the rest. Both run
//! on a small grid; the correction is made at full size by the painters.

pub(crate) mod field;
pub(crate) mod grid;

use super::{Borders, SmallYuv};
use crate::plane::Plane;
use crate::simd::{Row, dispatch, load};
use grid::{Grid, Scratch, WideFill, reduce_row, smooth};

/// The longer side of the grid that the estimates are made on is at most this.
const GRID_SIZE: usize = 128;
/// Columns that are summed at a time: so few that what is known of them stays in registers.
const BLOCK: usize = 16;

/// The colors that person and background have by themselves near the edges of one view, and the
/// memory that estimating them takes. All planes have a grid's size.
#[derive(Clone, Debug, Default)]
pub struct EdgeColors {
    /// Smooth foreground color, in the small picture's units.
    pub foreground: [Plane<f32>; 3],
    /// Smooth background color.
    pub background: [Plane<f32>; 3],
    /// How much of what lies around a cell is surely foreground, and surely background, 0..=1.
    pub sure: [Plane<f32>; 2],
    borders: Borders,
    /// Weighted colors of foreground and background.
    grids: [Grid; 2],
    /// The picture on the grid, and its opacity.
    mean: [Plane<f32>; 4],
    scratch: Scratch,
    wide: WideFill,
    wide_colors: [[Plane<f32>; 3]; 2],
    /// Column sums of a row of cells: foreground, background, picture and opacity.
    sums: [[Vec<f32>; 4]; 3],
}

impl EdgeColors {
    /// Samples of the small picture to a cell, in each direction, for a small picture of `w` x `h`.
    pub fn cell(w: usize, h: usize) -> usize {
        w.max(h).div_ceil(GRID_SIZE).max(1)
    }

    /// The same, with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self
    }

    /// Width and height of the planes for a small picture of `w` x `h`, and the columns at each side of them that
    /// lie beyond the picture: those of its other border, where the two are neighbors.
    pub(crate) fn cells(&self, w: usize, h: usize) -> ((usize, usize), usize) {
        let (cell, padding) = (Self::cell(w, h), self.borders.padding());
        ((w.div_ceil(cell) + 2 * padding, h.div_ceil(cell)), padding)
    }

    /// Those of the view.
    pub(crate) fn borders(&self) -> Borders {
        self.borders
    }

    /// The colors that [`Self::update`] finds.
    ///
    /// # Panics
    /// When the sizes differ.
    pub fn of(small: &SmallYuv, alpha: &Plane<f32>) -> Self {
        let mut colors = Self::default();
        colors.update(small, alpha);
        colors
    }

    /// Estimates the colors from a view's small picture and its opacity (0..=1, same size).
    ///
    /// # Panics
    /// When the sizes differ.
    pub fn update(&mut self, small: &SmallYuv, alpha: &Plane<f32>) {
        for plane in [&small.y, &small.u, &small.v] {
            let size = (plane.width(), plane.height());
            assert_eq!(size, (alpha.width(), alpha.height()), "small planes and alpha differ in size");
        }
        update(self, small, alpha);
    }

    #[inline(always)]
    fn estimate(&mut self, small: &SmallYuv, alpha: &Plane<f32>) {
        self.grids.iter_mut().for_each(|grid| grid.borders = self.borders);
        self.reduce(small, alpha, Self::cell(alpha.width(), alpha.height()));
        for (grid, colors) in self.grids.iter().zip(&mut self.wide_colors) {
            self.wide.fill(grid, colors);
        }
        for (sure, grid) in self.sure.iter_mut().zip(&self.grids) {
            sure.copy_from(&grid.planes[3]);
            smooth(sure, self.borders, &mut self.scratch);
        }
        self.add_uncertain();
        let colors = [&mut self.foreground, &mut self.background];
        for ((grid, wide), out) in self.grids.iter_mut().zip(&self.wide_colors).zip(colors) {
            grid.smooth();
            grid.colors(wide, out);
        }
        let colors = self.foreground.iter_mut().chain(&mut self.background);
        colors.chain(&mut self.sure).for_each(|plane| self.borders.pad(plane, &mut self.scratch.plane));
    }

    /// Fills the grids and the means. Only what is more person than not, and the more so the
    /// surer it is, shows the person's color: half-transparent samples are half background.
    #[inline(always)]
    fn reduce(&mut self, small: &SmallYuv, alpha: &Plane<f32>, k: usize) {
        let (w, h) = (alpha.width(), alpha.height());
        let (gw, gh) = (w.div_ceil(k), h.div_ceil(k));
        self.grids.iter_mut().for_each(|grid| grid.resize(gw, gh));
        self.mean.iter_mut().for_each(|plane| plane.resize(gw, gh));
        self.sums.iter_mut().flatten().for_each(|row| row.resize(w, 0.0));
        for gy in 0..gh {
            // Two rows of the cell, or its only one twice: what is taken from it is blurred, and they say as
            // much as all.
            let (first, end) = (gy * k, ((gy + 1) * k).min(h));
            let rows = [first, (first + (end - first).div_ceil(2)).min(end - 1)];
            if w >= BLOCK {
                // The last block may take in some of the one before once more.
                for x in (0..w).step_by(BLOCK) {
                    self.sum_columns::<BLOCK>(small, alpha, rows, x.min(w - BLOCK));
                }
            } else {
                (0..w).for_each(|x| self.sum_columns::<1>(small, alpha, rows, x));
            }
            let scale = 1.0 / rows.len() as f32;
            for (grid, sums) in self.grids.iter_mut().zip(&self.sums) {
                grid.set_row(gy, sums, k, scale);
            }
            for (plane, sums) in self.mean.iter_mut().zip(&self.sums[2]) {
                reduce_row(sums, k, scale, plane.as_mut().row_mut(gy));
            }
        }
    }

    /// Fills `N` columns from `x` on of the column sums over two rows: each of Y, U, V and 1 times
    /// the sureness of foreground, times that of background, and as it is (the last with the opacity in the
    /// place of 1).
    #[inline(always)]
    fn sum_columns<const N: usize>(&mut self, small: &SmallYuv, alpha: &Plane<f32>, rows: [usize; 2], x: usize) {
        let [first, second] = rows;
        let a: [Row<N>; 2] = [block(alpha, first, x), block(alpha, second, x)];
        let (mut f, mut b) = ([[0.0; N]; 2], [[0.0; N]; 2]);
        for row in 0..2 {
            for i in 0..N {
                (f[row][i], b[row][i]) = (sure(a[row][i]), sure(1.0 - a[row][i]));
            }
        }
        let [of_f, of_b, of_all] = &mut self.sums;
        for (c, plane) in [&small.y, &small.u, &small.v].into_iter().enumerate() {
            let color: [Row<N>; 2] = [block(plane, first, x), block(plane, second, x)];
            let mut out = [[0.0; N]; 3];
            for i in 0..N {
                out[0][i] = f[0][i] * color[0][i] + f[1][i] * color[1][i];
                out[1][i] = b[0][i] * color[0][i] + b[1][i] * color[1][i];
                out[2][i] = color[0][i] + color[1][i];
            }
            of_f[c][x..x + N].copy_from_slice(&out[0]);
            of_b[c][x..x + N].copy_from_slice(&out[1]);
            of_all[c][x..x + N].copy_from_slice(&out[2]);
        }
        for (sums, weight) in [(of_f, &f), (of_b, &b), (of_all, &a)] {
            let mut out = [0.0; N];
            for i in 0..N {
                out[i] = weight[0][i] + weight[1][i];
            }
            sums[3][x..x + N].copy_from_slice(&out);
        }
    }

    /// Adds to the grids what is not surely one or the other: each cell's remaining opacity, with
    /// the color that the wide estimates make of the cell.
    #[inline(always)]
    fn add_uncertain(&mut self) {
        let [f, b] = &mut self.grids;
        let ([fy, fu, fv, fw], [by, bu, bv, bw]) = (&mut f.planes, &mut b.planes);
        let a = self.mean[3].data();
        let n = a.len();
        for (c, (f, b)) in [(fy, by), (fu, bu), (fv, bv)].into_iter().enumerate() {
            let (f, b, s) = (&mut f.data_mut()[..n], &mut b.data_mut()[..n], &self.mean[c].data()[..n]);
            let (fh, bh) = (&self.wide_colors[0][c].data()[..n], &self.wide_colors[1][c].data()[..n]);
            let (fw, bw) = (&fw.data()[..n], &bw.data()[..n]);
            for i in 0..n {
                let rest = s[i] - a[i] * fh[i] - (1.0 - a[i]) * bh[i];
                f[i] += (a[i] - fw[i]).max(0.0) * (fh[i] + a[i] * rest);
                b[i] += (1.0 - a[i] - bw[i]).max(0.0) * (bh[i] + (1.0 - a[i]) * rest);
            }
        }
        // The weights last, as the colors need what they were.
        for ((f, b), a) in fw.data_mut().iter_mut().zip(bw.data_mut()).zip(a) {
            *f = f.max(*a);
            *b = b.max(1.0 - a);
        }
    }
}

dispatch! {
    fn update(colors: &mut EdgeColors, small: &SmallYuv, alpha: &Plane<f32>) {
        colors.estimate(small, alpha);
    }
}

/// `N` samples of row `y` from `x` on.
#[inline(always)]
fn block<const N: usize>(plane: &Plane<f32>, y: usize, x: usize) -> Row<N> {
    load(&plane.as_ref().row(y)[x..x + N])
}

/// How surely a sample of opacity `a` shows the foreground, 0..=1; never more than `a`.
#[inline(always)]
fn sure(a: f32) -> f32 {
    let sure = 2.0 * a - 1.0;
    if sure > 0.0 { sure } else { 0.0 }
}
