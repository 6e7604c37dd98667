//! What the person and the background look like by themselves at the edges, where the picture
//! shows a mixture of both.
//!
//! M. Forte and F. Pitié, "Fast Multi-Level Foreground Estimation" / "Blur Fusion" (ICIP 2021):
//! the foreground near an edge looks like the mean of the surely-foreground colours nearby,
//! `Fh = blur(w I) / blur(w)`, likewise the background, and the one pixel is then corrected by
//! what the two smooth estimates leave unexplained, `F = Fh + a (I - a Fh - (1 - a) Bh)`. Two
//! passes: a wide one that finds a colour everywhere, a narrow one (fed with the first one's F
//! and B) that follows the local colours. Both run at the small size; the correction is made at
//! full size by [`super::kernels::foreground`].

use super::grid::{Grid, WideFill};
use crate::matte::SmallYuv;
use crate::plane::Plane;

/// The longer side of the grid that the estimates are made on is at most this.
const GRID_SIZE: usize = 320;
/// Standard deviation of the narrow pass, in cells.
const NARROW_SIGMA: f32 = 0.8;

/// The estimates for one view, and the memory that making them takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimate {
    /// Smooth foreground colour, in the small picture's units.
    pub foreground: [Plane<f32>; 3],
    /// Smooth background colour.
    pub background: [Plane<f32>; 3],
    grids: [Grid; 2],
    wide: WideFill,
    wide_colours: [[Plane<f32>; 3]; 2],
    sums: [[Vec<f32>; 4]; 2],
    expanded: [[Vec<f32>; 3]; 2],
}

impl Estimate {
    /// Samples of the small picture to a cell, in each direction, for a small picture of `w` x `h`.
    pub(super) fn cell(w: usize, h: usize) -> usize {
        w.max(h).div_ceil(GRID_SIZE).max(1)
    }

    /// Makes the estimates from a view's small picture and its opacity (0..=1, same size).
    #[inline(always)]
    pub(super) fn update(&mut self, small: &SmallYuv, alpha: &Plane<f32>) {
        let (w, h) = (alpha.width(), alpha.height());
        let k = Self::cell(w, h);
        // Only what is more person than not, and the more so the surer it is, tells how the
        // person looks: half-transparent samples are half background.
        self.accumulate(small, alpha, k, |s, a, _| {
            let (f, b) = ((2.0 * a - 1.0).max(0.0), (1.0 - 2.0 * a).max(0.0));
            [(s, f), (s, b)]
        });
        for i in 0..2 {
            self.wide.fill(&self.grids[i], &mut self.wide_colours[i]);
        }
        self.accumulate(small, alpha, k, |s, a, [fh, bh]| {
            let rest = s - a * fh - (1.0 - a) * bh;
            [(fh + a * rest, a), (bh + (1.0 - a) * rest, 1.0 - a)]
        });
        for (i, out) in [&mut self.foreground, &mut self.background].into_iter().enumerate() {
            self.grids[i].blur(NARROW_SIGMA, NARROW_SIGMA, 2);
            self.grids[i].colours(&self.wide_colours[i], out);
        }
    }

    /// Fills both grids with `weigh(sample, alpha, [wide foreground, wide background])`, which
    /// gives (value, weight) for the foreground and for the background.
    #[inline(always)]
    fn accumulate(
        &mut self,
        small: &SmallYuv,
        alpha: &Plane<f32>,
        k: usize,
        weigh: impl Fn(f32, f32, [f32; 2]) -> [(f32, f32); 2],
    ) {
        let (w, h) = (alpha.width(), alpha.height());
        let (gw, gh) = (w.div_ceil(k), h.div_ceil(k));
        let wide = self.wide_colours[0][0].width() == gw && self.wide_colours[0][0].height() == gh;
        for i in 0..2 {
            self.grids[i].reset(gw, gh);
            self.expanded[i].iter_mut().for_each(|row| row.resize(w, 0.0));
        }
        for gy in 0..gh {
            for i in 0..2 {
                for row in &mut self.sums[i] {
                    row.clear();
                    row.resize(w, 0.0);
                }
                if wide {
                    for (out, plane) in self.expanded[i].iter_mut().zip(&self.wide_colours[i]) {
                        for (cells, v) in out.chunks_mut(k).zip(plane.as_ref().row(gy)) {
                            cells.fill(*v);
                        }
                    }
                }
            }
            let [fs, bs] = &mut self.sums;
            let [fh, bh] = &self.expanded;
            for y in gy * k..((gy + 1) * k).min(h) {
                let a = &alpha.as_ref().row(y)[..w];
                for (c, plane) in [&small.y, &small.u, &small.v].into_iter().enumerate() {
                    let s = &plane.as_ref().row(y)[..w];
                    let (fsum, bsum) = (&mut fs[c][..w], &mut bs[c][..w]);
                    let (fh, bh) = (&fh[c][..w], &bh[c][..w]);
                    for x in 0..w {
                        let [(f, wf), (b, wb)] = weigh(s[x], a[x], [fh[x], bh[x]]);
                        fsum[x] += f * wf;
                        bsum[x] += b * wb;
                    }
                }
                let (fsum, bsum) = (&mut fs[3][..w], &mut bs[3][..w]);
                for x in 0..w {
                    let [(_, wf), (_, wb)] = weigh(0.0, a[x], [0.0; 2]);
                    fsum[x] += wf;
                    bsum[x] += wb;
                }
            }
            for i in 0..2 {
                self.grids[i].set_row(gy, &self.sums[i], k);
            }
        }
    }
}
