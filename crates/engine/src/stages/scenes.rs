//! Second stage, second part: what depends on the frames before: cuts, motion, and who is where.

use super::look_ahead::LookAhead;
use crate::error::Result;
use crate::frame::{SampledFrame, SourceClock};
use crate::graph::Stage;
use crate::people::{AddedPeople, FoundPeople, HiddenPeople, PeopleLocator};
use crate::plan::SmallView;
use vrseg_image::matte::{Borders, Motion, MotionSearch, SceneDetector};
use vrseg_image::plane::Plane;

/// Share of a view's blocks that may be new: where it is more, the model is run.
const NEW: f32 = 0.04;

/// Finds cuts, what moves, and people.
pub struct Scenes<'a> {
    scenes: SceneDetector,
    /// One for each view, where mattes may be propagated.
    searches: Vec<MotionSearch>,
    /// The model is run on every Nth frame at least.
    every: u32,
    /// Frames since it was run.
    propagated: u32,
    /// Who finds people, where anybody is to be told apart.
    locator: Option<&'a mut PeopleLocator>,
    /// Marks people who are hidden by hand.
    hidden: Option<HiddenPeople>,
    /// Adds people by hand.
    added: Option<AddedPeople>,
    /// Frames that are held back.
    ahead: LookAhead,
    /// The time in the source.
    clock: SourceClock,
    /// Hears what was done because a device failed.
    warn: &'a (dyn Fn(String) + Sync),
}

impl<'a> Scenes<'a> {
    /// For frames of `views` views. The model is run on every `every`th frame (at least 1). `memory` is the scene
    /// detector's, where the work resumes in the middle.
    pub fn new(
        views: usize,
        every: u32,
        memory: Option<Plane<f32>>,
        locator: Option<&'a mut PeopleLocator>,
        warn: &'a (dyn Fn(String) + Sync),
    ) -> Self {
        let mut scenes = SceneDetector::default();
        scenes.remember(memory);
        let searches = if every > 1 { views } else { 0 };
        let searches = (0..searches).map(|_| MotionSearch::default()).collect();
        Self {
            scenes,
            searches,
            every,
            propagated: 0,
            locator,
            hidden: None,
            added: None,
            ahead: LookAhead::new(0),
            clock: SourceClock::default(),
            warn,
        }
    }

    /// The same, for views with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.searches = self.searches.into_iter().map(|search| search.with_borders(borders)).collect();
        self
    }

    /// The same, with people who are hidden or added by hand at the time that the clock says.
    #[must_use]
    pub fn with_edits(mut self, hidden: Option<HiddenPeople>, added: Option<AddedPeople>, clock: SourceClock) -> Self {
        (self.hidden, self.added, self.clock) = (hidden, added, clock);
        self
    }

    /// The same, with this many frames held back, so that people who are found late are added to them.
    #[must_use]
    pub fn with_look_ahead(mut self, frames: usize) -> Self {
        self.ahead = LookAhead::new(frames);
        self
    }

    /// Edits of a frame's people, when all of them are known.
    fn edited(&self, mut sampled: SampledFrame) -> SampledFrame {
        let frame = &mut sampled.frame;
        let seconds = self.clock.seconds(frame.decoded.source.pts);
        if let Some(hidden) = &self.hidden {
            hidden.mark(&mut frame.people, seconds);
        }
        if let Some(added) = &self.added {
            added.add(&mut frame.people, &frame.views, seconds);
        }
        sampled
    }

    /// Where a frame's views came from, if its mattes can be propagated from the frame before; else empty.
    /// `fresh`: they must not.
    fn motion(&mut self, views: &[SmallView], fresh: bool) -> Vec<Motion> {
        for (search, view) in self.searches.iter_mut().zip(views) {
            search.push(view.yuv.y.as_ref());
        }
        let motion: Option<Vec<_>> = if fresh || self.propagated + 1 >= self.every {
            None
        } else {
            self.searches.iter().map(|search| search.find().filter(|m| m.lost() <= NEW)).collect()
        };
        self.propagated = if motion.is_some() { self.propagated + 1 } else { 0 };
        motion.unwrap_or_default()
    }
}

