//! The command line of `vrseg eval`.

use super::settings::{SettingValue, parser};
use crate::cli::time::{self, Seconds};
use clap::Args;
use std::path::PathBuf;

/// `vrseg eval`.
#[derive(Debug, Args)]
#[command(after_help = EVAL_NOTES)]
pub struct EvalArgs {
    /// Matte: picture or video; its alpha channel, else its luma
    #[arg(long, value_name = "MATTE")]
    pub pred: PathBuf,
    /// Reference matte of the same size and length [default: only flicker]
    #[arg(long, value_name = "MATTE")]
    pub truth: Option<PathBuf>,
    /// Source of the matte: adds the agreement of the eyes
    #[arg(long, value_name = "VIDEO")]
    pub source: Option<PathBuf>,
    /// Stereo layout [default: detected from source or matte]
    #[arg(long, value_name = "LAYOUT", value_parser = parser("vr.layout"))]
    pub layout: Option<SettingValue>,
    /// Start of all files: 90, 1:30 or 500ms
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub ss: Option<Seconds>,
    /// Duration to compare
    #[arg(short = 't', long, value_name = "TIME", value_parser = time::parse)]
    pub duration: Option<Seconds>,
    /// Maximum number of frames to compare
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const EVAL_NOTES: &str = "\
    Each view is measured separately; results are means over frames and views. docs/quality.md defines the \
    metrics.\n\n\
    Exit codes: 0 measured, 1 a file is truncated or the lengths differ, 2 the files can't be compared.\n";
