//! The one place where the command line meets the library: plans, runs and models.

use crate::pipeline::{Cancel, Job, Observer, Summary};
use serde::Serialize;
use std::path::PathBuf;

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
    Installed,
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
    /// SPDX name of the weights' licence.
    pub licence: String,
    /// What that means for the user, in a sentence.
    pub licence_note: String,
    /// How the weights are.
    pub state: WeightState,
    /// Where they lie, or should lie.
    pub path: Option<PathBuf>,
}

/// What the command line needs from the library.
pub trait Backend {
    /// Finds out what `job` would do, without doing it.
    fn plan(&self, job: &Job) -> anyhow::Result<PlanView>;
    /// Does it.
    fn run(&self, job: &Job, cancel: &Cancel, observer: &dyn Observer) -> anyhow::Result<Summary>;
    /// The models (or the one of that name), with their weights' checksums compared if `check`.
    fn models(&self, name: Option<&str>, check: bool) -> anyhow::Result<Vec<ModelInfo>>;
}

/// The library.
#[derive(Debug)]
pub struct Library;

// CONNECT: pipeline::plan, pipeline::run and the model registry are called here and nowhere else.
impl Backend for Library {
    fn plan(&self, job: &Job) -> anyhow::Result<PlanView> {
        anyhow::bail!("{}: this build has no video pipeline", job.input.display())
    }

    fn run(&self, job: &Job, _: &Cancel, _: &dyn Observer) -> anyhow::Result<Summary> {
        anyhow::bail!("{}: this build has no video pipeline", job.input.display())
    }

    fn models(&self, _: Option<&str>, _: bool) -> anyhow::Result<Vec<ModelInfo>> {
        anyhow::bail!("this build has no models")
    }
}
