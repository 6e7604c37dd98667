//! Fifth stage: brings the mattes of windows back onto their eyes, lets the mattes of two eyes meet, stabilizes the small
//! mattes over time and fetches each frame's background. The one place after the model where frames depend on the
//! frame before.

use super::{Backdrop, Spare};
use crate::edits::{EditMasks, EditView, Edits};
use crate::error::Result;
use crate::events::{Preview, PreviewFrame};
use crate::frame::{MattedFrame, Place, PreparedFrame, SourceClock, TemporalState};
use crate::graph::Stage;
use crate::people::FramePerson;
use crate::plan::SmallView;
use std::sync::Arc;
use vrseg_image::matte::people::{PersonLayers, PersonMatte, Surface, Window, divide};
use vrseg_image::matte::person_filter::PersonFilter;
use vrseg_image::matte::stereo::StereoFusion;
use vrseg_image::matte::windows::{Blender, Windows};
use vrseg_image::matte::{MatteOptions, Stabilizer, propagate};
use vrseg_image::plane::{Matrix, Plane};

/// What the stage knows of the frames before.
pub struct Matte<'a> {
    /// Those of each view.
    pub windows: Arc<Windows>,
    /// Brings their mattes back.
    pub blender: Blender,
    /// Where people are told apart, what brings their mattes onto the eyes, or omits who isn't to be shown.
    pub people: Option<PeopleMattes>,
    /// The user's filter of people.
    pub filter: PersonFilter,
    /// The user's areas and brush strokes.
    pub edits: Option<EditMasks>,
    /// The time in the source.
    pub clock: SourceClock,
    /// Degrees that a view shows from top to bottom; `None`: a flat picture.
    pub degrees: Option<f32>,
    /// Makes the mattes of the two eyes of a frame agree, where that is requested.
    pub stereo: Option<StereoFusion>,
    /// For each view the last frame's matte before it was stabilized, where mattes may be propagated; else empty.
    pub last: Vec<Plane<f32>>,
    /// One for each view; none where nothing is to be stabilized.
    pub stabilizers: Vec<Stabilizer>,
    /// How strong they are at a time.
    pub smoothing: Smoothing,
    /// For each output, where its background comes from.
    pub backgrounds: Vec<Option<Backdrop>>,
    /// How the source's colors are coded.
    pub matrix: Matrix,
    /// Time stamp of the job's first frame; `None`: the first that comes.
    pub first_pts: Option<i64>,
    /// What the eyes' mattes are made of.
    pub planes: Spare<Plane<f32>>,
    /// Shown to whoever watches the job.
    pub preview: &'a Preview,
}

/// How strong temporal smoothing is, at each time.
pub struct Smoothing {
    options: MatteOptions,
    /// Where they change the strength.
    edits: Option<Edits>,
    /// The model keeps a state from frame to frame.
    recurrent: bool,
}

impl Smoothing {
    /// As `options` and, at their times, `edits` have it.
    pub fn new(options: MatteOptions, edits: &Edits, recurrent: bool) -> Self {
        let changes = edits.settings.iter().any(|s| s.stabilize.is_some());
        let edits = changes.then(|| Edits { settings: edits.settings.clone(), ..Edits::default() });
        Self { options, edits, recurrent }
    }

    /// Nothing is ever smoothed.
    pub fn is_off(&self) -> bool {
        let changes = self.edits.iter().flat_map(|e| &e.settings).any(|s| s.stabilize.is_some_and(|s| s > 0.0));
        self.options.smoothing(self.recurrent) <= 0.0 && !changes
    }

    /// A stabilizer as it is where no edit changes it.
    pub fn stabilizer(&self) -> Stabilizer {
        Stabilizer::new(self.options.smoothing(self.recurrent))
    }

    /// Gives stabilizers their strength at a time.
    fn set(&self, stabilizers: &mut [Stabilizer], seconds: f64) {
        let Some(edits) = &self.edits else { return };
        let strength = edits.options_at(self.options, seconds).smoothing(self.recurrent);
        stabilizers.iter_mut().for_each(|s| s.set_strength(strength));
    }
}

/// Brings the mattes of people onto the eyes.
pub struct PeopleMattes {
    surface: Surface,
    layers: PersonLayers,
    /// Whether each model remembers the frames before, and the margin of its windows; none where the model saw whole
    /// views.
    crop_models: Vec<(bool, f64)>,
    /// Whole views show nobody but the people who were found.
    limits: bool,
    /// The parts of a whole view in which somebody is who is to be shown.
    shown: Plane<f32>,
}

