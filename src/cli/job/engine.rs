//! The one place where the main job meets the engine: plans and runs.

use super::format_view::FormatView;
use crate::ui::format::{bytes, duration};
use serde::Serialize;
use std::path::Path;
use vrseg_engine::segments::{self, Persistence, WorkerOptions};
use vrseg_engine::{Cancel, Job, Observer, Summary};

/// What a job would do, ready to be shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlanView {
    /// Labels and values for people.
    #[serde(skip)]
    pub lines: Vec<(String, String)>,
    /// The same for programs.
    #[serde(flatten)]
    pub json: serde_json::Value,
}

/// What the main job needs from the engine; tests have one of their own.
pub(crate) trait Engine {
    /// Describes what `job` would do, from a short trial, which `cancel` ends.
    fn plan(&self, job: &Job, cancel: &Cancel) -> anyhow::Result<PlanView>;
    fn run(&self, job: &Job, cancel: &Cancel, observer: &dyn Observer) -> anyhow::Result<Summary>;
}

/// The real engine.
#[derive(Debug)]
pub(crate) struct RealEngine {
    /// How much of a job survives an interruption.
    pub keep: Persistence,
    /// Workers that share a job's segments; with fewer than two, one pipeline does the whole job.
    pub workers: Vec<WorkerOptions>,
    /// Whether a trial at the start of a job measures the best split of threads.
    pub auto_tune: bool,
}

impl Engine for RealEngine {
    fn plan(&self, job: &Job, cancel: &Cancel) -> anyhow::Result<PlanView> {
        let plan = segments::understood(job)?;
        let job = &segments::may_replace_its_own(job);
        let mut lines: Vec<_> = plan.lines(job).into_iter().map(|(l, v)| (l.to_owned(), v)).collect();
        let mut json = serde_json::json!({
            "width": plan.input.video.width,
            "height": plan.input.video.height,
            "codec": plan.input.video.codec,
            "pixel_format": plan.input.video.pixel_format,
            "fps": plan.input.video.fps,
            "frames": plan.frames,
            "layout": plan.format.layout.value.name(),
            "layout_evidence": plan.format.layout.evidence.to_string(),
            "format": FormatView::of(&plan.format),
            "model": plan.model.manifest.name,
            "input_size": plan.model_input_size(),
            "outputs": job.outputs.iter().zip(&plan.encoders).map(|(o, e)| {
                serde_json::json!({"path": o.path.to_string_lossy(), "mode": o.mode.name(), "encoder": e.encoder, "description": e.description})
            }).collect::<Vec<_>>(),
        });
        let forecast = vrseg_engine::run::forecast(job, plan, cancel)?;
        json["forecast"] = serde_json::to_value(&forecast)?;
        lines.push(("device".into(), forecast.device));
        let trial = format!("at {:.1} fps, from a trial of {} frames", forecast.fps, forecast.trial_frames);
        lines.push((
            "time".into(),
            forecast.seconds.map_or(trial.clone(), |s| format!("about {} {trial}", duration(s))),
        ));
        for (output, size) in job.outputs.iter().zip(forecast.bytes) {
            if let Some(size) = size {
                lines.push(("size".into(), format!("about {} for {}", bytes(size), output.path.display())));
            }
        }
        Ok(PlanView { lines, json })
    }

    fn run(&self, job: &Job, cancel: &Cancel, observer: &dyn Observer) -> anyhow::Result<Summary> {
        if let Some(first) = job.outputs.first() {
            refuse_submitted(&segments::beside(&first.path))?;
        }
        let shared = self.workers.len() > 1 && segments::can_be_resumed(job);
        if let (Some(seconds), true) = (self.keep.seconds, shared) {
            return Ok(segments::run_crew(job, &self.workers, seconds, self.keep.restart, cancel, observer)?);
        }
        let plan = segments::understood(job)?;
        Ok(segments::run(job, plan, self.keep, self.auto_tune, cancel, observer)?)
    }
}

/// Refuses to touch a job's folder while a cluster has tasks for it: what they have made would be removed if settings differ.
///
/// # Errors
/// As [`vrseg_cluster::refuse_submitted`].
pub(crate) fn refuse_submitted(folder: &Path) -> anyhow::Result<()> {
    if segments::is_job(folder) {
        vrseg_cluster::refuse_submitted(&std::path::absolute(folder)?)?;
    }
    Ok(())
}
