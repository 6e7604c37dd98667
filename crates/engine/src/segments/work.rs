//! Working on a planned job's segments, alone or beside others, and joining them.

use super::disk::{DiskSpace, Done};
use super::folder::{JobFolder, JobPlan, Maker, PlannedSegment};
use super::ledger::{Closed, Ledger};
use super::{join, key};
use crate::error::Error;
use crate::events::{Event, JobPhase, Observer, OutputReport, Summary};
use crate::frame::{Border, Part, TemporalState};
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::run::{self, LoadedJob};
use crate::spec::Job;
use serde::Serialize;
use std::cell::Cell;
use std::path::Path;
use vrseg_infer::DeviceChoice;

/// Which segments to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentChoice {
    /// From this one to that one.
    Range(usize, usize),
    /// The first that is not finished and that nobody works on.
    Next,
    /// All of these, one after the other.
    All,
    /// The same, beginning with this one and continuing from the first behind the last.
    From(usize),
}

/// What a worker may choose for itself: what is made doesn't depend on it, but for rounding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerOptions {
    /// Another device than the plan's.
    pub device: Option<DeviceChoice>,
    /// Other threads than the plan's.
    pub threads: Option<usize>,
    /// ONNX Runtime's library on this machine.
    pub ort_library: Option<std::path::PathBuf>,
}

/// What came of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was made now.
    Made,
    /// It was there already.
    Finished,
    /// Somebody else works on it at this moment.
    Taken,
    /// The user stopped it.
    Stopped,
}

/// Works on segments of the job in `folder`. `report` is called with what comes of each, with the run's summary where
/// it was made now.
///
/// # Errors
/// The folder has no planned job; this program, the model, the input or an encoder isn't the plan's;
/// what fails in a run.
pub fn work(
    folder: &Path,
    choice: SegmentChoice,
    options: &WorkerOptions,
    cancel: &Cancel,
    observer: &dyn Observer,
    mut report: impl FnMut(usize, Outcome, Option<&Summary>),
) -> Result<(), Error> {
    let folder = JobFolder::share(folder)?;
    let (planned, segments) = planned(&folder)?;
    let count = segments.len();
    let indices: Vec<_> = match choice {
        SegmentChoice::Range(_, last) if last >= count => {
            let (shown, highest) = (folder.path().display(), count - 1);
            return Err(Error::Request(format!("--index {last}: {shown} has segments 0 to {highest}")));
        }
        SegmentChoice::Range(first, last) => (first..=last).collect(),
        SegmentChoice::Next | SegmentChoice::All => (0..count).collect(),
        SegmentChoice::From(first) => (first..count).chain(0..first.min(count)).collect(),
    };
    let job = with_options(&planned.job, options);
    let mut loaded = None;
    let worker = Worker { folder: &folder, segments: &segments, cancel, observer, warned_of_space: Cell::new(false) };
    for n in indices {
        let (outcome, summary) = match folder.lock_segment(n)? {
            _ if folder.record(n).is_some() => (Outcome::Finished, None),
            None => (Outcome::Taken, None),
            Some(_lock) => {
                let loaded = match &mut loaded {
                    Some(ready) => ready,
                    empty => {
                        let plan = understood(&job, &planned, &folder)?;
                        run::announce(&job, &plan, observer);
                        empty.insert(run::load(&job, plan, false, cancel, observer)?)
                    }
                };
                match worker.make(&job, loaded, n) {
                    // Cached mattes that the job resumed from are no longer cached.
                    Err(Error::CachedInference(_)) => {
                        let mut again = job.clone();
                        again.cache.read = false;
                        worker.make(&again, loaded, n)?
                    }
                    other => other?,
                }
            }
        };
        report(n, outcome, summary.as_ref());
        if outcome == Outcome::Stopped || choice == SegmentChoice::Next && outcome == Outcome::Made {
            break;
        }
    }
    Ok(())
}

fn planned(folder: &JobFolder) -> Result<(JobPlan, Vec<PlannedSegment>), Error> {
    let shown = folder.path().display();
    let none = || Error::Request(format!("{shown}: contains no planned job; create one with `vrseg plan`"));
    let mut plan = folder.plan().ok_or_else(none)?;
    let segments = plan.segments.take().filter(|s| !s.is_empty()).ok_or_else(none)?;
    Ok((plan, segments))
}

fn with_options(job: &Job, options: &WorkerOptions) -> Job {
    let mut job = Job { overwrite: true, ..job.clone() };
    job.model.device = options.device.unwrap_or(job.model.device);
    job.threads = options.threads.unwrap_or(job.threads);
    job.model.ort_library = options.ort_library.clone().or(job.model.ort_library);
    job
}

/// What the job is here, if that is what it was where it was planned.
fn understood(job: &Job, planned: &JobPlan, folder: &JobFolder) -> Result<Plan, Error> {
    let plan = Plan::new(job)?;
    let differs = key::differences(&planned.key, &key::key(job, &plan)?);
    if differs.is_empty() {
        return Ok(plan);
    }
    let shown = folder.path().display();
    Err(Error::Unfinished(format!("{shown}: was planned for another job: {}", differs.join("; "))))
}

/// Makes segments of a planned job.
struct Worker<'a> {
    folder: &'a JobFolder,
    segments: &'a [PlannedSegment],
    cancel: &'a Cancel,
    observer: &'a dyn Observer,
    /// That the disk has too little space was told: once is enough for all segments.
    warned_of_space: Cell<bool>,
}