/// Side of the white matte that stands for the surroundings of somebody who is shown.
const WHITE: usize = 32;
/// Margin around the box of somebody who is shown where the model saw whole views.
const AROUND: f64 = 2.0;

impl PeopleMattes {
    /// For eyes that show `surface`, with mattes of `grid` samples, and models of which it is known whether they
    /// remember the frames before, and how wide their windows are. `limits`: whole views show only people who were found.
    pub fn new(surface: Surface, grid: (usize, usize), crop_models: Vec<(bool, f64)>, limits: bool) -> Self {
        Self { surface, layers: PersonLayers::new(surface, grid), crop_models, limits, shown: Plane::default() }
    }

    /// The eye's matte of what the models found in windows on people.
    fn blend(&mut self, eye: usize, people: &[FramePerson], mattes: &[Vec<Plane<f32>>], alpha: &mut Plane<f32>) {
        self.layers.begin(alpha);
        for (i, person) in people.iter().enumerate().filter(|(_, p)| p.eye == eye && !p.hidden) {
            let window = |margin: f64| Window::around(&self.surface, &person.crop_region, margin);
            let found = self.crop_models.iter().zip(mattes);
            let seen =
                found.filter_map(|((remembers, margin), mattes)| Some((*remembers, window(*margin), mattes.get(i)?)));
            let seen = seen.collect();
            let matte = PersonMatte { region: person.region, strength: person.strength, sure: person.sure, seen };
            self.layers.add(&matte, alpha);
        }
    }

    /// Removes hidden people from the crops of those beside them.
    fn hide(&self, eye: usize, people: &[FramePerson], alpha: &mut Plane<f32>) {
        let regions = |hidden: bool| -> Vec<_> {
            people.iter().filter(|p| p.eye == eye && p.hidden == hidden).map(|p| p.region).collect()
        };
        divide(&self.surface, &regions(true), &regions(false), alpha);
    }

    /// Leaves of an eye's matte, made of whole views, only what is near people.
    fn only(&mut self, eye: usize, people: &[FramePerson], alpha: &mut Plane<f32>) {
        let white = Plane::from_vec(vec![1.0; WHITE * WHITE], WHITE, WHITE);
        self.layers.begin(&mut self.shown);
        for person in people.iter().filter(|p| p.eye == eye && !p.hidden) {
            let seen = vec![(true, Window::around(&self.surface, &person.region, AROUND), &white)];
            let matte = PersonMatte { region: person.region, strength: person.strength, sure: true, seen };
            self.layers.add(&matte, &mut self.shown);
        }
        alpha.data_mut().iter_mut().zip(self.shown.data()).for_each(|(alpha, shown)| *alpha *= shown);
    }
}

impl Stage for Matte<'_> {
    type Input = PreparedFrame;
    type Output = Option<MattedFrame>;

    /// Frames that are there to warm up end here.
    fn process(&mut self, mut frame: PreparedFrame) -> Result<Option<MattedFrame>> {
        if let Some(state) = frame.decoded.place.state() {
            self.save(state);
        }
        self.stabilized(&mut frame);
        if matches!(frame.decoded.place, Place::WarmUp) {
            return Ok(None);
        }
        let pts = frame.decoded.source.pts;
        let seconds = (pts - *self.first_pts.get_or_insert(pts)) as f64 * self.clock.tick;
        self.preview.offer(|| preview_frame(&frame, seconds, self.matrix));
        let at = |b: &mut Option<Backdrop>| b.as_mut().map(|b| b.frame_at(seconds)).transpose();
        let backgrounds = self.backgrounds.iter_mut().map(at).collect::<Result<_>>()?;
        Ok(Some(MattedFrame { frame, backgrounds }))
    }
}

