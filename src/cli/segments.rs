//! `vrseg plan`, `vrseg work` and `vrseg merge`: a job's steps by hand, for any scheduler.

use super::Batch;
use super::args::{JobArgs, MergeArgs, PlanArgs, WorkArgs};
use super::exit::{Exit, UsageError};
use super::interrupt::Stop;
use crate::ui::format::bytes;
use crate::ui::{Console, ProgressUi, Style};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vrseg_engine::job::{self, Means, Outcome, Which};
use vrseg_engine::pipeline::{Event, Live, Observer};
use vrseg_engine::settings::{check, values};

/// Variables in which schedulers tell a task its number.
const INDEX_VARIABLES: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];

/// Seconds of a segment where the settings say that there are to be none.
pub(super) const SECONDS: f64 = 15.0;

/// Plans jobs in segments.
///
/// # Errors
/// What can't be carried out, and what can't be planned.
pub fn plan(args: &PlanArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let job: &JobArgs = &args.job;
    let (batch, seconds) = settled(job)?;
    if let (Some(_), true) = (&args.folder, batch.jobs.len() > 1) {
        return Err(UsageError("--job is for one input; several have their folders beside their outputs".into()).into());
    }
    for one in &batch.jobs {
        let first = one.outputs.first().map(|o| job::beside(&o.path)).unwrap_or_default();
        let folder = args.folder.clone().unwrap_or(first);
        let made = job::plan(one, &folder, seconds, job.output.restart)?;
        let segments = made.segments.map_or(0, |s| s.len());
        let frames = made.frames.unwrap_or(0);
        if job.talk.json {
            let line = serde_json::json!({
                "folder": folder, "input": one.input, "segments": segments, "frames": frames,
            });
            print(&format!("{line}\n"))?;
        } else if !job.talk.quiet {
            print(&format!("{}: {frames} frames in {segments} segments\n", folder.display()))?;
        }
    }
    Ok(Exit::Done)
}

/// The jobs that `args` ask for, and the seconds of their segments.
pub(super) fn settled(args: &JobArgs) -> anyhow::Result<(Batch, f64)> {
    let (settings, sources) = args.loader().load()?;
    check(&settings, &sources)?;
    let seconds = settings.processing.segment_seconds.unwrap_or(SECONDS);
    Ok((super::jobs(args, &settings, &sources)?, seconds))
}

/// Works on segments.
///
/// # Errors
/// There is no planned job; what fails in a run.
pub fn work(args: &WorkArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    let folder = find(&args.folder)?;
    let which = match (args.index, args.all, args.next) {
        (Some(task), ..) => Which::Range(task.first, task.last),
        (None, true, _) => Which::All,
        (None, false, true) => Which::Next,
        (None, false, false) => {
            let n = index_of_the_task()?;
            Which::Range(n, n)
        }
    };
    let device = match args.device.as_ref().and_then(|d| d.0.as_str()) {
        Some(text) => Some(values::device(text).ok_or_else(|| {
            UsageError(format!(
                "--device {text}: a worker has one device; start one for each, or run the job with them"
            ))
        })?),
        None => None,
    };
    let means = Means {
        device,
        threads: args.threads.as_ref().and_then(|n| n.0.as_u64()).map(|n| n as usize),
        ort_library: args.ort_lib.clone(),
    };
    let style = if args.quiet { Style::Quiet } else { Style::Human };
    let ui = ProgressUi::new(console.clone(), style);
    let once = StartOnce { ui: &ui, started: AtomicBool::new(false) };
    let mut stopped = false;
    let cancel = stop.next_job();
    let result = job::work(&folder, which, &means, &cancel, &once, |n, outcome, _| {
        stopped |= outcome == Outcome::Stopped;
        ui.note(&match outcome {
            Outcome::Made => format!("segment {n} is finished"),
            Outcome::Finished => format!("segment {n} was finished already"),
            Outcome::Taken => format!("segment {n}: another worker is on it"),
            Outcome::Stopped => format!("segment {n} was stopped; it has to be made again"),
        });
    });
    ui.end();
    match result {
        Err(error) => stop.excuses(error.into()),
        Ok(()) if stopped => Ok(Exit::Interrupted),
        Ok(()) => Ok(Exit::Done),
    }
}

/// Joins segments.
///
/// # Errors
/// Segments are missing or damaged; what fails in writing.
pub fn merge(args: &MergeArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    let folder = find(&args.folder)?;
    let ui = ProgressUi::new(console.clone(), if args.quiet { Style::Quiet } else { Style::Human });
    let reports = job::merge(&folder, args.overwrite, args.remove, &stop.next_job(), &ui)?;
    for output in reports {
        ui.note(&format!("{} {}, {}", output.mode, output.path.display(), bytes(output.bytes)));
    }
    Ok(Exit::Done)
}

/// The job's folder: the one that was named, or the only one in it.
pub(super) fn find(named: &Path) -> Result<PathBuf, UsageError> {
    let shown = named.display();
    if job::is_job(named) {
        return Ok(named.to_path_buf());
    }
    let entries =
        std::fs::read_dir(named).map_err(|e| UsageError(format!("{shown}: {}", super::inputs::reason(&e))))?;
    let mut inside: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| job::is_job(p)).collect();
    match (inside.pop(), inside.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(UsageError(format!("{shown}: no planned job is in it; `vrseg plan` makes one"))),
        (Some(_), false) => Err(UsageError(format!("{shown}: has several jobs in it; name one of their folders"))),
    }
}

/// The number that a scheduler gave this task.
fn index_of_the_task() -> Result<usize, UsageError> {
    for name in INDEX_VARIABLES {
        if let Some(text) = std::env::var_os(name) {
            let number = text.to_str().and_then(|t| t.parse().ok());
            return number.ok_or_else(|| UsageError(format!("{name}: {}: is no number of a segment", text.display())));
        }
    }
    Err(UsageError(format!("say which segments: --index N, --next or --all (or set {})", INDEX_VARIABLES.join(" or "))))
}

/// Tells what was found only once, however many segments there are.
struct StartOnce<'a> {
    ui: &'a ProgressUi,
    started: AtomicBool,
}

impl Observer for StartOnce<'_> {
    fn event(&self, event: Event) {
        if !matches!(event, Event::Start { .. }) || !self.started.swap(true, Ordering::Relaxed) {
            self.ui.event(event);
        }
    }

    fn live(&self, live: &Arc<Live>) {
        self.ui.live(live);
    }
}
