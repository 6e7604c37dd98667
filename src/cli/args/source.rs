//! The command lines of `vrseg probe` and `vrseg preview`.

use super::job::ModelArgs;
use super::settings::GroupArgs;
use clap::Args;
use std::path::PathBuf;
use vrseg_engine::settings::schema::Group;

/// `vrseg probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Videos and pictures
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Print one JSON object per file
    #[arg(long)]
    pub json: bool,
}

/// `vrseg preview`.
#[derive(Debug, Args)]
#[command(after_help = PREVIEW_NOTES)]
pub struct PreviewArgs {
    /// Video
    pub file: PathBuf,
    /// Output PNG file
    #[arg(short, long, value_name = "SHEET.png")]
    pub output: PathBuf,
    /// Number of frames, spread evenly over the video
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub count: u32,
    /// Replace an existing sheet
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Layout and projection of the source.
    #[command(flatten, next_help_heading = "Format")]
    pub format: GroupArgs<{ Group::Format as u8 }>,
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Edges of the matte, and the people in it.
    #[command(flatten, next_help_heading = "Matte")]
    pub matte: GroupArgs<{ Group::Matte as u8 }>,
}

const PREVIEW_NOTES: &str = "\
    Each picture is a short run of the whole pipeline with the given model and settings, so the sheet shows \
    what the job would write, scaled down. It costs some frames of the job, and the model is loaded for each.\n";
