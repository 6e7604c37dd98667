//! `vrseg optimize` measures the real pipeline and saves exactly what it found. Which settings win depends on
//! the machine; the assertions do not.

use crate::harness::*;
use serde_json::Value;
use std::path::Path;

/// A search over few settings, which takes seconds. `extra` are more arguments.
fn search(dir: &Path, extra: &[&str]) -> Value {
    let source = dir.join("clip.mp4");
    if !source.exists() {
        clip(&source, "320x160", 30, H264);
    }
    let mut command = vrseg();
    command.args(["optimize", "--input", arg(&source), "--model", "selfie", "--device", "cpu", "--json"]).args(extra);
    // Fixed settings are not searched: only input sizes and inference threads are left.
    for name in ["WORKERS", "DECODE_THREADS", "ENCODE_THREADS", "QUEUE_MB"] {
        command.env(format!("VRSEG_PROCESSING_{name}"), "2");
    }
    command.env("VRSEG_MODEL_BATCH_SIZE", "1");
    let out = command.output().expect("the program starts");
    assert!(out.status.success(), "{}", stderr(&out));
    serde_json::from_slice(&out.stdout).expect("one JSON object")
}

/// Half the size is far faster and wins when there is no IoU floor.
#[test]
fn faster_settings_are_saved_and_used() {
    let dir = folder();
    let tuned = dir.path().join("tuned.yaml");
    let report = search(dir.path(), &["--save-config", arg(&tuned), "--min-iou", "0", "--target-fps", "10000"]);
    let found = &report["search"];
    assert_eq!(found["faster"], true, "{report:#}");
    let size = found["result"]["settings"]["model.input_size"].as_str().expect("a smaller size").to_owned();
    assert!(["256", "384"].contains(&size.as_str()), "{size}");
    let runs = |name: &str| found["result"][name].as_array().expect("runs").len();
    assert_eq!((runs("before_fps"), runs("after_fps")), (3, 3), "measured in turns");
    assert!(found["result"]["iou"].as_f64().is_some_and(|iou| iou > 0.3 && iou < 1.0), "{report:#}");
    assert_eq!(report["saved"], arg(&tuned));

    let text = std::fs::read_to_string(&tuned).expect("the file");
    for printed in ["times as fast", "fps", "machine:", "clip.mp4", "FP32 matte", "UTC"] {
        assert!(text.lines().any(|l| l.starts_with('#') && l.contains(printed)), "{printed}: {text}");
    }
    // The saved file has the promised effect.
    let shown = String::from_utf8(ok(["-c", arg(&tuned), "--show-config"]).stdout).expect("UTF-8");
    assert!(shown.lines().any(|l| l.trim_start().starts_with(&format!("input_size: {size} "))), "{shown}");
    let output = dir.path().join("out.mp4");
    let out = ok(["-c", arg(&tuned), "--json", arg(&dir.path().join("clip.mp4")), "-o", arg(&output)]);
    assert!(String::from_utf8_lossy(&out.stdout).contains(&format!("selfie, {size}x")), "{}", stderr(&out));
    assert_eq!(crate::harness::text(&video(&output)["nb_frames"]), "30");
}

/// The matte of a smaller input never equals the FP32 matte of the original size, and a file is written anyway.
#[test]
fn settings_below_the_iou_floor_are_not_taken_and_a_file_is_written_anyway() {
    let dir = folder();
    let tuned = dir.path().join("tuned.yaml");
    let report = search(dir.path(), &["--save-config", arg(&tuned), "--min-iou", "1"]);
    let tried = report["search"]["tried"].as_array().expect("a list");
    let smaller: Vec<_> = tried.iter().filter(|t| !t["settings"]["model.input_size"].is_null()).collect();
    assert!(smaller.iter().any(|t| t["iou"].as_f64().is_some_and(|iou| iou < 1.0)), "{report:#}");
    assert!(report["search"]["result"]["settings"]["model.input_size"].is_null(), "{report:#}");
    assert_eq!(report["saved"], arg(&tuned));
    let text = std::fs::read_to_string(&tuned).expect("the file");
    assert_eq!(text.contains("settings was faster"), report["search"]["faster"] == false, "{text}");
    let shown = String::from_utf8(ok(["-c", arg(&tuned), "--show-config"]).stdout).expect("UTF-8");
    assert!(!shown.contains("input_size: 256") && !shown.contains("input_size: 384"), "{shown}");
}

