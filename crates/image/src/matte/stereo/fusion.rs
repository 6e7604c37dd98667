//! Making the mattes of two eyes agree: where both eyes surely see the same thing, in the same
//! color, but their mattes differ over a whole neighborhood, they meet.
//!
//! Outlines stay each eye's own: a disagreement as thin as a misplaced edge is left alone, so that
//! no edge is doubled or blurred. A person that only one eye can see isn't copied, because what is
//! hidden has no confident match.

use super::{Matcher, Search, lerp_at};
use crate::matte::{Borders, SmallYuv, ramp};
use crate::plane::{Plane, Rect};
use crate::simd::dispatch;

/// Alpha below which a pixel shows no person.
const NOBODY: f32 = 0.05;
/// Smallest difference of two alphas that counts.
const SLIGHT: f32 = 0.05;
/// Difference of color (sum over Y, Cb, Cr) that is still the same thing, and one that isn't.
const COLOR: (f32, f32) = (0.06, 0.15);
/// Half the side of the neighborhood that must disagree.
const RADIUS: usize = 3;
/// Mean disagreement of the neighborhood from which the eyes begin to meet, and do so fully.
const DISAGREEMENT: (f32, f32) = (0.15, 0.35);
/// Where the eyes meet, as a share of the way from the lower alpha to the higher. More than half,
/// since models miss more of a person than they add.
const TOWARDS_MORE: f32 = 0.65;

/// The stage for one pair of views. Only its buffers stay from frame to frame.
#[derive(Debug)]
pub struct StereoFusion {
    strength: f32,
    search: Search,
    borders: Borders,
    matcher: Matcher,
    eyes: [Eye; 2],
    scratch: Vec<f32>,
    /// Mean difference over the neighborhoods of a row.
    mean: Vec<f32>,
}

/// The other eye's matte, moved onto this eye.
#[derive(Debug, Default)]
struct Eye {
    /// The other eye's alpha, moved here.
    moved: Plane<f32>,
    /// Weight of that times its difference from the own alpha.
    difference: Plane<f32>,
}

impl StereoFusion {
    /// `strength` 0 (nothing) ..= 1 (the eyes meet wholly). `search` is for the views' order:
    /// flipped where the right eye comes first.
    pub fn new(strength: f32, search: Search) -> Self {
        let strength = if strength.is_finite() { strength.clamp(0.0, 1.0) } else { 0.0 };
        Self {
            strength,
            search,
            borders: Borders::default(),
            matcher: Matcher::new(search),
            eyes: Default::default(),
            scratch: Vec::new(),
            mean: Vec::new(),
        }
    }

    /// The same, for views with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self.matcher = self.matcher.with_borders(borders);
        self
    }

    /// Changes both alphas (0..=1) in place, each of its picture's size. Planes of different sizes
    /// (eyes of a frame with an odd width) are left alone.
    pub fn apply(&mut self, first: (&SmallYuv, &mut Plane<f32>), second: (&SmallYuv, &mut Plane<f32>)) {
        let size = |p: &Plane<f32>| (p.width(), p.height());
        let sizes = [size(first.1), size(&first.0.y), size(&second.0.y), size(second.1)];
        let (w, h) = sizes[0];
        if self.strength <= 0.0 || w < 2 || sizes.iter().any(|s| *s != sizes[0]) {
            return;
        }
        let Some(area) = self.area(first.1, second.1) else { return };
        let found = self.matcher.run(&first.0.y, &second.0.y, area);
        let views = [(first.0, &*first.1), (second.0, &*second.1)];
        for (i, eye) in self.eyes.iter_mut().enumerate() {
            let sign = if i == 0 { -1.0 } else { 1.0 };
            for plane in [&mut eye.moved, &mut eye.difference] {
                plane.resize(w, h);
            }
            for y in area.y..area.y + area.h {
                let found = (found[i].disparity.as_ref().row(y), found[i].confidence.as_ref().row(y));
                let (mut moved, mut difference) = (eye.moved.as_mut(), eye.difference.as_mut());
                let borders = self.borders;
                compare(views[i], views[1 - i], borders, found, sign, y, area, moved.row_mut(y), difference.row_mut(y));
            }
        }
        for (eye, alpha) in self.eyes.iter().zip([first.1, second.1]) {
            for y in area.y..area.y + area.h {
                let range = y * w + area.x..y * w + area.x + area.w;
                mean_row(&eye.difference, self.borders, area, y, &mut self.scratch, &mut self.mean);
                meet(
                    &mut alpha.data_mut()[range.clone()],
                    &eye.moved.data()[range.clone()],
                    &eye.difference.data()[range],
                    &self.mean,
                    self.strength,
                );
            }
        }
    }

    /// The rectangle around all people in either eye, with margins for disparity and blocks: whole rows where they
    /// go all around.
    fn area(&self, first: &Plane<f32>, second: &Plane<f32>) -> Option<Rect> {
        let (w, h) = (first.width(), first.height());
        let (mut left, mut right, mut top, mut bottom) = (w, 0, h, 0);
        for (y, (a, b)) in first.data().chunks_exact(w).zip(second.data().chunks_exact(w)).enumerate() {
            let there = |x: &usize| a[*x] > NOBODY || b[*x] > NOBODY;
            // Most rows of most views are empty.
            if !somebody(a) && !somebody(b) {
                continue;
            }
            (top, bottom) = (top.min(y), y + 1);
            left = (0..left).find(there).unwrap_or(left);
            right = (right..w).rev().find(there).map_or(right, |x| x + 1);
        }
        if top >= bottom {
            return None;
        }
        if self.borders.wraps() {
            (left, right) = (0, w);
        }
        let side = self.search.reach() + 2 * RADIUS;
        let (x, y) = (left.saturating_sub(side), top.saturating_sub(RADIUS));
        Some(Rect::new(x, y, (right + side).min(w) - x, (bottom + RADIUS).min(h) - y))
    }
}

