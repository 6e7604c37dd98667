//! `vrseg models`: the list, and what is known of one.

use super::fix;
use crate::cli::args::ModelsArgs;
use crate::cli::exit::Exit;
use crate::ui::Console;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use vrseg_infer::{Manifest, ModelError, Weights, registry};

/// State of a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WeightState {
    BuiltIn,
    /// A file is there; its checksum was not computed.
    Present,
    /// A file is there and checksum matches.
    Verified,
    /// A file is there and its checksum is wrong.
    Damaged,
    Missing,
}

/// One line of `vrseg models`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelInfo {
    pub name: String,
    /// image, recurrent, multiclass, instances, detector, pose.
    pub kind: String,
    /// What it is good for, in a sentence.
    pub about: String,
    /// SPDX name of the weights' license.
    pub license: String,
    /// What that means for the user, in a sentence.
    pub license_note: String,
    pub state: WeightState,
    /// Where they lie, or should lie.
    #[serde(serialize_with = "vrseg_hardware::json_path::lossy_option")]
    pub path: Option<PathBuf>,
}

/// Lists models. Fails where a checksum is wrong, so that `--check` can be used in a script.
///
/// # Errors
/// When the model isn't known.
pub(crate) fn list(
    args: &ModelsArgs,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let models = models(args.name.as_deref(), args.check)?;
    for broken in registry::added().into_iter().filter_map(Result::err) {
        console.warning(&broken.to_string());
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&models)? + "\n"))?;
    } else if args.name.is_some() {
        models.iter().try_for_each(|m| print(&details(m)))?;
    } else {
        print(&table(&models))?;
    }
    let damaged: Vec<_> = models.iter().filter(|m| m.state == WeightState::Damaged).map(|m| m.name.as_str()).collect();
    if damaged.is_empty() {
        return Ok(Exit::Done);
    }
    for name in damaged {
        console.error(&format!("{name}: wrong checksum; {}", fix(name)));
    }
    Ok(Exit::Failed)
}

fn state(state: WeightState) -> &'static str {
    match state {
        WeightState::BuiltIn => "built in",
        WeightState::Present => "present",
        WeightState::Verified => "checked",
        WeightState::Damaged => "damaged",
        WeightState::Missing => "missing",
    }
}

fn table(models: &[ModelInfo]) -> String {
    let name = models.iter().map(|m| m.name.len()).max().unwrap_or(0).max(4);
    let license = models.iter().map(|m| m.license.len()).max().unwrap_or(0).max(7);
    let mut text = format!("{:name$}  {:9}  {:10}  {:license$}  about\n", "name", "weights", "kind", "license");
    for m in models {
        let _ = writeln!(
            text,
            "{:name$}  {:9}  {:10}  {:license$}  {}",
            m.name,
            state(m.state),
            m.kind,
            m.license,
            m.about
        );
    }
    if models.iter().any(|m| m.state == WeightState::Missing) {
        text += "\nmissing weights: `vrseg models install NAME` downloads them\n";
    }
    text
}

fn details(m: &ModelInfo) -> String {
    let path = m.path.as_ref().map_or_else(|| "-".to_owned(), |p| p.display().to_string());
    let hint = match m.state {
        WeightState::Missing => format!(": {}", fix(&m.name)),
        WeightState::Present => format!(": `vrseg models --check {}` compares their checksum", m.name),
        _ => String::new(),
    };
    format!(
        "name     {}\nkind     {}\nabout    {}\nweights  {}{hint}\npath     {path}\nlicense  {}: {}\n",
        m.name,
        m.kind,
        m.about,
        state(m.state),
        m.license,
        m.license_note
    )
}

/// The models (or the one of that name), with their weights' checksums compared if `check`.
fn models(name: Option<&str>, check: bool) -> anyhow::Result<Vec<ModelInfo>> {
    let all = registry::all()?;
    if let Some(n) = name.filter(|n| !all.iter().any(|m| m.name == *n)) {
        registry::find(n)?;
    }
    Ok(all.into_iter().filter(|m| name.is_none_or(|n| m.name == n)).map(|m| info(m, check)).collect())
}

fn info(manifest: Manifest, check: bool) -> ModelInfo {
    let (state, path) = match registry::find(&manifest.name) {
        Err(ModelError::MissingWeights { path, .. }) => (WeightState::Missing, Some(path)),
        Err(_) => (WeightState::Missing, None),
        Ok(model) => {
            let state = match &model.weights {
                Weights::Embedded(_) | Weights::Packed(_) => WeightState::BuiltIn,
                Weights::File(_) if !check => WeightState::Present,
                Weights::File(_) if model.verify().is_ok() => WeightState::Verified,
                Weights::File(_) => WeightState::Damaged,
            };
            let path = match model.weights {
                Weights::File(path) => Some(path),
                Weights::Embedded(_) | Weights::Packed(_) => None,
            };
            (state, path)
        }
    };
    ModelInfo {
        name: manifest.name,
        kind: manifest.kind.name().into(),
        about: manifest.description,
        license: manifest.license,
        license_note: manifest.notes,
        state,
        path,
    }
}
