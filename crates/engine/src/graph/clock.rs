//! Where the time goes: work and waiting of every stage, how long it has with a frame, and how many
//! frames wait for it.

use super::histogram::Histogram;
use super::trace::{Activity, Thread, Trace};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The stages of a job, in the order of the data.
pub const STAGES: [&str; 7] = ["decode", "prepare", "windows", "infer", "matte", "compose", "encode"];

/// How one stage spent its time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageReport {
    /// Stage: decode, prepare, windows, infer, matte, compose, encode.
    pub stage: &'static str,
    /// Seconds at work, summed over its threads.
    pub busy: f64,
    /// Seconds waiting for the stage before or after it.
    pub waiting: f64,
    /// Threads that work for it.
    pub threads: u64,
    /// Frames that it finished.
    pub frames: u64,
    /// Units that it finished: frames, in the model batches.
    pub units: u64,
    /// Frames that wait for it just now.
    pub queue: u64,
    /// Seconds of work on a unit: the median.
    pub p50: f64,
    /// 95 of 100 units took less.
    pub p95: f64,
    /// 99 of 100 units took less.
    pub p99: f64,
    /// The unit that took longest.
    pub max: f64,
}

/// Adds up one stage's time over all of its threads.
#[derive(Debug, Default)]
struct StageClock {
    busy_ns: AtomicU64,
    waiting_ns: AtomicU64,
    threads: AtomicU64,
    /// Frames that came in, were finished and went out.
    received: AtomicU64,
    done: AtomicU64,
    handed: AtomicU64,
    /// Work on one unit: a frame, in the model a batch.
    unit: Histogram,
    /// Seconds of the slighter part, of a frame each.
    helped: Histogram,
}

impl StageClock {
    /// Seconds of work so far, per thread: the stage with the most holds the others up.
    fn load(&self) -> f64 {
        seconds(&self.busy_ns) / self.threads.load(Ordering::Relaxed).max(1) as f64
    }
}

fn seconds(ns: &AtomicU64) -> f64 {
    ns.load(Ordering::Relaxed) as f64 * 1e-9
}

/// The clock of one thread of a stage.
#[derive(Debug)]
pub struct Worker<'a> {
    clock: &'a StageClock,
    trace: Option<Thread>,
    /// Work since the last unit was finished.
    busy: Duration,
    /// The frame that is worked on.
    frame: Option<u64>,
    /// It helps the stage's threads, and only its work and what it passes count.
    helper: bool,
}

