use super::*;
use crate::ui::testing::{sample_summary, start_event};

fn new_status() -> Arc<RunStatus> {
    RunStatus::new(&Machine::default(), None)
}

#[test]
fn frames_of_all_jobs_are_counted_once() {
    let status = new_status();
    let progress = |frames| Event::Progress { frames, total: None, fps: 9.0, eta: None, bytes: 0, bottleneck: "infer" };
    for _ in 0..2 {
        status.event(&start_event());
        status.event(&progress(100));
        status.event(&progress(250));
        status.event(&Event::Done { summary: sample_summary(false) });
    }
    status.event(&start_event());
    status.event(&progress(5));
    status.failed("why");
    status.begin(3, 4, Path::new("d.mp4"));
    status.stopped();
    let now = status.snapshot();
    assert_eq!((now.frames, now.all_frames), (0, 1205));
    assert_eq!((now.jobs.done, now.jobs.failed, now.jobs.interrupted), (2, 1, 1));
}

#[test]
fn segments_are_added_one_by_one_or_all_at_once() {
    let status = new_status();
    let segments = || status.snapshot().segments.expect("segments");
    status.event(&Event::Segments { frames: vec![375], finished: vec![0], usual: 360 });
    assert_eq!((segments().done(), segments().count(Some(1000)), segments().count(None)), (1, Some((3, false)), None));
    status.event(&Event::Segment { segment: 1, frames: 350, bytes: 9 });
    status.event(&Event::Segment { segment: 2, frames: 275, bytes: 9 });
    assert_eq!((segments().done(), segments().count(Some(1000))), (3, Some((3, true))));
    // Several workers finish planned ones in any order.
    status.event(&Event::Segments { frames: vec![100; 4], finished: vec![2], usual: 0 });
    status.event(&Event::Segment { segment: 3, frames: 100, bytes: 9 });
    assert_eq!(segments().finished, [false, false, true, true]);
    assert_eq!(segments().count(None), Some((4, true)));
    status.begin(1, 2, Path::new("b.mp4"));
    assert_eq!(status.snapshot().segments, None);
}

#[test]
fn history_spans_the_whole_run() {
    let mut state = State { point_interval: 0.5, ..State::default() };
    for i in 0..10_000 {
        state.add_point(f64::from(i) * 0.5);
    }
    let (first, last) = (&state.history[0], &state.history[state.history.len() - 1]);
    assert!(state.history.len() <= MAX_POINTS && state.history.len() > MAX_POINTS / 3);
    assert!(first.t < 20.0 && last.t > 4970.0, "{} to {}", first.t, last.t);
}

#[test]
fn messages_lose_colors_and_old_ones_are_dropped() {
    let status = new_status();
    status.add_message("vrseg: \x1b[1;33mwarning:\x1b[0m careful\n");
    assert_eq!(status.messages(0)[0].text, "vrseg: warning: careful");
    (0..300).for_each(|i| status.add_message(&format!("{i}")));
    let all = status.messages(0);
    assert_eq!((all.len(), all[0].number), (MAX_MESSAGES, 102));
    assert_eq!(status.messages(300).len(), 1);
}
