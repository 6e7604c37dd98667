//! From the planes of a frame to the model's input pictures.

use super::Windows;
use crate::matte::sample::Resampler;
use crate::matte::{Sampler, SmallYuv};
use crate::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};
use crate::vr::{Filter, Remapper};

/// Makes the windows' pictures of eyes; keeps its tables and buffers. Use one for each thread.
#[derive(Debug)]
pub struct Viewer {
    sampler: Sampler,
    resampler: Resampler,
    remapper: Remapper<f32>,
    detail: SmallYuv,
    picture: SmallYuv,
}

impl Default for Viewer {
    fn default() -> Self {
        Self {
            sampler: Sampler::new(),
            resampler: Resampler::default(),
            remapper: Remapper::new(Filter::Bilinear),
            detail: SmallYuv::default(),
            picture: SmallYuv::default(),
        }
    }
}

impl Viewer {
    /// A viewer with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples the eye `rect` of a picture (`planes`, stored in `layout`, meaning `color`) to `eye`,
    /// which gets the size of the windows' grid, and passes each window's picture to `each`, in order.
    /// Where a window shows more than the eye, the eye's border is continued.
    ///
    /// # Panics
    /// As [`Sampler::sample`].
    #[allow(clippy::too_many_arguments)]
    pub fn sample(
        &mut self,
        windows: &Windows,
        planes: &Yuv<'_>,
        layout: YuvLayout,
        color: YuvColor,
        rect: Rect,
        eye: &mut SmallYuv,
        mut each: impl FnMut(&SmallYuv),
    ) {
        if windows.is_whole() {
            self.sampler.sample(planes, layout, color, rect, windows.grid, eye);
            each(eye);
            return;
        }
        // The full-size planes are read once; what is cut out of the small ones costs little.
        let same = windows.detail == windows.grid;
        let detail = if same { &mut *eye } else { &mut self.detail };
        self.sampler.sample(planes, layout, color, rect, windows.detail, detail);
        let (w, h) = windows.size;
        for window in &windows.windows {
            for (from, to) in planes_of(detail).into_iter().zip(planes_of_mut(&mut self.picture)) {
                to.resize(w, h);
                self.remapper.remap(&window.into, from.as_ref(), 0.0, 1.0, to.as_mut());
            }
            each(&self.picture);
        }
        if !same {
            for (from, to) in planes_of(&self.detail).into_iter().zip(planes_of_mut(eye)) {
                let (x, y) = ((0.0, from.width() as f64), (0.0, from.height() as f64));
                self.resampler.resample(from.as_ref(), x, y, from.height(), (1.0, 0.0), windows.grid, to);
            }
        }
    }
}

fn planes_of(yuv: &SmallYuv) -> [&Plane<f32>; 3] {
    [&yuv.y, &yuv.u, &yuv.v]
}

fn planes_of_mut(yuv: &mut SmallYuv) -> [&mut Plane<f32>; 3] {
    [&mut yuv.y, &mut yuv.u, &mut yuv.v]
}