impl Worker<'_> {
    /// Times work.
    pub fn busy<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let (took, result) = self.timed(Activity::Work, f);
        self.busy += took;
        self.clock.busy_ns.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        result
    }

    /// Times waiting for another stage.
    pub fn waiting<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let (took, result) = self.timed(Activity::Wait, f);
        if self.helper {
            return result;
        }
        self.clock.waiting_ns.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        result
    }

    /// `n` frames came in, the first of them with the number `frame`.
    pub fn take(&mut self, frame: u64, n: usize) {
        #[cfg(debug_assertions)]
        crash_on_order(frame);
        self.frame = Some(frame);
        self.clock.received.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// The work on one unit, of `n` frames, is over.
    pub fn done(&mut self, n: usize) {
        self.clock.unit.record(std::mem::take(&mut self.busy));
        self.clock.done.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// The slighter part of the work on a frame is over.
    pub fn helped(&mut self) {
        self.clock.helped.record(std::mem::take(&mut self.busy));
    }

    /// `n` frames went out to the next stage.
    pub fn hand(&mut self, n: usize) {
        self.clock.handed.fetch_add(n as u64, Ordering::Relaxed);
    }

    fn timed<R>(&self, activity: Activity, f: impl FnOnce() -> R) -> (Duration, R) {
        let start = Instant::now();
        let result = f();
        let took = start.elapsed();
        if let Some(trace) = &self.trace {
            trace.record(activity, self.frame, start, took);
        }
        (took, result)
    }
}

/// Panics where the tests want it: with `VRSEG_CRASH=matte:3` in the stage `matte`, at frame 3. A build for
/// users has no such thing.
#[cfg(debug_assertions)]
fn crash_on_order(frame: u64) {
    static ORDER: OnceLock<Option<(String, u64)>> = OnceLock::new();
    let order = ORDER.get_or_init(|| {
        let order = std::env::var("VRSEG_CRASH").ok()?;
        let (stage, frame) = order.split_once(':')?;
        Some((format!("vrseg-{stage}"), frame.parse().ok()?))
    });
    if let Some((thread, at)) = order {
        let ordered = *at == frame && std::thread::current().name() == Some(thread.as_str());
        assert!(!ordered, "as VRSEG_CRASH ordered");
    }
}

/// The clocks of all stages.
#[derive(Debug, Default)]
pub struct Clocks {
    stages: [StageClock; STAGES.len()],
    trace: OnceLock<(Arc<Trace>, u32)>,
}

impl Clocks {
    /// From now on threads that enter tell a timeline what they do. `name` is that of the job there.
    pub fn trace(&self, trace: &Arc<Trace>, name: &str) {
        let _ = self.trace.set((Arc::clone(trace), trace.process(name)));
    }

    /// One more thread, the calling one, works for a stage named in [`STAGES`].
    ///
    /// # Panics
    /// For any other name.
    pub fn enter(&self, stage: &str) -> Worker<'_> {
        let worker = self.help(stage);
        worker.clock.threads.fetch_add(1, Ordering::Relaxed);
        Worker { helper: false, ..worker }
    }

    /// The calling thread does the slighter part of a stage's work, behind the stage's own threads.
    ///
    /// # Panics
    /// For a stage that is not in [`STAGES`].
    pub fn help(&self, stage: &str) -> Worker<'_> {
        let i = STAGES.iter().position(|s| *s == stage);
        let i = i.unwrap_or_else(|| panic!("no stage is called {stage}"));
        let trace = self.trace.get().map(|(trace, process)| trace.thread(*process, STAGES[i]));
        Worker { clock: &self.stages[i], trace, busy: Duration::ZERO, frame: None, helper: true }
    }

    /// The stage that has worked the most so far.
    pub fn bottleneck(&self) -> &'static str {
        let load = |i: &usize| self.stages[*i].load();
        (0..STAGES.len()).max_by(|a, b| load(a).total_cmp(&load(b))).map_or(STAGES[0], |i| STAGES[i])
    }

    /// What every stage did so far, in order.
    pub fn report(&self) -> Vec<StageReport> {
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let mut handed = 0;
        let mut report = Vec::with_capacity(STAGES.len());
        for (stage, c) in STAGES.into_iter().zip(&self.stages) {
            // A frame goes through both parts.
            let (p, helped) = (c.unit.percentiles(), c.helped.percentiles());
            report.push(StageReport {
                stage,
                busy: seconds(&c.busy_ns),
                waiting: seconds(&c.waiting_ns),
                threads: count(&c.threads),
                frames: count(&c.done),
                units: p.count,
                // A frame may be taken a moment before it is counted as passed. Nothing waits for a stage that
                // the graph doesn't have.
                queue: if count(&c.threads) > 0 { u64::saturating_sub(handed, count(&c.received)) } else { 0 },
                p50: p.p50 + helped.p50,
                p95: p.p95 + helped.p95,
                p99: p.p99 + helped.p99,
                max: p.max + helped.max,
            });
            if count(&c.threads) > 0 {
                handed = count(&c.handed);
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_stage_holds_the_others_up() {
        let c = Clocks::default();
        // Two threads share the encoder's work, one does all of the model's.
        drop((c.enter("encode"), c.enter("encode"), c.enter("infer")));
        c.stages[6].busy_ns.store(Duration::from_secs(3).as_nanos() as u64, Ordering::Relaxed);
        c.stages[3].busy_ns.store(Duration::from_secs(2).as_nanos() as u64, Ordering::Relaxed);
        assert_eq!(c.bottleneck(), "infer");
        assert_eq!(c.report()[3].busy, 2.0);
    }

    #[test]
    fn unsent_items_wait() {
        let c = Clocks::default();
        let (mut prepare, mut infer) = (c.enter("prepare"), c.enter("infer"));
        prepare.hand(4);
        infer.take(0, 2);
        infer.busy(|| std::thread::sleep(Duration::from_millis(2)));
        infer.busy(|| std::thread::sleep(Duration::from_millis(3)));
        infer.done(2);
        let report = c.report();
        assert_eq!((report[3].queue, report[3].frames, report[3].units, report[3].threads), (2, 2, 1, 1));
        // All work on a unit counts as one.
        assert!(report[3].p50 >= 0.005 * 31.0 / 32.0 && report[3].p50 <= report[3].max, "{report:?}");
        assert!((report[3].busy - report[3].max).abs() < 1e-6);
        assert_eq!((report[1].queue, report[2].queue), (0, 0), "there is no stage in between");
        // What a helper does to a frame is a part of the frame's time.
        let mut helper = c.help("infer");
        helper.busy(|| std::thread::sleep(Duration::from_millis(4)));
        helper.helped();
        let both = &c.report()[3];
        assert!((both.units, both.frames) == (1, 2) && both.max >= report[3].max + 0.004, "{both:?}");
    }
}
