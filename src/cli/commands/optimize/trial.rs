//! Trials: this program once more, on a piece of the clip.

use crate::cli::args::OptimizeArgs;
use crate::cli::child;
use crate::cli::exit::UsageError;
use crate::cli::interrupt::Stop;
use crate::cli::job::inputs;
use crate::ui::Console;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use vrseg_bench::Material;
use vrseg_engine::LatencyReport;
use vrseg_engine::settings::{Settings, schema};
use vrseg_engine::tune::search::{Candidate, TrialRunner};
use vrseg_eval::agreement;
use vrseg_hardware::Usage;

/// A trial of a few frames that takes longer than this hangs.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(600);
/// Frames that mattes are compared on.
const COMPARED_FRAMES: u64 = 16;
/// Below this share of the picture there is no person to compare.
const MIN_COVERAGE: f64 = 0.001;

/// Width, height and frames of the clip that is made where the user names none: eyes of 960 pixels, as
/// small as VR180 gets, so that making it takes a few seconds.
const MADE_CLIP: (usize, usize, u64) = (1920, 960, 120);

pub(super) struct Clip {
    pub path: PathBuf,
    pub frames: u64,
    fps: f64,
    /// Name, size and codec, for people.
    pub about: String,
}

impl Clip {
    /// The clip that the user named, else one that is made in `folder`: the same on every machine.
    ///
    /// # Errors
    /// It can't be read, or can't be made.
    pub(crate) fn open(named: Option<&Path>, folder: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let made = named.is_none();
        let path = named.map_or_else(|| folder.join("made_180_LR.mp4"), Path::to_owned);
        if made {
            let (width, height, frames) = MADE_CLIP;
            Material::stereo(width, height, frames).make(&path, &mut |_| stop.presses() == 0)?;
        } else if let Err(e) = path.metadata() {
            return Err(UsageError(format!("--input {}: {}", path.display(), inputs::reason(&e))).into());
        }
        let v = vrseg_media::probe(&path).map_err(vrseg_engine::Error::from)?.video;
        let counted = v.frames.or_else(|| v.duration.map(|d| (d * v.fps) as u64)).filter(|n| *n > 0);
        let frames = counted.unwrap_or(100);
        let about = format!("{}x{} {}, {frames} frames", v.width, v.height, v.codec);
        let name = if made { "a generated clip".to_owned() } else { path.display().to_string() };
        Ok(Self { frames, fps: v.fps, about: format!("{name} ({about})"), path })
    }

    /// Where a trial of `frames` begins so that it is in the middle of the clip.
    fn start(&self, frames: u64) -> Option<f64> {
        let before = self.frames.saturating_sub(frames) / 2;
        (before > 0 && self.fps > 0.0).then(|| before as f64 / self.fps)
    }
}

/// One stage of a trial.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Stage {
    pub stage: String,
    pub busy: f64,
    pub waiting: f64,
    pub threads: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Trial {
    pub frames: u64,
    pub seconds: f64,
    pub fps: f64,
    pub latency: Option<LatencyReport>,
    pub stages: Vec<Stage>,
    pub resources: Usage,
    /// What ran the model, in a line.
    #[serde(default)]
    pub device: String,
    #[serde(default)]
    pub model: String,
}

/// How a run ended, and what it wrote.
struct ChildOutput {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

pub(super) struct ChildTrials<'a> {
    clip: &'a Clip,
    mode: String,
    /// Words that every run gets: profile and file.
    words: Vec<OsString>,
    /// Settings of the command line, as variables; candidates never change these.
    variables: Vec<(String, String)>,
    folder: &'a Path,
    stop: &'a Stop,
    console: &'a Console,
    /// The FP32 matte, once it was made, or why it can't be compared with.
    reference: Option<Result<PathBuf, String>>,
}

