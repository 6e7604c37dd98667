//! The hidden file under which an output is written, until it is whole.

use super::ended_early;
use crate::error::{MediaError, Result};
use crate::formats::container::Container;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use vrseg_hardware::file_name::{LONGEST, fitted};

/// The temporary file `.NAME.part` beside the final one, so that renaming stays on one file system. Dropped
/// before [`PartFile::finish`] it is removed.
pub(crate) struct PartFile {
    path: PathBuf,
    temporary: PathBuf,
    /// Holds the lock on the temporary file, which tells other runs that it is in use.
    lock: std::fs::File,
    overwrite: bool,
    done: bool,
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.done {
            // Nothing can be done about a failure here.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl PartFile {
    /// Creates and locks it; `path` is the final name.
    ///
    /// # Errors
    /// It can't be created, or another run is writing it at this moment.
    pub(crate) fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let temporary = path.with_file_name(temporary_name(path.file_name().unwrap_or_default()));
        // The system's own words for what is wrong with the directory.
        let lock = lock_file(&temporary).map_err(|e| MediaError::create(path, &e))?.ok_or_else(|| {
            let reason = "another vrseg is writing it at this moment".to_owned();
            MediaError::NotWritable { path: path.to_path_buf(), reason }
        })?;
        Ok(Self { path: path.to_path_buf(), temporary, lock, overwrite, done: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name until it is finished.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Makes it hold these bytes, whatever a killed run left in it.
    pub(crate) fn fill(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.lock.set_len(0)?;
        (&self.lock).write_all(bytes)
    }

    /// Marks it, complete as a file of `container`, as one that ended early.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn mark_ended_early(&mut self, container: &Container) -> Result<()> {
        ended_early::mark(&mut self.lock, container).map_err(|e| MediaError::create(&self.path, &e))
    }

    /// Leaves it where it is: for the next run to see.
    pub(crate) fn leave(&mut self) {
        self.done = true;
    }

    /// Whether a file of that name was left behind, or is being written.
    pub(crate) fn is_left(path: &Path) -> bool {
        path.with_file_name(temporary_name(path.file_name().unwrap_or_default())).exists()
    }

    /// Flushes it to the disk and gives it its final name. Returns the size.
    ///
    /// # Errors
    /// The disk fails, or the final name is taken.
    pub(crate) fn finish(&mut self) -> Result<u64> {
        self.lock.sync_all().map_err(|e| MediaError::create(&self.path, &e))?;
        self.place()
    }

    /// Gives it its final name without waiting for the disk: for one of many files. Returns the size.
    ///
    /// # Errors
    /// The final name is taken.
    pub(crate) fn place(&mut self) -> Result<u64> {
        let fail = |e: std::io::Error| MediaError::create(&self.path, &e);
        let bytes = self.lock.metadata().map_err(fail)?.len();
        if self.overwrite {
            std::fs::rename(&self.temporary, &self.path).map_err(fail)?;
        } else {
            self.rename_unless_taken()?;
        }
        self.done = true;
        Ok(bytes)
    }

    /// Renames only if nothing has the final name by now: a hard link, unlike a rename, refuses.
    fn rename_unless_taken(&self) -> Result<()> {
        let fail = |e: std::io::Error| MediaError::create(&self.path, &e);
        match std::fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => std::fs::remove_file(&self.temporary).map_err(fail),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(MediaError::OutputExists { path: self.path.clone() })
            }
            // A file system without hard links: the look and the rename are two steps there.
            Err(_) if self.path.symlink_metadata().is_ok() => Err(MediaError::OutputExists { path: self.path.clone() }),
            Err(_) => std::fs::rename(&self.temporary, &self.path).map_err(fail),
        }
    }
}

/// `.NAME.part`, NAME being shortened where Linux would find the whole too long.
fn temporary_name(name: &OsStr) -> OsString {
    let (before, after) = (".", ".part");
    let mut whole = OsString::from(before);
    whole.push(fitted(name, LONGEST - before.len() - after.len()));
    whole.push(after);
    whole
}

/// Opens or creates `path` and locks it; `None` where another process holds the lock. What a killed
/// run left behind is not locked any more and is taken over.
fn lock_file(path: &Path) -> std::io::Result<Option<std::fs::File>> {
    loop {
        let file = std::fs::File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        // A file system without locks gives another error, and then there is no protection.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Ok(None);
        }
        // The run that held it may have renamed or removed it between our open and our lock: then
        // the lock is on a file that has this name no more.
        if is_still(path, &file)? {
            return Ok(Some(file));
        }
    }
}

/// Whether `path` is (still, and itself) the open `file`.
fn is_still(path: &Path, file: &std::fs::File) -> std::io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_name_has_a_temporary_name() {
        assert_eq!(temporary_name(OsStr::new("out.mp4")), ".out.mp4.part");
        let longest = format!("{}.mp4", "ä".repeat(125) + "a");
        assert_eq!(longest.len(), 255);
        let other = format!("{}.mkv", &longest[..251]);
        assert_ne!(temporary_name(OsStr::new(&longest)), temporary_name(OsStr::new(&other)));
        let dir = tempfile::tempdir().unwrap();
        let temporary = dir.path().join(temporary_name(OsStr::new(&longest)));
        std::fs::write(&temporary, b"x").unwrap();
        std::fs::rename(temporary, dir.path().join(longest)).unwrap();
    }

    #[test]
    fn lock_is_on_the_file_that_has_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join(".out.mp4.part"), dir.path().join("out.mp4"));
        std::fs::write(&path, b"left behind").unwrap();
        let first = lock_file(&path).unwrap().unwrap();
        assert!(lock_file(&path).unwrap().is_none());
        // The first run renames its file when it is done; another may have opened it just before.
        let late = std::fs::File::options().write(true).open(&path).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        drop(first);
        assert!(!is_still(&path, &late).unwrap());
        std::fs::write(&path, b"a third one's").unwrap();
        assert!(!is_still(&path, &late).unwrap());
        assert!(is_still(&path, &lock_file(&path).unwrap().unwrap()).unwrap());
    }
}
