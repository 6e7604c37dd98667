//! The thread that writes: many changes in a transaction.

use super::super::key::Key;
use super::database::{connect, digest};
use super::shared::Shared;
use crossbeam_channel::{Receiver, Sender};
use rusqlite::{Connection, TransactionBehavior, params};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vrseg_hardware::disk::holding;

/// A transaction is closed when it has this number of bytes ...
const MAX_TRANSACTION_BYTES: usize = 16 << 20;
/// ... or is as old as this, which is what a killed process loses.
const MAX_TRANSACTION_AGE: Duration = Duration::from_millis(500);
/// Bytes of disk space that are left to others: the outputs are more important.
const RESERVED_DISK_SPACE: u64 = 1_000_000_000;
/// Bytes that an entry takes beside its data.
pub(crate) const ENTRY_OVERHEAD: usize = 100;

#[derive(Debug)]
pub(crate) enum Change {
    Put(Key, Vec<u8>),
    /// An entry was read, and is the most recently used one.
    Used(Key),
    Remove(Key),
}

#[derive(Debug)]
pub(crate) enum Message {
    Change(Change),
    /// Drops the sender when everything before is written.
    Flush(Sender<()>),
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Bytes written since free disk space was checked.
    since_check: u64,
    /// There was too little disk space at the last check.
    disk_full: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, connection: None, since_check: u64::MAX, disk_full: false }
    }

    /// Writes until nobody can send any more.
    pub(crate) fn run(mut self, inbox: &Receiver<Message>) {
        while let Ok(first) = inbox.recv() {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let mut flushed = None;
            let deadline = Instant::now() + MAX_TRANSACTION_AGE;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Flush(done) => {
                        flushed = Some(done);
                        break;
                    }
                    Message::Change(change) => {
                        if let Change::Put(_, data) = &change {
                            bytes += data.len();
                        }
                        batch.push(change);
                    }
                }
                next = if bytes < MAX_TRANSACTION_BYTES { inbox.recv_deadline(deadline).ok() } else { None };
            }
            self.write(&batch, bytes);
            self.shared.queued.fetch_sub(bytes, Ordering::Relaxed);
            drop(flushed);
        }
    }

    fn write(&mut self, batch: &[Change], bytes: usize) {
        let puts = batch.iter().filter(|change| matches!(change, Change::Put(..))).count() as u64;
        if batch.is_empty() || (puts == 0 && !self.shared.path.exists()) {
            return;
        }
        let written = if self.shared.is_damaged() || !self.has_disk_space(bytes) {
            None
        } else {
            if self.connection.is_none() {
                self.connection = self.shared.usable(connect(&self.shared.path));
            }
            let result = self.connection.as_mut().map(|c| transaction(c, batch, self.shared.limit));
            result.and_then(|r| self.shared.usable(r))
        };
        if written.is_none() {
            self.shared.add_lost(puts);
        }
    }

    fn has_disk_space(&mut self, bytes: usize) -> bool {
        self.since_check = self.since_check.saturating_add(bytes as u64);
        if self.since_check < RESERVED_DISK_SPACE / 8 {
            return !self.disk_full;
        }
        self.since_check = 0;
        let full = holding(&[&self.shared.path]).first().is_some_and(|disk| disk.available < RESERVED_DISK_SPACE);
        if full && !self.disk_full {
            tracing::warn!("{}: the disk is nearly full; no more mattes are cached on it", self.shared.path.display());
        }
        self.disk_full = full;
        !full
    }
}

fn transaction(connection: &mut Connection, batch: &[Change], limit: u64) -> rusqlite::Result<()> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut put = write
            .prepare("INSERT OR REPLACE INTO entry (key, used, size, digest, data) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut used = write.prepare("UPDATE entry SET used = ?2 WHERE key = ?1")?;
        let mut remove = write.prepare("DELETE FROM entry WHERE key = ?1")?;
        let now = now();
        for change in batch {
            match change {
                Change::Put(key, data) => {
                    let size = (data.len() + ENTRY_OVERHEAD) as i64;
                    put.execute(params![&key.0[..], now, size, &digest(key, data)[..], data])?
                }
                Change::Used(key) => used.execute(params![&key.0[..], now])?,
                Change::Remove(key) => remove.execute(params![&key.0[..]])?,
            };
        }
    }
    let evicted = evict(&write, limit)?;
    write.commit()?;
    if evicted {
        shrink(connection)?;
    }
    Ok(())
}

/// Removes the least recently used entries until a tenth of the limit is free; `false`: the limit is not exceeded.
fn evict(connection: &Connection, limit: u64) -> rusqlite::Result<bool> {
    // The index answers this without reading the entries.
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

/// Returns freed pages to the file system where they are many; a few are reused soon.
fn shrink(connection: &Connection) -> rusqlite::Result<()> {
    let number = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    if number("freelist_count")? > number("page_count")? / 4 {
        connection.execute_batch("PRAGMA incremental_vacuum")?;
    }
    Ok(())
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
