//! The command line of the main job.

use super::settings::{ExplicitOptions, GroupArgs, Overrides, profile};
use crate::cli::time::{self, Seconds};
use crate::ui::address;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args};
use std::net::SocketAddr;
use std::path::PathBuf;
use vrseg_engine::settings::Loader;
use vrseg_engine::settings::schema::Group;

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
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Cached mattes.
    #[command(flatten, next_help_heading = "Model")]
    pub cache: GroupArgs<{ Group::Cache as u8 }>,
    /// Edges of the matte, and the people in it.
    #[command(flatten, next_help_heading = "Matte")]
    pub matte: GroupArgs<{ Group::Matte as u8 }>,
    /// Output.
    #[command(flatten)]
    pub messages: MessageArgs,
}

/// What is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// Videos, pictures, numbered pictures (in_%05d.png), folders (-r), - (standard input)
    #[arg(value_name = "INPUT", display_order = 0, required_unless_present_any = ["with_i", "show_config", "show_hardware", "interactive"])]
    pub inputs: Vec<PathBuf>,
    /// Input, as in ffmpeg
    #[arg(short = 'i', value_name = "INPUT", hide = true)]
    pub with_i: Vec<PathBuf>,
    /// Process the videos in folders and their subfolders
    #[arg(short, long)]
    pub recursive: bool,
    /// Start time: 90, 1:30, 00:01:30.5 or 500ms
    #[arg(long, value_name = "TIME", value_parser = time::parse, allow_negative_numbers = true)]
    pub ss: Option<Seconds>,
    /// End time
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "duration", allow_negative_numbers = true)]
    pub to: Option<Seconds>,
    /// Limit the duration to process
    #[arg(short = 't', long, value_name = "TIME", value_parser = time::parse, allow_negative_numbers = true)]
    pub duration: Option<Seconds>,
    /// Limit the number of frames to process
    #[arg(long, value_name = "N", value_parser = frames, allow_negative_numbers = true)]
    pub frames: Option<u64>,
    /// Index of the video stream, from 0 [default: ffmpeg's choice]
    #[arg(long, value_name = "N")]
    pub stream: Option<usize>,
    /// Frame rate of numbered pictures [default: 25]
    #[arg(long, value_name = "FPS", value_parser = rate, allow_negative_numbers = true)]
    pub framerate: Option<f64>,
    /// Layout and projection of the source.
    #[command(flatten)]
    pub format: GroupArgs<{ Group::Format as u8 }>,
}

impl InputArgs {
    /// All files and folders that were named.
    pub fn named(&self) -> impl Iterator<Item = &PathBuf> {
        self.inputs.iter().chain(&self.with_i)
    }
}

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// File, numbered pictures (out_%05d.png), folder/ or - (standard output); repeatable. MODE is green, matte,
    /// alpha, blur, replace, overlay or passthrough; MODE:KEY=VALUE,...=PATH sets codec, encoder, crf, preset,
    /// bitrate, pix_fmt or scale of one output
    #[arg(short, long, value_name = "[MODE=]PATH", required_unless_present_any = ["show_config", "show_hardware", "interactive"])]
    pub output: Vec<PathBuf>,
    /// What outputs show, and their names.
    #[command(flatten)]
    pub settings: GroupArgs<{ Group::Output as u8 }>,
    /// Background picture or video; implies mode replace
    #[arg(long, value_name = "FILE")]
    pub background: Option<PathBuf>,
    /// Options of the modes.
    #[command(flatten)]
    pub look: GroupArgs<{ Group::Look as u8 }>,
    /// Apply corrections by hand from an edits file: people to hide, regions, brush strokes, settings by time
    #[arg(long, value_name = "FILE", help_heading = "Matte")]
    pub edits: Option<PathBuf>,
    /// Container of standard output [default: matroska]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(["matroska", "nut", "mpegts", "webm"]))]
    pub format: Option<String>,
    /// Create the folders of outputs
    #[arg(short = 'p', long)]
    pub parents: bool,
    /// Replace outputs that exist
    #[arg(short = 'y', long, conflicts_with = "no_overwrite")]
    pub overwrite: bool,
    /// Skip finished outputs; make only missing ones
    #[arg(short = 'n', long)]
    pub no_overwrite: bool,
    /// Print format, settings, time and size; write nothing
    #[arg(long, conflicts_with_all = ["monitor", "serve", "metrics", "performance_log", "trace"])]
    pub dry_run: bool,
    /// Discard finished segments of an earlier run
    #[arg(long)]
    pub restart: bool,
    /// How the job is carried out.
    #[command(flatten)]
    pub running: GroupArgs<{ Group::Running as u8 }>,
}

