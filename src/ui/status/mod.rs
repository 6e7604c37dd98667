//! The status of a run: the one place that the terminal's page, the web page, Prometheus and the performance log
//! read.

mod snapshot;

pub(crate) use snapshot::{HistoryPoint, LogMessage, Phase, Segments, Snapshot, StageStatus};

use super::batch::Files;
use super::picture::{self, Picture};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vrseg_engine::events::JobPhase;
use vrseg_engine::{Event, JobDescription, Live, StageReport};
use vrseg_hardware::Machine;
use vrseg_infer::cache::CacheStats;

/// Points that the charts' history has at most; then every second one is dropped and the next ones
/// come half as often, so that it spans the whole job.
const MAX_POINTS: usize = 720;
/// Loads are means over this time.
const LOAD_WINDOW: Duration = Duration::from_secs(2);
/// Messages that are kept at most: the newest.
const MAX_MESSAGES: usize = 200;
/// A viewer that has not requested a picture for this long has gone.
const VIEWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What a viewer can do: end the run after the current frames.
pub(crate) type StopFn = Arc<dyn Fn() + Send + Sync>;

/// Collects the events of a run; cheap while there is no viewer.
#[derive(Debug)]
pub(crate) struct RunStatus {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Snapshot,
    files: Files,
    live: Option<Arc<Live>>,
    /// Stages of the finished jobs, added up.
    finished_stages: Vec<StageReport>,
    /// Where the finished jobs' mattes came from.
    finished_mattes: CacheStats,
    /// The stages' seconds of work at the last ticks.
    work_window: VecDeque<(Instant, Vec<f64>)>,
    history: VecDeque<HistoryPoint>,
    /// Seconds between two points of the history.
    point_interval: f64,
    messages: VecDeque<LogMessage>,
    last_message: u64,
    /// Frames that an earlier run of the present job has done.
    resumed: u64,
    /// When the present job was begun.
    begun: Option<Instant>,
    viewed: Option<Instant>,
    picture: Option<Arc<Picture>>,
    /// Somebody may open a page at any time.
    expects_viewer: bool,
}

