//! Applies areas and strokes to the mattes of one frame after the other.

use super::{EditEye, Edits, ROUNDING, RegionEdit, StrokeEdit};
use serde::{Deserialize, Serialize};
use vrseg_image::edits::{Action, Brush, bounds, moved};
use vrseg_image::matte::people::{Surface, shift};
use vrseg_image::matte::{Borders, Motion, MotionSearch};
use vrseg_image::plane::Plane;
use vrseg_image::vr::EyeOrder;

/// How far apart the eyes may see the same, as a share of an eye's width.
pub(crate) const REACH: f32 = 0.06;
/// Samples that a stroke may move before the picture that it is followed from is replaced by the present one, and frames: slow
/// motion shows only over several frames.
const FAR: f32 = 4.0;
const LONG: u32 = 24;

/// A view of a frame at the model's size.
pub struct EditView<'a> {
    /// Its luma.
    pub luma: &'a Plane<f32>,
    /// Its matte.
    pub alpha: &'a mut Plane<f32>,
}

/// A stroke that is being followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Followed {
    /// Its number in the edits.
    stroke: usize,
    /// Frames for which it still counts.
    left: u32,
    /// For each view the stroke, if it is for that, as it was on the reference frame.
    brushes: Vec<Option<Brush>>,
}

/// What is known of strokes in the frames before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StrokeState {
    /// Seconds of the frame before.
    before: Option<f64>,
    followed: Vec<Followed>,
    /// Frames since the reference frame.
    age: u32,
    /// The luma of each view of the reference frame, where a stroke is followed; stored elsewhere.
    #[serde(skip)]
    pub luma: Vec<Plane<f32>>,
}

#[cfg(test)]
impl StrokeState {
    /// One with a stroke in two views of these lumas.
    pub(crate) fn sample(luma: Vec<Plane<f32>>) -> Self {
        let brush = Brush { points: vec![[1.0 / 3.0, 0.1], [f32::MIN_POSITIVE, 7.0]], radius: 0.7 };
        let followed = vec![Followed { stroke: 3, left: 9, brushes: vec![Some(brush), None] }];
        Self { before: Some(0.1 + 0.2), followed, age: 5, luma }
    }
}

/// Areas and strokes of a job.
#[derive(Debug)]
pub struct EditMasks {
    edits: Edits,
    surface: Surface,
    grid: (usize, usize),
    right_first: bool,
    /// The masks of the areas that count at the moment.
    areas: Vec<Option<Plane<f32>>>,
    strokes: StrokeState,
    /// The followed strokes as they are on this frame.
    current: Vec<Vec<Option<Brush>>>,
    searches: Vec<MotionSearch>,
    borders: Borders,
    /// Seconds that a frame usually lasts.
    frame: f64,
}

impl EditMasks {
    /// For `views` views that show `surface`, with mattes of `grid` samples; `None` where there are neither areas nor strokes.
    pub fn new(
        edits: &Edits,
        surface: Surface,
        grid: (usize, usize),
        views: usize,
        (order, borders): (EyeOrder, Borders),
        fps: f64,
    ) -> Option<Self> {
        let regions = edits.regions.iter().filter(|r| r.action != Action::Find).cloned().collect();
        let strokes = edits.strokes.clone();
        let edits = Edits { regions, strokes, ..Edits::default() };
        let right_first = order == EyeOrder::RightFirst;
        let areas = vec![None; edits.regions.len()];
        let searches = (0..views).map(|_| MotionSearch::default().with_borders(borders)).collect();
        let strokes = StrokeState::default();
        let frame = 1.0 / fps;
        let current = Vec::new();
        let masks = Self { edits, surface, grid, right_first, areas, strokes, current, searches, borders, frame };
        (!masks.edits.is_empty()).then_some(masks)
    }

    /// What the next frame depends on; `None` where there are no strokes.
    pub fn state(&self) -> Option<StrokeState> {
        (!self.edits.strokes.is_empty()).then(|| self.strokes.clone())
    }

    /// Resumes from there.
    pub fn restore(&mut self, state: Option<&StrokeState>) {
        self.strokes = state.cloned().unwrap_or_default();
    }

