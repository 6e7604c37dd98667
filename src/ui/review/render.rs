//! The job that the Render button starts: this program again, with the saved edits.

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Bytes of error text that are kept.
const MAX_MESSAGE: usize = 2000;

/// How far the job is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Progress {
    /// `running`, `done`, `failed` or `stopped`.
    state: &'static str,
    percent: f64,
    fps: f64,
    /// Seconds.
    left: Option<f64>,
    output: String,
    message: Option<String>,
}

/// A job that was started.
#[derive(Debug)]
pub(super) struct Render {
    progress: Arc<Mutex<Progress>>,
    /// The process; 0 when it has ended.
    process: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Render {
    /// Runs this program with `words`, in `folder`.
    ///
    /// # Errors
    /// It can't be started.
    pub(super) fn start(folder: &Path, words: &[OsString], output: String) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        // In a group of its own, so that Ctrl-C at the terminal is not a second request to stop.
        command.current_dir(folder).args(words).arg("--json").process_group(0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let progress = Progress { state: "running", percent: 0.0, fps: 0.0, left: None, output, message: None };
        let (progress, process) = (Arc::new(Mutex::new(progress)), Arc::new(AtomicU32::new(child.id())));
        let (shared, running) = (Arc::clone(&progress), Arc::clone(&process));
        let id = child.id();
        let follow_it = move || {
            follow(&mut child, &shared);
            // Ended here and not before: its number can't be another process's until it is waited for.
            running.store(0, Ordering::Release);
            let code = child.wait().ok().and_then(|status| status.code());
            finish(&shared, code);
        };
        let thread = std::thread::Builder::new().name("vrseg-render".to_owned()).spawn(follow_it);
        let thread = thread.inspect_err(|_| signal(id))?;
        Ok(Self { progress, process, thread: Some(thread) })
    }

    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It has not ended.
    pub(super) fn is_running(&self) -> bool {
        self.progress().state == "running"
    }

    /// Asks it to stop after the current frames, as Ctrl-C does.
    pub(super) fn stop(&self) {
        signal(self.process.load(Ordering::Acquire));
    }
}

/// Asks a process to stop after the current frames; 0 is none.
fn signal(id: u32) {
    if let Some(pid) = i32::try_from(id).ok().filter(|id| *id > 0).and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::INT);
    }
}

impl Drop for Render {
    /// Who closes the review means its job, too; what was written can be played.
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads the events of a job until it closes its output.
fn follow(child: &mut Child, progress: &Mutex<Progress>) {
    let errors = child.stderr.take();
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(errors) = errors {
            // Read to its end, so that the job is never held up.
            let mut reader = BufReader::new(errors);
            let mut line = Vec::new();
            while reader.by_ref().read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if text.len() < MAX_MESSAGE {
                    text += &String::from_utf8_lossy(&line);
                }
                line.clear();
            }
        }
        text
    });
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        let number = |key: &str| event[key].as_f64();
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        match event["type"].as_str() {
            Some("progress") => {
                let (frames, total) = (number("frames").unwrap_or(0.0), number("total").unwrap_or(0.0));
                progress.percent = if total > 0.0 { 100.0 * frames / total } else { 0.0 };
                (progress.fps, progress.left) = (number("fps").unwrap_or(0.0), number("eta"));
            }
            Some("error") => progress.message = event["message"].as_str().map(str::to_owned),
            _ => {}
        }
    }
    let text = errors.join().unwrap_or_default();
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    if progress.message.is_none() && !text.trim().is_empty() {
        progress.message = Some(text.trim().to_owned());
    }
}

fn finish(progress: &Mutex<Progress>, code: Option<i32>) {
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    progress.left = None;
    match code {
        Some(0) => (progress.state, progress.percent, progress.message) = ("done", 100.0, None),
        Some(130) => (progress.state, progress.message) = ("stopped", None),
        _ => {
            progress.state = "failed";
            progress.message.get_or_insert_with(|| "the job ended without a message".to_owned());
        }
    }
}
