//! Corrections by hand: people to hide, areas and brush strokes to remove or keep, matte settings for a time. Read from an
//! edits file ([`read`]), carried by the job, applied after the models have run: cached mattes stay valid.

mod file;
mod masks;

pub use file::{EditsError, read, read_text};
pub(crate) use masks::REACH;
pub use masks::{EditMasks, EditView, StrokeState};

use crate::time::Seconds;
use serde::{Deserialize, Serialize};
pub use vrseg_image::edits::Action;
use vrseg_image::edits::{Area, PathPoint, PersonPath};
use vrseg_image::matte::MatteOptions;
use vrseg_image::matte::people::{Region, Surface};

/// The file format's version that this program writes.
pub const VERSION: u32 = 1;
/// Frames that a stroke follows what it was painted on, where the file doesn't say.
const STROKE_FRAMES: u32 = 25;

/// All edits of a video.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// [`VERSION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The people who were found, and whether they are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonEdit>,
    /// Areas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<RegionEdit>,
    /// Matte settings for a time; later ones win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingsEdit>,
    /// Brush strokes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strokes: Vec<StrokeEdit>,
}

/// A person, from entering to leaving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEdit {
    /// The number that `vrseg people` gave.
    pub person: u32,
    /// False: hidden all the time.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub show: bool,
    /// From and to of times in which the person is hidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<(Seconds, Seconds)>,
    /// Where the person is: seconds; then in VR degrees to the right and up of the middle, and its width and height in
    /// degrees; in flat video middle, width and height as shares of the picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<[f64; 5]>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_yes(value: &bool) -> bool {
    *value
}

/// For which eyes an edit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditEye {
    /// Both: in the second eye it is where that eye sees what lies there.
    #[default]
    Both,
    /// Both, at the same place.
    Same,
    /// The left eye.
    Left,
    /// The right eye.
    Right,
}

impl EditEye {
    /// Numbers of the views that an edit is for, of `views`.
    pub(crate) fn numbers(self, views: usize, right_first: bool) -> Vec<usize> {
        match (self, views) {
            (Self::Left, 2) => vec![usize::from(right_first)],
            (Self::Right, 2) => vec![usize::from(!right_first)],
            _ => (0..views).collect(),
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An area for a time. It has exactly one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionEdit {
    /// What is done with it.
    pub action: Action,
    /// When it begins; the start of the video by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Seconds>,
    /// When it ends; the end of the video by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Seconds>,
    /// Left edge, top edge, width and height as shares of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rect: Option<[f64; 4]>,
    /// Corners as shares of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polygon: Option<Vec<[f64; 2]>>,
    /// The middle in degrees to the right and up, width and height in degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sphere_rect: Option<[f64; 4]>,
    /// Corners in degrees to the right and up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sphere_polygon: Option<Vec<[f64; 2]>>,
    /// The eyes.
    #[serde(default, skip_serializing_if = "EditEye::is_default")]
    pub eye: EditEye,
}

impl RegionEdit {
    /// A rectangle (left, top, right, bottom as shares of the view) at the same place of both eyes: what `--include` and
    /// `--exclude` say.
    pub fn rectangle(action: Action, sides: [f32; 4], from: f64, to: Option<f64>) -> Self {
        let [left, top, right, bottom] = sides.map(f64::from);
        Self {
            action,
            from: (from > 0.0).then_some(Seconds(from)),
            to: to.map(Seconds),
            rect: Some([left, top, right - left, bottom - top]),
            polygon: None,
            sphere_rect: None,
            sphere_polygon: None,
            eye: EditEye::Same,
        }
    }

    /// Whether it counts at a time.
    pub(crate) fn is_active(&self, seconds: f64) -> bool {
        within(self.from, self.to, seconds)
    }

    /// Its shape; `None` where it has none.
    pub fn area(&self) -> Option<Area> {
        if let Some([x, y, w, h]) = self.rect {
            return Some(Area::Rectangle([x, y, x + w, y + h].map(|v| v as f32)));
        }
        if let Some(corners) = &self.polygon {
            return Some(Area::Polygon(corners.clone()));
        }
        if let Some([yaw, pitch, w, h]) = self.sphere_rect {
            let (w, h) = (w / 2.0, h / 2.0);
            // In steps below half a turn, so that its edges go the right way around.
            let across = [-w, -w / 3.0, w / 3.0, w];
            let above = across.map(|x| [yaw + x, (pitch + h).min(90.0)]);
            let below = across.map(|x| [yaw - x, (pitch - h).max(-90.0)]);
            return Some(Area::SpherePolygon(above.into_iter().chain(below).collect()));
        }
        self.sphere_polygon.clone().map(Area::SpherePolygon)
    }
}

/// Matte settings for a time; those that are not named stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsEdit {
    /// When they begin; the start of the video by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Seconds>,
    /// When they end; the end of the video by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Seconds>,
    /// As `--threshold`, 0..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// As `--grow`, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grow: Option<i32>,
    /// As `--feather`, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feather: Option<f64>,
    /// False: as `--no-refine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refine: Option<bool>,
    /// As `--stabilize`, 0..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilize: Option<f64>,
}

/// A brush stroke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrokeEdit {
    /// [`Action::Keep`] or [`Action::Remove`].
    pub action: Action,
    /// The time of the frame on which it was painted.
    pub at: Seconds,
    /// Frames that it follows what it was painted on, unless a cut comes first.
    #[serde(default = "stroke_frames")]
    pub frames: u32,
    /// Width of the brush as a share of the view's height.
    pub width: f64,
    /// The line as shares of the view.
    pub points: Vec<[f64; 2]>,
    /// The eyes.
    #[serde(default, skip_serializing_if = "EditEye::is_default")]
    pub eye: EditEye,
}

fn stroke_frames() -> u32 {
    STROKE_FRAMES
}

/// Frames before a single moment through which strokes are followed at most.
pub const MAX_LEAD: f64 = 500.0;

/// Times of frames and edits may differ by this many seconds: both are rounded somewhere.
pub(crate) const ROUNDING: f64 = 0.002;

/// Whether a frame's time lies between two others; open ones are the video's start and end.
fn within(from: Option<Seconds>, to: Option<Seconds>, seconds: f64) -> bool {
    let seconds = seconds + ROUNDING;
    from.is_none_or(|from| from.0 <= seconds) && to.is_none_or(|to| seconds < to.0)
}

impl Edits {
    /// Whether nothing is changed. (People who are only listed are not.)
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty() && self.settings.is_empty() && self.strokes.is_empty() && !self.hides_people()
    }

