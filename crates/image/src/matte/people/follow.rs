//! Where somebody went from one frame to the next: a patch of the small luma picture, found again.

use super::surface::{Region, Surface};
use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// Samples of a patch in a row and in a column.
const SIDE: usize = 20;
/// The part of a box that the patch covers: at its border is mostly background.
const COVER: f64 = 0.7;
/// How far somebody is searched for, as a share of the longer side of their box.
const REACH: f64 = 0.25;
/// Another place must have a difference smaller by this factor than where they were: noise moves nobody.
const BETTER: f32 = 0.9;
/// How much of the difference is added where a place is as far as a box is long from where it was expected.
const ASIDE: f32 = 1.0;
/// Who looks so different everywhere (a patch of noise has 1.4) isn't found.
const UNLIKE: f32 = 0.8;

/// What somebody looks like in the small picture of the first eye.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Patch {
    /// [`SIDE`] x [`SIDE`] values of luma, [`leveled`]; empty: not compared yet.
    luma: Vec<f32>,
}

/// The eye's small picture, and how to find samples in it.
struct Picture<'a> {
    luma: &'a Plane<f32>,
    wraps: bool,
}

impl Picture<'_> {
    /// The sample at a position, the nearest one outside of the picture.
    fn at(&self, x: f64, y: f64) -> f32 {
        let (w, h) = (self.luma.width(), self.luma.height());
        let x = x.floor();
        let x = if self.wraps { x.rem_euclid(w as f64) } else { x.clamp(0.0, (w - 1) as f64) };
        let y = y.floor().clamp(0.0, (h - 1) as f64);
        self.luma.data()[y as usize * w + x as usize]
    }

    /// The patch whose sides (left, top, right, bottom, in samples) are these.
    fn patch(&self, [left, top, right, bottom]: [f64; 4]) -> impl Iterator<Item = f32> + '_ {
        let (dx, dy) = ((right - left) / SIDE as f64, (bottom - top) / SIDE as f64);
        (0..SIDE * SIDE).map(move |i| {
            let (x, y) = ((i % SIDE) as f64 + 0.5, (i / SIDE) as f64 + 0.5);
            self.at(left + x * dx, top + y * dy)
        })
    }
}

impl Patch {
    /// Looks at somebody, whose box is `region`, in the small picture.
    pub(super) fn take(&mut self, surface: &Surface, luma: &Plane<f32>, region: &Region) {
        let picture = Picture { luma, wraps: surface.wraps() };
        self.luma.clear();
        self.luma.extend(picture.patch(inner(surface, luma, region)));
        leveled(&mut self.luma);
    }

    /// How far, in pixels of the eye, who was in the box in the last frame moved to the right and down. `expected`: how far
    /// they went in the frame before.
    pub(super) fn find(
        &self,
        surface: &Surface,
        luma: &Plane<f32>,
        region: &Region,
        expected: (f64, f64),
    ) -> (f64, f64) {
        if self.luma.len() != SIDE * SIDE {
            return (0.0, 0.0);
        }
        let picture = Picture { luma, wraps: surface.wraps() };
        let (w, h) = surface.size();
        let (sx, sy) = (luma.width() as f64 / w, luma.height() as f64 / h);
        let expected = (expected.0 * sx, expected.1 * sy);
        let [left, top, right, bottom] = inner(surface, luma, region);
        let longer = (right - left).max(bottom - top) / COVER;
        let mut there = Vec::with_capacity(SIDE * SIDE);
        let mut difference = |dx: f64, dy: f64| -> f32 {
            there.clear();
            there.extend(picture.patch([left + dx, top + dy, right + dx, bottom + dy]));
            leveled(&mut there);
            let sum: f32 = self.luma.iter().zip(&there).map(|(a, b)| (a - b).abs()).sum();
            let aside = (dx - expected.0).hypot(dy - expected.1).min(dx.hypot(dy)) / longer;
            sum / (SIDE * SIDE) as f32 * (1.0 + ASIDE * aside as f32)
        };
        // From far to near: each round looks around the best place of the one before, half as far.
        let mut step = 1.0;
        while step * 2.0 <= longer * REACH {
            step *= 2.0;
        }
        let still = difference(0.0, 0.0);
        let mut best = (still, 0.0, 0.0);
        let straight = difference(expected.0, expected.1);
        if straight < best.0 {
            best = (straight, expected.0, expected.1);
        }
        while step >= 1.0 {
            let (_, x, y) = best;
            for (i, j) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
                let (dx, dy) = (x + f64::from(i) * step, y + f64::from(j) * step);
                let one = difference(dx, dy);
                if one < best.0 {
                    best = (one, dx, dy);
                }
            }
            step /= 2.0;
        }
        if best.0 > UNLIKE {
            best = (best.0, expected.0, expected.1);
        } else if best.0 >= still * BETTER {
            return (0.0, 0.0);
        }
        (best.1 / sx, best.2 / sy)
    }
}

