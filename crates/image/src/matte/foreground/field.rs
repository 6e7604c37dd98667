//! Smooth color fields: three small planes spread over a view and sampled bilinearly, a tile at
//! a time, at the positions of any plane's samples.

use crate::plane::{Plane, Rect};
use crate::simd::Row;

/// Where the samples of one axis of a plane lie between the cells of a grid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Axis {
    /// Positions in cells; whole numbers are cells' centers.
    pos: Vec<f32>,
    /// Number of the last cell.
    last: usize,
}

impl Axis {
    /// An axis of `len` samples with `step` of them to a cell, over `cells` cells of which the first
    /// `padding` lie before the samples. Beyond the outer cells' centers the field is constant.
    pub(crate) fn new(len: usize, step: f32, cells: usize, padding: usize) -> Self {
        let last = cells.saturating_sub(1);
        let pos = |i: usize| ((i as f32 + 0.5) / step - 0.5 + padding as f32).clamp(0.0, last as f32);
        Self { pos: (0..len).map(pos).collect(), last }
    }

    /// The cells before and after a position, and the weight of the latter.
    #[inline(always)]
    fn between(&self, pos: f32) -> (usize, usize, f32) {
        let before = pos as usize;
        (before, (before + 1).min(self.last), pos - before as f32)
    }
}

/// Rows of a tile that touch no more cells than this are stretched without look-ups.
const FEW_CELLS: usize = 8;

/// What a [`Mapping`] was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MappingKey {
    rect: Rect,
    shift: (u32, u32),
    cells: (usize, usize),
    cell: (f32, f32),
    padding: usize,
}

/// The axes from a grid over a view to the view's luma and chroma samples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    key: Option<MappingKey>,
    /// x and y of luma, then of chroma.
    axes: [[Axis; 2]; 2],
}

impl Mapping {
    /// Makes the mapping fit; nothing is done when it does already.
    ///
    /// `rect`: the view in luma samples. `shift`: log2 of the chroma subsampling. `cells`: the
    /// grid's size. `cell`: the luma samples that a cell covers in x and y. `padding`: columns of the grid at
    /// each side that lie beyond the view.
    pub(crate) fn update(
        &mut self,
        rect: Rect,
        shift: (u32, u32),
        cells: (usize, usize),
        cell: (f32, f32),
        padding: usize,
    ) {
        let key = MappingKey { rect, shift, cells, cell, padding };
        if self.key == Some(key) {
            return;
        }
        let chroma = rect.subsampled(shift.0, shift.1);
        let (cw, ch) = (cell.0 / (1u32 << shift.0) as f32, cell.1 / (1u32 << shift.1) as f32);
        self.axes = [
            [Axis::new(rect.w, cell.0, cells.0, padding), Axis::new(rect.h, cell.1, cells.1, 0)],
            [Axis::new(chroma.w, cw, cells.0, padding), Axis::new(chroma.h, ch, cells.1, 0)],
        ];
        self.key = Some(key);
    }

    /// The luma samples that a cell covers in x and y.
    #[cfg(test)]
    pub(crate) fn cell(&self) -> (f32, f32) {
        self.key.map_or((1.0, 1.0), |key| key.cell)
    }

    /// The axes (x, y) for plane `p` (0 Y, 1 U, 2 V).
    #[inline(always)]
    pub(crate) fn axes(&self, p: usize) -> &[Axis; 2] {
        &self.axes[usize::from(p != 0)]
    }
}

/// Samples `N` fields of one geometry along rows of `W` samples of a plane. Rows are cheap from top
/// to bottom, as two stretched rows are kept.
pub(crate) struct Sampler<'a, const N: usize, const W: usize> {
    planes: [&'a Plane<f32>; N],
    axes: &'a [Axis; 2],
    /// Where the samples lie between the cells of a row.
    pos: Row<W>,
    stretched: [usize; 2],
    rows: [[Row<W>; N]; 2],
    /// The first and the last cell, where they are no more than [`FEW_CELLS`], and then the weights of
    /// each (triangular: with them stretching a row needs no look-ups and is vectorized).
    few: Option<(usize, usize)>,
    weights: [Row<W>; FEW_CELLS],
}

