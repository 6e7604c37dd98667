//! What the detector sees through one of its views, as boxes on the eye.

use super::PeopleLocator;
use crate::error::Result;
use vrseg_image::matte::people::{PersonBox, Window, blacken_outside};
use vrseg_image::matte::to_model_input;
use vrseg_image::plane::Yuv;

/// Share of a view's side: a box that ends so near at a border is cut by it, where the eye continues beyond it.
const CUT: f64 = 0.012;
/// A box that is cut counts only if it takes up this share of the view: who is smaller is whole in another view.
const LARGE: f64 = 0.35;

/// What a box loses of its score for each side at which it is cut: a part of a street looks more like a person than all of
/// it. (A street without people had boxes of 0.5 that end at a view's border, and none above 0.27 that don't.)
const DOUBT: f32 = 0.25;
/// The sine of the angle above the horizon, 30 degrees, from which on hardly anybody's middle is seen, and the score
/// that it takes to believe it where nothing but the detector says so. What hangs there (lamps, the eaves of a roof) is taken
/// for people now and then.
const ABOVE: f64 = 0.5;
const CERTAIN: f32 = 0.53;

impl PeopleLocator {
    /// The people in a view of the first eye.
    pub(super) fn detect(&mut self, planes: &Yuv<'_>, view: usize) -> Result<Vec<PersonBox>> {
        let side = self.detector.side();
        let norm = self.detector.manifest().normalization();
        let window = self.views[view];
        let seen = self.sampler.cut(planes, self.form, (&self.surface, self.rects[0]), &window, side);
        blacken_outside(&self.surface, &window, seen);
        self.picture.resize(3 * side * side, 0.0);
        to_model_input(seen, self.form.color.matrix, &norm, &mut self.picture);
        let found = self.detector.detect(&self.picture, self.trust().follow)?;
        let boxes = found.into_iter().filter_map(|one| {
            let shares = one.sides.map(|v| (f64::from(v) / side as f64).clamp(0.0, 1.0));
            self.on_eye(&window, one.score, shares)
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
        // The picture continues beyond a border whose middle it shows.
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
