//! Several workers of one machine on one job: one for each GPU, or several on its cores.

use super::folder::PlannedSegment;
use super::plan::plan;
use super::work::{SegmentChoice, WorkerOptions, merge, progress, work};
use super::{beside, is_long};
use crate::error::Error;
use crate::events::{CacheReport, Event, JobDescription, Live, Observer, Summary};
use crate::graph::{Cancel, StageReport};
use crate::run::announce;
use crate::spec::Job;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use vrseg_hardware::{Usage, units};

/// Runs a job with a worker for each of `crew`, in segments of this many seconds; resumes where an earlier
/// run stopped. A short job is one worker's.
///
/// # Errors
/// The job is impossible, or its time stamps don't tell its frames; a segment that no worker could make.
/// What is finished stays for the next run then.
pub fn run(
    job: &Job,
    crew: &[WorkerOptions],
    seconds: f64,
    restart: bool,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Summary, Error> {
    let understood = super::understood(job)?;
    let alone = crew.len() < 2 || !is_long(&understood, seconds);
    let Some(first) = job.outputs.first().filter(|_| !alone) else {
        let keep = super::Persistence { seconds: Some(seconds), restart };
        return super::run(job, understood, keep, false, cancel, observer);
    };
    announce(job, &understood, observer);
    let folder = beside(&first.path);
    let started = Instant::now();
    let planned = plan(job, &folder, seconds, restart)?;
    let segments = planned.segments.unwrap_or_default();
    let before = progress(&folder)?;
    if before.finished() > 0 {
        let event = Event::Resumed { folder: folder.clone(), segments: before.finished(), frames: before.frames() };
        observer.event(event);
    }
    observer.event(Event::Segments {
        frames: segments.iter().map(|s| s.frames).collect(),
        finished: before.segments.iter().enumerate().filter(|(_, s)| s.finished).map(|(n, _)| n).collect(),
        usual: 0,
    });
    let shared = SharedProgress::new(observer, &segments, before.frames(), crew);
    let totals = Mutex::new(CrewTotals::default());
    let failed = thread::scope(|scope| {
        let worker = |(n, means): (usize, &WorkerOptions)| {
            let (folder, shared, totals) = (&folder, &shared, &totals);
            // Each begins in a part of its own, so that few of them have to warm up.
            let which = SegmentChoice::From(n * segments.len() / crew.len());
            let means = means.clone();
            let report = move |_, _, summary: Option<&Summary>| {
                if let Some(summary) = summary {
                    totals.lock().unwrap_or_else(PoisonError::into_inner).add(summary);
                }
            };
            scope.spawn(move || work(folder, which, &means, cancel, &WorkerObserver { n, shared }, report))
        };
        let handles: Vec<_> = crew.iter().enumerate().map(worker).collect();
        let mut failed = None;
        for (n, handle) in handles.into_iter().enumerate() {
            let result = handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if let Err(error) = result {
                if !cancel.is_requested() {
                    let message = format!("worker {n} ({}) failed: {error}; the others continue", named(&crew[n]));
                    observer.event(Event::Warning { message });
                }
                failed.get_or_insert(error);
            }
        }
        failed
    });
    let after = progress(&folder)?;
    let missing = after.missing();
    if !missing.is_empty() {
        let shown = folder.display();
        if after.finished() > 0 {
            let message = format!(
                "{shown} has {} in {}: the same command makes the others, --restart starts over",
                units::count(after.frames(), "frame"),
                units::count(after.finished() as u64, "segment")
            );
            observer.event(Event::Warning { message });
        }
        return Err(match failed {
            _ if cancel.is_requested() => Error::Interrupted,
            Some(error) => error,
            None => Error::Unfinished(format!("{shown}: another program is processing segments {missing:?}")),
        });
    }
    let outputs = merge(&folder, job.overwrite, true, cancel, observer)?;
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = started.elapsed().as_secs_f64();
    let summary = Summary {
        frames: after.frames(),
        seconds,
        fps: (after.frames() - before.frames()) as f64 / seconds.max(1e-6),
        interrupted: false,
        decode_errors: totals.decode_errors,
        cache: CacheReport::default(),
        latency: None,
        stages: totals.stages,
        resources: Usage::default(),
        outputs,
    };
    observer.event(Event::Done { summary: summary.clone() });
    Ok(summary)
}

fn named(means: &WorkerOptions) -> String {
    means.device.map_or_else(|| "device as planned".to_owned(), |d| d.to_string())
}

/// What all workers did.
#[derive(Default)]
struct CrewTotals {
    decode_errors: u64,
    stages: Vec<StageReport>,
}

impl CrewTotals {
    fn add(&mut self, summary: &Summary) {
        self.decode_errors += summary.decode_errors;
        for stage in &summary.stages {
            match self.stages.iter_mut().find(|s| s.stage == stage.stage) {
                None => self.stages.push(stage.clone()),
                Some(all) => {
                    all.busy += stage.busy;
                    all.waiting += stage.waiting;
                    all.frames += stage.frames;
                    all.units += stage.units;
                    // A percentile of percentiles is none; the worst is what people look for.
                    all.p50 = all.p50.max(stage.p50);
                    all.p95 = all.p95.max(stage.p95);
                    all.p99 = all.p99.max(stage.p99);
                    all.max = all.max.max(stage.max);
                }
            }
        }
    }
}

/// What the workers tell, as if one had told it.
struct SharedProgress<'a> {
    observer: &'a dyn Observer,
    segments: &'a [PlannedSegment],
    total: u64,
    crew: String,
    begun: AtomicUsize,
    state: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Frames of finished segments.
    finished: u64,
    /// Bytes of those that were finished now.
    bytes: u64,
    /// Of each worker: frames of the segment that it is on, its speed, and the segment's bytes.
    working: HashMap<usize, (u64, f64, u64)>,
}

