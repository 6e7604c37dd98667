//! FFmpeg: probing, decoding, encoding, muxing, side data. Nothing above this module sees a raw
//! FFmpeg pointer.
//!
//! A [`Reader`] gives the frames of the video stream and the untouched packets of all others; a
//! [`Writer`] takes frames and packets and makes a file of them that keeps what the source said
//! about itself (color, rotation, stereo packing, chapters, tags). Call [`init`] once before.

pub mod error;
mod ffi;
mod formats;
mod read;
mod write;

pub use error::{MediaError, Result};
pub use ffi::frame::{PlaneSamples, VideoFrame, layout_of, pixel_of};
pub use ffi::log::{init, recent_log};
pub use ffi::pool::FramePool;
pub use read::background::Background;
pub use read::key_frames::{FrameTime, frame_times, key_frames};
pub use read::probe::{InputInfo, OpenInput, VideoInfo, layout_with_alpha, open, probe};
pub use read::reader::{CopiedPacket, Item, Reader, SourceFrame};
pub use read::template::SourceTemplate;
pub use write::encoder::nvenc::nvenc_status;
pub use write::encoder::plan::{EncoderPlan, plan_encoder};
pub use write::options::{Codec, DecodeOptions, EncodeOptions, TimeRange};
pub use write::segment::{SegmentPart, SegmentTimes, SegmentWriter};
pub use write::writer::{Finished, Purpose, VrTags, Writer, WriterOptions, same_file};
pub use write::{opens, segment};

#[cfg(test)]
mod tests;
