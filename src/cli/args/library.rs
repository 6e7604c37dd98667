//! The command lines of `vrseg models` and `vrseg cache`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `vrseg models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// What to do with models; without it they are listed
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

/// What `vrseg models` does beside listing them.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Add a network of your own: recognize it, try it on a picture of a person, write its manifest
    Add(ModelAddArgs),
    /// Try a model on a picture of a person: does its matte show them, and how long does it take?
    Test(ModelTestArgs),
    /// Download and install models or builds of ONNX Runtime (needs Python 3.9 or newer)
    Install {
        /// Models and runtimes; without one: list them with license and size
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Remove models that you added or installed, or builds of ONNX Runtime
    Remove {
        /// Models and runtimes
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// `vrseg models add`.
#[derive(Debug, Args)]
pub struct ModelAddArgs {
    /// The network, in ONNX format
    #[arg(value_name = "FILE.onnx", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,
    /// Its name for --model; made of the file's where it is left out
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A manifest that describes it, instead of what it is recognized as
    #[arg(long, value_name = "FILE.yaml", value_hint = clap::ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// Link to the file where it lies instead of copying it
    #[arg(long)]
    pub link: bool,
    /// Add it although its matte doesn't show the person of the test picture
    #[arg(long)]
    pub force: bool,
    /// ONNX Runtime's library
    #[arg(long = "ort-lib", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ort_library: Option<PathBuf>,
}

/// `vrseg models test`.
#[derive(Debug, Args)]
pub struct ModelTestArgs {
    /// The model, or the manifest of one
    #[arg(value_name = "NAME|MANIFEST.yaml")]
    pub name: String,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// ONNX Runtime's library
    #[arg(long = "ort-lib", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ort_library: Option<PathBuf>,
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
