//! What is known of a run at this moment: the one place that the terminal's dashboard, the web page,
//! Prometheus and the performance log all read.

use super::picture::{self, Picture};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vrseg_engine::pipeline::{Event, Live, StageReport};
use vrseg_hardware::Machine;
use vrseg_hardware::sampler::Sample;
use vrseg_infer::cache::Tally;

/// Points that the charts' history has at most; then every second one is dropped and the next ones
/// come half as often, so that it spans the whole job.
const POINTS: usize = 720;
/// Loads are means over this time.
const WINDOW: Duration = Duration::from_secs(2);
/// Messages that are kept.
const MESSAGES: usize = 200;
/// Somebody who has not looked for so long has gone.
const LOOKING: Duration = Duration::from_secs(3);

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The input is looked at, the network loaded.
    #[default]
    Starting,
    /// Frames come.
    Running,
    /// A stop was asked for: what is under way is finished.
    Stopping,
    /// The last job has ended.
    Ended,
}

/// One stage at this moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageNow {
    /// What it did since the job's start.
    #[serde(flatten)]
    pub report: StageReport,
    /// Share of the last seconds in which its threads worked, 0 to 1.
    pub load: f64,
}

/// One point of the charts.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Seconds from the run's start.
    pub t: f64,
    /// Frames per second.
    pub fps: f64,
    /// Cores' worth of time that the process takes.
    pub cores: f64,
    /// Bytes of memory that it holds.
    pub memory: u64,
    /// Percent of time in which the card computes.
    pub gpu: Option<u32>,
    /// Load of every stage.
    pub loads: Vec<f64>,
}

/// A message of the log.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Its number, from 1.
    pub number: u64,
    /// Seconds from the run's start.
    pub t: f64,
    /// Its text, without colors.
    pub text: String,
}

/// How the inputs of a run ended.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Jobs {
    /// Number of the present one, from 1; 0 before the first.
    pub number: usize,
    /// All of them.
    pub count: usize,
    /// Those that came to their end.
    pub done: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were stopped early.
    pub interrupted: u64,
}

/// The segments of the present job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Segments {
    /// Frames of each that is known, in the order of the video.
    pub frames: Vec<u64>,
    /// Of each whether it is finished: it can't be lost any more then.
    pub finished: Vec<bool>,
    /// Frames, about, of those behind them; 0: there are none.
    pub usual: u64,
}

impl Segments {
    fn finish(&mut self, number: usize, frames: u64) {
        if number >= self.frames.len() {
            self.frames.resize(number + 1, 0);
            self.finished.resize(number + 1, false);
        }
        (self.frames[number], self.finished[number]) = (frames, true);
    }

    /// How many are finished.
    pub fn done(&self) -> usize {
        self.finished.iter().filter(|f| **f).count()
    }

    /// How many there are, and whether that is certain; `None`: nobody knows how long the video is.
    pub fn count(&self, total: Option<u64>) -> Option<(usize, bool)> {
        let known = self.frames.len();
        match self.usual {
            0 => Some((known, true)),
            usual => {
                let rest = total?.saturating_sub(self.frames.iter().sum());
                Some((known + rest.div_ceil(usual) as usize, rest == 0))
            }
        }
    }
}

/// Everything at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Now {
    /// Seconds from the run's start.
    pub t: f64,
    /// What it does.
    pub phase: Phase,
    /// The inputs.
    pub jobs: Jobs,
    /// The present input.
    pub input: String,
    /// Its frames' size and rate, layout, model, device and outputs, for people.
    pub facts: Vec<(&'static str, String)>,
    /// Frames of this job that are written.
    pub frames: u64,
    /// Frames of all jobs that are written.
    pub all_frames: u64,
    /// Frames expected of this job.
    pub total: Option<u64>,
    /// Frames per second over the last seconds.
    pub fps: f64,
    /// Frames per second that are wanted: above it is green, above two thirds of it yellow.
    pub target_fps: f64,
    /// Seconds left.
    pub eta: Option<f64>,
    /// Its segments; `None`: it is done in one go.
    pub segments: Option<Segments>,
    /// The stage that the others wait for.
    pub bottleneck: &'static str,
    /// The stages, in order.
    pub stages: Vec<StageNow>,
    /// Where this job's mattes came from, in frames.
    pub mattes: Tally,
    /// What the process takes of the machine.
    pub sample: Sample,
    /// Cores that it may use.
    pub cores: usize,
    /// Bytes of memory that it may use.
    pub memory: u64,
    /// The first card's name and bytes of memory, where there is one.
    pub card: Option<(String, Option<u64>)>,
    /// Warnings so far.
    pub warnings: u64,
}

