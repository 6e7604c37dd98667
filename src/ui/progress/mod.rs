//! What a running job shows: a bar on a terminal, a line now and then elsewhere, JSON lines for programs, or nothing
//! but warnings.

mod bar;
mod plain;
mod text;

use super::batch::Files;
use super::console::Console;
use super::format::{self, count};
use super::json::JsonLines;
use super::status::RunStatus;
use bar::Bar;
use plain::{FIRST_INTERVAL, PlainLines};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use text::Figures;
use vrseg_engine::events::JobPhase;
use vrseg_engine::telemetry::SHOWN_ON_CONSOLE;
use vrseg_engine::{Event, Live, Observer, Trace};
use vrseg_hardware::Machine;

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
    /// Until the first plain line of progress.
    interval: Duration,
    started: Instant,
    /// The summary shows every stage's time, and the bottleneck on this machine.
    profiling: Option<Machine>,
    /// The summary shows how long frames were on their way.
    latency: bool,
    /// A timeline of every job.
    trace: Option<Arc<Trace>>,
    /// Gets all events, too.
    status: Option<Arc<RunStatus>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The files of the run.
    files: Files,
    /// `[2/5] ` where there are several inputs; before every line of a file.
    prefix: String,
    /// When the present file was begun.
    began: Option<Instant>,
    bar: Option<Bar>,
    lines: Option<PlainLines>,
    /// Path of the present input.
    input: String,
    /// The outputs as they were shown, before the encoders were opened.
    outputs: Vec<String>,
    /// Warnings of the present job.
    warnings: Vec<String>,
    done: bool,
    /// A command that is of use after the run.
    next: Option<String>,
}

impl ProgressUi {
    /// Reports to `console`.
    pub(crate) fn new(console: Console, style: Style) -> Self {
        Self {
            console,
            style,
            interval: FIRST_INTERVAL,
            started: Instant::now(),
            profiling: None,
            latency: false,
            trace: None,
            status: None,
            state: Mutex::default(),
        }
    }

    /// The same with every stage's time in the summary, and what held a job up on `machine`.
    pub(crate) fn with_profiling(self, machine: Machine) -> Self {
        Self { profiling: Some(machine), ..self }
    }

