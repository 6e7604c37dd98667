//! Checks what `--device auto` would choose on a CPU: OpenVINO in bfloat16 has to be faster on this machine than ONNX
//! Runtime's own kernels, and to see the same people. Both run on frames of the job; the result is remembered for the
//! machine and the model.

use super::load::openvino_rule;
use super::moment::next_frame;
use super::{Assembly, LoadedJob};
use crate::edits::Edits;
use crate::error::Result;
use crate::frame::{Cuts, InferenceBatch};
use crate::graph::{Cancel, Stage};
use crate::plan::Plan;
use crate::spec::Job;
use crate::stages::{BatchLimits, Decode};
use crate::tune::tuning_cache::{self, Found, TuningCache};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use vrseg_hardware::Cpu;
use vrseg_hardware::cgroup::Limits;
use vrseg_image::plane::Plane;
use vrseg_infer::provider::Provider;
use vrseg_infer::{Batch, DeviceChoice, ModelRunner, States, cache};
use vrseg_media::{DecodeOptions, Reader, TimeRange};

/// Agreement of the mattes (intersection over union) and speed from which on OpenVINO is used. Of RVM's mattes in bfloat16
/// 0.97 agree with those in FP32; kernels that are wrong give much less.
const MIN_IOU: f64 = 0.9;
const MIN_SPEED: f64 = 1.1;
/// Where in the video the frames are, as shares of its length, until one shows somebody.
const PLACES: [f64; 4] = [0.0, 0.25, 0.5, 0.75];
/// Share of the pictures that must be somebody's for their agreement to mean anything.
const MIN_PEOPLE: f64 = 0.002;
/// Runs of each that are timed, in turns, after one that isn't.
const RUNS: usize = 3;

/// How OpenVINO compares with ONNX Runtime's own kernels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DeviceCheck {
    /// Agreement of the mattes, 0..=1.
    pub iou: f64,
    /// How many times as fast it is.
    pub speed: f64,
    /// When it was tried, in seconds since 1970.
    pub when: u64,
}

impl DeviceCheck {
    /// Whether OpenVINO is to be used.
    pub(super) fn accepts(&self) -> bool {
        self.iou >= MIN_IOU && self.speed >= MIN_SPEED
    }

    /// The result in a few words.
    pub(super) fn text(&self) -> String {
        format!("{:.1} times as fast as cpu, IoU {:.2}", self.speed, self.iou)
    }
}

impl Found for DeviceCheck {
    const FILE: &'static str = "devices-1.json";

    fn when(&self) -> u64 {
        self.when
    }

    fn is_plausible(&self) -> bool {
        (0.0..=1.0).contains(&self.iou) && self.speed > 0.0 && self.speed.is_finite()
    }
}

/// What this process has found, by kind; `None`: nothing, since nobody was in the frames or the check failed. So a verdict
/// holds for the whole process, even if it can't be stored.
static FOUND: Mutex<BTreeMap<String, Option<DeviceCheck>>> = Mutex::new(BTreeMap::new());

/// What an earlier check found for the job's models on this machine.
pub(super) fn remembered(job: &Job, plan: &Plan, cpu: &Cpu) -> Option<DeviceCheck> {
    found(&kind(job, plan, cpu)).flatten()
}

/// What this process or an earlier one has found; `None`: it hasn't been checked.
fn found(kind: &str) -> Option<Option<DeviceCheck>> {
    let here = FOUND.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied();
    here.or_else(|| TuningCache::new(&cache::folder()).get(kind).map(Some))
}

/// All that the result depends on.
fn kind(job: &Job, plan: &Plan, cpu: &Cpu) -> String {
    let models: Vec<_> = match plan.crop_plan() {
        Some(people) => people.crop_models.iter().map(|crop| &crop.model).collect(),
        None => vec![&plan.model],
    };
    let sums: Vec<_> = models.iter().map(|m| m.manifest.sha256.to_string()).collect();
    let sizes: Vec<_> = plan.model_input_sizes().collect();
    format!(
        "vrseg {} on {} with {} cores, {} threads: {} at {:?}",
        env!("CARGO_PKG_VERSION"),
        cpu.model,
        cpu.usable,
        job.threads,
        sums.join(" and "),
        sizes,
    )
}

/// Checks OpenVINO on the job's frames, where `auto` would choose it and it hasn't been checked. A check that fails says
/// nothing: what is wrong with the job, it will say itself.
pub(super) fn run(job: &Job, plan: &Plan, cancel: &Cancel) {
    let cpu = Cpu::detect(&Limits::detect());
    if !openvino_rule(job, plan, &cpu) {
        return;
    }
    let kind = kind(job, plan, &cpu);
    if found(&kind).is_some() {
        return;
    }
    let found = check(job, plan, cancel).unwrap_or_else(|e| {
        tracing::info!("openvino in bfloat16 isn't checked: {e}");
        None
    });
    FOUND.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone(), found);
    let Some(found) = found else { return };
    let verdict = if found.accepts() { "openvino" } else { "cpu" };
    tracing::info!("checked openvino in bfloat16: {}; using {verdict}", found.text());
    if let Err(e) = TuningCache::new(&cache::folder()).put(&kind, found) {
        tracing::info!("the result can't be stored: {e}");
    }
}

