//! Ctrl-C once ends with a playable file, twice stops at once and leaves nothing.

use crate::harness::*;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn start(input: &Path, out: &Path) -> Child {
    vrseg()
        .args([arg(input), "-o", arg(out), "--model", "selfie", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(child: &Child) {
    let done = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

/// Waits until the program reports progress.
fn wait_for_progress(child: &mut Child) {
    use std::io::{BufRead, BufReader};
    let lines = BufReader::new(child.stdout.take().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if line.contains("\"progress\"") {
                let _ = tell.send(());
            }
        }
    });
    told.recv_timeout(Duration::from_secs(60)).expect("progress within a minute");
}

fn long_clip(dir: &Path) -> std::path::PathBuf {
    let (short, long) = (dir.join("short.mp4"), dir.join("long.mp4"));
    clip(&short, "640x480", 50, H264);
    ffmpeg("-stream_loop 99 -i {} -c copy {}", &[&short, &long]);
    long
}

#[test]
fn once_ends_gently_twice_at_once() {
    let dir = folder();
    let input = long_clip(dir.path());
    let out = dir.path().join("result.mp4");
    let mut child = start(&input, &out);
    wait_for_progress(&mut child);
    interrupt(&child);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let n = times(&out).len();
    assert!(n > 0 && n < 5000, "{n} frames");
    assert_eq!(decode(&out, "gray", &[]).frames.len(), n, "every frame decodes");
    assert_eq!(listing(dir.path()), ["long.mp4", "result.mp4", "short.mp4"]);
    std::fs::remove_file(&out).unwrap();

    let mut child = start(&input, &out);
    wait_for_progress(&mut child);
    let asked = Instant::now();
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(5));
    interrupt(&child);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(20));
    // The second signal may come after a gentle end; a half file may never be there.
    let left: Vec<_> = listing(dir.path()).into_iter().filter(|n| n.contains("result")).collect();
    assert!(left.is_empty() || left == ["result.mp4"], "{left:?}");
    if out.exists() {
        assert!(!decode(&out, "gray", &[]).frames.is_empty());
    }
}
