//! The bottom of the crate: FFmpeg's structures behind types that are safe to use. Imports nothing of the
//! other folders.

pub(crate) mod codec;
pub(crate) mod convert;
pub(crate) mod dictionary;
pub(crate) mod frame;
pub(crate) mod hardware;
pub(crate) mod input;
pub(crate) mod layers;
pub(crate) mod log;
pub(crate) mod numbers;
pub(crate) mod parameters;
pub(crate) mod pixel_format;
pub(crate) mod pool;
pub(crate) mod time;
pub(crate) mod version;
pub(crate) mod views;
