//! The command lines of `vrseg plan`, `vrseg work` and `vrseg merge`.

use super::job::JobArgs;
use super::settings::{SettingValue, parser};
use clap::Args;
use std::path::PathBuf;
use vrseg_cluster::Task;

/// `vrseg plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Job folder [default: first output with .vrseg appended]
    #[arg(long = "job", value_name = "DIR", display_order = 0)]
    pub folder: Option<PathBuf>,
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
}

/// `vrseg work`.
#[derive(Debug, Args)]
#[command(after_help = WORK_NOTES)]
pub struct WorkArgs {
    /// Job folder, or the folder that contains it
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Segment index from 0, or a range: 3-7
    #[arg(long, value_name = "N[-M]", group = "which")]
    pub index: Option<Task>,
    /// First segment that is neither finished nor in work
    #[arg(long, group = "which")]
    pub next: bool,
    /// All segments that are neither finished nor in work
    #[arg(long, group = "which")]
    pub all: bool,
    /// Device to use instead of the plan's
    #[arg(long, value_name = "DEVICE", value_parser = parser("device.name"))]
    pub device: Option<SettingValue>,
    /// Threads to use instead of the plan's
    #[arg(long, value_name = "N", value_parser = parser("processing.threads"))]
    pub threads: Option<SettingValue>,
    /// ONNX Runtime shared library
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

const WORK_NOTES: &str = "\
    Without --index, --next and --all the segment's index is SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX. A \
    segment that is finished or that another worker processes is skipped.\n";

/// `vrseg merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Job folder, or the folder that contains it
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Replace existing outputs of other jobs
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Remove the job folder after joining
    #[arg(long)]
    pub remove: bool,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}
