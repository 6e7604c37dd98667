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
use crate::matte::Stabilizer;
use crate::matte::keep::Wishes;
use crate::matte::stereo::StereoFusion;
use crate::matte::windows::{Blender, Windows};
use crate::plane::Matrix;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;

/// What the stage knows of the frames before.
pub struct Matting {
    /// Those of each view.
    pub windows: Arc<Windows>,
    /// Brings their mattes back.
    pub blender: Blender,
    /// Looks closer at each person, where that is asked for.
    pub people: Option<People>,
    /// What the user says of whom the matte shows.
    pub wishes: Wishes,
    /// Seconds into the source at which frames count 0.
    pub begin: f64,
    /// Degrees that a view shows from top to bottom; `None`: a flat picture.
    pub degrees: Option<f32>,
    /// Makes the mattes of the two eyes of a frame agree, where that is asked for.
    pub stereo: Option<StereoFusion>,
    /// One for each view; none where all networks are recurrent, and steady by themselves.
    pub stabilizers: Vec<Stabilizer>,
    /// For each output, where its background comes from.
    pub backgrounds: Vec<Option<Backdrop>>,
    /// The source's time base in seconds.
    pub tick: f64,
    /// How the source's colours are coded.
    pub matrix: Matrix,
}

impl Matting {
    /// Works until there are no more frames.
    pub fn run(
        mut self,
        frames: Receiver<Prepared>,
        matted: Sender<Matted>,
        cancel: &Cancel,
        preview: &Preview,
        mut clock: Worker<'_>,
    ) -> Result<()> {
        let mut first_pts = None;
        loop {
            let Ok(mut frame) = clock.waiting(|| frames.recv()) else { return Ok(()) };
            if cancel.is_aborted() {
                return Ok(());
            }
            clock.take(frame.decoded.source.index, 1);
            let pictures = clock.busy(|| -> Result<Vec<_>> {
                self.steady(&mut frame)?;
                let pts = frame.decoded.source.pts;
                let seconds = (pts - *first_pts.get_or_insert(pts)) as f64 * self.tick;
                preview.offer(|| glimpse(&frame, seconds, self.matrix));
                let at = |b: &mut Option<Backdrop>| b.as_mut().map(|b| b.frame_at(seconds)).transpose();
                self.backgrounds.iter_mut().map(at).collect()
            })?;
            clock.done(1);
            if clock.waiting(|| matted.send(Matted { frame, backgrounds: pictures }).is_err()) {
                return Ok(());
            }
            clock.hand(1);
        }
    }

    /// Between windows, around people, between the eyes, then over time.
    fn steady(&mut self, frame: &mut Prepared) -> Result<()> {
        for view in &mut frame.views {
            self.blender.blend(&self.windows, &mut view.mattes, &mut view.alpha);
        }
        if let Some(people) = &mut self.people {
            people.look(frame)?;
        }
        if !self.wishes.is_empty() {
            let seconds = frame.decoded.source.pts as f64 * self.tick + self.begin;
            frame.views.iter_mut().for_each(|v| self.wishes.apply(&mut v.alpha, seconds, self.degrees));
        }
        if let (Some(stereo), [a, b]) = (&mut self.stereo, frame.views.as_mut_slice()) {
            stereo.apply((&a.yuv, &mut a.alpha), (&b.yuv, &mut b.alpha));
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
