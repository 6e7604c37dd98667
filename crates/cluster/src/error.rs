//! What goes wrong between a job and its scheduler.

use std::path::PathBuf;

/// An error of a job on a cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A Slurm command can't be started.
    #[error("{command}: {source}; is Slurm installed, and can this machine submit jobs?")]
    Start {
        /// Name of the command.
        command: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A Slurm command failed.
    #[error("{command}: {output}")]
    Refused {
        /// Name of the command.
        command: &'static str,
        /// What it printed.
        output: String,
    },
    /// A Slurm command printed something unexpected.
    #[error("{command} printed {output:?}; expected a job number")]
    Answer {
        /// Name of the command.
        command: &'static str,
        /// What it printed.
        output: String,
    },
    /// The scripts or the submission can't be read or written.
    #[error("{}: {source}", path.display())]
    Folder {
        /// File or folder that failed.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The request can't be carried out, for a reason that the user can fix.
    #[error("{0}")]
    Request(String),
    /// The job itself is wrong.
    #[error(transparent)]
    Job(#[from] vrseg_engine::Error),
}

impl Error {
    /// Whether the request is wrong, rather than something that failed.
    pub fn is_usage(&self) -> bool {
        match self {
            Error::Request(_) => true,
            Error::Job(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// A result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;
