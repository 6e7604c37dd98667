//! `vrseg bench`: a small sweep through the real program, failing points, resuming, comparing, reporting.

use crate::harness::*;
use serde_json::Value;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// Few frames of a small size, with the model that is always there.
const TINY: [&str; 13] = [
    "bench",
    "--resolutions",
    "256x128,384x192",
    "--models",
    "selfie",
    "--devices",
    "cpu",
    "--iterations",
    "6",
    "--warmup",
    "1",
    "--seconds",
    "2",
];

fn bench(output: &Path, more: &[&str]) -> Output {
    run(TINY.iter().copied().chain(["-o", arg(output)]).chain(more.iter().copied()))
}

fn results(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("results")).expect("JSON")
}

fn labels(results: &Value) -> Vec<(String, u64, String, String)> {
    let points = results["points"].as_array().expect("points");
    let of = |p: &Value| {
        let s = &p["spec"];
        (text(&s["size"]), s["batch"].as_u64().unwrap(), text(&s["precision"]), text(&p["status"]))
    };
    points.iter().map(of).collect()
}

fn row(size: &str, batch: u64, precision: &str, status: &str) -> (String, u64, String, String) {
    (size.to_owned(), batch, precision.to_owned(), status.to_owned())
}

#[test]
fn sweep_measures_pipelines_and_stages_and_records_failures() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let (json, html, csv, charts) = (at("r.json"), at("r.html"), at("r.csv"), at("charts"));
    let more = ["--batches", "1,3", "--precisions", "fp32,int8", "--html", arg(&html), "--csv", arg(&csv), "--charts"];
    let out = bench(&json, &[&more[..], &[arg(&charts)]].concat());
    assert!(out.status.success(), "{}", stderr(&out));
    let found = results(&json);
    assert_eq!(
        labels(&found),
        [
            row("256x128", 1, "auto", "ok"),
            row("384x192", 1, "auto", "ok"),
            row("256x128", 3, "auto", "ok"),
            row("256x128", 1, "fp32", "ok"),
            row("256x128", 1, "int8", "failed"),
        ]
    );
    assert_eq!((found["schema"].as_u64(), found["finished"].as_bool()), (Some(1), Some(true)));
    assert!(found["created"].as_str().is_some_and(|t| t.len() == 20 && t.ends_with('Z')), "{}", found["created"]);
    assert!(text(&found["points"][4]["error"]).contains("INT8"));
    for point in found["points"].as_array().unwrap().iter().take(4) {
        let whole = &point["whole"];
        let number = |v: &Value| v.as_f64().unwrap_or_else(|| panic!("{v} in {point}"));
        // The warm-up's last frame starts the clock.
        assert_eq!(whole["frames"], 6, "{point}");
        assert!(number(&whole["fps"]) > 0.0 && number(&whole["cpu_seconds"]) > 0.0);
        assert!(number(&whole["peak_memory"]) > 1e7, "a process with a model holds more");
        let latency = ["p50", "p95", "p99", "max"].map(|q| number(&whole["latency"][q]));
        assert!(latency[0] > 0.0 && latency.is_sorted(), "{latency:?}");
        let stages: Vec<_> = point["stages"].as_array().unwrap().iter().map(|s| text(&s["stage"])).collect();
        assert_eq!(stages, ["decode", "prepare", "windows", "infer", "matte", "refine", "compose", "encode"]);
        for stage in point["stages"].as_array().unwrap() {
            assert!(number(&stage["fps"]) > 0.0 && number(&stage["frames"]) >= 3.0, "{stage}");
        }
        assert_eq!((text(&point["model"]), point["views"].as_u64()), ("selfie".to_owned(), Some(2)));
    }
    // The text output: every point, the advice; the targets only beside the GPU that they are for.
    let printed = String::from_utf8_lossy(&out.stdout).into_owned();
    for part in ["256x128 batch 3", "failed:", "frames per second", "What follows", "Best for latency"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let gpus = found["machine"]["gpus"].to_string();
    assert_eq!(printed.contains("Targets on an RTX 3090"), gpus.contains("RTX 3090"), "{printed}");
    assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 6);
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg ") && !page.contains("http-equiv"));
    assert_eq!(
        listing(&charts),
        ["batch.svg", "latency.svg", "memory.svg", "precision.svg", "scaling.svg", "speed.svg", "stages.svg"]
    );
    assert_eq!(listing(dir.path()), ["charts", "r.csv", "r.html", "r.json"], "nothing else is left");

    // Existing results are not overwritten, comparing them with themselves finds only noise, and the report
    // prints the same text again.
    let again = bench(&json, &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("-y replaces it, --resume continues it"), "{}", stderr(&again));
    let out = ok(["bench", "compare", arg(&json), arg(&json), "--json"]);
    let same: Value = serde_json::from_slice(&out.stdout).unwrap();
    let verdicts: Vec<_> = same["rows"].as_array().unwrap().iter().map(|r| text(&r["verdict"])).collect();
    assert_eq!(verdicts, ["noise", "noise", "noise", "noise", "neither"]);
    let out = ok(["bench", "report", arg(&json)]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), printed);
}

