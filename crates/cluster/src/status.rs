//! State of a submitted job, from its segments, the queue and the logs.

use crate::error::Result;
use crate::slurm::{self, QueueEntry, TaskId};
use crate::submission::{Submission, folder_of};
use serde::Serialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use vrseg_engine::segments::{self, SegmentProgress};

/// Lines of a task's log that are shown when it failed.
const LOG_LINES: usize = 3;
/// Bytes at the end of a log among which these lines are.
const LOG_TAIL: u64 = 4096;

/// State of a segment, a task or a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its file is complete.
    Finished,
    /// A machine works on it.
    Running,
    /// It is in the queue.
    Waiting,
    /// It ended without its file.
    Failed,
    /// No task was submitted for it.
    Missing,
}

/// State of one segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentStatus {
    /// Index of the segment.
    pub segment: usize,
    /// Its state.
    pub state: State,
    /// Its frames and who made it.
    #[serde(flatten)]
    pub progress: SegmentProgress,
}

/// A task of an array, or the job that joins the segments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskStatus {
    /// Slurm's number: `17_3`, or `18`.
    pub id: String,
    /// The segments, `merge` for the job that joins them.
    pub segments: String,
    /// Its state.
    pub state: State,
    /// Name of the machine; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Slurm's word for its state, and why it waits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub slurm: String,
    /// The last lines of its log, if it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
}

/// State of a submitted job with its segments and tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Folder of the job.
    pub job: PathBuf,
    /// Files that it writes.
    pub outputs: Vec<PathBuf>,
    /// Its state; finished once the outputs are complete.
    pub state: State,
    /// Its segments; none once they were joined and removed.
    pub segments: Vec<SegmentStatus>,
    /// All tasks but those whose segments are finished.
    pub tasks: Vec<TaskStatus>,
}

impl Status {
    /// How many segments are in `state`.
    pub fn count(&self, state: State) -> usize {
        self.segments.iter().filter(|s| s.state == state).count()
    }

    /// Frames of finished segments, and of all.
    pub fn frames(&self) -> (u64, u64) {
        let sum = |all: &mut dyn Iterator<Item = &SegmentStatus>| all.map(|s| s.progress.frames).sum();
        let done = sum(&mut self.segments.iter().filter(|s| s.state == State::Finished));
        (done, sum(&mut self.segments.iter()))
    }

    /// The least, the middle and the most seconds that a finished segment took.
    pub fn seconds(&self) -> Option<[f64; 3]> {
        let mut all: Vec<f64> = self.segments.iter().filter_map(|s| Some(s.progress.maker.as_ref()?.seconds)).collect();
        all.sort_by(f64::total_cmp);
        Some([*all.first()?, all[all.len() / 2], *all.last()?])
    }

    /// Seconds until the last segment is made, if the machines that work now continue as before.
    pub fn seconds_left(&self) -> Option<f64> {
        let made: Vec<_> = self
            .segments
            .iter()
            .filter_map(|s| Some((s.progress.frames, s.progress.maker.as_ref()?.seconds)))
            .collect();
        let frames: u64 = made.iter().map(|m| m.0).sum();
        let seconds: f64 = made.iter().map(|m| m.1).sum();
        let (done, all) = self.frames();
        // A task makes one segment at a time.
        let working = self.tasks.iter().filter(|t| t.state == State::Running).count();
        (frames > 0 && working > 0).then(|| (all - done) as f64 * seconds / frames as f64 / working as f64)
    }
}

/// State of the job that was submitted as `submission` says.
///
/// # Errors
/// The job's folder can't be read; Slurm doesn't answer.
pub fn status(submission: &Submission) -> Result<Status> {
    let ids = submission.ids();
    let queue = slurm::queue(&ids)?;
    let made = segments::progress(&submission.job);
    // Once the outputs are in place the folder goes, and its plan goes first: what was seen may be a part only.
    let outputs_exist = submission.outputs.iter().all(|o| o.is_file());
    let progress = if outputs_exist && !segments::is_planned(&submission.job) { Vec::new() } else { made?.segments };
    let removed = progress.is_empty();
    let unfinished = progress.iter().any(|s| !s.finished);
    let accounts = if unfinished { slurm::accounts(&ids) } else { HashMap::new() };
    let logs = folder_of(&submission.job);
    Ok(combine(submission, progress, &queue, &accounts, &logs, removed || segments::is_merged(&submission.job)))
}

