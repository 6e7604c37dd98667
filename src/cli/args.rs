//! The command line: what can be said, and its help.

use super::bench::args::BenchArgs;
use super::cluster::args::ClusterCommand;
use super::time::{self, Seconds};
use crate::ui::address;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{ArgAction, Args, Parser, Subcommand};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use vrseg_cluster::Task;
use vrseg_engine::settings::Loader;
use vrseg_engine::settings::schema::{self, Kind};

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

/// `vrseg models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Only this one
    pub name: Option<String>,
    /// Compare the weights with their checksums
    #[arg(long)]
    pub check: bool,
    /// One JSON array on standard output
    #[arg(long)]
    pub json: bool,
}

/// `vrseg probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The video
    pub file: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `vrseg preview`.
#[derive(Debug, Args)]
#[command(after_help = PREVIEW_NOTES)]
pub struct PreviewArgs {
    /// The video
    pub file: PathBuf,
    /// The sheet: a PNG file
    #[arg(short, long, value_name = "SHEET.png")]
    pub output: PathBuf,
    /// Moments, spread evenly over the video
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub count: u32,
    /// Replace a sheet that exists
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// How the eyes lie in a frame
    #[arg(long, value_name = "LAYOUT", value_parser = setting("vr.layout"), help_heading = "Format")]
    pub layout: Option<Setting>,
    /// How a view lies on the sphere
    #[arg(long, value_name = "PROJECTION", value_parser = setting("vr.projection"), help_heading = "Format")]
    pub projection: Option<Setting>,
    /// A fisheye's field of view
    #[arg(long, value_name = "DEGREES", value_parser = setting("vr.fov"), help_heading = "Format")]
    pub fov: Option<Setting>,
    /// How the network sees an eye
    #[arg(long, value_name = "VIEW", value_parser = setting("vr.view"), help_heading = "Format")]
    pub view: Option<Setting>,
    /// The network.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The matte.
    #[command(flatten)]
    pub matte: MatteArgs,
}

const PREVIEW_NOTES: &str = "\
Each moment is a short run of the whole pipeline with the given model and settings: what the sheet
shows is what the job would write, made smaller. A moment takes as long as some frames of the job,
and the network is loaded for each.
";

/// `vrseg eval`.
#[derive(Debug, Args)]
#[command(after_help = EVAL_NOTES)]
pub struct EvalArgs {
    /// The matte: a picture or video, its opacity where it has one, else its brightness
    #[arg(long, value_name = "MATTE")]
    pub pred: PathBuf,
    /// The true matte, of the same size and length; without it only flicker is measured
    #[arg(long, value_name = "MATTE")]
    pub truth: Option<PathBuf>,
    /// The picture or video that the matte is of: adds how well the mattes of its two eyes agree
    #[arg(long, value_name = "VIDEO")]
    pub source: Option<PathBuf>,
    /// How the eyes lie in a frame: found out from the source or the matte, one view, side by side,
    /// top-bottom
    #[arg(long, value_name = "LAYOUT", value_parser = setting("vr.layout"))]
    pub layout: Option<Setting>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const EVAL_NOTES: &str = "\
Each view is measured by itself, and the means are over frames and views. docs/evaluation.md has
the definitions.

Exit codes: 0 measured, 1 a file broke off or the lengths differ, 2 the files can't be compared.
";

/// `vrseg hardware`.
#[derive(Debug, Args)]
pub struct HardwareArgs {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// ONNX Runtime's shared library
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Try this device or encoder alone; what `hardware` starts for each of them
    #[arg(long, hide = true)]
    pub only: Option<String>,
}

/// `vrseg doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// A video that makes trouble: looked at, too
    pub file: Option<PathBuf>,
    /// A file with settings instead of your own
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON array on standard output
    #[arg(long)]
    pub json: bool,
}

