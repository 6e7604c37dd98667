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
    /// Tell which segments are finished, under way, waiting and failed, and why
    Status(StatusArgs),
    /// Take a job from the queue; what is finished stays
    Cancel(JobDir),
    /// Submit what is missing of a job
    Resume(ResumeArgs),
    /// Print a planned job as a manifest for another scheduler
    Manifest(ManifestArgs),
}

/// `vrseg cluster submit`.
#[derive(Debug, Args)]
#[command(after_help = SUBMIT_NOTES)]
pub struct SubmitArgs {
    /// What the tasks ask for.
    #[command(flatten)]
    pub tasks: TaskArgs,
    /// Slurm's partition
    #[arg(long, value_name = "NAME", value_parser = word, help_heading = "Cluster")]
    pub partition: Option<String>,
    /// Longest time of a task, as Slurm reads it
    #[arg(long, value_name = "TIME", value_parser = word, help_heading = "Cluster")]
    pub time: Option<String>,
    /// A further option of sbatch for every job, such as --sbatch=--account=film; repeatable
    #[arg(long = "sbatch", value_name = "OPTION", value_parser = option, allow_hyphen_values = true, help_heading = "Cluster")]
    pub options: Vec<String>,
    /// This program, where the machines find it; by default where it is here
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub program: Option<PathBuf>,
    /// Keep the segments when they were joined
    #[arg(long, help_heading = "Cluster")]
    pub keep_segments: bool,
    /// Show how it goes until the outputs are there
    #[arg(long, help_heading = "Cluster")]
    pub wait: bool,
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
}

const SUBMIT_NOTES: &str = "\
    Inputs, outputs, models and this program have to be where all machines find them by the same paths. \
    --dry-run prints the scripts and submits nothing. Finished segments stay whatever happens to a task; \
    `vrseg cluster resume` submits what is missing. docs/cluster.md has examples, Kubernetes and GNU parallel.\n";

/// What a task asks of its machine.
#[derive(Debug, Args)]
pub struct TaskArgs {
    /// Tasks that run at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub max_parallel: Option<u32>,
    /// Segments of a task. By default 4, or with --max-parallel fewer and fewer, so that all machines end together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub segments_per_task: Option<u32>,
    /// Cards of a task
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    pub gpus_per_task: Option<u32>,
    /// Cores of a task, which are its --threads, too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    pub cpus_per_task: Option<u32>,
    /// Memory of a task, as the scheduler reads it
    #[arg(long, value_name = "SIZE", value_parser = word, help_heading = "Cluster")]
    pub mem: Option<String>,
}

/// A submitted job.
#[derive(Debug, Args)]
pub struct JobDir {
    /// The job's folder: OUT.mp4.vrseg, or that of its scripts
    #[arg(value_name = "JOBDIR")]
    pub folder: PathBuf,
}

/// `vrseg cluster status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobDir,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `vrseg cluster resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobDir,
    /// Show how it goes until the outputs are there
    #[arg(long)]
    pub wait: bool,
}

/// `vrseg cluster manifest`.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// The planned job's folder
    #[arg(value_name = "JOBDIR")]
    pub folder: PathBuf,
    /// For Kubernetes: an Indexed Job
    #[arg(long, required = true)]
    pub kubernetes: bool,
    /// The container's image, with vrseg and its models in it
    #[arg(long, value_name = "NAME")]
    pub image: String,
    /// The claim to the storage that holds videos and job
    #[arg(long, value_name = "NAME")]
    pub claim: String,
    /// Where that storage is mounted in the container
    #[arg(long, value_name = "PATH")]
    pub mount: String,
    /// What the tasks ask for.
    #[command(flatten)]
    pub tasks: TaskArgs,
}

impl TaskArgs {
    /// Segments of a task, where that was said.
    pub fn each(&self) -> Option<usize> {
        self.segments_per_task.map(|n| n as usize)
    }

    /// Tasks at once, where that was said.
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
