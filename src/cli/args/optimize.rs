//! The command line of `vrseg optimize`.

use super::job::ModelArgs;
use super::settings::{SettingValue, parser};
use clap::Args;
use std::path::PathBuf;

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
    /// Write what was found to this file, for -c; without a name to tuned.yaml in your configuration folder,
    /// which `-c tuned` finds
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub save_config: Option<Option<PathBuf>>,
    /// Replace that file where it exists
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Frames per second that are enough: of those that reach it, the best matte is taken
    #[arg(long, value_name = "N", value_parser = parser("performance.target_fps"), allow_negative_numbers = true)]
    pub target_fps: Option<SettingValue>,
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
    Every trial is the real job on a piece of the clip, in a process of its own. What you give as an \
    option, in a file or by a variable stays as it is; the rest is tried: devices, arithmetic, input \
    size, frames at once, threads, queue. What is found is measured in turns with the settings as they \
    were, and saved only where it is faster and its matte agrees with the FP32 matte.\n";

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n| (0.0..=1.0).contains(n)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