impl Matte<'_> {
    /// Adds the stage's memory to that of the others.
    fn save(&mut self, state: &mut TemporalState) {
        let memory = |s: &Stabilizer| s.memory().map(|(luma, alpha)| (luma.clone(), alpha.clone()));
        state.stabilizers = self.stabilizers.iter().map(memory).collect();
        let position = |b: &mut Option<Backdrop>| b.as_mut().and_then(|b| b.source().position());
        state.backgrounds = self.backgrounds.iter_mut().map(position).collect();
        state.strokes = self.edits.as_ref().and_then(EditMasks::state);
    }

    /// Takes over what the stage of another run told.
    ///
    /// # Errors
    /// A background can't be read any more.
    pub fn remember(&mut self, state: &TemporalState) -> Result<()> {
        for (stabilizer, memory) in self.stabilizers.iter_mut().zip(&state.stabilizers) {
            stabilizer.remember(memory.clone());
        }
        if let Some(edits) = &mut self.edits {
            edits.restore(state.strokes.as_ref());
        }
        for (background, position) in self.backgrounds.iter_mut().zip(&state.backgrounds) {
            if let (Some(background), Some(position)) = (background, position) {
                background.source().go_to(*position)?;
            }
        }
        Ok(())
    }

    /// Blends the mattes that the models made onto the eyes.
    fn blend_mattes(&mut self, frame: &mut PreparedFrame) {
        let on_crops = self.people.as_ref().is_some_and(|people| !people.crop_models.is_empty());
        if !on_crops {
            for view in &mut frame.views {
                self.blender.blend(&self.windows, &mut view.mattes, &mut view.alpha);
                self.planes.put_all(view.mattes.drain(..));
            }
        }
        let Some(people) = &mut self.people else { return };
        for (eye, view) in frame.views.iter_mut().enumerate() {
            match on_crops {
                true => people.blend(eye, &frame.people, &frame.mattes, &mut view.alpha),
                false if people.limits => people.only(eye, &frame.people, &mut view.alpha),
                false => {}
            }
            if frame.people.iter().any(|p| p.hidden) {
                people.hide(eye, &frame.people, &mut view.alpha);
            }
        }
    }

    /// The frame's mattes: what the models saw or what is propagated, between the eyes, then over time.
    fn stabilized(&mut self, frame: &mut PreparedFrame) {
        frame.views.iter_mut().for_each(|view| self.planes.supply(&mut view.alpha));
        if frame.is_propagated() {
            for ((view, motion), last) in frame.views.iter_mut().zip(&frame.motion).zip(&self.last) {
                propagate(last, motion, &mut view.alpha);
            }
            // Since the frame that it comes from somebody may have been hidden.
            if let Some(people) = self.people.as_ref().filter(|_| frame.people.iter().any(|p| p.hidden)) {
                for (eye, view) in frame.views.iter_mut().enumerate() {
                    people.hide(eye, &frame.people, &mut view.alpha);
                }
            }
        } else {
            self.blend_mattes(frame);
        }
        let seconds = self.clock.seconds(frame.decoded.source.pts);
        if let Some(edits) = &mut self.edits {
            edits.remove(&mut edit_views(&mut frame.views), seconds);
        }
        if !self.filter.is_empty() {
            frame.views.iter_mut().for_each(|v| self.filter.apply(&mut v.alpha, self.degrees));
        }
        if let (Some(stereo), false, [a, b]) = (&mut self.stereo, frame.is_propagated(), frame.views.as_mut_slice()) {
            stereo.apply((&a.yuv, &mut a.alpha), (&b.yuv, &mut b.alpha));
        }
        for (last, view) in self.last.iter_mut().zip(&frame.views) {
            last.copy_from(&view.alpha);
        }
        self.smoothing.set(&mut self.stabilizers, seconds);
        for (stabilizer, view) in self.stabilizers.iter_mut().zip(&mut frame.views) {
            if frame.cut {
                stabilizer.reset();
            }
            stabilizer.apply(&view.yuv.y, &mut view.alpha);
        }
        if let Some(edits) = &mut self.edits {
            edits.apply(&mut edit_views(&mut frame.views), seconds, frame.cut);
        }
    }
}

/// The views as edits see them.
pub(crate) fn edit_views(views: &mut [SmallView]) -> Vec<EditView<'_>> {
    views.iter_mut().map(|view| EditView { luma: &view.yuv.y, alpha: &mut view.alpha }).collect()
}

fn preview_frame(frame: &PreparedFrame, seconds: f64, matrix: Matrix) -> PreviewFrame {
    let views = frame.views.iter().map(|v| (v.yuv.clone(), v.alpha.clone())).collect();
    PreviewFrame { frame: frame.decoded.source.index, seconds, matrix, views }
}
