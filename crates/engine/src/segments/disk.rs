//! Whether the disk has space for the rest of a job.

use super::folder::Record;
use crate::events::{Event, Observer};
use std::path::Path;
use vrseg_hardware::units;

/// What is finished of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Frames in its segments.
    pub frames: u64,
    /// What they take on disk, all outputs together.
    pub bytes: u64,
}

impl Done {
    /// In these segments.
    pub(super) fn of(records: &[Record]) -> Self {
        let mut done = Self::default();
        records.iter().for_each(|r| done.add(r));
        done
    }

    /// One segment more.
    pub(super) fn add(&mut self, record: &Record) {
        self.frames += record.times.pts.len() as u64;
        self.bytes += record.parts.iter().map(|p| p.bytes).sum::<u64>();
    }

    /// Bytes that the job still needs: its other frames, encoded like those so far, and a second time all
    /// of them for the outputs that are joined. `None` where that can't be told from what is done.
    pub(super) fn needed(self, frames: Option<u64>) -> Option<u64> {
        let whole = self.bytes as f64 / self.frames.max(1) as f64 * frames?.max(self.frames) as f64;
        (self.frames > 0).then(|| ((2.0 * whole) as u64).saturating_sub(self.bytes))
    }
}

/// Looks whether the disk has space for the rest of a job, and warns when it hasn't: once.
#[derive(Debug)]
pub(super) struct DiskSpace {
    done: Done,
    /// Frames of the whole job, where that is known.
    frames: Option<u64>,
    /// It was told that there is too little.
    pub warned: bool,
}

impl DiskSpace {
    /// For a job of this many frames, of which something is done.
    pub(super) fn new(done: Done, frames: Option<u64>) -> Self {
        Self { done, frames, warned: false }
    }

    /// Another segment is finished.
    pub(super) fn add(&mut self, record: &Record) {
        self.done.add(record);
    }

    /// Looks at the disk of `folder`. `guess`: the bytes that are needed as long as nothing is done.
    pub(super) fn check(&mut self, folder: &Path, guess: Option<u64>, observer: &dyn Observer) {
        let needed = self.done.needed(self.frames).or(guess);
        let Some(missing) = needed.filter(|_| !self.warned).and_then(|n| missing(folder, n)) else { return };
        self.warned = true;
        let (shown, missing) = (folder.display(), units::bytes(missing));
        let message = format!("{shown}: not enough disk space: about {missing} more are needed");
        observer.event(Event::Warning { message });
    }
}

/// Bytes that lack on the disk of `folder` for `needed` more; `None` where there is space, or the system
/// doesn't tell.
pub(super) fn missing(folder: &Path, needed: u64) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let available = disk.f_bavail.saturating_mul(disk.f_frsize);
    needed.checked_sub(available).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_media::{SegmentPart, SegmentTimes};

    #[test]
    fn remaining_segments_and_outputs_need_space() {
        let part = SegmentPart { file: "a".into(), bytes: 1000, sha256: String::new(), reorder: 0 };
        let times = SegmentTimes { pts: (0..10).collect(), last_duration: 1 };
        let records = [Record { segment: 0, times, parts: vec![part], next: None, maker: None }];
        let done = Done::of(&records);
        // 40 frames take 4000 bytes, twice; 1000 are there.
        assert_eq!(done.needed(Some(40)), Some(7000));
        assert_eq!(done.needed(Some(10)), Some(1000));
        assert_eq!(done.needed(None), None);
        assert_eq!(Done::of(&[]).needed(Some(40)), None);
    }

    #[test]
    fn no_disk_has_space_for_everything() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(missing(dir.path(), 1), None);
        assert!(missing(dir.path(), u64::MAX / 2).is_none_or(|n| n > 1 << 50));
    }
}
