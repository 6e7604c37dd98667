//! The search for faster settings: which are tried, and how the slow ones fall out early. It knows
//! nothing of how a trial is run: a [`TrialRunner`] measures.
//!
//! A full grid of devices, sizes, batches and threads would take hours. What computes (device,
//! arithmetic, input size) decides most and is tried first; how the cores and the memory are
//! shared out follows on the best of those, one change at a time, with successive halving (Jamieson
//! and Talwalkar, AISTATS 2016: all get a short trial, the better half a longer one ...). Changes
//! that helped by themselves are then tried together. What comes out is measured once more against
//! the settings as they were, in turns.

use super::rules::Threads;
use std::collections::BTreeMap;
use std::fmt;

/// Settings that differ from the user's: name and value as in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Candidate(BTreeMap<&'static str, String>);

/// Settings on which the matte depends.
const ARITHMETIC: [&str; 3] = ["device.name", "model.precision", "model.input_size"];

impl Candidate {
    /// The same with one more setting, or another value of it.
    pub fn with(&self, name: &'static str, value: impl ToString) -> Self {
        let mut all = self.0.clone();
        all.insert(name, value.to_string());
        Self(all)
    }

    /// The settings, sorted by name.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// One setting's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What decides its matte.
    pub fn arithmetic(&self) -> Self {
        Self(self.0.iter().filter(|(name, _)| ARITHMETIC.contains(name)).map(|(n, v)| (*n, v.clone())).collect())
    }

    /// This one's settings and those of `other`, which win.
    fn and(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(other.0.iter().map(|(n, v)| (*n, v.clone())));
        Self(all)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("as it is");
        }
        let all: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// What may be changed.
#[derive(Clone, Debug)]
pub struct Space {
    /// Devices beside the one that the settings choose, as `device.name` takes them.
    pub devices: Vec<String>,
    /// The device that the settings choose is the CPU.
    pub on_cpu: bool,
    /// Settings that the user has given: they stay.
    pub fixed: Vec<&'static str>,
    /// The arithmetic is not asked for, so it may be changed.
    pub precision: bool,
    /// Longer side of the model's input now, the smallest it takes and what it must be a multiple
    /// of; `None`: it takes only one.
    pub size: Option<(u32, u32, u32)>,
    /// Each frame needs the result of the one before.
    pub recurrent: bool,
    /// Frames at once that the settings mean.
    pub batch: usize,
    /// Most frames at once that fit a GPU's memory.
    pub largest_batch: usize,
    /// Threads of the whole job.
    pub cores: usize,
    /// How they are shared out now.
    pub threads: Threads,
    /// Bytes of frames between the stages now.
    pub queue_bytes: u64,
}

impl Space {
    fn open(&self, name: &str) -> bool {
        !self.fixed.contains(&name)
    }

    /// What may compute the model, and at which size; the settings as they are come first.
    pub fn arithmetic(&self) -> Vec<Candidate> {
        let start = Candidate::default();
        let mut all = vec![start.clone()];
        if self.open("device.name") {
            all.extend(self.devices.iter().map(|d| start.with("device.name", d)));
        }
        // The other arithmetic that a device has: its own fastest is what `auto` means already.
        if self.precision && self.open("model.precision") {
            let exact: Vec<_> = (all.iter())
                .filter(|c| c.get("device.name").is_some_and(|d| d != "cpu"))
                .map(|c| c.with("model.precision", "fp32"))
                .collect();
            all.extend(exact);
        }
        if let Some((size, least, multiple)) = self.size.filter(|_| self.open("model.input_size")) {
            let smaller = [3, 2].map(|quarters| size * quarters / 4 / multiple * multiple);
            let sizes: Vec<_> = smaller.into_iter().filter(|s| *s >= least && *s < size).collect();
            let at = |c: &Candidate| sizes.iter().map(|s| c.with("model.input_size", s)).collect::<Vec<_>>();
            let smaller: Vec<_> = all.iter().flat_map(at).collect();
            all.extend(smaller);
        }
        all
    }

