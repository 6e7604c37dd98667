//! The command line: parsing, building jobs, running them, exit codes.

pub mod args;
pub mod time;

use clap::Parser;
use std::process::ExitCode;

/// Parses the arguments, does what they ask, and tells how it went.
pub fn main() -> ExitCode {
    let _args = args::Cli::parse();
    ExitCode::SUCCESS
}
