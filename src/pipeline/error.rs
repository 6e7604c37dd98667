//! Why a job failed.

use crate::media::MediaError;
use crate::model::ModelError;

/// An error of a whole job. Errors that are only consequences (a closed channel) never get here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading, decoding, encoding or writing.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Model, ONNX Runtime or device.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// What was asked can't be done with this input.
    #[error("{0}")]
    Request(String),
    /// Stopped at once by the user; nothing was left under a final name.
    #[error("interrupted; no output was written")]
    Interrupted,
    /// A stage panicked: a defect of the program.
    #[error("the {stage} stage crashed: {message}; this is a defect of vrseg, please report it with the command line")]
    Panic {
        /// Which stage.
        stage: &'static str,
        /// The panic's message.
        message: String,
    },
}

/// The result of this module.
pub type Result<T> = std::result::Result<T, Error>;