impl RunStatus {
    /// The status of a run that has not begun, on this machine.
    pub(crate) fn new(machine: &Machine, target_fps: Option<f64>) -> Arc<Self> {
        let card = machine.gpu.cards.first().map(|c| (c.name.clone(), c.memory_total));
        let now = Snapshot {
            cores: machine.cpu.usable,
            memory: machine.memory.usable(),
            target_fps,
            card,
            ..Snapshot::default()
        };
        let state = State { now, point_interval: 0.5, ..State::default() };
        Arc::new(Self { started: Instant::now(), state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn t(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The files of the run.
    pub(crate) fn files(&self, files: Files) {
        self.lock().files = files;
    }

    /// Job number `index` (from 0) of `count` begins.
    pub(crate) fn begin(&self, index: usize, count: usize, input: &Path) {
        let mut state = self.lock();
        state.files.begin(index);
        state.begun = Some(Instant::now());
        state.picture = None;
        state.resumed = 0;
        let now = &mut state.now;
        now.input = super::format::path(input);
        now.facts = Vec::new();
        (now.frames, now.total, now.fps, now.eta, now.bytes, now.bottleneck) = (0, None, 0.0, None, 0, "");
        state.now.jobs.number = index + 1;
        state.now.jobs.count = count;
        state.now.enter(Phase::Starting);
        state.now.segments = None;
    }

    /// The stages of a job are about to start.
    pub(crate) fn live(&self, live: &Arc<Live>) {
        let mut state = self.lock();
        state.archive_job();
        state.live = Some(Arc::clone(live));
        state.work_window.clear();
    }

    pub(crate) fn event(&self, event: &Event) {
        let mut state = self.lock();
        state.files.event(event);
        let State { now, resumed, .. } = &mut *state;
        match event {
            Event::Probed { job } => {
                now.input = super::format::path(&job.input);
                now.total = job.frames;
                now.facts = facts(job, None);
            }
            Event::Phase { phase, limit } => {
                now.enter(match phase {
                    JobPhase::Loading => Phase::Loading,
                    JobPhase::Tuning => Phase::Tuning,
                    JobPhase::Joining => Phase::Joining,
                });
                now.phase_limit = *limit;
            }
            Event::Resumed { frames, .. } => *resumed = *frames,
            Event::Segments { frames, finished, usual } => {
                let done = (0..frames.len()).map(|n| finished.contains(&n)).collect();
                now.segments = Some(Segments { frames: frames.clone(), finished: done, usual: *usual });
            }
            Event::Segment { segment, frames, .. } => {
                now.segments.iter_mut().for_each(|s| s.finish(*segment, *frames));
            }
            Event::Start { job, device } => {
                now.enter(Phase::Running);
                now.input = super::format::path(&job.input);
                now.facts = facts(job, Some(device));
                (now.frames, now.total, now.fps, now.eta, now.bottleneck) =
                    (std::mem::take(resumed), job.frames, 0.0, None, "");
            }
            Event::Progress { frames, total, fps, eta, bytes, bottleneck } => {
                now.bytes = *bytes;
                now.all_frames += frames.saturating_sub(now.frames);
                (now.frames, now.total, now.fps, now.eta, now.bottleneck) = (*frames, *total, *fps, *eta, bottleneck);
            }
            Event::Tuned { .. } => {}
            Event::Warning { .. } => now.warnings += 1,
            Event::Done { summary } => {
                now.all_frames += summary.frames.saturating_sub(now.frames);
                (now.frames, now.fps, now.eta) = (summary.frames, summary.fps, None);
                now.bytes = summary.outputs.iter().map(|o| o.bytes).sum();
                if summary.interrupted {
                    now.jobs.interrupted += 1;
                } else {
                    now.jobs.done += 1;
                }
            }
        }
    }

    pub(crate) fn failed(&self, message: &str) {
        let mut state = self.lock();
        state.now.jobs.failed += 1;
        state.files.failed(message);
    }

    /// The present job was stopped before it wrote anything.
    pub(crate) fn stopped(&self) {
        let mut state = self.lock();
        state.now.jobs.interrupted += 1;
        state.files.stopped();
    }

    pub(crate) fn stopping(&self) {
        let mut state = self.lock();
        state.now.stopping = true;
        state.now.phase = Phase::Stopping;
    }

    pub(crate) fn ended(&self) {
        self.tick();
        let mut state = self.lock();
        state.now.phase = Phase::Ended;
        state.now.eta = None;
    }

    /// Adds a line of output to the messages, without its colors.
    pub(crate) fn add_message(&self, line: &str) {
        let text = console::strip_ansi_codes(line).trim_end().to_owned();
        let t = self.t();
        let mut state = self.lock();
        state.last_message += 1;
        let number = state.last_message;
        state.messages.push_back(LogMessage { number, t, text });
        if state.messages.len() > MAX_MESSAGES {
            state.messages.pop_front();
        }
    }

    /// Brings loads, history and picture up to date; to be called a few times a second.
    pub(crate) fn tick(&self) {
        let t = self.t();
        let mut state = self.lock();
        let Some(live) = state.live.clone() else { return };
        state.now.sample = live.sample();
        state.now.mattes = live.mattes();
        state.update_loads(live.clocks.report());
        state.add_point(t);
        drop(state);
        // One picture is there for whoever opens the page, though nobody has yet.
        if self.has_preview_viewer() || self.lock().picture_awaited() {
            // Converted outside of the lock: it takes a few milliseconds.
            let picture =
                live.preview.take().map(|preview_frame| Arc::new(picture::from_preview_frame(&preview_frame)));
            live.preview.request();
            if let Some(picture) = picture {
                self.lock().picture = Some(picture);
            }
        }
    }

    /// The status at this moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let elapsed = state.begun.map_or(0.0, |t| t.elapsed().as_secs_f64());
        let (all_eta, files) = (state.files.eta(state.now.eta), state.files.all().to_vec());
        Snapshot { t: self.t(), elapsed, all_eta, files, ..state.now.clone() }
    }

    /// Sums over all jobs: what the stages did, and where the mattes came from.
    pub(crate) fn totals(&self) -> (Vec<StageReport>, CacheStats) {
        let state = self.lock();
        let (mut stages, mut mattes) = (state.finished_stages.clone(), state.finished_mattes);
        if let Some(live) = &state.live {
            add(&mut stages, &live.clocks.report());
            mattes += live.mattes();
        }
        (stages, mattes)
    }

    /// The charts' points so far.
    pub(crate) fn history(&self) -> Vec<HistoryPoint> {
        self.lock().history.iter().cloned().collect()
    }

    /// Messages after number `after`.
    pub(crate) fn messages(&self, after: u64) -> Vec<LogMessage> {
        self.lock().messages.iter().filter(|m| m.number > after).cloned().collect()
    }

    /// Somebody may open a page at any time: one picture of each job is ready for that.
    pub(crate) fn expect_viewer(&self) {
        self.lock().expects_viewer = true;
    }

    /// Whether a viewer has requested pictures a moment ago.
    pub(crate) fn has_preview_viewer(&self) -> bool {
        self.lock().viewed.is_some_and(|at| at.elapsed() < VIEWER_TIMEOUT)
    }

    /// The newest picture. Asking for it keeps new ones coming for a few seconds.
    pub(crate) fn picture(&self) -> Option<Arc<Picture>> {
        let mut state = self.lock();
        state.viewed = Some(Instant::now());
        state.picture.clone()
    }
}

impl State {
    /// A viewer may come, and there is no picture of the present job.
    fn picture_awaited(&self) -> bool {
        self.expects_viewer && self.picture.is_none()
    }

    /// Adds the ended job's figures to those of the finished ones.
    fn archive_job(&mut self) {
        if let Some(live) = self.live.take() {
            add(&mut self.finished_stages, &live.clocks.report());
            self.finished_mattes += live.mattes();
        }
    }

    fn update_loads(&mut self, reports: Vec<StageReport>) {
        let now = Instant::now();
        while self.work_window.len() > 1 && self.work_window[1].0 + LOAD_WINDOW < now {
            self.work_window.pop_front();
        }
        let earlier = self.work_window.front();
        let seconds = earlier.map_or(0.0, |(then, _)| (now - *then).as_secs_f64());
        let load = |i: usize, report: &StageReport| {
            let busy = report.busy - earlier.and_then(|(_, all)| all.get(i)).copied().unwrap_or(report.busy);
            // Work is counted when it is over: a long piece may be more than all of the time.
            (busy / (seconds * report.threads.max(1) as f64).max(1e-9)).clamp(0.0, 1.0)
        };
        let busy = reports.iter().map(|r| r.busy).collect();
        let stages = reports.into_iter().enumerate();
        self.now.stages = stages.map(|(i, report)| StageStatus { load: load(i, &report), report }).collect();
        self.work_window.push_back((now, busy));
    }

    fn add_point(&mut self, t: f64) {
        if self.history.back().is_some_and(|p| t - p.t < 0.9 * self.point_interval) {
            return;
        }
        let now = &self.now;
        let loads = now.stages.iter().map(|s| s.load).collect();
        let gpu = now.sample.gpu.as_ref().and_then(|g| g.busy);
        let (cores, memory) = (now.sample.cores, now.sample.memory);
        self.history.push_back(HistoryPoint { t, fps: now.fps, cores, memory, gpu, loads });
        if self.history.len() > MAX_POINTS {
            let mut n = 0;
            self.history.retain(|_| {
                n += 1;
                n % 2 == 0
            });
            self.point_interval *= 2.0;
        }
    }
}

/// What is known of a job, for people; the device only once the model is loaded.
fn facts(job: &JobDescription, device: Option<&str>) -> Vec<(&'static str, String)> {
    let rate = if job.fps > 0.0 { format!(", {} fps", super::format::rate(job.fps)) } else { String::new() };
    let mut facts = vec![("video", format!("{}x{}{rate}", job.width, job.height)), ("layout", job.layout.clone())];
    facts.push(("model", job.model.clone()));
    facts.push(("device", device.unwrap_or("waiting").to_owned()));
    facts.extend(job.outputs.iter().map(|o| ("output", o.clone())));
    facts
}

/// Adds sums; queues and percentiles are those of `more`.
fn add(sum: &mut Vec<StageReport>, more: &[StageReport]) {
    for (i, m) in more.iter().enumerate() {
        match sum.get_mut(i) {
            None => sum.push(m.clone()),
            Some(s) => {
                let (busy, waiting) = (s.busy + m.busy, s.waiting + m.waiting);
                let (frames, units) = (s.frames + m.frames, s.units + m.units);
                *s = StageReport { busy, waiting, frames, units, ..m.clone() };
            }
        }
    }
}

#[cfg(test)]
mod tests;