    /// Removes what areas remove all the time, before mattes are filtered and smoothed: people cut in two by an area, and what
    /// another eye could bring back. Areas that count for a time must not change the mattes behind it.
    pub fn remove(&mut self, views: &mut [EditView<'_>], seconds: f64) {
        let timed = |region: &RegionEdit| region.from.is_some() || region.to.is_some();
        // Together with one that counts for a time, areas that are all that is shown are more than each alone.
        let alone = !self.edits.regions.iter().any(|r| r.action == Action::Only && timed(r));
        self.areas(views, seconds, |region| match region.action {
            Action::Remove => !timed(region),
            Action::Only => alone,
            Action::Keep | Action::Find => false,
        });
    }

    /// All areas and strokes, as the last step: what they say is what the matte shows. `cut`: the frame begins a scene.
    pub fn apply(&mut self, views: &mut [EditView<'_>], seconds: f64, cut: bool) {
        self.areas(views, seconds, |_| true);
        self.follow(views, seconds, cut);
        for (followed, brushes) in self.strokes.followed.iter().zip(&self.current) {
            let action = self.edits.strokes[followed.stroke].action;
            for (view, brush) in views.iter_mut().zip(brushes) {
                if let Some(brush) = brush {
                    action.apply(&brush.mask(self.grid, self.borders), view.alpha);
                }
            }
        }
    }

    /// A frame that is not shown: strokes follow what moves in it.
    pub fn skip(&mut self, views: &mut [EditView<'_>], seconds: f64, cut: bool) {
        self.follow(views, seconds, cut);
    }

    fn areas(&mut self, views: &mut [EditView<'_>], seconds: f64, counts: impl Fn(&RegionEdit) -> bool) {
        let mut only: Vec<Option<Plane<f32>>> = vec![None; views.len()];
        for (region, mask) in self.edits.regions.iter().zip(&mut self.areas) {
            if !region.is_active(seconds) {
                *mask = None;
                continue;
            }
            if !counts(region) {
                continue;
            }
            let Some(area) = region.area() else { continue };
            let mask = mask.get_or_insert_with(|| area.mask(&self.surface, self.grid));
            for (eye, mask) in in_eyes(mask, region.eye, views, self.right_first, self.surface.wraps()) {
                match (region.action, &mut only[eye]) {
                    (Action::Only, Some(all)) => Action::Keep.apply(&mask, all),
                    (Action::Only, none) => *none = Some(mask),
                    (action, _) => action.apply(&mask, views[eye].alpha),
                }
            }
        }
        for (view, only) in views.iter_mut().zip(only) {
            if let Some(mask) = only {
                Action::Only.apply(&mask, view.alpha);
            }
        }
    }

    /// Moves strokes to this frame, ends those that are over, and begins those that were painted on it.
    fn follow(&mut self, views: &mut [EditView<'_>], seconds: f64, cut: bool) {
        if self.edits.strokes.is_empty() {
            return;
        }
        let Self { edits, strokes, searches, current, grid, borders, .. } = self;
        strokes.followed.retain_mut(|followed| {
            followed.left = followed.left.saturating_sub(1);
            followed.left > 0 && !cut
        });
        let before = strokes.before.replace(seconds);
        current.clear();
        let mut moved: f32 = 0.0;
        if !strokes.followed.is_empty() {
            let motion: Vec<_> = searches.iter_mut().zip(&strokes.luma).zip(&*views).map(between).collect();
            for followed in &strokes.followed {
                let follow = |(brush, motion): (&Option<Brush>, &Option<Motion>)| {
                    let mut brush = brush.clone()?;
                    if let Some(motion) = motion {
                        moved = moved.max(brush.follow(motion, grid.0, *borders));
                    }
                    Some(brush)
                };
                current.push(followed.brushes.iter().zip(&motion).map(follow).collect());
            }
        }
        strokes.age += 1;
        let known = strokes.followed.len();
        for (n, stroke) in edits.strokes.iter().enumerate() {
            // A run that begins later knows nothing of what was painted before it.
            let after = before.unwrap_or(seconds - self.frame) + ROUNDING;
            if stroke.at.0 <= seconds + ROUNDING && stroke.at.0 > after {
                let brushes = painted(stroke, views, *grid, self.right_first);
                current.push(brushes.clone());
                strokes.followed.push(Followed { stroke: n, left: stroke.frames, brushes });
            }
        }
        if strokes.followed.len() > known || moved >= FAR || strokes.age >= LONG {
            for (followed, brushes) in strokes.followed.iter_mut().zip(&*current) {
                followed.brushes.clone_from(brushes);
            }
            strokes.age = 0;
            strokes.luma = views.iter().map(|view| view.luma.clone()).collect();
        }
        if strokes.followed.is_empty() {
            strokes.luma.clear();
        }
    }
}

/// The motion of a view from a reference frame to this one.
fn between(((search, reference), view): ((&mut MotionSearch, &Plane<f32>), &EditView<'_>)) -> Option<Motion> {
    search.push(reference.as_ref());
    search.push(view.luma.as_ref());
    search.find()
}

/// A mask in each eye that it is for.
fn in_eyes(
    mask: &Plane<f32>,
    eye: EditEye,
    views: &[EditView<'_>],
    right_first: bool,
    wraps: bool,
) -> Vec<(usize, Plane<f32>)> {
    match eye.numbers(views.len(), right_first)[..] {
        [first, second] if eye == EditEye::Both => {
            let by = bounds(mask).map_or(0.0, |sides| disparity(views, sides));
            vec![(first, mask.clone()), (second, moved(mask, by.round() as isize, wraps))]
        }
        ref eyes => eyes.iter().map(|n| (*n, mask.clone())).collect(),
    }
}

/// How many samples further right the second view shows what lies between these sides in the first.
fn disparity(views: &[EditView<'_>], sides: [f32; 4]) -> f32 {
    let [first, second] = views else { return 0.0 };
    shift(first.luma, second.luma, sides, (REACH * first.luma.width() as f32) as usize)
}

/// A stroke in each view that it is for, on the frame on which it was painted.
fn painted(
    stroke: &StrokeEdit,
    views: &[EditView<'_>],
    (width, height): (usize, usize),
    right_first: bool,
) -> Vec<Option<Brush>> {
    let points = stroke.points.iter().map(|[x, y]| [(x * width as f64) as f32, (y * height as f64) as f32]);
    let brush = Brush::new(points, (stroke.width * height as f64 / 2.0) as f32);
    let eyes = stroke.eye.numbers(views.len(), right_first);
    let by = match (stroke.eye, bounds(&brush.mask((width, height), Borders::Clamp))) {
        (EditEye::Both, Some(sides)) => disparity(views, sides),
        _ => 0.0,
    };
    let one = |eye: usize| {
        let by = if eye == 1 { by } else { 0.0 };
        let points = brush.points.iter().map(|[x, y]| [x + by, *y]).collect();
        eyes.contains(&eye).then_some(Brush { points, radius: brush.radius })
    };
    (0..views.len()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Seconds;

    const SIDE: usize = 96;

    /// A textured picture moved to the right and down.
    fn luma(right: f32, down: f32) -> Plane<f32> {
        let value = |i: usize| {
            let (x, y) = ((i % SIDE) as f32 - right, (i / SIDE) as f32 - down);
            0.5 + 0.2 * (0.11 * x).sin() * (0.17 * y).cos() + 0.2 * (0.05 * x + 0.08 * y).sin() + 0.1 * (0.4 * x).sin()
        };
        Plane::from_vec((0..SIDE * SIDE).map(value).collect(), SIDE, SIDE)
    }

    fn masks(text: &str, views: usize) -> EditMasks {
        let edits = super::super::read_text(text).unwrap();
        let surface = Surface::new(None, 960, 960);
        EditMasks::new(&edits, surface, (SIDE, SIDE), views, (EyeOrder::LeftFirst, Borders::Clamp), 10.0).unwrap()
    }

    /// The mattes of a frame with these lumas, all of this alpha before.
    fn after(masks: &mut EditMasks, lumas: &[Plane<f32>], alpha: f32, seconds: f64, cut: bool) -> Vec<Plane<f32>> {
        let mut alphas = vec![Plane::from_vec(vec![alpha; SIDE * SIDE], SIDE, SIDE); lumas.len()];
        let mut views: Vec<_> = lumas.iter().zip(&mut alphas).map(|(luma, alpha)| EditView { luma, alpha }).collect();
        masks.apply(&mut views, seconds, cut);
        alphas
    }

    fn middle(alpha: &Plane<f32>, keep: bool) -> Option<[f32; 2]> {
        let set = Plane::from_vec(alpha.data().iter().map(|a| if keep { *a } else { 1.0 - a }).collect(), SIDE, SIDE);
        bounds(&set).map(|[l, t, r, b]| [(l + r) / 2.0, (t + b) / 2.0])
    }

    #[test]
    fn areas_count_in_their_time_and_follow_the_disparity() {
        let text = "regions: [{action: remove, from: 1, to: 2, rect: [0.4, 0.4, 0.2, 0.2]}]";
        let mut masks = masks(text, 2);
        let lumas = [luma(0.0, 0.0), luma(4.0, 0.0)];
        for t in [0.9, 2.0] {
            assert!(after(&mut masks, &lumas, 1.0, t, false).iter().all(|a| a.data().iter().all(|v| *v == 1.0)));
        }
        let alphas = after(&mut masks, &lumas, 1.0, 1.0, false);
        let [first, second] = [0, 1].map(|i| middle(&alphas[i], false).unwrap());
        assert_eq!([second[0] - first[0], second[1] - first[1]], [4.0, 0.0]);
    }

    #[test]
    fn several_only_areas_are_one() {
        let text = "regions: [{action: only, rect: [0, 0, 0.25, 1]}, {action: only, rect: [0.75, 0, 0.25, 1]}]";
        let alpha = &after(&mut masks(text, 1), &[luma(0.0, 0.0)], 1.0, 0.0, false)[0];
        let row = &alpha.data()[..SIDE];
        assert_eq!([row[0], row[23], row[24], row[71], row[72], row[95]], [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn strokes_follow_motion_until_their_end_or_a_cut() {
        let text = "strokes: [{action: keep, at: 0.2, frames: 4, width: 0.2, points: [[0.4, 0.4]]}]";
        for cut_at in [None, Some(4)] {
            let mut masks = masks(text, 1);
            let mut found = Vec::new();
            for n in 0..8 {
                let picture = luma(3.0 * n as f32, n as f32);
                let alphas = after(&mut masks, &[picture], 0.0, 0.1 * f64::from(n), cut_at == Some(n));
                found.push(middle(&alphas[0], true));
            }
            let shown: Vec<_> = found.iter().map(Option::is_some).collect();
            let last = cut_at.map_or(6, |n| n as usize);
            assert_eq!(shown, (0..8).map(|n| n >= 2 && n < last).collect::<Vec<_>>());
            let [a, b] = [found[2].unwrap(), found[last - 1].unwrap()];
            let steps = (last - 3) as f32;
            assert!((b[0] - a[0] - 3.0 * steps).abs() < 1.5 && (b[1] - a[1] - steps).abs() < 1.5, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_run_that_resumes_goes_on_with_the_strokes() {
        let text = "strokes: [{action: keep, at: 0.2, frames: 30, width: 0.2, points: [[0.4, 0.4]]}]";
        let picture = |n: i32| [luma(3.0 * n as f32, n as f32)];
        let mut whole = masks(text, 1);
        let mut second = masks(text, 1);
        for n in 0..12 {
            let expected = after(&mut whole, &picture(n), 0.0, 0.1 * f64::from(n), false);
            if n == 5 {
                let state = whole.state().unwrap();
                let json = serde_json::to_string(&state).unwrap();
                let mut read: StrokeState = serde_json::from_str(&json).unwrap();
                read.luma.clone_from(&state.luma);
                assert_eq!(read, state);
                second.restore(Some(&read));
            }
            if n > 5 {
                assert_eq!(after(&mut second, &picture(n), 0.0, 0.1 * f64::from(n), false), expected, "{n}");
            }
        }
        // A run that begins behind a stroke knows nothing of it.
        let mut late = masks(text, 1);
        assert_eq!(middle(&after(&mut late, &picture(0), 0.0, 9.0, false)[0], true), None);
        assert_eq!(late.edits.strokes[0].at, Seconds(0.2));
    }

    #[test]
    fn edits_for_one_eye_find_it_by_the_eye_order() {
        for (order, eye, view) in [
            (EyeOrder::LeftFirst, "left", 0),
            (EyeOrder::LeftFirst, "right", 1),
            (EyeOrder::RightFirst, "left", 1),
            (EyeOrder::RightFirst, "right", 0),
        ] {
            let text = format!("regions: [{{action: remove, rect: [0, 0, 1, 1], eye: {eye}}}]");
            let mut masks = masks(&text, 2);
            masks.right_first = order == EyeOrder::RightFirst;
            let alphas = after(&mut masks, &[luma(0.0, 0.0), luma(0.0, 0.0)], 1.0, 0.0, false);
            let removed: Vec<_> = alphas.iter().map(|a| a.data()[0] == 0.0).collect();
            assert_eq!(removed, [view == 0, view == 1], "{order:?} {eye}");
        }
    }
}