/// `vrseg optimize`.
#[derive(Debug, Args)]
#[command(after_help = OPTIMIZE_NOTES)]
pub struct OptimizeArgs {
    /// Measure on this clip, best one like those that you work on, with people in it; by default one
    /// is made
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Tell what holds the job up: card, cores, memory, disk or a stage
    #[arg(long)]
    pub detect_bottlenecks: bool,
    /// Measure speed and latency of the settings as they are, for five seconds
    #[arg(long)]
    pub benchmark: bool,
    /// Look for faster settings; what is done where nothing else is asked for
    #[arg(long)]
    pub auto: bool,
    /// Write what was found to this file, for -c; not where nothing better was found
    #[arg(long, value_name = "FILE")]
    pub save_config: Option<PathBuf>,
    /// Replace that file where it exists
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Frames per second that are enough: of those that reach it, the best matte is taken
    #[arg(long, value_name = "N", value_parser = setting("performance.target_fps"), allow_negative_numbers = true)]
    pub target_fps: Option<Setting>,
    /// Least overlap with the FP32 matte: 0.95, with --profile quality 0.98
    #[arg(long, value_name = "IOU", value_parser = share)]
    pub min_iou: Option<f64>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// What stays as it is given here.
    #[command(flatten)]
    pub model: ModelArgs,
}

const OPTIMIZE_NOTES: &str = "\
Every trial is the real job on a piece of the clip, in a process of its own. What you give as an
option, in a file or by a variable stays as it is; the rest is tried: devices, arithmetic, input
size, frames at once, threads, queue. What is found is measured in turns with the settings as they
were, and saved only where it is faster and its matte agrees with the FP32 matte.
";

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n| (0.0..=1.0).contains(n)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// `vrseg config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, what set it, and what the rules make of `auto` on this machine
    Show {
        /// A file instead of your own
        file: Option<PathBuf>,
        /// The profile to build on
        #[arg(long, value_parser = PossibleValuesParser::new(schema::PROFILES))]
        profile: Option<String>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Check a file; exit code 2 and the place where it is wrong
    Validate {
        /// The file: your own by default
        file: Option<PathBuf>,
    },
    /// Write a file that has every setting as a comment
    Init {
        /// Where: your own file by default
        path: Option<PathBuf>,
        /// Replace a file that exists
        #[arg(short = 'y', long)]
        overwrite: bool,
    },
    /// Print where your own file is, or would be
    Path,
}

/// `vrseg cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Tell where the cache is and what it takes
    Stats {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Remove everything in it; what runs meanwhile goes on
    Clear {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Read every entry and remove damaged ones (exit code 1 where there were some)
    Verify {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `vrseg unpack`.
#[derive(Debug, Args)]
#[command(after_help = UNPACK_NOTES)]
pub struct UnpackArgs {
    /// The alpha-packed video
    pub file: PathBuf,
    /// The matte's file: .mkv, .mp4, .mov or .webm
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,
    /// The projection of the matte's eyes: the packed video's fisheye, or VR180
    #[arg(long, value_name = "PROJECTION", value_parser = PossibleValuesParser::new(["fisheye", "hequirect"]), default_value = "fisheye")]
    pub projection: String,
    /// What the packed circles show: by the file's name, else 180
    #[arg(long, value_name = "DEGREES", value_parser = setting("vr.fov"))]
    pub fov: Option<Setting>,
    /// Codec: by the container by default
    #[arg(long, value_parser = setting("output.codec"))]
    pub codec: Option<Setting>,
    /// Constant quality in the encoder's own scale: lower is better
    #[arg(long, value_name = "N", value_parser = setting("output.crf"), allow_negative_numbers = true)]
    pub crf: Option<Setting>,
    /// Replace an output that exists
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

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
    #[arg(long, value_name = "DEVICE", value_parser = setting("device.name"))]
    pub device: Option<Setting>,
    /// Other threads than the plan's
    #[arg(long, value_name = "N", value_parser = setting("processing.threads"))]
    pub threads: Option<Setting>,
    /// ONNX Runtime's shared library
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

const WORK_NOTES: &str = "\
Without --index, --next and --all the segment is the one whose number stands in SLURM_ARRAY_TASK_ID or
JOB_COMPLETION_INDEX. A segment that is finished, or that another worker is on, is left alone.
";

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

const UNPACK_NOTES: &str = "\
The matte has the packed video's size: two square eyes side by side, white where the person is. It is
read from red, as players do, so both red and gray packing are understood. Sound and time stamps are
the source's.
";

/// The main job.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// What is written.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How it is encoded.
    #[command(flatten)]
    pub encode: EncodeArgs,
    /// The network.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Kept mattes.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// The matte.
    #[command(flatten)]
    pub matte: MatteArgs,
    /// What is said.
    #[command(flatten)]
    pub talk: TalkArgs,
}

/// What is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// Video files, or folders with -r
    #[arg(value_name = "INPUT", display_order = 0, required_unless_present_any = ["show_config", "show_hardware", "interactive"])]
    pub inputs: Vec<PathBuf>,
    /// Take the videos in folders and their subfolders
    #[arg(short, long)]
    pub recursive: bool,
    /// Start there: 90, 1:30, 00:01:30.5 or 500ms
    #[arg(long, value_name = "TIME", value_parser = time::parse, allow_negative_numbers = true)]
    pub ss: Option<Seconds>,
    /// Stop there
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "duration", allow_negative_numbers = true)]
    pub to: Option<Seconds>,
    /// Work on so much
    #[arg(short = 't', long, value_name = "TIME", value_parser = time::parse, allow_negative_numbers = true)]
    pub duration: Option<Seconds>,
    /// Work on at most so many frames
    #[arg(long, value_name = "N", value_parser = frames, allow_negative_numbers = true)]
    pub frames: Option<u64>,
    /// How the eyes lie in a frame: found out, one view, side by side, top-bottom
    #[arg(long, value_name = "LAYOUT", value_parser = setting("vr.layout"))]
    pub layout: Option<Setting>,
    /// How a view lies on the sphere: found out, not at all, VR180, 360, fisheye
    #[arg(long, value_name = "PROJECTION", value_parser = setting("vr.projection"))]
    pub projection: Option<Setting>,
    /// A fisheye's field of view: by the file's name, else 180
    #[arg(long, value_name = "DEGREES", value_parser = setting("vr.fov"))]
    pub fov: Option<Setting>,
    /// Whose eye comes first: found out, left, right
    #[arg(long, value_name = "ORDER", value_parser = setting("vr.eye_order"))]
    pub eye_order: Option<Setting>,
    /// How the network sees an eye: as it is, by longitude and latitude, as a fisheye, or in
    /// rectilinear windows
    #[arg(long, value_name = "VIEW", value_parser = setting("vr.view"))]
    pub view: Option<Setting>,
}

