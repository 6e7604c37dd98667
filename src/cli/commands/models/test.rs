//! `vrseg models test`.

use super::session;
use crate::cli::args::ModelTestArgs;
use crate::cli::exit::Exit;
use crate::ui::Console;
use serde::Serialize;
use vrseg_infer::registry;
use vrseg_infer::trial::{self, Trial, USABLE};

/// Result of a trial, for scripts.
#[derive(Debug, Serialize)]
struct Report<'a> {
    name: &'a str,
    /// Width and height of the model's input in pixels.
    size: (usize, usize),
    milliseconds: f64,
    /// Intersection over union of the matte with the person.
    overlap: f64,
    usable: bool,
    /// Lowest and highest value of the matte.
    range: (f32, f32),
    device: &'a str,
}

/// Tries a model on the picture of a person.
///
/// # Errors
/// A model that isn't known or doesn't run.
pub(super) fn run(
    args: &ModelTestArgs,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let model = registry::find(&args.name)?;
    let trial = trial::run(&model, &session(args.ort_library.as_deref()))?;
    if args.json {
        let report = Report {
            name: &model.manifest.name,
            size: trial.size,
            milliseconds: trial.milliseconds,
            overlap: trial.overlap,
            usable: trial.is_usable(),
            range: trial.range,
            device: &trial.device,
        };
        print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        print(&format!("{}: {}\n", model.manifest.name, words(&trial)))?;
    }
    if trial.is_usable() {
        return Ok(Exit::Done);
    }
    console.error(&failure(&trial));
    Ok(Exit::Failed)
}

/// What came out, in a clause.
pub(super) fn words(trial: &Trial) -> String {
    let ((w, h), ms) = (trial.size, trial.milliseconds);
    format!(
        "its matte overlaps the person by {:.2} at {w}x{h}, {ms:.1} ms a picture on {}",
        trial.overlap, trial.device
    )
}

/// What is wrong with it.
pub(super) fn failure(trial: &Trial) -> String {
    let (low, high) = trial.range;
    let likely = match trial.range {
        (low, high) if high - low < 0.02 => "it is uniform: weights or normalization are probably wrong",
        _ if trial.overlap < 0.2 => "it may be inverted, or another class than people",
        _ => "the normalization or the output's meaning may be wrong, or it isn't made for people",
    };
    format!(
        "the matte (values from {low:.2} to {high:.2}) doesn't show the person of the test picture: an overlap of {:.2}, and {USABLE} is required; {likely}",
        trial.overlap
    )
}
