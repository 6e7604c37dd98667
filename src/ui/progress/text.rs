//! The texts of progress and summaries.

use crate::ui::batch::{FileState, Files};
use crate::ui::console::{Console, Paint};
use crate::ui::format::{self, count};
use std::fmt::Write as _;
use vrseg_engine::events::JobPhase;
use vrseg_engine::tune::bottleneck::{self, BottleneckInput, StageTime};
use vrseg_engine::{Event, JobDescription, StageReport, Summary};
use vrseg_hardware::{Machine, Usage};

/// Frames below which no stage is called the slowest: the first ones wait for models and buffers to fill.
const ENOUGH_FRAMES: u64 = 30;

/// Puts `prefix` before every line of a text.
pub(super) fn prefixed(prefix: &str, text: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

/// Input, layout, model and outputs, a labeled line each.
pub(super) fn probed(job: &JobDescription, console: &Console) -> String {
    let JobDescription { input, width, height, fps, frames, layout, model, outputs } = job;
    let mut found = format!("{}, {width}x{height}", format::path(input));
    if *fps > 0.0 {
        let _ = write!(found, ", {} fps", format::rate(*fps));
    }
    if let Some(n) = frames {
        let _ = write!(found, ", {}", count(*n, "frame"));
        if *fps > 0.0 {
            let _ = write!(found, " ({})", format::duration(*n as f64 / fps));
        }
    }
    let mut text = labeled(console, "input", &found);
    text += &labeled(console, "layout", layout);
    text += &labeled(console, "model", model);
    text + &output_lines(outputs, console)
}

/// The outputs, a line each, the first labeled.
pub(super) fn output_lines(outputs: &[String], console: &Console) -> String {
    let label = |i| if i == 0 { "output" } else { "" };
    outputs.iter().enumerate().map(|(i, output)| labeled(console, label(i), output)).collect()
}

pub(super) fn labeled(console: &Console, label: &str, value: &str) -> String {
    // Padded before it is painted: escape codes have no width on the screen.
    format!("{} {value}\n", console.paint(Paint::Bold, &format!("{label:<8}")))
}

/// What a phase does.
pub(super) fn phase(phase: JobPhase, limit: Option<f64>) -> String {
    let text = match phase {
        JobPhase::Loading => "loading the model",
        JobPhase::Tuning => "measuring the fastest split of threads",
        JobPhase::Joining => "joining the segments",
    };
    limit.map_or(text.to_owned(), |s| format!("{text}, {} at most", format::duration(s)))
}

/// What a trial found.
pub(super) fn tuned(event: &Event) -> String {
    let Event::Tuned { infer, workers, gain, tried, seconds } = event else { return String::new() };
    let split = format!("{} for the model, {}", count(*infer as u64, "thread"), count(*workers as u64, "worker"));
    let took = format::took(*seconds);
    match (*tried, *gain > 1.0) {
        (0 | 1, _) => format!("{split} (default: no time to compare others in {took})"),
        (n, false) => format!("{split} (default: the fastest of {n} splits tried in {took})"),
        (n, true) => format!("{split}: the fastest of {n} splits tried in {took}, {gain:.2} times the default's speed"),
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) frames: u64,
    pub(super) total: Option<u64>,
    fps: f64,
    elapsed: f64,
    eta: Option<f64>,
    bytes: u64,
    bottleneck: &'static str,
}

impl Figures {
    /// Those of a progress event, this number of seconds after the file was begun.
    pub(super) fn of(event: &Event, elapsed: f64) -> Option<Self> {
        let Event::Progress { frames, total, fps, eta, bytes, bottleneck } = event else { return None };
        let (frames, total, fps, eta, bytes) = (*frames, *total, *fps, *eta, *bytes);
        Some(Self { frames, total, fps, elapsed, eta, bytes, bottleneck })
    }

    /// The parts of a line, the most important first.
    fn parts(&self) -> Vec<String> {
        let mut parts = vec![match self.total {
            Some(total) => format!("{}/{total} frames", self.frames),
            None => count(self.frames, "frame"),
        }];
        parts.push(format!("{} fps", format::fps(self.fps)));
        parts.push(format!("{} elapsed", format::duration(self.elapsed)));
        if let Some(eta) = self.eta {
            parts.push(format!("{} left", format::duration(eta)));
            parts.push(format!("done at {}", format::clock_in(eta)));
        }
        if self.bytes > 0 {
            parts.push(format::bytes(self.bytes));
        }
        if !self.bottleneck.is_empty() && self.frames >= ENOUGH_FRAMES {
            parts.push(format!("slowest: {}", self.bottleneck));
        }
        parts
    }

    /// A line of at most this number of columns: what doesn't fit is left out, the least important first.
    pub(super) fn fitted(&self, width: usize) -> String {
        let mut line = String::new();
        for part in self.parts() {
            let with = if line.is_empty() { part } else { format!("{line}, {part}") };
            if with.chars().count() > width && !line.is_empty() {
                break;
            }
            line = with;
        }
        line
    }

    /// A line for a log: `20 %, 120/600 frames, 28 fps, 4 s elapsed, 17 s left, done at 17:45, 4.2 MiB`.
    pub(super) fn line(&self) -> String {
        let share = self.total.filter(|n| *n > 0).map(|n| self.frames as f64 / n as f64);
        let percent = share.map(|s| format!("{:.0} %, ", (s * 100.0).floor())).unwrap_or_default();
        percent + &self.parts().join(", ")
    }
}

/// `1 of 3 files done, 12:34 left in all, done at 18:20`; `None` for a single file.
pub(super) fn batch(files: &Files, eta: Option<f64>) -> Option<String> {
    let (all, n) = (files.all().len(), files.counts());
    if all < 2 {
        return None;
    }
    let mut text = format!("{} of {all} files done", n.done);
    for (n, word) in [(n.failed, "failed"), (n.stopped, "stopped early"), (n.skipped, "skipped")] {
        if n > 0 {
            let _ = write!(text, ", {n} {word}");
        }
    }
    if let Some(eta) = files.eta(eta).filter(|_| n.waiting > 0) {
        let _ = write!(text, ", {} left in all, done at {}", format::duration(eta), format::clock_in(eta));
    }
    Some(text)
}

/// The end of a run of several files: how many ended in which way, and the names of those that failed or were skipped.
pub(super) fn batch_done(files: &Files, seconds: f64, console: &Console) -> Option<String> {
    let (all, n) = (files.all().len(), files.counts());
    if all < 2 {
        return None;
    }
    let mut text = format!("{} of {all} files done in {}", n.done, format::took(seconds));
    for (n, word) in
        [(n.failed, "failed"), (n.stopped, "stopped early"), (n.skipped, "skipped"), (n.waiting, "not begun")]
    {
        if n > 0 {
            let _ = write!(text, ", {n} {word}");
        }
    }
    text.push('\n');
    for file in files.all() {
        let (word, paint) = match file.state {
            FileState::Failed => ("failed", Paint::Red),
            FileState::Stopped => ("stopped", Paint::Yellow),
            FileState::Skipped => ("skipped", Paint::Yellow),
            _ => continue,
        };
        let word = console.paint(paint, &format!("{word:7}"));
        let message = file.message.as_deref().map(|m| m.lines().next().unwrap_or_default()).unwrap_or_default();
        // Most messages begin with the name.
        let message = message.strip_prefix(&file.input).map_or(message, |m| m.trim_start_matches(':').trim_start());
        let why = if message.is_empty() { String::new() } else { format!(": {message}") };
        let _ = writeln!(text, "  {word}  {}{why}", file.input);
    }
    Some(text)
}

/// The summary of a job: speed, what was written, where the time went, and the warnings once more.
pub(super) fn done(s: &Summary, warnings: &[String], console: &Console) -> String {
    let (word, paint) = if s.interrupted { ("stopped early:", Paint::Yellow) } else { ("done:", Paint::Green) };
    let mut text = format!(
        "{} {} in {}, {} fps\n",
        console.paint(paint, word),
        count(s.frames, "frame"),
        format::took(s.seconds),
        format::fps(s.fps)
    );
    let width = s.outputs.iter().map(|o| o.mode.len()).max().unwrap_or(0).max(7);
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:width$}  {value}");
    };
    for o in &s.outputs {
        line(o.mode, &format!("{}, {}, {}", format::path(&o.path), format::bytes(o.bytes), o.encoder));
        for lost in &o.lost {
            line("", &format!("but {lost}"));
        }
    }
    if s.interrupted && !s.outputs.is_empty() {
        line("", "the outputs are incomplete; the same command with -n instead of -y finishes them");
    }
    if let Some(times) = times(s) {
        line("time", &times);
    }
    if s.resources.peak_memory > 0 {
        line("machine", &resources(&s.resources));
    }
    let cached = s.cache.frames.memory + s.cache.frames.disk;
    if cached > 0 {
        let (percent, computed) = (s.cache.hit_rate * 100.0, s.cache.frames.computed);
        let frames = count(cached, "frame");
        line("cache", &format!("mattes of {frames} from the cache ({percent:.0} %), {computed} computed"));
    }
    let propagated = s.cache.frames.propagated;
    if propagated > 0 {
        line("", &format!("mattes of {} propagated by motion, without the model", count(propagated, "frame")));
    }
    if s.decode_errors > 0 {
        line("damaged", &format!("{} of the source", count(s.decode_errors, "frame")));
    }
    // What an output lacks stands beside it.
    let unreported = |w: &&String| !s.outputs.iter().flat_map(|o| &o.lost).any(|lost| w.ends_with(lost.as_str()));
    for warning in warnings.iter().filter(unreported) {
        line(&console.paint(Paint::Yellow, &format!("{:width$}", "warning")), warning);
    }
    text
}

