//! Memory does not grow with the length of the video.

use crate::harness::*;
use std::path::Path;
use std::time::Duration;

/// Highest resident memory of a run, in KiB, as the kernel counts it.
fn peak_with(cache_mb: &str, args: &[&str]) -> u64 {
    let mut child = vrseg().env("VRSEG_PROCESSING_CACHE_MEMORY_MB", cache_mb).args(args).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // VmHWM only rises, so the last reading before the end is at most 5 ms old.
        if let Some(kib) = std::fs::read_to_string(&status).ok().and_then(|s| {
            let line = s.lines().find(|l| l.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        }) {
            peak = kib;
        }
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success());
                return peak;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[test]
fn memory_does_not_grow_with_length() {
    let dir = folder();
    let (short, long) = (dir.path().join("short.mp4"), dir.path().join("long.mp4"));
    clip(&short, "640x320", 60, H264);
    ffmpeg("-stream_loop 9 -i {} -c copy {}", &[&short, &long]);
    let out = dir.path().join("out.mp4");
    let peak = |input: &Path| {
        // A cache that even the short clip fills.
        peak_with("8", &["-q", "-y", arg(input), "-o", arg(&out), "--model", "selfie", "--preset", "ultrafast"])
    };
    let (a, b) = (peak(&short), peak(&long));
    assert_eq!(times(&out).len(), 600);
    // Keeping 600 frames of 640x320 would take 184 MB more.
    assert!(b < a + a / 10 + 8 * 1024, "{a} KiB for 60 frames, {b} KiB for 600");
}

/// A clip in which no frame repeats.
fn noisy_clip(path: &Path, frames: usize) {
    clip(path, "256x256", frames, &format!("-vf scale=256:256,noise=alls=8:allf=t,format=yuv420p {H264}"));
}

/// 100 cached mattes of 1024x1024 take 200 MiB.
const MANY_MATTES: &[&str] = &["--model", "selfie", "--input-size", "1024", "--preset", "ultrafast", "--threads", "2"];

#[test]
fn memory_limit_evicts_cached_mattes_without_changing_the_output() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    noisy_clip(&input, 100);
    let peak = |cache_mb: &str, more: &[&str]| {
        let base = ["-q", "-y", arg(&input), "-o", arg(&out)];
        let peak = peak_with(cache_mb, &[&base, MANY_MATTES, more].concat());
        (peak / 1024, packets(&out, "v"))
    };
    let (none, packets) = peak("0", &[]);
    let (all, _) = peak("4000", &[]);
    assert!(all > none + 120, "{none} MiB without kept mattes, {all} with");
    let limit = none + 60;
    let (limited, same) = peak("4000", &["--max-memory", &format!("{limit}M")]);
    assert!(limited < limit, "{limited} MiB under a limit of {limit}");
    assert_eq!(packets, same);
}

#[test]
fn unreachable_memory_limit_warns_and_the_job_finishes() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    noisy_clip(&input, 40);
    let done = run([&["-y", arg(&input), "-o", arg(&out), "--max-memory", "64M"], MANY_MATTES].concat());
    let printed = stderr(&done);
    assert!(done.status.success(), "{printed}");
    // Once while the job runs; the summary repeats it in its own form.
    let words = "more than --max-memory (64), and nothing more can be freed";
    let warned = printed.lines().filter(|line| line.starts_with("vrseg: warning:") && line.contains(words));
    assert_eq!(warned.count(), 1, "{printed}");
    assert_eq!(times(&out).len(), 40);
    let wrong = run(["-y", arg(&input), "-o", arg(&out), "--max-memory", "4"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("an amount of memory such as 900M or 4G, at least 64M"), "{}", stderr(&wrong));
}

/// The most frames that were between the end of their decoding and the beginning of their encoding at one time, by the
/// timeline of a job, and the video that it made.
fn most_in_flight(input: &Path, out: &Path, more: &[&str]) -> (i32, Vec<(String, String)>) {
    let trace = out.with_extension("json");
    let args = ["-q", "-y", arg(input), "-o", arg(out), "--model", "selfie", "--no-cache", "--trace", arg(&trace)];
    let run = vrseg().args(args).args(more).output().unwrap();
    assert!(run.status.success(), "{}", stderr(&run));
    let events: serde_json::Value = serde_json::from_slice(&std::fs::read(&trace).unwrap()).unwrap();
    let events = events["traceEvents"].as_array().or(events.as_array()).unwrap();
    let of = |name| events.iter().filter(move |e| e["name"] == name && !e["args"]["frame"].is_null());
    let time = |e: &serde_json::Value, name: &str| e[name].as_f64().unwrap();
    let mut changes: Vec<(f64, i32)> = of("decode").map(|e| (time(e, "ts") + time(e, "dur"), 1)).collect();
    changes.truncate(of("encode").count());
    changes.extend(of("encode").map(|e| (time(e, "ts"), -1)));
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let counts = changes.iter().scan(0, |count, (_, change)| {
        *count += change;
        Some(*count)
    });
    (counts.max().unwrap_or(0), packets(out, "v"))
}

#[test]
fn low_latency_has_at_most_two_frames_in_flight_and_the_same_output() {
    let dir = folder();
    let (input, out) = (dir.path().join("in_180_LR.mp4"), dir.path().join("out.mp4"));
    clip(&input, "640x320", 40, H264);
    let (usual, expected) = most_in_flight(&input, &out, &[]);
    let (low, made) = most_in_flight(&input, &out, &["--low-latency"]);
    assert!(usual > 2 && (1..=2).contains(&low), "{usual} frames usually, {low} with low latency");
    assert!(made == expected, "the output is the same");
    let both =
        vrseg().args([arg(&input), "-o", arg(&out), "-y", "--low-latency", "--batch-size", "4"]).output().unwrap();
    let text = stderr(&both);
    assert!(both.status.code() == Some(2) && text.contains("processing.low_latency"), "{text}");
}
