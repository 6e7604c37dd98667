//! Runs the points one after the other, each in a process of its own.

use super::point::PointRequest;
use crate::cli::child;
use crate::cli::interrupt::Stop;
use anyhow::Context;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use vrseg_bench::{Material, Outcome, Point, Results, Spec};

/// Pixels of a clip that is made, in all its frames: some 20 CPU seconds of making.
const MAX_CLIP_PIXELS: u64 = 1_200_000_000;

/// Frames of a clip whatever its size.
const MIN_CLIP_FRAMES: u64 = 16;

/// Follows a sweep while its points run.
pub(super) trait SweepObserver {
    /// A clip of `frames` frames is being made; `n` of them are written.
    fn making(&self, spec: &Spec, n: u64, frames: u64);
    /// The point with this `index` begins, counted from 0.
    fn begin(&self, index: usize, spec: &Spec);
    fn end(&self, index: usize, point: &Point);
}

/// How the points are run.
pub(super) struct SweepRunner<'a> {
    /// The given video, if there is one.
    pub input: Option<&'a Path>,
    /// Folder for clips and outputs.
    pub folder: &'a Path,
    /// Options of the main job that all points have.
    pub options: Vec<String>,
    /// After that time a point is ended.
    pub timeout: Duration,
    pub stop: &'a Stop,
}

impl SweepRunner<'_> {
    /// Runs the points that `results` doesn't have and adds them there; after each, `save` is called.
    /// False when it was stopped.
    ///
    /// # Errors
    /// No process can be started, or `save` fails.
    pub(crate) fn run(
        &self,
        points: &[Spec],
        results: &mut Results,
        observer: &dyn SweepObserver,
        save: impl Fn(&Results) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        for (index, spec) in points.iter().enumerate() {
            if results.point(spec).is_some() {
                continue;
            }
            observer.begin(index, spec);
            let Some(outcome) = self.point(spec, results, observer)? else { return Ok(false) };
            results.points.push(Point { spec: spec.clone(), outcome });
            save(results)?;
            if let Some(point) = results.points.last() {
                observer.end(index, point);
            }
        }
        Ok(true)
    }

    /// One point; nothing where it was stopped.
    fn point(&self, spec: &Spec, results: &Results, observer: &dyn SweepObserver) -> anyhow::Result<Option<Outcome>> {
        let settings = &results.settings;
        let clip = match self.input {
            Some(input) => input.to_owned(),
            None => match self.clip(spec, settings.iterations + settings.warmup, observer) {
                Ok(Some(clip)) => clip,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(Outcome::Failed { error: format!("can't make its clip: {error}") })),
            },
        };
        let request = PointRequest {
            spec: spec.clone(),
            clip,
            folder: self.folder.to_owned(),
            iterations: settings.iterations,
            warmup: settings.warmup,
            seconds: settings.seconds,
            options: self.options.clone(),
        };
        let program = std::env::current_exe().context("vrseg can't find its own program")?;
        let mut child = Command::new(program)
            .args(["bench", "--point", &serde_json::to_string(&request)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("can't start a process for a point")?;
        // Open until the end: the child ends with it.
        let _stdin: Option<ChildStdin> = child.stdin.take();
        Ok(self.wait(child))
    }

    fn wait(&self, mut child: Child) -> Option<Outcome> {
        let answer = child.stdout.take().map(|mut out| {
            thread::spawn(move || {
                let mut text = String::new();
                let _ = out.read_to_string(&mut text);
                text
            })
        });
        let stderr = child.stderr.take().map(|err| thread::spawn(move || last_lines(err)));
        let started = Instant::now();
        let give_up = || self.stop.presses() > 0 || started.elapsed() >= self.timeout;
        let status = child::wait(&mut child, give_up).ok().flatten();
        let text = answer.and_then(|a| a.join().ok()).unwrap_or_default();
        let stderr = stderr.and_then(|s| s.join().ok()).unwrap_or_default();
        if self.stop.presses() > 0 {
            return None;
        }
        let Some(status) = status else {
            let error = format!("timed out after {:.0} s; --timeout sets the limit", self.timeout.as_secs_f64());
            return Some(Outcome::Failed { error });
        };
        // It may have answered and then crashed on its way out.
        Some(serde_json::from_str(&text).unwrap_or_else(|_| Outcome::Failed { error: explain(status, &stderr) }))
    }

    /// The clip of a size, made where it isn't there.
    fn clip(&self, spec: &Spec, frames: u64, observer: &dyn SweepObserver) -> vrseg_media::Result<Option<PathBuf>> {
        let pixels = (spec.width * spec.height) as u64;
        let frames = frames.min((MAX_CLIP_PIXELS / pixels.max(1)).max(MIN_CLIP_FRAMES));
        let path = self.folder.join(format!("{}-{frames}_180_LR.mp4", spec.size));
        if !path.is_file() {
            observer.making(spec, 0, frames);
            let made = Material::stereo(spec.width, spec.height, frames).make(&path, &mut |n| {
                observer.making(spec, n, frames);
                self.stop.presses() == 0
            })?;
            if !made {
                return Ok(None);
            }
        }
        Ok(Some(path))
    }
}

/// The last lines of a stream, for an error's text.
fn last_lines(stream: impl Read) -> String {
    let mut lines = VecDeque::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok).filter(|l| !l.trim().is_empty()) {
        lines.push_back(line);
        if lines.len() > 3 {
            lines.pop_front();
        }
    }
    Vec::from(lines).join("; ")
}

/// Why a process ended without an answer.
fn explain(status: ExitStatus, stderr: &str) -> String {
    let why = match (status.signal(), status.code()) {
        (Some(9), _) => "it was killed, probably out of memory".to_owned(),
        (Some(signal), _) => format!("it crashed (signal {signal})"),
        (_, Some(code)) => format!("it ended with exit code {code}"),
        _ => "it ended without a message".to_owned(),
    };
    if stderr.is_empty() { why } else { format!("{why}: {stderr}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(script: &str) -> ExitStatus {
        Command::new("sh").args(["-c", script]).status().expect("sh")
    }

    #[test]
    fn crash_error_names_signal_or_exit_code() {
        assert_eq!(explain(status("kill -9 $$"), ""), "it was killed, probably out of memory");
        assert_eq!(explain(status("kill -11 $$"), "boom"), "it crashed (signal 11): boom");
        assert_eq!(explain(status("exit 7"), "no"), "it ended with exit code 7: no");
        assert_eq!(last_lines("a\n\nb\nc\nd\n".as_bytes()), "b; c; d");
    }

    #[test]
    fn hanging_point_is_ended_after_its_timeout() {
        let (stop, folder) = (Stop::default(), std::env::temp_dir());
        let runner = SweepRunner {
            input: None,
            folder: &folder,
            options: Vec::new(),
            timeout: Duration::from_millis(50),
            stop: &stop,
        };
        let child = || {
            let mut command = Command::new("sleep");
            command.arg("600").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sleep")
        };
        let Some(Outcome::Failed { error }) = runner.wait(child()) else { panic!("it was ended") };
        assert!(error.contains("--timeout"), "{error}");
        stop.press();
        assert_eq!(runner.wait(child()), None);
    }
}
