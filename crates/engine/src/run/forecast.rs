//! What a job will cost, from a short run of the real thing: no formula knows how fast this
//! machine decodes, segments and encodes this very video.

use super::{LoadedJob, run_loaded};
use crate::error::{Error, Result};
use crate::events::{Event, Observer};
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::spec::Job;
use serde::Serialize;
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vrseg_infer::cache::CacheChoice;

/// Frames of a trial.
const FRAMES: u64 = 48;

/// A trial stops after this time even when it has fewer frames.
const TIME: Duration = Duration::from_secs(5);

/// What a trial measured, and what follows for the whole job.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// Frames that the trial made.
    pub trial_frames: u64,
    /// Frames a second in the trial, its start-up included.
    pub fps: f64,
    /// Seconds for the whole job, where its number of frames is known.
    pub seconds: Option<f64>,
    /// Bytes of each output's video, where the number of frames is known.
    pub bytes: Vec<Option<u64>>,
    /// What ran the model.
    pub device: String,
}

struct Stopwatch<'a> {
    started: OnceLock<Instant>,
    cancel: &'a Cancel,
}

impl Observer for Stopwatch<'_> {
    fn event(&self, _: Event) {
        if self.started.get_or_init(Instant::now).elapsed() > TIME && !self.cancel.is_requested() {
            self.cancel.request();
        }
    }
}

/// The job with outputs in a temporary folder, which goes away with it, and without cached mattes: what the
/// model takes is what a trial is to find out.
///
/// # Errors
/// There is no room for the folder.
pub(super) fn harmless(job: &Job) -> io::Result<(Job, TempDir)> {
    let folder = tempfile::Builder::new().prefix("vrseg-trial-").tempdir()?;
    let mut trial = Job { cache: CacheChoice::OFF, ..job.clone() };
    for (i, output) in trial.outputs.iter_mut().enumerate() {
        let extension = output.path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        output.path = folder.path().join(format!("{i}.{extension}"));
    }
    Ok((trial, folder))
}

/// Runs up to 48 frames (at most about 5 seconds) out of the middle of the job, understood as `plan`,
/// into a temporary folder that is removed again. `cancel` is the trial's own: it is requested when the
/// time is up, and whoever wants the trial to end requests it too.
///
/// # Errors
/// As the job itself.
pub fn forecast(job: &Job, plan: Plan, cancel: &Cancel) -> Result<Forecast> {
    let (mut trial, _folder) = harmless(job).map_err(Error::TrialFolder)?;
    let total = plan.frames;
    if let (Some(n), true) = (total, plan.input.video.fps > 0.0) {
        let before = n.saturating_sub(FRAMES) / 2;
        let start = trial.range.start.unwrap_or(0.0) + before as f64 / plan.input.video.fps;
        trial.range.start = (start > 0.0).then_some(start);
    }
    trial.range.frames = Some(trial.range.frames.map_or(FRAMES, |n| n.min(FRAMES)));
    let watch = Stopwatch { started: OnceLock::new(), cancel };
    let loaded = LoadedJob::new(&trial, plan)?;
    let device = loaded.device();
    let summary = run_loaded(&trial, loaded, cancel, &watch)?;
    let per_frame = |bytes: u64| bytes as f64 / summary.frames.max(1) as f64;
    Ok(Forecast {
        trial_frames: summary.frames,
        fps: summary.fps,
        seconds: total.filter(|_| summary.fps > 0.0).map(|n| n as f64 / summary.fps),
        bytes: summary.outputs.iter().map(|o| total.map(|n| (per_frame(o.bytes) * n as f64) as u64)).collect(),
        device,
    })
}