/// Least deviation that a patch is scaled up from: in less there is only noise.
const LEAST_CONTRAST: f32 = 0.01;

/// Makes a patch's mean 0 and its mean deviation 1, so that light that changes moves nobody.
fn leveled(patch: &mut [f32]) {
    let n = patch.len().max(1) as f32;
    let mean = patch.iter().sum::<f32>() / n;
    let deviation = patch.iter().map(|v| (v - mean).abs()).sum::<f32>() / n;
    let scale = 1.0 / deviation.max(LEAST_CONTRAST);
    patch.iter_mut().for_each(|v| *v = (*v - mean) * scale);
}

/// The sides of the inner part of a box, in samples of the small picture.
fn inner(surface: &Surface, luma: &Plane<f32>, region: &Region) -> [f64; 4] {
    let (w, h) = surface.size();
    let [left, top, right, bottom] = surface.bounds(region);
    let (sx, sy) = (luma.width() as f64 / w, luma.height() as f64 / h);
    let shrink = |low: f64, high: f64| {
        let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0 * COVER);
        (middle - half, middle + half)
    };
    let ((left, right), (top, bottom)) = (shrink(left * sx, right * sx), shrink(top * sy, bottom * sy));
    [left, top, right, bottom]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::Lens;

    /// A textured square of 40 samples on a plain ground.
    fn picture(w: usize, h: usize, x: i32, y: i32) -> Plane<f32> {
        let value = |i: usize| {
            let (px, py) = ((i % w) as i32 - x, (i / w) as i32 - y);
            let px = px.rem_euclid(w as i32);
            let inside = (0..40).contains(&px) && (0..40).contains(&py);
            if inside { (0.5 + 0.3 * (px as f32 * 0.31).sin() + 0.2 * (py as f32 * 0.23).cos()).abs() } else { 0.2 }
        };
        Plane::from_vec((0..w * h).map(value).collect(), w, h)
    }

    /// The square at (100, 40) of a flat picture, looked at.
    fn somebody() -> (Surface, Region, Patch) {
        let surface = Surface::new(None, 640, 320);
        let region = Region { center: [240.0, 120.0, 0.0], half: [40.0, 40.0] };
        let mut patch = Patch::default();
        patch.take(&surface, &picture(320, 160, 100, 40), &region);
        (surface, region, patch)
    }

    #[test]
    fn moving_people_are_found_and_static_ones_stay() {
        let (surface, region, patch) = somebody();
        let unseen = Patch::default().find(&surface, &picture(320, 160, 100, 40), &region, (0.0, 0.0));
        assert_eq!(unseen, (0.0, 0.0), "never looked at");
        for (dx, dy) in [(0, 0), (3, 0), (-6, 2), (0, -5), (8, 8)] {
            let (right, down) = patch.find(&surface, &picture(320, 160, 100 + dx, 40 + dy), &region, (0.0, 0.0));
            assert!(
                (right - 2.0 * f64::from(dx)).abs() <= 2.0 && (down - 2.0 * f64::from(dy)).abs() <= 2.0,
                "{dx} {dy}"
            );
        }
    }

    #[test]
    fn hidden_people_keep_their_motion() {
        let (surface, region, patch) = somebody();
        let stripes = |i: usize| if (i % 320 / 3).is_multiple_of(2) { 0.3 } else { 0.6 };
        let hidden = Plane::from_vec((0..320 * 160).map(stripes).collect(), 320, 160);
        for speed in [(0.0, 0.0), (16.0, -4.0)] {
            assert_eq!(patch.find(&surface, &hidden, &region, speed), speed);
        }
        let (right, down) = patch.find(&surface, &picture(320, 160, 118, 40), &region, (30.0, 0.0));
        assert!((right - 36.0).abs() <= 2.0 && down.abs() <= 2.0, "{right} {down}");
    }

    #[test]
    fn changing_light_keeps_tracks() {
        let (surface, region, patch) = somebody();
        let dark = picture(320, 160, 104, 41).data().iter().map(|v| 0.2 * v).collect();
        let (right, down) = patch.find(&surface, &Plane::from_vec(dark, 320, 160), &region, (0.0, 0.0));
        assert!((right - 8.0).abs() <= 2.0 && (down - 2.0).abs() <= 2.0, "{right} {down}");
    }

    #[test]
    fn people_are_tracked_across_the_360_seam() {
        let surface = Surface::new(Some(Lens::Equirectangular), 640, 320);
        let center = surface.spot(638.0, 160.0).unwrap();
        let region = Region { center, half: [0.2, 0.2] };
        let mut patch = Patch::default();
        patch.take(&surface, &picture(320, 160, 299, 60), &region);
        let (right, _) = patch.find(&surface, &picture(320, 160, 305, 60), &region, (0.0, 0.0));
        assert!((right - 12.0).abs() <= 2.0, "{right}");
    }
}
