//! The command lines of `vrseg hardware` and `vrseg doctor`.

use clap::Args;
use std::path::PathBuf;

/// `vrseg hardware`.
#[derive(Debug, Args)]
pub struct HardwareArgs {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// ONNX Runtime's shared library
    #[arg(long, value_name = "PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Try this device or encoder alone; what `hardware` starts for each of them
    #[arg(long, hide = true)]
    pub only: Option<String>,
}

/// `vrseg doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// A video that makes trouble: looked at, too
    pub file: Option<PathBuf>,
    /// A file with settings instead of your own
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON array on standard output
    #[arg(long)]
    pub json: bool,
}
