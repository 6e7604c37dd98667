//! What a file is: what probing finds out.

use crate::ffi::convert::dynamic::DynamicRange;
use crate::ffi::pixel_format::{format_named, has_alpha};
use crate::ffi::views::LayerViews;
use crate::formats::sequence::Sequence;
use crate::read::options::InputChoice;
use std::path::PathBuf;
use vrseg_image::plane::{ChromaSiting, Orientation, YuvColor, YuvLayout};
use vrseg_image::vr::ContainerTags;

/// A source file, as its headers and first packets describe it.
#[derive(Clone, Debug)]
pub struct InputInfo {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// FFmpeg's name(s) of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub format: String,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// First time stamp in seconds.
    pub start_time: Option<f64>,
    /// What was chosen when it was opened.
    pub choice: InputChoice,
    /// Size in bytes; of a numbered sequence, of its first picture.
    pub size_bytes: u64,
    /// Bits per second of the whole file.
    pub bit_rate: Option<u64>,
    /// The video stream that is worked on.
    pub video: VideoInfo,
    /// Number of video streams, cover pictures not counted.
    pub video_streams: usize,
    /// Number of audio streams.
    pub audio_streams: usize,
    /// Number of subtitle streams.
    pub subtitle_streams: usize,
    /// Number of attachments (fonts).
    pub attachment_streams: usize,
    /// Number of data streams (time code, camera telemetry).
    pub data_streams: usize,
    /// Number of cover pictures and thumbnail strips.
    pub cover_pictures: usize,
    /// Number of chapters.
    pub chapters: usize,
}

impl InputInfo {
    /// What of the source isn't worked on, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let gap = self.sequence().and_then(|sequence| sequence.gap());
        let gap = gap.map(|(missing, next)| {
            format!("number {missing} is missing, so the sequence ends there, though {next} exists")
        });
        let transparent = format_named(&self.video.pixel_format).is_some_and(has_alpha);
        let own = transparent.then(|| "its own transparency is ignored".to_owned());
        gap.into_iter().chain(own).collect()
    }

    /// The numbered files that are its pictures, where they are.
    pub(crate) fn sequence(&self) -> Option<Sequence> {
        Sequence::unless_file(&self.path)
    }
}

/// A video stream, and the frames that come out of it.
#[derive(Clone, Debug)]
pub struct VideoInfo {
    /// Its number in the file.
    pub index: usize,
    /// FFmpeg's name of its codec.
    pub codec: String,
    /// The codec's profile, where known.
    pub profile: Option<String>,
    /// Width in pixels, as players show it.
    pub width: usize,
    /// Height in pixels, as players show it.
    pub height: usize,
    /// FFmpeg's name of the pixel format in the file.
    pub pixel_format: String,
    /// The layout of the frames that a [`crate::Reader`] delivers.
    pub layout: YuvLayout,
    /// The meaning of their samples; guessed from the size where the file doesn't tell.
    pub color: YuvColor,
    /// Where the chroma samples lie; the usual place where the file doesn't tell.
    pub siting: ChromaSiting,
    /// The file states the matrix.
    pub matrix_known: bool,
    /// The dynamic range of the delivered frames.
    pub dynamic: DynamicRange,
    /// The file's own, where frames are delivered in standard range instead.
    pub mapped_from: Option<DynamicRange>,
    /// Average frames per second; 0 where unknown.
    pub fps: f64,
    /// Frames in the file; an estimate where the container doesn't count them.
    pub frames: Option<u64>,
    /// Length of the stream in seconds.
    pub duration: Option<f64>,
    /// Seconds per tick, as a fraction.
    pub time_base: (i32, i32),
    /// How the stored pictures are turned and mirrored before they are shown; the delivered ones are.
    pub orientation: Orientation,
    /// What the container (or the bitstream) states about stereo and the sphere, as FFmpeg reads it.
    pub tags: ContainerTags,
    /// The views of both eyes are in two layers (MV-HEVC) and are delivered side by side, the left eye's at the left: so
    /// width, tags and all that follows tell.
    pub layers: Option<LayerViews>,
    /// Bits per second of the stream.
    pub bit_rate: Option<u64>,
    /// Fields instead of frames.
    pub interlaced: bool,
}
