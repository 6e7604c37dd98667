//! The command lines of `vrseg models` and `vrseg cache`.

use clap::{Args, Subcommand};

/// `vrseg models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Only this one
    pub name: Option<String>,
    /// Compare the weights with their checksums
    #[arg(long)]
    pub check: bool,
    /// One JSON array on standard output
    #[arg(long)]
    pub json: bool,
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
