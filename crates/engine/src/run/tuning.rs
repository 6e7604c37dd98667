//! Loading a job's models, for a long job with a short trial: which split of threads between the model and the workers
//! is fastest is measured on the job itself. The result is remembered for the next job of the kind.
//!
//! The trial has [`LIMIT`] seconds; what can't be compared in that time stays as the rules have it.
//!
//! Only splits on which no bit of the output depends are tried: a job that resumes tomorrow must make the
//! same file, whatever was measured meanwhile. Encoders keep their threads for that reason, and so does the
//! model on processors where ONNX Runtime's last bits depend on them (seen on an AMD Zen 5 with AVX-512, not
//! on a Zen 3): its mattes with other threads are compared first.

use super::forecast::harmless;
use super::{LoadedJob, device_check, run_part};
use crate::error::Result;
use crate::events::{Event, JobPhase, Observer};
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::spec::Job;
use crate::tune::rules::{self, Threads};
use crate::tune::tuning_cache::{self, TunedShares, TuningCache};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use vrseg_hardware::Machine;
use vrseg_image::plane::Plane;
use vrseg_infer::cache;
use vrseg_infer::{Batch, States};

/// Frames of a job for which a trial pays: half a minute of video.
const LONG: u64 = 900;
/// Seconds that a trial takes at most.
const LIMIT: f64 = 5.0;
/// A run of the trial is over when it has taken this long and made this many frames: fewer mean nothing.
const TIME: Duration = Duration::from_millis(300);
const FRAMES: usize = 8;
/// The first frames of a run come while the stages' queues fill.
const FILLING: usize = 6;
/// Rounds in which all splits run; the best run of each counts, since other work on the machine only takes.
const ROUNDS: usize = 2;
/// By how much another split must be faster than the rules' to be believed.
const MARGIN: f64 = 1.05;

/// Loads the models of a job, understood as `plan`. With `auto_tune` threads are split as an earlier trial found best
/// for a job of this kind, or by a trial now, unless the user has split them or the job is short.
///
/// # Errors
/// As [`LoadedJob::new`].
pub fn load(job: &Job, plan: Plan, auto_tune: bool, cancel: &Cancel, observer: &dyn Observer) -> Result<LoadedJob> {
    observer.event(Event::Phase { phase: JobPhase::Loading, limit: None });
    device_check::run(job, &plan, cancel);
    let open = auto_tune && job.model.threads == 0 && job.split.workers == 0;
    if !open || plan.frames.is_none_or(|n| n < LONG) {
        return LoadedJob::new(job, plan);
    }
    let remembered = TuningCache::<TunedShares>::new(&cache::folder());
    let kind = kind(job, &plan, &Machine::detect());
    if let Some(found) = remembered.get(&kind) {
        tracing::info!("{} threads for the model and {} workers, from an earlier trial", found.infer, found.workers);
        return LoadedJob::new(&split(job, found.infer, found.workers), plan);
    }
    let began = Instant::now();
    let loaded = LoadedJob::new(job, plan)?;
    let cores = if job.threads > 0 { job.threads } else { vrseg_hardware::cores() };
    let splits = rules::shares_to_try(cores, loaded.threads(), !loaded.provider().is_gpu());
    if splits.len() < 2 || cancel.is_requested() {
        return Ok(loaded);
    }
    observer.event(Event::Phase { phase: JobPhase::Tuning, limit: Some(LIMIT) });
    let load_time = began.elapsed();
    let began = Instant::now();
    let trial = Trial { job, cancel, load_time, began };
    let (loaded, result) = trial.run(loaded, splits)?;
    if cancel.is_requested() {
        return Ok(loaded);
    }
    result.remember(&remembered, &kind);
    let Measured { best, gain, tried } = result;
    let (infer, workers) = (best.infer, best.compose);
    observer.event(Event::Tuned { infer, workers, gain, tried, seconds: began.elapsed().as_secs_f64() });
    Ok(loaded)
}

/// The job with threads split so.
fn split(job: &Job, infer: usize, workers: usize) -> Job {
    let mut job = job.clone();
    (job.model.threads, job.split.workers) = (infer, workers);
    job
}