/// A setting from the command line, already checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting(pub Value);

/// The parser of the setting `name`: the same rules as in a file, and completion where there is
/// a list of words.
fn setting(name: &'static str) -> ValueParser {
    let key = schema::find(name).unwrap_or_else(|| panic!("{name} is no setting"));
    match key.kind {
        Kind::Word(words) => PossibleValuesParser::new(words.iter().copied().chain(key.unset))
            .try_map(|word| key.parse(&word).map(Setting))
            .into(),
        _ => ValueParser::new(|text: &str| key.parse(text).map(Setting)),
    }
}

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// A file, or a folder (existing, or ending in /); several are made in one pass. MODE is
    /// green, matte, alpha, blur, replace, overlay or passthrough
    #[arg(short, long, value_name = "[MODE=]PATH", required_unless_present_any = ["show_config", "show_hardware", "interactive"])]
    pub output: Vec<PathBuf>,
    /// What an output shows that names no mode: green by default
    #[arg(long, value_parser = setting("output.mode"))]
    pub mode: Option<Setting>,
    /// File names in a folder: {stem}_{mode}.{ext} by default; there is {profile} too
    #[arg(long, value_name = "PATTERN", value_parser = setting("output.name"))]
    pub name: Option<Setting>,
    /// Key color of green: #00B140 by default
    #[arg(long, value_name = "COLOR", value_parser = setting("output.key"))]
    pub key: Option<Setting>,
    /// Picture or video behind the person; makes the mode replace
    #[arg(long, value_name = "FILE")]
    pub background: Option<PathBuf>,
    /// Strength of blur, as a fraction of the view's height (0.001 to 0.2)
    #[arg(long, value_name = "S", value_parser = setting("output.blur_strength"), allow_negative_numbers = true)]
    pub blur_strength: Option<Setting>,
    /// Field of view of passthrough in degrees: a fisheye source's own, else 180
    #[arg(long, value_name = "DEGREES", value_parser = setting("output.fov"))]
    pub out_fov: Option<Setting>,
    /// What carries the opacity of passthrough: red, or gray with sharper edges
    #[arg(long, value_name = "CHANNEL", value_parser = setting("output.alpha_channel"))]
    pub alpha_channel: Option<Setting>,
    /// Color of overlay
    #[arg(long, value_name = "COLOR", value_parser = setting("output.tint"))]
    pub tint: Option<Setting>,
    /// Replace outputs that exist
    #[arg(short = 'y', long, conflicts_with = "no_overwrite")]
    pub overwrite: bool,
    /// Leave outputs that exist: such inputs are skipped
    #[arg(short = 'n', long)]
    pub no_overwrite: bool,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with_all = ["monitor", "serve", "metrics", "performance_log", "trace"])]
    pub dry_run: bool,
    /// Forget what an earlier run of this job has finished
    #[arg(long)]
    pub restart: bool,
    /// Workers that share a job's segments on one device
    #[arg(long, value_name = "N", value_parser = setting("processing.segments_at_once"))]
    pub workers: Option<Setting>,
    /// Keep what is finished of a long job in segments of so many seconds: 15 by default, or off
    #[arg(long, value_name = "S", value_parser = setting("processing.segment_seconds"))]
    pub segment_seconds: Option<Setting>,
    /// End with an error where the source is damaged, instead of concealing and counting it
    #[arg(long)]
    pub strict: bool,
    /// Memory that the process may hold, such as 4G: kept mattes and frames under way give way to it. By
    /// default nine tenths of what is available
    #[arg(long, value_name = "SIZE", value_parser = setting("processing.max_memory"))]
    pub max_memory: Option<Setting>,
}