impl Stage for Scenes<'_> {
    type Input = SampledFrame;
    type Output = Vec<SampledFrame>;

    fn process(&mut self, mut sampled: SampledFrame) -> Result<Vec<SampledFrame>> {
        let frame = &mut sampled.frame;
        let border = frame.decoded.place.state();
        let fresh = border.is_some();
        if let Some(state) = border {
            state.scene = self.scenes.memory().cloned();
            state.people = self.locator.as_ref().map(|locator| locator.state());
        }
        frame.cut = self.scenes.is_cut(&frame.views[0].yuv.y);
        let seconds = self.clock.seconds(frame.decoded.source.pts);
        let others = self.added.as_mut().is_some_and(|added| added.change(seconds));
        frame.motion = self.motion(&frame.views, fresh || frame.cut || others);
        // The picture that the next frame is compared with is this frame's.
        if let (Some(locator), Some(cells)) = (&mut self.locator, self.scenes.memory()) {
            let planes = frame.decoded.source.frame.yuv();
            let found = locator.find(&planes, &frame.views, cells, frame.cut, self.ahead.is_on());
            locator.take_notes().into_iter().for_each(self.warn);
            let FoundPeople { people, appeared } = found?;
            frame.people = people;
            if !frame.cut {
                self.ahead.add(appeared, locator);
            }
        }
        let next = self.ahead.push(sampled);
        Ok(next.map(|frame| self.edited(frame)).into_iter().collect())
    }

    fn finish(&mut self) -> Result<Option<Vec<SampledFrame>>> {
        let rest: Vec<_> = self.ahead.rest().collect();
        Ok(Some(rest.into_iter().map(|frame| self.edited(frame)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{DecodedFrame, InferenceBatch, Place, PreparedFrame};
    use crate::graph::{Item, Permits};
    use crate::plan::Views;
    use crate::stages::{BatchLimits, Gather, Sample, Spare};
    use std::sync::Arc;
    use std::time::Instant;
    use vrseg_image::matte::Normalization;
    use vrseg_image::matte::windows::{View, Windows};
    use vrseg_image::plane::{Rect, YuvColor, YuvLayout, YuvMut};
    use vrseg_image::vr::Lens;
    use vrseg_media::{FramePool, SourceFrame};

    const FRAMES: u64 = 23;
    const EYE: usize = 64;

    /// What a batch is made of: number, cut and propagated views of each frame, and the pictures.
    type Made = (Vec<(u64, bool, usize)>, usize, Vec<f32>);

    fn views() -> Views {
        let rect = |x| Rect { x, y: 0, w: EYE, h: EYE };
        let windows = Windows::new(View::Fisheye, Lens::HalfEquirectangular, (EYE, EYE), (48, 48), (32, 32));
        Views { rects: vec![rect(0), rect(EYE)], view: View::Fisheye, windows: Arc::new(windows) }
    }

    /// Prepares frames in which something moves, with a cut at the tenth, by this many samplers in turns.
    fn prepared(samplers: usize, limits: BatchLimits, every: u32) -> Vec<Made> {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let pool = FramePool::new(layout, 2 * EYE, EYE).unwrap();
        let mut permits = Permits::new(FRAMES as usize);
        let decoded = |turn: u64| {
            let mut frame = pool.get().unwrap();
            let shade = |x: usize, y: usize| match turn {
                0..10 => ((x + turn as usize) / 8 % 2 * 160 + y) as u8,
                _ => (255 - (y / 16 % 2 * 200 + (x + turn as usize) / 4 % 8 * 5)) as u8,
            };
            let YuvMut::U8(planes, _) = frame.yuv_mut() else { unreachable!() };
            for plane in planes {
                let stride = plane.stride;
                plane.data.iter_mut().enumerate().for_each(|(i, v)| *v = shade(i % stride, i / stride));
            }
            let source = SourceFrame { frame, pts: 0, duration: 1, index: turn, key: false, seekable: true };
            let permit = permits.acquire(|| false).unwrap();
            DecodedFrame { source, since: Instant::now(), permit, place: Place::Inside }
        };
        let (planes, pictures, inputs) = (Spare::new(8), Spare::new(4), Spare::new(4));
        let spare = || (planes.clone(), pictures.clone());
        let sample = || Sample::new(views(), (layout, YuvColor::default()), Normalization::default(), spare(), false);
        let mut workers: Vec<_> = (0..samplers).map(|_| sample()).collect();
        let mut scenes = Scenes::new(2, every, None, None, &|_| {});
        let mut gather = Gather::new(limits, pictures.clone(), inputs.clone());
        let mut made = Vec::new();
        let mut note = |mut work: InferenceBatch| {
            let batch = work.batches.pop().unwrap_or_default();
            let of = |f: &PreparedFrame| (f.frame(), f.cut, f.motion.len());
            made.push((work.frames.iter().map(of).collect(), batch.n, batch.data.clone()));
            // Buffers come back full of what they were used for.
            if limits.frames == 1 {
                pictures.put(batch)
            } else {
                inputs.put(batch)
            }
            work.frames.into_iter().for_each(|f| planes.put_views(f.views));
        };
        for (n, decoded) in (0..FRAMES).map(decoded).enumerate() {
            let sampled = workers[n % samplers].process(decoded).unwrap();
            for ordered in scenes.process(sampled).unwrap() {
                gather.process(ordered).unwrap().into_iter().for_each(&mut note);
            }
        }
        gather.finish().unwrap().into_iter().flatten().for_each(&mut note);
        made
    }

    #[test]
    fn batches_and_propagated_frames_are_the_same_however_many_samplers_work() {
        let frames = BatchLimits::frames;
        // Each frame has two pictures.
        let by_pictures = |pictures| BatchLimits { frames: 4, pictures };
        let all = [(frames(1), 1), (frames(1), 3), (frames(4), 1), (frames(4), 2)];
        for (limits, every) in all.into_iter().chain([(by_pictures(4), 1), (by_pictures(1), 1), (by_pictures(4), 2)]) {
            let one = prepared(1, limits, every);
            let frames: Vec<_> = one.iter().flat_map(|made| &made.0).collect();
            assert!(frames.iter().map(|f| f.0).eq(0..FRAMES));
            assert!(frames.iter().all(|f| f.1 == (f.0 == 10)), "{frames:?}");
            let propagated = frames.iter().filter(|f| f.2 > 0).count();
            assert_eq!(propagated > 0, every > 1, "{frames:?}");
            let pictures: usize = one.iter().map(|made| made.1).sum();
            let (last, rest) = one.split_last().unwrap();
            assert!(rest.iter().all(|made| made.0.len() == limits.frames || made.1 >= limits.pictures), "{limits:?}");
            assert!(last.0.len() <= limits.frames && one.iter().all(|made| made.1 <= limits.pictures.max(2)));
            assert_eq!(pictures, 2 * (frames.len() - propagated));
            assert!(one.iter().all(|made| made.2.len() == made.1 * 3 * 32 * 32));
            for workers in [2, 4] {
                assert!(prepared(workers, limits, every) == one, "{workers} workers, {limits:?}");
            }
        }
    }
}
