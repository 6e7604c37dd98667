//! The main job: one input after the other.

use super::build::Batch;
use super::engine::Engine;
use crate::cli::exit::{self, Exit};
use crate::cli::interrupt::Stop;
use crate::cli::limits;
use crate::ui::{FileState, ProgressUi};
use anyhow::Context;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use vrseg_engine::{Event, Job, Observer};

/// Events of `--json` besides the pipeline's.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum JsonEvent<'a> {
    Plan {
        #[serde(serialize_with = "vrseg_hardware::json_path::lossy")]
        input: &'a Path,
        #[serde(flatten)]
        plan: serde_json::Value,
    },
    /// The end of a run of several files.
    Batch { files: usize, done: usize, failed: Vec<String>, skipped: Vec<String>, stopped: Vec<String> },
    Skipped {
        #[serde(serialize_with = "vrseg_hardware::json_path::lossy")]
        input: &'a Path,
        #[serde(serialize_with = "vrseg_hardware::json_path::lossy")]
        output: &'a Path,
    },
    Error {
        #[serde(serialize_with = "vrseg_hardware::json_path::lossy")]
        input: &'a Path,
        message: String,
    },
}

pub(crate) fn run(batch: &Batch, engine: &impl Engine, stop: &Stop, ui: &ProgressUi) -> Exit {
    report_skipped(batch, ui);
    let nothing_written = || {
        ui.stopped();
        ui.console().line("vrseg: stopped; no output was written");
    };
    let mut begun = false;
    let exit = for_each_job(batch, ui, |job| {
        if stop.presses() > 0 {
            if !begun {
                nothing_written();
            }
            return Ok(false);
        }
        begun = true;
        let made = make_folders(job)?;
        let mut result = engine.run(job, &stop.next_job(), ui);
        if result.as_ref().is_err_and(is_broken_cached_run) && stop.presses() == 0 {
            // Rare: a video that begins like one that was seen before.
            tracing::info!("cached mattes end mid-sequence; computing every matte");
            let mut again = job.clone();
            again.cache.read = false;
            result = engine.run(&again, &stop.next_job(), ui);
        }
        ui.end();
        if result.is_err() {
            // Only those that are empty go, the innermost first.
            made.iter().rev().for_each(|dir| drop(fs::remove_dir(dir)));
        }
        match result {
            Ok(summary) => {
                let interrupted = summary.interrupted;
                if !ui.is_done() {
                    ui.event(Event::Done { summary });
                }
                Ok(!interrupted)
            }
            // What fails because it was stopped is no failure.
            Err(error) if stop.presses() == 1 && is_interruption(&error) => {
                nothing_written();
                Ok(false)
            }
            Err(error) if stop.presses() > 1 => {
                tracing::debug!("stopped: {error:#}");
                ui.stopped();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    });
    report_end(batch, ui);
    exit
}

/// Shows what [`run`] would do.
pub(crate) fn dry_run(
    batch: &Batch,
    engine: &impl Engine,
    stop: &Stop,
    ui: &ProgressUi,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> Exit {
    report_skipped(batch, ui);
    for_each_job(batch, ui, |job| {
        let plan = engine.plan(job, &stop.next_job());
        // A trial that was stopped forecasts nothing, and what fails because of it is no failure.
        if stop.presses() > 0 {
            return Ok(false);
        }
        let plan = plan?;
        if let Some(json) = ui.json() {
            json.write(&JsonEvent::Plan { input: &job.input, plan: plan.json });
        } else {
            let width = plan.lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
            let text: String = plan.lines.iter().map(|(label, value)| format!("{label:width$}  {value}\n")).collect();
            print(&text)?;
        }
        Ok(true)
    })
}

/// How the files ended, and what is of use now.
fn report_end(batch: &Batch, ui: &ProgressUi) {
    ui.finish();
    let files = ui.outcome();
    if let (Some(json), true) = (ui.json(), batch.jobs.len() + batch.skipped.len() > 1) {
        let names = |state| files.all().iter().filter(|f| f.state == state).map(|f| f.input.clone()).collect();
        let counts = files.counts();
        json.write(&JsonEvent::Batch {
            files: files.all().len(),
            done: counts.done,
            failed: names(FileState::Failed),
            skipped: names(FileState::Skipped),
            stopped: names(FileState::Stopped),
        });
    }
}

/// Reports which inputs are skipped, and makes the others known.
fn report_skipped(batch: &Batch, ui: &ProgressUi) {
    let skipped = batch.skipped.iter().map(|(input, output)| (input, format!("{} exists", output.display())));
    ui.files(batch.jobs.iter().map(|job| job.input.as_path()), skipped);
    for (input, output) in &batch.skipped {
        ui.note(&format!("{}: skipped, {} exists", input.display(), output.display()));
        if let Some(json) = ui.json() {
            json.write(&JsonEvent::Skipped { input, output });
        }
    }
    for (input, output) in &batch.left {
        ui.note(&format!("{}: {} exists and is kept; making the other outputs", input.display(), output.display()));
    }
}

fn is_interruption(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(vrseg_engine::Error::Interrupted))
}

fn is_broken_cached_run(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(vrseg_engine::Error::CachedInference(_)))
}

/// Makes the folders named with `-o DIR/` (a missing folder of a named file was refused) and returns
/// those that were not there, from the outside in.
fn make_folders(job: &Job) -> anyhow::Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    for dir in job.outputs.iter().filter_map(|o| o.path.parent()) {
        let missing: Vec<_> = dir.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
        made.extend(missing.into_iter().rev().map(Path::to_owned));
        if !dir.as_os_str().is_empty() {
            fs::create_dir_all(dir).with_context(|| format!("{}: can't be created", dir.display()))?;
        }
    }
    Ok(made)
}

