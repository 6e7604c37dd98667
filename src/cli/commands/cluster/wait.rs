//! `--wait`: one bar for all that was submitted.

use super::report;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Stop;
use crate::ui::Console;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};
use vrseg_cluster::{State, Status, Submission};

/// Between two queries: the scheduler has other work to do than to answer.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Between two lines where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Waits until the outputs are there, or until nothing is under way any more. Ctrl-C ends the waiting, not
/// the jobs.
pub(super) fn wait(all: &[Submission], stop: &Stop, console: &Console, quiet: bool) -> anyhow::Result<Exit> {
    let bar = if quiet { ProgressBar::hidden() } else { console.bars().add(ProgressBar::new(0)) };
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} frames  {msg}") {
        bar.set_style(style);
    }
    let mut last_line: Option<Instant> = None;
    loop {
        let now = all.iter().map(vrseg_cluster::status).collect::<Result<Vec<_>, _>>()?;
        let (text, frames) = summary(&now);
        bar.set_length(frames.1);
        bar.set_position(frames.0);
        bar.set_message(text.clone());
        if !console.is_terminal() && !quiet && last_line.is_none_or(|at| at.elapsed() >= LINE_INTERVAL) {
            console.line(&format!("vrseg: {} of {} frames, {text}", frames.0, frames.1));
            last_line = Some(Instant::now());
        }
        let under_way = |s: &Status| matches!(s.state, State::Running | State::Waiting);
        let (stopped, ended) = (stop.presses() > 0, !now.iter().any(under_way));
        if !stopped && !ended {
            std::thread::sleep(POLL_INTERVAL);
            continue;
        }
        bar.finish_and_clear();
        if stopped && !ended {
            for one in all {
                let shown = one.job.display();
                console.line(&format!("vrseg: {shown} continues; `vrseg cluster cancel {shown}` stops it"));
            }
            return Ok(Exit::Interrupted);
        }
        if !quiet {
            now.iter().for_each(|one| console.write(report::text(one).as_bytes()));
        }
        let failed = now.iter().filter(|s| s.state == State::Failed).count();
        return Ok(match failed {
            0 => Exit::Done,
            n if n == now.len() => Exit::Failed,
            _ => Exit::SomeFailed,
        });
    }
}

/// `3 running, 5 waiting`, and the frames.
fn summary(all: &[Status]) -> (String, (u64, u64)) {
    let count = |state| all.iter().flat_map(|s| &s.tasks).filter(|t| t.state == state).count();
    let words = [(State::Running, "running"), (State::Waiting, "waiting"), (State::Failed, "failed")];
    let words: Vec<_> =
        words.iter().map(|(s, w)| (count(*s), w)).filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")).collect();
    let frames = all.iter().map(Status::frames).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    (words.join(", "), frames)
}