/// How it is encoded.
#[derive(Debug, Args)]
#[command(next_help_heading = "Encoding")]
pub struct EncodeArgs {
    /// Codec: by the container and the mode by default
    #[arg(long, value_parser = setting("output.codec"))]
    pub codec: Option<Setting>,
    /// FFmpeg's encoder by its name, such as libx264 or hevc_nvenc
    #[arg(long, value_name = "NAME", value_parser = setting("output.encoder"))]
    pub encoder: Option<Setting>,
    /// Constant quality in the encoder's own scale: lower is better
    #[arg(long, value_name = "N", value_parser = setting("output.crf"), allow_negative_numbers = true)]
    pub crf: Option<Setting>,
    /// The encoder's preset in its own words
    #[arg(long, value_name = "NAME", value_parser = setting("output.preset"))]
    pub preset: Option<Setting>,
    /// Bits per second instead of constant quality: 20M, 800k
    #[arg(long, value_name = "RATE", value_parser = setting("output.bitrate"), conflicts_with = "crf")]
    pub bitrate: Option<Setting>,
    /// Pixel format in FFmpeg's words: the source's depth and chroma by default
    #[arg(long, value_name = "FORMAT", value_parser = setting("output.pix_fmt"))]
    pub pix_fmt: Option<Setting>,
    /// Any other option of the encoder; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub enc_opt: Vec<(String, String)>,
    /// Don't use NVENC
    #[arg(long)]
    pub no_hwenc: bool,
}

/// The network.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// Speed against quality: balanced by default
    #[arg(long, value_parser = PossibleValuesParser::new(schema::PROFILES))]
    pub profile: Option<String>,
    /// Read settings from this file
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A model that `vrseg models` lists, or the manifest of your own
    #[arg(long, value_name = "NAME|MANIFEST.yaml", value_parser = setting("model.name"))]
    pub model: Option<Setting>,
    /// Longer side of the network's input in pixels
    #[arg(long, value_name = "N", value_parser = setting("model.input_size"), allow_negative_numbers = true)]
    pub input_size: Option<Setting>,
    /// Frames that go through the network at once
    #[arg(long, value_name = "N", value_parser = setting("model.batch_size"), allow_negative_numbers = true)]
    pub batch_size: Option<Setting>,
    /// Number format of the network
    #[arg(long, value_parser = setting("model.precision"))]
    pub precision: Option<Setting>,
    /// auto, cpu, cuda[:N], tensorrt[:N] or openvino
    #[arg(long, value_name = "DEVICE", value_parser = setting("device.name"))]
    pub device: Option<Setting>,
    /// ONNX Runtime's shared library
    #[arg(long, value_name = "PATH", value_parser = setting("device.ort_library"))]
    pub ort_lib: Option<Setting>,
    /// Threads for the whole job: all by default
    #[arg(long, value_name = "N", value_parser = setting("processing.threads"), allow_negative_numbers = true)]
    pub threads: Option<Setting>,
}

/// Kept mattes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct CacheArgs {
    /// Where mattes are kept for frames that repeat and for the next run: in memory and, where it pays,
    /// on disk; both; in memory; nowhere
    #[arg(long, value_name = "WHERE", value_parser = setting("processing.cache"), conflicts_with = "no_cache")]
    pub cache: Option<Setting>,
    /// Compute every matte, and keep none
    #[arg(long)]
    pub no_cache: bool,
}

