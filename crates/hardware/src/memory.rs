//! Main memory, and what of it this process may use.

use super::cgroup::Limits;
use serde::Serialize;
use sysinfo::{MemoryRefreshKind, System};

/// Main memory in bytes; 0 where it can't be detected.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// Memory of the whole machine.
    pub total: u64,
    /// What a new program could allocate here without swapping, under the limit, too.
    pub available: u64,
    /// The cgroup's limit, where there is one below `total`.
    pub limit: Option<u64>,
    /// Swap space of the whole machine.
    pub swap: u64,
}

impl Memory {
    /// This machine's memory under these limits.
    pub fn detect(limits: &Limits) -> Self {
        let Ok(mut system) = System::new() else { return Self::default() };
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        Self::with_limits(system.total_memory(), system.available_memory(), system.total_swap(), limits)
    }

    fn with_limits(total: u64, available: u64, swap: u64, limits: &Limits) -> Self {
        let limit = limits.memory.filter(|l| *l < total || total == 0);
        let left = limits.memory_left.filter(|_| limit.is_some());
        Self { total, available: left.map_or(available, |l| l.min(available)), limit, swap }
    }

    /// Bytes that this process may use at most.
    pub fn usable(&self) -> u64 {
        self.limit.unwrap_or(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn limit_counts_where_it_is_below_the_total() {
        let limits = Limits { memory: Some(4 * GIB), memory_left: Some(3 * GIB), cores: None };
        let memory = Memory::with_limits(64 * GIB, 40 * GIB, 0, &limits);
        assert_eq!((memory.usable(), memory.available), (4 * GIB, 3 * GIB));
        let busy = Memory::with_limits(64 * GIB, 2 * GIB, 0, &limits);
        assert_eq!(busy.available, 2 * GIB);
        let wide = Limits { memory: Some(128 * GIB), memory_left: Some(GIB), cores: None };
        let memory = Memory::with_limits(64 * GIB, 40 * GIB, 0, &wide);
        assert_eq!((memory.limit, memory.usable(), memory.available), (None, 64 * GIB, 40 * GIB));
    }
}