    /// Changes of how cores and memory are shared out, one each. `on_cpu`: the model's threads are
    /// cores of the CPU.
    pub fn sharing(&self, on_cpu: bool) -> Vec<Candidate> {
        let start = Candidate::default();
        let mut all = Vec::new();
        let mut add = |name: &'static str, now: usize, values: &[usize], most: usize| {
            if !self.open(name) {
                return;
            }
            let mut values: Vec<_> = values.iter().copied().filter(|v| *v >= 1 && *v <= most && *v != now).collect();
            values.sort_unstable();
            values.dedup();
            all.extend(values.into_iter().map(|v| start.with(name, v)));
        };
        let (cores, t) = (self.cores.max(1), self.threads);
        if !self.recurrent {
            let most = if on_cpu { 8 } else { self.largest_batch };
            add("model.batch_size", self.batch, &[1, 2, 4, 8, 16], most.min(16));
        }
        if on_cpu {
            add("device.threads", t.infer, &[t.infer / 2, cores / 4, cores], cores);
        }
        add("processing.workers", t.compose, &[t.compose / 2, t.compose * 2], cores.max(2));
        add("processing.decode_threads", t.decode, &[t.decode / 2, t.decode * 2], cores);
        add("processing.encode_threads", t.encode, &[t.encode / 2, cores], cores);
        let queue = (self.queue_bytes >> 20) as usize;
        add("processing.queue_mb", queue, &[queue / 2, queue * 2], 1 << 20);
        all
    }
}

/// Measures candidates on the real pipeline.
pub trait TrialRunner {
    /// Frames per second of a run over this many frames.
    ///
    /// # Errors
    /// Why it can't run so; the search continues without it.
    fn fps(&mut self, candidate: &Candidate, frames: u64) -> Result<f64, String>;
    /// Overlap (IoU, 0..=1) of its matte with the one that FP32 on the CPU makes with the settings as
    /// they are.
    ///
    /// # Errors
    /// Why it can't be judged, which is as good as too low.
    fn iou(&mut self, candidate: &Candidate) -> Result<f64, String>;
    /// The user requested its end.
    fn stopped(&self) -> bool;
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The least IoU with the FP32 matte.
    pub floor: f64,
    /// Frames per second that are enough: of those that reach it, the best matte is taken.
    pub target_fps: Option<f64>,
    /// Frames of the clip: no trial is longer.
    pub frames: u64,
}

/// A candidate's longest trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The candidate.
    pub candidate: Candidate,
    /// Frames per second in its longest trial, or why it could not run.
    pub fps: Result<f64, String>,
    /// Frames of that trial.
    pub frames: u64,
    /// IoU with the FP32 matte, where it was measured, or why it could not be.
    pub iou: Option<Result<f64, String>>,
}

/// The last comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct FinalComparison {
    /// What was found.
    pub candidate: Candidate,
    /// Frames of each run.
    pub frames: u64,
    /// Frames per second before, run by run.
    pub before: Vec<f64>,
    /// Frames per second after, each run beside the one of the same number before.
    pub after: Vec<f64>,
    /// How many times as fast: the median over the pairs.
    pub gain: f64,
    /// IoU with the FP32 matte.
    pub iou: f64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// All that was tried, in order.
    pub tried: Vec<Tried>,
    /// What was compared with the settings as they were in the end; `None`: nothing seemed faster.
    pub duel: Option<FinalComparison>,
    /// [`FinalComparison::gain`] is enough to be believed.
    pub faster: bool,
    /// The user ended it early.
    pub stopped: bool,
}

/// Seconds of the trials: the first, those of what is still in, and each run of the last comparison.
const RUNGS: [f64; 2] = [0.8, 2.0];
const DUEL: f64 = 2.5;
/// Frames of a trial at the least: fewer say nothing.
const LEAST: u64 = 6;
/// Pairs of runs of the last comparison.
const PAIRS: usize = 3;
/// What the last comparison must show, as a factor. Pairs of equal settings scattered by up to 2 %
/// on a quiet machine.
const WORTH: f64 = 1.03;
/// What a change must show by itself to be followed.
const HOPE: f64 = 1.01;
/// Candidates whose matte is compared before the second rung.
const JUDGED: usize = 3;

