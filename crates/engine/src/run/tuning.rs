//! Loading a job's models, for a long job with a short trial: how many workers beside the model's threads are fastest is
//! measured on the job itself. The result is remembered for the next job of the kind.
//!
//! The trial has [`LIMIT`] seconds; what can't be compared in that time stays as the rules have it.
//!
//! Only the number of workers is tried, since no bit of the output depends on it: a job that resumes tomorrow must make
//! the same file, whatever was measured meanwhile. Encoders keep their threads for that reason, and so do the models:
//! on some processors ONNX Runtime's last bits depend on them (seen on an AMD Zen 5, not on a Zen 3).

use super::forecast::harmless;
use super::{LoadedJob, device_check, run_part};
use crate::error::Result;
use crate::events::{Event, JobPhase, Observer};
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::spec::Job;
use crate::tune::rules;
use crate::tune::tuning_cache::{self, TunedWorkers, TuningCache};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use vrseg_hardware::Machine;
use vrseg_infer::cache;

/// Frames of a job for which a trial pays: half a minute of video.
const LONG: u64 = 900;
/// Seconds that a trial takes at most.
const LIMIT: f64 = 5.0;
/// A run of the trial is over when it has taken this long and made this many frames: fewer mean nothing.
const TIME: Duration = Duration::from_millis(300);
const FRAMES: usize = 8;
/// The first frames of a run come while the stages' queues fill.
const FILLING: usize = 6;
/// Rounds in which all numbers run; the best run of each counts, since other work on the machine only takes.
const ROUNDS: usize = 2;
/// By how much another number must be faster than the rules' to be believed.
const MARGIN: f64 = 1.05;

/// Loads the models of a job, understood as `plan`. With `auto_tune` there are as many workers as an earlier trial found
/// best for a job of this kind, or a trial now, unless the user has chosen their number or the models' threads, or the
/// job is short.
///
/// # Errors
/// As [`LoadedJob::new`].
pub fn load(job: &Job, plan: Plan, auto_tune: bool, cancel: &Cancel, observer: &dyn Observer) -> Result<LoadedJob> {
    observer.event(Event::Phase { phase: JobPhase::Loading, limit: None });
    device_check::run(job, &plan, cancel);
    let open = auto_tune && job.model.threads == 0 && job.split.workers == 0;
    let long = plan.frames.is_some_and(|n| n >= LONG);
    let mut loaded = LoadedJob::new(job, plan)?;
    if !open || !long {
        return Ok(loaded);
    }
    let remembered = TuningCache::<TunedWorkers>::new(&cache::folder());
    let kind = kind(job, loaded.plan(), &Machine::detect());
    if let Some(found) = remembered.get(&kind) {
        tracing::info!("{} workers, from an earlier trial", found.workers);
        loaded.set_workers(found.workers);
        return Ok(loaded);
    }
    let cores = if job.threads > 0 { job.threads } else { vrseg_hardware::cores() };
    let numbers = rules::workers_to_try(cores, loaded.threads().compose, !loaded.provider().is_gpu());
    if numbers.len() < 2 || cancel.is_requested() {
        return Ok(loaded);
    }
    observer.event(Event::Phase { phase: JobPhase::Tuning, limit: Some(LIMIT) });
    let began = Instant::now();
    let (loaded, result) = Trial { job, cancel, began }.run(loaded, &numbers)?;
    if cancel.is_requested() {
        return Ok(loaded);
    }
    result.remember(&remembered, &kind);
    let (infer, Measured { workers, gain, tried }) = (loaded.threads().infer, result);
    observer.event(Event::Tuned { infer, workers, gain, tried, seconds: began.elapsed().as_secs_f64() });
    Ok(loaded)
}

