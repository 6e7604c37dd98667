//! Typed settings and where each of them comes from: built-in defaults, then the profile, then
//! the user's file, then `VRSEG_*` variables, then the command line. The later layer wins, value
//! by value.

mod check;
mod declared;
mod explain;
mod fields;
mod layers;
mod read;
pub mod schema;
mod sources;
mod template;
pub mod values;
mod words;

pub use check::{check, check_encoder};
pub use layers::{Loader, user_file};
pub use sources::{Source, Sources};
pub use template::{defaults, template};

use crate::scale::Scale;
use crate::spec::{DecodeHardware, PeopleChoice, Split};
use crate::telemetry::{LogFile, LogFormat};
use std::fmt;
use std::path::PathBuf;
pub use values::Devices;
use vrseg_image::compose::{AlphaChannel, Rgb};
use vrseg_image::matte::MatteOptions;
use vrseg_image::matte::windows::View;
use vrseg_image::vr::{Filter, FormatRequest};
use vrseg_infer::cache::CacheChoice;
use vrseg_infer::{DeviceChoice, Precision, SessionChoice};
use vrseg_media::{Codec, CopyPolicy, Player};

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, or whatever else the value came from.
    pub file: String,
    /// Line and column, from 1.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// The model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// A model's name or a manifest's path; `None`: the first of `prefer` that is installed.
    pub name: Option<String>,
    /// Models by preference.
    pub prefer: Vec<String>,
    /// The longer side of the model's input in pixels; `None`: the model's default.
    pub input_size: Option<u32>,
    /// The model that `input_size` is meant for, where a profile set it: its first choice. What
    /// suits one model is seldom right for another. `None` where the user set it.
    pub input_size_for: Option<String>,
    /// Frames at once; 0: chosen by the device.
    pub batch_size: u32,
    /// Arithmetic.
    pub precision: Precision,
}

/// What runs the model.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSettings {
    /// The device; of several the first.
    pub choice: DeviceChoice,
    /// All that work on a job.
    pub devices: Devices,
    /// ONNX Runtime's shared library.
    pub ort_library: Option<PathBuf>,
    /// Threads of the model on a CPU; 0: from the thread budget.
    pub threads: usize,
    /// How its arithmetic and memory are set up.
    pub session: SessionChoice,
}

/// The machine's share for a job.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessingSettings {
    /// Threads for the whole job; 0: all that the process may use.
    pub threads: usize,
    /// How they are shared out.
    pub split: Split,
    /// Bytes of frames that may wait between stages; 0: by the memory that is available.
    pub queue_bytes: usize,
    /// Whether at most two frames are in flight.
    pub low_latency: bool,
    /// Bytes of main memory that the process may hold; `None`: most of what is available.
    pub max_memory: Option<u64>,
    /// Workers that share a job's segments on one device.
    pub segments_at_once: usize,
    /// Whether damage in the source ends a job.
    pub strict: bool,
    /// Seconds of the segments in which a long job is stored; `None`: it isn't.
    pub segment_seconds: Option<f64>,
    /// How the model's mattes are cached.
    pub cache: CacheChoice,
}

/// What is expected of a run, and told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PerformanceSettings {
    /// Frames per second below which a job says at its end that it was too slow.
    pub target_fps: Option<f64>,
    /// Milliseconds that a frame may be on its way before a job says at its end that it was too long.
    pub max_latency_ms: Option<f64>,
    /// Whether a trial at the start of a long job finds how threads are shared out best.
    pub auto_tune: bool,
    /// Whether the summary shows every stage's time.
    pub profiling: bool,
}

/// What is written, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSettings {
    /// Mode of outputs that name none.
    pub mode: String,
    /// Pattern of file names in an output folder.
    pub name: String,
    /// Key color of `green`.
    pub key: Rgb,
    /// Tint of `overlay`.
    pub tint: Rgb,
    /// Blur as a fraction of the view's height.
    pub blur_strength: f32,
    /// Field of view of `passthrough` in degrees; `None`: by the source.
    pub fov: Option<f32>,
    /// What carries the opacity of `passthrough`.
    pub alpha_channel: AlphaChannel,
    /// How pictures that are shown through another lens are read between their samples.
    pub resample: Filter,
    /// Codec family.
    pub codec: Option<Codec>,
    /// FFmpeg encoder.
    pub encoder: Option<String>,
    /// Constant quality.
    pub crf: Option<f32>,
    /// Preset.
    pub preset: Option<String>,
    /// Bits per second.
    pub bitrate: Option<u64>,
    /// Pixel format.
    pub pix_fmt: Option<String>,
    /// Seconds between key frames at most.
    pub gop: Option<f64>,
    /// Standard dynamic range from high.
    pub sdr: bool,
    /// What becomes of sound.
    pub audio: CopyPolicy,
    /// What becomes of subtitles.
    pub subtitles: CopyPolicy,
    /// The player whose limits are kept.
    pub player: Option<Player>,
    /// The size of the outputs' pictures.
    pub scale: Option<Scale>,
    /// Whether NVENC may be chosen.
    pub hardware: bool,
}

/// All settings, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The profile that they build on.
    pub profile: String,
    /// The model.
    pub model: ModelSettings,
    /// What runs it.
    pub device: DeviceSettings,
    /// What decodes the source.
    pub decode: DecodeHardware,
    /// Threads and memory.
    pub processing: ProcessingSettings,
    /// The user's options of the source's format.
    pub vr: FormatRequest,
    /// How the model sees an eye; `None`: as suits the model.
    pub view: Option<View>,
    /// Expectations.
    pub performance: PerformanceSettings,
    /// The matte.
    pub matte: MatteOptions,
    /// The crops of each person, and the people to keep; the regions are still to be read.
    pub people: PeopleChoice,
    /// Parts of a view, or a file of them, that alone are shown.
    pub include: Option<String>,
    /// Parts of a view, or a file of them, that are omitted.
    pub exclude: Option<String>,
    /// The outputs.
    pub output: OutputSettings,
    /// Level of log messages: error, warn, info, debug or trace.
    pub log_level: String,
    /// How log messages look.
    pub log_format: LogFormat,
    /// What gets the log as well.
    pub log_file: LogFile,
}