/// Where the time went: the stages' shares of all work, the largest first, and the stage that held the others up.
fn times(s: &Summary) -> Option<String> {
    let all: f64 = s.stages.iter().map(|t| t.busy).sum();
    if all <= 0.0 {
        return None;
    }
    let mut stages: Vec<_> = s.stages.iter().map(|t| (t.stage, t.busy / all * 100.0)).collect();
    stages.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown: Vec<_> = stages.iter().take_while(|(_, share)| *share >= 1.0).take(4).collect();
    let rest = 100.0 - shown.iter().map(|(_, share)| share.round()).sum::<f64>();
    let mut text: Vec<_> = shown.iter().map(|(stage, share)| format!("{stage} {share:.0} %")).collect();
    if rest >= 1.0 {
        text.push(format!("others {rest:.0} %"));
    }
    let mut text = text.join(", ");
    let stages: Vec<_> = s.stages.iter().map(StageTime::from).collect();
    if let Some((stage, share)) = bottleneck::slowest(&stages).filter(|_| s.frames >= ENOUGH_FRAMES) {
        let _ = write!(text, "; slowest stage: {stage} ({:.0} % busy)", (share * 100.0).min(100.0));
    }
    Some(text)
}

/// A command that is of use now: to see what was made, or to measure it.
pub(super) fn next_step(s: &Summary, input: &str) -> Option<String> {
    if s.interrupted {
        return None;
    }
    let output =
        |mode: &str| s.outputs.iter().find(|o| o.mode == mode).map(|o| vrseg_cluster::quoted(&format::path(&o.path)));
    let input = vrseg_cluster::quoted(input);
    Some(if let Some(packed) = output("passthrough") {
        format!("vrseg unpack {packed} -o matte.mkv   # extracts the matte to check it")
    } else if let Some(matte) = output("matte") {
        format!("vrseg eval --pred {matte} --source {input}   # flicker, and agreement of the eyes")
    } else {
        format!("vrseg preview {input} -o sheet.png   # frames and their mattes on one sheet")
    })
}

