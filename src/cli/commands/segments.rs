//! `vrseg plan`, `vrseg work` and `vrseg merge`: a job's steps by hand, for any scheduler.

use crate::cli::args::{JobArgs, MergeArgs, PlanArgs, WorkArgs};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::Stop;
use crate::cli::job::build::{Batch, jobs};
use crate::cli::job::engine::refuse_submitted;
use crate::cli::job::inputs;
use crate::cli::quote::quoted;
use crate::ui::format::bytes;
use crate::ui::{Console, ProgressUi, Style};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vrseg_engine::segments::{self, Outcome, SegmentChoice, WorkerOptions};
use vrseg_engine::settings::{check, values};
use vrseg_engine::{Event, Live, Observer};

/// Variables in which schedulers pass a task its index.
const INDEX_VARIABLES: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];

/// Seconds of a segment where the settings switch segments off.
pub(super) const DEFAULT_SEGMENT_SECONDS: f64 = 15.0;

/// Plans jobs in segments.
///
/// # Errors
/// What can't be carried out, and what can't be planned.
pub(crate) fn plan(args: &PlanArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let job: &JobArgs = &args.job;
    let (batch, seconds) = planned_jobs(job)?;
    if let (Some(_), true) = (&args.folder, batch.jobs.len() > 1) {
        return Err(UsageError("--job is for one input; folders of several are beside their outputs".into()).into());
    }
    for one in &batch.jobs {
        let first = one.outputs.first().map(|o| segments::beside(&o.path)).unwrap_or_default();
        let folder = args.folder.clone().unwrap_or(first);
        refuse_submitted(&folder)?;
        let made = segments::plan(one, &folder, seconds, job.output.restart)?;
        let segments = made.segments.map_or(0, |s| s.len());
        let frames = made.frames.unwrap_or(0);
        if job.messages.json {
            let line = serde_json::json!({
                "folder": folder, "input": one.input, "segments": segments, "frames": frames,
            });
            print(&format!("{line}\n"))?;
        } else if !job.messages.quiet {
            let shown = quoted(folder.as_os_str());
            print(&format!(
                "{}: {frames} frames in {segments} segments\n  on each machine:  vrseg work {shown} --all\n  \
                 afterwards:       vrseg merge {shown}\n",
                folder.display()
            ))?;
        }
    }
    Ok(Exit::Done)
}

/// The jobs that `args` describe, and the seconds of their segments.
pub(super) fn planned_jobs(args: &JobArgs) -> anyhow::Result<(Batch, f64)> {
    let (settings, sources) = args.loader().load()?;
    check(&settings, &sources)?;
    let seconds = settings.processing.segment_seconds.unwrap_or(DEFAULT_SEGMENT_SECONDS);
    let batch = jobs(args, &settings, &sources)?;
    if batch.jobs.iter().any(|job| !segments::can_be_resumed(job)) {
        let why = "pictures, standard input and standard output can't be split into segments; plan video files";
        return Err(UsageError(why.to_owned()).into());
    }
    Ok((batch, seconds))
}

/// Works on segments.
///
/// # Errors
/// There is no planned job; what fails in a run.
pub(crate) fn work(args: &WorkArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    let folder = find_job(&args.folder)?;
    let which = match (args.index, args.all, args.next) {
        (Some(task), ..) => SegmentChoice::Range(task.first, task.last),
        (None, true, _) => SegmentChoice::All,
        (None, false, true) => SegmentChoice::Next,
        (None, false, false) => {
            let n = task_index()?;
            SegmentChoice::Range(n, n)
        }
    };
    let device = match args.device.as_ref().and_then(|d| d.0.as_str()) {
        Some(text) => Some(values::device(text).ok_or_else(|| {
            UsageError(format!(
                "--device {text}: a worker has one device; start one worker per device, or run the job with them"
            ))
        })?),
        None => None,
    };
    let means = WorkerOptions {
        device,
        threads: args.threads.as_ref().and_then(|n| n.0.as_u64()).map(|n| n as usize),
        ort_library: args.ort_lib.clone(),
    };
    let style = if args.quiet { Style::Quiet } else { Style::Human };
    let ui = ProgressUi::new(console.clone(), style);
    let once = FirstStartOnly { ui: &ui, started: AtomicBool::new(false) };
    let mut stopped = false;
    let cancel = stop.next_job();
    let result = segments::work(&folder, which, &means, &cancel, &once, |n, outcome, _| {
        stopped |= outcome == Outcome::Stopped;
        ui.note(&match outcome {
            Outcome::Made => format!("segment {n} is finished"),
            Outcome::Finished => format!("segment {n} is already finished"),
            Outcome::Taken => format!("segment {n}: another worker processes it"),
            Outcome::Stopped => format!("segment {n} was interrupted; make it again"),
        });
    });
    ui.end();
    match result {
        Err(error) => stop.excuse(error.into()),
        Ok(()) if stopped => Ok(Exit::Interrupted),
        Ok(()) => Ok(Exit::Done),
    }
}

/// Joins segments.
///
/// # Errors
/// Segments are missing or damaged; what fails in writing.
pub(crate) fn merge(args: &MergeArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    let folder = find_job(&args.folder)?;
    let ui = ProgressUi::new(console.clone(), if args.quiet { Style::Quiet } else { Style::Human });
    let reports = segments::merge(&folder, args.overwrite, args.remove, &stop.next_job(), &ui)?;
    for output in reports {
        ui.note(&format!("{} {}, {}", output.mode, output.path.display(), bytes(output.bytes)));
    }
    if !args.remove {
        ui.note(&format!("{}: the segments stay; --remove removes them after joining", folder.display()));
    }
    Ok(Exit::Done)
}

/// The job's folder: the one that was named, or the only one in it.
pub(super) fn find_job(named: &Path) -> Result<PathBuf, UsageError> {
    let shown = named.display();
    if segments::is_job(named) {
        return Ok(named.to_path_buf());
    }
    if named.is_file() {
        return Err(UsageError(format!(
            "{shown}: is a file; a planned job is a folder beside its first output, such as {shown}.vrseg"
        )));
    }
    let entries = std::fs::read_dir(named).map_err(|e| UsageError(format!("{shown}: {}", inputs::reason(&e))))?;
    let mut inside: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| segments::is_job(p)).collect();
    match (inside.pop(), inside.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(UsageError(format!("{shown}: contains no planned job; create one with `vrseg plan`"))),
        (Some(_), false) => Err(UsageError(format!("{shown}: contains several jobs; name one of their folders"))),
    }
}

/// The index that a scheduler gave this task.
fn task_index() -> Result<usize, UsageError> {
    for name in INDEX_VARIABLES {
        if let Some(text) = std::env::var_os(name) {
            let number = text.to_str().and_then(|t| t.parse().ok());
            return number.ok_or_else(|| UsageError(format!("{name}: {}: expected a segment index", text.display())));
        }
    }
    Err(UsageError(format!(
        "select segments with --index N, --next or --all (or set {})",
        INDEX_VARIABLES.join(" or ")
    )))
}

/// Passes only the first `Start` on, however many segments there are.
struct FirstStartOnly<'a> {
    ui: &'a ProgressUi,
    started: AtomicBool,
}

impl Observer for FirstStartOnly<'_> {
    fn event(&self, event: Event) {
        if !matches!(event, Event::Start { .. }) || !self.started.swap(true, Ordering::Relaxed) {
            self.ui.event(event);
        }
    }

    fn live(&self, live: &Arc<Live>) {
        self.ui.live(live);
    }
}
