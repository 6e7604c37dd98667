//! Second stage: samples each view down to the network's size, looks at it through its windows and
//! fills the network's input.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Decoded, Prepared, SmallView, Work};
use crate::matte::windows::{View, Viewer, Windows};
use crate::matte::{Motion, MotionSearch, Normalization, SceneDetector, SmallYuv, to_network};
use crate::model::Batch;
use crate::plane::{Plane, Rect, YuvColor, YuvLayout};
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;

/// What is seen of every frame.
#[derive(Clone, Debug)]
pub struct Views {
    /// The views in luma samples of the frame.
    pub rects: Vec<Rect>,
    /// How the network looks at them.
    pub view: View,
    /// The windows through which the network sees each of them.
    pub windows: Arc<Windows>,
    /// Clockwise degrees by which a player turns the picture; the network sees it upright.
    pub rotation: i32,
}

impl Views {
    /// Size of a view's small picture and matte, before rotation.
    pub fn size(&self) -> (usize, usize) {
        self.windows.grid()
    }

    /// Size of the network's input.
    pub fn network_size(&self) -> (usize, usize) {
        let (w, h) = self.windows.size();
        if self.rotation % 180 == 0 { (w, h) } else { (h, w) }
    }

    /// Pictures that the network gets for a frame.
    pub fn pictures(&self) -> usize {
        self.rects.len() * self.windows.count()
    }
}

/// Buffers that later stages have done with. A fresh one costs the page faults of its first touch.
#[derive(Debug)]
pub struct Recycled {
    /// Inputs of the network.
    pub batches: Receiver<Batch>,
    /// The views of painted frames.
    pub views: Receiver<Vec<SmallView>>,
}

/// The part of the stage that does not change from frame to frame.
#[derive(Debug)]
pub struct Prepare {
    /// Views.
    pub views: Views,
    /// The source's planes.
    pub layout: YuvLayout,
    /// Their meaning.
    pub color: YuvColor,
    /// The network's input.
    pub normalization: Normalization,
    /// Frames that go through the network together.
    pub batch_frames: usize,
    /// The network is asked for every so many frames; 1: for all.
    pub every: u32,
}

/// What the stage knows of the frames before.
struct Past {
    scenes: SceneDetector,
    /// One for each view, where mattes may be carried along.
    searches: Vec<MotionSearch>,
    /// Frames since the network was asked.
    carried: u32,
}

impl Past {
    /// Where a frame's views came from, if its mattes can be carried along from the frame before; else empty.
    /// `fresh`: they must not.
    fn motion(&mut self, views: &[SmallView], every: u32, fresh: bool) -> Vec<Motion> {
        for (search, view) in self.searches.iter_mut().zip(views) {
            search.look(view.yuv.y.as_ref());
        }
        let motion: Option<Vec<_>> = if fresh || self.carried + 1 >= every {
            None
        } else {
            self.searches.iter().map(|search| search.find().filter(|m| m.lost() <= NEW)).collect()
        };
        self.carried = if motion.is_some() { self.carried + 1 } else { 0 };
        motion.unwrap_or_default()
    }
}

/// Share of a view's blocks that may be new: where it is more, the network is asked.
const NEW: f32 = 0.04;

impl Prepare {
    /// Works until the decoder ends or nobody listens any more. `memory` is the scene detector's, where
    /// the work goes on somewhere in the middle.
    pub fn run(
        &self,
        frames: Receiver<Decoded>,
        work: Sender<Work>,
        recycled: &Recycled,
        memory: Option<Plane<f32>>,
        cancel: &Cancel,
        mut clock: Worker<'_>,
    ) -> Result<()> {
        let mut viewer = Viewer::new();
        let searches = if self.every > 1 { self.views.rects.len() } else { 0 };
        let searches = (0..searches).map(|_| MotionSearch::default()).collect();
        let mut past = Past { scenes: SceneDetector::default(), searches, carried: 0 };
        past.scenes.remember(memory);
        let mut pending = Vec::with_capacity(self.batch_frames);
        let mut batch = Batch::default();
        loop {
            let decoded = clock.waiting(|| frames.recv());
            if cancel.is_aborted() {
                return Ok(());
            }
            let last = decoded.is_err();
            if let Ok(decoded) = decoded {
                clock.take(decoded.source.index, 1);
                let views = recycled.views.try_recv().unwrap_or_default();
                if pending.is_empty() {
                    batch = recycled.batches.try_recv().unwrap_or_default();
                    batch.n = 0;
                }
                pending.push(clock.busy(|| self.sample(decoded, views, &mut viewer, &mut past, &mut batch)));
                clock.done(1);
            }
            if pending.len() == self.batch_frames || (last && !pending.is_empty()) {
                let mut batch = std::mem::take(&mut batch);
                // A last batch may have fewer frames.
                batch.data.truncate(batch.n * 3 * batch.width * batch.height);
                let frames = std::mem::take(&mut pending);
                let n = frames.len();
                if clock.waiting(|| work.send(Work { frames, batch })).is_err() {
                    return Ok(());
                }
                clock.hand(n);
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Samples a frame's views and adds their pictures to the batch.
    fn sample(
        &self,
        mut decoded: Decoded,
        mut views: Vec<SmallView>,
        viewer: &mut Viewer,
        past: &mut Past,
        batch: &mut Batch,
    ) -> Prepared {
        let before = batch.n;
        let state = decoded.place.state();
        let border = state.is_some();
        if let Some(state) = state {
            state.scene = past.scenes.memory().cloned();
        }
        let planes = decoded.source.frame.yuv();
        let windows = &self.views.windows;
        (batch.width, batch.height) = self.views.network_size();
        views.resize_with(self.views.rects.len(), SmallView::default);
        for (rect, view) in self.views.rects.iter().zip(&mut views) {
            view.mattes.resize_with(windows.count(), Plane::default);
            viewer.look(windows, &planes, self.layout, self.color, *rect, &mut view.yuv, |picture| {
                self.add(picture, batch);
            });
        }
        let cut = past.scenes.is_cut(&views[0].yuv.y);
        let motion = past.motion(&views, self.every, border || cut);
        if !motion.is_empty() {
            // Its pictures are not looked at.
            batch.n = before;
        }
        Prepared { decoded, views, cut, motion }
    }

    /// Adds a picture, as it lies in the frame, to the batch.
    fn add(&self, picture: &SmallYuv, batch: &mut Batch) {
        let len = 3 * batch.width * batch.height;
        let from = batch.n * len;
        batch.n += 1;
        if batch.data.len() < from + len {
            batch.data.resize(from + len, 0.0);
        }
        let out = &mut batch.data[from..][..len];
        if self.views.rotation == 0 {
            to_network(picture, self.color.matrix, &self.normalization, out);
        } else {
            to_network(&picture.rotated(self.views.rotation), self.color.matrix, &self.normalization, out);
        }
    }
}