/// How long frames were on their way, in a line; nothing where it isn't known.
pub(super) fn latency(s: &Summary) -> String {
    let Some(l) = s.latency else { return String::new() };
    format!(
        "  latency  from decoder to encoder: {:.0} ms for half of the frames, {:.0} ms for 95 %\n",
        l.p50_ms, l.p95_ms
    )
}

/// Stages and their seconds, a line each, and the bottlenecks.
pub(super) fn profile(s: &Summary, machine: &Machine) -> String {
    let mut text = String::from("  stage         busy   waiting   a frame:  50 %  95 %  99 %  longest\n");
    for t in &s.stages {
        let _ = writeln!(text, "  {:9}{:8.2} s{:8.2} s{}", t.stage, t.busy, t.waiting, latencies(t));
    }
    let stages: Vec<_> = s.stages.iter().map(StageTime::from).collect();
    let seen = BottleneckInput::new(&stages, &s.resources, machine);
    for finding in bottleneck::findings(&seen) {
        let _ = writeln!(text, "  {finding}");
    }
    text
}

/// The percentiles of a stage's work on a frame, in milliseconds.
fn latencies(t: &StageReport) -> String {
    if t.units == 0 {
        return String::new();
    }
    let [p50, p95, p99, max] = [t.p50, t.p95, t.p99, t.max].map(|s| s * 1e3);
    let batch = if t.frames > t.units {
        format!(" in batches of {:.1}", t.frames as f64 / t.units as f64)
    } else {
        String::new()
    };
    format!("{p50:14.1}{p95:6.1}{p99:6.1}{max:6.1} ms{batch}")
}

/// Memory, cores and the GPU in one line.
pub(super) fn resources(u: &Usage) -> String {
    let mut text = format!("{} of memory at most, {:.2} cores on average", format::bytes(u.peak_memory), u.mean_cores);
    if let Some(busy) = u.gpu_busy {
        let _ = write!(text, "; GPU {busy:.0} % busy");
    }
    // Most jobs use only one of them, many none.
    for (unit, percent) in [("NVENC", u.gpu_encoder), ("NVDEC", u.gpu_decoder)] {
        if let Some(percent) = percent.filter(|p| *p >= 1.0) {
            let _ = write!(text, ", {unit} {percent:.0} %");
        }
    }
    if let Some(watts) = u.gpu_power {
        let _ = write!(text, ", {watts:.0} W");
    }
    if let Some(bytes) = u.gpu_peak_memory {
        let _ = write!(text, ", {} of its memory in use at most", format::bytes(bytes));
    }
    text
}