impl OutputArgs {
    /// FFmpeg's name of the container of standard output.
    pub fn container(&self) -> &str {
        self.format.as_deref().unwrap_or("matroska")
    }
}

/// How it is encoded.
#[derive(Debug, Args)]
#[command(next_help_heading = "Encoding")]
pub struct EncodeArgs {
    /// Codec, quality and rate.
    #[command(flatten)]
    pub settings: GroupArgs<{ Group::Encoding as u8 }>,
    /// Additional encoder option; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub enc_opt: Vec<(String, String)>,
    /// Encoders in hardware.
    #[command(flatten)]
    pub hardware: GroupArgs<{ Group::Hardware as u8 }>,
}

/// The model.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// Speed or quality [default: balanced]
    #[arg(long, value_parser = profile())]
    pub profile: Option<String>,
    /// Configuration file, or its name in your configuration folder
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Model, device and threads.
    #[command(flatten)]
    pub settings: GroupArgs<{ Group::Model as u8 }>,
    /// What was given of all options of the command that set settings.
    #[command(flatten)]
    pub explicit: ExplicitOptions,
}

/// Output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// Print only warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more; -vv prints all details
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print one JSON object per line instead of a progress bar
    #[arg(long)]
    pub json: bool,
    /// Disable colors (like NO_COLOR)
    #[arg(long)]
    pub no_color: bool,
    /// The log.
    #[command(flatten)]
    pub settings: GroupArgs<{ Group::Logging as u8 }>,
    /// Show the job full-screen in the terminal
    #[arg(long)]
    pub monitor: bool,
    /// Show the job on a web page at this port or IP:PORT [default: any free port]
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    pub serve: Option<SocketAddr>,
    /// Serve Prometheus metrics at this port or IP:PORT, path /metrics
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    pub metrics: Option<SocketAddr>,
    /// Write all figures to this file, one JSON object per second
    #[arg(long, value_name = "FILE")]
    pub performance_log: Option<PathBuf>,
    /// Write a timeline of all stages for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print every setting and its source, then exit
    #[arg(long)]
    pub show_config: bool,
    /// Print the output of `vrseg hardware`, then exit
    #[arg(long)]
    pub show_hardware: bool,
    /// Start a prompt, like `vrseg interactive`
    #[arg(long)]
    pub interactive: bool,
}

fn frames(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected a whole number of 1 or more".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let fraction = |(a, b): (&str, &str)| Some(a.parse::<f64>().ok()? / b.parse::<f64>().ok()?);
    let rate = text.split_once('/').map_or_else(|| text.parse().ok(), fraction);
    rate.filter(|r| (0.01..=1000.0).contains(r))
        .ok_or_else(|| "expected 0.01 to 1000, such as 30 or 30000/1001".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

impl ModelArgs {
    /// Where settings come from, the options above all.
    pub fn loader(&self) -> Loader {
        let (file, profile) = (self.config.clone(), self.profile.clone());
        Loader { file, profile, flags: self.overrides(), ..Loader::from_environment() }
    }

    /// The settings that were given as options: setting, option, value.
    pub fn overrides(&self) -> Overrides {
        self.explicit.0.clone()
    }
}

impl JobArgs {
    /// Where the job's settings come from.
    pub fn loader(&self) -> Loader {
        self.model.loader()
    }

    /// The settings that were given as options: setting, option, value.
    pub fn overrides(&self) -> Overrides {
        self.model.overrides()
    }
}
