//! Submitting a planned job, and what is missing of it.

use crate::error::{Error, Result};
use crate::slurm;
use crate::slurm_scripts::{Resources, array_script, job_name, merge_script, quoted};
use crate::status::{SegmentStatus, State, status};
use crate::submission::{Round, Submission, folder_of};
use crate::tasks::{Task, tasks};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The scripts of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// The array's script; `None` where all segments are finished.
    pub work: Option<String>,
    /// Script of the job that joins the segments.
    pub merge: String,
    /// The tasks of the array, in its order.
    pub tasks: Vec<Task>,
}

/// The jobs that one submission created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedJobs {
    /// Slurm's number of the array; `None` where all segments are finished.
    pub array: Option<u64>,
    /// Slurm's number of the job that joins the segments.
    pub merge: u64,
    /// How many tasks the array has.
    pub tasks: usize,
    /// Where scripts and logs are.
    pub folder: PathBuf,
}

/// The scripts for the segments `missing` of the job in `job`; `frames` are those of every segment.
pub fn scripts(job: &Path, frames: &[u64], missing: &[usize], each: Option<usize>, resources: &Resources) -> Scripts {
    let tasks = tasks(frames, missing, each, resources.max_parallel);
    let (shown, title) = (quoted(&job.to_string_lossy()), job_name(job));
    let work = (!tasks.is_empty()).then(|| array_script(&shown, &title, &tasks, resources));
    Scripts { work, merge: merge_script(&shown, &title, resources), tasks }
}

/// Submits all of a job that was planned in `job`: an array of tasks, and a job that joins their segments.
/// `frames` are those of its segments, `missing` those that are not finished.
///
/// # Errors
/// It was submitted before and is not at its end; Slurm refuses; the disk refuses.
pub fn submit(
    job: &Path,
    outputs: Vec<PathBuf>,
    frames: &[u64],
    missing: &[usize],
    each: Option<usize>,
    resources: Resources,
) -> Result<(Submission, SubmittedJobs)> {
    // Planning takes long: somebody else may have submitted it in the meantime.
    refuse_submitted(job)?;
    let mut submission = Submission { job: job.to_path_buf(), outputs, resources, each, rounds: Vec::new() };
    let jobs = submit_round(&mut submission, frames, missing, &[])?;
    Ok((submission, jobs))
}

/// To be asked before a job is planned anew: planning needs its folder for itself, and may remove what tasks have made.
///
/// # Errors
/// The job is submitted and not finished; Slurm doesn't answer.
pub fn refuse_submitted(job: &Path) -> Result<()> {
    let Ok(before) = Submission::read(job) else { return Ok(()) };
    let shown = job.display();
    let now = status(&before).map_err(|error| match error {
        Error::Start { .. } | Error::Refused { .. } => Error::Request(format!(
            "{shown}: was submitted to Slurm, which can't be asked whether tasks still work on it ({error}); \
             continue at the cluster, or remove {} to forget that",
            folder_of(job).display()
        )),
        other => other,
    })?;
    if !matches!(now.state, State::Running | State::Waiting) {
        return Ok(());
    }
    Err(Error::Request(format!(
        "{shown}: is submitted and not finished; `vrseg cluster status {shown}` shows it, `vrseg cluster cancel` ends it"
    )))
}

/// Submits what is missing of a job and what nobody works on; the job that joins comes behind all of it.
/// `None`: there is nothing to be done, all is in flight or at its end.
///
/// # Errors
/// As for [`submit`].
pub fn resume(submission: &mut Submission) -> Result<Option<SubmittedJobs>> {
    let now = status(submission)?;
    if now.state == State::Finished {
        return Ok(None);
    }
    let frames: Vec<_> = now.segments.iter().map(|s| s.progress.frames).collect();
    let unattended = |s: &&SegmentStatus| matches!(s.state, State::Failed | State::Missing);
    let missing: Vec<_> = now.segments.iter().filter(unattended).map(|s| s.segment).collect();
    let merge = now.tasks.iter().any(|t| t.segments == "merge" && matches!(t.state, State::Running | State::Waiting));
    if missing.is_empty() && merge {
        return Ok(None);
    }
    // Whoever works still is waited for, however it ends: the merge looks for itself.
    let alive: Vec<_> = now
        .tasks
        .iter()
        .filter(|t| matches!(t.state, State::Running | State::Waiting) && t.segments != "merge")
        .filter_map(|t| t.id.split('_').next()?.parse().ok())
        .collect();
    let old: Vec<_> = submission.rounds.iter().map(|r| r.merge).collect();
    slurm::cancel(&old)?;
    submit_round(submission, &frames, &missing, &alive).map(Some)
}

fn submit_round(
    submission: &mut Submission,
    frames: &[u64],
    missing: &[usize],
    alive: &[u64],
) -> Result<SubmittedJobs> {
    let job = submission.job.clone();
    let folder = folder_of(&job);
    let made = scripts(&job, frames, missing, submission.each, &submission.resources);
    let write = |name: &str, text: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        let create = || fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
        create().map_err(|source| Error::Folder { path: path.clone(), source })?;
        Ok(path)
    };
    let n = submission.rounds.len();
    let suffix = if n == 0 { String::new() } else { format!("-{}", n + 1) };
    let merge = write(&format!("merge{suffix}.sbatch"), &made.merge)?;
    let array = match &made.work {
        Some(text) => Some(slurm::submit(&write(&format!("work{suffix}.sbatch"), text)?, &folder, &[])?),
        None => None,
    };
    let after: Vec<String> =
        array.iter().map(|a| format!("afterok:{a}")).chain(alive.iter().map(|a| format!("afterany:{a}"))).collect();
    let options = match after.is_empty() {
        true => Vec::new(),
        false => vec![format!("--dependency={}", after.join(",")), "--kill-on-invalid-dep=yes".to_owned()],
    };
    let merge = match slurm::submit(&merge, &folder, &options) {
        Ok(id) => id,
        Err(error) => {
            // Nobody would join what it makes, nor know of it.
            let _ = slurm::cancel(&array.into_iter().collect::<Vec<_>>());
            return Err(error);
        }
    };
    let submitted = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let tasks = made.tasks.len();
    submission.rounds.push(Round { array, merge, tasks: made.tasks, submitted });
    submission.write()?;
    Ok(SubmittedJobs { array, merge, tasks, folder })
}

/// Removes a job from the queue and ends its tasks. Finished segments stay.
///
/// # Errors
/// Slurm refuses.
pub fn cancel(submission: &Submission) -> Result<()> {
    slurm::cancel(&submission.ids())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_segments_are_not_submitted() {
        let resources = Resources { program: "vrseg".into(), ..Resources::default() };
        let made = scripts(Path::new("/x/o.mp4.vrseg"), &[100; 9], &[2, 3, 8], None, &resources);
        assert_eq!(made.tasks.iter().map(Task::to_string).collect::<Vec<_>>(), ["2-3", "8"]);
        assert!(made.work.expect("an array").contains("segments=(2-3 8)"));
        let made = scripts(Path::new("/x/o.mp4.vrseg"), &[100; 9], &[], None, &resources);
        assert_eq!(made.work, None);
        assert!(made.merge.contains("vrseg merge /x/o.mp4.vrseg --remove"));
    }
}