/// One row of the other eye's matte: its alpha, and the weighted difference from the own.
#[allow(clippy::too_many_arguments)]
fn compare(
    own: (&SmallYuv, &Plane<f32>),
    other: (&SmallYuv, &Plane<f32>),
    borders: Borders,
    (disparity, confidence): (&[f32], &[f32]),
    sign: f32,
    y: usize,
    area: Rect,
    moved: &mut [f32],
    difference: &mut [f32],
) {
    let row = |p: &'_ Plane<f32>| y * p.width()..(y + 1) * p.width();
    let (alpha, other_alpha) = (&own.1.data()[row(own.1)], &other.1.data()[row(other.1)]);
    for x in area.x..area.x + area.w {
        difference[x] = 0.0;
        if confidence[x] <= 0.0 {
            continue;
        }
        let there = x as f32 + sign * disparity[x];
        moved[x] = lerp_at(other_alpha, borders, there);
        let d = moved[x] - alpha[x];
        if d.abs() > SLIGHT {
            let apart = |a: &Plane<f32>, b: &Plane<f32>| {
                (a.data()[row(a)][x] - lerp_at(&b.data()[row(b)], borders, there)).abs()
            };
            let color = apart(&own.0.y, &other.0.y) + apart(&own.0.u, &other.0.u) + apart(&own.0.v, &other.0.v);
            difference[x] = d * confidence[x] * (1.0 - ramp(color, COLOR));
        }
    }
}

/// Means over the neighborhoods of row `y` within `area`; what is outside counts as 0, unless
/// rows go all around.
fn mean_row(src: &Plane<f32>, borders: Borders, area: Rect, y: usize, scratch: &mut Vec<f32>, out: &mut Vec<f32>) {
    let side = 2 * RADIUS + 1;
    let w = src.width();
    scratch.clear();
    scratch.resize(area.w + 2 * RADIUS, 0.0);
    let sums = &mut scratch[RADIUS..RADIUS + area.w];
    for near in y.saturating_sub(RADIUS).max(area.y)..(y + RADIUS + 1).min(area.y + area.h) {
        add(sums, &src.data()[near * w + area.x..][..area.w]);
    }
    if borders.wraps() {
        borders.fill(scratch, RADIUS);
    }
    out.clear();
    out.resize(area.w, 0.0);
    for i in 0..side {
        add(out, &scratch[i..i + area.w]);
    }
    for v in out {
        *v *= 1.0 / (side * side) as f32;
    }
}

