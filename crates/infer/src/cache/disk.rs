//! Second tier: entries that outlive the process, in an SQLite database.
//!
//! SQLite was chosen because several processes may share the file, a process that is killed or a power cut
//! leaves it whole (write-ahead log), and thousands of entries of some ten kilobytes are one file. What
//! it does not notice (bits that rot inside an entry) a digest beside every entry does. Whatever goes
//! wrong here is a miss and never an error of the job.
//!
//! A thread of its own writes, many entries in a transaction; reading is done by whoever asks.

use super::Key;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vrseg_hardware::disk::holding;

/// The file's name; the number changes with its tables.
const FILE: &str = "mattes-1.sqlite";
/// SQLite's own files beside it.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// Bytes that may wait to be written; what comes on top is not kept.
const QUEUE: usize = 128 << 20;
/// A transaction is closed when it has so many bytes ...
const TRANSACTION: usize = 16 << 20;
/// ... or is so old: what a killed process loses.
const DELAY: Duration = Duration::from_millis(500);
/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the disk that are left to others: the outputs are more important.
const RESERVE: u64 = 1_000_000_000;
/// Bytes that an entry takes beside its data.
const OVERHEAD: usize = 100;
/// File systems of other machines: SQLite's log needs memory that all its users share.
const REMOTE: &[&str] =
    &["nfs", "nfs4", "cifs", "smb3", "9p", "lustre", "gpfs", "beegfs", "ceph", "afs", "fuse.sshfs", "fuse.glusterfs"];

/// Why the disk can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It is another machine's.
    #[error(
        "mattes are not kept on disk: {path} is on a network file system ({kind}), where processes can't share them \
         safely; set XDG_CACHE_HOME to a folder of this machine, or processing.cache to memory"
    )]
    Remote {
        /// The folder.
        path: PathBuf,
        /// The file system.
        kind: String,
    },
    /// The folder can't be made.
    #[error("mattes are not kept on disk: {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite refuses.
    #[error("{path}: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: rusqlite::Error,
    },
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The file.
    pub path: PathBuf,
    /// Entries: frames, or runs of frames.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
    /// Bytes that the file takes; freed ones are used again.
    pub file_bytes: u64,
    /// Seconds since 1970 at which the entry was last used that goes first.
    pub oldest: Option<u64>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Entries that were looked at.
    pub entries: u64,
    /// Damaged ones; they were removed.
    pub damaged: u64,
    /// The file as a whole was damaged; it was removed.
    pub file_damaged: bool,
}

#[derive(Debug)]
enum Message {
    Put(Key, Vec<u8>),
    Used(Key),
    Remove(Key),
    Flush(Sender<()>),
}

/// What reader and writer share.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    limit: u64,
    /// Bytes in the queue.
    queued: AtomicUsize,
    /// Entries that were not kept.
    lost: AtomicU64,
    /// The file is damaged: nothing is read or written any more.
    broken: AtomicBool,
}

