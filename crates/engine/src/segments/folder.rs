//! The folder that keeps a job's segments, beside its first output: `OUT.mp4.vrseg/`.
//!
//! ```text
//! lock             whoever works on the whole job holds its lock
//! plan.json        the job, its key, and where its segments begin if that was planned
//! 00007.json       segment 7 is finished: its frames' times, its files and their checksums
//! 00007.0.seg      its packets for output 0
//! 00007.state      the state of the stages behind it
//! outputs.json     the files that were made of it so far
//! ```
//!
//! A file is written under another name, flushed to the disk and renamed, so that each is whole or not
//! there; a segment counts once its `.json` is there.

use super::key::hex;
use super::names::{LOCK, OUTPUTS, PLAN, is_job_file, is_plain_name};
use crate::error::Error;
use crate::frame::{Border, TemporalState};
use crate::spec::Job;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use vrseg_media::{MediaError, SegmentPart, SegmentTimes};

type Result<T> = std::result::Result<T, Error>;

/// What a job is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobPlan {
    /// What makes it this job: see [`super::key::key`].
    pub key: Value,
    /// The job, its paths absolute.
    pub job: Job,
    /// Seconds of a segment.
    pub seconds: f64,
    /// Frames of all of it, where that is known.
    pub frames: Option<u64>,
    /// Where segments begin; `None`: that is seen on the way.
    pub segments: Option<Vec<PlannedSegment>>,
}

/// A segment that was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSegment {
    /// Time stamp of its first frame, in the source's ticks.
    pub pts: i64,
    /// Number of its first frame.
    pub index: u64,
    /// Its frames.
    pub frames: u64,
    /// Time stamp of the frame with which one warms up who doesn't know what was before.
    pub warm_up: i64,
    /// Time stamp of the first frame behind it; `None`: it goes to the end.
    pub until: Option<i64>,
}

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub segment: usize,
    /// When its frames are shown.
    pub times: SegmentTimes,
    /// Its file for each output.
    pub parts: Vec<SegmentPart>,
    /// What comes behind it; `None`: nothing.
    pub next: Option<Next>,
    /// Who made it, in what time: for people, nothing depends on it.
    #[serde(default)]
    pub maker: Option<Maker>,
}

/// Who made a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maker {
    /// The machine's name.
    pub host: String,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Where the next segment begins, and what is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// As in [`Border`].
    pub pts: i64,
    /// As in [`Border`].
    pub index: u64,
    /// As in [`Border`].
    pub first_pts: i64,
    /// SHA-256 of the file with the state of the stages.
    pub state: String,
}

