//! What a caller may ask of an output.

use crate::read::template::VideoTemplate;
use crate::write::codec::Codec;
use crate::write::encoder::players::{KEY_FRAME_SECONDS, Player};
use ffmpeg_next::ffi;
use serde::{Deserialize, Serialize};
use std::path::Path;
use vrseg_image::plane::{Rect, YuvColor, YuvLayout};
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
    /// Seconds between key frames at most; `None`: two. Of no use to codecs without other frames.
    #[serde(default)]
    pub gop: Option<f64>,
    /// The player whose limits the output keeps within.
    #[serde(default)]
    pub player: Option<Player>,
    /// Threads of the encoder; 0 leaves the choice to the encoder.
    pub threads: usize,
    /// What becomes of the source's sound.
    #[serde(default)]
    pub audio: CopyPolicy,
    /// What becomes of the source's subtitles.
    #[serde(default)]
    pub subtitles: CopyPolicy,
    /// Whether NVENC may be chosen when `encoder` is not given.
    pub hardware: bool,
}

impl EncodeOptions {
    /// Seconds between key frames at most.
    pub(crate) fn key_frame_seconds(&self) -> f64 {
        self.gop.unwrap_or(KEY_FRAME_SECONDS)
    }
}

/// What becomes of streams of the source that aren't the video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyPolicy {
    /// They are copied, and converted where the container can't hold their codec and a usual way exists.
    #[default]
    Auto,
    /// They are copied, or omitted where the container can't hold them.
    Copy,
    /// They are omitted.
    Without,
}

impl CopyPolicy {
    /// All of them, in the order in which they are listed to users.
    pub const ALL: [CopyPolicy; 3] = [CopyPolicy::Auto, CopyPolicy::Copy, CopyPolicy::Without];

    /// The word by which the command line knows it.
    pub fn name(self) -> &'static str {
        match self {
            CopyPolicy::Auto => "auto",
            CopyPolicy::Copy => "copy",
            CopyPolicy::Without => "none",
        }
    }

    /// The policy of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// What an output says about itself besides its pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputNotes {
    /// What of the source isn't in it, or not as it was, each in words with the reason.
    pub lost: Vec<String>,
    /// What else the user may want to know, in sentences: why NVENC isn't used.
    pub hints: Vec<String>,
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

/// How frames become larger or smaller on their way to the encoder.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resize<'a> {
    /// Width and height to encode; `None`: the frames'.
    pub size: Option<(usize, usize)>,
    /// Where the views lie in a frame. Each is resized by itself, so that none gets samples of another. Empty: the frame
    /// is one picture.
    pub views: &'a [Rect],
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
    /// Frames of a second on average; 0 where unknown.
    pub fps: f64,
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
    /// The size that is encoded; a player's limits hold besides.
    pub resize: Resize<'a>,
}

impl WriterOptions<'_> {
    /// Width to height of the frames' pixels.
    pub(crate) fn aspect(&self, video: &VideoTemplate) -> ffi::AVRational {
        if self.reshaped { ffi::AVRational { num: 1, den: 1 } } else { video.aspect }
    }
}