dispatch! {
    fn somebody(row: &[f32]) -> bool {
        let mut any = false;
        for &v in row {
            any |= v > NOBODY;
        }
        any
    }

    fn add(sums: &mut [f32], row: &[f32]) {
        for (s, &v) in sums.iter_mut().zip(row) {
            *s += v;
        }
    }

    /// Brings the own alpha to where it meets the other eye's, if the neighborhood disagrees in the
    /// pixel's own direction.
    fn meet(alpha: &mut [f32], moved: &[f32], difference: &[f32], mean: &[f32], strength: f32) {
        for (((a, &b), &d), &m) in alpha.iter_mut().zip(moved).zip(difference).zip(mean) {
            let agreed = if d * m > 0.0 { ramp(m.abs(), DISAGREEMENT) } else { 0.0 };
            // No difference, no change: `b` may not even have been computed.
            let way = if b > *a { TOWARDS_MORE } else { 1.0 - TOWARDS_MORE };
            let change = if agreed > 0.0 { way * (b - *a) } else { 0.0 };
            *a += strength * agreed * change;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pictures::texture;
    use super::*;
    use crate::simd::forced;

    const W: usize = 128;
    const H: usize = 64;
    /// Disparity of everything in the pictures.
    const D: usize = 5;

    fn view(seed: u32, shift: f32) -> SmallYuv {
        let y = texture(seed, W, H, |_, _| shift);
        let flat = Plane::from_vec(vec![0.1; W * H], W, H);
        SmallYuv { y, u: flat.clone(), v: flat }
    }

    fn eyes() -> (SmallYuv, SmallYuv) {
        (view(7, 0.0), view(7, D as f32))
    }

    /// 1 within a rectangle.
    fn matte(x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> Plane<f32> {
        let inside = |i: usize| x.contains(&(i % W)) && y.contains(&(i / W));
        Plane::from_vec((0..W * H).map(|i| f32::from(u8::from(inside(i)))).collect(), W, H)
    }

    fn fuse(
        strength: f32,
        a: &SmallYuv,
        b: &SmallYuv,
        mut first: Plane<f32>,
        mut second: Plane<f32>,
    ) -> [Plane<f32>; 2] {
        StereoFusion::new(strength, Search::new(-3, 10)).apply((a, &mut first), (b, &mut second));
        [first, second]
    }

    #[test]
    fn identical_eyes_and_agreeing_mattes_stay_as_they_are() {
        let (a, b) = eyes();
        let person = matte(40..80, 10..60);
        assert_eq!(fuse(1.0, &a, &a, person.clone(), person.clone()), [person.clone(), person.clone()]);
        let moved = matte(40 - D..80 - D, 10..60);
        assert_eq!(fuse(1.0, &a, &b, person.clone(), moved.clone()), [person.clone(), moved.clone()]);
        // An edge that lies a pixel beside the other's is each eye's own.
        let beside = matte(41 - D..81 - D, 10..60);
        for (after, before) in fuse(1.0, &a, &b, person.clone(), beside.clone()).iter().zip([person, beside]) {
            let change = after.data().iter().zip(before.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(change < 0.05, "{change}");
        }
    }

    #[test]
    fn hole_in_one_eye_is_filled_and_outlines_stay() {
        forced::each(|level| {
            let (a, b) = eyes();
            let whole = matte(30..90, 6..58);
            let mut holed = matte(30 - D..90 - D, 6..58);
            for y in 24..40 {
                holed.as_mut().row_mut(y)[50..66].fill(0.0);
            }
            let [first, second] = fuse(1.0, &a, &b, whole.clone(), holed.clone());
            assert!(
                (second.as_ref().row(32)[58] - TOWARDS_MORE).abs() < 0.02,
                "{level:?}: {}",
                second.as_ref().row(32)[58]
            );
            assert!((first.as_ref().row(32)[58 + D] - TOWARDS_MORE).abs() < 0.02, "{level:?}: both meet");
            for y in 0..H {
                for x in (0..40).chain(80..W) {
                    assert_eq!(first.as_ref().row(y)[x], whole.as_ref().row(y)[x], "{level:?} {x} {y}");
                }
            }
            // Half the strength goes half the way.
            let half = fuse(0.5, &a, &b, whole.clone(), holed.clone())[1].as_ref().row(32)[58];
            assert!((half - 0.5 * TOWARDS_MORE).abs() < 0.02);
            assert_eq!(fuse(0.0, &a, &b, whole.clone(), holed.clone()), [whole, holed]);
        });
    }

    #[test]
    fn person_seen_by_one_eye_is_neither_copied_nor_lost() {
        let (mut a, b) = eyes();
        let person = view(99, 0.0);
        for y in 8..56 {
            a.y.as_mut().row_mut(y)[50..90].copy_from_slice(&person.y.as_ref().row(y)[50..90]);
        }
        let [first, second] = fuse(1.0, &a, &b, matte(50..90, 8..56), Plane::new(W, H));
        assert!(second.data().iter().all(|v| *v < 0.1), "nobody is invented");
        let kept =
            first.data().iter().zip(matte(54..86, 12..52).data()).filter(|(v, m)| **m > 0.0 && **v < 0.9).count();
        assert!(kept < 20, "{kept} of the person's pixels were lost");
    }

    #[test]
    fn differently_colored_pixels_do_not_match() {
        let (a, mut b) = eyes();
        b.u.data_mut().fill(-0.2);
        let (person, nobody) = (matte(40..80, 10..60), Plane::new(W, H));
        assert_eq!(fuse(1.0, &a, &b, person.clone(), nobody.clone()), [person, nobody]);
    }

    #[test]
    fn odd_sizes_and_empty_mattes_are_left_alone() {
        let (a, b) = eyes();
        let nobody = Plane::new(W, H);
        assert_eq!(fuse(1.0, &a, &b, nobody.clone(), nobody.clone()), [nobody.clone(), nobody.clone()]);
        let mut other = Plane::from_vec(vec![1.0; 12], 4, 3);
        let mut first = matte(40..80, 10..60);
        StereoFusion::new(1.0, Search::new(-3, 10)).apply((&a, &mut first), (&b, &mut other));
        assert_eq!((first, other), (matte(40..80, 10..60), Plane::from_vec(vec![1.0; 12], 4, 3)));
        // A person that fills the view up to its corners, and pictures smaller than a block.
        let full = matte(0..W, 0..H);
        fuse(1.0, &a, &b, full, nobody);
        let tiny = |v: f32| Plane::from_vec(vec![v; 6], 3, 2);
        let small = SmallYuv { y: tiny(0.5), u: tiny(0.0), v: tiny(0.0) };
        let (mut x, mut y) = (tiny(1.0), tiny(0.0));
        StereoFusion::new(1.0, Search::new(-3, 10)).apply((&small, &mut x), (&small, &mut y));
    }
}
