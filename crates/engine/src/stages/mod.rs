//! The stages of a job, as values that a [`Graph`](crate::graph) gives threads to:
//!
//! ```text
//! Decode ─▶ Sample (N) ─▶ Scenes ─▶ CutWindows (N) ─▶ Gather ─▶ Infer ─▶ Matte ─▶ Paint (N) ─▶ Encode (one for each output)
//! ```
//!
//! Each can be driven by hand as well: `vrseg bench` does so to measure a stage by itself.

mod backdrop;
mod decode;
mod encode;
mod infer;
mod look_ahead;
mod matte;
mod paint;
mod sample;
mod scenes;
mod spare;
mod windows;

pub use backdrop::Backdrop;
pub use decode::Decode;
pub use encode::{ByteCounter, Encode, SegmentSink, WholeSink};
pub use infer::Infer;
pub(crate) use matte::edit_views;
pub use matte::{Matte, PeopleMattes, Smoothing};
pub use paint::{Paint, SourceForm, Target};
pub use sample::{Chroma, Sample};
pub use scenes::Scenes;
pub use spare::Spare;
pub use windows::{BatchLimits, CropSpec, CutWindows, Gather};
