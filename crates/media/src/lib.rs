//! FFmpeg: probing, decoding, encoding, muxing, side data. Nothing outside this crate sees a raw
//! FFmpeg pointer.
//!
//! A [`Reader`] gives the frames of the video stream and the untouched packets of all others; a
//! [`Writer`] takes frames and packets and makes a file of them that keeps what the source said
//! about itself (color, stereo packing, chapters, tags). Call [`init`] once before.
//!
//! Modules, each importing only those to the right of it: `write` → `read` → `formats` → `ffi` → [`error`].

pub mod error;
mod ffi;
mod formats;
mod read;
mod write;

pub use error::{MediaError, Result};
pub use ffi::convert::dynamic::DynamicRange;
pub use ffi::frame::{PlaneSamples, VideoFrame};
pub use ffi::log::{environment, init, recent_log};
pub use ffi::pool::FramePool;
pub use ffi::views::LayerViews;
pub use formats::layout::layout_with_alpha;
pub use formats::sequence::Sequence;
pub use read::background::{Background, BackgroundTarget};
pub use read::frame_times::{FrameTime, frame_times};
pub use read::info::{InputInfo, VideoInfo};
pub use read::key_frames::{first_key_packet, key_frames};
pub use read::options::{DecodeOptions, InputChoice, TimeRange};
pub use read::probe::{OpenInput, open, probe};
pub use read::reader::{CopiedPacket, Item, Reader, SourceFrame};
pub use read::template::SourceTemplate;
pub use write::codec::Codec;
pub use write::encoder::nvenc::nvenc_status;
pub use write::encoder::plan::{EncoderPlan, plan_encoder};
pub use write::encoder::players::Player;
pub use write::options::{CopyPolicy, EncodeOptions, OutputNotes, Purpose, Resize, VrTags, WriterOptions};
pub use write::segment::{SegmentPart, SegmentTimes, SegmentWriter};
pub use write::writer::{Finished, Writer};
pub use write::{ended_early, is_stdout, same_file, stdout_path};
pub use write::{opens, pictures, segment};

#[cfg(test)]
mod tests;
