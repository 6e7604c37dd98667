//! Keeps a job's memory below a limit: what can be done without goes before the kernel ends the process.

use super::permits::{Permit, Permits};
use std::sync::Arc;
use vrseg_hardware::sampler::Latest;
use vrseg_infer::cache::Cache;

/// Share of the limit from which on memory is released, in percent: what is released comes back only when
/// the frames that are in flight are done.
const HIGH: u64 = 90;

/// Looks at what the process holds, and takes it away where that nears the limit: cached mattes first, which
/// cost nothing but time where a frame repeats, then frames in flight.
pub(crate) struct MemoryGuard<'a> {
    /// Bytes that the process may hold.
    limit: u64,
    /// What it holds.
    latest: Latest,
    cache: Option<Arc<Cache>>,
    /// Frames in flight without which the stages can't work.
    least: usize,
    /// Bytes above which something is released: what was in use when something was last released. What is
    /// released needs not be given back to the system, but it is used again before more is taken.
    mark: u64,
    warned: bool,
    warned_of_excess: bool,
    warn: &'a (dyn Fn(String) + Sync),
}

impl<'a> MemoryGuard<'a> {
    /// One for a job that needs at least this many frames in flight.
    pub(crate) fn new(
        limit: u64,
        latest: Latest,
        cache: Option<Arc<Cache>>,
        least: usize,
        warn: &'a (dyn Fn(String) + Sync),
    ) -> Self {
        let mark = limit / 100 * HIGH;
        Self { limit, latest, cache, least, mark, warned: false, warned_of_excess: false, warn }
    }

    fn check(&mut self, permits: &mut Permits) {
        let used = self.latest.get().memory;
        if used <= self.mark {
            return;
        }
        self.mark = used;
        let gave = self.cache.as_ref().is_some_and(|c| c.halve_memory()) || permits.withdraw(self.least);
        let (used_mb, limit_mb) = (used >> 20, self.limit >> 20);
        if gave && !self.warned {
            self.warned = true;
            let message = format!(
                "memory: {used_mb} MiB of {limit_mb} (--max-memory) are in use: from here on fewer mattes are cached \
                 and fewer frames are in flight"
            );
            (self.warn)(message);
        } else if !gave && used > self.limit && !self.warned_of_excess {
            self.warned_of_excess = true;
            let message = format!(
                "memory: {used_mb} MiB are in use, more than --max-memory ({limit_mb}), and nothing more can be \
                 freed; use a smaller --input-size, a smaller --batch-size or fewer --threads"
            );
            (self.warn)(message);
        }
    }
}

/// Limits source frames in flight, to fewer where memory runs short.
pub(crate) struct Admission<'a> {
    permits: Permits,
    guard: Option<MemoryGuard<'a>>,
}

impl<'a> Admission<'a> {
    /// This many frames at once.
    pub(crate) fn new(permits: Permits, guard: Option<MemoryGuard<'a>>) -> Self {
        Self { permits, guard }
    }

    /// Waits until another frame may come; `None` once `canceled` says so.
    pub(crate) fn acquire(&mut self, canceled: impl Fn() -> bool) -> Option<Permit> {
        if let Some(guard) = &mut self.guard {
            guard.check(&mut self.permits);
        }
        self.permits.acquire(canceled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use vrseg_infer::cache::{CacheChoice, Tiers};

    #[test]
    fn memory_is_released_step_by_step_and_each_warning_is_given_once() {
        let warnings = Mutex::new(Vec::new());
        let warn = |message| warnings.lock().unwrap().push(message);
        let choice = CacheChoice { tiers: Tiers::Memory, memory: 1 << 20, ..CacheChoice::default() };
        let (cache, _) = Cache::open(choice, std::path::Path::new("none"));
        let latest = Latest::default();
        let mut permits = Permits::new(4);
        let mut guard = MemoryGuard::new(1000 << 20, latest.clone(), cache, 2, &warn);
        let mut hold = |mb: u64, permits: &mut Permits| {
            latest.set_memory(mb << 20);
            guard.check(permits);
            guard.check(permits);
            warnings.lock().unwrap().len()
        };
        assert_eq!(hold(899, &mut permits), 0);
        assert_eq!(hold(910, &mut permits), 1);
        assert_eq!(hold(905, &mut permits), 1);
        assert_eq!(hold(920, &mut permits), 1);
        assert!(!permits.withdraw(2), "two of four were withdrawn, one at each new height");
        assert_eq!(hold(950, &mut permits), 1, "nothing is left, but it is below the limit still");
        assert_eq!(hold(1001, &mut permits), 2);
        assert_eq!(hold(1100, &mut permits), 2);
        let warnings = warnings.into_inner().unwrap();
        assert!(warnings[0].contains("910 MiB of 1000 (--max-memory)"), "{warnings:?}");
        assert!(warnings[1].contains("1001 MiB are in use, more than --max-memory (1000)"), "{warnings:?}");
    }
}
