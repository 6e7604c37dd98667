//! What the detector sees through one of its views, as boxes on the eye.

use super::Finder;
use crate::error::Result;
use vrseg_image::matte::people::{PersonBox, SourceFormat, Window, blacken_outside};
use vrseg_image::matte::to_network;
use vrseg_image::plane::Yuv;

/// Share of a view's side: a box that ends so near at a border is cut by it, where the eye goes on beyond it.
const CUT: f64 = 0.012;
/// A box that is cut counts only if it takes up this share of the view: who is smaller is whole in another view.
const LARGE: f64 = 0.35;

/// What a box loses of its score for each side at which it is cut: a part of a street looks more like a person than all of
/// it. (A street without people had boxes of 0.5 that end at a view's border, and none above 0.27 that don't.)
const DOUBT: f32 = 0.25;
/// The sine of the angle above the horizon, 30 degrees, from which on hardly anybody's middle is seen, and the score
/// that it takes to believe it where nothing but the detector tells. What hangs there (lamps, the eaves of a roof) is taken
/// for people now and then.
const ABOVE: f64 = 0.5;
const CERTAIN: f32 = 0.53;

impl Finder {
    /// The people in a view of the first eye.
    pub(super) fn detect(&mut self, planes: &Yuv<'_>, view: usize) -> Result<Vec<PersonBox>> {
        let side = self.detector.side();
        let norm = self.detector.manifest().normalization();
        let window = self.views[view];
        // What lies beyond the picture is made black before it is turned.
        let as_it_lies = SourceFormat { rotation: 0, ..self.form };
        let seen = self.sampler.cut(planes, as_it_lies, (&self.surface, self.rects[0]), &window, side);
        blacken_outside(&self.surface, &window, seen);
        self.picture.resize(3 * side * side, 0.0);
        let matrix = self.form.color.matrix;
        match self.form.rotation {
            0 => to_network(seen, matrix, &norm, &mut self.picture),
            turn => to_network(&seen.rotated(turn), matrix, &norm, &mut self.picture),
        }
        let found = self.detector.detect(&self.picture, self.trust().follow)?;
        let boxes = found.into_iter().filter_map(|one| {
            let shares = one.sides.map(|v| (f64::from(v) / side as f64).clamp(0.0, 1.0));
            self.on_eye(&window, one.score, turned_back(shares, self.form.rotation))
        });
        Ok(boxes.collect())
    }

    /// A box, shares of a view's sides, on the eye.
    fn on_eye(&self, view: &Window, score: f32, [l, t, r, b]: [f64; 4]) -> Option<PersonBox> {
        if r <= l || b <= t {
            return None;
        }
        let plane = self.surface.plane(view.center);
        let at = |share: f64| (2.0 * share - 1.0) * view.half;
        // The picture goes on beyond a border whose middle it shows.
        let goes_on = |x: f64, y: f64| self.surface.shows(plane.spot([at(x), at(y)]), 1.0);
        let cut = [
            l < CUT && goes_on(0.0, 0.5),
            t < CUT && goes_on(0.5, 0.0),
            r > 1.0 - CUT && goes_on(1.0, 0.5),
            b > 1.0 - CUT && goes_on(0.5, 1.0),
        ];
        if cut.contains(&true) && (r - l).max(b - t) < LARGE {
            return None;
        }
        let score = score - DOUBT * cut.iter().filter(|side| **side).count() as f32;
        let (w, h) = (r - l, b - t);
        let border = (0..=4).flat_map(|i| (0..=4).map(move |j| (f64::from(i) / 4.0, f64::from(j) / 4.0)));
        let spots: Vec<_> = border.map(|(i, j)| plane.spot([at(l + i * w), at(t + j * h)])).collect();
        let region = self.surface.around(&spots)?;
        let inside = self.surface.shows(region.center, 0.0);
        let above = self.surface.is_spherical() && -region.center[1] > ABOVE && score < CERTAIN;
        (inside && !(above && self.verifier.is_none())).then_some(PersonBox { score, region, cut })
    }
}

/// A box (shares of a picture's sides) of a picture that was turned clockwise, in the picture as it lies.
fn turned_back([l, t, r, b]: [f64; 4], rotation: i32) -> [f64; 4] {
    match rotation.rem_euclid(360) {
        90 => [t, 1.0 - r, b, 1.0 - l],
        180 => [1.0 - r, 1.0 - b, 1.0 - l, 1.0 - t],
        270 => [1.0 - b, l, 1.0 - t, r],
        _ => [l, t, r, b],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::matte::rotate;
    use vrseg_image::plane::Plane;

    #[test]
    fn a_turned_box_is_turned_back() {
        // A spot in the left upper corner, as `rotate` turns it.
        for (rotation, seen) in [(0, (0, 0)), (90, (3, 0)), (180, (3, 1)), (270, (0, 1))] {
            let plane = Plane::from_vec((0..8).map(|i| f32::from(u8::from(i == 0))).collect(), 4, 2);
            let turned = rotate(&plane, rotation);
            let (w, h) = (turned.width(), turned.height());
            let at = turned.data().iter().position(|v| *v > 0.5).unwrap();
            let (x, y) = (at % w, at / w);
            assert!(rotation % 180 != 0 || (x, y) == seen);
            let sides =
                [x as f64 / w as f64, y as f64 / h as f64, (x + 1) as f64 / w as f64, (y + 1) as f64 / h as f64];
            let back = turned_back(sides, rotation);
            for (got, want) in back.iter().zip([0.0, 0.0, 0.25, 0.5]) {
                assert!((got - want).abs() < 1e-6, "{rotation}: {back:?}");
            }
        }
    }
}
