//! The command line of `vrseg cluster`.

use super::JobArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use vrseg_cluster::Resources;

/// `vrseg cluster`.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Plan videos and submit each as an array of Slurm tasks, with a job that joins their segments
    Submit(Box<SubmitArgs>),
    /// Show finished, running, waiting and failed segments
    Status(StatusArgs),
    /// Remove a job from the queue; finished segments stay
    Cancel(JobDir),
    /// Submit a job's missing segments
    Resume(ResumeArgs),
    /// Print a planned job as a manifest for another scheduler
    Manifest(ManifestArgs),
}

/// `vrseg cluster submit`.
#[derive(Debug, Args)]
#[command(after_help = SUBMIT_NOTES)]
pub struct SubmitArgs {
    /// Resources of the tasks.
    #[command(flatten)]
    pub tasks: TaskArgs,
    /// Slurm partition
    #[arg(long, value_name = "NAME", value_parser = word, help_heading = "Cluster")]
    pub partition: Option<String>,
    /// Time limit of a task, in Slurm's format
    #[arg(long, value_name = "TIME", value_parser = word, help_heading = "Cluster")]
    pub time: Option<String>,
    /// Additional option of sbatch, such as --sbatch=--account=film; repeatable
    #[arg(long = "sbatch", value_name = "OPTION", value_parser = option, allow_hyphen_values = true, help_heading = "Cluster")]
    pub options: Vec<String>,
    /// Path of vrseg on the machines [default: its path here]
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub program: Option<PathBuf>,
    /// Keep the segments after joining
    #[arg(long, help_heading = "Cluster")]
    pub keep_segments: bool,
    /// Show progress until the outputs are complete
    #[arg(long, help_heading = "Cluster")]
    pub wait: bool,
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
}

const SUBMIT_NOTES: &str = "\
    Inputs, outputs, models and this program must have the same paths on all machines. --dry-run prints the \
    scripts and submits nothing. Finished segments stay if a task fails; `vrseg cluster resume` submits the \
    missing ones. docs/resume.md has examples, Kubernetes and GNU parallel.\n";

/// Resources of a task.
#[derive(Debug, Args)]
pub struct TaskArgs {
    /// Tasks to run in parallel
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub max_parallel: Option<u32>,
    /// Segments per task [default: 4; with --max-parallel decreasing]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub segments_per_task: Option<u32>,
    /// GPUs per task
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    pub gpus_per_task: Option<u32>,
    /// CPU cores per task, also its --threads
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub cpus_per_task: Option<u32>,
    /// Memory per task, in the scheduler's format
    #[arg(long, value_name = "SIZE", value_parser = word, help_heading = "Cluster")]
    pub mem: Option<String>,
}

/// A submitted job.
#[derive(Debug, Args)]
pub struct JobDir {
    /// Job folder (OUT.mp4.vrseg) or folder of its scripts
    #[arg(value_name = "JOBDIR")]
    pub folder: PathBuf,
}

/// `vrseg cluster status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobDir,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `vrseg cluster resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobDir,
    /// Show progress until the outputs are complete
    #[arg(long)]
    pub wait: bool,
}

/// `vrseg cluster manifest`.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// Folder of the planned job
    #[arg(value_name = "JOBDIR")]
    pub folder: PathBuf,
    /// Print a Kubernetes Indexed Job
    #[arg(long, required = true)]
    pub kubernetes: bool,
    /// Container image with vrseg and its models
    #[arg(long, value_name = "NAME")]
    pub image: String,
    /// Persistent volume claim with videos and job
    #[arg(long, value_name = "NAME")]
    pub claim: String,
    /// Mount path of the claim in the container
    #[arg(long, value_name = "PATH")]
    pub mount: String,
    /// Resources of the tasks.
    #[command(flatten)]
    pub tasks: TaskArgs,
}

impl TaskArgs {
    /// Segments of a task, if given.
    pub fn each(&self) -> Option<usize> {
        self.segments_per_task.map(|n| n as usize)
    }

    /// Tasks at once, if given.
    pub fn at_once(&self) -> Option<usize> {
        self.max_parallel.map(|n| n as usize)
    }
}

impl SubmitArgs {
    /// What the tasks ask for; `program` is this one.
    pub fn resources(&self, program: PathBuf) -> Resources {
        Resources {
            partition: self.partition.clone(),
            cpus: self.tasks.cpus_per_task,
            gpus: self.tasks.gpus_per_task,
            memory: self.tasks.mem.clone(),
            time: self.time.clone(),
            max_parallel: self.tasks.at_once(),
            options: self.options.clone(),
            program,
            keep: self.keep_segments,
            overwrite: self.job.output.overwrite,
        }
    }
}

/// Goes into a line of a script as it is.
fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_graphic() && !"'\"`\\$;&|<>(){}#".contains(c);
    match text.chars().all(plain) && !text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err("expected a word without blanks and quotes".to_owned()),
    }
}

fn option(text: &str) -> Result<String, String> {
    if !text.starts_with('-') {
        return Err("expected an option with its dashes, such as --account=film".to_owned());
    }
    word(text)
}
