//! Finding people and following them: where the windows of each frame are. Everything that depends on the frame before
//! is in [`PeopleLocator`], and it works on one frame after the other, ahead of the model: mattes decide nothing here.

mod added;
mod changes;
mod detect;
mod hidden;
mod numbers;
mod schedule;
mod state;
mod verify;

pub use added::AddedPeople;
pub use hidden::HiddenPeople;
pub use numbers::PersonNumbers;
pub use state::PeopleState;

use crate::edits::REACH;
use crate::error::Result;
use crate::plan::{PeoplePlan, SmallView, Views};
use crate::spec::PeopleToKeep;
use changes::Changes;
use schedule::Schedule;
use verify::{CropSource, Verifier};
use vrseg_image::matte::people::{
    Region, SAME_PERSON, SourceFormat, Surface, Track, Tracks, Trust, Window, WindowSampler, detector_views,
    merge_views, shift, shown,
};
use vrseg_image::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};
use vrseg_image::vr::Lens;
use vrseg_infer::Detector;
use vrseg_infer::provider::SessionOptions;

/// Cells of an eye that must have changed in a view for the detector to be run on it soon.
const CHANGED: usize = 2;
/// Who has this share of their box in a view should be found there, and with this one is whole in it.
const EXPECTED: f64 = 0.7;
const WHOLE: f64 = 0.95;

/// A person in an eye of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FramePerson {
    /// Their track's number, unique within a job.
    pub track: u64,
    /// The eye, 0 being the first.
    pub eye: usize,
    /// The box around them.
    pub region: Region,
    /// The box that their crops are made for, which moves less.
    pub crop_region: Region,
    /// Weight of their matte, above 0, at most 1.
    pub strength: f32,
    /// The detector was sure of them.
    pub sure: bool,
    /// Edits hide them at this time. Models run on them all the same: so cached mattes don't depend on edits.
    pub hidden: bool,
}

/// What was found in a frame.
#[derive(Debug, Default)]
pub struct FoundPeople {
    /// The people in it, those of each track in all eyes.
    pub people: Vec<FramePerson>,
    /// Who is among them and wasn't among those of the frame before, to be followed back by [`PeopleLocator::before`]. Empty
    /// where that wasn't requested.
    pub appeared: Vec<Track>,
}

impl FramePerson {
    /// Whether they were added by hand, and not detected.
    pub fn is_added(&self) -> bool {
        self.track >= added::FIRST_TRACK
    }
}

/// Finds people and follows them.
pub struct PeopleLocator {
    detector: Detector,
    /// Confirms people the detector isn't sure about, where there are models for that.
    verifier: Option<Verifier>,
    /// What the detector is run on.
    views: Vec<Window>,
    schedule: Schedule,
    every: u32,
    tracks: Tracks,
    changes: Changes,
    keep: PeopleToKeep,
    surface: Surface,
    rects: Vec<Rect>,
    form: SourceFormat,
    sampler: WindowSampler,
    /// The detector's input.
    picture: Vec<f32>,
}

impl PeopleLocator {
    /// Loads the detector for the views of a job.
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn new(
        plan: &PeoplePlan,
        options: &SessionOptions,
        views: &Views,
        lens: Option<Lens>,
        (layout, color): (YuvLayout, YuvColor),
    ) -> Result<Self> {
        let options = &options.for_helper();
        let surface = views.surface(lens);
        let detector_views = detector_views(&surface, lens);
        let verifier = plan.verification.as_ref().map(|models| Verifier::new(models, &surface, options)).transpose()?;
        Ok(Self {
            verifier,
            detector: Detector::load(&plan.detector, options)?,
            schedule: Schedule::new(detector_views.len()),
            views: detector_views,
            every: plan.every,
            tracks: Tracks::new(),
            changes: Changes::default(),
            keep: plan.keep,
            surface,
            rects: views.rects.clone(),
            form: SourceFormat { layout, color },
            sampler: WindowSampler::default(),
            picture: Vec::new(),
        })
    }

