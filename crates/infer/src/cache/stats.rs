//! Counters of cached and computed frames.

use super::tiers::Tier;
use serde::Serialize;

/// Where the mattes of a job's frames came from, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// From memory: frames that repeat.
    pub memory: u64,
    /// From disk: cached by an earlier run.
    pub disk: u64,
    /// Computed by the model.
    pub computed: u64,
    /// Propagated from the frame before.
    #[serde(rename = "carried")]
    pub propagated: u64,
}

impl std::ops::AddAssign for CacheStats {
    fn add_assign(&mut self, more: Self) {
        self.memory += more.memory;
        self.disk += more.disk;
        self.computed += more.computed;
        self.propagated += more.propagated;
    }
}

impl CacheStats {
    /// Share of the frames that the model did not have to compute, 0..=1, without propagated ones.
    pub fn hit_rate(&self) -> f64 {
        let hits = self.memory + self.disk;
        hits as f64 / (hits + self.computed).max(1) as f64
    }

    pub(crate) fn add_hit(&mut self, tier: Tier) {
        match tier {
            Tier::Memory => self.memory += 1,
            Tier::Disk => self.disk += 1,
        }
    }
}
