//! Jobs of commands that look at one source, instead of writing outputs for good.

use super::build::jobs;
use crate::cli::args::{Cli, JobArgs, ModelArgs};
use anyhow::Context;
use clap::Parser;
use std::path::Path;
use vrseg_engine::Job;
use vrseg_engine::settings::check;

/// The job that `main` describes, for `file`, with the options of the source, the model and the matte in `options`.
///
/// # Errors
/// Settings that make no sense.
pub(crate) fn job(mut main: JobArgs, file: &Path, options: &ModelArgs) -> anyhow::Result<Job> {
    main.input.inputs = vec![file.to_owned()];
    let explicit = std::mem::replace(&mut main.model, options.clone()).explicit;
    main.model.explicit.0.extend(explicit.0);
    let (settings, sources) = main.loader().load()?;
    check(&settings, &sources)?;
    let mut batch = jobs(&main, &settings, &sources)?;
    batch.jobs.pop().context("no job")
}

/// A job without outputs for `file`.
///
/// # Errors
/// As [`job`].
pub(crate) fn without_outputs(file: &Path, options: &ModelArgs) -> anyhow::Result<Job> {
    let nowhere = std::env::temp_dir().join("vrseg-nowhere.mkv");
    let output = format!("matte={}", nowhere.display());
    let main = Cli::try_parse_from(["vrseg", "x", "-o", &output, "-y"])?.job;
    let mut job = job(main, file, options)?;
    job.outputs.clear();
    Ok(job)
}
