//! Slurm's own commands.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// A job, or a task of an array: its number and its place in the array.
pub(crate) type TaskId = (u64, Option<usize>);

/// What the scheduler knows of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueEntry {
    /// Slurm's word: `RUNNING`, `PENDING` ...
    pub state: String,
    /// The machine, where there is one.
    pub node: String,
    /// Why it waits, or how it ended.
    pub reason: String,
}

impl QueueEntry {
    /// It runs, or it is about to end or to begin.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.state.as_str(), "RUNNING" | "COMPLETING" | "CONFIGURING" | "STAGE_OUT" | "SUSPENDED")
    }

    /// It waits in the queue.
    pub(crate) fn waits(&self) -> bool {
        self.state.starts_with("PENDING") || self.state.starts_with("REQUEUE") || self.state == "RESV_DEL_HOLD"
    }
}

/// Submits a script; returns its number. Its folder is where it runs and where it logs.
pub(crate) fn submit(script: &Path, folder: &Path, options: &[String]) -> Result<u64> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable").arg("--chdir").arg(folder).args(options).arg(script);
    let output = run("sbatch", command)?;
    // The number, and behind a semicolon the cluster's name where there are several.
    let number = output.trim().split(';').next().and_then(|n| n.parse().ok());
    number.ok_or(Error::Answer { command: "sbatch", output })
}

/// What is in the queue of the jobs `ids`.
pub(crate) fn queue(ids: &[u64]) -> Result<HashMap<TaskId, QueueEntry>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--array", "--format=%i|%T|%N|%r", "--jobs", &joined(ids)]);
    match run("squeue", command) {
        Ok(output) => Ok(parse_entries(&output)),
        // Of jobs that ended a while ago it knows nothing any more.
        Err(Error::Refused { output, .. }) if output.contains("Invalid job id") => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}

/// How tasks that are no longer in the queue ended, where the site keeps accounts; else nothing.
pub(crate) fn accounts(ids: &[u64]) -> HashMap<TaskId, QueueEntry> {
    if ids.is_empty() {
        return HashMap::new();
    }
    let mut command = Command::new("sacct");
    command.args(["--noheader", "--allocations", "--parsable2", "--format=JobID,State,NodeList,ExitCode"]);
    command.args(["--jobs", &joined(ids)]);
    run("sacct", command).map(|output| parse_entries(&output)).unwrap_or_default()
}

/// Removes jobs from the queue, and ends those that run.
pub(crate) fn cancel(ids: &[u64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("scancel");
    // Without it the script's own programs continue until they are killed.
    command.arg("--full").args(ids.iter().map(u64::to_string));
    match run("scancel", command) {
        Err(Error::Refused { output, .. }) if output.contains("Invalid job id") => Ok(()),
        other => other.map(drop),
    }
}

fn joined(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// Lines `id|state|node|reason`.
fn parse_entries(output: &str) -> HashMap<TaskId, QueueEntry> {
    let entry = |line: &str| {
        let mut parts = line.splitn(4, '|').map(str::trim);
        let id = parse_id(parts.next()?)?;
        let mut next = || parts.next().map(str::to_owned);
        let state = next()?;
        // sacct: `CANCELLED by 1000`
        let state = state.split(' ').next().unwrap_or_default().to_owned();
        Some((id, QueueEntry { state, node: next()?, reason: next().unwrap_or_default() }))
    };
    output.lines().filter_map(entry).collect()
}

/// `17`, or `17_3` for task 3.
fn parse_id(text: &str) -> Option<TaskId> {
    match text.split_once('_') {
        None => Some((text.parse().ok()?, None)),
        Some((job, task)) => Some((job.parse().ok()?, Some(task.parse().ok()?))),
    }
}

fn run(name: &'static str, mut command: Command) -> Result<String> {
    let output = command.output().map_err(|source| Error::Start { command: name, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let output = String::from_utf8_lossy(&output.stderr);
    let output = output.trim().trim_start_matches(name).trim_start_matches(": ").trim_start_matches("error: ");
    Err(Error::Refused { command: name, output: output.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squeue_lines_are_parsed() {
        let output =
            "17_2|PENDING||Resources\n17_0|RUNNING|node3|None\n18|PENDING||Dependency\nrubbish\n17_[3-4]|PENDING||\n";
        let found = parse_entries(output);
        assert_eq!(found.len(), 3);
        assert!(found[&(17, Some(2))].waits() && !found[&(17, Some(2))].runs());
        assert!(found[&(17, Some(0))].runs() && found[&(17, Some(0))].node == "node3");
        assert_eq!(found[&(18, None)].reason, "Dependency");
    }

    #[test]
    fn sacct_lines_are_parsed() {
        let found = parse_entries("17_1|CANCELLED by 1000|node1|0:15\n17_2|NODE_FAIL|node2|1:0\n");
        assert_eq!(found[&(17, Some(1))].state, "CANCELLED");
        assert_eq!(found[&(17, Some(2))].reason, "1:0");
    }
}
