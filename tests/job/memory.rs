//! Memory does not grow with the length of the video.

use crate::harness::*;
use std::path::Path;
use std::time::Duration;

/// Highest resident memory of a run, in KiB, as the kernel counts it.
fn peak_kib(args: &[&str]) -> u64 {
    // So many kept mattes that the short clip fills their memory, too.
    let mut child = vrseg().env("VRSEG_PROCESSING_CACHE_MEMORY_MB", "8").args(args).spawn().unwrap();
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
fn ten_times_the_length_takes_the_same_memory() {
    let dir = folder();
    let (short, long) = (dir.path().join("short.mp4"), dir.path().join("long.mp4"));
    clip(&short, "640x320", 60, H264);
    ffmpeg("-stream_loop 9 -i {} -c copy {}", &[&short, &long]);
    let out = dir.path().join("out.mp4");
    let peak = |input: &Path| {
        peak_kib(&["-q", "-y", arg(input), "-o", arg(&out), "--model", "selfie", "--preset", "ultrafast"])
    };
    let (a, b) = (peak(&short), peak(&long));
    assert_eq!(times(&out).len(), 600);
    // 600 frames of 640x320 would be 184 MB more if they were kept.
    assert!(b < a + a / 10 + 8 * 1024, "{a} KiB for 60 frames, {b} KiB for 600");
}
