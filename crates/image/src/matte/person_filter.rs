//! The user's filter of people in the matte: a minimum size, and not the camera wearer's own body.

use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// Which people the matte shows. By default all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonFilter {
    /// People less high than this share of the view are removed.
    pub min_size: f32,
    /// Whether the body of the camera's wearer is removed.
    pub exclude_pov: bool,
}

/// Alpha above which a pixel belongs to a person.
const PERSON: f32 = 0.1;
/// A body that is seen from above reaches down to this many degrees below the horizon ...
const DOWN: f32 = 70.0;
/// ... and not above this many, as people in front of the camera do.
const UP: f32 = 15.0;

impl PersonFilter {
    /// Whether the filter removes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Removes the filtered parts from the matte of a view. `degrees` is what the view shows from top to bottom (`None`: a
    /// flat picture, in which there is no way to know whose body it is).
    pub fn apply(&self, alpha: &mut Plane<f32>, degrees: Option<f32>) {
        let height = alpha.height();
        let pov = degrees.filter(|_| self.exclude_pov).map(|degrees| {
            let row = |below: f32| (0.5 + below / degrees) * height as f32;
            (row(UP), row(DOWN).min(height as f32 - 1.0))
        });
        if self.min_size > 0.0 || pov.is_some() {
            let least = self.min_size * height as f32;
            remove(alpha, |top, bottom| {
                let small = ((bottom - top) as f32) < least;
                let own = pov.is_some_and(|(up, down)| top as f32 > up && bottom as f32 > down);
                small || own
            });
        }
    }
}

/// Removes the 4-connected parts of a matte for which `is_removed` (first row, row after the last) is true.
fn remove(alpha: &mut Plane<f32>, is_removed: impl Fn(usize, usize) -> bool) {
    let (width, height) = (alpha.width(), alpha.height());
    let mut visited: Vec<bool> = alpha.data().iter().map(|a| *a <= PERSON).collect();
    let (mut part, mut next) = (Vec::new(), 0);
    while let Some(start) = visited[next..].iter().position(|m| !m).map(|at| next + at) {
        next = start + 1;
        part.clear();
        part.push(start);
        visited[start] = true;
        let (mut top, mut bottom, mut at) = (height, 0, 0);
        while at < part.len() {
            let i = part[at];
            at += 1;
            let (x, y) = (i % width, i / width);
            (top, bottom) = (top.min(y), bottom.max(y + 1));
            let beside = [(x > 0, i.wrapping_sub(1)), (x + 1 < width, i + 1)];
            let above = [(y > 0, i.wrapping_sub(width)), (y + 1 < height, i + width)];
            for (_, j) in beside.into_iter().chain(above).filter(|n| n.0) {
                if !visited[j] {
                    visited[j] = true;
                    part.push(j);
                }
            }
        }
        if is_removed(top, bottom) {
            part.iter().for_each(|i| alpha.data_mut()[*i] = 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 40;

    /// Boxes (left, top, right, bottom) of full alpha.
    fn people(boxes: &[[usize; 4]]) -> Plane<f32> {
        let inside = |b: &[usize; 4], x, y| (b[0]..b[2]).contains(&x) && (b[1]..b[3]).contains(&y);
        let on = |i: usize| boxes.iter().any(|b| inside(b, i % SIDE, i / SIDE));
        Plane::from_vec((0..SIDE * SIDE).map(|i| f32::from(u8::from(on(i)))).collect(), SIDE, SIDE)
    }

    #[track_caller]
    fn leaves(filter: &PersonFilter, degrees: Option<f32>, before: &[[usize; 4]], after: &[[usize; 4]]) {
        let mut alpha = people(before);
        filter.apply(&mut alpha, degrees);
        assert!(alpha == people(after), "{filter:?}");
    }

    const LEFT: [usize; 4] = [2, 5, 12, 30];
    const RIGHT: [usize; 4] = [24, 10, 30, 18];

    #[test]
    fn empty_filter_changes_nothing() {
        assert!(PersonFilter::default().is_empty());
        leaves(&PersonFilter::default(), Some(180.0), &[LEFT, RIGHT], &[LEFT, RIGHT]);
    }

    #[test]
    fn people_below_the_minimum_size_are_removed() {
        let filter = |min_size| PersonFilter { min_size, ..PersonFilter::default() };
        leaves(&filter(0.25), None, &[LEFT, RIGHT], &[LEFT]);
        leaves(&filter(0.15), None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
        leaves(&filter(0.9), None, &[LEFT, RIGHT], &[]);
    }

    #[test]
    fn body_of_the_camera_wearer_is_removed_and_others_stay() {
        let filter = PersonFilter { exclude_pov: true, ..PersonFilter::default() };
        let (body, standing) = ([10, 26, 30, 40], [10, 15, 30, 40]);
        leaves(&filter, Some(180.0), &[body, RIGHT], &[RIGHT]);
        leaves(&filter, Some(180.0), &[standing], &[standing]);
        leaves(&filter, Some(180.0), &[[10, 26, 30, 34]], &[[10, 26, 30, 34]]);
        leaves(&filter, None, &[body], &[body]);
    }
}
