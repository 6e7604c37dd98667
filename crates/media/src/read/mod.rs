//! Reading: what a file is, its frames and its packets.

pub(crate) mod background;
pub(crate) mod convert;
pub(crate) mod key_frames;
pub(crate) mod probe;
pub(crate) mod range;
pub(crate) mod reader;
pub(crate) mod template;
