//! The main job: one input after the other.

use super::backend::Backend;
use super::exit::Exit;
use super::jobs::Batch;
use crate::pipeline::{Cancel, Event, Job, Observer};
use crate::ui::ProgressUi;
use anyhow::Context;
use serde::Serialize;
use std::path::Path;

/// What `--json` tells besides the pipeline's events.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Plan {
        input: &'a Path,
        #[serde(flatten)]
        plan: serde_json::Value,
    },
    Skipped {
        input: &'a Path,
        output: &'a Path,
    },
    Error {
        input: &'a Path,
        message: String,
    },
}

/// Runs the batch.
pub fn run(batch: &Batch, backend: &impl Backend, cancel: &Cancel, ui: &ProgressUi) -> Exit {
    skipped(batch, ui);
    each(batch, ui, |job| {
        for output in &job.outputs {
            // Folders named with -o DIR/ are made here; a missing folder of a named file was refused.
            if let Some(dir) = output.path.parent().filter(|d| !d.as_os_str().is_empty()) {
                std::fs::create_dir_all(dir).with_context(|| format!("{}: can't be created", dir.display()))?;
            }
        }
        let result = backend.run(job, cancel, ui);
        ui.end();
        match result {
            Ok(summary) => {
                let interrupted = summary.interrupted;
                if !ui.is_done() {
                    ui.event(Event::Done { summary });
                }
                Ok(!interrupted)
            }
            // What fails because it was stopped is no failure.
            Err(error) if cancel.is_aborted() => {
                tracing::debug!("stopped: {error:#}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    })
}

/// Shows what [`run`] would do.
pub fn dry_run(
    batch: &Batch,
    backend: &impl Backend,
    ui: &ProgressUi,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> Exit {
    skipped(batch, ui);
    each(batch, ui, |job| {
        let plan = backend.plan(job)?;
        if let Some(json) = ui.json() {
            json.write(&Line::Plan { input: &job.input, plan: plan.json });
        } else {
            let width = plan.lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
            let text: String = plan.lines.iter().map(|(label, value)| format!("{label:width$}  {value}\n")).collect();
            print(&text)?;
        }
        Ok(true)
    })
}

fn skipped(batch: &Batch, ui: &ProgressUi) {
    for (input, output) in &batch.skipped {
        ui.note(&format!("{}: skipped, {} exists", input.display(), output.display()));
        if let Some(json) = ui.json() {
            json.write(&Line::Skipped { input, output });
        }
    }
}

/// Does `work` for each job; a failed one doesn't keep the others from being done. `work` says
/// whether to go on.
fn each(batch: &Batch, ui: &ProgressUi, work: impl Fn(&Job) -> anyhow::Result<bool>) -> Exit {
    let mut failed = 0;
    for (index, job) in batch.jobs.iter().enumerate() {
        ui.begin(index, batch.jobs.len());
        match work(job) {
            Ok(true) => {}
            Ok(false) => return Exit::Interrupted,
            Err(error) => {
                failed += 1;
                let message = format!("{error:#}");
                ui.console().error(&message);
                if let Some(json) = ui.json() {
                    json.write(&Line::Error { input: &job.input, message });
                }
            }
        }
    }
    match failed {
        0 => Exit::Done,
        n if n == batch.jobs.len() && batch.skipped.is_empty() => Exit::Failed,
        n => {
            ui.console().error(&format!("{n} of {} inputs failed", batch.jobs.len()));
            Exit::SomeFailed
        }
    }
}
