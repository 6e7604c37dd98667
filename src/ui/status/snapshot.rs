//! The status of a run at one moment, as viewers and the performance log get it. Field names are the JSON's.

use crate::ui::batch::FileStatus;
use serde::Serialize;
use vrseg_engine::StageReport;
use vrseg_hardware::sampler::Sample;
use vrseg_infer::cache::CacheStats;

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The input is examined.
    #[default]
    Starting,
    /// The model is loaded.
    Loading,
    /// A short trial measures which split of threads is fastest.
    Tuning,
    /// Frames are written.
    Running,
    /// The finished segments are joined.
    Joining,
    /// A stop was requested: the current frames are finished.
    Stopping,
    /// The last job has ended.
    Ended,
}

/// One stage at this moment.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StageStatus {
    /// The stage's work since the job's start.
    #[serde(flatten)]
    pub report: StageReport,
    /// Share of the last seconds in which its threads worked, 0 to 1.
    pub load: f64,
}

/// One point of the charts' history.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HistoryPoint {
    /// Seconds from the run's start.
    pub t: f64,
    pub fps: f64,
    /// CPU time of the process, in cores.
    pub cores: f64,
    /// Bytes of memory that the process holds.
    pub memory: u64,
    /// Percent of time in which the GPU computes.
    pub gpu: Option<u32>,
    /// Load of every stage, 0 to 1.
    pub loads: Vec<f64>,
}

/// A line of output.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LogMessage {
    /// Number of the message, from 1.
    pub number: u64,
    /// Seconds from the run's start.
    pub t: f64,
    /// The text without colors.
    pub text: String,
}

/// The inputs of a run, by how they ended.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct JobCounts {
    /// Number of the present input, from 1; 0 before the first.
    pub number: usize,
    pub count: usize,
    pub done: u64,
    pub failed: u64,
    /// Those that were stopped early.
    pub interrupted: u64,
}

/// The segments of the present job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Segments {
    /// Frames of each that is known, in the order of the video.
    pub frames: Vec<u64>,
    /// Whether each of them is finished, so that it can't be lost any more.
    pub finished: Vec<bool>,
    /// About how many frames each of the following has; 0: none follow.
    pub usual: u64,
}

impl Segments {
    pub(super) fn finish(&mut self, number: usize, frames: u64) {
        if number >= self.frames.len() {
            self.frames.resize(number + 1, 0);
            self.finished.resize(number + 1, false);
        }
        (self.frames[number], self.finished[number]) = (frames, true);
    }

    /// How many segments are finished.
    pub(crate) fn done(&self) -> usize {
        self.finished.iter().filter(|f| **f).count()
    }

    /// How many segments there are, and whether that is certain; `None`: the length of the video is unknown.
    pub(crate) fn count(&self, total: Option<u64>) -> Option<(usize, bool)> {
        let known = self.frames.len();
        match self.usual {
            0 => Some((known, true)),
            usual => {
                let rest = total?.saturating_sub(self.frames.iter().sum());
                Some((known + rest.div_ceil(usual) as usize, rest == 0))
            }
        }
    }
}

/// The status of a run at one moment; `docs/monitoring.md` describes the fields.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Snapshot {
    /// Seconds from the run's start.
    pub t: f64,
    /// What the run does.
    pub phase: Phase,
    /// Seconds that the phase takes at most, where it has a limit.
    pub phase_limit: Option<f64>,
    /// A stop was requested.
    #[serde(skip)]
    pub stopping: bool,
    /// How many inputs there are, and how they ended.
    pub jobs: JobCounts,
    /// Path of the present input.
    pub input: String,
    /// Its frames' size and rate, layout, model, device and outputs, for people.
    pub facts: Vec<(&'static str, String)>,
    /// Frames of this job that are written.
    pub frames: u64,
    /// Frames of all jobs that are written.
    pub all_frames: u64,
    /// Frames expected of this job.
    pub total: Option<u64>,
    /// Frames per second over the last seconds.
    pub fps: f64,
    /// Frames per second that the user wants: above it is green, above two thirds of it yellow.
    pub target_fps: Option<f64>,
    /// Seconds since the present job was begun.
    pub elapsed: f64,
    pub eta: Option<f64>,
    /// Seconds left for all files.
    pub all_eta: Option<f64>,
    /// Bytes of the present job's outputs so far.
    pub bytes: u64,
    /// The files of the run.
    pub files: Vec<FileStatus>,
    /// Segments of the present job; `None`: it is not divided.
    pub segments: Option<Segments>,
    /// The slowest stage, for which the others wait.
    pub bottleneck: &'static str,
    /// The stages, in order.
    pub stages: Vec<StageStatus>,
    /// Where this job's mattes came from, in frames.
    pub mattes: CacheStats,
    /// The process's use of the machine.
    pub sample: Sample,
    /// Cores that the process may use.
    pub cores: usize,
    /// Bytes of memory that the process may use.
    pub memory: u64,
    /// Name and bytes of memory of the first GPU, where there is one.
    pub card: Option<(String, Option<u64>)>,
    pub warnings: u64,
}

impl Snapshot {
    /// Another phase begins; a requested stop stays the phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = if self.stopping { Phase::Stopping } else { phase };
        self.phase_limit = None;
    }
}
