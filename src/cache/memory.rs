//! First tier: what was used last, in memory.

use super::Key;
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
}

/// Entries up to so many bytes; the least recently used go first. Shared by threads.
#[derive(Debug)]
pub struct Memory {
    inner: Mutex<Inner>,
    limit: usize,
}

impl Memory {
    pub fn new(limit: usize) -> Self {
        Self { inner: Mutex::new(Inner { entries: LruCache::unbounded(), bytes: 0 }), limit }
    }

    pub fn mattes(&self, key: &Key) -> Option<Arc<Mattes>> {
        match self.lock().entries.get(key)? {
            Entry::Mattes(m) => Some(Arc::clone(m)),
            Entry::Run(_) => None,
        }
    }

    pub fn run(&self, key: &Key) -> Option<Arc<Run>> {
        match self.lock().entries.get(key)? {
            Entry::Run(r) => Some(Arc::clone(r)),
            Entry::Mattes(_) => None,
        }
    }

    pub fn put_mattes(&self, key: Key, mattes: Arc<Mattes>) {
        self.put(key, Entry::Mattes(mattes));
    }

    pub fn put_run(&self, key: Key, run: Arc<Run>) {
        self.put(key, Entry::Run(run));
    }

    fn put(&self, key: Key, entry: Entry) {
        let bytes = entry.bytes();
        if bytes > self.limit {
            return;
        }
        let mut inner = self.lock();
        inner.bytes += bytes;
        if let Some((_, old)) = inner.entries.push(key, entry) {
            inner.bytes -= old.bytes();
        }
        while inner.bytes > self.limit {
            let Some((_, old)) = inner.entries.pop_lru() else { break };
            inner.bytes -= old.bytes();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Plane;

    fn mattes(v: f32) -> Arc<Mattes> {
        Arc::new(Mattes::round(&mut [Plane::from_vec(vec![v; 1000], 100, 10)]))
    }

    fn key(n: u8) -> Key {
        Key([n; 32])
    }

    #[test]
    fn the_least_recently_used_go_first() {
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
    fn what_is_larger_than_everything_is_not_kept() {
        let memory = Memory::new(100);
        memory.put_mattes(key(1), mattes(0.5));
        assert!(memory.mattes(&key(1)).is_none());
        assert_eq!(memory.lock().bytes, 0);
    }
}