/// A file that was made of segments, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct WrittenOutput {
    #[serde(with = "vrseg_hardware::json_path::exact")]
    path: PathBuf,
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl WrittenOutput {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::metadata(path)?;
        Ok(Self {
            path: std::path::absolute(path)?,
            device: meta.dev(),
            inode: meta.ino(),
            bytes: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    }
}

/// A job's folder. Holds its lock while it lives.
#[derive(Debug)]
pub struct JobFolder {
    path: PathBuf,
    /// `None` where it is only read.
    _lock: Option<File>,
}

/// Whether a folder is a job's.
pub fn is_job(path: &Path) -> bool {
    path.join(LOCK).is_file()
}

/// Whether a folder holds a job's plan: it is the first to go when the folder goes.
pub fn is_planned(path: &Path) -> bool {
    path.join(PLAN).is_file()
}

/// Whether `path` is an output that the job in `folder` made of what it had then: it may be replaced by
/// what the job has later.
pub fn made(folder: &Path, path: &Path) -> bool {
    let list: Vec<WrittenOutput> = read(&folder.join(OUTPUTS)).unwrap_or_default();
    is_planned(folder) && WrittenOutput::of(path).is_ok_and(|now| list.contains(&now))
}

fn fail(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_path_buf();
    move |reason| match reason.kind() {
        io::ErrorKind::FileTooLarge => MediaError::FileTooLarge { path: path.clone() }.into(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => MediaError::DiskFull { path: path.clone() }.into(),
        _ => Error::JobFolder { path: path.clone(), reason },
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

impl JobFolder {
    /// Opens the folder for one who works on all of the job, and makes it where it isn't there.
    ///
    /// # Errors
    /// Another process has it; it is something else than a job's folder; it can't be made.
    pub fn open(path: &Path) -> Result<Self> {
        let lock_path = path.join(LOCK);
        refuse_foreign(path)?;
        loop {
            fs::create_dir_all(path).map_err(fail(path))?;
            let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
            let lock = match lock {
                // The one who had it has just removed it.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(fail(&lock_path))?,
            };
            if let Err(TryLockError::WouldBlock) = lock.try_lock() {
                return Err(Error::Busy { path: path.to_path_buf() });
            }
            let same = fs::metadata(&lock_path).ok().zip(lock.metadata().ok());
            if same.is_some_and(|(a, b)| (a.dev(), a.ino()) == (b.dev(), b.ino())) {
                return Ok(Self { path: path.to_path_buf(), _lock: Some(lock) });
            }
        }
    }

    /// Opens a folder that is there, for one who works on some of its segments beside others.
    ///
    /// # Errors
    /// There is none; somebody works on all of it.
    pub fn share(path: &Path) -> Result<Self> {
        let lock_path = path.join(LOCK);
        let lock = File::options().write(true).open(&lock_path).map_err(fail(&lock_path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock_shared() {
            return Err(Error::Busy { path: path.to_path_buf() });
        }
        Ok(Self { path: path.to_path_buf(), _lock: Some(lock) })
    }

    /// A folder that is there, for reading only, whoever works in it.
    pub fn read_only(path: &Path) -> Self {
        Self { path: path.to_path_buf(), _lock: None }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan in it, if there is one that can be read.
    pub fn plan(&self) -> Option<JobPlan> {
        read(&self.path.join(PLAN))
    }

    /// Forgets everything and begins the job `plan`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn begin(&self, plan: &JobPlan) -> Result<()> {
        self.clear()?;
        self.put(PLAN, &to_json(plan)?)
    }

    /// Removes everything but the lock.
    fn clear(&self) -> Result<()> {
        // Without its plan the rest doesn't count.
        for first in [true, false] {
            for entry in fs::read_dir(&self.path).map_err(fail(&self.path))? {
                let entry = entry.map_err(fail(&self.path))?;
                let name = entry.file_name();
                if name == LOCK || first != (name == PLAN) {
                    continue;
                }
                fs::remove_file(entry.path()).map_err(fail(&entry.path()))?;
            }
        }
        Ok(())
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(self) -> Result<()> {
        self.clear()?;
        let lock = self.path.join(LOCK);
        fs::remove_file(&lock).map_err(fail(&lock))?;
        // Somebody else may have begun in it by now.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Writes a file so that it is there whole or not at all, whatever happens.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}.{}.part", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|e| {
            let _ = fs::remove_file(&temporary);
            fail(&path)(e)
        })
    }

    /// File of a segment of an output.
    pub fn segment(&self, segment: usize, output: usize) -> PathBuf {
        self.path.join(format!("{segment:05}.{output}.seg"))
    }

    /// Keeps a finished segment, with the state of the stages behind it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self, record: &mut Record, state: Option<&TemporalState>) -> Result<()> {
        let n = record.segment;
        if let (Some(state), Some(next)) = (state, &mut record.next) {
            let bytes = state.to_bytes();
            next.state = hex(&Sha256::digest(&bytes));
            self.put(&format!("{n:05}.state"), &bytes)?;
        }
        self.put(&format!("{n:05}.json"), &to_json(record)?)?;
        // Two are kept, in case that the last is damaged.
        if let Some(old) = n.checked_sub(2) {
            let _ = fs::remove_file(self.path.join(format!("{old:05}.state")));
        }
        Ok(())
    }

    /// A segment's record, if it is finished and its files are there in their size. A record that names files
    /// elsewhere is none: folders are handed around.
    pub fn record(&self, segment: usize) -> Option<Record> {
        let record: Record = read(&self.path.join(format!("{segment:05}.json")))?;
        let there = |p: &SegmentPart| {
            is_plain_name(&p.file) && fs::metadata(self.path.join(&p.file)).is_ok_and(|m| m.len() == p.bytes)
        };
        (record.segment == segment && record.parts.iter().all(there)).then_some(record)
    }

    /// The border behind a segment, if the state of the stages there is known.
    pub fn border(&self, record: &Record) -> Option<Border> {
        let next = record.next.as_ref()?;
        let bytes = fs::read(self.path.join(format!("{:05}.state", record.segment))).ok()?;
        let state = Some(bytes).filter(|b| hex(&Sha256::digest(b)) == next.state)?;
        Some(Border {
            segment: record.segment + 1,
            pts: next.pts,
            index: next.index,
            first_pts: next.first_pts,
            stop: false,
            state: TemporalState::from_bytes(&state)?,
        })
    }

    /// A segment has to be made again.
    pub fn forget(&self, segment: usize) {
        let _ = fs::remove_file(self.path.join(format!("{segment:05}.json")));
    }

    /// The segments from the first on that are finished and that can be resumed after; the others are
    /// forgotten. `cached_mattes`: those that the model's past may be in can be looked up.
    pub fn finished(&self, cached_mattes: bool) -> Vec<Record> {
        let mut records = Vec::new();
        while let Some(record) = self.record(records.len()) {
            let last = record.next.is_none();
            records.push(record);
            if last {
                break;
            }
        }
        let useful = |b: &Border| cached_mattes || !b.state.needs_cache();
        while records.last().is_some_and(|r| r.next.is_some() && !self.border(r).as_ref().is_some_and(useful)) {
            records.pop();
        }
        let keep = records.len();
        for n in (keep..).take_while(|n| *n < keep + 2 || self.path.join(format!("{n:05}.json")).exists()) {
            self.forget(n);
        }
        records
    }

    /// One who works on a segment holds this; `None` while somebody else does.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn lock_segment(&self, segment: usize) -> Result<Option<File>> {
        let path = self.path.join(format!("{segment:05}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fail(&path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks: the rename at the end makes it harmless.
            _ => Ok(Some(file)),
        }
    }

    /// Remembers which files were made of the segments so far.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn made(&self, outputs: &[PathBuf]) -> Result<()> {
        let list: Vec<WrittenOutput> = outputs.iter().filter_map(|p| WrittenOutput::of(p).ok()).collect();
        self.put(OUTPUTS, &to_json(&list)?)
    }
}

/// Refuses a folder in which there is what is not a job's: all of it goes when the job is done.
fn refuse_foreign(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let shown = path.display();
    let no_job = || {
        Error::Request(format!(
            "{shown}: is not a job folder, but segments would be stored there; rename it or choose another output"
        ))
    };
    if !path.is_dir() {
        return Err(no_job());
    }
    let own = path.join(LOCK).exists();
    for entry in fs::read_dir(path).map_err(fail(path))? {
        let entry = entry.map_err(fail(path))?;
        if !own {
            return Err(no_job());
        }
        let name = entry.file_name();
        if !is_job_file(&name.to_string_lossy()) || entry.file_type().is_ok_and(|t| t.is_dir()) {
            let name = Path::new(&name).display();
            return Err(Error::Request(format!(
                "{shown}: contains {name}, which does not belong to the job and would be deleted with it; move it \
                 elsewhere"
            )));
        }
    }
    Ok(())
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|e| Error::Unfinished(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection;
    use proptest::prelude::*;
    use vrseg_infer::cache::InferenceState;

    fn record(folder: &JobFolder, segment: usize, more: bool) -> Record {
        fs::write(folder.segment(segment, 0), b"packets").expect("written");
        let file = folder.segment(segment, 0).file_name().expect("a name").into();
        let next = Next { pts: 10, index: 5, first_pts: 0, state: String::new() };
        Record {
            segment,
            times: SegmentTimes { pts: vec![0, 1], last_duration: 1 },
            parts: vec![SegmentPart { file, bytes: 7, sha256: String::new(), reorder: 0 }],
            next: more.then_some(next),
            maker: None,
        }
    }

    #[test]
    fn finished_segments_are_found_up_to_the_first_gap() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("out.mp4.vrseg");
        let folder = JobFolder::open(&path).expect("made");
        assert!(matches!(JobFolder::open(&path), Err(Error::Busy { .. })));
        let state = TemporalState { backgrounds: vec![Some((1.0, 2.0))], ..TemporalState::default() };
        for n in [3, 0, 1] {
            folder.keep(&mut record(&folder, n, true), Some(&state)).expect("kept");
        }
        let found = folder.finished(true);
        assert_eq!(found.len(), 2);
        let border = folder.border(&found[1]).expect("a border");
        assert_eq!((border.segment, border.pts, border.index), (2, 10, 5));
        assert_eq!(border.state, state);
        // A damaged state: one segment is made again.
        fs::write(path.join("00001.state"), b"nonsense").expect("written");
        assert_eq!(folder.finished(true).len(), 1);
        assert!(!path.join("00001.json").exists());
        // A file that was cut short.
        fs::write(folder.segment(0, 0), b"pack").expect("written");
        assert_eq!(folder.finished(true).len(), 0);
        folder.remove().expect("removed");
        assert!(!path.exists());
    }

    #[test]
    fn segments_that_need_cached_mattes_require_the_cache() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = JobFolder::open(&dir.path().join("out.mp4.vrseg")).expect("made");
        for n in [0, 1] {
            folder.keep(&mut record(&folder, n, true), Some(&TemporalState::default())).expect("kept");
        }
        let chain = serde_json::json!({"start": vec![7; 32], "last": vec![8; 32], "within": (vec![9; 32], 3)});
        let within =
            InferenceState { chain: serde_json::from_value(chain).expect("a chain"), ..InferenceState::default() };
        let state = TemporalState { inference: vec![within], ..TemporalState::default() };
        folder.keep(&mut record(&folder, 2, true), Some(&state)).expect("kept");
        assert_eq!((folder.finished(true).len(), folder.finished(false).len()), (3, 2));
    }

    #[test]
    fn files_elsewhere_are_not_a_jobs() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = JobFolder::open(&dir.path().join("out.mp4.vrseg")).expect("made");
        fs::write(dir.path().join("secret"), b"packets").expect("written");
        let mut one = record(&folder, 0, false);
        for file in ["../secret", "/etc/hostname", ".", "..", "", "x/../00000.0.seg"] {
            one.parts[0].file = file.into();
            folder.keep(&mut one, None).expect("kept");
            assert_eq!(folder.record(0), None, "{file}");
        }
        one.parts[0].file = "00000.0.seg".into();
        folder.keep(&mut one, None).expect("kept");
        assert!(folder.record(0).is_some());
    }

    /// A file that is right but for some bytes, and perhaps for its end.
    fn damaged() -> impl Strategy<Value = (Vec<(usize, u8)>, usize)> {
        (collection::vec((any::<usize>(), any::<u8>()), 0..6), any::<usize>())
    }

    fn damage(mut bytes: Vec<u8>, (changes, cut): &(Vec<(usize, u8)>, usize)) -> Vec<u8> {
        for (at, with) in changes {
            let n = bytes.len();
            bytes[at % n] = *with;
        }
        // As a rule whole.
        bytes.truncate(if cut % 4 == 0 { cut % (bytes.len() + 1) } else { bytes.len() });
        bytes
    }

    proptest! {
        /// Whatever is in a folder's files, it is looked at without harm, and what is not what was written is
        /// detected where that matters: a border's state has a checksum.
        #[test]
        fn damaged_files_are_read_without_harm(hit in 0usize..3, harm in damaged()) {
            let dir = tempfile::tempdir().expect("a folder");
            let folder = JobFolder::open(&dir.path().join("out.mp4.vrseg")).expect("made");
            let state = TemporalState { backgrounds: vec![Some((1.0, 2.0))], ..TemporalState::default() };
            folder.keep(&mut record(&folder, 0, true), Some(&state)).expect("kept");
            let segments = Some(vec![PlannedSegment { pts: 0, index: 0, frames: 2, warm_up: 0, until: None }]);
            let job = Job::sample(Path::new("in.mp4"), Path::new("out.mp4"));
            let plan = JobPlan { key: Value::Null, job, seconds: 15.0, frames: Some(2), segments };
            folder.put(PLAN, &to_json(&plan).expect("json")).expect("written");
            prop_assert!(folder.plan().is_some());
            let path = folder.path().join(["00000.json", "00000.state", PLAN][hit]);
            let bytes = fs::read(&path).expect("there");
            fs::write(&path, damage(bytes, &harm)).expect("written");
            let _ = folder.plan();
            for record in folder.finished(true) {
                prop_assert_eq!(record.segment, 0);
                if let Some(border) = folder.border(&record) {
                    prop_assert_eq!(border.state, state.clone());
                }
            }
        }
    }

    #[test]
    fn a_stranger_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("out.mp4.vrseg");
        drop(JobFolder::open(&path).expect("made"));
        fs::write(path.join("mine.txt"), b"x").expect("written");
        let refused = JobFolder::open(&path).expect_err("a file that is not the job's").to_string();
        assert!(refused.contains("contains mine.txt"), "{refused}");
        fs::write(dir.path().join("mine"), b"x").expect("written");
        assert!(matches!(JobFolder::open(dir.path()), Err(Error::Request(_))));
    }
}
