//! From the planes of a frame to the model's input, and from the model's small alpha to a
//! full-size, edge-aware, temporally stable matte.

mod borders;
pub(crate) mod foreground;
pub mod people;
pub mod person_filter;
pub(crate) mod sample;
pub mod stereo;
mod temporal;
mod upsample;
pub mod windows;

pub use borders::Borders;
pub use foreground::EdgeColors;
// The old path.
pub use person_filter as keep;
pub use sample::{Normalization, Sampler, resize, to_model_input};
pub use temporal::{Motion, MotionSearch, SceneDetector, Stabilizer, propagate};
pub use upsample::{
    Coefficients, FullMatte, Levels, Morphology, TILE_H, TILE_W, TileClass, TileMap, coefficients, upsample_bilinear,
    upsample_guided,
};

use crate::plane::{Plane, Rect};
use serde::{Deserialize, Serialize};

/// 0 below `range.0`, 1 above `range.1`, straight between.
#[inline(always)]
fn ramp(v: f32, range: (f32, f32)) -> f32 {
    ((v - range.0) * (1.0 / (range.1 - range.0))).clamp(0.0, 1.0)
}

/// One view (an eye) of a frame, sampled down to the model's input size. All three
/// planes have that same size.
#[derive(Clone, Debug, Default)]
pub struct SmallYuv {
    /// Luma, 0.0 black to 1.0 white whatever the source's range and depth (may exceed it a little).
    pub y: Plane<f32>,
    /// Cb, -0.5..=0.5.
    pub u: Plane<f32>,
    /// Cr, -0.5..=0.5.
    pub v: Plane<f32>,
}

/// One view of a frame with its matte: what a full-size matte and the outputs are made from.
#[derive(Clone, Copy, Debug)]
pub struct MattedView<'a> {
    /// Where the view lies in the frame, in luma samples.
    pub rect: Rect,
    /// The view at the model's input size.
    pub small: &'a SmallYuv,
    /// Opacity of the person at that same size, 0.0..=1.0.
    pub alpha: &'a Plane<f32>,
    /// The colors near the person's edges, estimated from the two; empty where no output needs them.
    pub colors: &'a EdgeColors,
}

/// The user's options for a matte after the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatteOptions {
    /// `None`: the model's soft alpha. `Some(t)`, 0..=1: harden, alpha = 1 where it exceeds `t`
    /// (with a one-pixel-wide soft step so that edges don't alias).
    pub threshold: Option<f32>,
    /// Gaussian-like softening of the full-size matte, standard deviation in pixels of the source; 0 is off.
    pub feather: f32,
    /// Grow (positive) or shrink (negative) the matte by this number of pixels of the source.
    pub grow: i32,
    /// Edge-aware upsampling by the luma plane; false: bilinear.
    pub refine: bool,
    /// Strength of the temporal stabilization behind models that see each frame alone, 0 (off) ..= 1;
    /// [`Self::smoothing`] says what others get.
    pub stabilize: f32,
    /// How far the mattes of the two eyes are brought together where both surely see the same, 0 (off)
    /// ..= 1; nothing for a single view.
    pub stereo: f32,
    /// The model runs on every Nth frame at least (1 or more); in between mattes are propagated
    /// by motion.
    pub every: u32,
}

/// Share of the stabilization's strength for the mattes of a recurrent model: it has a state of its own, and
/// more than this begins to trail (docs/quality.md, "Temporal smoothing").
const RECURRENT_SHARE: f32 = 1.0 / 3.0;

impl MatteOptions {
    /// Strength of each view's [`Stabilizer`]; 0 where stabilization is off. `recurrent`: the model keeps a state from
    /// frame to frame.
    pub fn smoothing(&self, recurrent: bool) -> f32 {
        self.stabilize * if recurrent { RECURRENT_SHARE } else { 1.0 }
    }
}

impl Default for MatteOptions {
    fn default() -> Self {
        Self { threshold: None, feather: 0.0, grow: 0, refine: true, stabilize: 0.6, stereo: 0.0, every: 1 }
    }
}

#[cfg(test)]
mod wrap_tests;