/// Combines segments, queue, accounts and logs.
fn combine(
    submission: &Submission,
    progress: Vec<SegmentProgress>,
    queue: &HashMap<TaskId, QueueEntry>,
    accounts: &HashMap<TaskId, QueueEntry>,
    logs: &Path,
    merged: bool,
) -> Status {
    let of_task = |id: TaskId| match queue.get(&id) {
        Some(entry) if entry.runs() => State::Running,
        Some(entry) if entry.waits() => State::Waiting,
        _ => State::Failed,
    };
    let segments: Vec<_> = progress
        .into_iter()
        .enumerate()
        .map(|(segment, progress)| {
            let state = match submission.task_of(segment) {
                _ if progress.finished || merged => State::Finished,
                Some((array, at, _)) => of_task((array, Some(at))),
                None => State::Missing,
            };
            SegmentStatus { segment, state, progress }
        })
        .collect();
    let mut tasks = Vec::new();
    for round in &submission.rounds {
        for (at, task) in round.tasks.iter().enumerate() {
            let Some(array) = round.array else { continue };
            let mine = |s: &&SegmentStatus| {
                s.state != State::Finished && submission.task_of(s.segment) == Some((array, at, *task))
            };
            if segments.iter().find(mine).is_none() {
                continue;
            }
            let id = (array, Some(at));
            tasks.push(task_status(
                format!("{array}_{at}"),
                task.to_string(),
                of_task(id),
                queue.get(&id).or(accounts.get(&id)),
                logs,
            ));
        }
    }
    let unfinished = segments.iter().any(|s| s.state != State::Finished);
    if let Some(round) = submission.rounds.last().filter(|_| !merged) {
        let entry = queue.get(&(round.merge, None));
        let state = match entry {
            // It waits for segments which nobody makes any more.
            None if unfinished => None,
            _ => Some(of_task((round.merge, None))),
        };
        if let Some(state) = state {
            tasks.push(task_status(round.merge.to_string(), "merge".into(), state, entry, logs));
        }
    }
    let any = |state| tasks.iter().any(|t| t.state == state);
    let state = match () {
        () if merged => State::Finished,
        () if any(State::Running) => State::Running,
        // A job that joins may wait for tasks that failed until the scheduler notices.
        () if tasks.iter().any(|t| t.state == State::Waiting && (t.segments != "merge" || !unfinished)) => {
            State::Waiting
        }
        () => State::Failed,
    };
    Status { job: submission.job.clone(), outputs: submission.outputs.clone(), state, segments, tasks }
}

fn task_status(id: String, segments: String, state: State, entry: Option<&QueueEntry>, logs: &Path) -> TaskStatus {
    let (node, word, reason) = entry.map(|e| (e.node.clone(), e.state.clone(), e.reason.clone())).unwrap_or_default();
    let reason = if reason.is_empty() || reason == "None" { String::new() } else { format!(" ({reason})") };
    let last_words = if state == State::Failed { log_tail(&logs.join(format!("{id}.log"))) } else { Vec::new() };
    TaskStatus { id, segments, state, node, slurm: word + &reason, last_words }
}