/// The database.
#[derive(Debug)]
pub struct Disk {
    shared: Arc<Shared>,
    /// `None` as long as there is no file.
    reader: Mutex<Option<Connection>>,
    messages: Option<Sender<Message>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// The database in `folder`, at most `limit` bytes. The file is made when the first entry comes.
    ///
    /// # Errors
    /// The folder can't be made or is on a network file system.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, DiskError> {
        if let Some(disk) = holding(&[folder]).into_iter().find(|d| REMOTE.contains(&d.file_system.as_str())) {
            return Err(DiskError::Remote { path: folder.to_owned(), kind: disk.file_system });
        }
        // Mattes show what is in somebody's videos.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| DiskError::Folder { path: folder.to_owned(), source })?;
        let shared = Arc::new(Shared {
            path: folder.join(FILE),
            limit,
            queued: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        });
        let (messages, inbox) = unbounded();
        let for_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("vrseg-cache".into())
            .spawn(move || {
                Writer { shared: for_writer, connection: None, since_check: u64::MAX, full: false }.run(&inbox)
            })
            .map_err(|source| DiskError::Folder { path: folder.to_owned(), source })?;
        Ok(Self { shared, reader: Mutex::new(None), messages: Some(messages), writer: Some(writer) })
    }

    /// The entry of that key, if it is there and undamaged.
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        if self.shared.broken.load(Ordering::Relaxed) {
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
        match self.shared.usable(found)?? {
            Some(data) => {
                self.send(Message::Used(*key));
                Some(data)
            }
            None => {
                tracing::warn!("a kept matte is damaged; it is computed anew");
                self.send(Message::Remove(*key));
                None
            }
        }
    }

    /// Keeps an entry, soon.
    pub fn put(&self, key: Key, data: Vec<u8>) {
        let n = data.len();
        let full = self.shared.queued.load(Ordering::Relaxed) + n > QUEUE;
        // One entry must not drive out all others.
        if full || n as u64 > self.shared.limit / 4 || self.shared.broken.load(Ordering::Relaxed) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.shared.queued.fetch_add(n, Ordering::Relaxed);
        self.send(Message::Put(key, data));
    }

    /// Entries that were not kept: the disk was too slow, full or broken.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything so far is written.
    pub fn flush(&self) {
        let (done, wait) = unbounded();
        self.send(Message::Flush(done));
        let _ = wait.recv();
    }

    fn send(&self, message: Message) {
        if let Some(messages) = &self.messages {
            let _ = messages.send(message);
        }
    }

    /// What is kept in `folder`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn stats(folder: &Path) -> Result<Stats, DiskError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Stats { path, ..Stats::default() });
        }
        let ask = || {
            let connection = connect(&path)?;
            let sql = "SELECT COUNT(*), COALESCE(SUM(size), 0), MIN(used) FROM entry";
            connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?)))
        };
        let (entries, bytes, oldest): (i64, i64, Option<i64>) =
            ask().map_err(|source| DiskError::Database { path: path.clone(), source })?;
        let file_bytes = SUFFIXES.iter().filter_map(|s| fs::metadata(beside(&path, s)).ok()).map(|m| m.len()).sum();
        let positive = |n: i64| u64::try_from(n).unwrap_or(0);
        let oldest = oldest.map(|ms| positive(ms) / 1000);
        Ok(Stats { path, entries: positive(entries), bytes: positive(bytes), file_bytes, oldest })
    }

    /// Removes everything in `folder`; returns what was there. Other processes may go on working.
    ///
    /// # Errors
    /// The files can't be removed.
    pub fn clear(folder: &Path) -> Result<Stats, DiskError> {
        let path = folder.join(FILE);
        let stats = Self::stats(folder).unwrap_or(Stats { path: path.clone(), ..Stats::default() });
        if path.exists() {
            let emptied = connect(&path).and_then(|c| {
                c.execute("DELETE FROM entry", [])?;
                c.execute_batch("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
            });
            if emptied.is_err() {
                remove(&path).map_err(|source| DiskError::Folder { path, source })?;
            }
        }
        Ok(stats)
    }

    /// Reads every entry in `folder` and removes the damaged ones.
    ///
    /// # Errors
    /// What SQLite says, other than that the file is damaged: then it is removed.
    pub fn verify(folder: &Path) -> Result<Checked, DiskError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Checked::default());
        }
        match connect(&path).and_then(|connection| verify(&connection)) {
            Ok(checked) => Ok(checked),
            Err(e) if is_damage(&e) => {
                remove(&path).map_err(|source| DiskError::Folder { path, source })?;
                Ok(Checked { file_damaged: true, ..Checked::default() })
            }
            Err(source) => Err(DiskError::Database { path, source }),
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

impl Shared {
    /// The value; a damaged file is removed, so that the next process begins a new one, and not used again.
    fn usable<T>(&self, result: rusqlite::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                if is_damage(&e) && !self.broken.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{} is damaged and is removed: {e}", self.path.display());
                    let _ = remove(&self.path);
                } else {
                    tracing::debug!("{}: {e}", self.path.display());
                }
                None
            }
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Bytes written since the room on the disk was looked at.
    since_check: u64,
    /// There was no room.
    full: bool,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Message>) {
        while let Ok(first) = inbox.recv() {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let mut waiting = None;
            let deadline = Instant::now() + DELAY;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Flush(done) => {
                        waiting = Some(done);
                        break;
                    }
                    Message::Put(..) | Message::Used(_) | Message::Remove(_) => {}
                }
                if let Message::Put(_, data) = &message {
                    bytes += data.len();
                }
                batch.push(message);
                next = if bytes < TRANSACTION { inbox.recv_deadline(deadline).ok() } else { None };
            }
            self.write(&batch, bytes);
            self.shared.queued.fetch_sub(bytes, Ordering::Relaxed);
            drop(waiting);
        }
    }

    fn write(&mut self, batch: &[Message], bytes: usize) {
        let puts = batch.iter().filter(|m| matches!(m, Message::Put(..))).count() as u64;
        if batch.is_empty() || (puts == 0 && !self.shared.path.exists()) {
            return;
        }
        let written = if self.shared.broken.load(Ordering::Relaxed) || !self.has_room(bytes) {
            None
        } else {
            if self.connection.is_none() {
                self.connection = self.shared.usable(connect(&self.shared.path));
            }
            let result = self.connection.as_mut().map(|c| transaction(c, batch, self.shared.limit));
            result.and_then(|r| self.shared.usable(r))
        };
        if written.is_none() {
            self.shared.lost.fetch_add(puts, Ordering::Relaxed);
        }
    }

    /// Leaves the last of the disk to others.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.since_check = self.since_check.saturating_add(bytes as u64);
        if self.since_check < RESERVE / 8 {
            return !self.full;
        }
        self.since_check = 0;
        let short = holding(&[&self.shared.path]).first().is_some_and(|disk| disk.available < RESERVE);
        if short && !self.full {
            tracing::warn!("{}: the disk is nearly full; no more mattes are kept on it", self.shared.path.display());
        }
        self.full = short;
        !short
    }
}

