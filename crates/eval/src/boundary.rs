//! Contour accuracy.

use super::{THRESHOLD, assert_same_size};
use vrseg_image::plane::Plane;

/// Boundary F-measure of two alphas at [`THRESHOLD`], 0..=1: the harmonic mean of the share of
/// `pred`'s boundary pixels that lie near one of `truth`'s and the reverse. Near is within a disc
/// of `ceil(0.008 * diagonal)` pixels. Boundary and degenerate cases are those of DAVIS
/// (Perazzi et al., CVPR 2016; `db_eval_boundary`, after Martin's `seg2bmap`): 1 where neither has
/// a boundary, 0 where one has none.
///
/// DAVIS thins by matching dilated maps instead of a bipartite match, and so do we.
///
/// # Panics
/// When the planes differ in size.
pub fn boundary_f(pred: &Plane<f32>, truth: &Plane<f32>) -> f64 {
    assert_same_size(pred, truth);
    let (w, h) = (pred.width(), pred.height());
    let radius = (0.008 * (w as f64).hypot(h as f64)).ceil().max(1.0) as usize;
    let (p, t) = (Boundary::of(pred), Boundary::of(truth));
    let (found, real) = (p.pixels.len(), t.pixels.len());
    if found == 0 || real == 0 {
        return if found == real { 1.0 } else { 0.0 };
    }
    let precision = p.near(&t, radius) as f64 / found as f64;
    let recall = t.near(&p, radius) as f64 / real as f64;
    if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

/// The boundary pixels of a mask.
struct Boundary {
    width: usize,
    height: usize,
    /// (x, y), row after row.
    pixels: Vec<(u32, u32)>,
}

impl Boundary {
    /// Pixels that differ from their right, lower or right lower neighbor; in the last row and
    /// column only the neighbor inside counts.
    fn of(alpha: &Plane<f32>) -> Self {
        let (w, h) = (alpha.width(), alpha.height());
        let mut pixels = Vec::new();
        let mut differs = vec![false; w];
        for y in 0..h {
            let row = alpha.as_ref().row(y);
            // The last row is its own lower neighbor: only the right one can differ.
            let below = alpha.as_ref().row((y + 1).min(h - 1));
            changes(row, below, &mut differs);
            pixels.extend((0..w).filter(|&x| differs[x]).map(|x| (x as u32, y as u32)));
        }
        Self { width: w, height: h, pixels }
    }

    /// How many pixels lie within `radius` of one of `other`'s.
    fn near(&self, other: &Self, radius: usize) -> usize {
        // Distance along the row to the nearest of the other's pixels; beyond the radius it doesn't matter.
        let beyond = u16::try_from(radius + 1).unwrap_or(u16::MAX);
        let mut along = vec![beyond; self.width * self.height];
        for &(x, y) in &other.pixels {
            along[y as usize * self.width + x as usize] = 0;
        }
        let rows: Vec<_> = {
            let mut used = vec![false; self.height];
            other.pixels.iter().for_each(|p| used[p.1 as usize] = true);
            used
        };
        for (row, _) in along.chunks_exact_mut(self.width).zip(&rows).filter(|(_, used)| **used) {
            let mut last = beyond;
            for d in row.iter_mut() {
                last = (*d).min(last.saturating_add(1)).min(beyond);
                *d = last;
            }
            for d in row.iter_mut().rev() {
                last = (*d).min(last.saturating_add(1)).min(beyond);
                *d = last;
            }
        }
        // The disc's half width in each row above and below its center.
        let reach: Vec<u16> = (0..=radius).map(|dy| ((radius * radius - dy * dy) as f64).sqrt() as u16).collect();
        let hit = |&&(x, y): &&(u32, u32)| {
            let (x, y) = (x as usize, y as usize);
            let rows = y.saturating_sub(radius)..(y + radius + 1).min(self.height);
            rows.into_iter().any(|row| along[row * self.width + x] <= reach[row.abs_diff(y)])
        };
        self.pixels.iter().filter(hit).count()
    }
}

/// Marks the pixels of a row that are boundary.
fn changes(row: &[f32], below: &[f32], differs: &mut [bool]) {
    let Some(last) = row.len().checked_sub(1) else { return };
    let inside = |v: f32| v >= THRESHOLD;
    for x in 0..last {
        let here = inside(row[x]);
        differs[x] = here != inside(row[x + 1]) || here != inside(below[x]) || here != inside(below[x + 1]);
    }
    differs[last] = inside(row[last]) != inside(below[last]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: usize, y: usize, side: usize) -> Plane<f32> {
        let inside = |i: usize| (x..x + side).contains(&(i % 200)) && (y..y + side).contains(&(i / 200));
        Plane::from_vec((0..200 * 150).map(|i| f32::from(u8::from(inside(i)))).collect(), 200, 150)
    }

    #[test]
    fn small_shifts_are_forgiven_and_large_ones_are_not() {
        // Tolerance here: ceil(0.008 * 250) = 2 pixels.
        assert_eq!(boundary_f(&square(50, 50, 40), &square(50, 50, 40)), 1.0);
        assert_eq!(boundary_f(&square(52, 50, 40), &square(50, 50, 40)), 1.0);
        let far = boundary_f(&square(53, 50, 40), &square(50, 50, 40));
        // Only the horizontal sides still match.
        assert!((0.45..0.6).contains(&far), "{far}");
        assert_eq!(boundary_f(&square(0, 0, 20), &square(150, 100, 20)), 0.0);
    }

    #[test]
    fn empty_masks_match_only_each_other() {
        assert_eq!(boundary_f(&square(0, 0, 0), &square(0, 0, 0)), 1.0);
        assert_eq!(boundary_f(&square(0, 0, 0), &square(50, 50, 9)), 0.0);
        assert_eq!(boundary_f(&square(50, 50, 9), &square(0, 0, 0)), 0.0);
    }

    #[test]
    fn single_pixels_and_columns_are_equal_to_themselves() {
        for (w, h) in [(1, 1), (1, 7), (7, 1)] {
            let a = Plane::from_vec((0..w * h).map(|i| (i % 2) as f32).collect(), w, h);
            assert_eq!(boundary_f(&a, &a), 1.0);
        }
    }
}
