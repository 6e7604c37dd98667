//! Smooth colour fields: three small planes spread over a view and sampled bilinearly, a tile at
//! a time, at the positions of any plane's samples.

use super::kernels::Row;
use crate::matte::tiles::TILE_W;
use crate::plane::{Plane, Rect};

/// Where the samples of one axis of a plane lie between the cells of a grid.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    before: Vec<u32>,
    after: Vec<u32>,
    /// Weight of `after`, 0..=1.
    t: Vec<f32>,
}

impl Axis {
    /// An axis of `len` samples with `step` of them to a cell, over `cells` cells. Beyond the
    /// outer cells' centres the field is constant.
    pub(super) fn new(len: usize, step: f32, cells: usize) -> Self {
        let last = cells.saturating_sub(1);
        let mut axis = Self::default();
        for i in 0..len {
            let pos = ((i as f32 + 0.5) / step - 0.5).clamp(0.0, last as f32);
            let before = pos as usize;
            axis.before.push(before as u32);
            axis.after.push((before + 1).min(last) as u32);
            axis.t.push(pos - before as f32);
        }
        axis
    }
}

/// What a [`Mapping`] was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MappingKey {
    rect: Rect,
    shift: (u32, u32),
    cells: (usize, usize),
    cell: (f32, f32),
}

/// The axes from a grid over a view to the view's luma and chroma samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    key: Option<MappingKey>,
    /// x and y of luma, then of chroma.
    axes: [[Axis; 2]; 2],
}

impl Mapping {
    /// Makes the mapping fit; nothing is done when it does already.
    ///
    /// `rect`: the view in luma samples. `shift`: log2 of the chroma subsampling. `cells`: the
    /// grid's size. `cell`: the luma samples that a cell covers in x and y.
    pub(super) fn update(&mut self, rect: Rect, shift: (u32, u32), cells: (usize, usize), cell: (f32, f32)) {
        let key = MappingKey { rect, shift, cells, cell };
        if self.key == Some(key) {
            return;
        }
        let chroma = rect.subsampled(shift.0, shift.1);
        let (cw, ch) = (cell.0 / (1u32 << shift.0) as f32, cell.1 / (1u32 << shift.1) as f32);
        self.axes = [
            [Axis::new(rect.w, cell.0, cells.0), Axis::new(rect.h, cell.1, cells.1)],
            [Axis::new(chroma.w, cw, cells.0), Axis::new(chroma.h, ch, cells.1)],
        ];
        self.key = Some(key);
    }

    /// The luma samples that a cell covers in x and y.
    #[cfg(test)]
    pub(super) fn cell(&self) -> (f32, f32) {
        self.key.map_or((1.0, 1.0), |key| key.cell)
    }

    /// The axes (x, y) for plane `p` (0 Y, 1 U, 2 V).
    #[inline(always)]
    pub(super) fn axes(&self, p: usize) -> &[Axis; 2] {
        &self.axes[usize::from(p != 0)]
    }
}

/// Samples `N` fields of one geometry along the rows of a part of a plane no wider than a tile.
/// The rows must be asked for from top to bottom to be cheap, as two stretched rows are kept.
pub(super) struct Sampler<'a, const N: usize> {
    planes: [&'a Plane<f32>; N],
    axes: &'a [Axis; 2],
    x: usize,
    n: usize,
    held: [u32; 2],
    rows: [[Row; N]; 2],
}

impl<'a, const N: usize> Sampler<'a, N> {
    /// A sampler of columns `x..x + n` of the view (in samples of the plane that `axes` is for).
    #[inline(always)]
    pub(super) fn new(planes: [&'a Plane<f32>; N], axes: &'a [Axis; 2], x: usize, n: usize) -> Self {
        assert!(n <= TILE_W);
        Self { planes, axes, x, n, held: [u32::MAX; 2], rows: [[[0.0; TILE_W]; N]; 2] }
    }

    /// Row `gy` of the grid, stretched to the plane's width, in slot `gy % 2`.
    #[inline(always)]
    fn stretch(&mut self, gy: u32) -> usize {
        let slot = (gy & 1) as usize;
        if self.held[slot] != gy {
            self.held[slot] = gy;
            let span = self.x..self.x + self.n;
            let axis = &self.axes[0];
            let (before, after, t) = (&axis.before[span.clone()], &axis.after[span.clone()], &axis.t[span]);
            for (plane, out) in self.planes.iter().zip(&mut self.rows[slot]) {
                let row = plane.as_ref().row(gy as usize);
                for (((o, b), a), t) in out.iter_mut().zip(before).zip(after).zip(t) {
                    let v = row[*b as usize];
                    *o = v + t * (row[*a as usize] - v);
                }
            }
        }
        slot
    }

    /// The fields at row `y` of the view.
    #[inline(always)]
    pub(super) fn row(&mut self, y: usize, out: &mut [Row; N]) {
        let (before, after, t) = (self.axes[1].before[y], self.axes[1].after[y], self.axes[1].t[y]);
        let upper = self.stretch(before);
        let lower = self.stretch(after);
        for (i, o) in out.iter_mut().enumerate() {
            let (u, l) = (&self.rows[upper][i], &self.rows[lower][i]);
            for ((o, u), l) in o[..self.n].iter_mut().zip(u).zip(l) {
                *o = u + t * (l - u);
            }
        }
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
        mapping.update(rect, (1, 1), (gw, gh), (7.0, 8.0));
        for (p, size, step) in [(0, (63, 40), (7.0, 8.0)), (1, (32, 20), (3.5, 4.0))] {
            let mut sampler = Sampler::new([&ramp], mapping.axes(p), 5, size.0 - 5);
            let mut out = [[0.0; TILE_W]];
            for y in 0..size.1 {
                sampler.row(y, &mut out);
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
        let axes = [Axis::new(8, 8.0, 1), Axis::new(3, 3.0, 1)];
        let mut out = [[0.0; TILE_W]];
        Sampler::new([&plane], &axes, 0, 8).row(2, &mut out);
        assert_eq!(out[0][..8], [0.25; 8]);
    }
}
