//! Second stage: samples each view down to the network's size and fills its input.

use super::cancel::Cancel;
use super::clock::StageClock;
use super::error::Result;
use super::frame::{Decoded, Prepared, SmallView, Work};
use crate::matte::{Normalization, Sampler, SceneDetector, to_network};
use crate::model::Batch;
use crate::plane::{Rect, YuvColor, YuvLayout};
use crossbeam_channel::{Receiver, Sender};

/// What is seen of every frame.
#[derive(Clone, Debug)]
pub struct Views {
    /// The views in luma samples of the frame.
    pub rects: Vec<Rect>,
    /// Size at which they are sampled, before rotation.
    pub size: (usize, usize),
    /// Clockwise degrees by which a player turns the picture; the network sees it upright.
    pub rotation: i32,
}

impl Views {
    /// Size of the network's input.
    pub fn network_size(&self) -> (usize, usize) {
        if self.rotation % 180 == 0 { self.size } else { (self.size.1, self.size.0) }
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
    /// Works until the decoder ends or nobody listens any more.
    pub fn run(
        &self,
        frames: Receiver<Decoded>,
        work: Sender<Work>,
        recycled: &Recycled,
        cancel: &Cancel,
        clock: &StageClock,
    ) -> Result<()> {
        clock.enter();
        let mut sampler = Sampler::default();
        let mut scenes = SceneDetector::default();
        let mut pending = Vec::with_capacity(self.batch_frames);
        loop {
            let decoded = clock.waiting(|| frames.recv());
            if cancel.is_aborted() {
                return Ok(());
            }
            let last = decoded.is_err();
            if let Ok(decoded) = decoded {
                let views = recycled.views.try_recv().unwrap_or_default();
                pending.push(clock.busy(|| self.sample(decoded, views, &mut sampler, &mut scenes)));
            }
            if pending.len() == self.batch_frames || (last && !pending.is_empty()) {
                let mut batch = recycled.batches.try_recv().unwrap_or_default();
                clock.busy(|| self.fill(&pending, &mut batch));
                if clock.waiting(|| work.send(Work { frames: std::mem::take(&mut pending), batch })).is_err() {
                    return Ok(());
                }
            }
            if last {
                return Ok(());
            }
        }
    }

    fn sample(
        &self,
        decoded: Decoded,
        mut views: Vec<SmallView>,
        sampler: &mut Sampler,
        scenes: &mut SceneDetector,
    ) -> Prepared {
        let planes = decoded.source.frame.yuv();
        views.resize_with(self.views.rects.len(), SmallView::default);
        for (rect, view) in self.views.rects.iter().zip(&mut views) {
            sampler.sample(&planes, self.layout, self.color, *rect, self.views.size, &mut view.yuv);
        }
        let cut = scenes.is_cut(&views[0].yuv.y);
        Prepared { decoded, views, cut }
    }

    fn fill(&self, frames: &[Prepared], batch: &mut Batch) {
        let (w, h) = self.views.network_size();
        let pictures = frames.iter().flat_map(|f| &f.views);
        batch.n = frames.iter().map(|f| f.views.len()).sum();
        (batch.width, batch.height) = (w, h);
        batch.data.resize(batch.n * 3 * w * h, 0.0);
        for (view, out) in pictures.zip(batch.data.chunks_exact_mut(3 * w * h)) {
            if self.views.rotation == 0 {
                to_network(&view.yuv, self.color.matrix, &self.normalization, out);
            } else {
                to_network(&view.yuv.rotated(self.views.rotation), self.color.matrix, &self.normalization, out);
            }
        }
    }
}
