//! What `vrseg cache` does with a database: statistics, removal, verification.

use super::super::key::Key;
use super::database::{FILE_NAME, connect, digest, file_bytes, is_damage, remove};
use super::{Disk, DiskError};
use rusqlite::Connection;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The database's file, which may not exist.
    pub path: PathBuf,
    /// Number of entries: frames, or runs of frames.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
    /// Bytes that the file takes; freed ones are reused.
    pub file_bytes: u64,
    /// Seconds since 1970 at which the least recently used entry was last used.
    pub oldest: Option<u64>,
}

/// Result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Number of entries that were verified.
    pub entries: u64,
    /// Number of damaged ones, which were removed.
    pub damaged: u64,
    /// Whether the file as a whole was damaged, and removed.
    pub file_damaged: bool,
}

impl Disk {
    /// Statistics of the database in `folder`.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn stats(folder: &Path) -> Result<Stats, DiskError> {
        let path = folder.join(FILE_NAME);
        if !path.exists() {
            return Ok(Stats { path, ..Stats::default() });
        }
        let query = || {
            let connection = connect(&path)?;
            let sql = "SELECT COUNT(*), COALESCE(SUM(size), 0), MIN(used) FROM entry";
            connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?)))
        };
        let (entries, bytes, oldest): (i64, i64, Option<i64>) =
            query().map_err(|source| DiskError::Database { path: path.clone(), source })?;
        let file_bytes = file_bytes(&path);
        let positive = |n: i64| u64::try_from(n).unwrap_or(0);
        let oldest = oldest.map(|ms| positive(ms) / 1000);
        Ok(Stats { path, entries: positive(entries), bytes: positive(bytes), file_bytes, oldest })
    }

    /// Removes all entries in `folder`; returns what was there. Other processes can continue to use the database.
    ///
    /// # Errors
    /// The files can't be removed.
    pub fn clear(folder: &Path) -> Result<Stats, DiskError> {
        let path = folder.join(FILE_NAME);
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
    /// What SQLite reports, other than that the file is damaged: then it is removed.
    pub fn verify(folder: &Path) -> Result<Checked, DiskError> {
        let path = folder.join(FILE_NAME);
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
    let report: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if report != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(report),
        ));
    }
    Ok(checked)
}