impl<'a> SharedProgress<'a> {
    fn new(observer: &'a dyn Observer, segments: &'a [PlannedSegment], finished: u64, crew: &[WorkerOptions]) -> Self {
        let names: Vec<_> = crew.iter().filter_map(|m| Some(m.device?.to_string())).collect();
        let with = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        Self {
            observer,
            segments,
            total: segments.iter().map(|s| s.frames).sum(),
            crew: format!("{} workers{with}", crew.len()),
            begun: AtomicUsize::new(0),
            state: Mutex::new(Progress { finished, ..Progress::default() }),
        }
    }

    fn report(&self, n: usize, event: Event) {
        let state = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Start { job, device } => {
                if self.begun.fetch_add(1, Ordering::Relaxed) == 0 {
                    let job = JobDescription { frames: Some(self.total), ..job };
                    self.observer.event(Event::Start { job, device: format!("{device}, {}", self.crew) });
                }
            }
            Event::Segment { frames, bytes, .. } => {
                let mut state = state();
                state.finished += frames;
                state.bytes += bytes;
                state.working.remove(&n);
                drop(state);
                self.observer.event(event);
            }
            // All workers tell the same of the input, which was told before.
            Event::Probed { .. } => {}
            Event::Phase { .. } if self.begun.load(Ordering::Relaxed) > 0 => {}
            Event::Progress { frames, fps, bytes, bottleneck, .. } => {
                // A worker counts from the beginning of the video.
                let begin = self.segments.iter().rev().map(|s| s.index).find(|i| *i < frames.max(1)).unwrap_or(0);
                let mut state = state();
                state.working.insert(n, (frames - begin.min(frames), fps, bytes));
                let working: u64 = state.working.values().map(|w| w.0).sum();
                let fps: f64 = state.working.values().map(|w| w.1).sum();
                let bytes = state.bytes + state.working.values().map(|w| w.2).sum::<u64>();
                let frames = (state.finished + working).min(self.total);
                drop(state);
                let eta = (fps > 0.0).then(|| (self.total - frames) as f64 / fps);
                let total = Some(self.total);
                self.observer.event(Event::Progress { frames, total, fps, eta, bytes, bottleneck });
            }
            other => self.observer.event(other),
        }
    }
}

/// What one worker reports.
struct WorkerObserver<'a> {
    n: usize,
    shared: &'a SharedProgress<'a>,
}

impl Observer for WorkerObserver<'_> {
    fn event(&self, event: Event) {
        self.shared.report(self.n, event);
    }

    fn live(&self, live: &Arc<Live>) {
        // There is room for one on the screen.
        if self.n == 0 {
            self.shared.observer.live(live);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<(u64, f64)>>);

    impl Observer for Recorder {
        fn event(&self, event: Event) {
            if let Event::Progress { frames, fps, .. } = event {
                self.0.lock().unwrap().push((frames, fps));
            }
        }
    }

    #[test]
    fn progress_of_all_workers_adds_up() {
        let segment = |n: u64| PlannedSegment { pts: 0, index: 100 * n, frames: 100, warm_up: 0, until: None };
        let segments = [segment(0), segment(1), segment(2)];
        let recorder = Recorder::default();
        let shared =
            SharedProgress::new(&recorder, &segments, 0, &[WorkerOptions::default(), WorkerOptions::default()]);
        let progress = |n, frames, fps| {
            shared.report(n, Event::Progress { frames, total: None, fps, eta: None, bytes: 0, bottleneck: "infer" });
        };
        progress(0, 10, 5.0);
        progress(1, 220, 6.0);
        shared.report(0, Event::Segment { segment: 0, frames: 100, bytes: 1 });
        progress(1, 300, 6.0);
        progress(0, 101, 5.0);
        assert_eq!(*recorder.0.lock().unwrap(), [(10, 5.0), (30, 11.0), (200, 6.0), (201, 11.0)]);
    }

    #[test]
    fn stages_of_all_workers_add_up() {
        let stage = |stage, busy| StageReport { stage, busy, frames: 10, ..StageReport::default() };
        let summary = |stages| Summary {
            frames: 10,
            seconds: 1.0,
            fps: 10.0,
            interrupted: false,
            decode_errors: 2,
            cache: CacheReport::default(),
            latency: None,
            stages,
            resources: Usage::default(),
            outputs: Vec::new(),
        };
        let mut totals = CrewTotals::default();
        totals.add(&summary(vec![stage("decode", 1.0), stage("infer", 2.0)]));
        totals.add(&summary(vec![stage("decode", 0.5), stage("infer", 3.0)]));
        assert_eq!(totals.decode_errors, 4);
        let found: Vec<_> = totals.stages.iter().map(|s| (s.stage, s.busy, s.frames)).collect();
        assert_eq!(found, [("decode", 1.5, 20), ("infer", 5.0, 20)]);
    }
}