/// The last lines of a log that say something.
fn log_tail(log: &Path) -> Vec<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(LOG_TAIL)))?;
        let mut end = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut end)?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    };
    let Ok(text) = read() else { return Vec::new() };
    let lines: Vec<_> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|l| (*l).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm_scripts::Resources;
    use crate::submission::Round;
    use vrseg_engine::segments::Maker;

    fn entry(state: &str, node: &str, reason: &str) -> QueueEntry {
        QueueEntry { state: state.into(), node: node.into(), reason: reason.into() }
    }

    fn segments(finished: &[usize], n: usize) -> Vec<SegmentProgress> {
        let maker = |n: usize| Some(Maker { host: "node1".into(), seconds: 10.0 + n as f64 });
        (0..n)
            .map(|n| {
                let finished = finished.contains(&n);
                SegmentProgress { frames: 100, finished, maker: if finished { maker(n) } else { None } }
            })
            .collect()
    }

    fn submission() -> Submission {
        let tasks = ["0-2", "3-4", "5"].map(|t| t.parse().expect("a task")).to_vec();
        Submission {
            job: "/x/out.mp4.vrseg".into(),
            outputs: vec!["/x/out.mp4".into()],
            resources: Resources::default(),
            each: None,
            rounds: vec![Round { array: Some(17), merge: 18, tasks, submitted: 0 }],
        }
    }

    #[test]
    fn every_segment_has_a_state_and_failed_tasks_their_log_tail() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("17_1.log"), "a\n\nb\nc\nvrseg: error: no GPU\n").expect("a log");
        let queue = HashMap::from([
            ((17, Some(0)), entry("RUNNING", "node3", "None")),
            ((17, Some(2)), entry("PENDING", "", "Resources")),
            ((18, None), entry("PENDING", "", "Dependency")),
        ]);
        let accounts = HashMap::from([((17, Some(1)), entry("NODE_FAIL", "node2", "1:0"))]);
        let status = combine(&submission(), segments(&[0, 1], 7), &queue, &accounts, dir.path(), false);
        let states: Vec<_> = status.segments.iter().map(|s| s.state).collect();
        use State::*;
        assert_eq!(states, [Finished, Finished, Running, Failed, Failed, Waiting, Missing]);
        assert_eq!(status.state, Running);
        let tasks: Vec<_> = status.tasks.iter().map(|t| (t.id.as_str(), t.segments.as_str(), t.state)).collect();
        assert_eq!(
            tasks,
            [("17_0", "0-2", Running), ("17_1", "3-4", Failed), ("17_2", "5", Waiting), ("18", "merge", Waiting)]
        );
        assert_eq!(status.tasks[1].slurm, "NODE_FAIL (1:0)");
        assert_eq!(status.tasks[1].last_words, ["b", "c", "vrseg: error: no GPU"]);
        assert_eq!(status.frames(), (200, 700));
        assert_eq!(status.seconds(), Some([10.0, 11.0, 11.0]));
        // 500 frames at 21 seconds for 200 of them, by one machine.
        assert_eq!(status.seconds_left(), Some(52.5));
    }

    #[test]
    fn folder_being_removed_counts_as_finished_job() {
        let dir = tempfile::tempdir().expect("a folder");
        let job = dir.path().join("out.mp4.vrseg");
        let outputs = vec![dir.path().join("out.mp4")];
        std::fs::create_dir(&job).expect("a folder");
        std::fs::write(job.join("lock"), "").expect("a lock");
        std::fs::write(job.join("00001.0.seg"), "packets").expect("a segment");
        let submission = Submission { job, outputs, rounds: Vec::new(), ..submission() };
        assert!(status(&submission).is_err(), "no plan and no output: no job");
        std::fs::write(&submission.outputs[0], "a video").expect("an output");
        let status = status(&submission).expect("a status");
        assert_eq!((status.state, status.segments.len()), (State::Finished, 0));
    }

    #[test]
    fn job_state_follows_merge_and_queue() {
        let nothing = HashMap::new();
        let logs = Path::new("/nowhere");
        let waits = HashMap::from([((18, None), entry("PENDING", "", "Dependency"))]);
        let state = |made: &[usize], queue, merged| {
            combine(&submission(), segments(made, 6), queue, &nothing, logs, merged).state
        };
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(state(&all, &nothing, true), State::Finished);
        assert_eq!(state(&all, &waits, false), State::Waiting);
        assert_eq!(state(&all, &nothing, false), State::Failed, "the merge went wrong");
        assert_eq!(state(&[0], &waits, false), State::Failed, "the merge waits for tasks that are no more");
        assert_eq!(state(&[0], &nothing, false), State::Failed);
    }
}