/// The owner's own command, twice, and the next one.
#[test]
fn settings_saved_without_a_name_are_found_by_theirs() {
    let dir = folder();
    clip(&dir.path().join("clip.mp4"), "320x160", 30, H264);
    let home = |args: &[&str]| {
        let mut command = vrseg();
        command.env("XDG_CONFIG_HOME", dir.path().join("config")).current_dir(dir.path()).args(args);
        let out = command.output().expect("the program starts");
        (out.status.success(), stderr(&out), String::from_utf8(out.stdout).expect("UTF-8"))
    };
    let (ok, printed, _) = home(&["clip.mp4", "-o", "early.mp4", "-c", "tuned"]);
    assert!(!ok && printed.contains("tuned"), "{printed}");
    let optimize = ["optimize", "--input", "clip.mp4", "--model", "selfie", "--input-size", "128", "--save-config"];
    let file = dir.path().join("config/vrseg/tuned.yaml");
    for _ in 0..2 {
        let (ok, printed, report) = home(&optimize);
        assert!(ok && report.contains("-c tuned") && file.is_file(), "{printed} {report}");
    }
    let (ok, printed, _) = home(&["clip.mp4", "-o", "out.mp4", "-c", "tuned"]);
    assert!(ok && printed.contains("selfie"), "{printed}");
    std::fs::write(&file, "profile: fast\n").unwrap();
    let (ok, printed, _) = home(&optimize);
    assert!(!ok && printed.contains("-y"), "a file that somebody else wrote: {printed}");
}

#[test]
fn benchmark_prints_speed_latency_and_bottlenecks() {
    let dir = folder();
    let source = dir.path().join("clip.mp4");
    clip(&source, "320x160", 30, H264);
    let out = ok(["optimize", "--input", arg(&source), "--profile", "fast", "--benchmark", "--detect-bottlenecks"]);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    for label in ["machine", "clip", "settings", "speed", "latency", "took", "bottleneck"] {
        assert!(text.lines().any(|l| l.starts_with(label)), "{label}: {text}");
    }
    // Measured for about five seconds, although the clip has hardly one.
    let seconds: f64 =
        text.split(" frames in ").nth(1).and_then(|t| t.split(' ').next()?.parse().ok()).expect("seconds");
    assert!(seconds > 4.0, "{text}");
    assert!(!text.contains("tried"), "no search was asked for: {text}");
}

#[test]
fn long_job_tunes_its_workers_by_a_trial_and_remembers_them() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    clip(&at("short.mp4"), "160x96", 60, H264);
    ffmpeg("-stream_loop 14 -i {} -c copy {}", &[&at("short.mp4"), &at("in.mp4")]);
    let made = |tune: &str, more: &[&str]| {
        let mut c = vrseg();
        c.env("XDG_CACHE_HOME", at("cache")).env("VRSEG_PERFORMANCE_AUTO_TUNE", tune);
        c.args(["-y", arg(&at("in.mp4")), "-o", arg(&at("out.mp4")), "--model", "selfie", "--input-size", "128"]);
        // With two threads there is nothing to try.
        let out = c.args(["--no-cache", "--threads", "4"]).args(more).output().unwrap();
        assert!(out.status.success(), "{}", stderr(&out));
        (stderr(&out).contains("splits tried in"), packets(&at("out.mp4"), "v"))
    };
    let (tried_first, plain) = made("false", &[]);
    assert!(!tried_first && !at("cache/vrseg/tuned-2.json").exists());
    let (tried_first, tried) = made("true", &[]);
    assert!(tried_first, "a long job begins with a trial");
    assert!(tried == plain, "the trial leaves no trace in the output");
    let kept = std::fs::read_to_string(at("cache/vrseg/tuned-2.json")).unwrap();
    assert!(kept.contains("selfie") && kept.contains("\"workers\""), "{kept}");
    assert!(!kept.contains("\"infer\""), "on some processors the bits depend on the model's threads: {kept}");
    let (tried_first, found) = made("true", &[]);
    assert!(!tried_first, "what was found is found again");
    assert!(found == plain, "and leaves none either");
    assert!(made("true", &["--crf", "30"]).0, "another encoder is another kind of job");
    assert!(!made("true", &["--crf", "31", "--frames", "899"]).0, "a short job begins at once");
}
