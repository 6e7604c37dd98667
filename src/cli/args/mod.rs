//! The command line: what can be said, and its help.

mod bench;
mod cluster;
mod config;
mod eval;
mod job;
mod library;
mod machine;
mod optimize;
mod segments;
mod settings;
mod source;
mod unpack;

pub use bench::{BenchArgs, BenchCommand, ReportOptions};
pub use cluster::{ClusterCommand, ManifestArgs, ResumeArgs, SubmitArgs, TaskArgs};
pub use config::ConfigCommand;
pub use eval::EvalArgs;
pub use job::{EncodeArgs, InputArgs, JobArgs, MessageArgs, ModelArgs, OutputArgs};
pub use library::{CacheCommand, ModelsArgs, ModelsCommand};
pub use machine::{DoctorArgs, HardwareArgs};
pub use optimize::OptimizeArgs;
pub use segments::{MergeArgs, PlanArgs, WorkArgs};
pub use settings::{Given, GroupArgs, Overrides, SettingValue};
pub use source::{PreviewArgs, ProbeArgs};
pub use unpack::UnpackArgs;

use clap::{Parser, Subcommand};

const TEMPLATE: &str = "\
{before-help}{name} {version}
{about}

{usage-heading} {usage}
       vrseg <COMMAND>

{all-args}{after-help}
";

pub(super) const EXAMPLES: &str = "\
Examples:
  vrseg scene_180_LR.mp4 -o out.mp4 --profile fast
      A green screen for every person, ready for a headset player's chroma key.
  vrseg scene.mp4 -o alpha=cut.mov -o matte=mask.mkv --ss 1:30 -t 20
      Twenty seconds for an editor: a real alpha channel and a gray matte, in one pass.
  vrseg -r footage/ -o keyed/ --profile quality -n
      A whole folder, overnight; what is there already is left alone.
";

pub(super) const ENDING: &str = "\
Settings: built-in defaults < profile < config file (-c, or ~/.config/vrseg/config.yaml)
  < VRSEG_SECTION_KEY variables < options. --show-config prints each with its source;
  `vrseg config init` begins a file, `vrseg config validate` checks one.

Exit codes:
  0    done
  1    failed
  2    the command line or the configuration is wrong; nothing was started
  3    some of several inputs failed
  101  a defect of vrseg; a report was written, and its place is told
  130  interrupted (Ctrl-C once: the outputs end early but can be played)
";

/// Finds people in VR (and flat) video and writes green screens, mattes, real alpha or
/// composited video.
#[derive(Debug, Parser)]
#[command(
    name = "vrseg",
    version,
    help_template = TEMPLATE,
    before_help = EXAMPLES,
    after_help = ENDING,
    override_usage = "vrseg [OPTIONS] INPUT... -o [MODE=]PATH",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100,
)]
pub struct Cli {
    /// Another task than the main job.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The main job.
    #[command(flatten)]
    pub job: JobArgs,
}

/// Tasks other than the main job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the models, where their weights lie and what their licenses allow
    Models(ModelsArgs),
    /// Show what a video is: its format with the evidence for it, codec, color, streams
    Probe(ProbeArgs),
    /// Make a contact sheet of a video: frames, mattes and people before green
    Preview(Box<PreviewArgs>),
    /// Measure a matte: against the true one, over time and between the eyes
    Eval(EvalArgs),
    /// Tell what this machine is, and which encoders and devices really work
    Hardware(HardwareArgs),
    /// Look whether everything is there that a job needs, and say how to mend what is broken
    Doctor(DoctorArgs),
    /// Look for settings that are faster on this machine, and for what holds it up
    Optimize(OptimizeArgs),
    /// Measure how fast this machine is: whole pipelines, each stage alone, charts
    Bench(Box<BenchArgs>),
    /// Show, check and begin files with settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Read the matte back out of an alpha-packed video
    Unpack(UnpackArgs),
    /// Cut a job into segments, to be worked on by several machines
    Plan(Box<PlanArgs>),
    /// Work on segments of a planned job
    Work(WorkArgs),
    /// Join the segments of a planned job to its outputs
    Merge(MergeArgs),
    /// Work on a job's segments on many machines: arrays of Slurm tasks
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Take commands by hand, with history and completion
    Interactive,
    /// Show, empty and check what is kept of mattes
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}