/// Looks for faster settings.
///
/// # Errors
/// When the current settings can't run.
pub fn search(trials: &mut dyn TrialRunner, space: &Space, goal: &Goal) -> Result<Outcome, String> {
    let start = Candidate::default();
    // The first run fills the disk's cache and shows how many frames a second has.
    let pace = trials.fps(&start, LEAST.min(goal.frames))?;
    let mut run = Search { trials, goal, pace, tried: Vec::new() };
    // A GPU's name has its number: cuda:0.
    let on_cpu = |c: &Candidate| c.get("device.name").map_or(space.on_cpu, |d| !d.contains(':'));
    let mut best = run.arithmetic(space.arithmetic())?;
    best = run.sharing(&best, &space.sharing(on_cpu(&best)));
    let duel = if best.is_empty() || run.trials.stopped() { None } else { run.duel(&best)? };
    let faster = duel.as_ref().is_some_and(|d| d.gain >= WORTH && d.iou >= goal.floor);
    Ok(Outcome { stopped: run.trials.stopped(), tried: run.tried, duel, faster })
}

struct Search<'a> {
    trials: &'a mut dyn TrialRunner,
    goal: &'a Goal,
    /// Frames per second of the settings as they are, roughly.
    pace: f64,
    tried: Vec<Tried>,
}

