//! The blurred background of [`super::Mode::Blur`]: the background by itself, so that the person
//! doesn't glow into it, `blur(w I) / blur(w)` with weights that are 0 on the person.

use crate::matte::SmallYuv;
use crate::matte::foreground::grid::{Grid, WideFill, repeat_row};
use crate::plane::{Plane, PlaneRef, Rect, Sample};

/// Standard deviation that a grid carries without visible cells, in cells.
const LEAST_SIGMA: f32 = 1.5;
/// Variance in cells that making the grid (a box, 1/12) and sampling it bilinearly (a triangle,
/// 1/6) add by themselves.
const OWN_VARIANCE: f32 = 0.25;

/// One view's blurred background, and the memory that making it takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Backdrop {
    /// The colors, in the units of what they were made from.
    pub colors: [Plane<f32>; 3],
    grid: Grid,
    wide: WideFill,
    wide_colors: [Plane<f32>; 3],
    sums: [Vec<f32>; 4],
}

/// The full-size picture of one view: its planes and its opacity.
#[derive(Clone, Copy)]
pub(super) struct FullView<'a, T> {
    /// Y, U, V of the whole frame.
    pub planes: [PlaneRef<'a, T>; 3],
    /// log2 of the chroma subsampling.
    pub shift: (u32, u32),
    /// Opacity, luma size, of the whole frame.
    pub alpha: PlaneRef<'a, u8>,
    /// The view.
    pub rect: Rect,
}

/// How much of the background a sample is worth: nothing from half opacity on, as such samples
/// hold some of the person's color.
#[inline(always)]
fn weight(alpha: f32) -> f32 {
    (1.0 - 2.0 * alpha).max(0.0)
}

impl Backdrop {
    /// Samples to a cell for a blur of `sigma` samples (the smaller one of both directions).
    pub(super) fn cell(sigma: f32) -> usize {
        ((sigma / LEAST_SIGMA) as usize).max(1)
    }

    /// Makes the backdrop from the small picture; `sigma` in its samples, `k` of them to a cell.
    #[inline(always)]
    pub(super) fn update_from_small(&mut self, small: &SmallYuv, alpha: &Plane<f32>, sigma: [f32; 2], k: usize) {
        let (w, h) = (alpha.width(), alpha.height());
        self.grid.resize(w.div_ceil(k), h.div_ceil(k));
        for gy in 0..self.grid.height() {
            for row in &mut self.sums {
                row.clear();
                row.resize(w, 0.0);
            }
            let rows = gy * k..((gy + 1) * k).min(h);
            for y in rows.clone() {
                let a = &alpha.as_ref().row(y)[..w];
                for (sums, plane) in self.sums.iter_mut().zip([&small.y, &small.u, &small.v]) {
                    for ((sum, s), a) in sums.iter_mut().zip(plane.as_ref().row(y)).zip(a) {
                        *sum += weight(*a) * s;
                    }
                }
                for (sum, a) in self.sums[3].iter_mut().zip(a) {
                    *sum += weight(*a);
                }
            }
            self.grid.set_row(gy, &self.sums, k, 1.0 / rows.len() as f32);
        }
        self.finish(sigma, k);
    }

    /// Makes the backdrop from the full-size picture, for blurs too fine for the small one;
    /// `sigma` in luma samples, `k` of them to a cell.
    #[inline(always)]
    pub(super) fn update_from_full<T: Sample>(&mut self, view: FullView<'_, T>, sigma: [f32; 2], k: usize) {
        let Rect { x: x0, y: y0, w, h } = view.rect;
        self.grid.resize(w.div_ceil(k), h.div_ceil(k));
        let mut weights = vec![0.0; w];
        let mut stretched = vec![0.0; w + (1 << view.shift.0)];
        for gy in 0..self.grid.height() {
            for row in &mut self.sums {
                row.clear();
                row.resize(w, 0.0);
            }
            let rows = y0 + gy * k..y0 + ((gy + 1) * k).min(h);
            for y in rows.clone() {
                for (w, a) in weights.iter_mut().zip(&view.alpha.row(y)[x0..x0 + w]) {
                    *w = weight(f32::from(*a) * (1.0 / 255.0));
                }
                for (p, sums) in self.sums[..3].iter_mut().enumerate() {
                    let (sx, sy) = if p == 0 { (0, 0) } else { view.shift };
                    let row = &view.planes[p].row(y >> sy)[x0 >> sx..];
                    repeat_row(row, 1 << sx, &mut stretched);
                    // The view may begin in the middle of a chroma sample.
                    let row = &stretched[x0 % (1 << sx)..][..w];
                    for ((sum, s), weight) in sums.iter_mut().zip(row).zip(&weights) {
                        *sum += weight * s;
                    }
                }
                for (sum, weight) in self.sums[3].iter_mut().zip(&weights) {
                    *sum += weight;
                }
            }
            self.grid.set_row(gy, &self.sums, k, 1.0 / rows.len() as f32);
        }
        self.finish(sigma, k);
    }

    #[inline(always)]
    fn finish(&mut self, sigma: [f32; 2], k: usize) {
        self.wide.fill(&self.grid, &mut self.wide_colors);
        let [sx, sy] = sigma.map(|s| {
            let cells = s / k as f32;
            (cells * cells - OWN_VARIANCE).max(0.0).sqrt()
        });
        self.grid.blur(sx, sy);
        self.grid.colors(&self.wide_colors, &mut self.colors);
    }
}