fn transaction(connection: &mut Connection, batch: &[Message], limit: u64) -> rusqlite::Result<()> {
    let write = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut put = write
            .prepare("INSERT OR REPLACE INTO entry (key, used, size, digest, data) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut used = write.prepare("UPDATE entry SET used = ?2 WHERE key = ?1")?;
        let mut gone = write.prepare("DELETE FROM entry WHERE key = ?1")?;
        let now = now();
        for message in batch {
            match message {
                Message::Put(key, data) => {
                    let size = (data.len() + OVERHEAD) as i64;
                    put.execute(params![&key.0[..], now, size, &digest(key, data)[..], data])?;
                }
                Message::Used(key) => drop(used.execute(params![&key.0[..], now])?),
                Message::Remove(key) => drop(gone.execute(params![&key.0[..]])?),
                Message::Flush(_) => {}
            }
        }
    }
    let freed = evict(&write, limit)?;
    write.commit()?;
    if freed {
        shrink(connection)?;
    }
    Ok(())
}

/// Removes what was not used for the longest time until a tenth of the limit is free again.
fn evict(connection: &Connection, limit: u64) -> rusqlite::Result<bool> {
    // The index answers this without a look at the entries.
    let total: i64 = connection.query_row("SELECT COALESCE(SUM(size), 0) FROM entry", [], |row| row.get(0))?;
    let mut excess = total - i64::try_from(limit).unwrap_or(i64::MAX);
    if excess <= 0 {
        return Ok(false);
    }
    excess += i64::try_from(limit / 10).unwrap_or(0);
    let mut oldest = connection.prepare("SELECT id, size FROM entry ORDER BY used, size")?;
    let mut rows = oldest.query([])?;
    let mut ids = Vec::new();
    while let (true, Some(row)) = (excess > 0, rows.next()?) {
        ids.push(row.get::<_, i64>(0)?);
        excess -= row.get::<_, i64>(1)?;
    }
    drop(rows);
    let mut delete = connection.prepare("DELETE FROM entry WHERE id = ?1")?;
    for id in ids {
        delete.execute([id])?;
    }
    Ok(true)
}