/// All that the best split depend on.
fn kind(job: &Job, plan: &Plan, machine: &Machine) -> String {
    let video = &plan.input.video;
    let (w, h) = plan.model_input_size();
    let gpus: Vec<_> = machine.gpu.cards.iter().map(|c| c.name.as_str()).collect();
    let encoders: Vec<_> = plan.encoders.iter().map(|e| e.description.as_str()).collect();
    format!(
        "vrseg {} on {}, {} cores of {} {:?}, device {} {:?} {:?}; {} {} {w}x{h} for {} pictures, {} frames at once; \
         {}x{} {:?}; {}; crops {:?}, stereo {}, refined {}, every {}",
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
    )
}

/// A trial of several splits of threads.
struct Trial<'a> {
    job: &'a Job,
    cancel: &'a Cancel,
    /// How long the models took to load.
    load_time: Duration,
    began: Instant,
}

/// What a trial found.
struct Measured {
    best: Threads,
    /// Its speed over that of the rules' split.
    gain: f64,
    /// Splits that were compared.
    tried: usize,
}

impl Measured {
    /// Stores the result for the next job of that kind. A trial that failed, or compared nothing in its time, has none:
    /// the next job tries again.
    fn remember(&self, cache: &TuningCache<TunedShares>, kind: &str) {
        if self.tried < 2 {
            return;
        }
        let when = tuning_cache::now();
        let found = TunedShares { infer: self.best.infer, workers: self.best.compose, gain: self.gain, when };
        if let Err(e) = cache.put(kind, found) {
            tracing::info!("the trial's result can't be stored: {e}");
        }
    }
}

impl Trial<'_> {
    /// Runs the beginning of the job with each of `splits`, the first of which is the rules' and that of `loaded`.
    /// Returns the models as loaded for the fastest.
    fn run(&self, mut loaded: LoadedJob, splits: Vec<Threads>) -> Result<(LoadedJob, Measured)> {
        let rule = splits[0];
        let backends = loaded.backends();
        // Whoever first reads the input gets it open: that is the job.
        let opened = loaded.plan.opened.take();
        let plan = loaded.plan().unopened();
        let mut by_threads = BTreeMap::from([(rule.infer, loaded)]);
        let (best, gain, tried) = self.measure(&mut by_threads, splits).unwrap_or((rule, 1.0, 1));
        let whole = |loaded: &LoadedJob| rule.infer != best.infer || loaded.backends() == backends;
        let mut loaded = match by_threads.remove(&best.infer).filter(whole) {
            Some(loaded) => loaded,
            // A device that failed in the trial fails again in the job, which then reports it.
            None => LoadedJob::new(&split(self.job, best.infer, best.compose), plan)?,
        };
        loaded.set_workers(best.compose);
        loaded.plan.opened = opened;
        Ok((loaded, Measured { best, gain, tried }))
    }

    fn left(&self) -> Duration {
        Duration::from_secs_f64(LIMIT).saturating_sub(self.began.elapsed())
    }

    /// The best split, its gain and how many were compared; `None` where the time doesn't suffice, where a run fails,
    /// as the job then will too, and where the user wants to stop.
    fn measure(
        &self,
        by_threads: &mut BTreeMap<usize, LoadedJob>,
        splits: Vec<Threads>,
    ) -> Option<(Threads, f64, usize)> {
        let rule = splits[0];
        let (mut piece, _folder) = harmless(self.job).ok()?;
        // One run's outputs lie where the one before had its own. Getting anywhere else in the job than to its
        // beginning may take longer than the trial.
        (piece.overwrite, piece.range.frames) = (true, Some(LONG));
        let first_run = Instant::now();
        // One run of many that have to fit.
        let share = self.began + Duration::from_secs_f64(LIMIT / 4.0);
        let first = speed(&piece, by_threads.get_mut(&rule.infer)?, self.cancel, share)?;
        let run_time = first_run.elapsed();
        let splits = self.affordable(by_threads, &plan_of(by_threads, rule)?, splits, run_time);
        if splits.len() < 2 {
            return None;
        }
        let ends = self.began + Duration::from_secs_f64(LIMIT);
        let mut speeds = vec![Vec::new(); splits.len()];
        speeds[0].push(first);
        let mut run = |n: usize, speeds: &mut Vec<Vec<f64>>| -> Option<()> {
            let loaded = by_threads.get_mut(&splits[n].infer)?;
            loaded.set_workers(splits[n].compose);
            speeds[n].push(speed(&piece, loaded, self.cancel, ends)?);
            Some(())
        };
        (1..splits.len()).try_for_each(|n| run(n, &mut speeds))?;
        for _ in 1..ROUNDS {
            (0..splits.len()).try_for_each(|n| run(n, &mut speeds))?;
        }
        let mut best = choose(&speeds);
        if best != 0 {
            // What is remembered for long has to win once more.
            for _ in 0..ROUNDS {
                [0, best].into_iter().try_for_each(|n| run(n, &mut speeds))?;
            }
            best = choose(&speeds);
        }
        Some((splits[best], highest(&speeds[best]) / highest(&speeds[0]), splits.len()))
    }

    /// Those of `splits` that can be compared in the time that is left, where a run takes `run_time`; their models are
    /// loaded. Other workers cost nothing but the runs, so they come first.
    fn affordable(
        &self,
        by_threads: &mut BTreeMap<usize, LoadedJob>,
        plan: &Plan,
        splits: Vec<Threads>,
        run_time: Duration,
    ) -> Vec<Threads> {
        let rule = splits[0];
        let (cheap, others): (Vec<_>, Vec<_>) = splits.into_iter().partition(|s| s.infer == rule.infer);
        // All rounds but the run that was, and those that confirm.
        let fits =
            |n: usize, loading: Duration| run_time * (n * ROUNDS - 1 + 2 * ROUNDS) as u32 + loading < self.left();
        let mut chosen: Vec<Threads> = vec![rule];
        for other in cheap.into_iter().skip(1) {
            if fits(chosen.len() + 1, Duration::ZERO) {
                chosen.push(other);
            }
        }
        let mut expected = None;
        for other in others {
            // Loading, and two batches of noise through every model.
            if !fits(chosen.len() + 1, self.load_time * 3 / 2) {
                continue;
            }
            let Some(loaded) = by_threads.get_mut(&rule.infer) else { break };
            let expected = &*expected.get_or_insert_with(|| mattes_of_noise(loaded, self.job));
            let Ok(mut loaded) = LoadedJob::new(&split(self.job, other.infer, other.compose), plan.unopened()) else {
                continue;
            };
            if mattes_of_noise(&mut loaded, self.job) != *expected {
                tracing::info!("{} threads for the model would change its mattes' last bits", other.infer);
                continue;
            }
            by_threads.insert(other.infer, loaded);
            chosen.push(other);
        }
        chosen
    }
}

