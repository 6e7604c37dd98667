//! What is reported of a run behind its last frame: warnings and the summary.

use super::outputs::OutputNote;
use crate::events::{CacheReport, Event, LatencyReport, Live, Observer, OutputReport, Summary};
use crate::plan::Plan;
use crate::spec::Job;
use std::path::Path;
use vrseg_hardware::Usage;
use vrseg_infer::cache::{Cache, CacheStats};
use vrseg_media::{Finished, Reader};

/// What a run did.
pub(super) struct Totals {
    /// Frames written.
    pub(super) frames: u64,
    /// Frames that earlier runs had written.
    pub(super) before: u64,
    pub(super) seconds: f64,
    /// The source came to its end.
    pub(super) whole: bool,
    /// The run was a part of a job: whether it had an end of its own.
    pub(super) part: Option<bool>,
    /// The user requested a stop.
    pub(super) stopped: bool,
    pub(super) decode_errors: u64,
    pub(super) resources: Usage,
}

/// Reports what came of a run.
pub(super) struct Reporter<'a> {
    pub(super) job: &'a Job,
    pub(super) plan: &'a Plan,
    pub(super) live: &'a Live,
    pub(super) latency: Option<LatencyReport>,
    pub(super) cache: Option<&'a Cache>,
    pub(super) observer: &'a dyn Observer,
}

impl Reporter<'_> {
    /// Warns of what the user should know, and sums up. `finished` and `notes` are the outputs'.
    pub(super) fn summarize(&self, totals: Totals, finished: Vec<Option<Finished>>, notes: &[OutputNote]) -> Summary {
        let fps = totals.frames as f64 / totals.seconds.max(1e-9);
        self.warn_of_missing_frames(&totals);
        self.warn_of_slowness(fps, &totals);
        let report = |(finished, note): (Finished, &OutputNote)| OutputReport {
            path: finished.path,
            mode: note.mode,
            encoder: note.encoder.clone(),
            bytes: finished.bytes,
            lost: note.lost.clone(),
        };
        let Totals { frames, seconds, whole, part, stopped, decode_errors, resources, .. } = totals;
        Summary {
            frames,
            seconds,
            fps,
            interrupted: !whole && (part.is_some() || stopped),
            decode_errors,
            cache: cache_report(self.live.mattes(), self.cache),
            latency: self.latency,
            stages: self.live.clocks.report(),
            resources,
            outputs: finished.into_iter().zip(notes).filter_map(|(f, note)| Some((f?, note))).map(report).collect(),
        }
    }

    fn warn(&self, message: String) {
        self.observer.event(Event::Warning { message });
    }

    /// Warns where the source ended long before the frames that its container announces.
    fn warn_of_missing_frames(&self, totals: &Totals) {
        let so_far = totals.before + totals.frames;
        let to_the_end = totals.part != Some(true) && totals.whole;
        if let Some(expected) = self.plan.frames.filter(|n| to_the_end && so_far * 10 < n * 9) {
            self.warn(format!(
                "{}: {expected} frames expected, {so_far} decoded; the file may be truncated or its index wrong",
                self.job.input.display()
            ));
        }
    }

    /// Warns where the job was slower than the user's limits.
    fn warn_of_slowness(&self, fps: f64, totals: &Totals) {
        let job = self.job;
        if let Some(target) = job.target_fps.filter(|target| fps < *target && totals.frames > 0 && !totals.stopped) {
            let slowest = self.live.clocks.bottleneck();
            self.warn(format!("{fps:.1} fps, but performance.target_fps is {target}; the slowest stage was {slowest}"));
        }
        let p95 = self.latency.map(|l| l.p95_ms).filter(|_| !totals.stopped);
        if let (Some(limit), Some(p95)) = (job.max_latency_ms, p95)
            && p95 > limit
        {
            self.warn(format!(
                "5 of 100 frames took longer than {p95:.0} ms, but performance.max_latency_ms is {limit}; use \
                 {}",
                if job.low_latency { "--profile fast" } else { "--low-latency" }
            ));
        }
    }
}

/// What the caches did; what is to be kept is on disk then.
fn cache_report(frames: CacheStats, cache: Option<&Cache>) -> CacheReport {
    let lost = cache.map_or(0, |cache| {
        cache.flush();
        cache.lost()
    });
    CacheReport { frames, hit_rate: frames.hit_rate(), lost }
}

/// Reports what was wrong with a source that has been read.
pub(super) fn report_reader(reader: &Reader, path: &Path, observer: &dyn Observer) {
    let repaired = reader.repaired_timestamps();
    if repaired > 0 {
        observer
            .event(Event::Warning { message: format!("{repaired} timestamps were missing or went back; repaired") });
    }
    if let Some(changed) = reader.changed() {
        observer.event(Event::Warning { message: format!("{}: {changed}", path.display()) });
    }
    let errors = reader.decode_errors();
    if errors > 0 {
        let message = format!("{}: {errors} damaged packets or frames could not be decoded", path.display());
        observer.event(Event::Warning { message });
    }
}