#[test]
fn killed_sweep_keeps_finished_points_and_resumes() {
    let dir = folder();
    let json = dir.path().join("r.json");
    let more = ["-o", arg(&json), "--resolution-only"];
    for end in ["-INT", "-KILL"] {
        let mut child = vrseg()
            .args(TINY.iter().copied().chain(more))
            .args(if end == "-INT" { ["--timeout", "900"] } else { ["-y", "-q"] })
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let waiting_since = Instant::now();
        while !json.is_file() || results(&json)["points"].as_array().unwrap().is_empty() {
            assert!(waiting_since.elapsed() < Duration::from_secs(300) && child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(5));
        }
        let killed = std::process::Command::new("kill").args([end, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), if end == "-INT" { Some(130) } else { None });
        let kept = results(&json);
        assert_eq!((labels(&kept), kept["finished"].as_bool()), (vec![row("256x128", 1, "auto", "ok")], Some(false)));
    }
    let first = results(&json)["points"][0].clone();
    let other = bench(&json, &["--resolution-only", "--resume", "--preset", "ultrafast"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("other settings"), "{}", stderr(&other));
    let out = bench(&json, &["--resolution-only", "--resume", "--json"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let found = results(&json);
    assert_eq!(labels(&found), [row("256x128", 1, "auto", "ok"), row("384x192", 1, "auto", "ok")]);
    assert_eq!((&found["points"][0], found["finished"].as_bool()), (&first, Some(true)));
    assert_eq!(serde_json::from_slice::<Value>(&out.stdout).unwrap(), found);
}

#[test]
fn own_video_is_measured_and_wrong_usage_is_refused() {
    let dir = folder();
    let input = dir.path().join("mine_180_LR.mp4");
    clip(&input, "320x160", 12, H264);
    let json = dir.path().join("r.json");
    let tiny = ["bench", "--batch-only", "--batches", "1", "--models", "selfie", "--iterations", "4", "--warmup", "1"];
    let more = ["--input", arg(&input), "-o", arg(&json), "--seconds", "1", "-q"];
    ok(tiny.iter().chain(&more));
    let found = results(&json);
    assert_eq!(found["points"][0]["frame"], serde_json::json!([320, 160]));
    assert_eq!(found["points"][0]["spec"]["size"], "mine_180_LR.mp4");

    // A sweep in which every point fails exits with 1.
    std::fs::write(&input, "no video").unwrap();
    let out = run(tiny.iter().chain(&more).chain(&["-y"]));
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert_eq!(results(&json)["points"][0]["status"], "failed");
    for (words, why) in [
        (["--input", "missing.mp4"], "no such file"),
        (["--resolutions", "642x320"], "even"),
        (["--batches", "0"], "0"),
    ] {
        let out = run(["bench", "-o", arg(&dir.path().join("n.json"))].iter().chain(&words));
        assert_eq!(out.status.code(), Some(2));
        assert!(stderr(&out).contains(why), "{}", stderr(&out));
    }
    let out = run(["bench", "report", arg(&input)]);
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("is not a result file of `vrseg bench`"), "{}", stderr(&out));
}

#[test]
fn report_to_send_has_the_figures_and_no_names() {
    let dir = folder();
    let home = dir.path().join("somebody");
    std::fs::create_dir(&home).unwrap();
    let mut c = vrseg();
    c.current_dir(dir.path()).env("HOME", &home).args(TINY).args(["--self-report", "--low-latency", "-q"]);
    // A point that fails with a path in its error.
    let out = c.args(["--devices", "cpu,openvino"]).env("ORT_DYLIB_PATH", home.join("none.so")).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "nothing can be measured: {}", stderr(&out));
    let file = dir.path().join("vrseg-report.json");
    let (text, failed) = (std::fs::read_to_string(&file).unwrap(), results(&file));
    assert!(text.contains(".../none.so") && !text.contains("somebody"), "{text}");
    assert_eq!((failed["machine"]["host"].as_str(), failed["gpu"].is_object()), (Some(""), true), "{text}");

    let more = ["--self-report", "--low-latency", "-q", "-y"];
    let out = vrseg().current_dir(dir.path()).args(TINY).args(more).output().unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
    let found = results(&file);
    assert_eq!(found["settings"]["low_latency"], true);
    let whole = &found["points"][0]["whole"];
    assert!(whole["usage"]["mean_cores"].as_f64().is_some_and(|cores| cores > 0.0), "{whole}");
    assert!(whole["limits"].is_array(), "{whole}");
    assert!(vrseg().args(["bench", "report", arg(&file)]).output().unwrap().status.success());
    let page = dir.path().join("page.html");
    let html = ["bench", "report", arg(&file), "--html", arg(&page)];
    assert!(run(html).status.success());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert!(!std::fs::read_to_string(&page).unwrap().contains(&format!("vrseg benchmark, {}", host.trim())));
    let named = run(["bench", "--self-report", "--models", "/home/somebody/own.yaml"]);
    assert!(named.status.code() == Some(2) && stderr(&named).contains("names models"), "{}", stderr(&named));
    let both = run(["bench", "--self-report", "--input", "a.mp4"]);
    assert_eq!(both.status.code(), Some(2), "a video of one's own has a name");
}