/// Runs the models of the job with both; `None` where OpenVINO doesn't load or nobody was found.
fn check(job: &Job, plan: &Plan, cancel: &Cancel) -> Result<Option<DeviceCheck>> {
    // OpenVINO's library is loaded first, since a process can have only one: it has the CPU's own kernels, too.
    let mut fast = LoadedJob::new(job, plan.unopened())?;
    if fast.provider() != Provider::OpenVino {
        return Ok(None);
    }
    let mut on_cpu = job.clone();
    on_cpu.model.device = DeviceChoice::Cpu;
    let mut exact = LoadedJob::new(&on_cpu, plan.unopened())?;
    for place in PLACES {
        let Some(batch) = frame_at(job, &mut exact, place, cancel)? else { continue };
        let Some((iou, speed)) = compare(&mut exact, &mut fast, &batch.batches)? else { continue };
        return Ok(Some(DeviceCheck { iou, speed, when: tuning_cache::now() }));
    }
    tracing::info!("openvino in bfloat16 isn't checked: nobody is in the frames that were tried");
    Ok(None)
}

/// What the models see of the frame at a place of the job; `None` where nobody was found in it.
fn frame_at(job: &Job, loaded: &mut LoadedJob, place: f64, cancel: &Cancel) -> Result<Option<InferenceBatch>> {
    let mut piece = Job { edits: Edits::default(), ..job.clone() };
    piece.matte.every = 1;
    let threads = loaded.threads();
    let (plan, _, mut locator) = loaded.parts();
    let length = plan.frames.map_or(0.0, |n| n as f64 / plan.fps());
    let start = job.range.start.unwrap_or(0.0) + place * length;
    piece.range = TimeRange { start: Some(start), ..TimeRange::default() };
    let options =
        DecodeOptions { choice: job.choice, range: piece.range, threads: threads.decode, ..DecodeOptions::default() };
    let mut reader = Reader::open(&job.input, &options)?;
    let mut decode = Decode::new(&mut reader, Vec::new(), Cuts::none());
    let assembly = Assembly::new(&piece, plan);
    let recycling = assembly.recycling(1, 1);
    if let Some(locator) = &mut locator {
        locator.restore(None);
    }
    let on_crops = plan.crop_plan().is_some();
    let warn = |message: String| tracing::warn!("{message}");
    let mut scenes = assembly.scenes(None, locator, &warn);
    let Some(decoded) = next_frame(&mut decode, cancel)? else { return Ok(None) };
    let sampled = scenes.process(assembly.sample(&recycling).process(decoded)?)?.pop();
    let Some(sampled) = sampled.filter(|s| !on_crops || !s.frame.people.is_empty()) else { return Ok(None) };
    assembly.gather(BatchLimits::frames(1), &recycling).process(assembly.cut_windows(&recycling).process(sampled)?)
}

/// Agreement and speed of two loads of the same models on the same pictures; `None` where there is nobody.
fn compare(exact: &mut LoadedJob, fast: &mut LoadedJob, batches: &[Batch]) -> Result<Option<(f64, f64)>> {
    let (mut both, mut either, mut samples) = (0, 0, 0);
    let mut times = [Duration::ZERO; 2];
    let (_, exact, _) = exact.parts();
    let (_, fast, _) = fast.parts();
    for ((exact, fast), batch) in exact.into_iter().zip(fast).zip(batches).filter(|(_, batch)| batch.n > 0) {
        let mut runs = [TimedRuns::new(exact), TimedRuns::new(fast)];
        for round in 0..=RUNS {
            runs.iter_mut().try_for_each(|run| run.once(batch, round > 0))?;
        }
        for (time, run) in times.iter_mut().zip(&runs) {
            *time += run.best;
        }
        let [exact, fast] = &runs;
        for (a, b) in exact.alphas.iter().zip(&fast.alphas) {
            for (a, b) in a.data().iter().zip(b.data()) {
                let (a, b) = (*a >= 0.5, *b >= 0.5);
                (both, either, samples) = (both + u64::from(a && b), either + u64::from(a || b), samples + 1);
            }
        }
    }
    if samples == 0 || (either as f64) < MIN_PEOPLE * samples as f64 {
        return Ok(None);
    }
    let [exact, fast] = times.map(|time| time.as_secs_f64().max(1e-9));
    Ok(Some((both as f64 / either as f64, exact / fast)))
}

/// Runs of a model on the same pictures.
struct TimedRuns<'a> {
    runner: &'a mut ModelRunner,
    states: States,
    alphas: Vec<Plane<f32>>,
    /// The fastest: other work on the machine only takes.
    best: Duration,
}

impl<'a> TimedRuns<'a> {
    fn new(runner: &'a mut ModelRunner) -> Self {
        Self { runner, states: States::default(), alphas: Vec::new(), best: Duration::MAX }
    }

    fn once(&mut self, batch: &Batch, counts: bool) -> Result<()> {
        let began = Instant::now();
        self.runner.run(batch, &mut self.states, &mut self.alphas)?;
        if counts {
            self.best = self.best.min(began.elapsed());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_faster_and_sees_the_same_is_accepted() {
        let check = |iou: f64, speed: f64| DeviceCheck { iou, speed, when: 1 };
        let cases = [(0.97, 1.6, true), (0.97, 1.05, false), (0.5, 3.0, false), (0.9, 1.1, true)];
        for (iou, speed, expected) in cases {
            assert_eq!(check(iou, speed).accepts(), expected, "{iou} {speed}");
        }
        assert_eq!(check(0.968, 1.62).text(), "1.6 times as fast as cpu, IoU 0.97");
        assert!(check(1.0, 2.0).is_plausible() && !check(f64::NAN, 2.0).is_plausible());
        assert!(!check(0.9, 0.0).is_plausible());
    }

    #[test]
    fn results_are_remembered_by_kind() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = TuningCache::<DeviceCheck>::new(dir.path());
        let check = DeviceCheck { iou: 0.97, speed: 1.5, when: 1 };
        cache.put("a machine and a model", check).expect("stored");
        assert_eq!(cache.get("a machine and a model"), Some(check));
        assert_eq!(cache.get("another"), None);
    }
}