impl<'a> ChildTrials<'a> {
    pub(crate) fn new(
        args: &OptimizeArgs,
        settings: &Settings,
        clip: &'a Clip,
        folder: &'a Path,
        stop: &'a Stop,
        console: &'a Console,
    ) -> Self {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(profile) = &args.model.profile {
            words.extend(["--profile".into(), profile.into()]);
        }
        if let Some(file) = &args.model.config {
            words.extend(["-c".into(), file.into()]);
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let variables =
            args.model.overrides().iter().map(|(name, _, value)| (schema::variable(name), text(value))).collect();
        // Of a picture for the background nothing is known here.
        let mode = if settings.output.mode == "replace" { "green" } else { &settings.output.mode };
        Self { clip, mode: mode.to_owned(), words, variables, folder, stop, console, reference: None }
    }

    /// Runs the main job on `frames` frames out of the middle of the clip.
    ///
    /// # Errors
    /// Why it can't be done, in a line.
    pub(crate) fn run(&self, candidate: &Candidate, frames: u64) -> Result<Trial, String> {
        let extension = if self.mode == "alpha" { "mov" } else { "mp4" };
        let output = self.folder.join(format!("trial.{extension}"));
        let trial = self.start(candidate, frames, &self.mode, &output, &[]);
        let _ = std::fs::remove_file(output);
        trial
    }

    /// Runs the settings as they are for about `seconds`, the clip several times over where it is shorter; `fps` is
    /// their speed as far as it is known.
    ///
    /// # Errors
    /// As [`ChildTrials::run`].
    pub(crate) fn steady(&self, seconds: f64, fps: f64) -> Result<Trial, String> {
        let start = Candidate::default();
        let frames_for = |left: f64| ((fps * left).ceil() as u64).clamp(6, self.clip.frames.max(6));
        let mut sum = self.run(&start, frames_for(seconds))?;
        let mut latencies = vec![(sum.frames, sum.latency)];
        // A run that gives hardly a frame must not go on for ever.
        while sum.seconds < seconds * 0.9 && latencies.len() < 50 && self.stop.presses() == 0 {
            let next = self.run(&start, frames_for(seconds - sum.seconds))?;
            latencies.push((next.frames, next.latency));
            sum.add(&next);
        }
        sum.latency = mean(&latencies);
        Ok(sum)
    }

    fn start(
        &self,
        candidate: &Candidate,
        frames: u64,
        mode: &str,
        output: &Path,
        more: &[(&str, &str)],
    ) -> Result<Trial, String> {
        let broken = |e: std::io::Error| format!("can't start vrseg again: {e}");
        let mut command = Command::new(std::env::current_exe().map_err(broken)?);
        let mut target: OsString = format!("{mode}=").into();
        target.push(output);
        command.arg(&self.clip.path).arg("-o").arg(target).args(["--json", "-y", "--frames"]).arg(frames.to_string());
        // The same frames again and again: cached mattes would be all that is measured.
        command.arg("--no-cache");
        // Trials are short; whatever they leave behind is of no use.
        command.args(["--segment-seconds", "off"]);
        if let Some(start) = self.clip.start(frames) {
            command.arg("--ss").arg(start.to_string());
        }
        command.args(&self.words).envs(self.variables.iter().cloned());
        command.envs(candidate.settings().map(|(name, value)| (schema::variable(name), value)));
        command.envs(more.iter().map(|(name, value)| (schema::variable(name), value)));
        // Nobody reads the log of a trial.
        command.env("VRSEG_LOGGING_FILE", "off").env_remove("RUST_LOG");
        let ChildOutput { status, stdout, stderr } = self.wait(command)?;
        let events = stdout.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
        let (mut device, mut model, mut done, mut error) = (String::new(), String::new(), None, None);
        for event in events {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            match event["type"].as_str() {
                Some("start") => (device, model) = (text("device"), text("model")),
                Some("done") => done = serde_json::from_value::<Trial>(event.clone()).ok(),
                Some("error") => error = Some(text("message")),
                _ => {}
            }
        }
        let why = || {
            let last = stderr.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("no message");
            format!("{} ({})", last.trim_start_matches("vrseg: ").trim_start_matches("error: "), status)
        };
        let mut done = done.ok_or_else(|| error.unwrap_or_else(why))?;
        // ONNX Runtime may fall back to the CPU in silence: then another device was measured.
        if let Some(requested) = candidate.get("device.name").filter(|d| !device.starts_with(*d)) {
            return Err(format!("{requested} was requested, {device} ran"));
        }
        (done.device, done.model) = (device, model);
        Ok(done)
    }

    /// Waits for a run, which ends with this one. Its output goes through files: no pipes have to be read.
    fn wait(&self, mut command: Command) -> Result<ChildOutput, String> {
        let broken = |e: std::io::Error| format!("can't start vrseg again: {e}");
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| self.folder.join(name));
        command.stdin(Stdio::null());
        command.stdout(File::create(&stdout).map_err(broken)?).stderr(File::create(&stderr).map_err(broken)?);
        let mut child = command.spawn().map_err(broken)?;
        let started = Instant::now();
        let is_late = || started.elapsed() > TRIAL_TIMEOUT;
        let give_up = || is_late() || self.stop.presses() > 0;
        let Some(status) = child::wait(&mut child, give_up).map_err(broken)? else {
            let minutes = TRIAL_TIMEOUT.as_secs() / 60;
            return Err(if is_late() { format!("no result within {minutes} minutes") } else { "stopped".to_owned() });
        };
        let read = |path| std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        Ok(ChildOutput { status, stdout: read(stdout), stderr: read(stderr) })
    }

