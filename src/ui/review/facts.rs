//! What a review knows of its video.

use super::ReviewOptions;
use std::path::PathBuf;
use vrseg_image::vr::EyeOrder;

/// Facts that never change while the page is open.
pub(super) struct Facts {
    pub(super) file: PathBuf,
    pub(super) duration: f64,
    pub(super) fps: f64,
    pub(super) frames: Option<u64>,
    pub(super) format: String,
    pub(super) model: String,
    /// `left` and `right` in the order of the views, or `view`.
    pub(super) eyes: Vec<&'static str>,
    pub(super) right_first: bool,
    pub(super) size: (usize, usize),
    pub(super) aspect: f64,
    pub(super) spherical: bool,
}

impl Facts {
    /// Those of a video that is about to be reviewed.
    pub(super) fn of(options: &ReviewOptions) -> Self {
        let plan = &options.plan;
        let video = &plan.input.video;
        let fps = plan.fps();
        let rect = plan.views.rects.first();
        let right_first = plan.format.eye_order.value == EyeOrder::RightFirst;
        Self {
            file: options.job.input.clone(),
            duration: plan.frames.map_or(0.0, |n| n as f64 / fps),
            fps,
            frames: plan.frames,
            format: plan.format.summary(),
            model: plan.model_text(),
            eyes: if plan.views.rects.len() == 2 { vec!["left", "right"] } else { vec!["view"] },
            right_first,
            size: (video.width, video.height),
            aspect: rect.map_or(1.0, |r| r.w as f64 / r.h.max(1) as f64),
            spherical: plan.lens().is_some(),
        }
    }

    /// The view in the frame of the page's eye: 0 is the left one.
    pub(super) fn view(&self, eye: usize) -> usize {
        if self.right_first && self.eyes.len() == 2 { 1 - eye.min(1) } else { eye }
    }
}
