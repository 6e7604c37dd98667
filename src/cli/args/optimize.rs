//! The command line of `vrseg optimize`.

use super::job::ModelArgs;
use super::settings::{SettingValue, parser};
use clap::Args;
use std::path::PathBuf;

/// `vrseg optimize`.
#[derive(Debug, Args)]
#[command(after_help = OPTIMIZE_NOTES)]
pub struct OptimizeArgs {
    /// Clip to measure on, with people [default: a generated one]
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Find the bottleneck: GPU, CPU, memory, disk or a stage
    #[arg(long)]
    pub detect_bottlenecks: bool,
    /// Measure the current settings for five seconds: speed and latency
    #[arg(long)]
    pub benchmark: bool,
    /// Search for faster settings [default action]
    #[arg(long)]
    pub auto: bool,
    /// Save the result for -c [default: tuned.yaml in your configuration folder]
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub save_config: Option<Option<PathBuf>>,
    /// Replace an existing file
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Sufficient frames per second: prefer the best matte at this speed
    #[arg(long, value_name = "N", value_parser = parser("performance.target_fps"), allow_negative_numbers = true)]
    pub target_fps: Option<SettingValue>,
    /// Required IoU with the FP32 matte [default: 0.95, quality 0.98]
    #[arg(long, value_name = "IOU", value_parser = share)]
    pub min_iou: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// What stays as it is given here.
    #[command(flatten)]
    pub model: ModelArgs,
}

const OPTIMIZE_NOTES: &str = "\
    Every trial is the real job on a part of the clip, in a process of its own. Settings that you give as an \
    option, in a file or by a variable are not changed; the others are tried: devices, precision, input size, \
    batch size, threads, queue. The result is measured in turns with the current settings, and saved only if \
    it is faster and its matte agrees with the FP32 matte.\n";

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n| (0.0..=1.0).contains(n)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
