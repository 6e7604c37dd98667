//! What the reader and the writer of a database share.

use super::database::{is_damage, remove};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    /// Bytes of all entries, at most.
    pub(crate) limit: u64,
    /// Bytes that wait to be written.
    pub(crate) queued: AtomicUsize,
    /// Entries that were not written.
    lost: AtomicU64,
    /// The file is damaged: it is neither read nor written any more.
    damaged: AtomicBool,
}

impl Shared {
    pub(crate) fn new(path: PathBuf, limit: u64) -> Self {
        Self { path, limit, queued: AtomicUsize::new(0), lost: AtomicU64::new(0), damaged: AtomicBool::new(false) }
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn add_lost(&self, entries: u64) {
        self.lost.fetch_add(entries, Ordering::Relaxed);
    }

    /// The value, if there is one. A damaged file is removed, so that the next process creates a new one, and not used
    /// again by this process.
    pub(crate) fn usable<T>(&self, result: rusqlite::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                if is_damage(&e) && !self.damaged.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{} is damaged; removing it: {e}", self.path.display());
                    let _ = remove(&self.path);
                } else {
                    tracing::debug!("{}: {e}", self.path.display());
                }
                None
            }
        }
    }
}
