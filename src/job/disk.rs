//! Whether the disk has room for the rest of a job.

use super::folder::Record;
use std::path::Path;

/// Bytes that a job still needs: its other frames, encoded like those so far, and a second time all of
/// them for the outputs that are joined. `None` where the number of frames isn't known.
pub fn needed(records: &[Record], frames: Option<u64>) -> Option<u64> {
    let done: u64 = records.iter().map(|r| r.times.pts.len() as u64).sum();
    let bytes: u64 = records.iter().flat_map(|r| &r.parts).map(|p| p.bytes).sum();
    let all = frames?.max(done);
    let whole = bytes as f64 / done.max(1) as f64 * all as f64;
    (done > 0).then_some((2.0 * whole) as u64 - bytes.min((2.0 * whole) as u64))
}

/// Bytes that lack on the disk of `folder` for `needed` more; `None` where there is room, or the system
/// doesn't tell.
pub fn missing(folder: &Path, needed: u64) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let available = disk.f_bavail.saturating_mul(disk.f_frsize);
    needed.checked_sub(available).filter(|n| *n > 0)
}

/// `3.2 GB`
pub fn gigabytes(bytes: u64) -> String {
    let (unit, divisor) = if bytes >= 1_000_000_000 { ("GB", 1e9) } else { ("MB", 1e6) };
    format!("{:.1} {unit}", bytes as f64 / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{SegmentPart, SegmentTimes};

    #[test]
    fn the_rest_and_the_outputs_need_room() {
        let part = SegmentPart { file: "a".into(), bytes: 1000, sha256: String::new(), reorder: 0 };
        let times = SegmentTimes { pts: (0..10).collect(), last_duration: 1 };
        let records = [Record { segment: 0, times, parts: vec![part], next: None }];
        // 40 frames take 4000 bytes, twice; 1000 are there.
        assert_eq!(needed(&records, Some(40)), Some(7000));
        assert_eq!(needed(&records, Some(10)), Some(1000));
        assert_eq!(needed(&records, None), None);
        assert_eq!(needed(&[], Some(40)), None);
    }

    #[test]
    fn no_disk_has_room_for_everything() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(missing(dir.path(), 1), None);
        assert!(missing(dir.path(), u64::MAX / 2).is_none_or(|n| n > 1 << 50));
        assert_eq!((gigabytes(3_200_000_000), gigabytes(5_000_000)), ("3.2 GB".into(), "5.0 MB".into()));
    }
}