fn plan_of(by_threads: &BTreeMap<usize, LoadedJob>, rule: Threads) -> Option<Plan> {
    Some(by_threads.get(&rule.infer)?.plan().unopened())
}

/// What each model makes of two pictures of noise, one after the other. How it shares out its work depends on
/// the pictures' size alone, so what differs with noise is what would differ with any picture.
fn mattes_of_noise(loaded: &mut LoadedJob, job: &Job) -> Option<Vec<Plane<f32>>> {
    let n = loaded.plan().pictures(job);
    let (plan, runners, _) = loaded.parts();
    let mut mattes = Vec::new();
    for (runner, (width, height)) in runners.into_iter().zip(plan.model_input_sizes()) {
        let mut states = States::default();
        for round in 0..2u32 {
            // Numbers from 0 to 1 that look random: a counter times 2^32 / the golden ratio (Knuth's hash).
            let noise = |i: usize| (i as u32 ^ round << 31).wrapping_mul(0x9E37_79B9) as f32 / u32::MAX as f32;
            let batch = Batch { data: (0..n * 3 * width * height).map(noise).collect(), n, width, height };
            let mut alphas = Vec::new();
            runner.run(&batch, &mut states, &mut alphas).ok()?;
            mattes.append(&mut alphas);
        }
    }
    Some(mattes)
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
        let best = Threads { decode: 1, infer: 3, prepare: 1, compose: 2, encode: 1 };
        Measured { best, gain: 1.0, tried: 1 }.remember(&cache, "failed");
        assert_eq!(cache.get("failed"), None);
        Measured { best, gain: 1.0, tried: 2 }.remember(&cache, "whole");
        assert_eq!(cache.get("whole").map(|found| (found.infer, found.workers)), Some((3, 2)));
    }

    #[test]
    fn only_clearly_faster_splits_beat_the_rules() {
        assert_eq!(choose(&[vec![10.0, 9.0], vec![10.4, 10.0]]), 0, "a few percent are noise");
        assert_eq!(choose(&[vec![10.0, 9.0], vec![12.0, 8.0]]), 0, "once faster, once slower");
        assert_eq!(choose(&[vec![10.0, 9.0], vec![11.0, 9.5], vec![12.0, 9.5]]), 2);
        assert_eq!(choose(&[vec![10.0, 9.0]]), 0);
    }
}
