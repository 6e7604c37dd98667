//! The command line of `vrseg config`.

use super::settings::profile;
use clap::Subcommand;
use std::path::PathBuf;

/// `vrseg config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its source and the value of `auto` on this machine
    Show {
        /// File to use instead of your own
        file: Option<PathBuf>,
        /// Profile to start from
        #[arg(long, value_parser = profile())]
        profile: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check a file; errors have line and column, exit code 2
    Validate {
        /// File [default: your own]
        file: Option<PathBuf>,
    },
    /// Create a file with every setting as a comment
    Init {
        /// Path [default: your own file]
        path: Option<PathBuf>,
        /// Replace an existing file
        #[arg(short = 'y', long)]
        overwrite: bool,
    },
    /// Print the path of your own file
    Path,
}