impl Search<'_> {
    /// Frames of a trial of this many seconds.
    fn frames(&self, seconds: f64) -> u64 {
        ((self.pace * seconds) as u64).max(LEAST).min(self.goal.frames.max(1))
    }

    fn measure(&mut self, candidate: &Candidate, seconds: f64) -> Option<f64> {
        if self.trials.stopped() {
            return None;
        }
        // A device that fails by itself fails at every size.
        let device = candidate.get("device.name").map(|d| Candidate::default().with("device.name", d));
        if self.tried.iter().any(|t| t.fps.is_err() && Some(&t.candidate) == device.as_ref()) {
            return None;
        }
        let frames = self.frames(seconds);
        let fps = self.trials.fps(candidate, frames);
        let found = fps.as_ref().ok().copied();
        match self.tried.iter_mut().find(|t| t.candidate == *candidate) {
            Some(tried) => (tried.fps, tried.frames) = (fps, frames),
            None => self.tried.push(Tried { candidate: candidate.clone(), fps, frames, iou: None }),
        }
        found
    }

    /// The IoU of the candidate's matte; each arithmetic is judged once.
    fn judge(&mut self, candidate: &Candidate) -> Option<f64> {
        if candidate.arithmetic().is_empty() {
            return Some(1.0);
        }
        let alike = |t: &&Tried| t.candidate.arithmetic() == candidate.arithmetic() && t.iou.is_some();
        let known = self.tried.iter().find(alike).and_then(|t| t.iou.clone());
        let iou = known.unwrap_or_else(|| self.trials.iou(candidate));
        if let Some(tried) = self.tried.iter_mut().find(|t| t.candidate == *candidate) {
            tried.iou = Some(iou.clone());
        }
        iou.ok()
    }

    /// The measured ones, the fastest first.
    fn ranking(&mut self, candidates: &[Candidate], seconds: f64) -> Vec<(Candidate, f64)> {
        let mut all: Vec<_> = candidates.iter().filter_map(|c| Some((c.clone(), self.measure(c, seconds)?))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }

    /// What computes best: of those whose matte is good enough the fastest, or, where a speed is
    /// enough, the best matte that reaches it.
    fn arithmetic(&mut self, candidates: Vec<Candidate>) -> Result<Candidate, String> {
        let start = Candidate::default();
        let first = self.ranking(&candidates, RUNGS[0]);
        let Some(usual) = first.iter().find(|(c, _)| *c == start).map(|(_, fps)| *fps) else {
            return if self.trials.stopped() { Ok(start) } else { Err("the current settings can't run".to_owned()) };
        };
        // Where a speed is enough, the slower ones may have the better matte.
        let judged = if self.goal.target_fps.is_some() { 2 * JUDGED } else { JUDGED };
        let mut finalists = vec![start.clone()];
        let mut matte = vec![1.0];
        for (candidate, fps) in first.iter().filter(|(c, _)| *c != start) {
            if *fps < usual * HOPE || finalists.len() > judged || self.trials.stopped() {
                break;
            }
            if let Some(iou) = self.judge(candidate).filter(|iou| *iou >= self.goal.floor) {
                finalists.push(candidate.clone());
                matte.push(iou);
            }
        }
        if finalists.len() == 1 {
            return Ok(start);
        }
        let last = self.ranking(&finalists, RUNGS[1]);
        let iou_of = |c: &Candidate| finalists.iter().position(|k| k == c).map_or(0.0, |i| matte[i]);
        let enough = self.goal.target_fps.and_then(|target| {
            let reach = last.iter().filter(|(_, fps)| *fps >= target);
            reach.max_by(|a, b| iou_of(&a.0).total_cmp(&iou_of(&b.0)))
        });
        Ok(enough.or(last.first()).map_or(start, |(c, _)| c.clone()))
    }

    /// The best way to share out cores and memory with `base`'s arithmetic.
    fn sharing(&mut self, base: &Candidate, changes: &[Candidate]) -> Candidate {
        let mut field: Vec<_> = changes.iter().map(|c| base.and(c)).collect();
        let mut last = Vec::new();
        for (i, seconds) in RUNGS.into_iter().enumerate() {
            // The base runs in every rung: the machine may have changed its mood.
            let mut all = vec![base.clone()];
            all.append(&mut field);
            last = self.ranking(&all, seconds);
            let usual = last.iter().find(|(c, _)| c == base).map_or(f64::MAX, |(_, fps)| *fps);
            last.retain(|(c, fps)| c != base && *fps > usual * HOPE);
            let better_half = if i + 1 < RUNGS.len() { changes.len().div_ceil(2) } else { changes.len() };
            last.truncate(better_half);
            field = last.iter().map(|(c, _)| c.clone()).collect();
            if field.is_empty() {
                return base.clone();
            }
        }
        // A setting has one value: the first that set it is the faster one.
        let together = last.iter().rev().fold(base.clone(), |all, (c, _)| all.and(c));
        let (best, fps) = last.swap_remove(0);
        if together != best && self.measure(&together, RUNGS[1]).is_some_and(|both| both > fps) {
            return together;
        }
        best
    }

    /// Measures what was found and the settings as they were in turns.
    fn duel(&mut self, best: &Candidate) -> Result<Option<FinalComparison>, String> {
        let frames = self.frames(DUEL);
        let Some(iou) = self.judge(best) else { return Ok(None) };
        let (start, mut before, mut after) = (Candidate::default(), Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            // Who runs first changes from pair to pair, so that a drift of the machine cancels out.
            for turn in 0..2 {
                let new = (pair + turn) % 2 == 1;
                let fps = self.trials.fps(if new { best } else { &start }, frames);
                if self.trials.stopped() {
                    return Ok(None);
                }
                if new { &mut after } else { &mut before }.push(fps?);
            }
        }
        let mut gains: Vec<_> = before.iter().zip(&after).map(|(b, a)| a / b).collect();
        gains.sort_by(f64::total_cmp);
        let gain = gains[gains.len() / 2];
        Ok(Some(FinalComparison { candidate: best.clone(), frames, before, after, gain, iou }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that is as fast as its formula says.
    struct Machine {
        fps: fn(&Candidate) -> Result<f64, String>,
        iou: fn(&Candidate) -> Result<f64, String>,
        frames: u64,
        stop_after: usize,
        runs: usize,
    }

    impl TrialRunner for Machine {
        fn fps(&mut self, candidate: &Candidate, frames: u64) -> Result<f64, String> {
            self.frames += frames;
            self.runs += 1;
            (self.fps)(candidate)
        }

        fn iou(&mut self, candidate: &Candidate) -> Result<f64, String> {
            (self.iou)(candidate)
        }

        fn stopped(&self) -> bool {
            self.runs >= self.stop_after
        }
    }

    fn machine(fps: fn(&Candidate) -> Result<f64, String>, iou: fn(&Candidate) -> Result<f64, String>) -> Machine {
        Machine { fps, iou, frames: 0, stop_after: usize::MAX, runs: 0 }
    }

    fn space() -> Space {
        Space {
            devices: vec!["openvino".into()],
            on_cpu: true,
            fixed: Vec::new(),
            precision: true,
            size: Some((512, 128, 16)),
            recurrent: false,
            batch: 1,
            largest_batch: 1,
            cores: 2,
            threads: Threads::share(2, 1, true),
            queue_bytes: 96 << 20,
        }
    }

    const GOAL: Goal = Goal { floor: 0.95, target_fps: None, frames: 100 };

    /// OpenVINO doubles the speed, a smaller picture adds to it, two frames at once and another
    /// worker help a little each.
    fn speed(c: &Candidate) -> Result<f64, String> {
        let mut fps = 10.0;
        if c.get("device.name") == Some("openvino") {
            fps *= if c.get("model.precision") == Some("fp32") { 1.1 } else { 2.0 };
        }
        fps *= 512.0 / c.get("model.input_size").map_or(512.0, |s| s.parse().unwrap());
        if c.get("model.batch_size") == Some("2") {
            fps *= 1.05;
        }
        if c.get("processing.workers") == Some("2") {
            fps *= 1.04;
        }
        Ok(fps)
    }

    #[test]
    fn the_fastest_good_matte_is_found_with_all_that_helps() {
        let matte = |c: &Candidate| Ok(if c.get("model.input_size").is_some() { 0.8 } else { 0.99 });
        let found = search(&mut machine(speed, matte), &space(), &GOAL).unwrap();
        let duel = found.duel.unwrap();
        assert_eq!(duel.candidate.to_string(), "device.name: openvino, model.batch_size: 2, processing.workers: 2");
        assert!(found.faster && duel.gain > 2.1 && duel.iou == 0.99, "{}", duel.gain);
        // Smaller pictures were faster and fell through.
        assert!(found.tried.iter().any(|t| t.iou == Some(Ok(0.8))));
    }

    #[test]
    fn a_small_picture_is_taken_where_its_matte_is_good() {
        let found = search(&mut machine(speed, |_| Ok(0.97)), &space(), &GOAL).unwrap();
        assert_eq!(found.duel.unwrap().candidate.get("model.input_size"), Some("256"));
    }

    #[test]
    fn best_matte_among_fast_enough_settings_wins() {
        let matte = |c: &Candidate| Ok(if c.get("model.input_size").is_some() { 0.96 } else { 0.99 });
        let goal = Goal { target_fps: Some(19.0), ..GOAL };
        let found = search(&mut machine(speed, matte), &space(), &goal).unwrap();
        assert_eq!(found.duel.unwrap().candidate.get("model.input_size"), None);
    }

    #[test]
    fn nothing_faster_is_nothing_found() {
        let found = search(&mut machine(|_| Ok(7.0), |_| Ok(1.0)), &space(), &GOAL).unwrap();
        assert!(found.duel.is_none() && !found.faster);
        // What fails is omitted, with its reason.
        let broken = |c: &Candidate| if c.is_empty() { Ok(7.0) } else { Err("no such device".to_owned()) };
        let found = search(&mut machine(broken, |_| Ok(1.0)), &space(), &GOAL).unwrap();
        assert!(found.duel.is_none());
        assert!(found.tried.iter().filter(|t| !t.candidate.is_empty()).all(|t| t.fps.is_err()));
        assert!(search(&mut machine(|_| Err("no".to_owned()), |_| Ok(1.0)), &space(), &GOAL).is_err());
    }

    #[test]
    fn given_settings_are_not_changed() {
        let fixed = vec!["device.name", "model.input_size", "model.batch_size", "processing.workers"];
        let found = search(&mut machine(speed, |_| Ok(1.0)), &Space { fixed, ..space() }, &GOAL).unwrap();
        assert!(found.duel.is_none());
        let names = |c: &Candidate| c.settings().map(|(n, _)| n).collect::<Vec<_>>();
        assert!(found.tried.iter().all(|t| {
            names(&t.candidate).iter().all(|n| n.starts_with("processing.") || n.starts_with("device.threads"))
        }));
    }

    #[test]
    fn a_recurrent_model_takes_one_frame_after_the_other() {
        let space = Space { recurrent: true, ..space() };
        assert!(space.sharing(true).iter().all(|c| c.get("model.batch_size").is_none()));
        // A fixed size is no choice.
        assert_eq!(Space { size: None, devices: vec![], ..space }.arithmetic(), [Candidate::default()]);
    }

    #[test]
    fn it_ends_when_asked_to() {
        let mut machine = Machine { stop_after: 4, ..machine(speed, |_| Ok(1.0)) };
        let found = search(&mut machine, &space(), &GOAL).unwrap();
        assert!(found.stopped && found.duel.is_none());
        assert_eq!(machine.runs, 4);
    }

    #[test]
    fn long_trials_are_for_few() {
        let mut machine = machine(speed, |_| Ok(0.97));
        search(&mut machine, &space(), &GOAL).unwrap();
        // Every candidate at the length of the last comparison would be 25 times 25 frames and more.
        assert!(machine.frames < 500, "{}", machine.frames);
    }
}
