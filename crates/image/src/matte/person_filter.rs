//! The user's filter of people in the matte: regions, a minimum size, and not the camera
//! wearer's own body.

use crate::plane::Plane;
use serde::{Deserialize, Deserializer, Serialize};

/// A part of a view, for a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Left, top, right and bottom edge as shares of the view's width and height.
    pub sides: [f32; 4],
    /// From this second of the source on ...
    pub from: f64,
    /// ... and before this one.
    #[serde(deserialize_with = "second_or_never")]
    pub to: f64,
}

/// JSON has no infinity: it is written as null.
fn second_or_never<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
}

/// Which people the matte shows. By default all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonFilter {
    /// People less high than this share of the view are removed.
    pub min_size: f32,
    /// Whether the body of the camera's wearer is removed.
    pub exclude_pov: bool,
    /// Only what lies in one of these stays, while there are any.
    pub include: Vec<Region>,
    /// What lies in these is removed.
    pub exclude: Vec<Region>,
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

    /// Removes the filtered parts from the matte of a view. `seconds` is the frame's time in the
    /// source, `degrees` what the view shows from top to bottom (`None`: a flat picture, in which there
    /// is no way to know whose body it is).
    pub fn apply(&self, alpha: &mut Plane<f32>, seconds: f64, degrees: Option<f32>) {
        let (width, height) = (alpha.width(), alpha.height());
        let now = |regions: &[Region]| -> Vec<[usize; 4]> {
            let active = regions.iter().filter(|r| (r.from..r.to).contains(&seconds));
            active.map(|r| pixels(r.sides, width, height)).collect()
        };
        let include = now(&self.include);
        if !include.is_empty() {
            retain(alpha, |x, y| include.iter().any(|r| inside(r, x, y)));
        }
        for region in now(&self.exclude) {
            retain(alpha, |x, y| !inside(&region, x, y));
        }
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

fn pixels(sides: [f32; 4], width: usize, height: usize) -> [usize; 4] {
    let at = |share: f32, length: usize| (share * length as f32).round().clamp(0.0, length as f32) as usize;
    [at(sides[0], width), at(sides[1], height), at(sides[2], width), at(sides[3], height)]
}

fn inside(region: &[usize; 4], x: usize, y: usize) -> bool {
    (region[0]..region[2]).contains(&x) && (region[1]..region[3]).contains(&y)
}

fn retain(alpha: &mut Plane<f32>, keep: impl Fn(usize, usize) -> bool) {
    let width = alpha.width().max(1);
    for (i, a) in alpha.data_mut().iter_mut().enumerate() {
        if *a > 0.0 && !keep(i % width, i / width) {
            *a = 0.0;
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
        let on = |i: usize| boxes.iter().any(|b| inside(b, i % SIDE, i / SIDE));
        Plane::from_vec((0..SIDE * SIDE).map(|i| f32::from(u8::from(on(i)))).collect(), SIDE, SIDE)
    }

    fn always(sides: [f32; 4]) -> Region {
        Region { sides, from: 0.0, to: f64::INFINITY }
    }

    #[track_caller]
    fn leaves(filter: &PersonFilter, seconds: f64, degrees: Option<f32>, before: &[[usize; 4]], after: &[[usize; 4]]) {
        let mut alpha = people(before);
        filter.apply(&mut alpha, seconds, degrees);
        assert!(alpha == people(after), "{filter:?}");
    }

    const LEFT: [usize; 4] = [2, 5, 12, 30];
    const RIGHT: [usize; 4] = [24, 10, 30, 18];

    #[test]
    fn endless_regions_survive_json() {
        for region in [always([0.0, 0.1, 0.2, 0.3]), Region { to: 2.5, ..always([0.0; 4]) }] {
            let text = serde_json::to_string(&region).unwrap();
            assert_eq!(serde_json::from_str::<Region>(&text).unwrap(), region);
        }
    }

    #[test]
    fn empty_filter_changes_nothing() {
        assert!(PersonFilter::default().is_empty());
        leaves(&PersonFilter::default(), 0.0, Some(180.0), &[LEFT, RIGHT], &[LEFT, RIGHT]);
    }

    #[test]
    fn regions_apply_only_in_their_time() {
        let half = PersonFilter { exclude: vec![always([0.5, 0.0, 1.0, 1.0])], ..PersonFilter::default() };
        leaves(&half, 3.0, None, &[LEFT, RIGHT], &[LEFT]);
        let only = PersonFilter { include: vec![always([0.5, 0.0, 1.0, 1.0])], ..PersonFilter::default() };
        leaves(&only, 3.0, None, &[LEFT, RIGHT], &[RIGHT]);
        let timed = Region { sides: [0.5, 0.0, 1.0, 1.0], from: 1.0, to: 2.0 };
        let timed = PersonFilter { exclude: vec![timed], ..PersonFilter::default() };
        leaves(&timed, 0.9, None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
        leaves(&timed, 1.0, None, &[LEFT, RIGHT], &[LEFT]);
        leaves(&timed, 2.0, None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
    }

    #[test]
    fn people_below_the_minimum_size_are_removed() {
        let filter = |min_size| PersonFilter { min_size, ..PersonFilter::default() };
        leaves(&filter(0.25), 0.0, None, &[LEFT, RIGHT], &[LEFT]);
        leaves(&filter(0.15), 0.0, None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
        leaves(&filter(0.9), 0.0, None, &[LEFT, RIGHT], &[]);
    }

    #[test]
    fn body_of_the_camera_wearer_is_removed_and_others_stay() {
        let filter = PersonFilter { exclude_pov: true, ..PersonFilter::default() };
        let (body, standing) = ([10, 26, 30, 40], [10, 15, 30, 40]);
        leaves(&filter, 0.0, Some(180.0), &[body, RIGHT], &[RIGHT]);
        leaves(&filter, 0.0, Some(180.0), &[standing], &[standing]);
        leaves(&filter, 0.0, Some(180.0), &[[10, 26, 30, 34]], &[[10, 26, 30, 34]]);
        leaves(&filter, 0.0, None, &[body], &[body]);
    }
}
