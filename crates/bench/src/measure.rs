//! Measures one point: the whole pipeline, then each stage alone. Runs in a process of its own, so
//! that its memory is that of this point and a crash costs one row.

use crate::alone;
use crate::limits::{Limits, cpu_seconds};
use crate::results::{Latency, Measured, StageShare, WholePipeline};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use vrseg_engine::LoadedJob;
use vrseg_engine::tune::bottleneck::{self, BottleneckInput, StageTime};
use vrseg_engine::{Cancel, Event, Job, Observer, Plan};
use vrseg_hardware::Machine;
use vrseg_infer::Kind;

/// Frames that are measured even when the time is up.
const MIN_FRAMES: usize = 4;

/// Measures `job`, which must write one output of the source's size. `views`: pictures that go
/// through a recurrent model at once instead of its frame's; only the model is measured then.
///
/// # Errors
/// As a job.
pub fn measure(job: &Job, views: Option<usize>, limits: &Limits) -> Result<Measured, vrseg_engine::Error> {
    let mut job = job.clone();
    job.range.frames = Some(limits.warmup + limits.iterations.max(MIN_FRAMES as u64));
    // What does not fit is a result, too.
    job.model.session.rigid = true;
    let started = Instant::now();
    let loaded = LoadedJob::new(&job, Plan::new(&job)?)?;
    let plan = loaded.plan();
    let mut measured = Measured {
        model: plan.model.manifest.name.clone(),
        input_size: plan.model_input_size(),
        views: plan.views.pictures(),
        device: loaded.device(),
        encoder: plan.encoders.first().map(|e| e.encoder.clone()).unwrap_or_default(),
        frame: (plan.input.video.width, plan.input.video.height),
        load_seconds: started.elapsed().as_secs_f64(),
        ..Measured::default()
    };
    if let Some(n) = views {
        measured.notes.push(format!(
            "{} has state from frame to frame, so frames can't share a batch: the model runs on {n} views of several \
             videos at once; the pipeline itself runs one frame at a time",
            measured.model
        ));
        measured.stages = alone::model(&job, loaded, n, limits)?;
        return Ok(measured);
    }
    let cancel = Cancel::new();
    let timer = FrameTimer::new(limits, &cancel);
    let summary = vrseg_engine::run_loaded(&job, loaded, &cancel, &timer)?;
    let mut whole = timer.whole()?;
    let shares: Vec<StageTime<'_>> = summary.stages.iter().map(StageTime::from).collect();
    whole.slowest = bottleneck::slowest(&shares).map(|s| s.0.to_owned()).unwrap_or_default();
    whole.shares =
        shares.iter().map(|s| StageShare { stage: s.stage.to_owned(), busy: s.busy, waiting: s.waiting }).collect();
    let seen = BottleneckInput::new(&shares, &summary.resources, &Machine::detect());
    whole.limits = bottleneck::findings(&seen).iter().map(ToString::to_string).collect();
    whole.usage = summary.resources.clone();
    whole.peak_memory = summary.resources.peak_memory;
    whole.gpu_busy = summary.resources.gpu_busy;
    whole.gpu_memory = summary.resources.gpu_peak_memory;
    if whole.frames < limits.iterations {
        measured.notes.push(format!("{} frames of {} were measured", whole.frames, limits.iterations));
    }
    measured.whole = Some(whole);
    measured.stages = alone::stages(&job, limits)?;
    Ok(measured)
}

/// Whether the frames of the job's model can't share a batch.
///
/// # Errors
/// As [`Plan::new`].
pub fn is_recurrent(job: &Job) -> Result<bool, vrseg_engine::Error> {
    Ok(Plan::new(job)?.model.manifest.kind == Kind::Recurrent)
}

/// Observes a job: when each frame was written, and how long it was on its way.
struct FrameTimer<'a> {
    limits: &'a Limits,
    cancel: &'a Cancel,
    frames: Mutex<FrameTimes>,
}

#[derive(Default)]
struct FrameTimes {
    /// Frames of the warm-up that are over.
    warm: u64,
    /// Since then: the end of the last frame of the warm-up, then of every other.
    times: Vec<Instant>,
    latencies: Vec<f64>,
    /// CPU seconds at the first and the last of `times`.
    cpu: (f64, f64),
}

impl<'a> FrameTimer<'a> {
    fn new(limits: &'a Limits, cancel: &'a Cancel) -> Self {
        Self { limits, cancel, frames: Mutex::default() }
    }

    fn whole(self) -> Result<WholePipeline, vrseg_engine::Error> {
        let FrameTimes { times, latencies, cpu, .. } = self.frames.into_inner().unwrap_or_else(PoisonError::into_inner);
        if times.len() < 3 {
            return Err(vrseg_engine::Error::Request(format!(
                "the video is too short: {} frames of warm-up leave {}, and at least 2 are needed",
                self.limits.warmup,
                times.len().saturating_sub(1)
            )));
        }
        let frames = times.len() - 1;
        let fps = |part: &[Instant]| (part.len() - 1) as f64 / (part[part.len() - 1] - part[0]).as_secs_f64().max(1e-9);
        // Parts share their borders: a part of n frames has n + 1 times.
        let parts = (frames / MIN_FRAMES).clamp(1, 8);
        let samples = (0..parts).map(|i| fps(&times[i * frames / parts..=(i + 1) * frames / parts])).collect();
        Ok(WholePipeline {
            frames: frames as u64,
            fps: fps(&times),
            samples,
            latency: Latency::of(latencies),
            cpu_seconds: (cpu.1 - cpu.0) / frames as f64,
            ..WholePipeline::default()
        })
    }
}

impl Observer for FrameTimer<'_> {
    fn event(&self, _: Event) {}

    fn wrote(&self, latency: Duration) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if frames.warm < self.limits.warmup.max(1) {
            frames.warm += 1;
            if frames.warm < self.limits.warmup.max(1) {
                return;
            }
        } else {
            frames.latencies.push(latency.as_secs_f64() * 1e3);
        }
        let now = Instant::now();
        frames.times.push(now);
        frames.cpu.1 = cpu_seconds();
        if frames.times.len() == 1 {
            frames.cpu.0 = frames.cpu.1;
        }
        let took = (now - frames.times[0]).as_secs_f64();
        if frames.times.len() > MIN_FRAMES && took > self.limits.seconds && !self.cancel.is_requested() {
            self.cancel.request();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timer_ignores_warm_up_and_stops_at_the_time_limit() {
        let cancel = Cancel::new();
        let limits = Limits { iterations: 100, warmup: 2, seconds: 0.0 };
        let timer = FrameTimer::new(&limits, &cancel);
        for i in 0..6 {
            std::thread::sleep(Duration::from_millis(2));
            timer.wrote(Duration::from_millis(10 * i));
            // The warm-up's last frame starts the clock, four are measured in any case.
            assert_eq!(cancel.is_requested(), i >= 5, "{i}");
        }
        let whole = timer.whole().unwrap();
        assert_eq!((whole.frames, whole.samples.len()), (4, 1));
        assert_eq!((whole.latency.p50, whole.latency.max), (30.0, 50.0));
        assert!(whole.fps < 500.0 && (whole.fps - whole.samples[0]).abs() < 1e-9, "{whole:?}");
    }

    #[test]
    fn too_short_video_is_an_error() {
        let (cancel, limits) = (Cancel::new(), Limits { iterations: 5, warmup: 2, seconds: 1.0 });
        let timer = FrameTimer::new(&limits, &cancel);
        timer.wrote(Duration::ZERO);
        assert!(timer.whole().unwrap_err().to_string().contains("too short"));
    }
}
