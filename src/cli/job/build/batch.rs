//! The jobs of one command line.

use crate::cli::job::stdin::Spooled;
use std::path::PathBuf;
use vrseg_engine::Job;

#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Jobs in the order of their inputs.
    pub jobs: Vec<Job>,
    /// Inputs skipped because of `--no-overwrite`, each with the output that exists.
    pub skipped: Vec<(PathBuf, PathBuf)>,
    /// Inputs some of whose outputs are left because of `--no-overwrite`, each with such an output; the others are
    /// made.
    pub left: Vec<(PathBuf, PathBuf)>,
    /// What deserves a warning before the work begins.
    pub warnings: Vec<String>,
    /// What came through standard input, where that is an input.
    #[expect(dead_code, reason = "kept open: the path of an input leads through it")]
    pub spooled: Option<Spooled>,
}