/// Collects what a run tells; cheap while nobody looks.
#[derive(Debug)]
pub struct Board {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Now,
    live: Option<Arc<Live>>,
    /// Stages of the jobs before, added up.
    past: Vec<StageReport>,
    /// Where their mattes came from.
    past_mattes: Tally,
    /// The stages' seconds of work at the last looks.
    before: VecDeque<(Instant, Vec<f64>)>,
    history: VecDeque<Point>,
    /// Seconds between two points.
    every: f64,
    messages: VecDeque<Message>,
    said: u64,
    /// Frames that an earlier run of the job that begins has done.
    resumed: u64,
    looked: Option<Instant>,
    picture: Option<Arc<Picture>>,
}

/// Frames per second that count as fast where no target is set: what headsets show at least.
const FAST: f64 = 90.0;

impl Board {
    /// Nothing has happened yet on this machine.
    pub fn new(machine: &Machine, target_fps: Option<f64>) -> Arc<Self> {
        let card = machine.gpu.cards.first().map(|c| (c.name.clone(), c.memory_total));
        let now = Now {
            cores: machine.cpu.usable,
            memory: machine.memory.usable(),
            target_fps: target_fps.unwrap_or(FAST),
            card,
            ..Now::default()
        };
        let state = State { now, every: 0.5, ..State::default() };
        Arc::new(Self { started: Instant::now(), state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn t(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Job number `index` (from 0) of `count` begins.
    pub fn begin(&self, index: usize, count: usize) {
        let mut state = self.lock();
        state.now.jobs.number = index + 1;
        state.now.jobs.count = count;
        state.now.phase = Phase::Starting;
        state.now.segments = None;
    }

    /// The stages of a job are about to start.
    pub fn live(&self, live: &Arc<Live>) {
        let mut state = self.lock();
        state.shelve();
        state.live = Some(Arc::clone(live));
        state.before.clear();
    }

    /// Something happened.
    pub fn event(&self, event: &Event) {
        let mut state = self.lock();
        let State { now, resumed, .. } = &mut *state;
        match event {
            Event::Resumed { frames, .. } => *resumed = *frames,
            Event::Segments { frames, finished, usual } => {
                let done = (0..frames.len()).map(|n| finished.contains(&n)).collect();
                now.segments = Some(Segments { frames: frames.clone(), finished: done, usual: *usual });
            }
            Event::Segment { segment, frames, .. } => {
                now.segments.iter_mut().for_each(|s| s.finish(*segment, *frames));
            }
            Event::Start { input, width, height, fps, frames, layout, model, device, outputs } => {
                now.phase = Phase::Running;
                now.input = input.to_string_lossy().into_owned();
                let video = format!("{width}x{height}, {} fps", super::format::rate(*fps));
                now.facts = vec![("video", video), ("layout", layout.clone()), ("model", model.clone())];
                now.facts.push(("device", device.clone()));
                now.facts.extend(outputs.iter().map(|o| ("output", o.clone())));
                (now.frames, now.total, now.fps, now.eta, now.bottleneck) =
                    (std::mem::take(resumed), *frames, 0.0, None, "");
            }
            Event::Progress { frames, total, fps, eta, bottleneck } => {
                now.all_frames += frames.saturating_sub(now.frames);
                (now.frames, now.total, now.fps, now.eta, now.bottleneck) = (*frames, *total, *fps, *eta, bottleneck);
            }
            Event::Tuned { .. } => {}
            Event::Warning { .. } => now.warnings += 1,
            Event::Done { summary } => {
                now.all_frames += summary.frames.saturating_sub(now.frames);
                (now.frames, now.fps, now.eta) = (summary.frames, summary.fps, None);
                if summary.interrupted {
                    now.jobs.interrupted += 1;
                } else {
                    now.jobs.done += 1;
                }
            }
        }
    }

    /// A job has failed.
    pub fn failed(&self) {
        self.lock().now.jobs.failed += 1;
    }

    /// A stop was asked for.
    pub fn stopping(&self) {
        self.lock().now.phase = Phase::Stopping;
    }

    /// The run is over.
    pub fn ended(&self) {
        self.tick();
        self.lock().now.phase = Phase::Ended;
    }

    /// A line was said; colors are left out.
    pub fn say(&self, line: &str) {
        let text = console::strip_ansi_codes(line).trim_end().to_owned();
        let t = self.t();
        let mut state = self.lock();
        state.said += 1;
        let number = state.said;
        state.messages.push_back(Message { number, t, text });
        if state.messages.len() > MESSAGES {
            state.messages.pop_front();
        }
    }

    /// Brings loads, history and picture up to date; to be called a few times a second.
    pub fn tick(&self) {
        let t = self.t();
        let mut state = self.lock();
        let Some(live) = state.live.clone() else { return };
        state.now.sample = live.sample();
        state.now.mattes = live.mattes();
        state.measure(live.clocks.report());
        state.remember(t);
        drop(state);
        if self.is_looked_at() {
            // Turned into a picture outside of the lock: it takes a few milliseconds.
            let picture = live.preview.take().map(|glimpse| Arc::new(picture::of(&glimpse)));
            live.preview.request();
            if let Some(picture) = picture {
                self.lock().picture = Some(picture);
            }
        }
    }

    /// Everything at this moment.
    pub fn now(&self) -> Now {
        Now { t: self.t(), ..self.lock().now.clone() }
    }

    /// Sums over all jobs: what the stages did, and where the mattes came from.
    pub fn totals(&self) -> (Vec<StageReport>, Tally) {
        let state = self.lock();
        let (mut stages, mut mattes) = (state.past.clone(), state.past_mattes);
        if let Some(live) = &state.live {
            add(&mut stages, &live.clocks.report());
            mattes += live.mattes();
        }
        (stages, mattes)
    }

    /// The charts' points so far.
    pub fn history(&self) -> Vec<Point> {
        self.lock().history.iter().cloned().collect()
    }

    /// Messages behind number `after`.
    pub fn messages(&self, after: u64) -> Vec<Message> {
        self.lock().messages.iter().filter(|m| m.number > after).cloned().collect()
    }

    /// Somebody has asked for pictures a moment ago.
    pub fn is_looked_at(&self) -> bool {
        self.lock().looked.is_some_and(|l| l.elapsed() < LOOKING)
    }

    /// The newest picture. Whoever asks now and then keeps new ones coming.
    pub fn picture(&self) -> Option<Arc<Picture>> {
        let mut state = self.lock();
        state.looked = Some(Instant::now());
        state.picture.clone()
    }
}

impl State {
    /// Puts the ended job's figures away.
    fn shelve(&mut self) {
        if let Some(live) = self.live.take() {
            add(&mut self.past, &live.clocks.report());
            self.past_mattes += live.mattes();
        }
    }

    fn measure(&mut self, reports: Vec<StageReport>) {
        let now = Instant::now();
        while self.before.len() > 1 && self.before[1].0 + WINDOW < now {
            self.before.pop_front();
        }
        let earlier = self.before.front();
        let seconds = earlier.map_or(0.0, |(then, _)| (now - *then).as_secs_f64());
        let load = |i: usize, report: &StageReport| {
            let busy = report.busy - earlier.and_then(|(_, all)| all.get(i)).copied().unwrap_or(report.busy);
            // Work is counted when it is over: a long piece may be more than all of the time.
            (busy / (seconds * report.threads.max(1) as f64).max(1e-9)).clamp(0.0, 1.0)
        };
        let busy = reports.iter().map(|r| r.busy).collect();
        let stages = reports.into_iter().enumerate();
        self.now.stages = stages.map(|(i, report)| StageNow { load: load(i, &report), report }).collect();
        self.before.push_back((now, busy));
    }

    fn remember(&mut self, t: f64) {
        if self.history.back().is_some_and(|p| t - p.t < 0.9 * self.every) {
            return;
        }
        let now = &self.now;
        let loads = now.stages.iter().map(|s| s.load).collect();
        let gpu = now.sample.gpu.as_ref().and_then(|g| g.busy);
        let (cores, memory) = (now.sample.cores, now.sample.memory);
        self.history.push_back(Point { t, fps: now.fps, cores, memory, gpu, loads });
        if self.history.len() > POINTS {
            let mut n = 0;
            self.history.retain(|_| {
                n += 1;
                n % 2 == 0
            });
            self.every *= 2.0;
        }
    }
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
mod tests {
    use super::*;
    use crate::ui::progress::tests::{start, summary};

    fn board() -> Arc<Board> {
        Board::new(&Machine::default(), None)
    }

    #[test]
    fn frames_of_all_jobs_are_counted_once() {
        let board = board();
        let progress = |frames| Event::Progress { frames, total: None, fps: 9.0, eta: None, bottleneck: "infer" };
        for _ in 0..2 {
            board.event(&start());
            board.event(&progress(100));
            board.event(&progress(250));
            board.event(&Event::Done { summary: summary(false) });
        }
        board.event(&start());
        board.event(&progress(5));
        board.failed();
        let now = board.now();
        assert_eq!((now.frames, now.all_frames), (5, 1205));
        assert_eq!((now.jobs.done, now.jobs.failed), (2, 1));
    }

    #[test]
    fn segments_are_known_one_by_one_or_all_at_once() {
        let board = board();
        let segments = || board.now().segments.expect("segments");
        board.event(&Event::Segments { frames: vec![375], finished: vec![0], usual: 360 });
        assert_eq!(
            (segments().done(), segments().count(Some(1000)), segments().count(None)),
            (1, Some((3, false)), None)
        );
        board.event(&Event::Segment { segment: 1, frames: 350, bytes: 9 });
        board.event(&Event::Segment { segment: 2, frames: 275, bytes: 9 });
        assert_eq!((segments().done(), segments().count(Some(1000))), (3, Some((3, true))));
        // Several workers finish planned ones in any order.
        board.event(&Event::Segments { frames: vec![100; 4], finished: vec![2], usual: 0 });
        board.event(&Event::Segment { segment: 3, frames: 100, bytes: 9 });
        assert_eq!(segments().finished, [false, false, true, true]);
        assert_eq!(segments().count(None), Some((4, true)));
        board.begin(1, 2);
        assert_eq!(board.now().segments, None);
    }

    #[test]
    fn the_history_spans_the_whole_run() {
        let mut state = State { every: 0.5, ..State::default() };
        for i in 0..10_000 {
            state.remember(f64::from(i) * 0.5);
        }
        let (first, last) = (&state.history[0], &state.history[state.history.len() - 1]);
        assert!(state.history.len() <= POINTS && state.history.len() > POINTS / 3);
        assert!(first.t < 20.0 && last.t > 4970.0, "{} to {}", first.t, last.t);
    }

    #[test]
    fn messages_have_no_colors_and_old_ones_go() {
        let board = board();
        board.say("vrseg: \x1b[1;33mwarning:\x1b[0m careful\n");
        assert_eq!(board.messages(0)[0].text, "vrseg: warning: careful");
        (0..300).for_each(|i| board.say(&format!("{i}")));
        let all = board.messages(0);
        assert_eq!((all.len(), all[0].number), (MESSAGES, 102));
        assert_eq!(board.messages(300).len(), 1);
    }
}
