//! The command lines of `vrseg models` and `vrseg cache`.

use clap::{Args, Subcommand};

/// `vrseg models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// What to do instead of listing models
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// Only this one
    pub name: Option<String>,
    /// Compare the weights with their checksums
    #[arg(long)]
    pub check: bool,
    /// One JSON array on standard output
    #[arg(long)]
    pub json: bool,
}

/// `vrseg models COMMAND`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Download and install models or builds of ONNX Runtime (needs Python 3.9 or newer)
    Install {
        /// Models and runtimes; without one: list them with license and size
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Remove installed models or builds of ONNX Runtime
    Remove {
        /// Models and runtimes
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// `vrseg cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Tell where the cache is and what it takes
    Stats {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Remove everything in it; what runs meanwhile goes on
    Clear {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Read every entry and remove damaged ones (exit code 1 where there were some)
    Verify {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}