    /// The same, with the time that frames are on their way in the summary if `shown`.
    #[must_use]
    pub(crate) fn with_latency(self, shown: bool) -> Self {
        Self { latency: shown, ..self }
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

    /// The files of the run: those that wait, and those that are skipped with the reason.
    pub(crate) fn files<'a>(
        &self,
        inputs: impl IntoIterator<Item = &'a Path>,
        skipped: impl IntoIterator<Item = (&'a PathBuf, String)>,
    ) {
        let files = Files::new(inputs, skipped);
        if let Some(status) = &self.status {
            status.files(files.clone());
        }
        self.lock().files = files;
    }

    /// The next job begins: number `index` (from 0) of `count`.
    pub(crate) fn begin(&self, index: usize, count: usize, input: &Path) {
        let prefix = if count > 1 { format!("[{}/{count}] ", index + 1) } else { String::new() };
        let mut state = self.lock();
        let State { mut files, next, .. } = std::mem::take(&mut *state);
        files.begin(index);
        let (began, input) = (Some(Instant::now()), input.to_path_buf());
        *state = State { files, next, prefix, began, input: input.to_string_lossy().into_owned(), ..State::default() };
        drop(state);
        if let Some(status) = &self.status {
            status.begin(index, count, &input);
        }
    }

    /// The job is over, in whichever way: takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.clear();
        }
    }

    /// The present job failed, for that reason, which is printed.
    pub(crate) fn failed(&self, message: &str) {
        let mut state = self.lock();
        state.files.failed(message);
        let prefix = state.prefix.clone();
        drop(state);
        if let Some(status) = &self.status {
            status.failed(message);
        }
        self.console.error_of(&prefix, message);
    }

    /// The present job was stopped before it wrote anything.
    pub(crate) fn stopped(&self) {
        self.lock().files.stopped();
        if let Some(status) = &self.status {
            status.stopped();
        }
    }

    /// The run is over: how its files ended, where there are several, and what is of use now.
    pub(crate) fn finish(&self) {
        let state = self.lock();
        let batch = text::batch_done(&state.files, self.started.elapsed().as_secs_f64(), &self.console);
        let next = state.next.clone();
        drop(state);
        if matches!(self.style, Style::Human) {
            let next = next.map(|next| format!("next: {next}\n"));
            self.console.write(format!("{}{}", batch.unwrap_or_default(), next.unwrap_or_default()).as_bytes());
        }
    }

    /// The files of the run and how they ended.
    pub(crate) fn outcome(&self) -> Files {
        self.lock().files.clone()
    }

    /// Prints something for a person that isn't an event. Silent with `--quiet` and `--json`.
    pub(crate) fn note(&self, text: &str) {
        if matches!(self.style, Style::Human) {
            let prefix = self.lock().prefix.clone();
            self.console.line(&format!("{prefix}vrseg: {text}"));
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
        let mut guard = self.lock();
        let state = &mut *guard;
        let write = |text: &str| self.console.write(text::prefixed(&state.prefix, text).as_bytes());
        match event {
            Event::Probed { job } => {
                write(&text::probed(job, &self.console));
                state.outputs.clone_from(&job.outputs);
                state.lines = Some(PlainLines::new(Instant::now(), self.interval));
            }
            Event::Phase { phase, limit } => {
                let text = text::phase(*phase, *limit);
                match &mut state.bar {
                    Some(bar) => bar.say(&text),
                    None if self.console.is_terminal() && !self.console.is_deferred() => {
                        state.bar = Some(Bar::new(&self.console, &state.prefix, &text));
                    }
                    None => {}
                }
                if !self.console.is_terminal() && *phase != JobPhase::Loading {
                    write(&text::labeled(&self.console, phase_label(*phase), &text));
                }
            }
            Event::Tuned { .. } => write(&text::labeled(&self.console, "tuning", &text::tuned(event))),
            Event::Start { job, device } => {
                if state.outputs.is_empty() {
                    write(&text::probed(job, &self.console));
                } else if state.outputs != job.outputs {
                    write(&text::output_lines(&job.outputs, &self.console));
                }
                state.outputs.clone_from(&job.outputs);
                write(&text::labeled(&self.console, "device", device));
                state.lines = Some(PlainLines::new(Instant::now(), self.interval));
                if self.console.is_terminal() && !self.console.is_deferred() {
                    let bar = state.bar.get_or_insert_with(|| Bar::new(&self.console, &state.prefix, ""));
                    bar.say("waiting for the first frame");
                }
            }
            Event::Progress { eta, .. } => {
                let elapsed = state.began.map_or(0.0, |t| t.elapsed().as_secs_f64());
                let Some(figures) = Figures::of(event, elapsed) else { return };
                let batch = text::batch(&state.files, *eta);
                if let Some(bar) = &mut state.bar {
                    bar.show(&figures, batch.as_deref());
                } else if !self.console.is_deferred() && state.lines.as_mut().is_none_or(|l| l.is_due(Instant::now())) {
                    let batch = batch.map(|b| format!("; {b}")).unwrap_or_default();
                    self.console.line(&format!("{}{}{batch}", state.prefix, figures.line()));
                }
            }
            Event::Done { summary } => {
                if let Some(bar) = state.bar.take() {
                    bar.clear();
                }
                let mut text = text::done(summary, &state.warnings, &self.console);
                if self.latency || self.profiling.is_some() {
                    text += &text::latency(summary);
                }
                if let Some(machine) = &self.profiling {
                    text += &text::profile(summary, machine);
                }
                self.console.write(text::prefixed(&state.prefix, &text).as_bytes());
                state.next = text::next_step(summary, &state.input).or(state.next.take());
            }
            Event::Resumed { folder, segments, frames } => {
                let (segments, frames) = (count(*segments as u64, "segment"), count(*frames, "frame"));
                let text = format!("resuming after {segments} ({frames}) in {}", format::path(folder));
                write(&text::labeled(&self.console, "resume", &text));
            }
            Event::Warning { .. } | Event::Segments { .. } | Event::Segment { .. } => {}
        }
    }
}

fn phase_label(phase: JobPhase) -> &'static str {
    match phase {
        JobPhase::Loading => "loading",
        JobPhase::Tuning => "tuning",
        JobPhase::Joining => "joining",
    }
}

/// A line of the log for an event, where it is worth one.
fn log_line(event: &Event, console: &Console) -> Option<String> {
    let one_line = |text: String| {
        text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
    };
    match event {
        Event::Probed { job } => Some(one_line(text::probed(job, console))),
        Event::Start { job, device } => Some(format!("{}: started on {device}", job.input.display())),
        Event::Tuned { .. } => Some(format!("tuning: {}", text::tuned(event))),
        Event::Done { summary } => Some(one_line(text::done(summary, &[], console))),
        _ => None,
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
        let mut state = self.lock();
        state.done |= matches!(event, Event::Done { .. });
        state.files.event(&event);
        if let Event::Warning { message } = &event {
            // Several workers or a second attempt notice the same.
            if state.warnings.contains(message) {
                return;
            }
            state.warnings.push(message.clone());
        }
        let prefix = state.prefix.clone();
        drop(state);
        if let Some(status) = &self.status {
            status.event(&event);
        }
        if let Some(line) = log_line(&event, &self.console.plain()) {
            tracing::info!(target: SHOWN_ON_CONSOLE, "{line}");
        }
        match (&self.style, &event) {
            (Style::Json(lines), _) => lines.write(&event),
            (_, Event::Warning { message }) => self.console.warning_of(&prefix, message),
            (Style::Human, _) => self.human(&event),
            (Style::Quiet, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
