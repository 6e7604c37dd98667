//! A short trial at the start of a long job: how the cores are shared out best between the network and the
//! workers is measured on the job itself, not guessed. What is found is kept for the next job of the kind.
//!
//! Only shares on which no bit of the output depends are tried: a job that goes on tomorrow must make the
//! same file, whatever was found meanwhile. Encoders keep their threads for that reason, and so does the
//! network on processors where ONNX Runtime's last bits depend on them (seen on an AMD Zen 5 with AVX-512, not
//! on a Zen 3): its mattes with other threads are compared first.

use super::forecast::harmless;
use super::{LoadedJob, run_part};
use crate::events::{Event, Observer};
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::spec::Job;
use crate::tune::rules;
use crate::tune::tuning_cache::{TunedShares, TuningCache};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vrseg_hardware::Machine;
use vrseg_image::plane::Plane;
use vrseg_infer::cache;
use vrseg_infer::{Batch, States};

/// Frames of a job for which a trial pays: half a minute of video.
const LONG: u64 = 900;
/// A run of the trial is over when it has taken so long and made so many frames: fewer say nothing.
const TIME: Duration = Duration::from_millis(500);
const FRAMES: usize = 8;
/// The first frames of a run come while the stages' queues fill.
const FILLING: usize = 6;
/// Turns in which all shares run; the best run of each counts, since other work on the machine only takes.
const TURNS: usize = 2;
/// By how much another share must be faster than the rules' to be believed.
const MARGIN: f64 = 1.05;

/// How threads are shared out best for a job, understood as `plan`, on this machine: as it was found before, or
/// by a trial of a few seconds. `None` where the user has shared them out, where the job is short, and where the
/// trial fails: then so will the job, and tell why.
pub fn best_shares(job: &Job, plan: &Plan, cancel: &Cancel, observer: &dyn Observer) -> Option<TunedShares> {
    if job.model.threads > 0 || job.split.workers > 0 || plan.frames.is_none_or(|n| n < LONG) {
        return None;
    }
    let kept = TuningCache::new(&cache::folder());
    let kind = kind(job, plan, &Machine::detect());
    if let Some(found) = kept.get(&kind) {
        tracing::info!("threads as found before: {found:?}");
        return Some(found);
    }
    let began = Instant::now();
    let (found, tried) = trial(job, plan, cancel)?;
    if let Err(e) = kept.put(&kind, found) {
        tracing::info!("what the trial found can't be kept: {e}");
    }
    let TunedShares { infer, workers, gain, .. } = found;
    observer.event(Event::Tuned { infer, workers, gain, tried, seconds: began.elapsed().as_secs_f64() });
    Some(found)
}

/// The job with threads shared out so.
pub fn shared_out(job: &Job, infer: usize, workers: usize) -> Job {
    let mut job = job.clone();
    (job.model.threads, job.split.workers) = (infer, workers);
    job
}

