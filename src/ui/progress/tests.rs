use super::*;
use crate::ui::testing::{SharedBuffer, probed_event, sample_summary, start_event};
use std::io::{self, Write};
use std::path::PathBuf;
use vrseg_engine::{LatencyReport, Summary};
use vrseg_hardware::Usage;

fn progress(frames: u64, total: Option<u64>) -> Event {
    Event::Progress { frames, total, fps: 28.1, eta: total.map(|_| 17.0), bytes: 4_404_019, bottleneck: "encode" }
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
    ui.files(["a_LR.mp4", "clip_LR.mp4", "b.mp4"].map(Path::new), []);
    ui.begin(1, 3, Path::new("clip_LR.mp4"));
    ui.event(probed_event());
    ui.event(Event::Phase { phase: JobPhase::Loading, limit: None });
    ui.event(Event::Phase { phase: JobPhase::Tuning, limit: Some(5.0) });
    ui.event(Event::Tuned { infer: 4, workers: 1, gain: 1.08, tried: 3, seconds: 3.24 });
    job(&ui);
    assert!(ui.is_done());
    let text = output.text();
    let (before, after) = text.split_once("17 s left").expect("a line of progress");
    assert_eq!(
        before,
        "[2/3] input    clip_LR.mp4, 3840x1920, 29.97 fps, 600 frames (20 s)\n\
         [2/3] layout   side by side, from \"lr\" in the file name\n\
         [2/3] model    selfie at 512x512\n\
         [2/3] output   green out.mp4 (libx264)\n\
         [2/3]          matte mask.mkv (libx264)\n\
         [2/3] tuning   measuring the fastest split of threads, 5 s at most\n\
         [2/3] tuning   4 threads for the model, 1 worker: the fastest of 3 splits tried in 3.24 s, 1.08 times the \
         default's speed\n\
         [2/3] device   CPU\n\
         [2/3] 20 %, 120/600 frames, 28 fps, 0 s elapsed, "
    );
    let after = after.split_once("4.2 MiB").expect("the size so far").1;
    let (first, rest) = after.split_once("\n").expect("lines");
    assert!(first.starts_with(", slowest: encode; 0 of 3 files done"), "{first}");
    assert_eq!(
        rest,
        "[2/3] vrseg: warning: The sound ends early.\n\
         [2/3] 130 frames, 28 fps, 0 s elapsed, 4.2 MiB, slowest: encode; 0 of 3 files done\n\
         [2/3] done: 600 frames in 21.4 s, 28 fps\n\
         [2/3]   green    out.mp4, 11.8 MiB, libx264\n\
         [2/3]   matte    mask.mkv, 999 B, libx264\n\
         [2/3]   time     encode 61 %, decode 27 %, infer 12 %; slowest stage: encode (93 % busy)\n\
         [2/3]   machine  577.0 MiB of memory at most, 1.84 cores on average\n\
         [2/3]   warning  The sound ends early.\n"
    );
}

#[test]
fn batch_ends_with_the_names_of_what_failed_and_why() {
    let (ui, output) = ui(Style::Human);
    let skipped = PathBuf::from("old.mp4");
    ui.files(["a.mp4", "bad.mp4"].map(Path::new), [(&skipped, "old_green.mp4 exists".to_owned())]);
    ui.begin(0, 2, Path::new("a.mp4"));
    ui.event(Event::Done { summary: sample_summary(false) });
    ui.begin(1, 2, Path::new("bad.mp4"));
    ui.failed("bad.mp4: cannot decode: no video stream");
    ui.finish();
    let text = output.text();
    assert!(text.contains("[2/2] vrseg: error: bad.mp4: cannot decode: no video stream\n"), "{text}");
    assert!(text.contains("1 of 3 files done in ") && text.contains(" s, 1 failed, 1 skipped\n"), "{text}");
    assert!(text.contains("  failed   bad.mp4: cannot decode: no video stream\n"), "{text}");
    assert!(text.contains("  skipped  old.mp4: old_green.mp4 exists\n"), "{text}");
    assert!(text.ends_with("next: vrseg eval --pred mask.mkv --source a.mp4   # flicker, and agreement of the eyes\n"));
}

