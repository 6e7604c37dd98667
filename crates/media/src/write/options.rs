//! What a caller may ask of decoding and encoding.

use serde::{Deserialize, Serialize};

/// The part of the source that is worked on. Times are seconds from the start of the file, as
/// ffmpeg's `-ss`, `-to` and `-t` count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeRange {
    /// First moment that is kept.
    pub start: Option<f64>,
    /// First moment that is no longer kept (`--to`; `-t` is added to the start before it comes here).
    pub end: Option<f64>,
    /// At most so many frames.
    pub frames: Option<u64>,
}

/// How to decode.
#[derive(Clone, Debug, Default)]
pub struct DecodeOptions {
    /// The part to read.
    pub range: TimeRange,
    /// Threads of the video decoder; 0 leaves the choice to FFmpeg.
    pub threads: usize,
    /// Deliver frames in a layout of which FFmpeg also has a format with alpha
    /// ([`crate::layout_with_alpha`]), because an output will need that.
    pub alpha: bool,
    /// A packet or frame that can't be decoded ends the reading with an error instead of being counted.
    pub strict: bool,
}

/// Video codecs that vrseg writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Codec {
    /// H.264: `h264_nvenc` where it opens (and the size allows), else `libx264`.
    H264,
    /// HEVC: `hevc_nvenc` where it opens, else `libx265`.
    Hevc,
    /// AV1: `av1_nvenc` where it opens, else `libsvtav1`.
    Av1,
    /// VP9: `libvpx-vp9`.
    Vp9,
    /// ProRes: `prores_ks`.
    ProRes,
    /// FFV1, lossless.
    Ffv1,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 6] = [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9, Codec::ProRes, Codec::Ffv1];

    /// The codec of that word of the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// FFmpeg's encoder that runs everywhere.
    pub fn software(self) -> &'static str {
        match self {
            Codec::H264 => "libx264",
            Codec::Hevc => "libx265",
            Codec::Av1 => "libsvtav1",
            Codec::Vp9 => "libvpx-vp9",
            Codec::ProRes => "prores_ks",
            Codec::Ffv1 => "ffv1",
        }
    }

    /// NVIDIA's encoder, where there is one for the codec.
    pub fn hardware(self) -> Option<&'static str> {
        match self {
            Codec::H264 => Some("h264_nvenc"),
            Codec::Hevc => Some("hevc_nvenc"),
            Codec::Av1 => Some("av1_nvenc"),
            Codec::Vp9 | Codec::ProRes | Codec::Ffv1 => None,
        }
    }

    /// The word by which the command line knows the codec.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::Hevc => "hevc",
            Codec::Av1 => "av1",
            Codec::Vp9 => "vp9",
            Codec::ProRes => "prores",
            Codec::Ffv1 => "ffv1",
        }
    }
}

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
