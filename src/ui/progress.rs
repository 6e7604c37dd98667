//! What a running job shows: a bar on a terminal, a line every few seconds elsewhere, JSON lines
//! for programs, or nothing but warnings.

use super::console::{Console, Paint};
use super::format;
use super::json::JsonLines;
use crate::pipeline::{Event, Observer, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two plain lines of progress.
const INTERVAL: Duration = Duration::from_secs(5);

/// How to report.
#[derive(Debug)]
pub enum Style {
    /// For people: what was found, progress, warnings, a summary.
    Human,
    /// Warnings only.
    Quiet,
    /// Events as JSON lines; people see nothing of them.
    Json(JsonLines),
}

/// Shows the events of one job after the other.
#[derive(Debug)]
pub struct ProgressUi {
    console: Console,
    style: Style,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `[2/5] ` where there are several inputs.
    prefix: String,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
    done: bool,
}

impl ProgressUi {
    /// Reports to `console`.
    pub fn new(console: Console, style: Style) -> Self {
        Self { console, style, interval: INTERVAL, state: Mutex::default() }
    }

    /// Where people read.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Where programs read, with `--json`.
    pub fn json(&self) -> Option<&JsonLines> {
        match &self.style {
            Style::Json(lines) => Some(lines),
            _ => None,
        }
    }

    /// The next job begins: number `index` (from 0) of `count`.
    pub fn begin(&self, index: usize, count: usize) {
        let prefix = if count > 1 { format!("[{}/{count}] ", index + 1) } else { String::new() };
        *self.lock() = State { prefix, ..State::default() };
    }

    /// The job is over, in whichever way: takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Tells a person something that isn't an event. Silent with `--quiet` and `--json`.
    pub fn note(&self, text: &str) {
        if matches!(self.style, Style::Human) {
            self.console.line(&format!("vrseg: {text}"));
        }
    }

    /// Whether [`Event::Done`] of the present job was seen.
    pub fn is_done(&self) -> bool {
        self.lock().done
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn human(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Start { frames, .. } => {
                self.console.write(start(event, &state.prefix, &self.console).as_bytes());
                state.last_line = Some(Instant::now());
                if self.console.is_terminal() {
                    state.bar = Some(self.bar(*frames, &state.prefix));
                }
            }
            Event::Progress { frames, total, .. } => {
                let text = progress(event);
                if let Some(bar) = &state.bar {
                    if let Some(total) = total {
                        bar.set_length(*total);
                    }
                    bar.set_position(*frames);
                    bar.set_message(text);
                } else if state.last_line.is_none_or(|t| t.elapsed() >= self.interval) {
                    state.last_line = Some(Instant::now());
                    self.console.line(&format!("{}{text}", state.prefix));
                }
            }
            Event::Done { summary } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                self.console.write(done(summary, &state.prefix, &self.console).as_bytes());
            }
            Event::Warning { .. } => {}
        }
    }

    fn bar(&self, total: Option<u64>, prefix: &str) -> ProgressBar {
        let (bar, template) = match total {
            Some(n) => (ProgressBar::new(n), "{prefix}{bar:24} {percent:>3}% {wide_msg}"),
            None => (ProgressBar::new_spinner(), "{prefix}{spinner} {wide_msg}"),
        };
        let bar = self.console.bars().add(bar);
        // The templates are constants and right; indicatif's own is good enough if they weren't.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(prefix.to_owned());
        bar.set_message("starting");
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

impl Observer for ProgressUi {
    fn event(&self, event: Event) {
        if matches!(event, Event::Done { .. }) {
            self.lock().done = true;
        }
        match (&self.style, &event) {
            (Style::Json(lines), _) => lines.write(&event),
            (_, Event::Warning { message }) => self.console.warning(message),
            (Style::Human, _) => self.human(&event),
            (Style::Quiet, _) => {}
        }
    }
}

/// What was found, a few labelled lines.
fn start(event: &Event, prefix: &str, console: &Console) -> String {
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
    let mut text = format!("{prefix}{}\n", labelled(console, "input", &found));
    for (label, value) in [("layout", layout), ("model", model), ("device", device)] {
        let _ = writeln!(text, "{}", labelled(console, label, value));
    }
    for (i, output) in outputs.iter().enumerate() {
        let _ = writeln!(text, "{}", labelled(console, if i == 0 { "output" } else { "" }, output));
    }
    text
}

fn labelled(console: &Console, label: &str, value: &str) -> String {
    // Padded before it is painted: escape codes have no width on the screen.
    format!("{} {value}", console.paint(Paint::Bold, &format!("{label:<8}")))
}

/// `120/600 frames, 28 fps, 17 s left, waiting for encode`
fn progress(event: &Event) -> String {
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
fn done(s: &Summary, prefix: &str, console: &Console) -> String {
    let (word, paint) = if s.interrupted { ("stopped early:", Paint::Yellow) } else { ("done:", Paint::Green) };
    let frames = if s.frames == 1 { "frame" } else { "frames" };
    let mut text = format!(
        "{prefix}{} {} {frames} in {}, {} fps",
        console.paint(paint, word),
        s.frames,
        format::took(s.seconds),
        format::fps(s.fps)
    );
    if let Some((stage, share)) = slowest(s) {
        let _ = write!(text, "; slowest stage: {stage} ({:.0} % busy)", share * 100.0);
    }
    text.push('\n');
    if s.decode_errors > 0 {
        let _ = writeln!(text, "  {} frames of the source were damaged", s.decode_errors);
    }
    let width = s.outputs.iter().map(|o| o.mode.len()).max().unwrap_or(0);
    for o in &s.outputs {
        let size = format::bytes(o.bytes);
        let _ = writeln!(text, "  {:width$}  {}  {size}, {}", o.mode, o.path.display(), o.encoder);
    }
    text
}

/// The stage that waited least, and the part of its time that it was at work.
fn slowest(s: &Summary) -> Option<(&'static str, f64)> {
    s.stages
        .iter()
        .filter(|t| t.busy > 0.0)
        .map(|t| (t.stage, t.busy / (t.busy + t.waiting)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}
