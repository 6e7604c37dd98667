//! Jobs that outlive their process: work is done in segments, which are stored when they are finished,
//! and joined at the end.

mod crew;
mod disk;
mod folder;
mod join;
pub mod key;
mod ledger;
mod names;
mod plan;
mod work;

pub use crew::run as run_crew;
pub use folder::{JobFolder, JobPlan, Maker, PlannedSegment, Record, is_job, is_planned, made};
pub use names::beside;
pub use plan::{plan, planned};
pub use work::{Outcome, Progress, SegmentChoice, SegmentProgress, WorkerOptions, is_merged, merge, progress, work};

use crate::error::Error;
use crate::events::{CacheReport, Event, JobPhase, Observer, Summary};
use crate::frame::Part;
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::run::{self, LoadedJob};
use crate::spec::Job;
use disk::{DiskSpace, Done};
use ledger::Ledger;
use std::path::Path;
use std::time::Instant;
use vrseg_hardware::{Usage, units};
use vrseg_media::MediaError;

/// How a job is stored, so that it can be resumed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Persistence {
    /// Seconds of a segment; `None`: the job is done in one go, and nothing is stored.
    pub seconds: Option<f64>,
    /// Forget what an earlier run has done.
    pub restart: bool,
}

impl Persistence {
    /// Nothing is kept.
    pub const NOTHING: Persistence = Persistence { seconds: None, restart: false };
}

/// What `job` is, as [`run()`] takes it.
///
/// # Errors
/// Everything that makes the job impossible and can be known now.
pub fn understood(job: &Job) -> Result<Plan, Error> {
    Plan::new(&may_replace_its_own(job))
}

