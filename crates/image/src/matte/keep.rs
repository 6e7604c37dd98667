//! What the user says of whom the matte shall show: regions, a least size, and not the camera
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

/// The user's say. By default everything stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wishes {
    /// What is less high than this share of the view is left out.
    pub min_size: f32,
    /// The body of who wears the camera is left out.
    pub exclude_pov: bool,
    /// Only what lies in one of these stays, while there are any.
    pub include: Vec<Region>,
    /// What lies in these is left out.
    pub exclude: Vec<Region>,
}

/// Alpha from which a pixel belongs to somebody.
const SOMEBODY: f32 = 0.1;
/// A body that is seen from above reaches down to this many degrees below the horizon ...
const DOWN: f32 = 70.0;
/// ... and not above this many. Who stands before the camera does.
const UP: f32 = 15.0;

impl Wishes {
    /// Nothing was wished.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes out of the matte of a view what shall not be in it. `seconds` is the frame's time in the
    /// source, `degrees` what the view shows from top to bottom (`None`: a flat picture, in which there
    /// is no telling whose body it is).
    pub fn apply(&self, alpha: &mut Plane<f32>, seconds: f64, degrees: Option<f32>) {
        let (width, height) = (alpha.width(), alpha.height());
        let now = |regions: &[Region]| -> Vec<[usize; 4]> {
            let there = regions.iter().filter(|r| (r.from..r.to).contains(&seconds));
            there.map(|r| pixels(r.sides, width, height)).collect()
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

/// Takes out the connected parts of a matte (4 neighbors) for whose first row and row after the last
/// `gone` says so.
fn remove(alpha: &mut Plane<f32>, gone: impl Fn(usize, usize) -> bool) {
    let (width, height) = (alpha.width(), alpha.height());
    let mut met: Vec<bool> = alpha.data().iter().map(|a| *a <= SOMEBODY).collect();
    let (mut part, mut next) = (Vec::new(), 0);
    while let Some(start) = met[next..].iter().position(|m| !m).map(|at| next + at) {
        next = start + 1;
        part.clear();
        part.push(start);
        met[start] = true;
        let (mut top, mut bottom, mut at) = (height, 0, 0);
        while at < part.len() {
            let i = part[at];
            at += 1;
            let (x, y) = (i % width, i / width);
            (top, bottom) = (top.min(y), bottom.max(y + 1));
            let beside = [(x > 0, i.wrapping_sub(1)), (x + 1 < width, i + 1)];
            let above = [(y > 0, i.wrapping_sub(width)), (y + 1 < height, i + width)];
            for (_, j) in beside.into_iter().chain(above).filter(|n| n.0) {
                if !met[j] {
                    met[j] = true;
                    part.push(j);
                }
            }
        }
        if gone(top, bottom) {
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
    fn leaves(wishes: &Wishes, seconds: f64, degrees: Option<f32>, before: &[[usize; 4]], after: &[[usize; 4]]) {
        let mut alpha = people(before);
        wishes.apply(&mut alpha, seconds, degrees);
        assert!(alpha == people(after), "{wishes:?}");
    }

    const LEFT: [usize; 4] = [2, 5, 12, 30];
    const RIGHT: [usize; 4] = [24, 10, 30, 18];

    #[test]
    fn a_region_for_ever_comes_back_from_json() {
        for region in [always([0.0, 0.1, 0.2, 0.3]), Region { to: 2.5, ..always([0.0; 4]) }] {
            let text = serde_json::to_string(&region).unwrap();
            assert_eq!(serde_json::from_str::<Region>(&text).unwrap(), region);
        }
    }

    #[test]
    fn nothing_wished_changes_nothing() {
        assert!(Wishes::default().is_empty());
        leaves(&Wishes::default(), 0.0, Some(180.0), &[LEFT, RIGHT], &[LEFT, RIGHT]);
    }

    #[test]
    fn regions_cut_and_have_their_time() {
        let half = Wishes { exclude: vec![always([0.5, 0.0, 1.0, 1.0])], ..Wishes::default() };
        leaves(&half, 3.0, None, &[LEFT, RIGHT], &[LEFT]);
        let only = Wishes { include: vec![always([0.5, 0.0, 1.0, 1.0])], ..Wishes::default() };
        leaves(&only, 3.0, None, &[LEFT, RIGHT], &[RIGHT]);
        let timed = Region { sides: [0.5, 0.0, 1.0, 1.0], from: 1.0, to: 2.0 };
        let timed = Wishes { exclude: vec![timed], ..Wishes::default() };
        leaves(&timed, 0.9, None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
        leaves(&timed, 1.0, None, &[LEFT, RIGHT], &[LEFT]);
        leaves(&timed, 2.0, None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
    }

    #[test]
    fn who_is_too_small_is_left_out() {
        let wishes = |min_size| Wishes { min_size, ..Wishes::default() };
        leaves(&wishes(0.25), 0.0, None, &[LEFT, RIGHT], &[LEFT]);
        leaves(&wishes(0.15), 0.0, None, &[LEFT, RIGHT], &[LEFT, RIGHT]);
        leaves(&wishes(0.9), 0.0, None, &[LEFT, RIGHT], &[]);
    }

    #[test]
    fn the_wearers_body_is_left_out_and_who_stands_before_them_stays() {
        let wishes = Wishes { exclude_pov: true, ..Wishes::default() };
        let (body, standing) = ([10, 26, 30, 40], [10, 15, 30, 40]);
        leaves(&wishes, 0.0, Some(180.0), &[body, RIGHT], &[RIGHT]);
        leaves(&wishes, 0.0, Some(180.0), &[standing], &[standing]);
        leaves(&wishes, 0.0, Some(180.0), &[[10, 26, 30, 34]], &[[10, 26, 30, 34]]);
        leaves(&wishes, 0.0, None, &[body], &[body]);
    }
}
