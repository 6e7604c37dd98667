//! What a running job shows: a bar on a terminal, a line every few seconds elsewhere, JSON lines
//! for programs, or nothing but warnings.

mod text;

use super::console::Console;
use super::json::JsonLines;
use super::status::RunStatus;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vrseg_engine::telemetry::SHOWN_ON_CONSOLE;
use vrseg_engine::{Event, Live, Observer, Trace};
use vrseg_hardware::Machine;

/// Between two plain lines of progress.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) enum Style {
    /// For people: what was found, progress, warnings, a summary.
    Human,
    /// Warnings only.
    Quiet,
    /// Events as JSON lines; people see nothing of them.
    Json(JsonLines),
}

/// Shows the events of one job after the other.
#[derive(Debug)]
pub(crate) struct ProgressUi {
    console: Console,
    style: Style,
    interval: Duration,
    /// The summary tells every stage's time, and what held the job up on this machine.
    profiling: Option<Machine>,
    /// A timeline of every job.
    trace: Option<Arc<Trace>>,
    /// Gets all events, too.
    status: Option<Arc<RunStatus>>,
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
    pub(crate) fn new(console: Console, style: Style) -> Self {
        Self {
            console,
            style,
            interval: LINE_INTERVAL,
            profiling: None,
            trace: None,
            status: None,
            state: Mutex::default(),
        }
    }

    /// The same with every stage's time in the summary, and what held a job up on `machine`.
    pub(crate) fn with_profiling(self, machine: Machine) -> Self {
        Self { profiling: Some(machine), ..self }
    }

    /// Writes a timeline of every job's stages.
    #[must_use]
    pub(crate) fn with_trace(self, trace: Arc<Trace>) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Passes all events to `status`, too.
    #[must_use]
    pub(crate) fn with_status(self, status: Arc<RunStatus>) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(crate) fn console(&self) -> &Console {
        &self.console
    }

    /// Where programs read, with `--json`.
    pub(crate) fn json(&self) -> Option<&JsonLines> {
        match &self.style {
            Style::Json(lines) => Some(lines),
            _ => None,
        }
    }

    /// The next job begins: number `index` (from 0) of `count`.
    pub(crate) fn begin(&self, index: usize, count: usize) {
        let prefix = if count > 1 { format!("[{}/{count}] ", index + 1) } else { String::new() };
        *self.lock() = State { prefix, ..State::default() };
        if let Some(status) = &self.status {
            status.begin(index, count);
        }
    }

    /// The job is over, in whichever way: takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    pub(crate) fn failed(&self) {
        if let Some(status) = &self.status {
            status.failed();
        }
    }

    /// Tells a person something that isn't an event. Silent with `--quiet` and `--json`.
    pub(crate) fn note(&self, text: &str) {
        if matches!(self.style, Style::Human) {
            self.console.line(&format!("vrseg: {text}"));
        }
    }

    /// Whether [`Event::Done`] of the present job was seen.
    pub(crate) fn is_done(&self) -> bool {
        self.lock().done
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn human(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Start { frames, .. } => {
                self.console.write(text::start(event, &state.prefix, &self.console).as_bytes());
                state.last_line = Some(Instant::now());
                if self.console.is_terminal() && !self.console.is_deferred() {
                    state.bar = Some(self.bar(*frames, &state.prefix));
                }
            }
            Event::Progress { frames, total, .. } => {
                let text = text::progress(event);
                if let Some(bar) = &state.bar {
                    if let Some(total) = total {
                        bar.set_length(*total);
                    }
                    bar.set_position(*frames);
                    bar.set_message(text);
                } else if !self.console.is_deferred() && state.last_line.is_none_or(|t| t.elapsed() >= self.interval) {
                    state.last_line = Some(Instant::now());
                    self.console.line(&format!("{}{text}", state.prefix));
                }
            }
            Event::Done { summary } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                let mut text = text::done(summary, &state.prefix, &self.console);
                if let Some(machine) = &self.profiling {
                    text += &text::profile(summary, machine);
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
        if let Some(status) = &self.status {
            status.live(live);
        }
    }

    fn event(&self, event: Event) {
        if matches!(event, Event::Done { .. }) {
            self.lock().done = true;
        }
        if let Some(status) = &self.status {
            status.event(&event);
        }
        if let Event::Start { .. } | Event::Done { .. } = &event {
            tracing::info!(target: SHOWN_ON_CONSOLE, "{event:?}");
        }
        match (&self.style, &event) {
            (Style::Json(lines), _) => lines.write(&event),
            (_, Event::Warning { message }) => self.console.warning(message),
            (Style::Human, _) => self.human(&event),
            (Style::Quiet, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
