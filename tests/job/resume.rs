//! Finished work is never lost: a killed run resumes where it stopped and makes the same file as an
//! uninterrupted run.

use crate::harness::*;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// 240 frames with a key frame every 25, a second's, sound, and B-frames.
fn long_clip(dir: &Path, name: &str, more: &str) -> PathBuf {
    let input = dir.join(name);
    clip(&input, "320x160", 240, &format!("{H264} -g 25 {more}"));
    input
}

/// Arguments common to all runs: two seconds a segment.
fn arguments<'a>(input: &'a Path, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["--threads", "2", "--preset", "ultrafast", "--enc-opt", "bf=2"];
    let segments = if more.contains(&"--segment-seconds") { &[][..] } else { &["--segment-seconds", "2"] };
    [&[arg(input), "-o", arg(out)], &common[..], segments, more].concat()
}

fn start(args: &[&str]) -> Child {
    vrseg().args(args).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a file exists or the process has ended.
fn wait_for(child: &mut Child, path: &Path) {
    let waiting_since = Instant::now();
    while !path.exists() && child.try_wait().unwrap().is_none() {
        assert!(waiting_since.elapsed() < Duration::from_secs(60), "{} within a minute", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn folder_of(out: &Path) -> PathBuf {
    PathBuf::from(format!("{}.vrseg", arg(out)))
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn segmented_run_matches_an_unsegmented_run() {
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let (out, whole) = (dir.path().join("out.mp4"), dir.path().join("whole.mp4"));
    ok(arguments(&input, &out, &["--model", "selfie"]));
    ok(arguments(&input, &whole, &["--model", "selfie", "--segment-seconds", "off"]));
    assert_eq!(listing(dir.path()), ["in.mp4", "out.mp4", "whole.mp4"]);
    assert_eq!(times(&out), times(&input));
    assert_eq!(packets(&out, "a:0"), packets(&input, "a:0"));
    let (a, b) = (decode(&out, "gray", &[]), decode(&whole, "gray", &[]));
    assert_eq!((a.frames.len(), b.frames.len()), (240, 240));
    // Only the encoder restarts: up to the last B-frames of the first segment both are identical.
    assert!(a.frames[..47] == b.frames[..47]);
    let off = |a: &[u8], b: &[u8]| {
        a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>() as f64 / a.len() as f64
    };
    for (n, (a, b)) in a.frames.iter().zip(&b.frames).enumerate() {
        assert!(off(a, b) < 2.0, "frame {n}: {}", off(a, b));
    }
}

/// Kills a run at `kills` moments and compares the final output with that of an uninterrupted run.
fn kill_and_resume(name: &str, output: &str, more: &[&str], kills: usize, seed: u64) {
    let dir = folder();
    let input = long_clip(dir.path(), name, "");
    let (out, whole) = (dir.path().join(format!("out.{output}")), dir.path().join(format!("whole.{output}")));
    let began = Instant::now();
    ok(arguments(&input, &whole, more));
    let lasts = began.elapsed().as_millis() as u64;
    let args = arguments(&input, &out, more);
    let mut dice = Dice(seed);
    let mut went_on = 0;
    let mut resumed = |stdout: &[u8]| went_on += usize::from(String::from_utf8_lossy(stdout).contains("\"resumed\""));
    let same = || {
        let same = std::fs::read(&out).unwrap() == std::fs::read(&whole).unwrap();
        assert!(same, "{name} {more:?}: another file came of it");
    };
    for n in 0..kills {
        let mut child = start(&args);
        // Some at a random time, some right after a file appeared.
        if n % 2 == 1 {
            std::thread::sleep(Duration::from_millis(dice.below(lasts)));
        } else {
            let next = (0..).find(|i| !folder_of(&out).join(format!("{i:05}.json")).exists()).unwrap();
            wait_for(&mut child, &folder_of(&out).join(format!("{next:05}.json")));
            std::thread::sleep(Duration::from_micros(dice.below(30_000)));
        }
        let _ = child.kill();
        let end = child.wait_with_output().unwrap();
        resumed(&end.stdout);
        assert!(!stderr(&end).contains("error"), "{}", stderr(&end));
        if out.exists() {
            // The run finished before the kill: start over.
            same();
            std::fs::remove_file(&out).unwrap();
        }
    }
    let last = ok(args.iter().copied().chain(["--json"]));
    resumed(&last.stdout);
    same();
    assert!(went_on > 0, "no run went on where another was killed");
    let left: Vec<_> = listing(dir.path()).into_iter().filter(|n| n.starts_with("out.")).collect();
    assert_eq!(left, [format!("out.{output}")]);
}

#[test]
fn killed_run_resumes_to_the_same_file_with_a_stabilized_matte() {
    kill_and_resume("in_LR.mp4", "mp4", &["--model", "selfie"], 6, 1);
}

#[test]
fn killed_run_resumes_to_the_same_file_with_a_recurrent_model() {
    kill_and_resume("in.mp4", "mp4", &["--model", "rvm", "--input-size", "128"], 4, 2);
}

#[test]
fn killed_run_resumes_to_the_same_file_with_propagated_mattes() {
    kill_and_resume("in_LR.mp4", "mp4", &["--model", "selfie", "--matte-every", "3"], 3, 4);
}

#[test]
fn killed_run_resumes_to_the_same_file_with_person_crops() {
    let options = ["--model", "selfie", "--crops", "rvm", "--people", "main", "--exclude", "0,0,0.1,0.1"];
    kill_and_resume("in.mp4", "mp4", &options, 2, 3);
}

/// The cache statistics in a run's summary.
fn cache_stats(stdout: &[u8]) -> serde_json::Value {
    let lines = String::from_utf8_lossy(stdout).into_owned();
    let mut done = lines.lines().rev().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    done.next().expect("a summary")["cache"].clone()
}

#[test]
fn cached_mattes_work_across_segments() {
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let (out, whole) = (dir.path().join("out.mp4"), dir.path().join("whole.mp4"));
    let rvm = ["--model", "rvm", "--input-size", "128"];
    ok(arguments(&input, &whole, &[&rvm[..], &["--no-cache"]].concat()));
    let whole = std::fs::read(&whole).unwrap();
    let program = |args: &[&str]| {
        let mut c = vrseg();
        c.env("XDG_CACHE_HOME", dir.path().join("cache")).env("VRSEG_PROCESSING_CACHE", "on");
        c.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        c
    };
    let finish = |args: &[&str]| {
        let end = program(args).arg("--json").output().unwrap();
        assert!(end.status.success(), "{}", stderr(&end));
        end.stdout
    };
    let args = arguments(&input, &out, &rvm);
    let kill_behind = |segment: usize| {
        for _ in 0..20 {
            let mut child = program(&args).arg("--json").spawn().unwrap();
            wait_for(&mut child, &folder_of(&out).join(format!("{segment:05}.json")));
            let _ = child.kill();
            let _ = child.wait();
            if !out.exists() {
                return;
            }
            std::fs::remove_file(&out).unwrap();
        }
        panic!("every run finished before the kill");
    };
    let same = |stdout: &[u8]| {
        let came = cache_stats(stdout);
        assert!(std::fs::read(&out).unwrap() == whole, "another file came of it: {came}");
        std::fs::remove_file(&out).unwrap();
        let n = |name: &str| came[name].as_u64().unwrap();
        (n("memory") + n("disk"), n("computed"))
    };
    // Cached by one uninterrupted run, so that segment borders lie within a cached run.
    let once = dir.path().join("once.mp4");
    finish(&arguments(&input, &once, &[&rvm[..], &["--segment-seconds", "off"]].concat()));
    kill_behind(1);
    let (found, computed) = same(&finish(&args));
    assert!(found <= 140 && computed == 0, "{found} found, {computed} computed");
    // With the cached state gone, everything is computed again.
    kill_behind(1);
    assert!(program(&["cache", "clear"]).status().unwrap().success());
    assert_eq!(same(&finish(&args)), (0, 240));
    // Mattes cached by a killed and resumed run are usable, except for those lost by the kill.
    assert!(program(&["cache", "clear"]).status().unwrap().success());
    kill_behind(1);
    same(&finish(&args));
    let (found, computed) = same(&finish(&args));
    assert!(found >= 130 && found + computed == 240, "{found} found, {computed} computed");
}

fn interrupt(child: &Child) {
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_leaves_a_playable_file_and_the_same_command_resumes() {
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let (out, whole) = (dir.path().join("out.mp4"), dir.path().join("whole.mp4"));
    ok(arguments(&input, &whole, &["--model", "selfie"]));
    let args = arguments(&input, &out, &["--model", "selfie"]);
    let mut child = start(&args);
    wait_for(&mut child, &folder_of(&out).join("00001.json"));
    interrupt(&child);
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(130), "{}", stderr(&end));
    let printed = String::from_utf8_lossy(&end.stdout).into_owned();
    assert!(printed.contains("\"interrupted\":true") && printed.contains("the same command resumes"), "{printed}");
    let n = times(&out).len();
    assert!((100..240).contains(&n), "{n} frames");
    assert_eq!(decode(&out, "gray", &[]).frames.len(), n, "every frame decodes");
    assert_eq!(times(&out), times(&input)[..n]);
    // Sound ends with the video.
    let last = |p: &Path, s: &str| packets(p, s).last().unwrap().0.parse::<f64>().unwrap();
    assert!((last(&out, "a:0") - last(&out, "v:0")).abs() < 0.1);

    // A file of other origin is not replaced, the job's own is.
    let (mine, theirs) = (std::fs::read(&out).unwrap(), b"precious".as_slice());
    std::fs::write(dir.path().join("kept"), &mine).unwrap();
    std::fs::rename(&out, dir.path().join("moved.mp4")).unwrap();
    std::fs::write(&out, theirs).unwrap();
    let refused = run(&args);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    std::fs::rename(dir.path().join("moved.mp4"), &out).unwrap();
    let other = run(args.iter().copied().chain(["--grow", "2"]));
    assert_eq!(other.status.code(), Some(2), "{}", stderr(&other));
    assert!(stderr(&other).contains("settings.matte.grow: 0 before, 2 now"), "{}", stderr(&other));
    let went_on = ok(&args);
    assert!(stderr(&went_on).contains("resuming after "), "{}", stderr(&went_on));
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&whole).unwrap());
    assert!(!folder_of(&out).exists());
}

#[test]
fn changed_settings_and_restart_discard_old_segments() {
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let out = dir.path().join("out.mp4");
    let kill = |args: &[&str]| {
        let mut child = start(args);
        wait_for(&mut child, &folder_of(&out).join("00000.json"));
        let _ = child.kill();
        let _ = child.wait();
    };
    let args = arguments(&input, &out, &["--model", "selfie"]);
    kill(&args);
    let restarted = ok(args.iter().copied().chain(["--restart"]));
    assert!(!stderr(&restarted).contains("resuming after"), "{}", stderr(&restarted));
    std::fs::remove_file(&out).unwrap();
    kill(&args);
    let other = ok(args.iter().copied().chain(["--key", "blue"]));
    let printed = stderr(&other);
    assert!(
        printed.contains("of another job (")
            && printed.contains("discarding ")
            && printed.contains("settings.outputs.0.mode"),
        "{printed}"
    );
    assert_eq!(times(&out).len(), 240);
    assert_eq!(listing(dir.path()), ["in.mp4", "out.mp4"]);
    // Nor is the folder of another version.
    std::fs::remove_file(&out).unwrap();
    kill(&args);
    let plan = folder_of(&out).join("plan.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    let (this, older) = (format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"0.0.1\"");
    assert!(text.contains(&this), "{text}");
    std::fs::write(&plan, text.replace(&this, older)).unwrap();
    let upgraded = ok(&args);
    let named = format!("version of vrseg: {older} before, {this} now");
    assert!(stderr(&upgraded).contains(&named), "{}", stderr(&upgraded));
    assert_eq!(times(&out).len(), 240);
    // A folder with other content is not touched.
    std::fs::remove_file(&out).unwrap();
    std::fs::create_dir(folder_of(&out)).unwrap();
    std::fs::write(folder_of(&out).join("mine"), b"x").unwrap();
    let refused = run(&args);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert_eq!(std::fs::read(folder_of(&out).join("mine")).unwrap(), b"x");
}

#[test]
fn alpha_and_time_stamps_survive_joining_in_every_container() {
    let dir = folder();
    let input = dir.path().join("in.mkv");
    clip(
        &input,
        "160x120",
        60,
        "-c:v libx264 -preset veryfast -pix_fmt yuv420p10le -g 12 -bf 2 -color_primaries bt2020 -c:a flac",
    );
    let at = |name: &str| dir.path().join(name);
    let outputs = [
        format!("alpha={}", arg(&at("a.mov"))),
        format!("alpha={}", arg(&at("a.webm"))),
        format!("alpha={}", arg(&at("a.mkv"))),
        format!("matte={}", arg(&at("m.mkv"))),
    ];
    let mut args = vec![arg(&input), "--model", "selfie", "--input-size", "256", "--segment-seconds", "0.5"];
    outputs.iter().for_each(|o| args.extend(["-o", o.as_str()]));
    ok(&args);
    for (name, before) in [("a.mov", &[][..]), ("a.webm", &["-c:v", "libvpx-vp9"]), ("a.mkv", &[])] {
        let out = at(name);
        assert_eq!(times(&out).len(), 60, "{name}");
        let pictures = decode(&out, "rgba", before);
        assert_eq!(pictures.frames.len(), 60, "{name}");
        for (n, frame) in pictures.frames.iter().enumerate() {
            let opaque = frame.chunks(4).filter(|p| p[3] > 200).count();
            assert!(opaque > 100 && opaque < frame.len() / 4 - 100, "{name} frame {n}: {opaque} opaque pixels");
        }
    }
    // Matroska's time base is a millisecond.
    for name in ["a.mkv", "m.mkv", "a.webm"] {
        assert_eq!(times(&at(name)), times(&input), "{name}");
    }
    assert_eq!(listing(dir.path()), ["a.mkv", "a.mov", "a.webm", "in.mkv", "m.mkv"]);
}

#[test]
fn variable_frame_rate_and_ranges_survive_joining() {
    let dir = folder();
    let even = long_clip(dir.path(), "even.mp4", "");
    let input = dir.path().join("vfr.mp4");
    ffmpeg(
        "-itsoffset 1.5 -i {} -vf select='not(eq(mod(n,5),2))',setpts='PTS+mod(N,3)*200' -fps_mode passthrough \
         -c:v libx264 -preset veryfast -g 24 -bf 2 -c:a copy -video_track_timescale 12800 {}",
        &[&even, &input],
    );
    let (out, whole) = (dir.path().join("out.mp4"), dir.path().join("whole.mp4"));
    ok(arguments(&input, &out, &["--model", "selfie"]));
    ok(arguments(&input, &whole, &["--model", "selfie", "--segment-seconds", "off"]));
    assert_eq!(times(&out), times(&input));
    assert_eq!(packets(&out, "a:0"), packets(&whole, "a:0"));
    std::fs::remove_file(&out).unwrap();
    std::fs::remove_file(&whole).unwrap();
    let range = ["--model", "selfie", "--ss", "3", "--frames", "110"];
    ok(arguments(&input, &out, &range));
    ok(arguments(&input, &whole, &[&range[..], &["--segment-seconds", "off"]].concat()));
    assert_eq!(times(&out), times(&whole));
    assert_eq!(times(&out).len(), 110);
    assert_eq!(packets(&out, "a:0"), packets(&whole, "a:0"));
}

#[test]
fn plan_work_and_merge_match_a_single_run() {
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let (out, whole) = (dir.path().join("job/in_green.mp4"), dir.path().join("whole.mp4"));
    ok(arguments(&input, &whole, &["--model", "selfie"]));
    let job = dir.path().join("job/");
    let plan: Vec<_> = ["plan"].into_iter().chain(arguments(&input, &job, &["--model", "selfie"])).collect();
    let planned = ok(&plan);
    assert!(String::from_utf8_lossy(&planned.stdout).contains("240 frames in 5 segments"), "{planned:?}");
    let folder = arg(&folder_of(&out)).to_owned();
    let steps = |args: &[&str]| run(args);
    // Merging too early lists the missing segments.
    let early = steps(&["merge", arg(&job)]);
    assert_eq!(early.status.code(), Some(1));
    assert!(stderr(&early).contains("5 of 5 segments are not finished: 0, 1, 2, 3, 4"), "{}", stderr(&early));
    // In order, each by another process: the same as a single run.
    ok(["work", &folder, "--index", "0"]);
    let again = ok(["work", &folder, "--index", "0"]);
    assert!(stderr(&again).contains("segment 0 is already finished"), "{}", stderr(&again));
    ok(["work", arg(&job), "--next"]);
    let task = vrseg().args(["work", &folder]).env("SLURM_ARRAY_TASK_ID", "2").output().unwrap();
    assert!(task.status.success(), "{}", stderr(&task));
    ok(["work", &folder, "--all"]);
    ok(["merge", arg(&job)]);
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&whole).unwrap(), "in order it is bit for bit the same");
    // Repeating is harmless, and another file in its place is not replaced without -y.
    ok(&plan);
    ok(["work", &folder, "--all"]);
    ok(["merge", arg(&job)]);
    std::fs::write(&out, b"precious").unwrap();
    assert_eq!(steps(&["merge", arg(&job)]).status.code(), Some(2));
    ok(["merge", arg(&job), "-y"]);

    // A damaged segment is detected, named and made again.
    let file = Path::new(&folder).join("00003.0.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let broken = steps(&["merge", arg(&job), "-y"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(stderr(&broken).contains("checksum") && stderr(&broken).contains("--index 3"), "{}", stderr(&broken));
    ok(["work", &folder, "--next"]);
    ok(["merge", arg(&job), "-y", "--remove"]);
    // The state before it is gone: its worker warmed up instead.
    let (a, b) = (decode(&out, "gray", &[]), decode(&whole, "gray", &[]));
    assert_eq!(a.frames.len(), 240);
    assert!(a.frames[..150] == b.frames[..150] && a.frames[200..] == b.frames[200..]);
    assert_eq!(listing(&dir.path().join("job")), ["in_green.mp4"]);

    // Wrong usage.
    for (args, word) in [(&["work", arg(&job)][..], "no planned job"), (&["merge", arg(&job)], "no planned job")] {
        let got = steps(args);
        assert_eq!(got.status.code(), Some(2), "{}", stderr(&got));
        assert!(stderr(&got).contains(word), "{}", stderr(&got));
    }
}

#[test]
fn concurrent_workers_share_a_job_and_refuse_another_input() {
    let dir = folder();
    let input = long_clip(dir.path(), "in_LR.mp4", "");
    let out = dir.path().join("out.mp4");
    ok(["plan"].into_iter().chain(arguments(&input, &out, &["--model", "rvm", "--input-size", "128"])));
    let job = folder_of(&out);
    // The last segment first, so that it has to warm up; then two workers share the rest.
    ok(["work", arg(&job), "--index", "4"]);
    let workers = [0, 1].map(|_| start(&["work", arg(&job), "--all", "-q"][..]));
    for worker in workers {
        let end = worker.wait_with_output().unwrap();
        assert!(!stderr(&end).contains("panicked"), "{}", stderr(&end));
    }
    ok(["work", arg(&job), "--all"]);
    ok(["merge", arg(&job)]);
    assert_eq!(times(&out), times(&input));
    assert_eq!(decode(&out, "gray", &[]).frames.len(), 240);

    let mut bytes = std::fs::read(&input).unwrap();
    bytes.push(0);
    std::fs::write(&input, bytes).unwrap();
    std::fs::remove_file(job.join("00002.json")).unwrap();
    let refused = run(["work", arg(&job), "--index", "2"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("planned for another job: input.bytes"), "{}", stderr(&refused));
}

#[test]
fn full_disk_keeps_finished_segments() {
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let small = dir.path().join("small");
    std::fs::create_dir(&small).unwrap();
    // A really full file system, which is then enlarged.
    let out = small.join("out.mkv");
    let vrseg = format!(
        "{} {} -o {} --codec ffv1 --model selfie --segment-seconds 2 --threads 2",
        env!("CARGO_BIN_EXE_vrseg"),
        arg(&input),
        arg(&out)
    );
    let script = format!(
        "mount -t tmpfs -o size=3m tmpfs {0} || exit 9; {vrseg}; echo code $?; ls -A {0}/*.vrseg; \
         mount -o remount,size=100m {0}; {vrseg}; echo code $?; ls -A {0}; cp {1} {2}",
        arg(&small),
        arg(&out),
        arg(&dir.path().join("kept.mkv"))
    );
    let mut c = std::process::Command::new("unshare");
    if !std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
        c.arg("--map-root-user");
    }
    let got = c.args(["--mount", "sh", "-c", &script]).output().unwrap();
    let (printed, told) = (stderr(&got), String::from_utf8_lossy(&got.stdout).into_owned());
    assert!(told.starts_with("code 1\n") && told.contains("00000.json"), "{told}\n{printed}");
    assert_eq!(printed.matches("not enough disk space").count(), 1, "{printed}");
    assert!(printed.contains("the disk is full") && printed.contains("more are needed on this disk"), "{printed}");
    assert!(printed.contains("resuming after "), "{printed}");
    assert!(told.ends_with("code 0\nout.mkv\n"), "{told}");
    assert_eq!(times(&dir.path().join("kept.mkv")).len(), 240);
}

#[test]
fn any_name_that_the_file_system_takes_works_with_segments() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let dir = folder();
    let input = long_clip(dir.path(), "in.mp4", "");
    let long = |end: &str| OsString::from(format!("{}{end}", "ä".repeat(125)));
    let names = [long("1.mp4"), long("2.mp4"), OsString::from_vec(b"\xff\xfe.mp4".to_vec())];
    assert_eq!(names[0].len(), 255);
    let source = dir.path().join(OsString::from_vec(b"in\xff.mp4".to_vec()));
    std::fs::hard_link(&input, &source).unwrap();
    for name in &names {
        let out = dir.path().join(name);
        let mut command = vrseg();
        command.arg(&source).arg("-o").arg(&out).args(["--model", "selfie", "--segment-seconds", "2"]);
        let mut child = command.args(["--json", "-n"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Killed where it may be: what is kept is found again.
        let kept = || {
            let folders = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
            folders.filter(|p| p.is_dir()).any(|p| p.join("00000.json").exists())
        };
        let waiting_since = Instant::now();
        while !kept() && child.try_wait().unwrap().is_none() && waiting_since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        let _ = child.wait();
        let mut again = vrseg();
        again.arg(&source).arg("-o").arg(&out).args(["--model", "selfie", "--segment-seconds", "2", "-n"]);
        let end = again.output().unwrap();
        assert!(end.status.success(), "{}", stderr(&end));
        assert_eq!(times(&out).len(), 240);
    }
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2 + names.len(), "nothing else is left");
}
