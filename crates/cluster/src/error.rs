//! What goes wrong between a job and its scheduler.

use std::path::PathBuf;
use vrseg_engine::pipeline;

/// An error of a job on a cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command of Slurm can't be started.
    #[error("{command}: {source}; is Slurm installed here, and is this a machine from which jobs are submitted?")]
    Start {
        /// Its name.
        command: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A command of Slurm refused.
    #[error("{command}: {said}")]
    Refused {
        /// Its name.
        command: &'static str,
        /// What it said.
        said: String,
    },
    /// A command of Slurm said something that nobody expects of it.
    #[error("{command} said {said:?}, where a job's number was expected")]
    Answer {
        /// Its name.
        command: &'static str,
        /// What it said.
        said: String,
    },
    /// The scripts and what was submitted can't be kept or read.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It can't be done, for a reason that the user can mend.
    #[error("{0}")]
    Request(String),
    /// What is wrong with the job itself.
    #[error(transparent)]
    Job(#[from] pipeline::Error),
}

impl Error {
    /// Whether what was asked for is wrong, rather than that something failed.
    pub fn is_usage(&self) -> bool {
        match self {
            Error::Request(_) => true,
            Error::Job(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;
