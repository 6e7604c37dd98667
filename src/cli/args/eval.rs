//! The command line of `vrseg eval`.

use super::settings::{SettingValue, parser};
use crate::cli::time::{self, Seconds};
use clap::Args;
use std::path::PathBuf;

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
    #[arg(long, value_name = "LAYOUT", value_parser = parser("vr.layout"))]
    pub layout: Option<SettingValue>,
    /// Start all files there: 90, 1:30 or 500ms
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub ss: Option<Seconds>,
    /// Compare this duration
    #[arg(short = 't', long, value_name = "TIME", value_parser = time::parse)]
    pub duration: Option<Seconds>,
    /// Compare at most N frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const EVAL_NOTES: &str = "\
    Each view is measured by itself, and the means are over frames and views. docs/evaluation.md has \
    the definitions.\n\n\
    Exit codes: 0 measured, 1 a file broke off or the lengths differ, 2 the files can't be compared.\n";
