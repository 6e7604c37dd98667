//! FFmpeg's structures behind types that are safe to use.

pub(crate) mod frame;
pub(crate) mod log;
pub(crate) mod parameters;
pub(crate) mod pool;
pub(crate) mod scale;
