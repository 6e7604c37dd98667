//! Grids of weighted colors: what all the smooth estimates of foreground and background are
//! blurred on (normalized convolution: blur the weighted colors and the weights, then divide).

use super::field::{Mapping, Sampler};
use crate::matte::{Borders, TILE_W};
use crate::plane::{Plane, Rect, Sample};
use crate::simd::save;

/// Weight against which a cell's own weight counts: cells with less lean on the fallback.
const FAINT: f32 = 1e-3;

/// A grid of weighted colors: per cell the sums of `w Y`, `w U`, `w V` and `w`, each in a plane
/// of its own. A full cell has weight 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    /// The sums.
    pub planes: [Plane<f32>; 4],
    pub borders: Borders,
    scratch: Scratch,
}

/// Buffers of blurs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) plane: Plane<f32>,
    padded: Vec<f32>,
}

impl Grid {
    /// Gives the grid a size; the contents are then unspecified.
    pub(crate) fn resize(&mut self, width: usize, height: usize) {
        self.planes.iter_mut().for_each(|plane| plane.resize(width, height));
    }

    pub(crate) fn width(&self) -> usize {
        self.planes[3].width()
    }

    pub(crate) fn height(&self) -> usize {
        self.planes[3].height()
    }

    /// Fills row `y` from the column sums `rows` (`w Y`, `w U`, `w V`, `w`; all of one length),
    /// `k` columns to a cell; `scale` is 1 over the number of rows in the sums.
    #[inline(always)]
    pub(crate) fn set_row(&mut self, y: usize, rows: &[Vec<f32>; 4], k: usize, scale: f32) {
        for (plane, row) in self.planes.iter_mut().zip(rows) {
            reduce_row(row, k, scale, plane.as_mut().row_mut(y));
        }
    }

    /// Means of `k` x `k` cells into `out`.
    #[inline(always)]
    fn reduce(&self, k: usize, out: &mut Grid) {
        let (w, h) = (self.width(), self.height());
        out.resize(w.div_ceil(k), h.div_ceil(k));
        let mut sums = vec![0.0; w];
        for (plane, out) in self.planes.iter().zip(&mut out.planes) {
            for (gy, rows) in plane.data().chunks(w * k).enumerate() {
                sums.fill(0.0);
                for row in rows.chunks_exact(w) {
                    add(&mut sums, row, 1.0);
                }
                let scale = w as f32 / rows.len() as f32;
                reduce_row(&sums, k, scale, out.as_mut().row_mut(gy));
            }
        }
    }

    /// Applies [`smooth`] to all planes.
    #[inline(always)]
    pub(crate) fn smooth(&mut self) {
        for plane in &mut self.planes {
            smooth(plane, self.borders, &mut self.scratch);
        }
    }

    /// Blurs with a Gaussian of standard deviation (`sx`, `sy`) cells, nothing beyond borders that do not wrap.
    #[inline(always)]
    pub(crate) fn blur(&mut self, sx: f32, sy: f32) {
        let (w, h) = (self.width(), self.height());
        let (kx, ky) = (gaussian(sx), gaussian(sy));
        let r = kx.len() - 1;
        let Scratch { plane: scratch, padded } = &mut self.scratch;
        scratch.resize(w, h);
        padded.clear();
        padded.resize(w + 2 * r, 0.0);
        for plane in &mut self.planes {
            for y in 0..h {
                padded[r..r + w].copy_from_slice(plane.as_ref().row(y));
                if self.borders.wraps() {
                    self.borders.fill(padded, r);
                }
                convolve(scratch.as_mut().row_mut(y), padded, &kx);
            }
            let row = |y: usize| scratch.as_ref().row(y);
            for y in 0..h {
                let mut plane = plane.as_mut();
                let out = plane.row_mut(y);
                out.fill(0.0);
                add(out, row(y), ky[0]);
                for (j, weight) in ky.iter().enumerate().skip(1) {
                    if y >= j {
                        add(out, row(y - j), *weight);
                    }
                    if y + j < h {
                        add(out, row(y + j), *weight);
                    }
                }
            }
        }
    }

    /// The colors: each cell divided by its weight, leaning on `fallback` (same size) where that
    /// is faint.
    #[inline(always)]
    pub(crate) fn colors(&self, fallback: &[Plane<f32>; 3], out: &mut [Plane<f32>; 3]) {
        let [y, u, v, weights] = &self.planes;
        for ((out, sums), fallback) in out.iter_mut().zip([y, u, v]).zip(fallback) {
            out.resize(self.width(), self.height());
            let cells = sums.data().iter().zip(weights.data()).zip(fallback.data());
            for (o, ((s, w), f)) in out.data_mut().iter_mut().zip(cells) {
                *o = (s + FAINT * f) / (w + FAINT);
            }
        }
    }
}

