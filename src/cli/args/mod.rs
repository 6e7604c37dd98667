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
pub use library::{CacheCommand, ModelAddArgs, ModelTestArgs, ModelsArgs, ModelsCommand};
pub use machine::{DoctorArgs, HardwareArgs};
pub use optimize::OptimizeArgs;
pub use segments::{MergeArgs, PlanArgs, WorkArgs};
pub use settings::{ExplicitOptions, GroupArgs, Overrides, SettingValue};
pub use source::{PeopleArgs, PreviewArgs, ProbeArgs, ReviewArgs};
pub use unpack::UnpackArgs;

use clap::{CommandFactory, Parser, Subcommand};

pub(super) const EXAMPLES: &str = "\
Examples:
  vrseg scene_180_LR.mp4 -o out.mp4 --profile fast
      A green screen for every person, ready for a headset player's chroma key.
  vrseg scene.mp4 -o alpha=cut.mov -o matte=mask.mkv --ss 1:30 -t 20
      Twenty seconds for an editor: a real alpha channel and a gray matte, in one pass.
  vrseg scene.mp4 -o green=key.mp4 -o matte:codec=ffv1=mask.mkv
      A codec and quality for each output: codec, encoder, crf, preset, bitrate, pix_fmt, scale.
  vrseg -r footage/ -o keyed/ --profile quality -n
      A whole folder, overnight; what is there already is left alone.
";

pub(super) const SETTINGS: &str = "\
    Settings: built-in defaults < profile < config file (-c, or ~/.config/vrseg/config.yaml) < VRSEG_SECTION_KEY \
    variables < options. --show-config prints each with its source; `vrseg config init` creates a file, `vrseg config \
    validate` checks one.\n";

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    the command line or the configuration is wrong; nothing was started
  3    some of several inputs failed
  101  internal error; the path of the crash report is printed
  130  interrupted (Ctrl-C once: the outputs end early but can be played)
";

/// Find people in VR and flat video; write green screens, mattes, alpha or passthrough video
#[derive(Debug, Parser)]
#[command(
    name = "vrseg",
    version,
    after_help = format!("{SETTINGS}\n{EXIT_CODES}"),
    override_usage = "vrseg [OPTIONS] INPUT... -o [MODE=]PATH",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
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

/// The command line as clap has it. What stands behind the options of a help has a line for each paragraph.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Tasks other than the main job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the models, their licenses and where their weights are
    Models(ModelsArgs),
    /// Show a video's format, codec, color and streams
    Probe(ProbeArgs),
    /// Make a contact sheet of frames, mattes and results
    Preview(Box<PreviewArgs>),
    /// List the people in a video; write an edits file to hide some
    People(Box<PeopleArgs>),
    /// Hide people and correct mattes on a web page, then render
    Review(Box<ReviewArgs>),
    /// Measure a matte: accuracy, flicker, stereo consistency
    Eval(EvalArgs),
    /// Show this machine and the encoders and devices that work
    Hardware(HardwareArgs),
    /// Check the installation and suggest fixes
    Doctor(DoctorArgs),
    /// Find faster settings and the bottleneck on this machine
    Optimize(OptimizeArgs),
    /// Measure speed: pipelines, single stages, charts
    Bench(Box<BenchArgs>),
    /// Show, check and create configuration files
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Extract the matte of an alpha-packed video
    Unpack(UnpackArgs),
    /// Split a job into segments for several machines
    Plan(Box<PlanArgs>),
    /// Process segments of a planned job
    Work(WorkArgs),
    /// Join a planned job's segments into its outputs
    Merge(MergeArgs),
    /// Run a job's segments as Slurm or Kubernetes tasks
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Enter commands at a prompt, with history and completion
    Interactive,
    /// Show, clear and verify cached mattes
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Print a shell completion script
    Completions {
        /// Shell
        shell: clap_complete::Shell,
        /// Print what could stand at the end of this line; what the scripts ask for
        #[arg(long, hide = true, allow_hyphen_values = true)]
        line: Option<String>,
    },
    /// Print a manual page (roff)
    Man {
        /// Command, such as bench or cluster submit [default: the program's page]
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
        /// Write all pages to this folder
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        dir: Option<std::path::PathBuf>,
    },
}