/// The matte.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Matte")]
pub struct MatteArgs {
    /// Harden the matte there (0 to 1) instead of keeping soft edges
    #[arg(long, value_name = "T", value_parser = setting("matte.threshold"), allow_negative_numbers = true)]
    pub threshold: Option<Setting>,
    /// Soften the edge by so many pixels of the source
    #[arg(long, value_name = "PX", value_parser = setting("matte.feather"), allow_negative_numbers = true)]
    pub feather: Option<Setting>,
    /// Grow the matte by so many pixels; a negative number shrinks it
    #[arg(long, visible_alias = "dilate", value_name = "PX", value_parser = setting("matte.grow"), allow_negative_numbers = true)]
    pub grow: Option<Setting>,
    /// Shrink the matte by so many pixels
    #[arg(long, value_name = "PX", conflicts_with = "grow", value_parser = clap::value_parser!(i64).range(0..=200), allow_negative_numbers = true)]
    pub erode: Option<i64>,
    /// Don't let the edges follow the picture
    #[arg(long)]
    pub no_refine: bool,
    /// Ask the network for every N-th frame only, and carry mattes along with what moves in between
    #[arg(long, value_name = "N", value_parser = setting("matte.every"), allow_negative_numbers = true)]
    pub matte_every: Option<Setting>,
    /// Calm a flickering matte: 0 (off) to 1
    #[arg(long, value_name = "S", value_parser = setting("matte.stabilize"), allow_negative_numbers = true)]
    pub stabilize: Option<Setting>,
    /// Bring the mattes of the two eyes together where both see the same: 0 (off) to 1
    #[arg(long, value_name = "S", value_parser = setting("matte.stereo"))]
    pub stereo: Option<Setting>,
    /// Find people and show each of them to these networks, separated by commas; off: only whole eyes
    #[arg(long, value_name = "MODEL", value_parser = setting("people.crops"))]
    pub crops: Option<Setting>,
    /// Whom the matte shows: all, main (the largest who was there longest), or so many
    #[arg(long, value_name = "WHO", value_parser = setting("people.keep"))]
    pub people: Option<Setting>,
    /// Leave out who is less high than this share of the view
    #[arg(long, value_name = "SHARE", value_parser = setting("people.min_size"))]
    pub min_size: Option<Setting>,
    /// Leave out the body of who wears the camera, below in VR
    #[arg(long)]
    pub exclude_pov: bool,
    /// Show only what lies in these parts of a view: X,Y,W,H in shares of it, or a file with times
    #[arg(long, value_name = "X,Y,W,H|FILE", value_parser = setting("people.include"))]
    pub include: Option<Setting>,
    /// Leave out what lies in these parts of a view
    #[arg(long, value_name = "X,Y,W,H|FILE", value_parser = setting("people.exclude"))]
    pub exclude: Option<Setting>,
}

/// What is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct TalkArgs {
    /// Only warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell more; -vv for all details
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// One JSON object a line on standard output, and no progress bar
    #[arg(long)]
    pub json: bool,
    /// No colors (as with NO_COLOR)
    #[arg(long)]
    pub no_color: bool,
    /// Log messages as text or as JSON, an object a line
    #[arg(long, value_name = "FORMAT", value_parser = setting("logging.format"))]
    pub log_format: Option<Setting>,
    /// Write the log there as well: into the state folder by default, off, or a file
    #[arg(long, value_name = "FILE", value_parser = setting("logging.file"))]
    pub log_file: Option<Setting>,
    /// Show the run full-screen in the terminal
    #[arg(long)]
    pub monitor: bool,
    /// Show the run on a web page at this port, or IP:PORT; the address is printed
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    pub serve: Option<SocketAddr>,
    /// Serve Prometheus at this port, or IP:PORT, under /metrics
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    pub metrics: Option<SocketAddr>,
    /// Write all figures to this file, a JSON object a second
    #[arg(long, value_name = "FILE")]
    pub performance_log: Option<PathBuf>,
    /// Write a timeline of every stage's work and waiting, for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print every setting and what set it, and do nothing
    #[arg(long)]
    pub show_config: bool,
    /// Print what `vrseg hardware` prints, and do nothing
    #[arg(long)]
    pub show_hardware: bool,
    /// Take commands by hand, as `vrseg interactive` does
    #[arg(long)]
    pub interactive: bool,
}

