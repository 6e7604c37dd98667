//! What can go wrong with models and with ONNX Runtime.

use std::path::PathBuf;
use vrseg_hardware::nearest::nearest;

/// Why a model can't be used; messages name the file and suggest a fix.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No such built-in model.
    #[error(
        "no model is called \"{name}\"; {}known: {known}; `vrseg models add FILE.onnx` adds one of your own",
        meant(name, known)
    )]
    Unknown {
        /// The name that was requested.
        name: String,
        /// Names that exist, comma separated.
        known: String,
    },
    /// A model that only finds people was requested where a model for mattes is needed.
    #[error("model \"{name}\" only finds people and makes no mattes; `vrseg models` lists models that do")]
    NoMattes {
        /// The model's name.
        name: String,
    },
    /// The file of the weights does not exist.
    #[error("the weights of model \"{name}\" are not installed ({path} is missing); {fix}")]
    MissingWeights {
        /// The model's name.
        name: String,
        /// The path at which they were expected.
        path: PathBuf,
        /// What to do, as a clause.
        fix: String,
    },
    /// The weights are not those that the manifest describes.
    #[error(
        "{path} is not the file that the manifest of \"{name}\" describes: its sha256 is {found}, expected {expected}; \
         `vrseg models install` downloads a built-in one again; of a model of your own, correct `sha256` in the manifest"
    )]
    Checksum {
        /// The model's name.
        name: String,
        /// The file of the weights.
        path: PathBuf,
        /// SHA-256 of the file.
        found: String,
        /// SHA-256 in the manifest.
        expected: String,
    },
    /// A manifest that can't be read or makes no sense.
    #[error("manifest {path}: {what}")]
    Manifest {
        /// The manifest's path.
        path: PathBuf,
        /// What is wrong, with the field's name.
        what: String,
    },
    /// A file could not be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written or removed.
    #[error("can't write {path}: {source}")]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A model that comes with the program was to be removed as one that a user added.
    #[error("{name} is a built-in model, not one that you added")]
    BuiltIn {
        /// The model's name.
        name: String,
    },
    /// ONNX Runtime's shared library is missing or does not fit.
    #[error("{0}")]
    Runtime(String),
    /// The requested execution provider does not load.
    #[error("device {device} can't be used: {why}")]
    Device {
        /// The device as `--device` has it.
        device: String,
        /// ONNX Runtime's reason and what to do.
        why: String,
    },
    /// The model does not accept the requested input size.
    #[error("model \"{name}\": {what}")]
    InputSize {
        /// The model's name.
        name: String,
        /// Which sizes it accepts.
        what: String,
    },
    /// The device does not compute in the requested number format.
    #[error(
        "device {device} has no --precision fp16 of its own; use auto (TF32 on CUDA, as fast there), a model in FP16, \
         or --device tensorrt"
    )]
    Precision {
        /// The device as `--device` has it.
        device: String,
    },
    /// The model failed to load or run.
    #[error("model \"{name}\": {what}")]
    Failed {
        /// The model's name.
        name: String,
        /// ONNX Runtime's reason, or what does not fit the manifest.
        what: String,
    },
}

/// The nearest name, as the beginning of a clause.
fn meant(name: &str, known: &str) -> String {
    nearest(name, known.split(", ")).map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default()
}

impl ModelError {
    /// Whether the request is wrong, rather than a file or the machine: another command line (or
    /// another manifest) would fix it.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            ModelError::Unknown { .. }
                | ModelError::MissingWeights { .. }
                | ModelError::Device { .. }
                | ModelError::NoMattes { .. }
                | ModelError::BuiltIn { .. }
                | ModelError::Manifest { .. }
                | ModelError::InputSize { .. }
                | ModelError::Precision { .. }
        )
    }
}

/// Result with a [`ModelError`].
pub type Result<T> = std::result::Result<T, ModelError>;
