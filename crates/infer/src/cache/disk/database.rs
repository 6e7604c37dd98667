//! The SQLite file: its tables, how it is opened, and one entry's digest.

use super::super::key::Key;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file's name; the number changes with its tables.
pub(crate) const FILE_NAME: &str = "mattes-1.sqlite";
/// What SQLite appends to the name for its own files.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// How long to wait for another process that has locked the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file, or creates it.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let began = Instant::now();
    loop {
        let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
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
            // Two processes that create the file at once: SQLite's own timeout does not cover that.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

/// What is found under a key.
pub(crate) enum Lookup {
    Missing,
    Damaged,
    Found(Vec<u8>),
}

pub(crate) fn read(connection: &Connection, key: &Key) -> rusqlite::Result<Lookup> {
    let mut select = connection.prepare("SELECT digest, data FROM entry WHERE key = ?1")?;
    let found = select.query_row([&key.0[..]], |row| {
        let (Ok(found), Ok(data)) = (row.get_ref(0)?.as_blob(), row.get_ref(1)?.as_blob()) else {
            return Ok(Lookup::Damaged);
        };
        Ok(if found == &digest(key, data)[..] { Lookup::Found(data.to_vec()) } else { Lookup::Damaged })
    });
    Ok(found.optional()?.unwrap_or(Lookup::Missing))
}

/// Digest of an entry, with its key, so that data in another entry's place is noticed, too.
pub(crate) fn digest(key: &Key, data: &[u8]) -> [u8; 16] {
    let hash = blake3::keyed_hash(&key.0, data);
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    short
}

/// Whether the file itself is damaged.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// The database and SQLite's own files beside it, whether they exist or not.
fn files(path: &Path) -> impl Iterator<Item = PathBuf> {
    SUFFIXES.iter().map(move |suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

/// Bytes of the database and SQLite's own files.
pub(crate) fn file_bytes(path: &Path) -> u64 {
    files(path).filter_map(|file| fs::metadata(file).ok()).map(|m| m.len()).sum()
}

/// Removes the database and SQLite's own files.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    for file in files(path) {
        match fs::remove_file(file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
