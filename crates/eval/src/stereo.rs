//! Stereo consistency of a video's mattes.

use super::meter::Mean;
use serde::Serialize;
use vrseg_image::matte::resize;
use vrseg_image::matte::stereo::{Matcher, Search, consistency};
use vrseg_image::plane::{Plane, Rect};
use vrseg_image::vr::Projection;

/// The longer side at which eyes are compared, in pixels.
pub const SIDE: usize = 512;

/// How well the mattes of two eyes agree, as means over frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StereoScores {
    /// Intersection over union at 0.5 of the right eye's matte and the left one's moved onto it,
    /// 0..=1.
    pub iou: f64,
    /// Mean absolute difference of the two, in thousandths.
    pub mad: f64,
    /// Share of the picture whose disparity is sure enough to be compared, 0..=1.
    pub coverage: f64,
}

/// Gathers [`StereoScores`]. Disparities come from the pictures, not from the mattes: the first
/// view's matte is moved onto the second by them, and the two are compared where they are sure.
#[derive(Debug)]
pub struct StereoMeter {
    matcher: Matcher,
    size: (usize, usize),
    iou: Mean,
    mad: Mean,
    coverage: Mean,
}

impl StereoMeter {
    /// A meter for eyes of that size and projection (in the pictures); either may come first.
    pub fn new((w, h): (usize, usize), projection: Projection) -> Self {
        let longest = w.max(h).max(1);
        let small = |n: usize| (n * SIDE.min(longest) / longest).max(2);
        let size = (small(w), small(h));
        let search = Search::of(projection, size.0).both_ways();
        Self {
            matcher: Matcher::new(search),
            size,
            iou: Mean::default(),
            mad: Mean::default(),
            coverage: Mean::default(),
        }
    }

    /// The size to which pictures are to be sampled.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Takes a frame: the lumas of both views (0..=1, of the meter's [`size`](Self::size)) and
    /// their mattes (0..=1, of any size).
    ///
    /// # Panics
    /// When a luma has another size.
    pub fn add(&mut self, luma: [&Plane<f32>; 2], alpha: [&Plane<f32>; 2]) {
        let (w, h) = self.size;
        let [first, second] = alpha.map(|a| resize(a.as_ref(), w, h));
        let [_, found] = self.matcher.run(luma[0], luma[1], Rect::new(0, 0, w, h));
        let agreement = consistency(&first, &second, found);
        self.coverage.add(agreement.coverage());
        if agreement.sure > 0 {
            self.iou.add(agreement.iou());
            self.mad.add(agreement.mad() * 1e3);
        }
    }

    /// The means so far; `None` where nothing could be compared.
    pub fn scores(&self) -> Option<StereoScores> {
        Some(StereoScores { iou: self.iou.get()?, mad: self.mad.get()?, coverage: self.coverage.get()? })
    }
}