impl Worker<'_> {
    fn make(&self, job: &Job, loaded: &mut LoadedJob, n: usize) -> Result<(Outcome, Option<Summary>), Error> {
        let (folder, segment) = (self.folder, &self.segments[n]);
        let known = n.checked_sub(1).and_then(|b| folder.record(b)).and_then(|r| folder.border(&r));
        let useful = |b: &Border| b.pts == segment.pts && (job.cache.reads() || !b.state.needs_cache());
        let known = known.filter(useful);
        let warm_up = (n > 0 && known.is_none()).then_some(segment.warm_up);
        let unknown = || Border {
            segment: n,
            pts: segment.pts,
            index: segment.index,
            first_pts: self.segments[0].pts,
            stop: false,
            state: TemporalState::default(),
        };
        let begin = (n > 0).then(|| known.unwrap_or_else(unknown));
        let ledger = Ledger::new(folder, job.outputs.len(), self.space(), self.observer);
        let part = Part { begin, warm_up, until: segment.until, seconds: None, bytes: 0, store: &ledger };
        let summary = match run::run_part(job, loaded, Some(&part), self.cancel, self.observer) {
            Ok(summary) => summary,
            Err(Error::Interrupted) if self.cancel.is_requested() => return Ok((Outcome::Stopped, None)),
            Err(error) => return Err(error),
        };
        let Closed { finished, stopped, warned_of_space } = ledger.close();
        self.warned_of_space.set(warned_of_space);
        for part in stopped.iter().flat_map(|r| &r.parts) {
            let _ = std::fs::remove_file(folder.path().join(&part.file));
        }
        match finished.first() {
            None => Ok((Outcome::Stopped, None)),
            Some(record) if record.times.pts.len() as u64 == segment.frames => Ok((Outcome::Made, Some(summary))),
            Some(record) => {
                let (came, expected) = (record.times.pts.len(), segment.frames);
                let message =
                    format!("segment {n}: {expected} frames planned, {came} decoded; the source may be damaged");
                self.observer.event(Event::Warning { message });
                Ok((Outcome::Made, Some(summary)))
            }
        }
    }

    /// The space that the segments that are not finished need, whoever makes them.
    fn space(&self) -> DiskSpace {
        let records: Vec<_> = (0..self.segments.len()).filter_map(|n| self.folder.record(n)).collect();
        let frames = self.segments.iter().map(|s| s.frames).sum();
        let mut space = DiskSpace::new(Done::of(&records), Some(frames));
        space.warned = self.warned_of_space.get();
        space
    }
}

/// How far a planned job is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Its segments.
    pub segments: Vec<SegmentProgress>,
}

/// How far a segment is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentProgress {
    /// Its frames.
    pub frames: u64,
    /// It is there.
    pub finished: bool,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maker: Option<Maker>,
}

impl Progress {
    /// Numbers of the segments that are not finished.
    pub fn missing(&self) -> Vec<usize> {
        self.segments.iter().enumerate().filter(|(_, s)| !s.finished).map(|(n, _)| n).collect()
    }

    /// Segments that are finished.
    pub fn finished(&self) -> usize {
        self.segments.iter().filter(|s| s.finished).count()
    }

    /// Frames in them.
    pub fn frames(&self) -> u64 {
        self.segments.iter().filter(|s| s.finished).map(|s| s.frames).sum()
    }
}

/// How far the job in `folder` is, whoever works on it.
///
/// # Errors
/// There is no planned job in it.
pub fn progress(folder: &Path) -> Result<Progress, Error> {
    let folder = JobFolder::read_only(folder);
    let (_, segments) = planned(&folder)?;
    let state = |(n, s): (usize, &PlannedSegment)| {
        let record = folder.record(n);
        SegmentProgress { frames: s.frames, finished: record.is_some(), maker: record.and_then(|r| r.maker) }
    };
    Ok(Progress { segments: segments.iter().enumerate().map(state).collect() })
}

/// Whether the outputs that are there are those of the planned job in `folder`.
pub fn is_merged(folder: &Path) -> bool {
    let planned = JobFolder::read_only(folder).plan();
    planned.is_some_and(|p| p.job.outputs.iter().all(|o| super::made(folder, &o.path)))
}

/// Joins the segments of the job in `folder`, all of which must be finished. `overwrite`: outputs that
/// exist and that are not of this job are replaced, too. `remove`: the folder goes then.
///
/// # Errors
/// Segments are missing or damaged, which are named; as for writing.
pub fn merge(
    folder: &Path,
    overwrite: bool,
    remove: bool,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Vec<OutputReport>, Error> {
    let folder = JobFolder::open(folder)?;
    let (planned, segments) = planned(&folder)?;
    let records: Vec<_> = (0..segments.len()).map(|n| folder.record(n)).collect();
    let missing: Vec<_> = records.iter().enumerate().filter(|(_, r)| r.is_none()).map(|(n, _)| n.to_string()).collect();
    if !missing.is_empty() {
        let (shown, first) = (folder.path().display(), &missing[0]);
        return Err(Error::Unfinished(format!(
            "{shown}: {} of {} segments are not finished: {}; make each with: vrseg work {shown} --index {first}",
            missing.len(),
            segments.len(),
            missing.join(", ")
        )));
    }
    let records: Vec<_> = records.into_iter().flatten().collect();
    let own = planned.job.outputs.iter().all(|o| !o.path.exists() || super::made(folder.path(), &o.path));
    let job = Job { overwrite: overwrite || own, ..planned.job.clone() };
    let plan = understood(&job, &planned, &folder)?;
    observer.event(Event::Phase { phase: JobPhase::Joining, limit: None });
    let reports = join::join(&job, &plan, &folder, &records, true, cancel, observer)?;
    if remove {
        folder.remove()?;
    }
    Ok(reports)
}
