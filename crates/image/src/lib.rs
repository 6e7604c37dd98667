//! Pictures as planes of samples, and what is computed on them: SIMD dispatch, VR layouts and
//! projections, mattes, composing. Pure maths: no FFmpeg, no ONNX Runtime, no files but names.

pub mod compose;
pub mod edits;
pub mod matte;
pub mod plane;
pub mod simd;
pub mod vr;