    /// Makes the candidate's matte, lossless.
    fn matte(&self, candidate: &Candidate, name: &str, exact: bool) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        // Whatever the user's file says of how outputs are encoded.
        let mut more = vec![
            ("output.codec", "ffv1"),
            ("output.encoder", "auto"),
            ("output.crf", "auto"),
            ("output.preset", "auto"),
            ("output.bitrate", "auto"),
            ("output.pix_fmt", "auto"),
        ];
        if exact {
            more.extend([("device.name", "cpu"), ("model.precision", "fp32")]);
        }
        self.start(candidate, COMPARED_FRAMES.min(self.clip.frames), "matte", &path, &more)?;
        Ok(path)
    }

    fn compare(&mut self, candidate: &Candidate) -> Result<f64, String> {
        if self.reference.is_none() {
            self.reference = Some(self.matte(&Candidate::default(), "fp32.mkv", true));
        }
        let reference = self.reference.clone().unwrap_or_else(|| Err("no matte to compare with".to_owned()))?;
        let matte = self.matte(candidate, "candidate.mkv", false)?;
        let threads = vrseg_hardware::cores();
        let found = agreement(&matte, &reference, threads).map_err(|e| e.to_string())?;
        if found.coverage < MIN_COVERAGE {
            return Err("no person in the clip, so its matte can't be rated".to_owned());
        }
        Ok(found.iou)
    }
}

impl Trial {
    /// Adds another run to this one.
    fn add(&mut self, other: &Trial) {
        let (old, new) = (self.seconds, other.seconds);
        let mean = |a: f64, b: f64| (a * old + b * new) / (old + new).max(1e-9);
        let means = |a: Option<f64>, b: Option<f64>| Some(mean(a?, b?));
        let (a, b) = (&mut self.resources, &other.resources);
        a.peak_memory = a.peak_memory.max(b.peak_memory);
        a.gpu_peak_memory = a.gpu_peak_memory.max(b.gpu_peak_memory);
        a.mean_cores = mean(a.mean_cores, b.mean_cores);
        a.gpu_busy = means(a.gpu_busy, b.gpu_busy);
        a.gpu_encoder = means(a.gpu_encoder, b.gpu_encoder);
        a.gpu_decoder = means(a.gpu_decoder, b.gpu_decoder);
        a.gpu_pcie = means(a.gpu_pcie, b.gpu_pcie);
        a.gpu_power = means(a.gpu_power, b.gpu_power);
        a.gpu_throttled = means(a.gpu_throttled, b.gpu_throttled);
        a.gpu_throttle = a.gpu_throttle.max(b.gpu_throttle);
        a.disk_wait = means(a.disk_wait, b.disk_wait);
        for (mine, its) in self.stages.iter_mut().zip(&other.stages) {
            mine.busy += its.busy;
            mine.waiting += its.waiting;
        }
        self.frames += other.frames;
        self.seconds += other.seconds;
        self.fps = self.frames as f64 / self.seconds.max(1e-9);
    }
}

/// The mean of reports by their frames. (A mean of quantiles is not the quantile, but near it where the
/// parts are alike.)
fn mean(parts: &[(u64, Option<LatencyReport>)]) -> Option<LatencyReport> {
    let known: Vec<_> = parts.iter().filter_map(|(n, l)| Some((*n as f64, (*l)?))).collect();
    let frames: f64 = known.iter().map(|(n, _)| n).sum();
    let of = |f: fn(&LatencyReport) -> f64| known.iter().map(|(n, l)| n * f(l)).sum::<f64>() / frames;
    (frames > 0.0).then(|| LatencyReport {
        p50_ms: of(|l| l.p50_ms),
        p95_ms: of(|l| l.p95_ms),
        max_ms: known.iter().map(|(_, l)| l.max_ms).fold(0.0, f64::max),
    })
}

impl TrialRunner for ChildTrials<'_> {
    fn fps(&mut self, candidate: &Candidate, frames: u64) -> Result<f64, String> {
        let trial = self.run(candidate, frames);
        match &trial {
            Ok(t) => self.console.line(&format!("  {:>7.2} fps  {candidate} ({frames} frames)", t.fps)),
            Err(why) => self.console.line(&format!("       no      {candidate}: {why}")),
        }
        trial.map(|t| t.fps)
    }

    fn iou(&mut self, candidate: &Candidate) -> Result<f64, String> {
        let iou = self.compare(candidate);
        match &iou {
            Ok(iou) => self.console.line(&format!("  {iou:>7.4} IoU  {candidate}")),
            Err(why) => self.console.line(&format!("       no IoU  {candidate}: {why}")),
        }
        iou
    }

    fn stopped(&self) -> bool {
        self.stop.presses() > 0
    }
}
