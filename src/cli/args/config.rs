//! The command line of `vrseg config`.

use super::settings::profile;
use clap::Subcommand;
use std::path::PathBuf;

/// `vrseg config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, what set it, and what the rules make of `auto` on this machine
    Show {
        /// A file instead of your own
        file: Option<PathBuf>,
        /// The profile to build on
        #[arg(long, value_parser = profile())]
        profile: Option<String>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Check a file; exit code 2 and the place where it is wrong
    Validate {
        /// The file: your own by default
        file: Option<PathBuf>,
    },
    /// Write a file that has every setting as a comment
    Init {
        /// Where: your own file by default
        path: Option<PathBuf>,
        /// Replace a file that exists
        #[arg(short = 'y', long)]
        overwrite: bool,
    },
    /// Print where your own file is, or would be
    Path,
}