/// All that the best number of workers depends on.
fn kind(job: &Job, plan: &Plan, machine: &Machine) -> String {
    let video = &plan.input.video;
    let (w, h) = plan.model_input_size();
    let gpus: Vec<_> = machine.gpu.cards.iter().map(|c| c.name.as_str()).collect();
    let encoders: Vec<_> = plan.encoders.iter().map(|e| e.description.as_str()).collect();
    format!(
        "vrseg {} on {}, {} cores of {} {:?}, device {} {:?} {:?}; {} {} {w}x{h} for {} pictures, {} frames at once; \
         {}x{} {:?}; {}; crops {:?}, stereo {}, refined {}, every {}, low latency {}, decoded {:?}",
        env!("CARGO_PKG_VERSION"),
        machine.cpu.model,
        machine.cpu.usable,
        job.threads,
        gpus,
        job.model.device,
        job.model.precision,
        job.model.ort_library,
        plan.model.manifest.name,
        plan.model.manifest.sha256,
        plan.views.pictures(),
        job.model.batch_size,
        video.width,
        video.height,
        video.layout,
        encoders.join(", "),
        job.people.crops,
        job.matte.stereo,
        job.matte.refine,
        job.matte.every,
        job.low_latency,
        job.decode,
    )
}

/// A trial of several numbers of workers.
struct Trial<'a> {
    job: &'a Job,
    cancel: &'a Cancel,
    began: Instant,
}

/// What a trial found.
struct Measured {
    workers: usize,
    /// Its speed over that of the rules' number.
    gain: f64,
    /// Numbers that were compared.
    tried: usize,
}

impl Measured {
    /// Stores the result for the next job of that kind. A trial that failed, or compared nothing in its time, has none:
    /// the next job tries again.
    fn remember(&self, cache: &TuningCache<TunedWorkers>, kind: &str) {
        if self.tried < 2 {
            return;
        }
        let found = TunedWorkers { workers: self.workers, gain: self.gain, when: tuning_cache::now() };
        if let Err(e) = cache.put(kind, found) {
            tracing::info!("the trial's result can't be stored: {e}");
        }
    }
}

impl Trial<'_> {
    /// Runs the beginning of the job with each number of workers, the first of which is the rules' and that of `loaded`.
    /// Returns the models with the fastest.
    fn run(&self, mut loaded: LoadedJob, numbers: &[usize]) -> Result<(LoadedJob, Measured)> {
        let backends = loaded.backends();
        // Whoever first reads the input gets it open: that is the job.
        let opened = loaded.plan.opened.take();
        let result = self.measure(&mut loaded, numbers);
        let result = result.unwrap_or(Measured { workers: numbers[0], gain: 1.0, tried: 1 });
        if loaded.backends() != backends {
            // A device that failed in the trial fails again in the job, which then reports it.
            loaded = LoadedJob::new(self.job, loaded.plan().unopened())?;
        }
        loaded.set_workers(result.workers);
        loaded.plan.opened = opened;
        Ok((loaded, result))
    }

    fn left(&self) -> Duration {
        Duration::from_secs_f64(LIMIT).saturating_sub(self.began.elapsed())
    }

    /// The best number; `None` where the time doesn't suffice for two, where a run fails, as the job then will too, and
    /// where the user wants to stop.
    fn measure(&self, loaded: &mut LoadedJob, numbers: &[usize]) -> Option<Measured> {
        let (mut piece, _folder) = harmless(self.job).ok()?;
        // One run's outputs lie where the one before had its own. Getting anywhere else in the job than to its
        // beginning may take longer than the trial.
        (piece.overwrite, piece.range.frames) = (true, Some(LONG));
        let first_run = Instant::now();
        // One run of many that have to fit.
        let share = self.began + Duration::from_secs_f64(LIMIT / 4.0);
        let first = speed(&piece, loaded, self.cancel, share)?;
        let run_time = first_run.elapsed();
        // All rounds but the run that was, and those that confirm.
        let left = self.left();
        let fits = |n: usize| run_time * ((n + 2) * ROUNDS - 1) as u32 <= left;
        let tried = (2..=numbers.len()).rev().find(|n| fits(*n))?;
        let ends = self.began + Duration::from_secs_f64(LIMIT);
        let mut speeds = vec![Vec::new(); tried];
        speeds[0].push(first);
        let mut run = |n: usize, speeds: &mut Vec<Vec<f64>>| -> Option<()> {
            loaded.set_workers(numbers[n]);
            speeds[n].push(speed(&piece, loaded, self.cancel, ends)?);
            Some(())
        };
        (1..tried).try_for_each(|n| run(n, &mut speeds))?;
        for _ in 1..ROUNDS {
            (0..tried).try_for_each(|n| run(n, &mut speeds))?;
        }
        let mut best = choose(&speeds);
        if best != 0 {
            // What is remembered for long has to win once more.
            for _ in 0..ROUNDS {
                [0, best].into_iter().try_for_each(|n| run(n, &mut speeds))?;
            }
            best = choose(&speeds);
        }
        Some(Measured { workers: numbers[best], gain: highest(&speeds[best]) / highest(&speeds[0]), tried })
    }
}