/// The lightest blur: each cell half of itself and half of its neighbors, in both directions.
#[inline(always)]
pub(crate) fn smooth(plane: &mut Plane<f32>, borders: Borders, Scratch { plane: scratch, padded }: &mut Scratch) {
    let (w, h) = (plane.width(), plane.height());
    scratch.resize(w, h);
    padded.clear();
    padded.resize(w + 2, 0.0);
    for y in 0..h {
        let plane = plane.as_ref();
        let (above, here, below) = (plane.row(y.saturating_sub(1)), plane.row(y), plane.row((y + 1).min(h - 1)));
        for (((o, a), m), b) in padded[1..=w].iter_mut().zip(above).zip(here).zip(below) {
            *o = 0.5 * m + 0.25 * (a + b);
        }
        borders.fill(padded, 1);
        let (left, middle, right) = (&padded[..w], &padded[1..=w], &padded[2..]);
        let mut scratch = scratch.as_mut();
        for (((o, l), m), r) in scratch.row_mut(y).iter_mut().zip(left).zip(middle).zip(right) {
            *o = 0.5 * m + 0.25 * (l + r);
        }
    }
    std::mem::swap(plane, scratch);
}

/// `out[x]` = `scale` times the mean of `row[x k..(x + 1) k]`; the last cell may be smaller.
#[inline(always)]
pub(crate) fn reduce_row(row: &[f32], k: usize, scale: f32, out: &mut [f32]) {
    match k {
        1 => reduce_chunks::<1>(row, scale, out),
        2 => reduce_chunks::<2>(row, scale, out),
        3 => reduce_chunks::<3>(row, scale, out),
        4 => reduce_chunks::<4>(row, scale, out),
        _ => {
            for (o, chunk) in out.iter_mut().zip(row.chunks(k)) {
                *o = chunk.iter().sum::<f32>() * scale / chunk.len() as f32;
            }
        }
    }
}

/// [`reduce_row`] for a `k` that the compiler knows.
#[inline(always)]
fn reduce_chunks<const K: usize>(row: &[f32], scale: f32, out: &mut [f32]) {
    let (chunks, rest) = row.as_chunks::<K>();
    for (o, chunk) in out.iter_mut().zip(chunks) {
        let mut sum = chunk[0];
        for v in &chunk[1..] {
            sum += v;
        }
        *o = sum * (scale / K as f32);
    }
    if let (Some(o), false) = (out.get_mut(chunks.len()), rest.is_empty()) {
        *o = rest.iter().sum::<f32>() * scale / rest.len() as f32;
    }
}

/// The opposite of a reduction: each value `k` times, as far as `out` reaches.
#[inline(always)]
pub(crate) fn repeat_row<T: Sample>(row: &[T], k: usize, out: &mut [f32]) {
    match k {
        1 => repeat_chunks::<T, 1>(row, out),
        2 => repeat_chunks::<T, 2>(row, out),
        3 => repeat_chunks::<T, 3>(row, out),
        4 => repeat_chunks::<T, 4>(row, out),
        _ => out.chunks_mut(k).zip(row).for_each(|(chunk, v)| chunk.fill(v.to_f32())),
    }
}

/// [`repeat_row`] for a `k` that the compiler knows.
#[inline(always)]
fn repeat_chunks<T: Sample, const K: usize>(row: &[T], out: &mut [f32]) {
    let (chunks, rest) = out.as_chunks_mut::<K>();
    if let Some(v) = row.get(chunks.len()) {
        rest.fill(v.to_f32());
    }
    for (chunk, v) in chunks.iter_mut().zip(row) {
        *chunk = [v.to_f32(); K];
    }
}

#[inline(always)]
fn add(sums: &mut [f32], row: &[f32], scale: f32) {
    for (s, v) in sums.iter_mut().zip(row) {
        *s += scale * v;
    }
}

/// One half of a symmetric, normalized Gaussian kernel, the middle first, out to 2.8 standard
/// deviations.
fn gaussian(sigma: f32) -> Vec<f32> {
    let r = (2.8 * sigma).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=r).map(|i| (-0.5 * (i as f32 / sigma.max(1e-6)).powi(2)).exp()).collect();
    let sum = 2.0 * kernel.iter().sum::<f32>() - kernel[0];
    kernel.iter_mut().for_each(|v| *v /= sum);
    kernel
}

/// A row's convolution with a kernel from [`gaussian`]; `padded` is the row between as many zeros
/// as the kernel is wide to each side.
#[inline(always)]
fn convolve(out: &mut [f32], padded: &[f32], kernel: &[f32]) {
    let (n, r) = (out.len(), kernel.len() - 1);
    out.fill(0.0);
    add(out, &padded[r..r + n], kernel[0]);
    for (j, weight) in kernel.iter().enumerate().skip(1) {
        let (left, right) = (&padded[r - j..][..n], &padded[r + j..][..n]);
        for ((o, l), r) in out.iter_mut().zip(left).zip(right) {
            *o += weight * (l + r);
        }
    }
}

/// The wide estimate: a color for every cell of a grid, also where it has no weight at all
/// nearby. Near weights it is their mean within roughly a tenth of the picture, far from them
/// the mean of the whole grid.
#[derive(Clone, Debug, Default)]
pub(crate) struct WideFill {
    coarse: Grid,
    colors: [Plane<f32>; 3],
    mapping: Mapping,
}