    /// Whether somebody is hidden at some time.
    pub fn hides_people(&self) -> bool {
        self.people.iter().any(|p| !p.show || !p.hide.is_empty())
    }

    /// The regions in which the models are to find somebody at a time.
    pub(crate) fn finds(&self, seconds: f64) -> Vec<&RegionEdit> {
        self.regions.iter().filter(|r| r.action == Action::Find && r.is_active(seconds)).collect()
    }

    /// The text of an edits file, `title` above it as comments, and above each person what `about` says.
    pub fn to_text(&self, title: &str, about: impl Fn(&PersonEdit) -> Option<String>) -> String {
        file::text(self, title, about)
    }

    /// What is changed, in a few words: `2 people hidden, 1 region`.
    pub fn summary(&self) -> String {
        let hidden = self.people.iter().filter(|p| !p.show || !p.hide.is_empty()).count();
        let count =
            |n: usize, one: &str, more: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { more }));
        let parts = [
            count(hidden, "person hidden", "people hidden"),
            count(self.regions.len(), "region", "regions"),
            count(self.settings.len(), "settings range", "settings ranges"),
            count(self.strokes.len(), "stroke", "strokes"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What these edits need that a video doesn't have: views on the sphere, or two eyes.
    ///
    /// # Errors
    /// The entry and what to use instead.
    pub fn check_for(&self, spherical: bool, views: usize) -> Result<(), String> {
        let eye = |section: &str, n: usize, eye: EditEye| match eye {
            EditEye::Left | EditEye::Right if views == 1 => {
                Err(format!("edits: {section}[{n}]: eye: this video has one view; omit eye"))
            }
            _ => Ok(()),
        };
        for (n, region) in self.regions.iter().enumerate() {
            if !spherical && (region.sphere_rect.is_some() || region.sphere_polygon.is_some()) {
                return Err(format!(
                    "edits: regions[{n}]: sphere coordinates need VR video, and this one is flat; use rect or polygon"
                ));
            }
            eye("regions", n, region.eye)?;
        }
        self.strokes.iter().enumerate().try_for_each(|(n, stroke)| eye("strokes", n, stroke.eye))
    }

    /// What regions in which somebody is to be found need: models on person crops, and a size that one looks at.
    ///
    /// # Errors
    /// The entry and what to do instead.
    pub fn check_finds(&self, surface: &Surface, on_crops: bool) -> Result<(), String> {
        let finds = self.regions.iter().enumerate().filter(|(_, r)| r.action == Action::Find);
        for (n, region) in finds {
            if !on_crops {
                return Err(format!(
                    "edits: regions[{n}]: find needs a model on person crops, and this job's sees whole views; omit \
                     --crops off, --view and --model"
                ));
            }
            if region.area().and_then(|area| area.region(surface)).is_none() {
                return Err(format!(
                    "edits: regions[{n}]: find: there is no person of that shape; draw it around one person, from head \
                     to feet"
                ));
            }
        }
        Ok(())
    }

    /// The matte settings at a time.
    pub fn options_at(&self, base: MatteOptions, seconds: f64) -> MatteOptions {
        let now = self.settings.iter().filter(|s| within(s.from, s.to, seconds));
        now.fold(base, |mut options, s| {
            options.threshold = s.threshold.map(|t| t as f32).or(options.threshold);
            options.grow = s.grow.unwrap_or(options.grow);
            options.feather = s.feather.map_or(options.feather, |px| px as f32);
            options.refine = s.refine.unwrap_or(options.refine);
            options.stabilize = s.stabilize.map_or(options.stabilize, |s| s as f32);
            options
        })
    }

    /// The time at which the first stroke was painted that may still be followed at `seconds`, in a video of `fps` (above 0).
    pub fn first_stroke(&self, seconds: f64, fps: f64) -> Option<f64> {
        let reaches = |s: &&StrokeEdit| s.at.0 < seconds && s.at.0 + f64::from(s.frames) / fps >= seconds;
        self.strokes.iter().filter(reaches).map(|s| s.at.0).min_by(f64::total_cmp)
    }
}

impl PersonEdit {
    /// Whether the person is hidden at a time.
    pub fn is_hidden(&self, seconds: f64) -> bool {
        !self.show || self.hide.iter().any(|(from, to)| within(Some(*from), Some(*to), seconds))
    }

    /// The path on a surface.
    pub fn path_on(&self, surface: &Surface) -> PersonPath {
        PersonPath { points: self.path.iter().map(|point| path_point(point, surface)).collect() }
    }
}

/// A point of a path as the file has it, on a surface.
fn path_point([seconds, x, y, w, h]: &[f64; 5], surface: &Surface) -> PathPoint {
    if !surface.is_spherical() {
        let (width, height) = surface.size();
        let region = Region { center: [x * width, y * height, 0.0], half: [w * width / 2.0, h * height / 2.0] };
        return PathPoint { seconds: *seconds, region };
    }
    let ((sin, cos), (down, level)) = (x.to_radians().sin_cos(), (-y).to_radians().sin_cos());
    let tangent = |degrees: f64| (degrees.clamp(0.0, 170.0) / 2.0).to_radians().tan();
    let region = Region { center: [level * sin, down, level * cos], half: [tangent(*w), tangent(*h)] };
    PathPoint { seconds: *seconds, region }
}

/// The opposite of a path's point: what the file has for a person's box at a time.
pub fn file_point(seconds: f64, region: &Region, surface: &Surface) -> [f64; 5] {
    let [x, y, z] = region.center;
    let [w, h] = region.half;
    let rounded = |v: f64, digits: f64| (v * digits).round() / digits;
    let seconds = rounded(seconds, 1000.0);
    if !surface.is_spherical() {
        let (width, height) = surface.size();
        let share = |v: f64, of: f64| rounded(v / of, 10000.0);
        return [seconds, share(x, width), share(y, height), share(2.0 * w, width), share(2.0 * h, height)];
    }
    let degrees = |v: f64| rounded(v.to_degrees(), 10.0) + 0.0;
    let up = -y.clamp(-1.0, 1.0).asin();
    [seconds, degrees(x.atan2(z)), degrees(up), degrees(2.0 * w.atan()), degrees(2.0 * h.atan())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::vr::Lens;

    #[test]
    fn points_of_paths_come_back_from_the_file() {
        let cases = [
            (Surface::new(None, 1920, 1080), Region { center: [480.0, 540.0, 0.0], half: [96.0, 270.0] }),
            (
                Surface::new(Some(Lens::HalfEquirectangular), 2000, 2000),
                Region { center: [0.36, 0.48, 0.8], half: [0.1, 0.35] },
            ),
        ];
        for (surface, region) in cases {
            let point = file_point(1.5, &region, &surface);
            let back = path_point(&point, &surface);
            assert!(surface.overlap(&back.region, &region) > 0.98, "{point:?} {back:?}");
            assert!((back.seconds - 1.5).abs() < 1e-9);
        }
        let straight = file_point(0.0, &Region { center: [0.0, 0.0, 1.0], half: [1.0, 1.0] }, &cases_surface());
        assert_eq!(straight, [0.0, 0.0, 0.0, 90.0, 90.0]);
    }

    fn cases_surface() -> Surface {
        Surface::new(Some(Lens::Equirectangular), 720, 360)
    }

    #[test]
    fn later_settings_win_and_only_in_their_time() {
        let edits = Edits {
            settings: vec![
                SettingsEdit { grow: Some(2), feather: Some(1.0), ..SettingsEdit::default() },
                SettingsEdit {
                    from: Some(Seconds(1.0)),
                    to: Some(Seconds(2.0)),
                    grow: Some(-3),
                    refine: Some(false),
                    threshold: Some(0.5),
                    ..SettingsEdit::default()
                },
            ],
            ..Edits::default()
        };
        let at = |t| edits.options_at(MatteOptions::default(), t);
        assert_eq!((at(0.9).grow, at(0.9).refine, at(0.9).threshold), (2, true, None));
        assert_eq!((at(1.0).grow, at(1.0).feather, at(1.0).refine), (-3, 1.0, false));
        assert_eq!((at(1.99).threshold, at(2.0).threshold), (Some(0.5), None));
    }

    #[test]
    fn regions_that_are_no_person_are_refused() {
        let find = |rect: &str| read_text(&format!("regions: [{{action: find, rect: {rect}}}]")).unwrap();
        let ball = cases_surface();
        assert_eq!(find("[0.4, 0.3, 0.1, 0.4]").check_finds(&ball, true), Ok(()));
        for (rect, on_crops, why) in [("[0.4, 0.3, 0.1, 0.4]", false, "person crops"), ("[0, 0, 1, 1]", true, "shape")]
        {
            let refused = find(rect).check_finds(&ball, on_crops).unwrap_err();
            assert!(refused.starts_with("edits: regions[0]: find") && refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn listed_people_alone_change_nothing() {
        let person = |show, hide: &[(f64, f64)]| PersonEdit {
            person: 1,
            show,
            hide: hide.iter().map(|(a, b)| (Seconds(*a), Seconds(*b))).collect(),
            path: vec![[0.0; 5]],
        };
        let edits = |p| Edits { people: vec![p], ..Edits::default() };
        assert!(edits(person(true, &[])).is_empty());
        assert!(!edits(person(false, &[])).is_empty());
        let sometimes = person(true, &[(1.0, 2.0)]);
        assert!(!edits(sometimes.clone()).is_empty());
        assert_eq!([0.9, 1.0, 2.0].map(|t| sometimes.is_hidden(t)), [false, true, false]);
    }

    #[test]
    fn the_first_stroke_that_still_counts_is_found() {
        let stroke = |at, frames| StrokeEdit {
            action: Action::Keep,
            at: Seconds(at),
            frames,
            width: 0.1,
            points: vec![[0.5, 0.5]],
            eye: EditEye::Both,
        };
        let edits = Edits { strokes: vec![stroke(4.0, 50), stroke(3.0, 25), stroke(1.0, 25)], ..Edits::default() };
        assert_eq!(edits.first_stroke(4.0, 25.0), Some(3.0));
        assert_eq!(edits.first_stroke(5.5, 25.0), Some(4.0));
        assert_eq!(edits.first_stroke(7.0, 25.0), None);
        assert_eq!(edits.first_stroke(0.5, 25.0), None);
    }
}
