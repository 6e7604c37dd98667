//! Writing: encoders, output files, segments.

pub(crate) mod encoder;
pub mod opens;
pub(crate) mod options;
pub(crate) mod output;
pub mod segment;
pub(crate) mod writer;
