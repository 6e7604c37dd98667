//! FFmpeg: probing, decoding, encoding, muxing, side data. Nothing above this module sees a raw
//! FFmpeg pointer.

pub mod options;

pub use options::{Codec, DecodeOptions, EncodeOptions, TimeRange};
