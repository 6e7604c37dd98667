//! The command line of `vrseg unpack`.

use super::settings::{SettingValue, parser};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

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
    #[arg(long, value_name = "DEGREES", value_parser = parser("vr.fov"))]
    pub fov: Option<SettingValue>,
    /// Codec: by the container by default
    #[arg(long, value_parser = parser("output.codec"))]
    pub codec: Option<SettingValue>,
    /// Constant quality in the encoder's own scale: lower is better
    #[arg(long, value_name = "N", value_parser = parser("output.crf"), allow_negative_numbers = true)]
    pub crf: Option<SettingValue>,
    /// Replace an output that exists
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

const UNPACK_NOTES: &str = "\
    The matte has the packed video's size: two square eyes side by side, white where the person is. It is \
    read from red, as players do, so both red and gray packing are understood. Sound and time stamps are \
    the source's.\n";