/// Runs a job that was [`understood`] as `plan`; resumes where an earlier run of the same job stopped. `auto_tune`: a
/// short trial may choose how threads are split.
///
/// # Errors
/// The first thing that went wrong. Segments that are finished stay for the next run then.
pub fn run(
    job: &Job,
    plan: Plan,
    keep: Persistence,
    auto_tune: bool,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Summary, Error> {
    run::announce(job, &plan, observer);
    let load = |job: &Job, plan| run::load(job, plan, auto_tune, cancel, observer);
    let Some(first) = job.outputs.first() else {
        return run::run_loaded(job, load(job, plan)?, cancel, observer);
    };
    let path = beside(&first.path);
    let original = job;
    let job = may_replace_its_own(job);
    let exempt = job.overwrite && !original.overwrite;
    // Neither what came through a pipe nor what goes into one can be resumed; pictures are finished one by one.
    let resumable = can_be_resumed(&job);
    let Some(seconds) = keep.seconds.filter(|s| resumable && is_long(&plan, *s)) else {
        remove_if_empty(&path)?;
        return run::run_loaded(original, load(original, plan)?, cancel, observer);
    };
    let settled = key::absolute(&job);
    let key = key::key(&settled, &plan)?;
    let frames = plan.frames;
    // Where nothing was begun, nothing is made before it is certain that the work can begin.
    let folder = if path.exists() { Some(JobFolder::open(&path)?) } else { None };
    let mut records = Vec::new();
    let old = folder.as_ref().filter(|_| !keep.restart).and_then(|f| Some((f, f.plan()?)));
    if let Some((folder, old)) = &old {
        let differs = differences(old, &key, seconds);
        if old.segments.is_some() {
            let shown = path.display();
            return Err(Error::Unfinished(format!(
                "{shown}: is a planned job: use vrseg work and vrseg merge, or --restart to start over"
            )));
        } else if differs.is_empty() {
            records = folder.finished(job.cache.reads());
        } else if !original.overwrite && exempt {
            return Err(Error::Request(format!(
                "{} exists, made by another job ({}); add -y to replace it",
                first.path.display(),
                differs.join("; ")
            )));
        } else {
            let (n, shown) = (folder.finished(true).len() as u64, path.display());
            let segments = units::count(n, "segment");
            let message = format!("{shown}: discarding {segments} of another job ({})", differs.join("; "));
            observer.event(Event::Warning { message });
        }
    }
    let complete = records.last().is_some_and(|r| r.next.is_none());
    let mut work = if complete { Work::None(Box::new(plan)) } else { Work::Left(Box::new(load(&job, plan)?)) };
    let folder = match folder {
        Some(folder) => folder,
        None => JobFolder::open(&path)?,
    };
    if records.is_empty() {
        folder.begin(&JobPlan { key, job: settled, seconds, frames, segments: None })?;
    } else {
        let frames = count(&records);
        observer.event(Event::Resumed { folder: path.clone(), segments: records.len(), frames });
    }
    observer.event(Event::Segments {
        frames: records.iter().map(|r| r.times.pts.len() as u64).collect(),
        finished: (0..records.len()).collect(),
        usual: (seconds * work.plan().input.video.fps).round().max(1.0) as u64,
    });
    let result = finish(&job, &mut work, &folder, &mut records, seconds, cancel, observer);
    let interrupted = cancel.is_requested() && result.as_ref().map_or(true, |s| s.interrupted);
    match &result {
        Ok(_) if !interrupted => folder.remove()?,
        // It is started again at once, without cached mattes.
        Err(Error::CachedInference(_)) => {}
        _ if records.is_empty() => folder.remove()?,
        _ => report_finished_segments(&folder, &records, frames, result.as_ref().err(), observer),
    }
    let summary = result?;
    observer.event(Event::Done { summary: summary.clone() });
    Ok(summary)
}

/// Whether another run can continue where this one stopped.
pub fn can_be_resumed(job: &Job) -> bool {
    !job.input.starts_with("/proc/self/fd") && job.outputs.iter().all(|o| vrseg_media::pictures::can_be_joined(&o.path))
}

/// What is left to be done before the segments can be joined.
enum Work {
    /// Nothing.
    None(Box<Plan>),
    /// Frames.
    Left(Box<LoadedJob>),
}

impl Work {
    fn plan(&self) -> &Plan {
        match self {
            Work::None(plan) => plan,
            Work::Left(loaded) => loaded.plan(),
        }
    }
}

/// Makes the segments behind `records`, adds them to these, and joins all of them.
fn finish(
    job: &Job,
    work: &mut Work,
    folder: &JobFolder,
    records: &mut Vec<Record>,
    seconds: f64,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Summary, Error> {
    let started = Instant::now();
    let mut stopped = None;
    let mut summary = None;
    if let Work::Left(loaded) = work {
        let space = check_space(folder, loaded.plan(), records, observer);
        let ledger = Ledger::new(folder, job.outputs.len(), space, observer);
        let begin = records.last().and_then(|r| folder.border(r));
        let bytes = records.iter().flat_map(|r| &r.parts).map(|p| p.bytes).sum();
        let part = Part { begin, warm_up: None, until: None, seconds: Some(seconds), bytes, store: &ledger };
        let result = run::run_part(job, loaded, Some(&part), cancel, observer);
        let closed = ledger.close();
        records.extend(closed.finished);
        stopped = closed.stopped;
        match result {
            Ok(done) => summary = Some(done),
            // Stopped before its first frame: what was done before can be played still.
            Err(Error::Interrupted) if !cancel.is_aborted() && !records.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    let whole = records.last().is_some_and(|r| r.next.is_none());
    let all: Vec<_> = records.iter().chain(&stopped).cloned().collect();
    observer.event(Event::Phase { phase: JobPhase::Joining, limit: None });
    let outputs = join::join(job, work.plan(), folder, &all, whole, cancel, observer);
    for part in stopped.iter().flat_map(|r| &r.parts) {
        let _ = std::fs::remove_file(folder.path().join(&part.file));
    }
    let outputs = outputs?;
    let seconds = started.elapsed().as_secs_f64();
    let frames = count(&all);
    Ok(match summary {
        Some(summary) => Summary { frames, seconds, interrupted: !whole, outputs, ..summary },
        None => Summary {
            frames,
            seconds,
            fps: 0.0,
            interrupted: !whole,
            decode_errors: 0,
            cache: CacheReport::default(),
            latency: None,
            stages: Vec::new(),
            resources: Usage::default(),
            outputs,
        },
    })
}

/// Where a stored job and the requested one differ.
fn differences(old: &JobPlan, key: &serde_json::Value, seconds: f64) -> Vec<String> {
    let mut differs = key::differences(&old.key, key);
    if old.seconds != seconds {
        differs.push(format!("seconds of a segment: {} before, {seconds} now", old.seconds));
    }
    differs
}

fn count(records: &[Record]) -> u64 {
    records.iter().map(|r| r.times.pts.len() as u64).sum()
}

/// The space that the rest of a job needs; warns where the disk has too little already.
fn check_space(folder: &JobFolder, plan: &Plan, records: &[Record], observer: &dyn Observer) -> DiskSpace {
    let input = &plan.input;
    // Before the first segment: what is made is seldom smaller than the source by more than half.
    let guess = (plan.frames == input.video.frames).then_some(input.size_bytes);
    let mut space = DiskSpace::new(Done::of(records), plan.frames);
    space.check(folder.path(), guess, observer);
    space
}

/// Reports how a run that didn't finish can be resumed, and what the disk lacks if that was
/// the reason.
fn report_finished_segments(
    folder: &JobFolder,
    records: &[Record],
    frames: Option<u64>,
    error: Option<&Error>,
    observer: &dyn Observer,
) {
    let (segments, frames_done) =
        (units::count(records.len() as u64, "segment"), units::count(count(records), "frame"));
    let shown = folder.path().display();
    let mut message =
        format!("{shown} has {frames_done} in {segments}: the same command resumes after them, --restart starts over");
    if let Some(Error::Media(MediaError::DiskFull { .. })) = error
        && let Some(missing) = Done::of(records).needed(frames).and_then(|n| disk::missing(folder.path(), n))
    {
        message += &format!("; about {} more are needed on this disk", units::bytes(missing));
    }
    observer.event(Event::Warning { message });
}

/// The job, allowed to replace what it made of its first segments itself.
pub fn may_replace_its_own(job: &Job) -> Job {
    let Some(first) = job.outputs.first() else { return job.clone() };
    let folder = beside(&first.path);
    let mut there = job.outputs.iter().filter(|o| o.path.symlink_metadata().is_ok()).peekable();
    let own = there.peek().is_some() && there.all(|o| made(&folder, &o.path));
    Job { overwrite: job.overwrite || own, ..job.clone() }
}

/// Whether a job is so long that it is worth to be kept in segments: longer than one and a half.
fn is_long(plan: &Plan, seconds: f64) -> bool {
    let fps = plan.input.video.fps;
    plan.frames.filter(|_| fps > 0.0).is_none_or(|n| n as f64 / fps > 1.5 * seconds)
}

/// Removes what a run that was killed before its first segment was finished left behind.
fn remove_if_empty(path: &Path) -> Result<(), Error> {
    if !folder::is_job(path) {
        return Ok(());
    }
    let folder = match JobFolder::open(path) {
        // Somebody keeps other files there, which are left alone.
        Err(Error::Request(_)) => return Ok(()),
        other => other?,
    };
    if folder.finished(true).is_empty() { folder.remove() } else { Ok(()) }
}
