//! The folder with a job's scripts, logs and what was submitted, beside the folder with its segments.

use crate::error::{Error, Result};
use crate::slurm_scripts::Resources;
use crate::tasks::Task;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "submission.json";

/// All that was submitted of a job, as `submission.json` in the folder of its scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Folder of the job, absolute.
    pub job: PathBuf,
    /// Files that it writes.
    pub outputs: Vec<PathBuf>,
    /// What its tasks request.
    pub resources: Resources,
    /// Segments per task; `None`: tasks get smaller towards the end.
    pub each: Option<usize>,
    /// The first submission, then each `resume`.
    pub rounds: Vec<Round>,
}

/// Jobs that were submitted together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Slurm's number of the array; `None`: all segments were finished.
    pub array: Option<u64>,
    /// Slurm's number of the job that joins the segments.
    pub merge: u64,
    /// The tasks of the array, in its order.
    pub tasks: Vec<Task>,
    /// Seconds since 1970.
    pub submitted: u64,
}

/// Where scripts and logs of the job in `job` are: `out.mp4.slurm` for `out.mp4.vrseg`.
pub fn folder_of(job: &Path) -> PathBuf {
    let name = job.file_name().unwrap_or_default();
    let stem = match job.extension() {
        Some(extension) if extension == "vrseg" => job.file_stem().unwrap_or_default(),
        _ => name,
    };
    let mut folder = OsString::from(stem);
    folder.push(".slurm");
    job.with_file_name(folder)
}

impl Submission {
    /// Reads the submission of the job whose folder, or whose folder of scripts, is `named`.
    ///
    /// # Errors
    /// Nothing was submitted; the file can't be read.
    pub fn read(named: &Path) -> Result<Self> {
        let own = named.join(FILE_NAME);
        let path = if own.is_file() { own } else { folder_of(named).join(FILE_NAME) };
        let text = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let shown = named.display();
                return Err(Error::Request(format!(
                    "{shown}: no submitted job; use the folder that `vrseg cluster submit` printed"
                )));
            }
            other => other.map_err(|source| Error::Folder { path: path.clone(), source })?,
        };
        serde_json::from_slice(&text).map_err(|e| Error::Folder { path, source: e.into() })
    }

    /// Writes it to the folder of scripts.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self) -> Result<()> {
        let path = folder_of(&self.job).join(FILE_NAME);
        let write = || -> std::io::Result<()> {
            let temporary = path.with_extension("part");
            fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|source| Error::Folder { path: path.clone(), source })
    }

    /// Slurm's numbers of all jobs that were submitted.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.rounds.iter().flat_map(|r| r.array.into_iter().chain([r.merge])).collect()
    }

    /// The task that was last given a segment: the array's number, its place and what it works on.
    pub(crate) fn task_of(&self, segment: usize) -> Option<(u64, usize, Task)> {
        self.rounds.iter().rev().find_map(|round| {
            let at = round.tasks.iter().position(|t| t.has(segment))?;
            Some((round.array?, at, round.tasks[at]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_of_scripts_is_beside_the_segments() {
        assert_eq!(folder_of(Path::new("/x/out.mp4.vrseg")), Path::new("/x/out.mp4.slurm"));
        assert_eq!(folder_of(Path::new("/x/job.d")), Path::new("/x/job.d.slurm"));
    }

    #[test]
    fn last_submitted_task_of_a_segment_counts() {
        let round = |array, tasks: &[(usize, usize)]| Round {
            array: Some(array),
            merge: array + 1,
            tasks: tasks.iter().map(|(first, last)| Task { first: *first, last: *last }).collect(),
            submitted: 0,
        };
        let dir = tempfile::tempdir().expect("a folder");
        let job = dir.path().join("out.mp4.vrseg");
        let submission = Submission {
            job: job.clone(),
            outputs: vec![dir.path().join("out.mp4")],
            resources: Resources::default(),
            each: None,
            rounds: vec![round(5, &[(0, 3), (4, 7)]), round(9, &[(5, 6)])],
        };
        assert_eq!(submission.ids(), [5, 6, 9, 10]);
        assert_eq!(submission.task_of(5), Some((9, 0, Task { first: 5, last: 6 })));
        assert_eq!(submission.task_of(7), Some((5, 1, Task { first: 4, last: 7 })));
        assert_eq!(submission.task_of(8), None);
        assert!(Submission::read(&job).unwrap_err().to_string().contains("no submitted job"));
        fs::create_dir(folder_of(&job)).expect("a folder");
        submission.write().expect("written");
        assert_eq!(Submission::read(&job).expect("read"), submission);
        assert_eq!(Submission::read(&folder_of(&job)).expect("read"), submission);
    }
}