/// Gives freed pages back where they are many; a few are used again soon.
fn shrink(connection: &Connection) -> rusqlite::Result<()> {
    let number = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    if number("freelist_count")? > number("page_count")? / 4 {
        connection.execute_batch("PRAGMA incremental_vacuum")?;
    }
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let began = Instant::now();
    loop {
        let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            // Page size and vacuum count for a new file only. No memory map: a file that another process
            // cuts short would kill this one.
            connection.execute_batch(
                "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 67108864;
                 PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
                 CREATE TABLE IF NOT EXISTS entry (
                     id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, used INTEGER NOT NULL,
                     size INTEGER NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL);
                 CREATE INDEX IF NOT EXISTS entry_used ON entry (used, size);",
            )?;
            Ok(connection)
        });
        match opened {
            // Two processes that make the file at once: SQLite does not wait there by itself.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

/// Outer `None`: not there; inner `None`: damaged.
fn read(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Option<Vec<u8>>>> {
    let mut select = connection.prepare("SELECT digest, data FROM entry WHERE key = ?1")?;
    select
        .query_row([&key.0[..]], |row| {
            let (Ok(found), Ok(data)) = (row.get_ref(0)?.as_blob(), row.get_ref(1)?.as_blob()) else {
                return Ok(None);
            };
            Ok((found == &digest(key, data)[..]).then(|| data.to_vec()))
        })
        .optional()
}

fn verify(connection: &Connection) -> rusqlite::Result<Checked> {
    let mut checked = Checked::default();
    let mut damaged = Vec::new();
    let mut select = connection.prepare("SELECT id, key, digest, data FROM entry")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        checked.entries += 1;
        let blob = |i| row.get_ref(i).ok().and_then(|v| v.as_blob().ok());
        let whole = match (blob(1).and_then(|k| <[u8; 32]>::try_from(k).ok()), blob(2), blob(3)) {
            (Some(key), Some(found), Some(data)) => found == &digest(&Key(key), data)[..],
            _ => false,
        };
        if !whole {
            damaged.push(row.get::<_, i64>(0)?);
        }
    }
    drop(rows);
    for id in &damaged {
        connection.execute("DELETE FROM entry WHERE id = ?1", [id])?;
    }
    checked.damaged = damaged.len() as u64;
    let words: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if words != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(words),
        ));
    }
    Ok(checked)
}

