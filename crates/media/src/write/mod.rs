//! Writing: encoders, output files, segments. Above [`crate::read`], of which it uses what an output takes over
//! of its source.

pub(crate) mod codec;
pub(crate) mod encoder;
pub mod opens;
pub(crate) mod options;
mod output;
pub mod pictures;
pub mod segment;
mod transcode;
mod vr_tags;
pub(crate) mod writer;

pub use output::ended_early;
pub use output::place::{is_stdout, same_file, stdout_path};
