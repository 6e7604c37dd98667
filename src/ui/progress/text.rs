//! The texts of progress and summaries.

use crate::ui::console::{Console, Paint};
use crate::ui::format;
use std::fmt::Write as _;
use vrseg_engine::tune::bottleneck::{self, BottleneckInput};
use vrseg_engine::{Event, StageReport, Summary};
use vrseg_hardware::{Machine, Usage};

/// Input, layout, model, device and outputs, a labeled line each.
pub(super) fn start(event: &Event, prefix: &str, console: &Console) -> String {
    let Event::Start { input, width, height, fps, frames, layout, model, device, outputs } = event else {
        return String::new();
    };
    let mut found = format!("{}, {width}x{height}", input.display());
    if *fps > 0.0 {
        let _ = write!(found, ", {} fps", format::rate(*fps));
    }
    if let Some(n) = frames {
        let _ = write!(found, ", {n} frames");
    }
    let mut text = format!("{prefix}{}\n", labeled(console, "input", &found));
    for (label, value) in [("layout", layout), ("model", model), ("device", device)] {
        let _ = writeln!(text, "{}", labeled(console, label, value));
    }
    for (i, output) in outputs.iter().enumerate() {
        let _ = writeln!(text, "{}", labeled(console, if i == 0 { "output" } else { "" }, output));
    }
    text
}

fn labeled(console: &Console, label: &str, value: &str) -> String {
    // Padded before it is painted: escape codes have no width on the screen.
    format!("{} {value}", console.paint(Paint::Bold, &format!("{label:<8}")))
}

/// `120/600 frames, 28 fps, 17 s left, slowest: encode`
pub(super) fn progress(event: &Event) -> String {
    let Event::Progress { frames, total, fps, eta, bottleneck } = event else { return String::new() };
    let mut text = match total {
        Some(total) => format!("{frames}/{total} frames"),
        None => format!("{frames} frames"),
    };
    let _ = write!(text, ", {} fps", format::fps(*fps));
    if let Some(eta) = eta {
        let _ = write!(text, ", {} left", format::duration(*eta));
    }
    if !bottleneck.is_empty() {
        let _ = write!(text, ", slowest: {bottleneck}");
    }
    text
}

/// The summary: speed, the slowest stage, and what was written.
pub(super) fn done(s: &Summary, prefix: &str, console: &Console) -> String {
    let (word, paint) = if s.interrupted { ("stopped early:", Paint::Yellow) } else { ("done:", Paint::Green) };
    let frames = if s.frames == 1 { "frame" } else { "frames" };
    let mut text = format!(
        "{prefix}{} {} {frames} in {}, {} fps",
        console.paint(paint, word),
        s.frames,
        format::took(s.seconds),
        format::fps(s.fps)
    );
    if let Some((stage, share)) = bottleneck::slowest(&times(s)) {
        let _ = write!(text, "; slowest stage: {stage} ({:.0} % busy)", share * 100.0);
    }
    text.push('\n');
    if s.resources.peak_memory > 0 {
        let _ = writeln!(text, "  {}", resources(&s.resources));
    }
    let cached = s.cache.frames.memory + s.cache.frames.disk;
    if cached > 0 {
        let percent = s.cache.hit_rate * 100.0;
        let _ = writeln!(
            text,
            "  {cached} frames' mattes from the cache ({percent:.0} %), {} computed",
            s.cache.frames.computed
        );
    }
    let carried = s.cache.frames.carried;
    if carried > 0 {
        let _ = writeln!(text, "  {carried} frames' mattes were carried along, the network was asked for the others");
    }
    if s.decode_errors > 0 {
        let _ = writeln!(text, "  {} frames of the source were damaged", s.decode_errors);
    }
    let width = s.outputs.iter().map(|o| o.mode.len()).max().unwrap_or(0);
    for o in &s.outputs {
        let size = format::bytes(o.bytes);
        let _ = writeln!(text, "  {:width$}  {}  {size}, {}", o.mode, o.path.display(), o.encoder);
        for lost in &o.lost {
            let _ = writeln!(text, "  {:width$}  but {lost}", "");
        }
    }
    if s.interrupted && !s.outputs.is_empty() {
        text += "  the outputs end early; the same command with -n instead of -y finishes them\n";
    }
    text
}

/// Stages and their seconds, a line each, and the bottlenecks.
pub(super) fn profile(s: &Summary, machine: &Machine) -> String {
    let mut text = String::from("  stage      at work   waiting   a frame: half  95 %  99 %  longest\n");
    for t in &s.stages {
        let _ = writeln!(text, "  {:9}{:8.2} s{:8.2} s{}", t.stage, t.busy, t.waiting, latencies(t));
    }
    let stages = times(s);
    let seen = BottleneckInput {
        stages: &stages,
        usage: &s.resources,
        cores: machine.cpu.usable,
        memory: machine.memory.usable(),
        gpu_memory: machine.gpu.cards.first().and_then(|card| card.memory_total),
    };
    for finding in bottleneck::findings(&seen) {
        let _ = writeln!(text, "  {}; what helps: {}", finding.what, finding.help);
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

fn times(s: &Summary) -> Vec<(&'static str, f64, f64)> {
    s.stages.iter().map(|t| (t.stage, t.busy, t.waiting)).collect()
}

/// Memory, cores and the GPU in one line.
pub(super) fn resources(u: &Usage) -> String {
    let mut text = format!("{} of memory at most, {:.2} cores on average", format::bytes(u.peak_memory), u.mean_cores);
    if let Some(busy) = u.gpu_busy {
        let _ = write!(text, "; card {busy:.0} % busy");
    }
    if let Some(bytes) = u.gpu_peak_memory {
        let _ = write!(text, ", {} of its memory in use at most", format::bytes(bytes));
    }
    text
}