/// All that the best shares depend on.
fn kind(job: &Job, plan: &Plan, machine: &Machine) -> String {
    let video = &plan.input.video;
    let (w, h) = plan.network_size();
    let cards: Vec<_> = machine.gpu.cards.iter().map(|c| c.name.as_str()).collect();
    let encoders: Vec<_> = plan.encoders.iter().map(|e| e.description.as_str()).collect();
    format!(
        "vrseg {} on {}, {} cores of {} {:?}, device {} {:?} {:?}; {} {} {w}x{h} for {} pictures, {} frames at once; \
         {}x{} {:?}; {}; crops {:?}, stereo {}, refined {}, every {}",
        env!("CARGO_PKG_VERSION"),
        machine.cpu.model,
        machine.cpu.usable,
        job.threads,
        cards,
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

/// Runs the beginning of the job with every share, and tells the best, and how many were tried.
fn trial(job: &Job, plan: &Plan, cancel: &Cancel) -> Option<(TunedShares, usize)> {
    let (mut piece, _folder) = harmless(job).ok()?;
    // One share's outputs lie where the one before had its own. Getting anywhere else in the job than to its
    // beginning may take longer than the trial.
    (piece.overwrite, piece.range.frames) = (true, Some(LONG));
    // Nothing of a plan depends on how threads are shared out.
    let mut first = LoadedJob::new(&piece, plan.unopened()).ok()?;
    let (on_cpu, rule) = (!first.provider().is_gpu(), first.threads());
    let cores = if job.threads > 0 { job.threads } else { vrseg_hardware::cores() };
    let expected = if on_cpu { mattes_of_noise(&mut first, job) } else { None };
    let mut by_threads = BTreeMap::from([(rule.infer, first)]);
    let mut shares = Vec::new();
    for share in rules::shares_to_try(cores, rule, on_cpu) {
        // The network is loaded anew only for another number of its threads.
        if let Entry::Vacant(gap) = by_threads.entry(share.infer) {
            let piece = shared_out(&piece, share.infer, share.compose);
            let mut loaded = LoadedJob::new(&piece, plan.unopened()).ok()?;
            if mattes_of_noise(&mut loaded, job) != expected {
                tracing::info!("{} threads for the network would change its mattes' last bits", share.infer);
                continue;
            }
            gap.insert(loaded);
        }
        shares.push(share);
    }
    let mut speeds = vec![Vec::new(); shares.len()];
    let mut run = |n: usize, speeds: &mut Vec<Vec<f64>>| -> Option<()> {
        let share = shares[n];
        let loaded = by_threads.get_mut(&share.infer)?;
        loaded.set_workers(share.compose);
        speeds[n].push(speed(&shared_out(&piece, share.infer, share.compose), loaded, cancel)?);
        Some(())
    };
    for _ in 0..TURNS {
        (0..shares.len()).try_for_each(|n| run(n, &mut speeds))?;
    }
    let mut best = choose(&speeds);
    if best != 0 {
        // What is kept for long has to win once more.
        for _ in 0..TURNS {
            [0, best].into_iter().try_for_each(|n| run(n, &mut speeds))?;
        }
        best = choose(&speeds);
    }
    let when = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
    let gain = highest(&speeds[best]) / highest(&speeds[0]);
    Some((TunedShares { infer: shares[best].infer, workers: shares[best].compose, gain, when }, shares.len()))
}

/// What each network makes of two pictures of noise, one after the other. How it shares out its work depends on
/// the pictures' size alone, so what differs with noise is what would differ with any picture.
fn mattes_of_noise(loaded: &mut LoadedJob, job: &Job) -> Option<Vec<Plane<f32>>> {
    let n = loaded.plan().pictures(job);
    let (plan, networks, _) = loaded.parts();
    let mut mattes = Vec::new();
    for (network, (width, height)) in networks.into_iter().zip(plan.network_sizes()) {
        let mut states = States::default();
        for round in 0..2u32 {
            // Numbers from 0 to 1 that look random: a counter times 2^32 / the golden ratio (Knuth's hash).
            let noise = |i: usize| (i as u32 ^ round << 31).wrapping_mul(0x9E37_79B9) as f32 / u32::MAX as f32;
            let batch = Batch { data: (0..n * 3 * width * height).map(noise).collect(), n, width, height };
            let mut alphas = Vec::new();
            network.run(&batch, &mut states, &mut alphas).ok()?;
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

/// Frames per second of a piece, once the queues are full; `None` where it fails, or the user wants to stop.
fn speed(piece: &Job, loaded: &mut LoadedJob, cancel: &Cancel) -> Option<f64> {
    let own = Cancel::new();
    let meter = Meter { own: &own, users: cancel, times: Mutex::new(Vec::new()) };
    let end = run_part(piece, loaded, None, &own, &meter);
    let times = meter.times.into_inner().ok()?;
    if cancel.is_requested() || (end.is_err() && !own.is_aborted()) {
        return None;
    }
    let times = times.get(FILLING..).filter(|times| times.len() > 1)?;
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
    fn only_what_surely_is_faster_beats_the_rules() {
        assert_eq!(choose(&[vec![10.0, 9.0], vec![10.4, 10.0]]), 0, "a few percent are noise");
        assert_eq!(choose(&[vec![10.0, 9.0], vec![12.0, 8.0]]), 0, "once faster, once slower");
        assert_eq!(choose(&[vec![10.0, 9.0], vec![11.0, 9.5], vec![12.0, 9.5]]), 2);
        assert_eq!(choose(&[vec![10.0, 9.0]]), 0);
    }
}
