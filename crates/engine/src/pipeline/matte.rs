//! Fourth stage: brings the mattes of windows back onto their eyes, looks closer at each person, lets the
//! mattes of two eyes meet, calms the small mattes over time and fetches each frame's background. The one
//! place after the network where frames depend on the frame before.

use super::backdrop::Backdrop;
use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Matted, Prepared};
use super::live::{Glimpse, Preview};
use super::people::People;
use super::segments::Place;
use super::state::TemporalState;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use vrseg_image::matte::keep::Wishes;
use vrseg_image::matte::stereo::StereoFusion;
use vrseg_image::matte::windows::{Blender, Windows};
use vrseg_image::matte::{Stabilizer, carry};
use vrseg_image::plane::{Matrix, Plane};

/// What the stage knows of the frames before.
pub struct Matting<'a> {
    /// Those of each view.
    pub windows: Arc<Windows>,
    /// Brings their mattes back.
    pub blender: Blender,
    /// Looks closer at each person, where that is asked for.
    pub people: Option<&'a mut People>,
    /// What the user says of whom the matte shows.
    pub wishes: Wishes,
    /// Seconds into the source at which frames count 0.
    pub begin: f64,
    /// Degrees that a view shows from top to bottom; `None`: a flat picture.
    pub degrees: Option<f32>,
    /// Makes the mattes of the two eyes of a frame agree, where that is asked for.
    pub stereo: Option<StereoFusion>,
    /// For each view the last frame's matte before it was calmed, where mattes may be carried along; else empty.
    pub last: Vec<Plane<f32>>,
    /// One for each view; none where nothing is to be calmed.
    pub stabilizers: Vec<Stabilizer>,
    /// For each output, where its background comes from.
    pub backgrounds: Vec<Option<Backdrop>>,
    /// The source's time base in seconds.
    pub tick: f64,
    /// How the source's colors are coded.
    pub matrix: Matrix,
    /// Time stamp of the job's first frame; `None`: the first that comes.
    pub first_pts: Option<i64>,
}

impl Matting<'_> {
    /// Works until there are no more frames; `warn` hears what was done because a device failed.
    pub fn run(
        mut self,
        frames: Receiver<Prepared>,
        matted: Sender<Matted>,
        cancel: &Cancel,
        preview: &Preview,
        warn: &dyn Fn(String),
        mut clock: Worker<'_>,
    ) -> Result<()> {
        loop {
            let Ok(mut frame) = clock.waiting(|| frames.recv()) else { return Ok(()) };
            if cancel.is_aborted() {
                return Ok(());
            }
            clock.take(frame.decoded.source.index, 1);
            let pictures = clock.busy(|| -> Result<Vec<_>> {
                if let Some(state) = frame.decoded.place.state() {
                    self.tell(state)?;
                }
                let done = self.steady(&mut frame);
                self.people.iter_mut().flat_map(|people| people.take_notes()).for_each(warn);
                done?;
                if matches!(frame.decoded.place, Place::WarmUp) {
                    return Ok(Vec::new());
                }
                let pts = frame.decoded.source.pts;
                let seconds = (pts - *self.first_pts.get_or_insert(pts)) as f64 * self.tick;
                preview.offer(|| glimpse(&frame, seconds, self.matrix));
                let at = |b: &mut Option<Backdrop>| b.as_mut().map(|b| b.frame_at(seconds)).transpose();
                self.backgrounds.iter_mut().map(at).collect()
            })?;
            clock.done(1);
            if matches!(frame.decoded.place, Place::WarmUp) {
                continue;
            }
            if clock.waiting(|| matted.send(Matted { frame, backgrounds: pictures }).is_err()) {
                return Ok(());
            }
            clock.hand(1);
        }
    }

    /// Adds the stage's memory to that of the others.
    ///
    /// # Errors
    /// The networks' states can't be brought from the device.
    fn tell(&mut self, state: &mut TemporalState) -> Result<()> {
        let memory = |s: &Stabilizer| s.memory().map(|(luma, alpha)| (luma.clone(), alpha.clone()));
        state.stabilizers = self.stabilizers.iter().map(memory).collect();
        let position = |b: &mut Option<Backdrop>| b.as_mut().and_then(|b| b.source().position());
        state.backgrounds = self.backgrounds.iter_mut().map(position).collect();
        state.people = self.people.as_ref().map(|people| people.past()).transpose()?;
        Ok(())
    }

    /// Takes over what the stage of another run told.
    ///
    /// # Errors
    /// A background can't be read any more; states are not the networks'.
    pub fn remember(&mut self, state: &TemporalState) -> Result<()> {
        for (stabilizer, memory) in self.stabilizers.iter_mut().zip(&state.stabilizers) {
            stabilizer.remember(memory.clone());
        }
        for (background, position) in self.backgrounds.iter_mut().zip(&state.backgrounds) {
            if let (Some(background), Some(position)) = (background, position) {
                background.source().go_to(*position)?;
            }
        }
        self.people.as_mut().map_or(Ok(()), |people| people.remember(state.people.as_ref()))
    }

    /// What the networks saw, between windows and around people.
    fn look(&mut self, frame: &mut Prepared) -> Result<()> {
        for view in &mut frame.views {
            self.blender.blend(&self.windows, &mut view.mattes, &mut view.alpha);
        }
        self.people.as_mut().map_or(Ok(()), |people| people.look(frame))
    }

    /// The frame's mattes: what the networks saw or what is carried along, between the eyes, then over time.
    fn steady(&mut self, frame: &mut Prepared) -> Result<()> {
        if frame.is_carried() {
            for ((view, motion), last) in frame.views.iter_mut().zip(&frame.motion).zip(&self.last) {
                carry(last, motion, &mut view.alpha);
            }
        } else {
            self.look(frame)?;
        }
        if !self.wishes.is_empty() {
            let seconds = frame.decoded.source.pts as f64 * self.tick + self.begin;
            frame.views.iter_mut().for_each(|v| self.wishes.apply(&mut v.alpha, seconds, self.degrees));
        }
        if let (Some(stereo), false, [a, b]) = (&mut self.stereo, frame.is_carried(), frame.views.as_mut_slice()) {
            stereo.apply((&a.yuv, &mut a.alpha), (&b.yuv, &mut b.alpha));
        }
        for (last, view) in self.last.iter_mut().zip(&frame.views) {
            last.copy_from(&view.alpha);
        }
        for (stabilizer, view) in self.stabilizers.iter_mut().zip(&mut frame.views) {
            if frame.cut {
                stabilizer.reset();
            }
            stabilizer.apply(&view.yuv.y, &mut view.alpha);
        }
        Ok(())
    }
}

fn glimpse(frame: &Prepared, seconds: f64, matrix: Matrix) -> Glimpse {
    let views = frame.views.iter().map(|v| (v.yuv.clone(), v.alpha.clone())).collect();
    Glimpse { frame: frame.decoded.source.index, seconds, matrix, views }
}
