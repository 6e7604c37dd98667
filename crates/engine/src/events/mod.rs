//! What a job reports while it runs. Nothing below `cli` and `ui` prints: it calls an [`Observer`].

mod live;
mod progress;

pub use live::{Live, Preview, PreviewFrame};
pub(crate) use progress::Progress;

use crate::graph::{Histogram, StageReport};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vrseg_hardware::Usage;
use vrseg_infer::cache::CacheStats;

/// What happens to a job besides work on its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPhase {
    /// The models are loaded.
    Loading,
    /// A short trial measures which split of threads is fastest.
    Tuning,
    /// The finished segments are joined to the outputs.
    Joining,
}

/// A job, as users see it.
#[derive(Clone, Debug, Serialize)]
pub struct JobDescription {
    /// Source.
    #[serde(serialize_with = "vrseg_hardware::json_path::lossy")]
    pub input: PathBuf,
    /// Frame width in pixels.
    pub width: usize,
    /// Frame height in pixels.
    pub height: usize,
    /// Frames per second, average; 0 where unknown.
    pub fps: f64,
    /// Frames expected, where the container says enough.
    pub frames: Option<u64>,
    /// Layout and what it rests on.
    pub layout: String,
    /// Model and the size of its input.
    pub model: String,
    /// Outputs, each `mode path (encoder)`.
    pub outputs: Vec<String>,
}

/// Something happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The input was probed and the job planned: what will be done, before anything that takes time.
    Probed {
        /// What will be done.
        #[serde(flatten)]
        job: JobDescription,
    },
    /// A phase of the job begins that may take seconds.
    Phase {
        /// Which.
        phase: JobPhase,
        /// Seconds that it takes at most, where it has a limit.
        limit: Option<f64>,
    },
    /// The models are loaded and work begins.
    Start {
        /// What is done.
        #[serde(flatten)]
        job: JobDescription,
        /// Execution provider and device.
        device: String,
    },
    /// Work resumes where an earlier run stopped.
    Resumed {
        /// The folder with what that run finished.
        folder: PathBuf,
        /// Segments that are finished.
        segments: usize,
        /// Frames in them.
        frames: u64,
    },
    /// The segments of a job that is worked on in such, as far as they are known before the work begins.
    Segments {
        /// Frames of each: of all where they were planned, else of those that are finished.
        frames: Vec<u64>,
        /// Numbers of those that are finished.
        finished: Vec<usize>,
        /// Frames, about, of one that isn't known yet; 0: all are.
        usual: u64,
    },
    /// A segment is finished: what is in it can't be lost any more.
    Segment {
        /// Its number, from 0.
        segment: usize,
        /// Frames in it.
        frames: u64,
        /// Bytes of its files.
        bytes: u64,
    },
    /// Before the work began a trial found how threads are shared out best.
    Tuned {
        /// The model's threads.
        infer: usize,
        /// Workers that refine mattes and paint outputs.
        workers: usize,
        /// Frames per second with these over those with the rules' shares: 1 where these are the best.
        gain: f64,
        /// Shares that were tried.
        tried: usize,
        /// Seconds that it took.
        seconds: f64,
    },
    /// How far it is; sent a few times a second.
    Progress {
        /// Frames written to every output.
        frames: u64,
        /// Frames expected.
        total: Option<u64>,
        /// Frames per second over the last seconds.
        fps: f64,
        /// Seconds left, where it can be guessed.
        eta: Option<f64>,
        /// Bytes of all outputs so far.
        bytes: u64,
        /// The stage that the others wait for.
        bottleneck: &'static str,
    },
    /// Something the user should know that doesn't stop the job.
    Warning {
        /// The text, a full sentence.
        message: String,
    },
    /// The job is over and its outputs are in place.
    Done {
        /// What was done.
        #[serde(flatten)]
        summary: Summary,
    },
}

/// How long frames were on their way through the job, in milliseconds: from the decoder being asked
/// for one until its encoder had taken it. (What an encoder keeps back to look ahead is not in it.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// Half of the frames were faster.
    pub p50_ms: f64,
    /// 95 of 100 frames were faster.
    pub p95_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl LatencyReport {
    /// What was recorded; `None` where that is nothing.
    pub fn of(times: &Histogram) -> Option<Self> {
        let p = times.percentiles();
        (p.count > 0).then_some(Self { p50_ms: p.p50 * 1e3, p95_ms: p.p95 * 1e3, max_ms: p.max * 1e3 })
    }
}

/// One finished output.
#[derive(Clone, Debug, Serialize)]
pub struct OutputReport {
    /// Its path.
    #[serde(serialize_with = "vrseg_hardware::json_path::lossy")]
    pub path: PathBuf,
    /// Its mode.
    pub mode: &'static str,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// Size in bytes.
    pub bytes: u64,
    /// What of the source isn't in it, or not as it was, in words; was a warning before the work.
    pub lost: Vec<String>,
}

/// What the caches did for a job.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CacheReport {
    /// Frames by the source of their mattes.
    #[serde(flatten)]
    pub frames: CacheStats,
    /// Share of the frames that the model did not have to see, 0..=1.
    pub hit_rate: f64,
    /// Entries that could not be kept on disk: it was too slow or full.
    pub lost: u64,
}

/// What a finished job did.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Frames written.
    pub frames: u64,
    /// Wall-clock seconds from the first frame asked to the last output closed.
    pub seconds: f64,
    /// Frames per second over the whole run.
    pub fps: f64,
    /// Ctrl-C ended it early (the outputs are playable).
    pub interrupted: bool,
    /// Frames that the decoder could not read or had to conceal.
    pub decode_errors: u64,
    /// Where the mattes came from.
    pub cache: CacheReport,
    /// How long a frame takes; `None` without frames.
    pub latency: Option<LatencyReport>,
    /// Per stage, in order.
    pub stages: Vec<StageReport>,
    /// What it took of the machine.
    pub resources: Usage,
    /// Files written.
    pub outputs: Vec<OutputReport>,
}

/// Receives what a job reports. Called from several threads.
pub trait Observer: Sync {
    /// Takes one event; must return quickly.
    fn event(&self, event: Event);

    /// An encoder has taken one more frame, which was on its way for so long since the decoder was
    /// asked for it.
    fn wrote(&self, _latency: Duration) {}

    /// The stages of a job are about to start. `live` shows at any time what they do.
    fn live(&self, _live: &Arc<Live>) {}
}

/// An observer that ignores everything.
impl Observer for () {
    fn event(&self, _: Event) {}
}
