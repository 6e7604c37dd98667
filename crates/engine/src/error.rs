//! Why a job failed.

use crate::telemetry::crash::Crash;
use vrseg_infer::ModelError;
use vrseg_infer::cache::CachedInferenceError;
use vrseg_media::MediaError;

/// An error of a whole job. Errors that are only consequences (a closed channel) never get here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading, decoding, encoding or writing.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Model, ONNX Runtime or device.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Cached mattes began and did not continue: the job must be done again without looking any up.
    #[error(transparent)]
    CachedInference(CachedInferenceError),
    /// What was asked makes no sense, or not with this input.
    #[error("{0}")]
    Request(String),
    /// Stopped at once by the user; nothing was left under a final name.
    #[error("interrupted; no output was written")]
    Interrupted,
    /// The system gave no thread.
    #[error("can't start the {stage} thread: {source}")]
    Thread {
        /// Which stage.
        stage: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no room for the trial run.
    #[error("can't make a temporary folder for the trial run: {0}")]
    TrialFolder(std::io::Error),
    /// The folder with a job's segments, or a file in it, can't be read or written.
    #[error("{}: {reason}", path.display())]
    JobFolder {
        /// The file or folder.
        path: std::path::PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// Another process works on the job.
    #[error("{}: another vrseg is working on it at this moment", path.display())]
    Busy {
        /// The job's folder.
        path: std::path::PathBuf,
    },
    /// A job can't be resumed, or not be finished, until something else is done.
    #[error("{0}")]
    Unfinished(String),
    /// A stage panicked: a defect of the program.
    #[error("the {stage} stage crashed: {crash}")]
    Panic {
        /// Which stage.
        stage: &'static str,
        /// The panic, and what to do about it.
        crash: Crash,
    },
}

impl Error {
    /// What was requested is wrong, rather than a file or the machine: another command line would
    /// fix it. Found before any output has its name.
    pub fn is_usage(&self) -> bool {
        match self {
            Error::Media(e) => e.is_usage(),
            Error::Model(e) => e.is_usage(),
            Error::Request(_) => true,
            Error::Interrupted
            | Error::CachedInference(_)
            | Error::Thread { .. }
            | Error::TrialFolder(_)
            | Error::JobFolder { .. }
            | Error::Busy { .. }
            | Error::Unfinished(_)
            | Error::Panic { .. } => false,
        }
    }
}

impl From<CachedInferenceError> for Error {
    fn from(e: CachedInferenceError) -> Self {
        match e {
            CachedInferenceError::Model(e) => Error::Model(e),
            CachedInferenceError::Broken => Error::CachedInference(e),
        }
    }
}

/// The result of this module.
pub type Result<T> = std::result::Result<T, Error>;