impl WideFill {
    /// Cells of the grid to a coarse cell, in each direction.
    const REDUCTION: usize = 4;
    /// Standard deviation in coarse cells.
    const SIGMA: f32 = 1.5;

    /// Writes the estimate, in planes of the grid's size.
    #[inline(always)]
    pub(crate) fn fill(&mut self, grid: &Grid, out: &mut [Plane<f32>; 3]) {
        let (gw, gh) = (grid.width(), grid.height());
        grid.reduce(Self::REDUCTION, &mut self.coarse);
        self.coarse.borders = grid.borders;
        let mean = mean(&self.coarse);
        self.coarse.blur(Self::SIGMA, Self::SIGMA);
        let (w, h) = (self.coarse.width(), self.coarse.height());
        let flat = mean.map(|m| Plane::from_vec(vec![m; w * h], w, h));
        self.coarse.colors(&flat, &mut self.colors);
        let step = Self::REDUCTION as f32;
        let padded = grid.borders.padding();
        self.colors.iter_mut().for_each(|plane| grid.borders.pad(plane, &mut self.coarse.scratch.plane));
        self.mapping.update(Rect::new(0, 0, gw, gh), (0, 0), (w + 2 * padded, h), (step, step), padded);
        out.iter_mut().for_each(|o| o.resize(gw, gh));
        for x in (0..gw).step_by(TILE_W) {
            let n = TILE_W.min(gw - x);
            let mut sampler = Sampler::<3, TILE_W>::new(self.colors.each_ref(), self.mapping.axes(0), x, n);
            for y in 0..gh {
                for (o, row) in out.iter_mut().zip(&sampler.row(y)) {
                    save(&mut o.as_mut().row_mut(y)[x..x + n], row);
                }
            }
        }
    }
}

/// The mean color of a grid; mid gray where it has no weight.
fn mean(grid: &Grid) -> [f32; 3] {
    let [y, u, v, w] = grid.planes.each_ref().map(|plane| plane.data().iter().sum::<f32>());
    let w = w + FAINT;
    [(y + FAINT * 0.5) / w, u / w, v / w]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(w: usize, h: usize) -> Grid {
        Grid { planes: [(); 4].map(|()| Plane::new(w, h)), ..Grid::default() }
    }

    #[test]
    fn blur_has_the_requested_variance() {
        for (sx, sy) in [(0.6, 1.0), (0.8, 2.5), (4.2, 0.7), (7.0, 7.0)] {
            let n = 81;
            let mut grid = empty(n, n);
            for (plane, v) in grid.planes.iter_mut().zip([1.0, 0.0, 0.0, 2.0]) {
                plane.data_mut()[n / 2 * n + n / 2] = v;
            }
            grid.blur(sx, sy);
            let (mut sum, mut vx, mut vy) = (0.0, 0.0, 0.0);
            for (i, (c, w)) in grid.planes[0].data().iter().zip(grid.planes[3].data()).enumerate() {
                let (dx, dy) = ((i % n) as f32 - 40.0, (i / n) as f32 - 40.0);
                assert!((w - 2.0 * c).abs() < 1e-5);
                sum += c;
                vx += c * dx * dx;
                vy += c * dy * dy;
            }
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
            assert!((vx.sqrt() - sx).abs() < 0.04 * sx && (vy.sqrt() - sy).abs() < 0.04 * sy, "{sx} {sy}: {vx} {vy}");
        }
    }

    #[test]
    fn rows_are_reduced_to_the_last_partial_cell() {
        let row: Vec<f32> = (0..11).map(|i| i as f32).collect();
        for k in 1..=6 {
            let mut out = vec![0.0; 11usize.div_ceil(k)];
            reduce_row(&row, k, 0.5, &mut out);
            let want: Vec<f32> = row.chunks(k).map(|c| 0.5 * c.iter().sum::<f32>() / c.len() as f32).collect();
            for (o, w) in out.iter().zip(&want) {
                assert!((o - w).abs() < 1e-5, "{k}: {out:?} {want:?}");
            }
            let mut repeated = vec![-1.0; 11];
            repeat_row(&out, k, &mut repeated);
            assert!(repeated.iter().enumerate().all(|(i, v)| *v == out[i / k]), "{k}: {repeated:?}");
        }
    }

    #[test]
    fn a_wide_fill_has_a_color_everywhere() {
        let mut grid = empty(70, 30);
        for (plane, v) in grid.planes.iter_mut().zip([0.25, 0.125, -0.5, 1.0]) {
            plane.data_mut()[31] = v;
        }
        let mut out = Default::default();
        WideFill::default().fill(&grid, &mut out);
        for (plane, want) in out.iter().zip([0.25, 0.125, -0.5]) {
            // A single cell is faint against the mid gray of an empty picture, but not drowned by it.
            assert!(plane.data().iter().all(|v| (v - want).abs() < 0.15), "{want}");
        }
    }
}
