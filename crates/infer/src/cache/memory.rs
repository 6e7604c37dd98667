//! First tier: the most recently used entries, in memory.

use super::key::Key;
use super::record::{Mattes, Run};
use lru::LruCache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Debug)]
enum Entry {
    Mattes(Arc<Mattes>),
    Run(Arc<Run>),
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Entry::Mattes(m) => m.bytes(),
            Entry::Run(r) => r.bytes(),
        }
    }
}

#[derive(Debug)]
struct Inner {
    entries: LruCache<Key, Entry>,
    bytes: usize,
    limit: usize,
}

impl Inner {
    /// Removes the least recently used entries until the rest is within the limit.
    fn evict(&mut self) {
        while self.bytes > self.limit {
            let Some((_, old)) = self.entries.pop_lru() else { break };
            self.bytes -= old.bytes();
        }
    }
}

/// Entries up to a number of bytes, shared by threads; the least recently used are evicted first.
#[derive(Debug)]
pub(crate) struct Memory {
    inner: Mutex<Inner>,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Self {
        Self { inner: Mutex::new(Inner { entries: LruCache::unbounded(), bytes: 0, limit }) }
    }

    /// Reduces the limit to half of the bytes in use; `false`: there are no entries.
    pub(crate) fn halve(&self) -> bool {
        let mut inner = self.lock();
        inner.limit = inner.bytes / 2;
        let had_entries = inner.bytes > 0;
        inner.evict();
        had_entries
    }

    pub(crate) fn mattes(&self, key: &Key) -> Option<Arc<Mattes>> {
        match self.lock().entries.get(key)? {
            Entry::Mattes(m) => Some(Arc::clone(m)),
            Entry::Run(_) => None,
        }
    }

    pub(crate) fn run(&self, key: &Key) -> Option<Arc<Run>> {
        match self.lock().entries.get(key)? {
            Entry::Run(r) => Some(Arc::clone(r)),
            Entry::Mattes(_) => None,
        }
    }

    pub(crate) fn put_mattes(&self, key: Key, mattes: Arc<Mattes>) {
        self.put(key, Entry::Mattes(mattes));
    }

    pub(crate) fn put_run(&self, key: Key, run: Arc<Run>) {
        self.put(key, Entry::Run(run));
    }

    fn put(&self, key: Key, entry: Entry) {
        let bytes = entry.bytes();
        let mut inner = self.lock();
        if bytes > inner.limit {
            return;
        }
        inner.bytes += bytes;
        if let Some((_, old)) = inner.entries.push(key, entry) {
            inner.bytes -= old.bytes();
        }
        inner.evict();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::plane::Plane;

    fn mattes(v: f32) -> Arc<Mattes> {
        Arc::new(Mattes::round(&mut [Plane::from_vec(vec![v; 1000], 100, 10)]))
    }

    fn key(n: u8) -> Key {
        Key([n; 32])
    }

    #[test]
    fn least_recently_used_entries_are_evicted_first() {
        let one = mattes(0.5).bytes();
        let memory = Memory::new(3 * one);
        for n in 0..3 {
            memory.put_mattes(key(n), mattes(0.1));
        }
        assert!(memory.mattes(&key(0)).is_some());
        memory.put_mattes(key(3), mattes(0.3));
        let there: Vec<_> = (0..4).map(|n| memory.mattes(&key(n)).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
        memory.put_mattes(key(3), mattes(0.9));
        assert_eq!(memory.mattes(&key(3)), Some(mattes(0.9)), "what comes later counts");
        assert_eq!(memory.lock().bytes, 3 * one);
        assert!(memory.run(&key(3)).is_none());
    }

    #[test]
    fn halving_lowers_the_limit_until_nothing_is_left() {
        let one = mattes(0.5).bytes();
        let memory = Memory::new(100 * one);
        (0..8).for_each(|n| memory.put_mattes(key(n), mattes(0.1)));
        assert!(memory.halve());
        let there: Vec<_> = (0..8).map(|n| memory.mattes(&key(n)).is_some()).collect();
        assert_eq!(there, [false, false, false, false, true, true, true, true]);
        memory.put_mattes(key(9), mattes(0.1));
        assert_eq!(memory.lock().bytes, 4 * one, "and it stays so");
        while memory.halve() {}
        memory.put_mattes(key(1), mattes(0.5));
        assert!(memory.mattes(&key(1)).is_none());
    }

    #[test]
    fn entry_larger_than_the_limit_is_not_stored() {
        let memory = Memory::new(100);
        memory.put_mattes(key(1), mattes(0.5));
        assert!(memory.mattes(&key(1)).is_none());
        assert_eq!(memory.lock().bytes, 0);
    }
}
