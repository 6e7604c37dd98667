//! What a caller may ask of an output.

use crate::read::template::VideoTemplate;
use crate::write::codec::Codec;
use ffmpeg_next::ffi;
use serde::{Deserialize, Serialize};
use std::path::Path;
use vrseg_image::plane::{YuvColor, YuvLayout};
use vrseg_image::vr::ContainerTags;

/// The three ways to store real alpha.
pub(crate) const ALPHA_WAYS: &str = "real alpha needs .mov (ProRes 4444), .webm (VP9) or .mkv (FFV1)";

/// How to encode one output. `None` everywhere means: what suits the source, the size and the
/// container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EncodeOptions {
    /// Codec family.
    pub codec: Option<Codec>,
    /// A named FFmpeg encoder (`libx264`, `hevc_nvenc` ...) instead of the family's choice.
    pub encoder: Option<String>,
    /// Constant quality, in the encoder's own scale.
    pub crf: Option<f32>,
    /// The encoder's preset, in its own words.
    pub preset: Option<String>,
    /// Bits per second; switches constant quality off.
    pub bitrate: Option<u64>,
    /// FFmpeg's name of the pixel format to encode.
    pub pix_fmt: Option<String>,
    /// Private or generic encoder options, `key=value`. An unknown key is an error.
    pub extra: Vec<(String, String)>,
    /// Threads of the encoder; 0 leaves the choice to the encoder.
    pub threads: usize,
    /// Whether NVENC may be chosen when `encoder` is not given.
    pub hardware: bool,
}

/// What an output's pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Pictures to look at (green screen, blur, ...).
    Picture,
    /// A gray matte.
    Matte,
    /// Pictures with a real alpha channel.
    Alpha,
}

/// What an output says about stereo and the sphere in its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VrTags {
    /// What the source says: for pictures whose views lie as the source's do.
    Source,
    /// These tags and none of the source's.
    Custom(ContainerTags),
}

/// How an output is made.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions<'a> {
    /// Its final name; the extension chooses the container.
    pub path: &'a Path,
    /// Codec, quality and so on.
    pub encode: &'a EncodeOptions,
    /// Layout of the frames that will come (with alpha for [`Purpose::Alpha`]).
    pub layout: YuvLayout,
    /// Meaning of the frames' samples.
    pub color: YuvColor,
    /// Width of the frames in pixels.
    pub width: usize,
    /// Height of the frames in pixels.
    pub height: usize,
    /// The frames show something else than the source's do in another shape: what the source says
    /// about the shape of its pixels doesn't hold.
    pub reshaped: bool,
    /// Replace a file that exists.
    pub overwrite: bool,
    /// What the pictures are for: decides on alpha and gray.
    pub purpose: Purpose,
    /// Take over sound, subtitles, attachments and data.
    pub copy_streams: bool,
    /// Stereo packing and projection that the container states.
    pub tags: VrTags,
}

impl WriterOptions<'_> {
    /// Width to height of the frames' pixels.
    pub(crate) fn aspect(&self, video: &VideoTemplate) -> ffi::AVRational {
        if self.reshaped { ffi::AVRational { num: 1, den: 1 } } else { video.aspect }
    }
}
