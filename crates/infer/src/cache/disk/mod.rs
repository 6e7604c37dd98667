//! Second tier: entries that outlive the process, in an SQLite database.
//!
//! SQLite was chosen because several processes can share the file, a process that is killed or a power cut leaves it
//! whole (write-ahead log), and thousands of entries of some ten kilobytes are one file. What it does not notice (bits
//! that rot inside an entry), a digest beside every entry does. Whatever goes wrong here is a miss and never an error
//! of the job.
//!
//! A thread of its own writes, many entries in a transaction; the caller's thread reads.

mod database;
mod maintenance;
mod shared;
mod writer;

pub use maintenance::{Checked, Stats};

use super::key::Key;
use crossbeam_channel::{Sender, unbounded};
use database::{FILE_NAME, Lookup, connect, read};
use rusqlite::Connection;
use shared::Shared;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use vrseg_hardware::disk::holding;
use writer::{Change, Message, Writer};

/// Bytes that may wait to be written; entries beyond that are lost.
const MAX_QUEUED_BYTES: usize = 128 << 20;
/// File systems of other machines: SQLite's log needs memory that all its users share.
const NETWORK_FILE_SYSTEMS: &[&str] =
    &["nfs", "nfs4", "cifs", "smb3", "9p", "lustre", "gpfs", "beegfs", "ceph", "afs", "fuse.sshfs", "fuse.glusterfs"];

/// Why the disk can't be used for cached mattes.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The folder is on another machine's disk.
    #[error(
        "mattes are not cached on disk: {path} is on a network file system ({kind}), where processes can't share them \
         safely; set XDG_CACHE_HOME to a local folder, or processing.cache to memory"
    )]
    Remote {
        /// The cache's folder.
        path: PathBuf,
        /// Name of the file system, such as `nfs4`.
        kind: String,
    },
    /// The folder can't be created, or something else that the system refuses.
    #[error("mattes are not cached on disk: {path}: {source}")]
    Folder {
        /// The cache's folder, or the database's file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite reports an error.
    #[error("{path}: {source}")]
    Database {
        /// The database's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
}

/// A database, open for reading and writing.
#[derive(Debug)]
pub struct Disk {
    shared: Arc<Shared>,
    /// `None` as long as there is no file.
    reader: Mutex<Option<Connection>>,
    messages: Option<Sender<Message>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// The database in `folder` with entries of at most `limit` bytes in all. The file is created with the first entry.
    ///
    /// # Errors
    /// The folder can't be created or is on a network file system.
    pub(crate) fn open(folder: &Path, limit: u64) -> Result<Self, DiskError> {
        if let Some(disk) =
            holding(&[folder]).into_iter().find(|d| NETWORK_FILE_SYSTEMS.contains(&d.file_system.as_str()))
        {
            return Err(DiskError::Remote { path: folder.to_owned(), kind: disk.file_system });
        }
        // Mattes show what is in somebody's videos.
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.map_err(|source| DiskError::Folder { path: folder.to_owned(), source })?;
        let shared = Arc::new(Shared::new(folder.join(FILE_NAME), limit));
        let (messages, inbox) = unbounded();
        let writer = Writer::new(Arc::clone(&shared));
        let writer = std::thread::Builder::new()
            .name("vrseg-cache".into())
            .spawn(move || writer.run(&inbox))
            .map_err(|source| DiskError::Folder { path: folder.to_owned(), source })?;
        Ok(Self { shared, reader: Mutex::new(None), messages: Some(messages), writer: Some(writer) })
    }

    /// The entry of `key`, if it exists and is undamaged.
    pub(crate) fn get(&self, key: &Key) -> Option<Vec<u8>> {
        if self.shared.is_damaged() {
            return None;
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.is_none() {
            if !self.shared.path.exists() {
                return None;
            }
            *reader = self.shared.usable(connect(&self.shared.path));
        }
        let found = read(reader.as_ref()?, key);
        match self.shared.usable(found)? {
            Lookup::Found(data) => {
                self.send(Message::Change(Change::Used(*key)));
                Some(data)
            }
            Lookup::Damaged => {
                tracing::warn!("a cached matte is damaged; computing it again");
                self.send(Message::Change(Change::Remove(*key)));
                None
            }
            Lookup::Missing => None,
        }
    }

    /// Queues an entry to be written.
    pub(crate) fn put(&self, key: Key, data: Vec<u8>) {
        let n = data.len();
        let full = self.shared.queued.load(Ordering::Relaxed) + n > MAX_QUEUED_BYTES;
        // One entry must not evict all others.
        if full || n as u64 > self.shared.limit / 4 || self.shared.is_damaged() {
            self.shared.add_lost(1);
            return;
        }
        self.shared.queued.fetch_add(n, Ordering::Relaxed);
        self.send(Message::Change(Change::Put(key, data)));
    }

    /// Number of entries that were not written: the disk was too slow or full, or the file is damaged.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost()
    }

    /// Waits until all entries so far are written.
    pub(crate) fn flush(&self) {
        let (done, wait) = unbounded();
        self.send(Message::Flush(done));
        let _ = wait.recv();
    }

    fn send(&self, message: Message) {
        if let Some(messages) = &self.messages {
            let _ = messages.send(message);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The writer ends when nobody can send any more.
        self.messages = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests;
