//! Where the time goes: seconds at work and waiting, per stage.

use super::events::{LatencyReport, StageReport};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The stages of a job, in the order of the data.
pub const STAGES: [&str; 6] = ["decode", "prepare", "infer", "matte", "compose", "encode"];

/// Adds up one stage's time over all of its threads.
#[derive(Debug, Default)]
pub struct StageClock {
    busy_ns: AtomicU64,
    waiting_ns: AtomicU64,
    threads: AtomicU64,
}

impl StageClock {
    /// One more thread works for this stage.
    pub fn enter(&self) {
        self.threads.fetch_add(1, Ordering::Relaxed);
    }

    /// Times work.
    pub fn busy<R>(&self, f: impl FnOnce() -> R) -> R {
        timed(&self.busy_ns, f)
    }

    /// Times waiting for another stage.
    pub fn waiting<R>(&self, f: impl FnOnce() -> R) -> R {
        timed(&self.waiting_ns, f)
    }

    /// Seconds of work so far, per thread: the stage with the most holds the others up.
    fn load(&self) -> f64 {
        seconds(&self.busy_ns) / self.threads.load(Ordering::Relaxed).max(1) as f64
    }
}

/// Steps of [`Latency`] to each doubling of the time.
const STEPS: f64 = 8.0;

/// How long frames were on their way, from the decoder being asked for one until its encoder had
/// taken it: a histogram with steps of 9 %, from 1 ms to over an hour, so that it needs the same memory for
/// any length of video. (What an encoder keeps back to look ahead is not in it.)
#[derive(Debug)]
pub struct Latency {
    steps: [AtomicU64; 180],
    sum_us: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { steps: std::array::from_fn(|_| AtomicU64::new(0)), sum_us: AtomicU64::new(0) }
    }
}

impl Latency {
    /// One more frame took so long.
    pub fn add(&self, time: Duration) {
        let step = ((time.as_secs_f64() * 1e3).max(1.0).log2() * STEPS) as usize;
        self.steps[step.min(self.steps.len() - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// Mean and quantiles; `None` before the first frame.
    pub fn report(&self) -> Option<LatencyReport> {
        let counts: Vec<_> = self.steps.iter().map(|s| s.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let quantile = |q: f64| {
            let mut left = (q * total as f64).ceil() as u64;
            let step = counts.iter().position(|n| {
                left = left.saturating_sub(*n);
                left == 0
            });
            // The middle of the step.
            ((step.unwrap_or(counts.len()) as f64 + 0.5) / STEPS).exp2()
        };
        let mean = self.sum_us.load(Ordering::Relaxed) as f64 / 1e3 / total.max(1) as f64;
        (total > 0).then(|| LatencyReport { mean_ms: mean, median_ms: quantile(0.5), p95_ms: quantile(0.95) })
    }
}

fn timed<R>(total: &AtomicU64, f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = f();
    total.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    result
}

fn seconds(ns: &AtomicU64) -> f64 {
    ns.load(Ordering::Relaxed) as f64 * 1e-9
}

/// The clocks of all stages.
#[derive(Debug, Default)]
pub struct Clocks([StageClock; STAGES.len()]);

impl Clocks {
    /// The clock of a stage named in [`STAGES`].
    ///
    /// # Panics
    /// For any other name.
    pub fn stage(&self, name: &str) -> &StageClock {
        let i = STAGES.iter().position(|s| *s == name);
        &self.0[i.unwrap_or_else(|| panic!("no stage is called {name}"))]
    }

    /// The stage that has worked the most so far.
    pub fn bottleneck(&self) -> &'static str {
        let load = |i: &usize| self.0[*i].load();
        (0..STAGES.len()).max_by(|a, b| load(a).total_cmp(&load(b))).map_or(STAGES[0], |i| STAGES[i])
    }

    /// Busy and waiting seconds of every stage.
    pub fn report(&self) -> Vec<StageReport> {
        STAGES
            .iter()
            .zip(&self.0)
            .map(|(stage, c)| StageReport { stage, busy: seconds(&c.busy_ns), waiting: seconds(&c.waiting_ns) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn latencies_are_told_within_a_step() {
        let latency = Latency::default();
        assert!(latency.report().is_none());
        (1..=100).for_each(|ms| latency.add(Duration::from_millis(ms)));
        let report = latency.report().expect("frames");
        assert!((report.mean_ms - 50.5).abs() < 0.1, "{report:?}");
        assert!((report.median_ms / 50.0).log2().abs() <= 1.0 / STEPS, "{report:?}");
        assert!((report.p95_ms / 95.0).log2().abs() <= 1.0 / STEPS, "{report:?}");
        latency.add(Duration::from_secs(1 << 30));
        assert!(latency.report().expect("frames").p95_ms < 1e3);
    }

    #[test]
    fn the_busiest_stage_holds_the_others_up() {
        let c = Clocks::default();
        // Two threads share the encoder's work, one does all of the network's.
        c.stage("encode").enter();
        c.stage("encode").enter();
        c.stage("encode").busy_ns.store(Duration::from_secs(3).as_nanos() as u64, Ordering::Relaxed);
        c.stage("infer").enter();
        c.stage("infer").busy_ns.store(Duration::from_secs(2).as_nanos() as u64, Ordering::Relaxed);
        assert_eq!(c.bottleneck(), "infer");
        assert_eq!(c.report()[2].busy, 2.0);
    }
}
