//! What can be said to `vrseg bench`.

use super::settings::profile;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use vrseg_bench::Size;

/// `vrseg bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = NOTES)]
pub struct BenchArgs {
    /// Another task than measuring.
    #[command(subcommand)]
    pub command: Option<BenchCommand>,
    /// Result file [default: vrseg-bench.json; with --self-report vrseg-report.json]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(short = 'y', long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Resume an unfinished file
    #[arg(long)]
    pub resume: bool,
    /// Quick run: two sizes, few frames, about a minute
    #[arg(long)]
    pub quick: bool,

    /// Frame sizes with both eyes: 1080p, 4k, 6k, 8k or WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE,...", value_delimiter = ',', value_parser = Size::parse, help_heading = "Sweeps")]
    pub resolutions: Vec<Size>,
    /// Batch sizes; views for recurrent models [default: 1,4,8,16,32]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Sweeps")]
    pub batches: Vec<u32>,
    /// Number formats of the model [default: fp32,fp16,int8]
    #[arg(long, value_name = "FORMAT,...", value_delimiter = ',', value_parser = PossibleValuesParser::new(["auto", "fp32", "fp16", "int8"]), help_heading = "Sweeps")]
    pub precisions: Vec<String>,
    /// Models [default: the profile's]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Sweeps")]
    pub models: Vec<String>,
    /// Devices [default: auto]
    #[arg(long, value_name = "DEVICE,...", value_delimiter = ',', help_heading = "Sweeps")]
    pub devices: Vec<String>,
    /// Measure 1080p to 8K for a report that can be sent: no names of people, machines or files in it
    #[arg(long, conflicts_with_all = ["input", "batches", "precisions", "sweep", "crossed"], help_heading = "Sweeps")]
    pub self_report: bool,
    /// Sweep only the frame size
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub resolution_only: bool,
    /// Sweep only the batch size
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub batch_only: bool,
    /// Sweep only the precision
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub precision_only: bool,
    /// Combine all values instead of sweeping one axis at a time
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub crossed: bool,

    /// Measure with this video, at its own size, instead of generated clips
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resolutions", "resolution_only"], help_heading = "Measuring")]
    pub input: Option<PathBuf>,
    /// Frames of each point, fewer if slow [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(4..=100_000), help_heading = "Measuring")]
    pub iterations: Option<u64>,
    /// Warm-up frames [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1000), help_heading = "Measuring")]
    pub warmup: Option<u64>,
    /// Maximum seconds per pipeline; a third for each stage [default: 15]
    #[arg(long, value_name = "S", value_parser = seconds, help_heading = "Measuring")]
    pub seconds: Option<f64>,
    /// Timeout of a point in seconds
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "900", help_heading = "Measuring")]
    pub timeout: f64,
    /// Profile to measure [default: balanced]
    #[arg(long, value_parser = profile(), help_heading = "Measuring")]
    pub profile: Option<String>,
    /// At most two frames in flight, for the shortest latency
    #[arg(long, conflicts_with = "batches", help_heading = "Measuring")]
    pub low_latency: bool,
    /// Output codec
    #[arg(long, help_heading = "Measuring")]
    pub codec: Option<String>,
    /// Encoder preset
    #[arg(long, value_name = "NAME", help_heading = "Measuring")]
    pub preset: Option<String>,

    /// Output.
    #[command(flatten)]
    pub report: ReportOptions,
    /// Print the results as JSON instead of the report
    #[arg(long, help_heading = "Report")]
    pub json: bool,
    /// Print no progress and no report
    #[arg(short, long, help_heading = "Report")]
    pub quiet: bool,
    /// Measure this point; what `bench` starts for each of them
    #[arg(long, hide = true)]
    pub point: Option<String>,
}

impl BenchArgs {
    /// The file for the results.
    pub fn results(&self) -> &Path {
        let usual = if self.self_report { "vrseg-report.json" } else { "vrseg-bench.json" };
        self.output.as_deref().unwrap_or(Path::new(usual))
    }
}

/// What is made of results.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Target frames per second
    #[arg(long, value_name = "FPS", value_parser = seconds, default_value = "90", help_heading = "Report")]
    pub target_fps: f64,
    /// Write a self-contained HTML page with charts
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub html: Option<PathBuf>,
    /// Write the charts as SVG files into this folder
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub charts: Option<PathBuf>,
    /// Write a CSV table with one line per point
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub csv: Option<PathBuf>,
}

/// Tasks other than measuring.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Compare two benchmarks: ratios, spread and noise
    Compare {
        /// First result file, such as before a change
        first: PathBuf,
        /// Second result file
        second: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print a benchmark's results; write a page with charts
    Report {
        /// Result file of `vrseg bench`
        results: PathBuf,
        /// What is made of them.
        #[command(flatten)]
        options: ReportOptions,
    },
}

const NOTES: &str = "\
    Each point runs in a process of its own: the whole pipeline, then each stage alone. A point that fails \
    is a row with its error. Ctrl-C keeps finished points; --resume continues. docs/performance_guide.md \
    explains the figures.\n\n\
    Exit codes: 0 measured, 1 no point succeeded, 2 wrong usage, 130 interrupted.\n";

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s: &f64| s.is_finite() && *s > 0.0).ok_or_else(|| "expected a number above 0".to_owned())
}
