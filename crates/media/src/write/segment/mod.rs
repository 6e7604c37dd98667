//! A part of a video's encoded packets in a file of its own, and the joining of such parts to a whole
//! file.
//!
//! A segment's file is no container: containers round time stamps to clocks of their own and lose what
//! hangs on a packet (VP9's alpha, for one). It is what the encoder said of itself and its packets, one
//! after the other, so that the joined file is the one that a single encoder would have written.

mod check;
mod decoding_clock;
mod file;
mod join;
mod part;
mod reader;
mod writer;

pub use check::{check_segment, decode_segment};
pub use join::{SegmentFile, dry_run, join};
pub use part::{SegmentPart, SegmentTimes};
pub use writer::SegmentWriter;
