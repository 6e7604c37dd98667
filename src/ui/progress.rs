//! What a running job shows: a bar on a terminal, a line every few seconds elsewhere, JSON lines
//! for programs, or nothing but warnings.

use super::board::Board;
use super::console::{Console, Paint};
use super::format;
use super::json::JsonLines;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vrseg_engine::pipeline::{Event, Live, Observer, StageReport, Summary, Trace};
use vrseg_engine::telemetry::TOLD;
use vrseg_engine::tune::bottleneck::{self, Seen};
use vrseg_hardware::{Machine, Usage};

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
    /// The summary tells every stage's time, and what held the job up on this machine.
    profiling: Option<Machine>,
    /// A timeline of every job.
    trace: Option<Arc<Trace>>,
    /// Who else is told.
    board: Option<Arc<Board>>,
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
        Self { console, style, interval: INTERVAL, profiling: None, trace: None, board: None, state: Mutex::default() }
    }

    /// The same with every stage's time in the summary, and what held a job up on `machine`.
    pub fn with_profiling(self, machine: Machine) -> Self {
        Self { profiling: Some(machine), ..self }
    }

    /// Writes a timeline of every job's stages.
    #[must_use]
    pub fn with_trace(self, trace: Arc<Trace>) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Tells a board too.
    #[must_use]
    pub fn with_board(self, board: Arc<Board>) -> Self {
        Self { board: Some(board), ..self }
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
        if let Some(board) = &self.board {
            board.begin(index, count);
        }
    }

    /// The job is over, in whichever way: takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The job has failed.
    pub fn failed(&self) {
        if let Some(board) = &self.board {
            board.failed();
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
                if self.console.is_terminal() && !self.console.is_held() {
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
                } else if !self.console.is_held() && state.last_line.is_none_or(|t| t.elapsed() >= self.interval) {
                    state.last_line = Some(Instant::now());
                    self.console.line(&format!("{}{text}", state.prefix));
                }
            }
            Event::Done { summary } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                let mut text = done(summary, &state.prefix, &self.console);
                if let Some(machine) = &self.profiling {
                    text += &profile(summary, machine);
                }
                self.console.write(text.as_bytes());
            }
            Event::Resumed { folder, segments, frames } => {
                let text = format!("{segments} segments ({frames} frames) are done: going on behind them");
                self.console.line(&format!("{}{}: {text}", state.prefix, folder.display()));
            }
            Event::Tuned { infer, workers, gain, tried, seconds } => {
                let text = format!(
                    "threads  {infer} for the network, {workers} workers: the best of {tried} shares in a trial of \
                     {seconds:.1} s{}",
                    if *gain > 1.0 { format!(", {gain:.2} times the rules' speed") } else { String::new() }
                );
                self.console.line(&format!("{}{text}", state.prefix));
            }
            Event::Warning { .. } | Event::Segments { .. } | Event::Segment { .. } => {}
        }
    }

    fn bar(&self, total: Option<u64>, prefix: &str) -> ProgressBar {
        let (bar, template) = match total {
            Some(n) => (ProgressBar::new(n), "{prefix}{bar:16} {wide_msg}"),
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
    fn live(&self, live: &Arc<Live>) {
        if let Some(trace) = &self.trace {
            live.trace(trace);
        }
        if let Some(board) = &self.board {
            board.live(live);
        }
    }

    fn event(&self, event: Event) {
        if matches!(event, Event::Done { .. }) {
            self.lock().done = true;
        }
        if let Some(board) = &self.board {
            board.event(&event);
        }
        if let Event::Start { .. } | Event::Done { .. } = &event {
            tracing::info!(target: TOLD, "{event:?}");
        }
        match (&self.style, &event) {
            (Style::Json(lines), _) => lines.write(&event),
            (_, Event::Warning { message }) => self.console.warning(message),
            (Style::Human, _) => self.human(&event),
            (Style::Quiet, _) => {}
        }
    }
}

/// What was found, a few labeled lines.
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
    if let Some((stage, share)) = bottleneck::slowest(&times(s)) {
        let _ = write!(text, "; slowest stage: {stage} ({:.0} % busy)", share * 100.0);
    }
    text.push('\n');
    if s.resources.peak_memory > 0 {
        let _ = writeln!(text, "  {}", resources(&s.resources));
    }
    let kept = s.cache.frames.memory + s.cache.frames.disk;
    if kept > 0 {
        let percent = s.cache.hit_rate * 100.0;
        let _ = writeln!(
            text,
            "  {kept} frames' mattes from the cache ({percent:.0} %), {} computed",
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
    }
    text
}

/// Stages and their seconds, a line each, and what held the job up.
fn profile(s: &Summary, machine: &Machine) -> String {
    let mut text = String::from("  stage      at work   waiting   a frame: half  95 %  99 %  longest\n");
    for t in &s.stages {
        let _ = writeln!(text, "  {:9}{:8.2} s{:8.2} s{}", t.stage, t.busy, t.waiting, latencies(t));
    }
    let stages = times(s);
    let seen = Seen {
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

/// `605.0 MB at most, 1.84 cores on average; card 43 % busy, 2.1 GB`
fn resources(u: &Usage) -> String {
    let mut text = format!("{} of memory at most, {:.2} cores on average", format::bytes(u.peak_memory), u.mean_cores);
    if let Some(busy) = u.gpu_busy {
        let _ = write!(text, "; card {busy:.0} % busy");
    }
    if let Some(bytes) = u.gpu_peak_memory {
        let _ = write!(text, ", {} of its memory in use at most", format::bytes(bytes));
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::Arc;
    use vrseg_engine::pipeline::{CacheReport, OutputReport};

    /// Something to write to that can be looked into.
    #[derive(Clone, Default)]
    pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    pub(crate) fn summary(interrupted: bool) -> Summary {
        let stage = |stage, busy, waiting| StageReport { stage, busy, waiting, ..StageReport::default() };
        Summary {
            frames: 600,
            seconds: 21.44,
            fps: 27.98,
            interrupted,
            decode_errors: 0,
            cache: CacheReport::default(),
            latency: None,
            stages: vec![stage("decode", 9.0, 12.0), stage("infer", 4.0, 17.0), stage("encode", 20.0, 1.4)],
            outputs: vec![
                OutputReport { path: "out.mp4".into(), mode: "green", encoder: "libx264".into(), bytes: 12_345_678 },
                OutputReport { path: "mask.mkv".into(), mode: "matte", encoder: "libx264".into(), bytes: 999 },
            ],
            resources: Usage { peak_memory: 605_000_000, mean_cores: 1.84, ..Usage::default() },
        }
    }

    pub(crate) fn start() -> Event {
        Event::Start {
            input: "clip_LR.mp4".into(),
            width: 3840,
            height: 1920,
            fps: 30000.0 / 1001.0,
            frames: Some(600),
            layout: "side by side, from \"lr\" in the file name".into(),
            model: "selfie at 512x512".into(),
            device: "CPU".into(),
            outputs: vec!["green out.mp4 (libx264)".into(), "matte mask.mkv (libx264)".into()],
        }
    }

    fn progress(frames: u64, total: Option<u64>) -> Event {
        Event::Progress { frames, total, fps: 28.1, eta: total.map(|_| 17.0), bottleneck: "encode" }
    }

    fn ui(style: Style) -> (ProgressUi, Paper) {
        let paper = Paper::default();
        (ProgressUi::new(Console::to(paper.clone()), style), paper)
    }

    fn job(ui: &ProgressUi) {
        ui.event(start());
        ui.event(progress(120, Some(600)));
        ui.event(Event::Warning { message: "The sound ends early.".into() });
        ui.event(progress(130, None));
        ui.event(Event::Done { summary: summary(false) });
    }

    #[test]
    fn for_people_without_a_terminal() {
        let (mut ui, paper) = ui(Style::Human);
        ui.interval = Duration::ZERO;
        ui.begin(1, 5);
        job(&ui);
        assert!(ui.is_done());
        assert_eq!(
            paper.text(),
            "[2/5] input    clip_LR.mp4, 3840x1920, 29.97 fps, 600 frames\n\
             layout   side by side, from \"lr\" in the file name\n\
             model    selfie at 512x512\n\
             device   CPU\n\
             output   green out.mp4 (libx264)\n         \
             matte mask.mkv (libx264)\n\
             [2/5] 120/600 frames, 28 fps, 17 s left, slowest: encode\n\
             vrseg: warning: The sound ends early.\n\
             [2/5] 130 frames, 28 fps, slowest: encode\n\
             [2/5] done: 600 frames in 21.4 s, 28 fps; slowest stage: encode (93 % busy)\n  \
             605.0 MB of memory at most, 1.84 cores on average\n  \
             green  out.mp4  12.3 MB, libx264\n  \
             matte  mask.mkv  999 B, libx264\n"
        );
    }

    #[test]
    fn plain_lines_come_seldom() {
        let (ui, paper) = ui(Style::Human);
        ui.event(start());
        for n in 0..100 {
            ui.event(progress(n, Some(600)));
        }
        assert!(!paper.text().contains("600 frames,"));
    }

    #[test]
    fn quiet_tells_only_warnings() {
        let (ui, paper) = ui(Style::Quiet);
        job(&ui);
        ui.note("skipped");
        assert_eq!(paper.text(), "vrseg: warning: The sound ends early.\n");
    }

    #[test]
    fn profiling_tells_every_stage() {
        let (ui, paper) = ui(Style::Human);
        let mut machine = Machine::default();
        machine.cpu.usable = 2;
        job(&ui.with_profiling(machine));
        let text = paper.text();
        assert!(text.contains("  encode      20.00 s    1.40 s\n"), "{text}");
        assert!(
            text.contains("  1.8 of 2 cores were at work; most of the waiting was for encode; what helps: "),
            "{text}"
        );
    }

    #[test]
    fn a_card_is_told_of_where_there_is_one() {
        let usage = Usage { gpu_busy: Some(43.4), gpu_peak_memory: Some(2_100_000_000), ..summary(false).resources };
        let want =
            "605.0 MB of memory at most, 1.84 cores on average; card 43 % busy, 2.1 GB of its memory in use at most";
        assert_eq!(resources(&usage), want);
    }

    #[test]
    fn an_early_end_is_named() {
        let text = done(&summary(true), "", &Console::to(io::sink()));
        assert!(text.starts_with("stopped early: 600 frames"));
    }

    #[test]
    fn json_is_one_object_a_line_and_nothing_else() {
        let json = Paper::default();
        let (ui, paper) = ui(Style::Json(JsonLines::to(json.clone())));
        job(&ui);
        assert_eq!(paper.text(), "");
        let types: Vec<_> = json
            .text()
            .lines()
            .map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON")["type"].as_str().map(str::to_owned))
            .collect();
        let want = ["start", "progress", "warning", "progress", "done"].map(|t| Some(t.to_owned()));
        assert_eq!(types, want);
    }

    #[test]
    fn json_falls_silent_when_nobody_reads() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (ui, paper) = ui(Style::Json(JsonLines::to(Gone)));
        job(&ui);
        assert_eq!(paper.text(), "");
        assert!(ui.is_done());
    }
}
