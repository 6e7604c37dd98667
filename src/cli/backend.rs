//! The one place where the command line meets the library: plans, runs and models.

use super::probe::FormatView;
use crate::ui::format::{bytes, duration};
use serde::Serialize;
use std::path::PathBuf;
use vrseg_engine::job::{self, Keep, Means};
use vrseg_engine::pipeline::{Cancel, Job, Observer, Summary, trial, tuning};
use vrseg_infer::{Kind, Manifest, ModelError, Weights, registry};

/// What a job would do, ready to be shown.
#[derive(Clone, Debug, Serialize)]
pub struct PlanView {
    /// Labels and values for people.
    #[serde(skip)]
    pub lines: Vec<(String, String)>,
    /// The same for programs.
    #[serde(flatten)]
    pub json: serde_json::Value,
}

/// How a model's weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightState {
    /// In this binary.
    BuiltIn,
    /// A file is there; its checksum was not looked at.
    Present,
    /// A file is there and its checksum is right.
    Verified,
    /// A file is there and its checksum is wrong.
    Damaged,
    /// Not there.
    Missing,
}

/// One line of `vrseg models`.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInfo {
    /// The name for `--model`.
    pub name: String,
    /// image, recurrent, multiclass.
    pub kind: String,
    /// What it is good for, in a sentence.
    pub about: String,
    /// SPDX name of the weights' license.
    pub license: String,
    /// What that means for the user, in a sentence.
    pub license_note: String,
    /// How the weights are.
    pub state: WeightState,
    /// Where they lie, or should lie.
    #[serde(serialize_with = "vrseg_hardware::json_path::lossy_option")]
    pub path: Option<PathBuf>,
}

/// What the command line needs from the library.
pub trait Backend {
    /// Finds out what `job` would do, without doing it; `cancel` ends the trial that this takes.
    fn plan(&self, job: &Job, cancel: &Cancel) -> anyhow::Result<PlanView>;
    /// Does it.
    fn run(&self, job: &Job, cancel: &Cancel, observer: &dyn Observer) -> anyhow::Result<Summary>;
    /// The models (or the one of that name), with their weights' checksums compared if `check`.
    fn models(&self, name: Option<&str>, check: bool) -> anyhow::Result<Vec<ModelInfo>>;
}

/// The library.
#[derive(Debug)]
pub struct Library {
    /// How jobs are kept.
    pub keep: Keep,
    /// Who shares a job's segments; where that is nobody or one, a job is done in one go.
    pub crew: Vec<Means>,
    /// A trial at the start finds how threads are shared out best.
    pub auto_tune: bool,
}

impl Backend for Library {
    fn plan(&self, job: &Job, cancel: &Cancel) -> anyhow::Result<PlanView> {
        let plan = job::understood(job)?;
        let job = &job::may_replace_its_own(job);
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
            "input_size": plan.views.network_size(),
            "outputs": job.outputs.iter().zip(&plan.encoders).map(|(o, e)| {
                serde_json::json!({"path": o.path.to_string_lossy(), "mode": o.mode.name(), "encoder": e.encoder, "description": e.description})
            }).collect::<Vec<_>>(),
        });
        let forecast = trial::forecast(job, plan, cancel)?;
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
        if let (Some(seconds), true) = (self.keep.seconds, self.crew.len() > 1) {
            return Ok(job::run_crew(job, &self.crew, seconds, self.keep.restart, cancel, observer)?);
        }
        let plan = job::understood(job)?;
        let best = || tuning::best_shares(&job::may_replace_its_own(job), &plan, cancel, observer);
        let found = if self.auto_tune { best() } else { None };
        let tuned = found.map(|f| tuning::shared_out(job, f.infer, f.workers));
        Ok(job::run(tuned.as_ref().unwrap_or(job), plan, self.keep, cancel, observer)?)
    }

    fn models(&self, name: Option<&str>, check: bool) -> anyhow::Result<Vec<ModelInfo>> {
        let all = registry::built_in()?;
        if let Some(n) = name.filter(|n| !all.iter().any(|m| m.name == *n)) {
            registry::find(n)?;
        }
        Ok(all.into_iter().filter(|m| name.is_none_or(|n| m.name == n)).map(|m| info(m, check)).collect())
    }
}

fn info(manifest: Manifest, check: bool) -> ModelInfo {
    let (state, path) = match registry::find(&manifest.name) {
        Err(ModelError::MissingWeights { path, .. }) => (WeightState::Missing, Some(path)),
        Err(_) => (WeightState::Missing, None),
        Ok(model) => {
            let state = match &model.weights {
                Weights::Embedded(_) => WeightState::BuiltIn,
                Weights::File(_) if !check => WeightState::Present,
                Weights::File(_) if model.verify().is_ok() => WeightState::Verified,
                Weights::File(_) => WeightState::Damaged,
            };
            let path = match model.weights {
                Weights::File(path) => Some(path),
                Weights::Embedded(_) => None,
            };
            (state, path)
        }
    };
    let kind = match manifest.kind {
        Kind::Image => "image",
        Kind::Recurrent => "recurrent",
        Kind::Multiclass => "multiclass",
        Kind::Detector => "detector",
    };
    ModelInfo {
        name: manifest.name,
        kind: kind.into(),
        about: manifest.description,
        license: manifest.license,
        license_note: manifest.notes,
        state,
        path,
    }
}
