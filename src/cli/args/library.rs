//! The command lines of `vrseg models` and `vrseg cache`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `vrseg models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// Action; without one models are listed
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// Show only this model
    pub name: Option<String>,
    /// Compare weights with their checksums
    #[arg(long)]
    pub check: bool,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

/// What `vrseg models` does beside listing them.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Add your own model: recognize it, test it, write its manifest
    Add(ModelAddArgs),
    /// Test a model on a picture of a person: accuracy and time
    Test(ModelTestArgs),
    /// Download and install models or builds of ONNX Runtime (needs Python 3.9 or newer)
    Install {
        /// Models and runtimes [default: list them with license and size]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Remove added or installed models and builds of ONNX Runtime
    Remove {
        /// Models and runtimes
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// `vrseg models add`.
#[derive(Debug, Args)]
pub struct ModelAddArgs {
    /// ONNX file
    #[arg(value_name = "FILE.onnx", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,
    /// Name for --model [default: from the file name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Manifest to use instead of recognizing the model
    #[arg(long, value_name = "FILE.yaml", value_hint = clap::ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// Link the file instead of copying it
    #[arg(long)]
    pub link: bool,
    /// Add the model even if its test fails
    #[arg(long)]
    pub force: bool,
    /// ONNX Runtime shared library
    #[arg(long = "ort-lib", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ort_library: Option<PathBuf>,
}

/// `vrseg models test`.
#[derive(Debug, Args)]
pub struct ModelTestArgs {
    /// Model or manifest
    #[arg(value_name = "NAME|MANIFEST.yaml")]
    pub name: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// ONNX Runtime shared library
    #[arg(long = "ort-lib", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ort_library: Option<PathBuf>,
}

/// `vrseg cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Show the cache's folder and size
    Stats {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove all entries; running jobs continue
    Clear {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check every entry and remove damaged ones (exit code 1 if any)
    Verify {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}
