//! The first Ctrl-C leaves a playable file, the second stops at once and leaves none; a hangup counts as Ctrl-C
//! unless it is ignored, as under `nohup`.

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
    signal(child, "-INT");
}

fn signal(child: &Child, name: &str) {
    let done = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

/// Waits until the program handles Ctrl-C, which is before it loads the model.
fn wait_for_handler(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    let caught = || -> Option<u64> {
        let text = std::fs::read_to_string(&status).ok()?;
        u64::from_str_radix(text.lines().find_map(|l| l.strip_prefix("SigCgt:"))?.trim(), 16).ok()
    };
    let sigint = 1 << (2 - 1);
    let waiting_since = Instant::now();
    while caught().is_none_or(|mask| mask & sigint == 0) {
        assert!(waiting_since.elapsed() < Duration::from_secs(60), "no handler within a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the program reports progress.
fn wait_for_progress(child: &mut Child) {
    wait_for_line(child, &["\"progress\""]);
}

/// Waits until the program has printed a line with each of these, one after the other.
fn wait_for_line(child: &mut Child, parts: &[&str]) {
    use std::io::{BufRead, BufReader};
    let lines = BufReader::new(child.stdout.take().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let mut parts: std::collections::VecDeque<_> = parts.iter().map(|p| (*p).to_owned()).collect();
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if parts.front().is_some_and(|part| line.contains(part)) {
                parts.pop_front();
                if parts.is_empty() {
                    let _ = tell.send(());
                }
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
fn first_ctrl_c_finishes_the_file_and_the_second_stops_at_once() {
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
    // The second signal may arrive after the file was finished; a partial file must never be left.
    let left: Vec<_> = listing(dir.path()).into_iter().filter(|n| n.contains("result")).collect();
    assert!(left.is_empty() || left == ["result.mp4"], "{left:?}");
    if out.exists() {
        assert!(!decode(&out, "gray", &[]).frames.is_empty());
    }
}

#[test]
fn ctrl_c_before_the_first_frame_leaves_nothing() {
    let dir = folder();
    let input = long_clip(dir.path());
    let out = dir.path().join("new/result.mp4");
    let mut command = vrseg();
    command.args([arg(&input), "-o", &format!("{}/", arg(out.parent().unwrap())), "--name", "result.mp4"]);
    // The slowest possible first frame: the signal must arrive before it on any machine.
    let child = command.args(["--model", "rvm", "--input-size", "1024"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_handler(&child);
    interrupt(&child);
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(130), "{}", stderr(&end));
    assert!(stderr(&end).contains("vrseg: stopped; no output was written"), "{}", stderr(&end));
    assert_eq!(listing(dir.path()), ["long.mp4", "short.mp4"]);
}

#[test]
fn interrupted_dry_run_removes_its_trial_files() {
    let dir = folder();
    let input = long_clip(dir.path());
    let temporary = dir.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = vrseg();
    command.args([arg(&input), "-o", arg(&dir.path().join("result.mp4")), "--dry-run"]).env("TMPDIR", &temporary);
    // Slow enough for the signal to arrive during the trial.
    let child = command.args(["--model", "rvm", "--input-size", "1024"]).stderr(Stdio::piped()).spawn().unwrap();
    let waiting_since = Instant::now();
    while listing(&temporary).is_empty() {
        assert!(waiting_since.elapsed() < Duration::from_secs(60), "no trial within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(130), "{}", stderr(&end));
    assert_eq!(listing(&temporary), Vec::<String>::new());
}

#[test]
fn third_ctrl_c_ends_the_process() {
    let dir = folder();
    let input = long_clip(dir.path());
    let out = dir.path().join("result.mp4");
    let child = start(&input, &out);
    wait_for_handler(&child);
    // The flag is not checked while the model is loaded.
    for _ in 0..3 {
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(5));
    }
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(130), "{}", stderr(&end));
    assert!(!out.exists());
    // A leftover temporary file does not block the next run.
    std::fs::write(dir.path().join(".result.mp4.part"), b"left behind").unwrap();
    ok([arg(&input), "-o", arg(&out), "--model", "selfie", "--frames", "3"]);
    assert_eq!(listing(dir.path()), ["long.mp4", "result.mp4", "short.mp4"]);
}

#[test]
fn hangup_stops_the_job_unless_ignored() {
    let dir = folder();
    let input = long_clip(dir.path());
    let out = dir.path().join("result.mp4");
    let started = |under: &[&str], range: &[&str]| {
        std::process::Command::new(under[0])
            .args(&under[1..])
            .arg(env!("CARGO_BIN_EXE_vrseg"))
            .args(["-y", arg(&input), "-o", arg(&out), "--model", "selfie", "--json"])
            .args(range)
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("XDG_STATE_HOME", "/dev/null")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    // These tests may run under `nohup` themselves.
    let mut child = started(&["env", "--default-signal=HUP"], &[]);
    wait_for_progress(&mut child);
    signal(&child, "-HUP");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!decode(&out, "gray", &[]).frames.is_empty());

    let mut child = started(&["nohup"], &["--frames", "200"]);
    wait_for_progress(&mut child);
    signal(&child, "-HUP");
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(0), "{}", stderr(&end));
    assert_eq!(times(&out).len(), 200);
}

/// A folder with a short and a longer video, of 5 and 1500 frames.
fn batch(dir: &Path) -> std::path::PathBuf {
    let folder = dir.join("in");
    std::fs::create_dir(&folder).unwrap();
    let short = folder.join("a.mp4");
    clip(&short, "320x160", 5, H264);
    ffmpeg("-stream_loop 299 -i {} -c copy {}", &[&short, &folder.join("b.mp4")]);
    folder
}

#[test]
fn interrupted_batch_is_finished_by_the_same_command() {
    let dir = folder();
    let input = batch(dir.path());
    let frames = times(&input.join("b.mp4")).len();
    let (out, moved) = (dir.path().join("out"), dir.path().join("moved"));
    let outputs = |to: &Path| [format!("{}/", arg(to)), format!("matte={}/", arg(to))];
    let args = |to: &Path| {
        let [green, matte] = outputs(to);
        let words = ["-r", arg(&input), "-o", &green, "-o", &matte, "--name", "{stem}_{mode}.mkv", "--model", "selfie"];
        words.map(str::to_owned)
    };
    let mut command = vrseg();
    command.args(args(&out)).args(["-n", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_line(&mut child, &["\"done\"", "\"progress\""]);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let n = times(&out.join("b_green.mkv")).len();
    assert!(n > 0 && n < frames, "{n} of {frames} frames");

    // Without a word about what exists nothing is replaced, and the message says which ended early.
    let refused = run(args(&out));
    assert_eq!(refused.status.code(), Some(2));
    let printed = stderr(&refused);
    assert!(
        printed.contains("a_green.mkv: exists; -y") && printed.contains("b_green.mkv: exists and is incomplete"),
        "{printed}"
    );

    // What is missing of an input is made, too, wherever the folder is by now.
    std::fs::rename(&out, &moved).unwrap();
    std::fs::remove_file(moved.join("a_matte.mkv")).unwrap();
    let before = std::fs::metadata(moved.join("a_green.mkv")).unwrap().modified().unwrap();
    let again = ok(args(&moved).into_iter().chain(["-n".to_owned()]));
    assert!(stderr(&again).contains("a_green.mkv exists and is kept"), "{}", stderr(&again));
    assert_eq!(std::fs::metadata(moved.join("a_green.mkv")).unwrap().modified().unwrap(), before);
    for (name, n) in [("a_green", 5), ("a_matte", 5), ("b_green", frames), ("b_matte", frames)] {
        assert_eq!(times(&moved.join(format!("{name}.mkv"))).len(), n, "{name}");
    }
    let third = ok(args(&moved).into_iter().chain(["-n".to_owned()]));
    assert_eq!(stderr(&third).matches(": skipped, ").count(), 2, "{}", stderr(&third));
    assert_eq!(listing(&moved).len(), 4);
}

#[test]
fn interrupted_segments_are_finished_with_n() {
    let dir = folder();
    let input = batch(dir.path()).join("b.mp4");
    let (out, moved) = (dir.path().join("out"), dir.path().join("moved"));
    std::fs::create_dir(&out).unwrap();
    let args = |to: &Path| {
        let to = arg(&to.join("b.mp4")).to_owned();
        ["-n", arg(&input), "-o", &to, "--model", "selfie", "--segment-seconds", "2"].map(str::to_owned)
    };
    let mut command = vrseg();
    command.args(args(&out)).arg("--json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_line(&mut child, &["\"segment\""]);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(times(&out.join("b.mp4")).len() < 1500);
    // Where the segments are lost, the file itself says so.
    std::fs::create_dir(&moved).unwrap();
    std::fs::copy(out.join("b.mp4"), moved.join("b.mp4")).unwrap();
    for (folder, resumed) in [(&out, true), (&moved, false)] {
        let done = ok(args(folder));
        assert_eq!(stderr(&done).contains("resuming after "), resumed, "{}", stderr(&done));
        assert_eq!(times(&folder.join("b.mp4")), times(&input));
        assert_eq!(listing(folder), ["b.mp4"]);
        assert!(stderr(&ok(args(folder))).contains("skipped"));
    }
}
