//! Where the views of a frame are, how the model sees them, and what is made of one on the way.

use std::sync::Arc;
use vrseg_image::matte::SmallYuv;
use vrseg_image::matte::people::Surface;
use vrseg_image::matte::windows::{View, Windows};
use vrseg_image::plane::{Plane, Rect};
use vrseg_image::vr::Lens;

/// What is seen of every frame.
#[derive(Clone, Debug)]
pub struct Views {
    /// The views in luma samples of the frame.
    pub rects: Vec<Rect>,
    /// How the model sees them.
    pub view: View,
    /// The windows through which the model sees each of them.
    pub windows: Arc<Windows>,
}

impl Views {
    /// Size of a view's small picture and matte.
    pub fn size(&self) -> (usize, usize) {
        self.windows.grid()
    }

    /// What each of them shows, seen through `lens`; `None`: flat pictures.
    pub fn surface(&self, lens: Option<Lens>) -> Surface {
        let (w, h) = self.rects.first().map_or((1, 1), |rect| (rect.w, rect.h));
        Surface::new(lens, w, h)
    }

    /// Size of the model's input.
    pub fn model_input_size(&self) -> (usize, usize) {
        self.windows.size()
    }

    /// Pictures that the model gets for a frame.
    pub fn pictures(&self) -> usize {
        self.rects.len() * self.windows.count()
    }
}

/// One view of a frame at the model's size.
#[derive(Debug, Default)]
pub struct SmallView {
    /// Color planes.
    pub yuv: SmallYuv,
    /// What the model found in each of the view's windows; empty before it has run, and again when it was blended.
    pub mattes: Vec<Plane<f32>>,
    /// The matte at the size of `yuv`; empty until the windows' mattes are blended.
    pub alpha: Plane<f32>,
}