/// Of an entry; with its key, so that one in another's place is noticed too.
fn digest(key: &Key, data: &[u8]) -> [u8; 16] {
    let hash = blake3::keyed_hash(&key.0, data);
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    short
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> std::io::Result<()> {
    for suffix in SUFFIXES {
        match fs::remove_file(beside(path, suffix)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: u64 = 1 << 30;

    fn key(n: u32) -> Key {
        Key(blake3::hash(&n.to_le_bytes()).into())
    }

    fn data(n: u32) -> Vec<u8> {
        n.to_le_bytes().repeat(5000)
    }

    fn filled(folder: &Path, numbers: std::ops::Range<u32>) {
        let disk = Disk::open(folder, BIG).unwrap();
        numbers.for_each(|n| disk.put(key(n), data(n)));
    }

    #[test]
    fn entries_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Disk::stats(dir.path()).unwrap().entries, 0);
        filled(dir.path(), 0..10);
        let disk = Disk::open(dir.path(), BIG).unwrap();
        assert!((0..10).all(|n| disk.get(&key(n)) == Some(data(n))));
        assert_eq!(disk.get(&key(11)), None);
        let stats = Disk::stats(dir.path()).unwrap();
        assert_eq!((stats.entries, stats.bytes), (10, 10 * (20_000 + OVERHEAD as u64)));
        assert!(stats.file_bytes >= stats.bytes && stats.oldest.is_some());
        assert_eq!(Disk::verify(dir.path()).unwrap(), Checked { entries: 10, ..Checked::default() });
        assert_eq!(Disk::clear(dir.path()).unwrap().entries, 10);
        assert_eq!(Disk::stats(dir.path()).unwrap().entries, 0);
        disk.put(key(1), data(1));
        disk.flush();
        assert_eq!(disk.get(&key(1)), Some(data(1)), "who has it open goes on working");
    }

    #[test]
    fn nothing_is_made_before_something_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("vrseg");
        let disk = Disk::open(&folder, BIG).unwrap();
        assert_eq!(disk.get(&key(1)), None);
        disk.flush();
        assert!(!folder.join(FILE).exists());
    }

    #[test]
    fn the_least_recently_used_make_room() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 0..10);
        std::thread::sleep(Duration::from_millis(5));
        let disk = Disk::open(dir.path(), 205_000).unwrap();
        assert!(disk.get(&key(0)).is_some());
        disk.flush();
        std::thread::sleep(Duration::from_millis(5));
        disk.put(key(10), data(10));
        disk.flush();
        assert!(Disk::stats(dir.path()).unwrap().bytes < 205_000);
        assert!(disk.get(&key(0)).is_some() && disk.get(&key(10)).is_some());
        assert!(disk.get(&key(1)).is_none());
        disk.put(key(11), vec![0; 100_000]);
        assert_eq!(disk.lost(), 1, "one entry does not drive out all others");
    }

    #[test]
    fn a_damaged_entry_is_a_miss() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 0..5);
        let spoil = |n: u32| {
            let raw = Connection::open(dir.path().join(FILE)).unwrap();
            let mut bytes = data(n);
            bytes[777] ^= 1;
            raw.execute("UPDATE entry SET data = ?2 WHERE key = ?1", params![&key(n).0[..], bytes]).unwrap();
        };
        spoil(2);
        let disk = Disk::open(dir.path(), BIG).unwrap();
        assert_eq!(disk.get(&key(2)), None);
        disk.flush();
        assert_eq!(Disk::stats(dir.path()).unwrap().entries, 4, "it is removed");
        spoil(3);
        assert_eq!(Disk::verify(dir.path()).unwrap(), Checked { entries: 4, damaged: 1, file_damaged: false });
        assert!(disk.get(&key(1)).is_some());
    }

    #[test]
    fn a_damaged_file_is_begun_anew() {
        for spoil in [
            (|path: &Path| fs::write(path, b"not a database at all".repeat(1000)).unwrap()) as fn(&Path),
            |path| {
                let mut bytes = fs::read(path).unwrap();
                let n = bytes.len();
                bytes[1000..n].fill(0x5a);
                fs::write(path, bytes).unwrap();
            },
            |path| fs::write(path, &fs::read(path).unwrap()[..20_000]).unwrap(),
        ] {
            let dir = tempfile::tempdir().unwrap();
            filled(dir.path(), 0..5);
            spoil(&dir.path().join(FILE));
            let disk = Disk::open(dir.path(), BIG).unwrap();
            (0..5).for_each(|n| assert!(disk.get(&key(n)).is_none_or(|d| d == data(n))));
            drop(disk);
            Disk::verify(dir.path()).unwrap();
            filled(dir.path(), 20..25);
            let disk = Disk::open(dir.path(), BIG).unwrap();
            assert!((20..25).all(|n| disk.get(&key(n)) == Some(data(n))));
        }
    }

    #[test]
    fn several_share_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for part in 0..4 {
                let folder = dir.path();
                scope.spawn(move || filled(folder, 50 * part..50 * part + 50));
            }
        });
        let disk = Disk::open(dir.path(), BIG).unwrap();
        assert!((0..200).all(|n| disk.get(&key(n)) == Some(data(n))));
    }
}
