//! The command lines of `vrseg plan`, `vrseg work` and `vrseg merge`.

use super::job::JobArgs;
use super::settings::{SettingValue, parser};
use clap::Args;
use std::path::PathBuf;
use vrseg_cluster::Task;

/// `vrseg plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The job's folder: beside the first output, named as it is with .vrseg behind it
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
    /// The job's folder, or the folder that it is in
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// This segment, counted from 0, or all from one to another: 3-7
    #[arg(long, value_name = "N[-M]", group = "which")]
    pub index: Option<Task>,
    /// The first that is not finished and that nobody works on
    #[arg(long, group = "which")]
    pub next: bool,
    /// All of those, one after the other
    #[arg(long, group = "which")]
    pub all: bool,
    /// Another device than the plan's
    #[arg(long, value_name = "DEVICE", value_parser = parser("device.name"))]
    pub device: Option<SettingValue>,
    /// Other threads than the plan's
    #[arg(long, value_name = "N", value_parser = parser("processing.threads"))]
    pub threads: Option<SettingValue>,
    /// ONNX Runtime's shared library
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

const WORK_NOTES: &str = "\
    Without --index, --next and --all the segment is the one whose number stands in SLURM_ARRAY_TASK_ID or \
    JOB_COMPLETION_INDEX. A segment that is finished, or that another worker is on, is left alone.\n";

/// `vrseg merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The job's folder, or the folder that it is in
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Replace outputs that exist and that this job has not made
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Remove the job's folder when the outputs are in place
    #[arg(long)]
    pub remove: bool,
    /// Only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}
