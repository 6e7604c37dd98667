//! From the mattes of the windows to the matte of the eye.

use super::{Windows, cameras};
use crate::matte::resize;
use crate::plane::Plane;
use crate::simd::dispatch;
use crate::vr::{Camera, Filter, Lens, Picture, Ray, Remapper};

/// How far, in degrees on the sphere, a direction lies inside of a camera's picture; `None` outside.
fn depth(camera: &Camera, ray: Ray) -> Option<f64> {
    let (u, v) = cameras::seen_at(camera, ray)?;
    // In the camera's own frame.
    let [x, y, z] = camera.lens.ray(u, v)?;
    let depth = match camera.lens {
        Lens::Fisheye { fov } => fov / 2.0 - x.hypot(y).atan2(z).to_degrees(),
        Lens::Rectilinear { h_fov, v_fov } => {
            // The angle to the planes through the picture's edges.
            let to = |across: f64, fov: f64| fov / 2.0 - across.abs().atan2(z).to_degrees();
            to(x, h_fov).min(to(y, v_fov))
        }
        // Always the only window of an eye, or no window at all.
        Lens::Equirectangular
        | Lens::HalfEquirectangular
        | Lens::Sector { .. }
        | Lens::Part(_)
        | Lens::FullFrameFisheye { .. } => 90.0,
    };
    Some(depth.max(0.0))
}

/// The weight of each camera's matte at each pixel of `matte`: the square of the angle to the border
/// of the camera's picture, over the sum for all cameras. So a window's influence grows from nothing
/// at its border without a kink, and what one window shows in its middle and others at their borders
/// is nearly its own.
pub(super) fn weights(matte: &Picture, cameras: &[Camera]) -> Vec<Plane<f32>> {
    let (w, h) = (matte.width, matte.height);
    let mut weights = vec![Plane::<f32>::new(w, h); cameras.len()];
    for i in 0..w * h {
        let Some(ray) = matte.ray((i % w) as f64, (i / w) as f64) else { continue };
        // On the very border of the only window that shows it, a pixel must still count.
        let all: Vec<f64> = cameras.iter().map(|c| depth(c, ray).map_or(0.0, |d| (d * d).max(1e-6))).collect();
        let sum: f64 = all.iter().sum();
        if sum > 0.0 {
            weights.iter_mut().zip(&all).for_each(|(plane, one)| plane.data_mut()[i] = (one / sum) as f32);
        }
    }
    weights
}

/// Brings mattes of windows back onto the eye; keeps its buffers. Use one for each thread.
#[derive(Debug)]
pub struct Blender {
    remapper: Remapper<f32>,
    seen: Plane<f32>,
}

impl Default for Blender {
    fn default() -> Self {
        Self { remapper: Remapper::new(Filter::Bilinear), seen: Plane::default() }
    }
}

impl Blender {
    /// A blender with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the eye's matte `alpha`, which gets the size of the grid, out of the windows' `mattes`
    /// (0..=1, of any size), whose memory may be swapped away.
    ///
    /// # Panics
    /// When there are not as many mattes as windows.
    pub fn blend(&mut self, windows: &Windows, mattes: &mut [Plane<f32>], alpha: &mut Plane<f32>) {
        assert_eq!(mattes.len(), windows.count(), "one matte for each window");
        let (w, h) = windows.grid;
        if windows.is_whole() {
            let matte = &mut mattes[0];
            if (matte.width(), matte.height()) == (w, h) {
                // What was the matte of an earlier frame is the buffer for a later one.
                std::mem::swap(matte, alpha);
            } else {
                *alpha = resize(matte.as_ref(), w, h);
            }
            return;
        }
        alpha.resize(w, h);
        alpha.data_mut().fill(0.0);
        self.seen.resize(w, h);
        for (window, matte) in windows.windows.iter().zip(mattes) {
            if (matte.width(), matte.height()) != windows.size {
                *matte = resize(matte.as_ref(), windows.size.0, windows.size.1);
            }
            self.remapper.remap(&window.back, matte.as_ref(), 0.0, 1.0, self.seen.as_mut());
            add_weighted(alpha.data_mut(), self.seen.data(), window.weight.data());
        }
    }
}

dispatch! {
    fn add_weighted(sum: &mut [f32], value: &[f32], weight: &[f32]) {
        for ((sum, &value), &weight) in sum.iter_mut().zip(value).zip(weight) {
            *sum += value * weight;
        }
    }
}
