//! Second stage, first part: samples each view of a frame down to the model's size, and makes the pictures that the
//! model is shown of it. Knows nothing of other frames, so several workers share it.

use super::Spare;
use crate::error::Result;
use crate::frame::{DecodedFrame, PreparedFrame, SampledFrame};
use crate::graph::Stage;
use crate::plan::{SmallView, Views};
use vrseg_image::matte::people::SourceFormat;
use vrseg_image::matte::windows::Viewer;
use vrseg_image::matte::{Normalization, Sampler, SmallYuv, to_model_input};
use vrseg_image::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};
use vrseg_infer::Batch;

/// Samples frames.
pub struct Sample {
    views: Views,
    layout: YuvLayout,
    color: YuvColor,
    normalization: Normalization,
    planes: Spare<Plane<f32>>,
    pictures: Spare<Batch>,
    viewer: Viewer,
    sampler: Sampler,
    /// The models are run on person crops: those are cut out later, and so is chroma sampled, which nobody needs before.
    on_crops: bool,
}

impl Sample {
    /// For frames whose planes are `layout` and mean `color`. Planes and inputs of the model are made of those given.
    /// `on_crops`: models aren't run on whole views.
    pub fn new(
        views: Views,
        (layout, color): (YuvLayout, YuvColor),
        normalization: Normalization,
        (planes, pictures): (Spare<Plane<f32>>, Spare<Batch>),
        on_crops: bool,
    ) -> Self {
        let (viewer, sampler) = (Viewer::new(), Sampler::new());
        Self { views, layout, color, normalization, planes, pictures, viewer, sampler, on_crops }
    }

    /// Only the small views' luma.
    fn sample_luma(&mut self, decoded: &DecodedFrame) -> Vec<SmallView> {
        let (planes, form, size) = (decoded.source.frame.yuv(), (self.layout, self.color), self.views.size());
        let one = |rect: &Rect| {
            let mut view = SmallView::default();
            view.yuv.y = self.planes.take();
            self.sampler.sample_luma(&planes, form, *rect, size, &mut view.yuv.y);
            view
        };
        self.views.rects.iter().map(one).collect()
    }

    /// The small views, and their pictures in `pictures`.
    fn sample(&mut self, decoded: &DecodedFrame, pictures: &mut Batch) -> Vec<SmallView> {
        let Self { views: Views { rects, windows, .. }, layout, color, normalization, planes: spare, .. } = self;
        let planes = decoded.source.frame.yuv();
        let one = |rect: &Rect| {
            let yuv = SmallYuv { y: spare.take(), u: spare.take(), v: spare.take() };
            let mut view = SmallView { yuv, ..SmallView::default() };
            view.mattes.resize_with(windows.count(), Plane::default);
            self.viewer.sample(windows, &planes, *layout, *color, *rect, &mut view.yuv, |picture| {
                add(picture, *color, normalization, pictures);
            });
            view
        };
        let views = rects.iter().map(one).collect();
        // It may have been a larger batch's.
        pictures.data.truncate(pictures.n * 3 * pictures.width * pictures.height);
        views
    }
}

/// Adds chroma to views that were sampled for their luma alone.
pub struct Chroma {
    form: SourceFormat,
    planes: Spare<Plane<f32>>,
    sampler: Sampler,
}

impl Chroma {
    /// For frames that are stored in `form`; its planes are made of those given.
    pub fn new(form: SourceFormat, planes: Spare<Plane<f32>>) -> Self {
        Self { form, planes, sampler: Sampler::new() }
    }

    /// Adds that of the view at `rect` of a frame.
    pub fn add(&mut self, source: &Yuv<'_>, rect: Rect, SmallYuv { y, u, v }: &mut SmallYuv) {
        self.planes.supply(u);
        self.planes.supply(v);
        let SourceFormat { layout, color } = self.form;
        self.sampler.sample_chroma(source, (layout, color), rect, (y.width(), y.height()), [u, v]);
    }
}

/// An empty batch for pictures of that width and height, in memory that was used before.
pub(super) fn empty_batch(spare: &Spare<Batch>, (width, height): (usize, usize)) -> Batch {
    Batch { n: 0, width, height, ..spare.take() }
}

/// Adds a picture to a batch.
pub(super) fn add(picture: &SmallYuv, color: YuvColor, normalization: &Normalization, batch: &mut Batch) {
    let len = 3 * batch.width * batch.height;
    let from = batch.n * len;
    batch.n += 1;
    if batch.data.len() < from + len {
        batch.data.resize(from + len, 0.0);
    }
    to_model_input(picture, color.matrix, normalization, &mut batch.data[from..][..len]);
}

impl Stage for Sample {
    type Input = DecodedFrame;
    type Output = SampledFrame;

    fn process(&mut self, decoded: DecodedFrame) -> Result<SampledFrame> {
        if self.on_crops {
            let views = self.sample_luma(&decoded);
            return Ok(SampledFrame { frame: PreparedFrame::new(decoded, views), pictures: Vec::new() });
        }
        let mut pictures = empty_batch(&self.pictures, self.views.model_input_size());
        let views = self.sample(&decoded, &mut pictures);
        Ok(SampledFrame { frame: PreparedFrame::new(decoded, views), pictures: vec![pictures] })
    }
}
