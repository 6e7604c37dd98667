//! Both tiers: memory, and behind it the disk.

use super::disk::{Disk, DiskError};
use super::key::Key;
use super::memory::Memory;
use super::record::{Mattes, Run};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where mattes are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tiers {
    /// In memory; on disk, too, where the model is slow ([`SLOW_MODEL`]).
    #[default]
    Auto,
    /// In memory and on disk, however fast the model is.
    All,
    /// In memory only.
    Memory,
    /// Nowhere: every matte is computed.
    Off,
}

/// What a job requests of the caches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheChoice {
    /// Where mattes are cached.
    pub tiers: Tiers,
    /// Bytes of memory for cached mattes.
    pub memory: usize,
    /// Bytes on disk for cached mattes, of all processes together.
    pub disk: u64,
    /// Whether cached mattes are used. Otherwise all are computed, and replace the cached ones.
    pub read: bool,
}

impl Default for CacheChoice {
    fn default() -> Self {
        Self { tiers: Tiers::Auto, memory: 64 << 20, disk: 10_000_000_000, read: true }
    }
}

impl CacheChoice {
    /// Nothing is cached and nothing looked up.
    pub const OFF: Self = Self { tiers: Tiers::Off, memory: 0, disk: 0, read: false };

    /// Whether cached mattes are looked up.
    pub fn reads(&self) -> bool {
        self.read && self.tiers != Tiers::Off
    }
}

/// Seconds that the model takes for a picture from which on `auto` caches mattes on disk. Compressing and writing one
/// costs 1 to 3 ms of a core, and reading it half of that: a model that takes 5 ms gains next to nothing, one that
/// takes 80 ms much (docs/resume.md).
pub const SLOW_MODEL: f64 = 0.020;

/// Folder for cached files, which may not exist: `$XDG_CACHE_HOME/vrseg`, else `~/.cache/vrseg`.
pub fn folder() -> PathBuf {
    let var = |n: &str| std::env::var_os(n).filter(|v| !v.is_empty()).map(PathBuf::from);
    var("XDG_CACHE_HOME").unwrap_or_else(|| var("HOME").unwrap_or_default().join(".cache")).join("vrseg")
}

/// Cached mattes of a job, in memory and on disk.
#[derive(Debug)]
pub struct Cache {
    memory: Memory,
    disk: Option<Disk>,
    choice: CacheChoice,
}

/// Where an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Memory,
    Disk,
}

impl Cache {
    /// Opens the tiers that `choice` requests, the disk's in `folder`; `None` where it requests none. A disk that can't
    /// be used is skipped, with the reason.
    pub fn open(choice: CacheChoice, folder: &Path) -> (Option<Arc<Self>>, Option<DiskError>) {
        let wants_disk = match choice.tiers {
            Tiers::Off => return (None, None),
            Tiers::Memory => false,
            Tiers::Auto | Tiers::All => true,
        };
        let (disk, failure) = match wants_disk.then(|| Disk::open(folder, choice.disk)) {
            Some(Ok(disk)) => (Some(disk), None),
            Some(Err(e)) => (None, Some(e)),
            None => (None, None),
        };
        (Some(Arc::new(Self { memory: Memory::new(choice.memory), disk, choice })), failure)
    }

    /// Waits until all entries so far are on disk.
    pub fn flush(&self) {
        if let Some(disk) = &self.disk {
            disk.flush();
        }
    }

    /// Frees half of the memory that is in use, and uses no more from here on; `false`: none is in use.
    pub fn halve_memory(&self) -> bool {
        self.memory.halve()
    }

    /// Number of entries that could not be written to disk.
    pub fn lost(&self) -> u64 {
        self.disk.as_ref().map_or(0, Disk::lost)
    }

    /// The mattes of one frame of a frame-independent model.
    pub(crate) fn mattes(&self, key: &Key) -> Option<(Arc<Mattes>, Tier)> {
        if !self.choice.read {
            return None;
        }
        if let Some(found) = self.memory.mattes(key) {
            return Some((found, Tier::Memory));
        }
        let found = Arc::new(Mattes::from_bytes(&self.disk.as_ref()?.get(key)?)?);
        self.memory.put_mattes(*key, Arc::clone(&found));
        Some((found, Tier::Disk))
    }

    /// The run that begins with a frame.
    pub(crate) fn run(&self, key: &Key) -> Option<(Arc<Run>, Tier)> {
        if !self.choice.read {
            return None;
        }
        if let Some(found) = self.memory.run(key) {
            return Some((found, Tier::Memory));
        }
        let found = Run::from_bytes(&self.disk.as_ref()?.get(key)?).filter(|run| run.starts_with(key))?;
        let found = Arc::new(found);
        self.memory.put_run(*key, Arc::clone(&found));
        Some((found, Tier::Disk))
    }

    /// The disk, if mattes of a model that takes `seconds` for a picture are cached there.
    pub(crate) fn disk_for(&self, seconds: f64) -> Option<&Disk> {
        let pays = self.choice.tiers == Tiers::All || seconds >= SLOW_MODEL;
        self.disk.as_ref().filter(|_| pays)
    }

    pub(crate) fn put_mattes(&self, key: Key, mattes: Mattes, seconds: f64) {
        if let Some(disk) = self.disk_for(seconds) {
            disk.put(key, mattes.to_bytes());
        }
        self.memory.put_mattes(key, Arc::new(mattes));
    }

    pub(crate) fn put_run(&self, key: Key, run: Run, seconds: f64) {
        if let Some(disk) = self.disk_for(seconds) {
            disk.put(key, run.to_bytes());
        }
        self.memory.put_run(key, Arc::new(run));
    }
}
