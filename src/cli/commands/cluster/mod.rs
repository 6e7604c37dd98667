//! `vrseg cluster`: a job as an array of Slurm tasks, or as a manifest for another scheduler.

mod report;
mod wait;

use crate::cli::args::{ClusterCommand, JobArgs, ManifestArgs, ResumeArgs, SubmitArgs};
use crate::cli::commands::segments;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::Stop;
use crate::ui::Console;
use anyhow::Context;
use std::path::{Path, PathBuf};
use vrseg_cluster::{PodSettings, State, Submission};
use vrseg_engine::Job;
use vrseg_engine::segments::{self as job_segments, JobPlan};

/// Does what the arguments ask.
///
/// # Errors
/// What can't be planned or carried out; Slurm refuses or isn't there.
pub(crate) fn run(
    command: &ClusterCommand,
    stop: &Stop,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    match command {
        ClusterCommand::Submit(args) => submit(args, stop, console, print),
        ClusterCommand::Status(args) => {
            let status = vrseg_cluster::status(&Submission::read(&args.job.folder)?)?;
            if args.json {
                print(&(serde_json::to_string_pretty(&status)? + "\n"))?;
            } else {
                print(&report::text(&status))?;
            }
            Ok(if status.state == State::Failed { Exit::Failed } else { Exit::Done })
        }
        ClusterCommand::Cancel(args) => {
            let submission = Submission::read(&args.folder)?;
            vrseg_cluster::cancel(&submission)?;
            print(&report::text(&vrseg_cluster::status(&submission)?))?;
            Ok(Exit::Done)
        }
        ClusterCommand::Resume(args) => resume(args, stop, console, print),
        ClusterCommand::Manifest(args) => manifest(args, print),
    }
}

fn submit(
    args: &SubmitArgs,
    stop: &Stop,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let program = match &args.program {
        Some(path) => std::path::absolute(path)?,
        None => std::env::current_exe().context("where is this program?")?,
    };
    let resources = args.resources(program);
    let each = args.tasks.each();
    let (batch, seconds) = segments::planned_jobs(&args.job)?;
    let quiet = args.job.messages.quiet;
    let mut submitted = Vec::new();
    for one in &batch.jobs {
        let folder = one.outputs.first().map(|o| job_segments::beside(&o.path)).unwrap_or_default();
        if args.job.output.dry_run {
            let planned = job_segments::planned(one, seconds)?;
            let frames = frames(&planned);
            let all: Vec<_> = (0..frames.len()).collect();
            let job = std::path::absolute(&folder)?;
            let made = vrseg_cluster::scripts(&job, &frames, &all, each, &resources);
            let scripts = vrseg_cluster::folder_of(&job);
            let title = |name: &str| format!("# {}\n", scripts.join(name).display());
            let work = made.work.map(|text| title("work.sbatch") + &text + "\n").unwrap_or_default();
            print(&(work + &title("merge.sbatch") + &made.merge))?;
            continue;
        }
        let job = std::path::absolute(&folder)?;
        vrseg_cluster::refuse_submitted(&job)?;
        let (planned, missing) = plan(one, &folder, seconds, &args.job)?;
        let outputs = planned.job.outputs.iter().map(|o| o.path.clone()).collect();
        let (submission, jobs) =
            vrseg_cluster::submit(&job, outputs, &frames(&planned), &missing, each, resources.clone())?;
        if args.job.messages.json {
            print(&report::submitted_json(&job, &jobs))?;
        } else if !quiet {
            print(&report::submitted(&job, &jobs))?;
        }
        submitted.push(submission);
    }
    if args.wait && !args.job.output.dry_run { wait::wait(&submitted, stop, console, quiet) } else { Ok(Exit::Done) }
}

/// Plans a job; which of its segments are not finished.
fn plan(one: &Job, folder: &Path, seconds: f64, args: &JobArgs) -> anyhow::Result<(JobPlan, Vec<usize>)> {
    let planned = job_segments::plan(one, folder, seconds, args.output.restart)?;
    let missing = job_segments::progress(folder)?.missing();
    Ok((planned, missing))
}

fn frames(planned: &JobPlan) -> Vec<u64> {
    planned.segments.iter().flatten().map(|s| s.frames).collect()
}

fn resume(
    args: &ResumeArgs,
    stop: &Stop,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let mut submission = Submission::read(&args.job.folder)?;
    match vrseg_cluster::resume(&mut submission)? {
        Some(jobs) => print(&report::submitted(&submission.job, &jobs))?,
        None => print(&report::text(&vrseg_cluster::status(&submission)?))?,
    }
    if args.wait { wait::wait(&[submission], stop, console, false) } else { Ok(Exit::Done) }
}

fn manifest(args: &ManifestArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let job: PathBuf = std::path::absolute(segments::find_job(&args.folder)?)?;
    let progress = job_segments::progress(&job)?;
    let missing = progress.missing();
    if missing.is_empty() {
        let shown = job.display();
        return Err(UsageError(format!("{shown}: all segments are finished; `vrseg merge {shown}` joins them")).into());
    }
    let frames: Vec<_> = progress.segments.iter().map(|s| s.frames).collect();
    let tasks_args = &args.tasks;
    let tasks = vrseg_cluster::tasks(&frames, &missing, tasks_args.each(), tasks_args.at_once());
    let pods = PodSettings {
        image: args.image.clone(),
        claim: args.claim.clone(),
        mount: args.mount.clone(),
        cpus: tasks_args.cpus_per_task,
        gpus: tasks_args.gpus_per_task,
        memory: tasks_args.mem.clone(),
        max_parallel: tasks_args.at_once(),
    };
    print(&serde_yaml::to_string(&vrseg_cluster::manifest(&job, &tasks, &pods))?)?;
    Ok(Exit::Done)
}