fn highest(speeds: &[f64]) -> f64 {
    speeds.iter().copied().fold(0.0, f64::max)
}

fn lowest(speeds: &[f64]) -> f64 {
    speeds.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The fastest, if it surely beats the first, which is the rules'.
fn choose(speeds: &[Vec<f64>]) -> usize {
    let surely = |s: &[f64]| highest(s) > MARGIN * highest(&speeds[0]) && lowest(s) > lowest(&speeds[0]);
    let better = speeds.iter().enumerate().filter(|(_, s)| surely(s));
    better.max_by(|a, b| highest(a.1).total_cmp(&highest(b.1))).map_or(0, |(n, _)| n)
}

/// Frames per second of a piece, once the queues are full; `None` where it fails or isn't over by `ends`, or the user
/// wants to stop.
fn speed(piece: &Job, loaded: &mut LoadedJob, cancel: &Cancel, ends: Instant) -> Option<f64> {
    let own = Cancel::new();
    let meter = Meter { own: &own, users: cancel, times: Mutex::new(Vec::new()) };
    let end = thread::scope(|scope| {
        let (over, is_over) = mpsc::channel::<()>();
        // Before the first frame nobody else notices that the time is up.
        scope.spawn(|| {
            let is_over = is_over;
            if is_over.recv_timeout(ends.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout) {
                own.abort();
            }
        });
        let end = run_part(piece, loaded, None, &own, &meter);
        drop(over);
        end
    });
    let times = meter.times.into_inner().ok()?;
    if cancel.is_requested() || (end.is_err() && !own.is_aborted()) {
        return None;
    }
    let times = times.get(FILLING..).filter(|times| times.len() > FRAMES / 2)?;
    let seconds = (times[times.len() - 1] - times[0]).as_secs_f64();
    (seconds > 0.0).then(|| (times.len() - 1) as f64 / seconds)
}

/// Notes when frames come out, and ends the run when they are enough.
struct Meter<'a> {
    own: &'a Cancel,
    users: &'a Cancel,
    times: Mutex<Vec<Instant>>,
}

impl Observer for Meter<'_> {
    fn event(&self, _: Event) {
        if self.users.is_requested() {
            self.own.abort();
        }
    }

    fn wrote(&self, _: Duration) {
        let Ok(mut times) = self.times.lock() else { return };
        times.push(Instant::now());
        let enough = times.len() > FILLING + FRAMES && times[FILLING].elapsed() > TIME;
        if enough || self.users.is_requested() {
            self.own.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_trial_is_not_remembered() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = TuningCache::new(dir.path());
        Measured { workers: 2, gain: 1.0, tried: 1 }.remember(&cache, "failed");
        assert_eq!(cache.get("failed"), None);
        Measured { workers: 2, gain: 1.0, tried: 2 }.remember(&cache, "whole");
        assert_eq!(cache.get("whole").map(|found| found.workers), Some(2));
    }

    #[test]
    fn only_clearly_faster_numbers_beat_the_rules() {
        assert_eq!(choose(&[vec![10.0, 9.0], vec![10.4, 10.0]]), 0, "a few percent are noise");
        assert_eq!(choose(&[vec![10.0, 9.0], vec![12.0, 8.0]]), 0, "once faster, once slower");
        assert_eq!(choose(&[vec![10.0, 9.0], vec![11.0, 9.5], vec![12.0, 9.5]]), 2);
        assert_eq!(choose(&[vec![10.0, 9.0]]), 0);
    }
}