    /// What was done since the last call because a device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.detector.take_notes();
        notes.extend(self.verifier.iter_mut().flat_map(Verifier::take_notes));
        notes
    }

    /// What is known before the next frame.
    pub fn state(&self) -> PeopleState {
        PeopleState { tracks: self.tracks.clone(), schedule: self.schedule.clone(), changes: self.changes.clone() }
    }

    /// Resumes from there; `None`: nothing is known.
    pub fn restore(&mut self, state: Option<&PeopleState>) {
        let nothing = || PeopleState {
            tracks: Tracks::new(),
            schedule: Schedule::new(self.views.len()),
            changes: Changes::default(),
        };
        PeopleState { tracks: self.tracks, schedule: self.schedule, changes: self.changes } =
            state.cloned().unwrap_or_else(nothing);
    }

    /// Follows somebody back to the frame before, which has these people and `views`: what is to be added to its people.
    /// `None`: they aren't in the picture there, or they are one of the people.
    pub fn before(&self, track: &mut Track, people: &[FramePerson], views: &[SmallView]) -> Option<Vec<FramePerson>> {
        let seen = track.step_back(&self.surface, &views.first()?.yuv.y);
        let region = track.region_in(&self.surface, 0);
        let known = |p: &FramePerson| p.eye == 0 && self.surface.overlap(&p.region, &region) >= SAME_PERSON;
        if !seen || people.iter().any(known) {
            return None;
        }
        Some((0..views.len()).map(|eye| self.in_eye(track, eye)).collect())
    }

    /// The people in a frame, those of each track in all eyes. `cells`: the first eye's mean luma in each of some cells.
    /// `cut`: it is the first frame of a scene. `look_back`: who appears is followed back, so nobody is faded in.
    ///
    /// # Errors
    /// What the detector says.
    pub fn find(
        &mut self,
        planes: &Yuv<'_>,
        views: &[SmallView],
        cells: &Plane<f32>,
        cut: bool,
        look_back: bool,
    ) -> Result<FoundPeople> {
        if cut {
            self.tracks.reset();
            self.schedule.restart();
        }
        let Some(first) = views.first() else { return Ok(FoundPeople::default()) };
        let before = self.weighted();
        self.tracks.step(&self.surface, &first.yuv.y);
        self.run_detector(planes, views, cells)?;
        self.tracks.finish(&self.surface, &first.yuv.y);
        let mut appeared = Vec::new();
        if look_back {
            let new: Vec<_> = self.weighted().into_iter().filter(|id| !before.contains(id)).collect();
            new.iter().for_each(|id| self.tracks.show(*id));
            appeared.extend(self.tracks.all().iter().filter(|t| new.contains(&t.id)).map(Track::backward));
        }
        let shown_tracks = match self.keep {
            PeopleToKeep::All => None,
            PeopleToKeep::Largest(n) => Some(self.tracks.largest(n as usize)),
        };
        let shown = |t: &&Track| t.strength > 0.0 && shown_tracks.as_ref().is_none_or(|ids| ids.contains(&t.id));
        let people = self.tracks.all().iter().filter(shown);
        let people = people.flat_map(|track| (0..views.len()).map(|eye| self.in_eye(track, eye))).collect();
        Ok(FoundPeople { people, appeared })
    }

    /// A person in that eye.
    fn in_eye(&self, track: &Track, eye: usize) -> FramePerson {
        FramePerson {
            track: track.id,
            eye,
            region: track.region_in(&self.surface, eye),
            crop_region: track.crop_region_in(&self.surface, eye),
            strength: track.strength,
            sure: track.is_certain(),
            hidden: false,
        }
    }

    /// Numbers of the tracks that have a weight.
    fn weighted(&self) -> Vec<u64> {
        self.tracks.all().iter().filter(|t| t.strength > 0.0).map(|t| t.id).collect()
    }

    /// Runs the detector on the views that its schedule names.
    fn run_detector(&mut self, planes: &Yuv<'_>, views: &[SmallView], cells: &Plane<f32>) -> Result<()> {
        let fresh = self.schedule.is_fresh();
        let doubtful = self.tracks.all().iter().filter(|t| t.is_doubtful());
        let doubtful: Vec<_> = doubtful.filter_map(|t| self.best_view(&t.region)).collect();
        // Something moves where nobody is followed: somebody may have come in.
        let moving = self.changes.update(&self.surface, cells, &self.tracks);
        let shows = |view: &Window| moving.iter().filter(|spot| view.shows(&self.surface, **spot)).count();
        let moving: Vec<_> = (0..self.views.len()).filter(|view| shows(&self.views[*view]) >= CHANGED).collect();
        let passes = self.schedule.next(self.every, &doubtful, &moving);
        if passes.is_empty() {
            return Ok(());
        }
        let mut boxes = Vec::new();
        for view in &passes {
            boxes.extend(self.detect(planes, *view)?);
        }
        if passes.len() > 1 {
            boxes = merge_views(&self.surface, boxes);
        }
        let mut tracks = std::mem::take(&mut self.tracks);
        let expected = |t: &Track| self.best_view(&t.region).is_some_and(|view| passes.contains(&view));
        let new = tracks.found(&self.surface, &boxes, expected, self.trust(), fresh);
        self.tracks = tracks;
        self.verify(planes, fresh)?;
        if let [first, second] = views {
            self.measure_shifts(first, second, &new);
        }
        Ok(())
    }

    /// Which scores of the detector count.
    fn trust(&self) -> Trust {
        if self.verifier.is_some() { Trust::VERIFIED } else { Trust::DETECTOR_ALONE }
    }

    /// People the detector isn't sure about are confirmed, or not: all of them where a scene begins (`fresh`), else one person
    /// a frame.
    fn verify(&mut self, planes: &Yuv<'_>, fresh: bool) -> Result<()> {
        let Some(verifier) = &mut self.verifier else { return Ok(()) };
        let mut source =
            CropSource { planes, form: self.form, eye: (&self.surface, self.rects[0]), sampler: &mut self.sampler };
        while let Some(track) = self.tracks.unverified() {
            let (id, seen) = (track.id, verifier.verify(track, &mut source)?);
            self.tracks.verify(&self.surface, id, seen, fresh);
            if !fresh {
                break;
            }
        }
        Ok(())
    }

    /// The view that shows somebody best, the closest of those that show them whole; `None` where none shows enough to
    /// expect that the detector finds them.
    fn best_view(&self, region: &Region) -> Option<usize> {
        let shares = self.views.iter().map(|view| self.surface.covered(region, &shown(view)).min(WHOLE));
        let closer = |a: usize, b: usize| self.views[b].half.total_cmp(&self.views[a].half).then(b.cmp(&a));
        let best = shares.enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| closer(a.0, b.0)));
        best.filter(|(_, share)| *share >= EXPECTED).map(|(view, _)| view)
    }

    /// How far apart the two eyes see everybody.
    fn measure_shifts(&mut self, first: &SmallView, second: &SmallView, new: &[u64]) {
        for track in self.tracks.all_mut() {
            let by = disparity(&self.surface, &track.region, first, second);
            track.set_shift(by, new.contains(&track.id));
        }
    }
}

/// How many pixels further right the second eye shows what lies in a box of the first.
fn disparity(surface: &Surface, region: &Region, first: &SmallView, second: &SmallView) -> f64 {
    let (luma, (width, height)) = (&first.yuv.y, surface.size());
    let (sx, sy) = (luma.width() as f64 / width, luma.height() as f64 / height);
    let [left, top, right, bottom] = surface.bounds(region);
    let sides = [left * sx, top * sy, right * sx, bottom * sy].map(|v| v as f32);
    f64::from(shift(luma, &second.yuv.y, sides, (REACH * luma.width() as f32) as usize)) / sx
}