/// Does `work` for each job; a failed one doesn't keep the others from running. `work` returns
/// whether to continue.
fn for_each_job(batch: &Batch, ui: &ProgressUi, mut work: impl FnMut(&Job) -> anyhow::Result<bool>) -> Exit {
    let (mut failed, mut refused) = (0, 0);
    for (index, job) in batch.jobs.iter().enumerate() {
        ui.begin(index, batch.jobs.len(), &job.input);
        match work(job) {
            Ok(true) => {}
            Ok(false) => return Exit::Interrupted,
            Err(error) => {
                failed += 1;
                refused += usize::from(exit::is_usage(&error));
                let mut message = format!("{error:#}");
                message += &limits::hint(&message).unwrap_or_default();
                ui.failed(&message);
                if let Some(json) = ui.json() {
                    json.write(&JsonEvent::Error { input: &job.input, message });
                }
            }
        }
    }
    match failed {
        0 => Exit::Done,
        n if n == batch.jobs.len() && batch.skipped.is_empty() => {
            // The request suits none of the inputs.
            if refused == n { Exit::Usage } else { Exit::Failed }
        }
        n => {
            // With their names, since with --quiet nothing else follows.
            let files = ui.outcome();
            let names = files.all().iter().filter(|f| f.state == FileState::Failed).map(|f| f.input.as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            ui.console().error(&format!("{n} of {} inputs failed: {names}", batch.jobs.len()));
            Exit::SomeFailed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::PlanView;
    use super::*;
    use crate::ui::testing::{SharedBuffer, sample_summary, start_event};
    use crate::ui::{Console, JsonLines, Style};
    use vrseg_engine::{Cancel, Summary};

    /// Does what the input's name says.
    struct Fake<'a> {
        stop: &'a Stop,
    }

    impl Engine for Fake<'_> {
        fn plan(&self, job: &Job, cancel: &Cancel) -> anyhow::Result<PlanView> {
            anyhow::ensure!(!job.input.ends_with("bad"), "bad: not a video");
            if job.input.ends_with("once") {
                self.stop.press();
                assert!(cancel.is_requested());
            }
            let lines = vec![("input".into(), job.input.display().to_string()), ("model".into(), "selfie".into())];
            Ok(PlanView { lines, json: serde_json::json!({"model": "selfie"}) })
        }

        fn run(&self, job: &Job, cancel: &Cancel, observer: &dyn Observer) -> anyhow::Result<Summary> {
            assert!(!cancel.is_requested(), "each job starts with a fresh flag");
            observer.event(start_event());
            match job.input.to_str() {
                Some("unsuited") => Err(vrseg_engine::Error::Request("unsuited: too small".into()).into()),
                Some("bad") => {
                    cancel.abort();
                    Err(anyhow::anyhow!("no key frame").context("bad: not a video"))
                }
                Some("once") => {
                    self.stop.press();
                    assert!(cancel.is_requested() && !cancel.is_aborted());
                    Ok(sample_summary(true))
                }
                Some("twice") => {
                    self.stop.press();
                    self.stop.press();
                    assert!(cancel.is_aborted());
                    anyhow::bail!("aborted")
                }
                Some("early") => {
                    self.stop.press();
                    Err(vrseg_engine::Error::Interrupted.into())
                }
                Some("late") => {
                    self.stop.press();
                    Ok(sample_summary(false))
                }
                _ => {
                    let summary = sample_summary(false);
                    observer.event(Event::Done { summary: summary.clone() });
                    Ok(summary)
                }
            }
        }
    }

    fn job(dir: &Path, input: &str) -> Job {
        Job::sample(Path::new(input), &dir.join("new").join(input).with_extension("mp4"))
    }

    /// Exit code, standard output, standard error.
    fn play(inputs: &[&str], json: bool) -> (Exit, String, String) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (out, err) = (SharedBuffer::default(), SharedBuffer::default());
        let style = if json { Style::Json(JsonLines::to(out.clone())) } else { Style::Quiet };
        let ui = ProgressUi::new(Console::to(err.clone()), style);
        let batch = Batch { jobs: inputs.iter().map(|i| job(dir.path(), i)).collect(), ..Batch::default() };
        let stop = Stop::default();
        let exit = run(&batch, &Fake { stop: &stop }, &stop, &ui);
        // The fake writes nothing, so a folder stays only where a job came to its end.
        let stops = |i: &&str| ["once", "twice", "early", "late"].contains(i);
        let tried = inputs.iter().position(stops).map_or(inputs, |at| &inputs[..=at]);
        let ended = |i: &&str| !["bad", "unsuited", "twice", "early"].contains(i);
        assert_eq!(dir.path().join("new").is_dir(), tried.iter().any(ended));
        (exit, out.text(), err.text())
    }

    fn types(out: &str) -> Vec<String> {
        let kind = |l| serde_json::from_str::<serde_json::Value>(l).expect("JSON")["type"].as_str().map(str::to_owned);
        out.lines().filter_map(kind).collect()
    }

    #[test]
    fn exit_code_follows_the_outcomes() {
        assert_eq!(play(&["good"], false).0, Exit::Done);
        assert_eq!(play(&[], false).0, Exit::Done);
        assert_eq!(play(&["bad"], false).0, Exit::Failed);
        assert_eq!(play(&["bad", "good"], false).0, Exit::SomeFailed);
        assert_eq!(play(&["unsuited"], false).0, Exit::Usage);
        assert_eq!(play(&["unsuited", "bad"], false).0, Exit::Failed);
        assert_eq!(play(&["unsuited", "good"], false).0, Exit::SomeFailed);
        assert_eq!(play(&["once"], false).0, Exit::Interrupted);
        assert_eq!(play(&["late"], false).0, Exit::Done);
        let (exit, _, err) = play(&["early", "good"], false);
        assert_eq!(exit, Exit::Interrupted);
        assert_eq!(err, "vrseg: stopped; no output was written\n");
    }

    #[test]
    fn stop_before_the_first_job_reports_that_nothing_was_written() {
        let err = SharedBuffer::default();
        let ui = ProgressUi::new(Console::to(err.clone()), Style::Quiet);
        let stop = Stop::default();
        stop.press();
        let dir = tempfile::tempdir().unwrap();
        let batch = Batch { jobs: vec![job(dir.path(), "good")], ..Batch::default() };
        assert_eq!(run(&batch, &Fake { stop: &stop }, &stop, &ui), Exit::Interrupted);
        assert_eq!(err.text(), "vrseg: stopped; no output was written\n");
    }

    #[test]
    fn failed_input_does_not_stop_the_others() {
        let (exit, out, err) = play(&["bad", "good"], true);
        assert_eq!(exit, Exit::SomeFailed);
        assert_eq!(types(&out), ["start", "error", "start", "done", "batch"]);
        assert!(out.contains("\"input\":\"bad\",\"message\":\"bad: not a video: no key frame\""));
        assert_eq!(
            err,
            "[1/2] vrseg: error: bad: not a video: no key frame\nvrseg: error: 1 of 2 inputs failed: bad\n"
        );
    }

    #[test]
    fn ctrl_c_ends_the_batch() {
        for first in ["once", "twice", "late"] {
            let (exit, out, err) = play(&[first, "good"], true);
            assert_eq!((exit, err.as_str()), (Exit::Interrupted, ""), "{first}");
            let want: &[&str] = if first == "twice" { &["start", "batch"] } else { &["start", "done", "batch"] };
            assert_eq!(types(&out), want, "{first}");
            // A file that ended early is one of the batch's figures, whether or not anything of it was written.
            let batch: serde_json::Value = serde_json::from_str(out.lines().last().unwrap_or_default()).expect("JSON");
            let stopped: &[&str] = if first == "late" { &[] } else { &[first] };
            assert_eq!(batch["stopped"], serde_json::json!(stopped), "{first}");
        }
    }

    #[test]
    fn dry_run_prints_plans_and_writes_nothing() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ui = ProgressUi::new(Console::to(std::io::sink()), Style::Human);
        let batch = Batch { jobs: vec![job(dir.path(), "a")], ..Batch::default() };
        let text = std::cell::RefCell::new(String::new());
        let print = |s: &str| {
            text.borrow_mut().push_str(s);
            Ok(())
        };
        let stop = Stop::default();
        assert_eq!(dry_run(&batch, &Fake { stop: &stop }, &stop, &ui, print), Exit::Done);
        assert_eq!(text.into_inner(), "input  a\nmodel  selfie\n");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);

        let out = SharedBuffer::default();
        let ui = ProgressUi::new(Console::to(std::io::sink()), Style::Json(JsonLines::to(out.clone())));
        dry_run(&batch, &Fake { stop: &stop }, &stop, &ui, |_| Ok(()));
        assert_eq!(out.text(), "{\"type\":\"plan\",\"input\":\"a\",\"model\":\"selfie\"}\n");

        let batch = Batch { jobs: vec![job(dir.path(), "once"), job(dir.path(), "a")], ..Batch::default() };
        assert_eq!(dry_run(&batch, &Fake { stop: &stop }, &stop, &ui, |_| Ok(())), Exit::Interrupted);
        assert_eq!(out.text().lines().count(), 1, "what was stopped is not told");
    }
}