impl<'a, const N: usize, const W: usize> Sampler<'a, N, W> {
    /// A sampler of columns `x..x + n` of the view (in samples of the plane that `axes` is for);
    /// from `n` on, which is at most `W`, the rows repeat their last sample.
    #[inline(always)]
    pub(crate) fn new(planes: [&'a Plane<f32>; N], axes: &'a [Axis; 2], x: usize, n: usize) -> Self {
        let span = &axes[0].pos[x..x + n];
        let mut pos = [span.last().copied().unwrap_or(0.0); W];
        if let Ok(whole) = span.try_into() {
            pos = whole;
        } else {
            pos[..n].copy_from_slice(span);
        }
        let (first, last) = (pos[0] as usize, (pos[W - 1].ceil() as usize).min(axes[0].last));
        let few = (last - first < FEW_CELLS).then_some((first, last));
        let mut weights = [[0.0; W]; FEW_CELLS];
        if few.is_some() {
            for (cell, weights) in (first..=last).zip(&mut weights) {
                for (weight, pos) in weights.iter_mut().zip(&pos) {
                    let near = 1.0 - (pos - cell as f32).abs();
                    *weight = if near > 0.0 { near } else { 0.0 };
                }
            }
        }
        Self { planes, axes, pos, stretched: [usize::MAX; 2], rows: [[[0.0; W]; N]; 2], few, weights }
    }

    /// Row `gy` of the grid, stretched to the plane's width, in slot `gy % 2`.
    #[inline(always)]
    fn stretch(&mut self, gy: usize) -> usize {
        let slot = gy & 1;
        if self.stretched[slot] == gy {
            return slot;
        }
        self.stretched[slot] = gy;
        for (plane, out) in self.planes.iter().zip(&mut self.rows[slot]) {
            let row = plane.as_ref().row(gy);
            if let Some((first, last)) = self.few {
                let mut sum = [0.0; W];
                for (cell, weights) in row[first..=last].iter().zip(&self.weights) {
                    for (o, weight) in sum.iter_mut().zip(weights) {
                        *o += weight * cell;
                    }
                }
                *out = sum;
            } else {
                for (o, pos) in out.iter_mut().zip(&self.pos) {
                    let (before, after, t) = self.axes[0].between(*pos);
                    *o = row[before] + t * (row[after] - row[before]);
                }
            }
        }
        slot
    }

    /// The rows of the grid before and after row `y` of the view, and the weight of the latter.
    #[inline(always)]
    pub(crate) fn between(&self, y: usize) -> (usize, usize, f32) {
        self.axes[1].between(self.axes[1].pos[y])
    }

    /// Row `gy` of the grid, stretched to the plane's width.
    #[inline(always)]
    pub(crate) fn grid_row(&mut self, gy: usize) -> &[Row<W>; N] {
        let slot = self.stretch(gy);
        &self.rows[slot]
    }

    /// The fields at row `y` of the view.
    #[inline(always)]
    pub(crate) fn row(&mut self, y: usize) -> [Row<W>; N] {
        let (before, after, t) = self.between(y);
        let upper = self.stretch(before);
        let lower = self.stretch(after);
        let (upper, lower) = (&self.rows[upper], &self.rows[lower]);
        let mut out = [[0.0; W]; N];
        for ((out, u), l) in out.iter_mut().zip(upper).zip(lower) {
            for i in 0..W {
                out[i] = u[i] + t * (l[i] - u[i]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp() {
        let (gw, gh) = (9, 5);
        let ramp = Plane::from_vec((0..gw * gh).map(|i| (i % gw) as f32 + 10.0 * (i / gw) as f32).collect(), gw, gh);
        let mut mapping = Mapping::default();
        let rect = Rect::new(2, 4, 63, 40);
        mapping.update(rect, (1, 1), (gw, gh), (7.0, 8.0), 0);
        for (p, size, step) in [(0, (63, 40), (7.0, 8.0)), (1, (32, 20), (3.5, 4.0))] {
            let mut sampler = Sampler::<1, 64>::new([&ramp], mapping.axes(p), 5, size.0 - 5);
            for y in 0..size.1 {
                let out = sampler.row(y);
                for x in 5..size.0 {
                    let gx = ((x as f32 + 0.5) / step.0 - 0.5).clamp(0.0, 8.0);
                    let gy = ((y as f32 + 0.5) / step.1 - 0.5).clamp(0.0, 4.0);
                    assert!((out[0][x - 5] - gx - 10.0 * gy).abs() < 1e-4, "plane {p} at {x},{y}");
                }
            }
        }
    }

    #[test]
    fn one_cell_is_constant() {
        let plane = Plane::from_vec(vec![0.25], 1, 1);
        let axes = [Axis::new(8, 8.0, 1, 0), Axis::new(3, 3.0, 1, 0)];
        assert_eq!(Sampler::<1, 8>::new([&plane], &axes, 0, 8).row(2), [[0.25; 8]]);
    }
}
