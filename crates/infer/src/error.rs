//! What can go wrong with models and with ONNX Runtime.

use std::path::PathBuf;

/// An error of this module; the texts name the file and the mend.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No such built-in model.
    #[error("no model is called \"{name}\"; known: {known}; your own needs a manifest: --model FILE.yaml")]
    Unknown {
        /// What was asked.
        name: String,
        /// Names that exist, comma separated.
        known: String,
    },
    /// A detector where a network for mattes is wanted.
    #[error("model \"{name}\" finds where people are but makes no mattes; `vrseg models` lists those that do")]
    NoMattes {
        /// Model.
        name: String,
    },
    /// The weights were never fetched.
    #[error("the weights of model \"{name}\" are not installed ({path} is missing); {mend}")]
    MissingWeights {
        /// Model.
        name: String,
        /// Where they were expected.
        path: PathBuf,
        /// What to do.
        mend: String,
    },
    /// The weights are not those that the manifest describes.
    #[error(
        "{path} is not the file that the manifest of \"{name}\" describes: its sha256 is {found}, expected {expected}; \
         run setup.sh again, or correct `sha256` in the manifest"
    )]
    Checksum {
        /// Model.
        name: String,
        /// Weights.
        path: PathBuf,
        /// What was computed.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// A manifest that can't be read or makes no sense.
    #[error("manifest {path}: {what}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, with the field.
        what: String,
    },
    /// A file could not be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// ONNX Runtime's shared library is missing or does not fit.
    #[error("{0}")]
    Runtime(String),
    /// The execution provider that was asked for does not load.
    #[error("device {device} can't be used: {why}")]
    Device {
        /// As on the command line.
        device: String,
        /// ONNX Runtime's reason and what to do.
        why: String,
    },
    /// The model does not take the input size that was asked.
    #[error("model \"{name}\": {what}")]
    InputSize {
        /// Model.
        name: String,
        /// What it takes.
        what: String,
    },
    /// The device has no arithmetic of the kind that was asked.
    #[error(
        "device {device} has no --precision fp16 of its own; use auto (TF32 on CUDA, as fast there), a model in FP16, or --device tensorrt"
    )]
    Precision {
        /// As on the command line.
        device: String,
    },
    /// The network failed to load or run.
    #[error("model \"{name}\": {what}")]
    Network {
        /// Model.
        name: String,
        /// What ONNX Runtime said.
        what: String,
    },
}

impl ModelError {
    /// What was asked for is wrong, rather than a file or the machine: another command line (or
    /// another manifest) would mend it.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            ModelError::Unknown { .. }
                | ModelError::NoMattes { .. }
                | ModelError::Manifest { .. }
                | ModelError::InputSize { .. }
                | ModelError::Precision { .. }
        )
    }
}

/// The result of this module.
pub type Result<T> = std::result::Result<T, ModelError>;
