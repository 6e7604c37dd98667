//! Third stage: cuts the windows on people out of full-size frames (by several workers), and gathers the frames that go
//! through the models together (in order).

use super::sample::{Recycled, add};
use crate::error::Result;
use crate::frame::{InferenceBatch, PreparedFrame, SampledFrame};
use crate::graph::Stage;
use crossbeam_channel::Sender;
use vrseg_image::matte::Normalization;
use vrseg_image::matte::people::{SourceFormat, Surface, Window, WindowSampler};
use vrseg_image::plane::Rect;
use vrseg_infer::Batch;

/// How person crops are cut for a model.
#[derive(Clone, Debug)]
pub struct CropSpec {
    /// Side of a window as a multiple of the longer side of the person's box.
    pub margin: f64,
    /// Side of its picture in pixels.
    pub size: usize,
    /// How the model expects its input.
    pub normalization: Normalization,
}

/// Cuts windows.
pub struct CutWindows {
    surface: Surface,
    rects: Vec<Rect>,
    form: SourceFormat,
    /// One for each model; none where the models see whole views, whose pictures are there already.
    choices: Vec<CropSpec>,
    recycled: Recycled,
    sampler: WindowSampler,
}

impl CutWindows {
    /// For views at `rects` that show `surface` and are stored in `form`.
    pub fn new(
        surface: Surface,
        rects: Vec<Rect>,
        form: SourceFormat,
        choices: Vec<CropSpec>,
        recycled: Recycled,
    ) -> Self {
        Self { surface, rects, form, choices, recycled, sampler: WindowSampler::default() }
    }

    /// Whether there is anything to cut: models are run on person crops.
    pub fn uses_person_crops(&self) -> bool {
        !self.choices.is_empty()
    }
}

impl Stage for CutWindows {
    type Input = SampledFrame;
    type Output = SampledFrame;

    fn process(&mut self, mut sampled: SampledFrame) -> Result<SampledFrame> {
        // Nothing is shown of frames whose mattes are propagated.
        if self.choices.is_empty() || sampled.frame.is_propagated() {
            return Ok(sampled);
        }
        let frame = &sampled.frame;
        let planes = frame.decoded.source.frame.yuv();
        for choice in &self.choices {
            let mut batch = self.recycled.batch((choice.size, choice.size));
            // Growing by doubling would hold up to twice the memory, in each of the batches in flight.
            let needed = frame.people.len() * 3 * choice.size * choice.size;
            batch.data.reserve_exact(needed.saturating_sub(batch.data.len()));
            for person in &frame.people {
                let window = Window::around(&self.surface, &person.crop_region, choice.margin);
                let eye = (&self.surface, self.rects[person.eye]);
                let picture = self.sampler.cut(&planes, self.form, eye, &window, choice.size);
                add(picture, self.form.color, &choice.normalization, &mut batch);
            }
            // It may have been a larger batch's.
            batch.data.truncate(batch.n * 3 * choice.size * choice.size);
            sampled.pictures.push(batch);
        }
        Ok(sampled)
    }
}

/// Gathers the frames that go through the models together.
pub struct Gather {
    batch_frames: usize,
    /// Frames that wait for their batch to be full, and the pictures of those that the models are run on.
    pending: Vec<PreparedFrame>,
    batches: Vec<Batch>,
    /// Takes buffers back.
    recycle: Sender<Batch>,
}

impl Gather {
    /// `batch_frames` frames go through the models at once.
    pub fn new(batch_frames: usize, recycle: Sender<Batch>) -> Self {
        Self { batch_frames, pending: Vec::with_capacity(batch_frames), batches: Vec::new(), recycle }
    }

    fn take(&mut self) -> Option<InferenceBatch> {
        let frames = std::mem::take(&mut self.pending);
        (!frames.is_empty()).then(|| InferenceBatch { frames, batches: std::mem::take(&mut self.batches) })
    }
}

impl Stage for Gather {
    type Input = SampledFrame;
    type Output = Option<InferenceBatch>;

    fn process(&mut self, SampledFrame { frame, pictures }: SampledFrame) -> Result<Option<InferenceBatch>> {
        self.batches.resize_with(self.batches.len().max(pictures.len()), Batch::default);
        for (mut one, batch) in pictures.into_iter().zip(&mut self.batches) {
            if frame.is_propagated() {
                one.n = 0;
            } else if batch.n == 0 {
                std::mem::swap(batch, &mut one);
            } else {
                batch.data.reserve_exact(one.data.len());
                batch.data.extend_from_slice(&one.data);
                batch.n += one.n;
            }
            if one.data.capacity() > 0 {
                let _ = self.recycle.try_send(one);
            }
        }
        self.pending.push(frame);
        Ok(if self.pending.len() == self.batch_frames { self.take() } else { None })
    }

    /// A last batch may have fewer frames.
    fn finish(&mut self) -> Result<Option<Option<InferenceBatch>>> {
        Ok(Some(self.take()))
    }
}
