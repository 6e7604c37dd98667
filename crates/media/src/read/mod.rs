//! Reading: what a file is, its frames and its packets. Above [`crate::ffi`] and [`crate::formats`]; knows
//! nothing of [`crate::write`].

pub(crate) mod background;
mod clock;
mod convert;
pub(crate) mod frame_times;
pub(crate) mod info;
pub(crate) mod key_frames;
mod open;
pub(crate) mod options;
pub(crate) mod probe;
mod range;
pub(crate) mod reader;
mod streams;
pub(crate) mod template;
mod tone;
mod upright;
