//! Third stage. Several workers cut the windows on people out of full-size frames, and sample the chroma of their views;
//! behind them the frames that go through the models together are gathered in order.

use super::Spare;
use super::sample::{Chroma, add, empty_batch};
use crate::error::Result;
use crate::frame::{InferenceBatch, PreparedFrame, SampledFrame};
use crate::graph::Stage;
use vrseg_image::matte::Normalization;
use vrseg_image::matte::people::{SourceFormat, Surface, Window, WindowSampler};
use vrseg_image::plane::{Plane, Rect};
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
    pictures: Spare<Batch>,
    sampler: WindowSampler,
    chroma: Chroma,
}

impl CutWindows {
    /// For views at `rects` that show `surface` and are stored in `form`. Planes and inputs of the models are made of those
    /// given.
    pub fn new(
        surface: Surface,
        rects: Vec<Rect>,
        form: SourceFormat,
        choices: Vec<CropSpec>,
        (planes, pictures): (Spare<Plane<f32>>, Spare<Batch>),
    ) -> Self {
        let (sampler, chroma) = (WindowSampler::default(), Chroma::new(form, planes));
        Self { surface, rects, form, choices, pictures, sampler, chroma }
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
        if self.choices.is_empty() {
            return Ok(sampled);
        }
        let frame = &mut sampled.frame;
        let planes = frame.decoded.source.frame.yuv();
        for (rect, view) in self.rects.iter().zip(&mut frame.views) {
            self.chroma.add(&planes, *rect, &mut view.yuv);
        }
        // Nothing is shown of frames whose mattes are propagated.
        if frame.is_propagated() {
            return Ok(sampled);
        }
        for choice in &self.choices {
            let mut batch = empty_batch(&self.pictures, (choice.size, choice.size));
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

/// When a batch is complete: with as many frames, or with as many pictures for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Frames, at least 1.
    pub frames: usize,
    /// Pictures of them.
    pub pictures: usize,
}

impl BatchLimits {
    /// This many frames, however many pictures they have.
    pub fn frames(frames: usize) -> Self {
        Self { frames, pictures: usize::MAX }
    }

    fn reached(self, frames: usize, pictures: usize) -> bool {
        frames >= self.frames || pictures >= self.pictures
    }
}

/// Gathers the frames that go through the models together.
pub struct Gather {
    limits: BatchLimits,
    /// Frames that wait for their batch to be full, and the pictures of those that the models are run on.
    pending: Vec<PreparedFrame>,
    batches: Vec<Batch>,
    /// Inputs with the pictures of one frame go back there.
    pictures: Spare<Batch>,
    /// Inputs with the pictures of several frames come from there.
    inputs: Spare<Batch>,
}

impl Gather {
    /// As many frames go through the models at once. `pictures` gets back what had one frame's, and `inputs` has those
    /// that are filled with several frames'.
    pub fn new(limits: BatchLimits, pictures: Spare<Batch>, inputs: Spare<Batch>) -> Self {
        Self { limits, pending: Vec::new(), batches: Vec::new(), pictures, inputs }
    }

    fn take(&mut self) -> Option<InferenceBatch> {
        let frames = std::mem::take(&mut self.pending);
        (!frames.is_empty()).then(|| InferenceBatch { frames, batches: std::mem::take(&mut self.batches) })
    }

    /// Adds the pictures of the frame that comes behind the pending ones.
    fn add(&mut self, n: usize, one: Batch) {
        let batch = &mut self.batches[n];
        let first = batch.width == 0;
        if first && self.limits.reached(self.pending.len() + 1, one.n) {
            *batch = one;
            // Each side keeps as many buffers as it needs.
            let other = self.inputs.take();
            if other.data.capacity() > 0 {
                self.pictures.put(other);
            }
            return;
        }
        if first {
            *batch = empty_batch(&self.inputs, (one.width, one.height));
            batch.data.clear();
        }
        let to_come = self.limits.frames - self.pending.len();
        batch.data.reserve_exact(to_come * one.data.len());
        // Copied, so that a buffer for one frame isn't grown to several frames' size.
        batch.data.extend_from_slice(&one.data);
        batch.n += one.n;
        self.pictures.put(one);
    }
}

impl Stage for Gather {
    type Input = SampledFrame;
    type Output = Option<InferenceBatch>;

    fn process(&mut self, SampledFrame { frame, pictures }: SampledFrame) -> Result<Option<InferenceBatch>> {
        self.batches.resize_with(self.batches.len().max(pictures.len()), Batch::default);
        for (n, one) in pictures.into_iter().enumerate() {
            match frame.is_propagated() {
                true => self.pictures.put(one),
                false => self.add(n, one),
            }
        }
        self.pending.push(frame);
        let pictures = self.batches.iter().map(|batch| batch.n).max().unwrap_or(0);
        Ok(if self.limits.reached(self.pending.len(), pictures) { self.take() } else { None })
    }

    /// A last batch may have fewer frames.
    fn finish(&mut self) -> Result<Option<Option<InferenceBatch>>> {
        Ok(Some(self.take()))
    }
}
