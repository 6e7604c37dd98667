//! The command lines of `vrseg hardware` and `vrseg doctor`.

use clap::Args;
use std::path::PathBuf;

/// `vrseg hardware`.
#[derive(Debug, Args)]
pub struct HardwareArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// ONNX Runtime shared library
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Try this device or encoder alone; what `hardware` starts for each of them
    #[arg(long, hide = true)]
    pub only: Option<String>,
}

/// `vrseg doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Video to check, too
    pub file: Option<PathBuf>,
    /// Configuration file to check instead of your own
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}
