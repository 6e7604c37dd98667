//! What a run is asked to do, after the command line and the configuration have been read.

use crate::edits::Edits;
use crate::scale::Scale;
use crate::tune::rules::Threads;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vrseg_image::compose::Mode;
use vrseg_image::matte::MatteOptions;
use vrseg_image::matte::person_filter::PersonFilter;
use vrseg_image::matte::windows::View;
use vrseg_image::vr::FormatRequest;
use vrseg_infer::cache::CacheChoice;
use vrseg_infer::provider::Provider;
use vrseg_infer::{DeviceChoice, Precision, SessionChoice};
use vrseg_media::{EncodeOptions, InputChoice, TimeRange};

/// Threads of the parts of a job beside the model's; 0: the part's share of the job's threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Split {
    /// The decoder's.
    pub decode: usize,
    /// Workers that refine mattes and paint outputs.
    pub workers: usize,
    /// Each encoder's.
    pub encode: usize,
}

impl Split {
    /// `threads` with the requested one in its place.
    pub fn apply(self, threads: Threads) -> Threads {
        let or = |requested: usize, share: usize| if requested > 0 { requested } else { share };
        Threads {
            decode: or(self.decode, threads.decode),
            infer: threads.infer,
            prepare: threads.prepare,
            compose: or(self.workers, threads.compose),
            encode: or(self.encode, threads.encode),
        }
    }
}

/// The model and how it is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelChoice {
    /// Name of a known model, or path of a manifest (ends in `.yaml` or `.yml`). Empty: the first
    /// of `prefer` that is installed.
    pub name: String,
    /// Names of known models by preference; used only where `name` is empty.
    pub prefer: Vec<String>,
    /// The longer side of the model's input; `None`: the manifest's default.
    pub input_size: Option<u32>,
    /// The model that `input_size` was chosen for: another one runs at its own default. `None`: it
    /// was chosen for whichever model runs.
    pub input_size_for: Option<String>,
    /// Frames that a frame-independent model takes at once (all views of each); 0: chosen by the device.
    pub batch_size: u32,
    /// Arithmetic.
    pub precision: Precision,
    /// Where to run.
    pub device: DeviceChoice,
    /// ONNX Runtime's shared library, where the user named one.
    pub ort_library: Option<PathBuf>,
    /// Threads for the model on a CPU; 0: chosen by the thread budget.
    pub threads: usize,
    /// Arithmetic and memory of its session.
    pub session: SessionChoice,
}

impl ModelChoice {
    /// The longer side that is asked of the model of that name; `None`: its default.
    pub fn input_size_of(&self, model: &str) -> Option<u32> {
        self.input_size.filter(|_| self.input_size_for.as_deref().is_none_or(|name| name == model))
    }
}

/// Windows on people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeopleChoice {
    /// Names of the models that are run on a crop of each person, of which the mean is taken; of several names between
    /// bars, the first whose weights are installed. Empty: the model sees whole eyes.
    pub crops: Vec<String>,
    /// Side of the windows of models that take any size, in pixels; `None`: each model's own.
    #[serde(default)]
    pub size: Option<u32>,
    /// The user named them, so missing weights are an error; else those that are missing are omitted.
    pub insist: bool,
    /// Frames from one detection pass to the next, each through another of its views; at least 1.
    pub every: u32,
    /// Frames through which somebody is followed back from the one on which they are found.
    #[serde(default)]
    pub look_ahead: u32,
    /// How many of the people the matte shows.
    pub keep: PeopleToKeep,
    /// The user's other filters of people.
    #[serde(rename = "wishes")]
    pub filter: PersonFilter,
}

impl PeopleChoice {
    /// The models that are run on person crops: none where the user names a model or a view for whole eyes, and no models for
    /// crops.
    pub fn crop_models(&self, model_named: bool, view: bool) -> &[String] {
        if !self.insist && (model_named || view) { &[] } else { &self.crops }
    }
}

/// How many people a matte shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeopleToKeep {
    /// Everybody.
    #[default]
    All,
    /// This many of the most prominent ones.
    Largest(u32),
}

