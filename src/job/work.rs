//! Working on a planned job's segments, alone or beside others, and joining them.

use super::folder::{JobFolder, JobPlan, PlannedSegment};
use super::ledger::Ledger;
use super::{join, key};
use crate::pipeline::{
    self, Border, Cancel, DeviceChoice, Error, Job, Observer, OutputReport, Part, Plan, Prepared, TemporalState,
};
use std::path::Path;

/// Which segments to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Index(usize),
    /// The first that is not finished and that nobody works on.
    Next,
    /// All of these, one after the other.
    All,
}

/// What a worker may choose for itself: what is made doesn't depend on it, but for rounding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Means {
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

/// Works on segments of the job in `folder`. `told` hears what comes of each.
///
/// # Errors
/// The folder has no planned job; this program, the model, the input or an encoder isn't the plan's;
/// what fails in a run.
pub fn work(
    folder: &Path,
    which: Which,
    means: &Means,
    cancel: &Cancel,
    observer: &dyn Observer,
    mut told: impl FnMut(usize, Outcome),
) -> Result<(), Error> {
    let folder = JobFolder::share(folder)?;
    let (planned, segments) = planned(&folder)?;
    let range = match which {
        Which::Index(n) if n >= segments.len() => {
            let (shown, last) = (folder.path().display(), segments.len() - 1);
            return Err(Error::Request(format!("--index {n}: {shown} has segments 0 to {last}")));
        }
        Which::Index(n) => n..n + 1,
        Which::Next | Which::All => 0..segments.len(),
    };
    let job = with_means(&planned.job, means);
    let mut prepared = None;
    for n in range {
        let outcome = match folder.lock_segment(n)? {
            _ if folder.record(n).is_some() => Outcome::Finished,
            None => Outcome::Taken,
            Some(_lock) => {
                let prepared = match &mut prepared {
                    Some(ready) => ready,
                    empty => empty.insert(Prepared::new(&job, understood(&job, &planned, &folder)?)?),
                };
                let mut make = |job: &Job| make(job, prepared, &folder, &segments, n, cancel, observer);
                match make(&job) {
                    // Kept mattes that were gone on from are kept no more.
                    Err(Error::Recall(_)) => {
                        let mut again = job.clone();
                        again.cache.read = false;
                        make(&again)?
                    }
                    other => other?,
                }
            }
        };
        told(n, outcome);
        if outcome == Outcome::Stopped || which == Which::Next && outcome == Outcome::Made {
            break;
        }
    }
    Ok(())
}

fn planned(folder: &JobFolder) -> Result<(JobPlan, Vec<PlannedSegment>), Error> {
    let shown = folder.path().display();
    let none = || Error::Request(format!("{shown}: no planned job is in it; `vrseg plan` makes one"));
    let mut plan = folder.plan().ok_or_else(none)?;
    let segments = plan.segments.take().filter(|s| !s.is_empty()).ok_or_else(none)?;
    Ok((plan, segments))
}

fn with_means(job: &Job, means: &Means) -> Job {
    let mut job = Job { overwrite: true, ..job.clone() };
    job.model.device = means.device.unwrap_or(job.model.device);
    job.threads = means.threads.unwrap_or(job.threads);
    job.model.ort_library = means.ort_library.clone().or(job.model.ort_library);
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
    Err(Error::Unfinished(format!("{shown}: was planned for something else: {}", differs.join("; "))))
}

fn make(
    job: &Job,
    prepared: &mut Prepared,
    folder: &JobFolder,
    segments: &[PlannedSegment],
    n: usize,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    let segment = &segments[n];
    let known = n.checked_sub(1).and_then(|b| folder.record(b)).and_then(|r| folder.border(&r));
    let useful = |b: &Border| b.pts == segment.pts && (job.cache.reads() || !b.state.past.needs_kept());
    let known = known.filter(useful);
    let warm_up = (n > 0 && known.is_none()).then_some(segment.warm_up);
    let unknown = || Border {
        segment: n,
        pts: segment.pts,
        index: segment.index,
        first_pts: segments[0].pts,
        stop: false,
        state: TemporalState::default(),
    };
    let begin = (n > 0).then(|| known.unwrap_or_else(unknown));
    let ledger = Ledger::new(folder, job.outputs.len(), observer);
    let part = Part { begin, warm_up, until: segment.until, seconds: None, store: &ledger };
    match pipeline::run_part(job, prepared, Some(&part), cancel, observer) {
        Ok(_) => {}
        Err(Error::Interrupted) if cancel.is_requested() => return Ok(Outcome::Stopped),
        Err(error) => return Err(error),
    }
    let (finished, stopped) = ledger.close();
    for part in stopped.iter().flat_map(|r| &r.parts) {
        let _ = std::fs::remove_file(folder.path().join(&part.file));
    }
    match finished.first() {
        None => Ok(Outcome::Stopped),
        Some(record) if record.times.pts.len() as u64 == segment.frames => Ok(Outcome::Made),
        Some(record) => {
            let (came, wanted) = (record.times.pts.len(), segment.frames);
            let message = format!("segment {n}: {wanted} frames were planned, {came} came; the source may be damaged");
            observer.event(pipeline::Event::Warning { message });
            Ok(Outcome::Made)
        }
    }
}

/// How far a planned job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Frames of each segment, and whether it is finished.
    pub segments: Vec<(u64, bool)>,
}

impl Progress {
    /// Numbers of those that are not finished.
    pub fn missing(&self) -> Vec<usize> {
        self.segments.iter().enumerate().filter(|(_, s)| !s.1).map(|(n, _)| n).collect()
    }
}

/// How far the job in `folder` is.
///
/// # Errors
/// There is no planned job in it.
pub fn progress(folder: &Path) -> Result<Progress, Error> {
    let folder = JobFolder::share(folder)?;
    let (_, segments) = planned(&folder)?;
    let state = |(n, s): (usize, &PlannedSegment)| (s.frames, folder.record(n).is_some());
    Ok(Progress { segments: segments.iter().enumerate().map(state).collect() })
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
    let reports = join::join(&job, &plan, &folder, &records, true, cancel, observer)?;
    if remove {
        folder.remove()?;
    }
    Ok(reports)
}
