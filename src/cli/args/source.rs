//! The command lines of commands that look at a video: `probe`, `preview`, `people` and `review`.

use super::job::ModelArgs;
use super::settings::GroupArgs;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use vrseg_engine::settings::schema::Group;

/// The options of a job that commands have which look at a video.
#[derive(Debug, Args)]
pub struct SourceOptions {
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
    /// Apply corrections from an edits file (`vrseg review`)
    #[arg(long, value_name = "EDITS.yaml")]
    pub edits: Option<PathBuf>,
    /// Replace an existing sheet
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// How the video is read, and its people and mattes found.
    #[command(flatten)]
    pub source: SourceOptions,
}

/// `vrseg people`.
#[derive(Debug, Args)]
#[command(after_help = PEOPLE_NOTES)]
pub struct PeopleArgs {
    /// Video
    pub file: PathBuf,
    /// Write an edits file that lists the people (.yaml)
    #[arg(short, long, value_name = "EDITS.yaml")]
    pub output: Option<PathBuf>,
    /// Write a contact sheet of the people (.png)
    #[arg(long, value_name = "SHEET.png")]
    pub sheet: Option<PathBuf>,
    /// Replace existing files
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// How the video is read, and its people and mattes found.
    #[command(flatten)]
    pub source: SourceOptions,
}

/// `vrseg review`.
#[derive(Debug, Args)]
#[command(after_help = REVIEW_NOTES)]
pub struct ReviewArgs {
    /// Video
    pub file: PathBuf,
    /// Edits file [default: the video's name with .edits.yaml]
    #[arg(long, value_name = "EDITS.yaml")]
    pub edits: Option<PathBuf>,
    /// Address of the page, PORT or IP:PORT; other machines only reach it by an IP of this one
    #[arg(long, value_name = "ADDRESS", value_parser = crate::ui::address::parse, default_value = "127.0.0.1:0", hide_default_value = true)]
    pub address: SocketAddr,
    /// How the video is read, and its people and mattes found.
    #[command(flatten)]
    pub source: SourceOptions,
}

const REVIEW_NOTES: &str = "\
    Prints the address of a page on this machine: hide people, remove or keep regions and brush strokes, change the \
    matte for a time, render. Every change is saved to the edits file at once. docs/review.md explains the page.\n";

const PEOPLE_NOTES: &str = "\
    Each entry is one person from entering to leaving or to a cut. To hide somebody, set show to false in the edits \
    file, then run `vrseg VIDEO -o OUT --edits EDITS.yaml`. docs/review.md explains the file.\n";

const PREVIEW_NOTES: &str = "\
    Each picture is a short run of the whole pipeline with the given model and settings, so the sheet shows \
    what the job would write, scaled down. It costs some frames of the job, and the model is loaded for each.\n";
