//! FFmpeg: probing, decoding, encoding, muxing, side data. Nothing above this module sees a raw
//! FFmpeg pointer.
//!
//! A [`Reader`] gives the frames of the video stream and the untouched packets of all others; a
//! [`Writer`] takes frames and packets and makes a file of them that keeps what the source said
//! about itself (color, rotation, stereo packing, chapters, tags). Call [`init`] once before.

pub mod background;
mod container;
mod convert;
pub mod decode;
mod encode;
pub mod encoders;
pub mod error;
pub mod frame;
pub mod keyframes;
mod log;
pub mod mux;
pub mod nvenc;
pub mod opens;
pub mod options;
mod output;
mod pixel;
pub mod pool;
pub mod probe;
mod raw;
mod scale;
pub mod segment;
mod settings;
pub mod sidedata;
mod source;
pub mod template;

pub use background::Background;
pub use decode::{CopiedPacket, Item, Reader, SourceFrame};
pub use encoders::{EncoderPlan, plan_encoder};
pub use error::{MediaError, Result};
pub use frame::{PlaneSamples, VideoFrame, layout_of, pixel_of};
pub use keyframes::{FrameTime, frame_times, key_frames};
pub use log::{init, recent_log};
pub use mux::{Finished, Purpose, VrTags, Writer, WriterOptions, same_file};
pub use nvenc::nvenc_status;
pub use options::{Codec, DecodeOptions, EncodeOptions, TimeRange};
pub use pool::FramePool;
pub use probe::{InputInfo, OpenInput, VideoInfo, layout_with_alpha, open, probe};
pub use segment::{SegmentPart, SegmentTimes, SegmentWriter};
pub use template::SourceTemplate;

#[cfg(test)]
mod tests;
