//! Where the time goes: seconds at work and waiting, per stage.

use super::events::StageReport;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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
