use super::*;
use crate::ui::testing::{SharedBuffer, sample_summary, start_event};
use std::io::{self, Write};
use vrseg_hardware::Usage;

fn progress(frames: u64, total: Option<u64>) -> Event {
    Event::Progress { frames, total, fps: 28.1, eta: total.map(|_| 17.0), bottleneck: "encode" }
}

fn ui(style: Style) -> (ProgressUi, SharedBuffer) {
    let output = SharedBuffer::default();
    (ProgressUi::new(Console::to(output.clone()), style), output)
}

fn job(ui: &ProgressUi) {
    ui.event(start_event());
    ui.event(progress(120, Some(600)));
    ui.event(Event::Warning { message: "The sound ends early.".into() });
    ui.event(progress(130, None));
    ui.event(Event::Done { summary: sample_summary(false) });
}

#[test]
fn human_style_prints_lines_without_a_terminal() {
    let (mut ui, output) = ui(Style::Human);
    ui.interval = Duration::ZERO;
    ui.begin(1, 5);
    job(&ui);
    assert!(ui.is_done());
    assert_eq!(
        output.text(),
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
fn plain_lines_keep_their_interval() {
    let (ui, output) = ui(Style::Human);
    ui.event(start_event());
    for n in 0..100 {
        ui.event(progress(n, Some(600)));
    }
    assert!(!output.text().contains("600 frames,"));
}

#[test]
fn quiet_style_prints_only_warnings() {
    let (ui, output) = ui(Style::Quiet);
    job(&ui);
    ui.note("skipped");
    assert_eq!(output.text(), "vrseg: warning: The sound ends early.\n");
}

#[test]
fn profiling_lists_every_stage_and_the_bottleneck() {
    let (ui, output) = ui(Style::Human);
    let mut machine = Machine::default();
    machine.cpu.usable = 2;
    job(&ui.with_profiling(machine));
    let text = output.text();
    assert!(text.contains("  encode      20.00 s    1.40 s\n"), "{text}");
    assert!(text.contains("  1.8 of 2 cores were at work; most of the waiting was for encode; what helps: "), "{text}");
}

#[test]
fn gpu_usage_is_in_the_summary() {
    let usage = Usage { gpu_busy: Some(43.4), gpu_peak_memory: Some(2_100_000_000), ..sample_summary(false).resources };
    let want = "605.0 MB of memory at most, 1.84 cores on average; card 43 % busy, 2.1 GB of its memory in use at most";
    assert_eq!(text::resources(&usage), want);
}

#[test]
fn interrupted_job_is_reported_as_stopped_early() {
    let text = text::done(&sample_summary(true), "", &Console::to(io::sink()));
    assert!(text.starts_with("stopped early: 600 frames"));
}

#[test]
fn json_style_writes_one_object_per_line_and_no_text() {
    let json = SharedBuffer::default();
    let (ui, output) = ui(Style::Json(JsonLines::to(json.clone())));
    job(&ui);
    assert_eq!(output.text(), "");
    let types: Vec<_> = json
        .text()
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON")["type"].as_str().map(str::to_owned))
        .collect();
    let want = ["start", "progress", "warning", "progress", "done"].map(|t| Some(t.to_owned()));
    assert_eq!(types, want);
}

#[test]
fn json_stops_when_its_reader_is_gone() {
    struct ClosedPipe;
    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (ui, output) = ui(Style::Json(JsonLines::to(ClosedPipe)));
    job(&ui);
    assert_eq!(output.text(), "");
    assert!(ui.is_done());
}