fn frames(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected a whole number of 1 or more".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

type Overrides = Vec<(&'static str, &'static str, Value)>;

fn overrides<'a>(settings: impl IntoIterator<Item = (&'static str, &'static str, &'a Option<Setting>)>) -> Overrides {
    let given = |(key, flag, s): (_, _, &Option<Setting>)| s.as_ref().map(|s| (key, flag, s.0.clone()));
    settings.into_iter().filter_map(given).collect()
}

impl ModelArgs {
    /// Where settings come from, the options `flags` above all.
    pub fn loader(&self, flags: Overrides) -> Loader {
        Loader { file: self.config.clone(), profile: self.profile.clone(), flags, ..Loader::from_environment() }
    }

    /// The settings that were given as options: setting, option, value.
    pub fn overrides(&self) -> Overrides {
        overrides([
            ("model.name", "--model", &self.model),
            ("model.input_size", "--input-size", &self.input_size),
            ("model.batch_size", "--batch-size", &self.batch_size),
            ("model.precision", "--precision", &self.precision),
            ("device.name", "--device", &self.device),
            ("device.ort_library", "--ort-lib", &self.ort_lib),
            ("processing.threads", "--threads", &self.threads),
        ])
    }
}

impl JobArgs {
    /// Where the job's settings come from.
    pub fn loader(&self) -> Loader {
        self.model.loader(self.overrides())
    }

    /// The settings that were given as options: setting, option, value.
    pub fn overrides(&self) -> Overrides {
        let mut all = self.model.overrides();
        all.extend(overrides([
            ("processing.cache", "--cache", &self.cache.cache),
            ("vr.layout", "--layout", &self.input.layout),
            ("vr.projection", "--projection", &self.input.projection),
            ("vr.fov", "--fov", &self.input.fov),
            ("vr.eye_order", "--eye-order", &self.input.eye_order),
            ("vr.view", "--view", &self.input.view),
            ("output.mode", "--mode", &self.output.mode),
            ("output.name", "--name", &self.output.name),
            ("output.key", "--key", &self.output.key),
            ("output.blur_strength", "--blur-strength", &self.output.blur_strength),
            ("output.fov", "--out-fov", &self.output.out_fov),
            ("output.alpha_channel", "--alpha-channel", &self.output.alpha_channel),
            ("output.tint", "--tint", &self.output.tint),
            ("output.codec", "--codec", &self.encode.codec),
            ("output.encoder", "--encoder", &self.encode.encoder),
            ("output.crf", "--crf", &self.encode.crf),
            ("output.preset", "--preset", &self.encode.preset),
            ("output.bitrate", "--bitrate", &self.encode.bitrate),
            ("output.pix_fmt", "--pix-fmt", &self.encode.pix_fmt),
            ("processing.segments_at_once", "--workers", &self.output.workers),
            ("processing.max_memory", "--max-memory", &self.output.max_memory),
            ("processing.segment_seconds", "--segment-seconds", &self.output.segment_seconds),
            ("matte.threshold", "--threshold", &self.matte.threshold),
            ("matte.feather", "--feather", &self.matte.feather),
            ("matte.grow", "--grow", &self.matte.grow),
            ("matte.every", "--matte-every", &self.matte.matte_every),
            ("matte.stabilize", "--stabilize", &self.matte.stabilize),
            ("matte.stereo", "--stereo", &self.matte.stereo),
            ("people.crops", "--crops", &self.matte.crops),
            ("people.keep", "--people", &self.matte.people),
            ("people.min_size", "--min-size", &self.matte.min_size),
            ("people.include", "--include", &self.matte.include),
            ("people.exclude", "--exclude", &self.matte.exclude),
            ("logging.format", "--log-format", &self.talk.log_format),
            ("logging.file", "--log-file", &self.talk.log_file),
        ]));
        if let Some(n) = self.matte.erode {
            all.push(("matte.grow", "--erode", Value::from(-n)));
        }
        if self.output.strict {
            all.push(("processing.strict", "--strict", Value::from(true)));
        }
        if self.matte.exclude_pov {
            all.push(("people.exclude_pov", "--exclude-pov", Value::from(true)));
        }
        if self.matte.no_refine {
            all.push(("matte.refine", "--no-refine", Value::from(false)));
        }
        if self.cache.no_cache {
            all.push(("processing.cache", "--no-cache", Value::from("off")));
        }
        if self.encode.no_hwenc {
            all.push(("output.hardware", "--no-hwenc", Value::from(false)));
        }
        all
    }
}
