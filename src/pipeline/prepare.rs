//! Second stage: samples each view down to the network's size, looks at it through its windows and
//! fills the network's input.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Decoded, Prepared, SmallView, Work};
use crate::matte::windows::{View, Viewer, Windows};
use crate::matte::{Normalization, SceneDetector, SmallYuv, to_network};
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
}

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
        let mut scenes = SceneDetector::default();
        scenes.remember(memory);
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
                pending.push(clock.busy(|| self.sample(decoded, views, &mut viewer, &mut scenes, &mut batch)));
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
        scenes: &mut SceneDetector,
        batch: &mut Batch,
    ) -> Prepared {
        if let Some(state) = decoded.place.state() {
            state.scene = scenes.memory().cloned();
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
        let cut = scenes.is_cut(&views[0].yuv.y);
        Prepared { decoded, views, cut }
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
