//! The command line of `vrseg unpack`.

use super::settings::{SettingValue, parser};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// `vrseg unpack`.
#[derive(Debug, Args)]
#[command(after_help = UNPACK_NOTES)]
pub struct UnpackArgs {
    /// Alpha-packed video
    pub file: PathBuf,
    /// Output: .mkv, .mp4, .mov or .webm
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,
    /// Projection of the matte: fisheye or VR180 [default: fisheye]
    #[arg(long, value_name = "PROJECTION", value_parser = PossibleValuesParser::new(["fisheye", "hequirect"]), default_value = "fisheye")]
    pub projection: String,
    /// Field of view of the packed circles [default: by file name, else 180]
    #[arg(long, value_name = "DEGREES", value_parser = parser("vr.fov"))]
    pub fov: Option<SettingValue>,
    /// Video codec [default: by container]
    #[arg(long, value_parser = parser("output.codec"))]
    pub codec: Option<SettingValue>,
    /// Constant quality on the encoder's scale: lower is better
    #[arg(long, value_name = "N", value_parser = parser("output.crf"), allow_negative_numbers = true)]
    pub crf: Option<SettingValue>,
    /// Replace an existing output
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

const UNPACK_NOTES: &str = "\
    The matte has the packed video's size: two square eyes side by side, white where the person is. It is \
    read from red, as players do, so red and gray packing work. Sound and time stamps are the source's.\n";
