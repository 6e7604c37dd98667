//! The model's input, made straight from the planes of a frame.
//!
//! Each plane of a view is area-averaged to the model's input size and only there turned
//! into RGB: the full-size picture is never converted. Averaging matters: a scaler that picks
//! single samples makes the matte shimmer when the camera moves by a fraction of a pixel.

mod input;
mod resample;
mod resize;
mod sampler;

pub use input::{Normalization, to_model_input};
pub(crate) use resample::Resampler;
pub use resize::resize;
pub use sampler::Sampler;
