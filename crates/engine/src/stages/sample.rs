//! Second stage, first part: samples each view of a frame down to the model's size, and makes the pictures that the
//! model is shown of it. Knows nothing of other frames, so several workers share it.

use crate::error::Result;
use crate::frame::{DecodedFrame, PreparedFrame, SampledFrame};
use crate::graph::Stage;
use crate::plan::{SmallView, Views};
use crossbeam_channel::Receiver;
use vrseg_image::matte::windows::Viewer;
use vrseg_image::matte::{Normalization, SmallYuv, to_model_input};
use vrseg_image::plane::{Plane, YuvColor, YuvLayout};
use vrseg_infer::Batch;

/// Buffers that later stages have done with. A fresh one costs the page faults of its first touch.
#[derive(Clone, Debug)]
pub struct Recycled {
    /// Inputs of the model.
    pub batches: Receiver<Batch>,
    /// The views of painted frames.
    pub views: Receiver<Vec<SmallView>>,
}

impl Recycled {
    /// An empty batch for pictures of that width and height.
    pub(super) fn batch(&self, (width, height): (usize, usize)) -> Batch {
        Batch { n: 0, width, height, ..self.batches.try_recv().unwrap_or_default() }
    }
}

/// Samples frames.
pub struct Sample {
    views: Views,
    layout: YuvLayout,
    color: YuvColor,
    normalization: Normalization,
    recycled: Recycled,
    viewer: Viewer,
    /// The models are run on person crops: those are cut out later.
    on_crops: bool,
}

impl Sample {
    /// For frames whose planes are `layout` and mean `color`. `on_crops`: models aren't run on whole views.
    pub fn new(
        views: Views,
        layout: YuvLayout,
        color: YuvColor,
        normalization: Normalization,
        recycled: Recycled,
        on_crops: bool,
    ) -> Self {
        Self { views, layout, color, normalization, recycled, viewer: Viewer::new(), on_crops }
    }

    /// Only the small pictures.
    fn sample_views(&mut self, decoded: &DecodedFrame, views: &mut Vec<SmallView>) {
        let planes = decoded.source.frame.yuv();
        views.resize_with(self.views.rects.len(), SmallView::default);
        for (rect, view) in self.views.rects.iter().zip(views) {
            self.viewer.sample(&self.views.windows, &planes, self.layout, self.color, *rect, &mut view.yuv, |_| {});
        }
    }

    fn sample(&mut self, decoded: &DecodedFrame, views: &mut Vec<SmallView>, pictures: &mut Batch) {
        let Self { views: Views { rects, windows, .. }, color, normalization, .. } = self;
        let planes = decoded.source.frame.yuv();
        views.resize_with(rects.len(), SmallView::default);
        for (rect, view) in rects.iter().zip(views) {
            view.mattes.resize_with(windows.count(), Plane::default);
            self.viewer.sample(windows, &planes, self.layout, *color, *rect, &mut view.yuv, |picture| {
                add(picture, *color, normalization, pictures);
            });
        }
        // It may have been a larger batch's.
        pictures.data.truncate(pictures.n * 3 * pictures.width * pictures.height);
    }
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
        let mut views = self.recycled.views.try_recv().unwrap_or_default();
        if self.on_crops {
            self.sample_views(&decoded, &mut views);
            return Ok(SampledFrame { frame: PreparedFrame::new(decoded, views), pictures: Vec::new() });
        }
        let mut pictures = self.recycled.batch(self.views.model_input_size());
        self.sample(&decoded, &mut views, &mut pictures);
        Ok(SampledFrame { frame: PreparedFrame::new(decoded, views), pictures: vec![pictures] })
    }
}
