//! Mattes that were computed before, by what the network saw: in memory, and on disk for the next run.
//!
//! [`Recall`] stands between the pipeline and the network. A frame is known by a hash of the very
//! numbers that the network would get ([`Key`]), so whatever led to them (crop, view, color, size)
//! needs no part in it. What the cache gives back is bit for bit what the network would have given:
//! mattes are rounded to [`matte::LEVELS`] steps whether they are kept or not.
//!
//! A recurrent network's matte depends on all frames since the last reset, and so does its key. Its
//! mattes are kept in *runs* ([`record::Run`]): consecutive frames together with the states behind the
//! last of them, from which the network can go on where the kept frames end.

mod cached_inference;
mod disk;
mod key;
pub mod matte;
mod memory;
pub(crate) mod record;

pub use cached_inference::{Chain, Past, Recall, RecallError, Tally};
pub use disk::{Checked, Disk, DiskError, Stats};
pub use key::{Context, Key};

use memory::Memory;
use record::{Mattes, Run};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where mattes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tiers {
    /// In memory; on disk, too, where the network takes its time.
    #[default]
    Auto,
    /// In memory and on disk.
    All,
    /// In memory only.
    Memory,
    /// Nowhere.
    Off,
}

/// What a job says about caches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheChoice {
    /// Where mattes are kept.
    pub tiers: Tiers,
    /// Bytes of memory for them.
    pub memory: usize,
    /// Bytes on disk for them, all processes together.
    pub disk: u64,
    /// What is kept is used. Without, everything is computed and kept anew.
    pub read: bool,
}

impl Default for CacheChoice {
    fn default() -> Self {
        Self { tiers: Tiers::Auto, memory: 64 << 20, disk: 10_000_000_000, read: true }
    }
}

impl CacheChoice {
    /// Nothing is kept and nothing looked up.
    pub const OFF: Self = Self { tiers: Tiers::Off, memory: 0, disk: 0, read: false };

    /// What is kept is looked up.
    pub fn reads(&self) -> bool {
        self.read && self.tiers != Tiers::Off
    }
}

/// Seconds that the network takes for a picture from which on `auto` keeps mattes on disk. Packing and
/// writing one costs 1 to 3 ms of a core, and reading it half of that: a network that takes 5 ms gains
/// next to nothing, one that takes 80 ms much (docs/caching.md).
pub const SLOW_NETWORK: f64 = 0.020;

/// Folder for what can be made again: `$XDG_CACHE_HOME/vrseg`, else `~/.cache/vrseg`.
pub fn folder() -> PathBuf {
    let var = |n: &str| std::env::var_os(n).filter(|v| !v.is_empty()).map(PathBuf::from);
    var("XDG_CACHE_HOME").unwrap_or_else(|| var("HOME").unwrap_or_default().join(".cache")).join("vrseg")
}

/// Both tiers.
#[derive(Debug)]
pub struct Cache {
    memory: Memory,
    disk: Option<Disk>,
    choice: CacheChoice,
}

/// Where an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Memory,
    Disk,
}

impl Cache {
    /// Opens what `choice` asks for in `folder`; `None` where that is nothing. A disk that can't be used
    /// is left out, with the reason.
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

    /// Waits until everything that was kept so far is on disk.
    pub fn flush(&self) {
        if let Some(disk) = &self.disk {
            disk.flush();
        }
    }

    /// Gives up half of the memory that is taken, and takes no more from here on; `false`: none is taken.
    pub fn halve_memory(&self) -> bool {
        self.memory.halve()
    }

    /// Entries that could not be kept on disk.
    pub fn lost(&self) -> u64 {
        self.disk.as_ref().map_or(0, Disk::lost)
    }

    /// The mattes of one frame of a frame-independent network.
    fn mattes(&self, key: &Key) -> Option<(Arc<Mattes>, Tier)> {
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
    fn run(&self, key: &Key) -> Option<(Arc<Run>, Tier)> {
        if !self.choice.read {
            return None;
        }
        if let Some(found) = self.memory.run(key) {
            return Some((found, Tier::Memory));
        }
        let found = Run::from_bytes(&self.disk.as_ref()?.get(key)?).filter(|run| run.begins_with(key))?;
        let found = Arc::new(found);
        self.memory.put_run(*key, Arc::clone(&found));
        Some((found, Tier::Disk))
    }

    /// Whether what a network that takes so many seconds a picture computes goes to disk.
    fn disk_for(&self, seconds: f64) -> Option<&Disk> {
        let pays = self.choice.tiers == Tiers::All || seconds >= SLOW_NETWORK;
        self.disk.as_ref().filter(|_| pays)
    }

    fn put_mattes(&self, key: Key, mattes: Mattes, seconds: f64) {
        if let Some(disk) = self.disk_for(seconds) {
            disk.put(key, mattes.to_bytes());
        }
        self.memory.put_mattes(key, Arc::new(mattes));
    }

    fn put_run(&self, key: Key, run: Run, seconds: f64) {
        if let Some(disk) = self.disk_for(seconds) {
            disk.put(key, run.to_bytes());
        }
        self.memory.put_run(key, Arc::new(run));
    }
}
