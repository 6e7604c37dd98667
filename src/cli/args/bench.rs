//! What can be said to `vrseg bench`.

use super::settings::profile;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use vrseg_bench::Size;

/// `vrseg bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = NOTES)]
pub struct BenchArgs {
    /// Another task than measuring.
    #[command(subcommand)]
    pub command: Option<BenchCommand>,
    /// The file of the results
    #[arg(short, long, value_name = "FILE", default_value = "vrseg-bench.json")]
    pub output: PathBuf,
    /// Replace a file that exists
    #[arg(short = 'y', long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Go on with a file that isn't finished: its points are kept
    #[arg(long)]
    pub resume: bool,
    /// A minute or so: two sizes, few frames
    #[arg(long)]
    pub quick: bool,

    /// Frame sizes, both eyes together: 1080p, 4k, 6k, 8k or WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE,...", value_delimiter = ',', value_parser = Size::parse, help_heading = "Sweeps")]
    pub resolutions: Vec<Size>,
    /// Frames at once; of a recurrent network, views at once: 1,4,8,16,32
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Sweeps")]
    pub batches: Vec<u32>,
    /// Number formats of the network: fp32,fp16,int8
    #[arg(long, value_name = "FORMAT,...", value_delimiter = ',', value_parser = PossibleValuesParser::new(["auto", "fp32", "fp16", "int8"]), help_heading = "Sweeps")]
    pub precisions: Vec<String>,
    /// Models: the profile's by default
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Sweeps")]
    pub models: Vec<String>,
    /// Devices: auto by default
    #[arg(long, value_name = "DEVICE,...", value_delimiter = ',', help_heading = "Sweeps")]
    pub devices: Vec<String>,
    /// Vary only the frame size
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub resolution_only: bool,
    /// Vary only the batch
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub batch_only: bool,
    /// Vary only the precision
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub precision_only: bool,
    /// Everything with everything, rather than one after the other
    #[arg(long, group = "sweep", help_heading = "Sweeps")]
    pub crossed: bool,

    /// Measure with this video at its own size instead of clips that are made
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resolutions", "resolution_only"], help_heading = "Measuring")]
    pub input: Option<PathBuf>,
    /// Frames of each point: 50 by default, less where they take long
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(4..=100_000), help_heading = "Measuring")]
    pub iterations: Option<u64>,
    /// Frames before those that count: 5 by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1000), help_heading = "Measuring")]
    pub warmup: Option<u64>,
    /// Seconds for the pipeline of a point, a third of it for each stage: 15 by default
    #[arg(long, value_name = "S", value_parser = seconds, help_heading = "Measuring")]
    pub seconds: Option<f64>,
    /// End a point that takes longer than that, in seconds
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "900", help_heading = "Measuring")]
    pub timeout: f64,
    /// Settings of this profile: balanced by default
    #[arg(long, value_parser = profile(), help_heading = "Measuring")]
    pub profile: Option<String>,
    /// The output's codec
    #[arg(long, help_heading = "Measuring")]
    pub codec: Option<String>,
    /// The encoder's preset
    #[arg(long, value_name = "NAME", help_heading = "Measuring")]
    pub preset: Option<String>,

    /// What is told.
    #[command(flatten)]
    pub report: ReportOptions,
    /// The results as JSON on standard output instead of the report
    #[arg(long, help_heading = "Report")]
    pub json: bool,
    /// No progress and no report
    #[arg(short, long, help_heading = "Report")]
    pub quiet: bool,
    /// Measure this point; what `bench` starts for each of them
    #[arg(long, hide = true)]
    pub point: Option<String>,
}

/// What is made of results.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Frames a second that are wanted
    #[arg(long, value_name = "FPS", value_parser = seconds, default_value = "90", help_heading = "Report")]
    pub target_fps: f64,
    /// Write a page for a browser, charts and all in one file
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub html: Option<PathBuf>,
    /// Write the charts as SVG files into this folder
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub charts: Option<PathBuf>,
    /// Write a table, a line for each point
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub csv: Option<PathBuf>,
}

/// Tasks other than measuring.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Tell two benchmarks apart: ratios, their spread, and which differences are noise
    Compare {
        /// The first, such as before a change
        first: PathBuf,
        /// The second
        second: PathBuf,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Tell what a benchmark found: text, and a page with charts
    Report {
        /// Results of `vrseg bench`
        results: PathBuf,
        /// What is made of them.
        #[command(flatten)]
        options: ReportOptions,
    },
}

const NOTES: &str = "\
    Each point runs in a process of its own: the whole pipeline, then each stage alone. A point that \
    fails is a row with its error. Ctrl-C keeps what is done; --resume goes on. docs/benchmarking.md \
    tells what is measured and how to read it.\n\n\
    Exit codes: 0 measured, 1 not a single point could be, 2 wrong usage, 130 interrupted.\n";

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s: &f64| s.is_finite() && *s > 0.0).ok_or_else(|| "expected a number above 0".to_owned())
}
