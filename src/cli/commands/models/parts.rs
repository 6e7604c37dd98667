//! What `vrseg models install` and `remove` know by name: models, and builds of ONNX Runtime.

use crate::cli::exit::UsageError;
use std::path::PathBuf;
use vrseg_infer::registry;

/// Builds of ONNX Runtime, each with its folder in the data folder. `tools/runtimes.py` has the same table.
pub(super) const RUNTIMES: &[(&str, &str)] =
    &[("onnxruntime", "ort"), ("onnxruntime-gpu", "ort-gpu"), ("onnxruntime-openvino", "ort-openvino")];

/// A model or a build of ONNX Runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub name: String,
    /// Its file or folder, which may not exist.
    pub path: PathBuf,
}

impl Part {
    /// The parts of these names.
    ///
    /// # Errors
    /// An unknown name.
    pub(super) fn all(names: &[String]) -> anyhow::Result<Vec<Part>> {
        let models = registry::built_in()?;
        let find = |name: &String| {
            if let Some(model) = models.iter().find(|m| m.name == *name) {
                return Ok(Part { name: name.clone(), path: registry::models_dir().join(&model.file) });
            }
            if let Some((_, folder)) = RUNTIMES.iter().find(|(runtime, _)| runtime == name) {
                return Ok(Part { name: name.clone(), path: registry::data_dir().join(folder) });
            }
            let known = models.iter().map(|m| m.name.as_str()).chain(RUNTIMES.iter().map(|(n, _)| *n));
            let known = known.collect::<Vec<_>>().join(", ");
            Err(UsageError(format!("nothing to install is called \"{name}\"; known: {known}")).into())
        };
        names.iter().map(find).collect()
    }
}
