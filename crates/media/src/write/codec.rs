//! The video codecs that vrseg writes, and their encoders.

use serde::{Deserialize, Serialize};

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
    /// All codecs, in the order in which they are listed to users.
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
