//! One point, in the process that `vrseg bench` starts for it: the job is built from a command line like
//! anybody's, so that a point meets the same rules and errors.

use crate::cli::args::Cli;
use crate::cli::exit::Exit;
use crate::cli::job::build::jobs;
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use vrseg_bench::{Limits, Measured, Outcome, Spec, is_recurrent, measure};
use vrseg_engine::settings::{Loader, check};

/// What the process measures, as JSON on its command line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PointRequest {
    pub spec: Spec,
    pub clip: PathBuf,
    /// Where outputs may be written.
    pub folder: PathBuf,
    pub iterations: u64,
    pub warmup: u64,
    pub seconds: f64,
    /// `--profile`, `--codec`, `--preset` and `--low-latency`, where they were given.
    pub options: Vec<String>,
}

/// Measures the point and prints its outcome as JSON.
///
/// # Errors
/// The request isn't one.
pub(crate) fn run(request: &str, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let request: PointRequest = serde_json::from_str(request)?;
    // Standard input ends with the parent: nobody waits for the result then.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(Exit::Failed.code().into());
    });
    let outcome = match point(&request) {
        Ok(measured) => Outcome::Ok(Box::new(measured)),
        Err(error) => Outcome::Failed { error: format!("{error:#}").trim().to_owned() },
    };
    print(&(serde_json::to_string(&outcome)? + "\n"))?;
    Ok(Exit::Done)
}

fn point(request: &PointRequest) -> anyhow::Result<Measured> {
    let spec = &request.spec;
    let out = request.folder.join("out.mp4");
    let mut words = vec!["vrseg".into(), request.clip.clone().into_os_string(), "-o".into(), out.into()];
    // Cached mattes would measure the disk instead of the model. Segments are never written: the pipeline is
    // run by itself.
    words.extend(["-y".into(), "--no-cache".into()]);
    let mut add = |option: &str, value: &str| words.extend([option.into(), value.into()]);
    add("--precision", &spec.precision);
    add("--device", &spec.device);
    if !spec.model.is_empty() {
        add("--model", &spec.model);
    }
    words.extend(request.options.iter().map(Into::into));
    let args = Cli::try_parse_from(words)?.job;
    let loader = Loader { profile: args.model.profile.clone(), flags: args.overrides(), ..Loader::from_environment() };
    let (settings, sources) = loader.load()?;
    check(&settings, &sources)?;
    let batch = jobs(&args, &settings, &sources)?;
    let mut job = batch.jobs.into_iter().next().ok_or_else(|| anyhow::anyhow!("there is nothing to do"))?;
    let mut views = None;
    if !is_recurrent(&job)? {
        job.model.batch_size = spec.batch;
    } else if spec.batch > 1 {
        views = Some(spec.batch as usize);
    }
    let limits = Limits { iterations: request.iterations, warmup: request.warmup, seconds: request.seconds };
    Ok(measure(&job, views, &limits)?)
}