/// One file that is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// Final name.
    #[serde(with = "vrseg_hardware::json_path::exact")]
    pub path: PathBuf,
    /// What it shows.
    pub mode: Mode,
    /// How it is encoded.
    pub encode: EncodeOptions,
    /// The size of its pictures; `None`: the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

/// One source and everything that is made from it, in one pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The source.
    #[serde(with = "vrseg_hardware::json_path::exact")]
    pub input: PathBuf,
    /// What its path doesn't tell.
    #[serde(default)]
    pub choice: InputChoice,
    /// The part of it.
    pub range: TimeRange,
    /// The user's format options; open ones are detected.
    pub format: FormatRequest,
    /// How the model sees an eye; `None`: as suits the model.
    pub view: Option<View>,
    /// The model.
    pub model: ModelChoice,
    /// Windows on people.
    pub people: PeopleChoice,
    /// The matte.
    pub matte: MatteOptions,
    /// Corrections by hand.
    #[serde(default, skip_serializing_if = "Edits::is_empty")]
    pub edits: Edits,
    /// What is written; at least one.
    pub outputs: Vec<OutputSpec>,
    /// Replace outputs that exist.
    pub overwrite: bool,
    /// Threads for the whole job; 0: as many as the process may use.
    pub threads: usize,
    /// How they are shared out.
    pub split: Split,
    /// Bytes of frames that may wait between stages; 0: by the memory that is available.
    pub queue_bytes: usize,
    /// What decodes the source.
    #[serde(default)]
    pub decode: DecodeHardware,
    /// At most two frames are in flight, whatever the queue has room for.
    #[serde(default)]
    pub low_latency: bool,
    /// Bytes of main memory that the process may hold; `None`: most of what is available.
    #[serde(default)]
    pub max_memory: Option<u64>,
    /// How the model's mattes are cached, and whether cached ones are used.
    pub cache: CacheChoice,
    /// A packet or frame that can't be decoded ends the job.
    pub strict: bool,
    /// A whole run below this many frames per second warns at its end.
    pub target_fps: Option<f64>,
    /// A run in which more than 5 of 100 frames took this many milliseconds warns at its end.
    pub max_latency_ms: Option<f64>,
}

/// What decodes a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecodeHardware {
    /// The CPU.
    #[default]
    Off,
    /// The GPU that runs the model, if one does.
    Auto,
    /// The GPU of this number, as CUDA counts.
    Cuda(u32),
}

impl DecodeHardware {
    /// The GPU that is to decode, where the model runs on `provider`.
    pub fn gpu(self, provider: Provider) -> Option<u32> {
        match (self, provider) {
            (Self::Off, _) | (Self::Auto, Provider::Cpu | Provider::OpenVino) => None,
            (Self::Cuda(n), _) | (Self::Auto, Provider::Cuda(n) | Provider::TensorRt(n)) => Some(n),
        }
    }
}

impl Job {
    /// A plain one, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn sample(input: &std::path::Path, output: &std::path::Path) -> Self {
        Self {
            input: input.into(),
            choice: InputChoice::default(),
            range: TimeRange::default(),
            format: FormatRequest::default(),
            model: ModelChoice {
                name: "selfie".into(),
                prefer: Vec::new(),
                input_size: None,
                input_size_for: None,
                batch_size: 0,
                precision: Precision::Auto,
                device: DeviceChoice::Auto,
                ort_library: None,
                threads: 0,
                session: SessionChoice::default(),
            },
            view: None,
            people: PeopleChoice::default(),
            matte: MatteOptions::default(),
            edits: Edits::default(),
            outputs: vec![OutputSpec {
                path: output.into(),
                mode: Mode::Matte,
                encode: EncodeOptions::default(),
                scale: None,
            }],
            overwrite: false,
            threads: 0,
            split: Split::default(),
            queue_bytes: 0,
            decode: DecodeHardware::Off,
            low_latency: false,
            max_memory: None,
            cache: CacheChoice::OFF,
            strict: false,
            target_fps: None,
            max_latency_ms: None,
        }
    }

    /// An output has a real alpha channel.
    pub fn wants_alpha(&self) -> bool {
        self.outputs.iter().any(|o| o.mode == Mode::Alpha)
    }
}
