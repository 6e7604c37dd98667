//! Conversions by FFmpeg: of pictures, of sound, of subtitles.

pub(crate) mod alpha;
pub(crate) mod audio;
pub(crate) mod dynamic;
pub(crate) mod scale;
pub(crate) mod subtitle;