#[test]
fn same_warning_is_printed_once_per_file() {
    let (ui, output) = ui(Style::Quiet);
    let warn = || ui.event(Event::Warning { message: "twice".into() });
    ui.begin(0, 2, Path::new("a.mp4"));
    warn();
    warn();
    ui.begin(1, 2, Path::new("b.mp4"));
    warn();
    assert_eq!(output.text(), "[1/2] vrseg: warning: twice\n[2/2] vrseg: warning: twice\n");
}

#[test]
fn line_keeps_what_fits_and_drops_the_least_important() {
    let figures = Figures::of(&progress(120, Some(600)), 83.0).expect("figures");
    assert_eq!(figures.fitted(45), "120/600 frames, 28 fps, 1:23 elapsed");
    assert!(figures.fitted(80).contains("17 s left, done at ") && figures.fitted(80).contains("4.2 MiB"));
    assert!((0..200).all(|width| figures.fitted(width).chars().count() <= width.max(14)));
}

#[test]
fn few_frames_name_no_slowest_stage() {
    let summary = Summary { frames: 5, ..sample_summary(false) };
    let text = text::done(&summary, &[], &Console::to(io::sink()));
    assert!(text.contains("time     encode 61 %") && !text.contains("slowest"), "{text}");
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
fn batch_line_counts_files_by_how_they_ended() {
    let skipped = PathBuf::from("s.mp4");
    let mut files = Files::new(["a", "b", "c", "d"].map(Path::new), [(&skipped, "exists".to_owned())]);
    files.begin(0);
    files.event(&Event::Done { summary: sample_summary(true) });
    files.begin(1);
    files.failed("no video stream");
    files.begin(2);
    files.stopped();
    let line = text::batch(&files, None).expect("a line");
    assert_eq!(line, "0 of 5 files done, 1 failed, 2 stopped early, 1 skipped");
}

#[test]
fn next_step_fits_the_output() {
    let step = |mode| {
        let mut summary = sample_summary(false);
        summary.outputs.truncate(1);
        summary.outputs[0].mode = mode;
        text::next_step(&summary, "my clip.mp4").expect("a step")
    };
    assert!(step("passthrough").starts_with("vrseg unpack out.mp4 -o matte.mkv "));
    assert!(step("matte").starts_with("vrseg eval --pred out.mp4 --source 'my clip.mp4' "));
    assert!(step("green").starts_with("vrseg preview 'my clip.mp4' -o sheet.png "));
    assert_eq!(text::next_step(&sample_summary(true), "a"), None);
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
    assert!(text.contains("  1.8 of 2 cores were busy; most stages waited for encode; what helps: "), "{text}");
}

#[test]
fn latency_is_in_the_summary_where_it_matters() {
    let summary = || Summary {
        latency: Some(LatencyReport { p50_ms: 18.4, p95_ms: 31.2, max_ms: 90.0 }),
        ..sample_summary(false)
    };
    let line = "  latency  from decoder to encoder: 18 ms for half of the frames, 31 ms for 95 %\n";
    for (shown, count) in [(true, 1), (false, 0)] {
        let (ui, output) = ui(Style::Human);
        let ui = ui.with_latency(shown);
        ui.event(Event::Done { summary: summary() });
        assert_eq!(output.text().matches(line).count(), count, "{}", output.text());
    }
}

#[test]
fn gpu_usage_is_in_the_summary() {
    let usage = Usage { gpu_busy: Some(43.4), gpu_peak_memory: Some(2_100_000_000), ..sample_summary(false).resources };
    let units = Usage { gpu_encoder: Some(97.2), gpu_decoder: Some(0.0), gpu_power: Some(240.0), ..usage.clone() };
    let text = text::resources(&units);
    assert!(text.contains("GPU 43 % busy, NVENC 97 %, 240 W, 2.0 GiB"), "{text}");
    let want =
        "577.0 MiB of memory at most, 1.84 cores on average; GPU 43 % busy, 2.0 GiB of its memory in use at most";
    assert_eq!(text::resources(&usage), want);
}

#[test]
fn interrupted_job_is_reported_as_stopped_early() {
    let text = text::done(&sample_summary(true), &[], &Console::to(io::sink()));
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
fn json_stops_when_its_reader_closes() {
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
