//! The texts of `vrseg cluster`.

use crate::ui::format::duration;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use vrseg_cluster::{State, Status, SubmittedJobs};

pub(super) fn submitted(job: &Path, jobs: &SubmittedJobs) -> String {
    let shown = job.display();
    let array = match jobs.array {
        Some(id) => format!("array {id} of {} task(s), then ", jobs.tasks),
        None => String::new(),
    };
    let logs = jobs.folder.display();
    format!(
        "{shown}: submitted {array}merge job {}\n  scripts and logs: {logs}\n  vrseg cluster status {shown}\n",
        jobs.merge
    )
}

/// The same for programs, a line.
pub(super) fn submitted_json(job: &Path, jobs: &SubmittedJobs) -> String {
    let line = json!({
        "job": job, "array": jobs.array, "tasks": jobs.tasks, "merge": jobs.merge, "scripts": jobs.folder,
    });
    format!("{line}\n")
}

/// The state of a job.
pub(super) fn text(status: &Status) -> String {
    let mut text = String::new();
    let shown = status.job.display();
    if status.state == State::Finished {
        let outputs: Vec<_> = status.outputs.iter().map(|o| o.display().to_string()).collect();
        let _ = writeln!(text, "{shown}: finished: {}", outputs.join(", "));
        return text;
    }
    let counts = [State::Running, State::Waiting, State::Failed, State::Missing].map(|s| (s, status.count(s)));
    let (done, all) = status.frames();
    let _ = write!(
        text,
        "{shown}: {} of {} segments ({done} of {all} frames)",
        status.count(State::Finished),
        status.segments.len()
    );
    for (state, n) in counts.iter().filter(|(_, n)| *n > 0) {
        let _ = write!(text, ", {n} {}", word(*state));
    }
    text.push('\n');
    if let Some([least, middle, most]) = status.seconds() {
        let _ = write!(text, "  a segment took {middle:.1} s ({least:.1} to {most:.1})");
        if let Some(left) = status.seconds_left() {
            let _ = write!(text, "; about {} left", duration(left));
        }
        text.push('\n');
    }
    for task in &status.tasks {
        let node = if task.node.is_empty() { String::new() } else { format!(" on {}", task.node) };
        let slurm = if task.slurm.is_empty() { String::new() } else { format!(": {}", task.slurm) };
        let what = if task.segments == "merge" { "merge".to_owned() } else { format!("segments {}", task.segments) };
        let _ = writeln!(text, "  {:<8} {what}, task {}{node}{slurm}", word(task.state), task.id);
        for line in &task.last_words {
            let _ = writeln!(text, "             {line}");
        }
    }
    if status.state == State::Failed {
        let _ = writeln!(text, "  vrseg cluster resume {shown}    submits the missing segments");
    }
    text
}

fn word(state: State) -> &'static str {
    match state {
        State::Finished => "finished",
        State::Running => "running",
        State::Waiting => "waiting",
        State::Failed => "failed",
        State::Missing => "missing",
    }
}
