//! Broken input and bad circumstances: a message that names the file, the right exit code, and no data lost.

use crate::harness::*;
use std::path::Path;

/// Runs a job that must fail with `code`, name all `words` in its message and leave neither an output nor
/// a temporary file.
#[track_caller]
fn fails(args: &[&str], code: i32, words: &[&str], out: &Path) {
    let got = run(args);
    let printed = stderr(&got);
    assert_eq!(got.status.code(), Some(code), "{printed}");
    for w in words {
        assert!(printed.contains(w), "no \"{w}\" in: {printed}");
    }
    assert!(!printed.contains("panicked") && !printed.contains("stack backtrace"), "{printed}");
    assert!(!out.exists(), "{} was written", out.display());
    if let Some(parent) = out.parent().filter(|p| p.is_dir()) {
        let name = out.file_stem().unwrap().to_string_lossy();
        let left: Vec<_> = listing(parent).into_iter().filter(|n| n.contains(&*name)).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

#[test]
fn inputs_without_video_are_refused() {
    let dir = folder();
    let out = dir.path().join("result.mp4");
    let make = |name: &str, bytes: &[u8]| {
        let p = dir.path().join(name);
        std::fs::write(&p, bytes).unwrap();
        p
    };
    let text = make("notes.mp4", b"this is not a video, only some words\n");
    let empty = make("empty.mp4", b"");
    let missing = dir.path().join("missing.mp4");
    let sound = dir.path().join("sound.m4a");
    ffmpeg("-f lavfi -t 1 -i sine -c:a aac {}", &[&sound]);
    for (input, word) in [
        (&text, "notes.mp4"),
        (&empty, "empty"),
        (&missing, "missing.mp4"),
        (&sound, "video"),
        (&dir.path().to_path_buf(), "folder"),
    ] {
        let got = run([arg(input), "-o", arg(&out), "--model", "selfie"]);
        let code = got.status.code().unwrap();
        assert!(code == 1 || code == 2, "{code}");
        fails(&[arg(input), "-o", arg(&out), "--model", "selfie"], code, &[arg(input), word], &out);
    }
}

#[test]
fn truncated_file_is_processed_up_to_the_cut() {
    let dir = folder();
    let (whole, cut, out) = (dir.path().join("whole.mkv"), dir.path().join("cut.mkv"), dir.path().join("out.mkv"));
    clip(&whole, "320x240", 50, &format!("{H264} -g 10"));
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let got = ok([arg(&cut), "-o", arg(&out), "--model", "selfie"]);
    assert!(stderr(&got).contains("the file may be truncated"), "{}", stderr(&got));
    let n = times(&out).len();
    assert!((15..50).contains(&n), "{n} frames");
    // An mp4 without its index cannot be read at all.
    let (mp4, cut) = (dir.path().join("w.mp4"), dir.path().join("cut.mp4"));
    clip(&mp4, "320x240", 50, H264);
    let bytes = std::fs::read(&mp4).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let out = dir.path().join("result.mp4");
    fails(&[arg(&cut), "-o", arg(&out), "--model", "selfie"], 1, &["cut.mp4", "moov"], &out);
}

#[test]
fn damaged_frames_do_not_stop_the_job() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mkv"), dir.path().join("out.mkv"));
    clip(&input, "320x240", 50, &format!("{H264} -g 10"));
    let mut bytes = std::fs::read(&input).unwrap();
    let middle = bytes.len() / 2;
    for b in &mut bytes[middle..middle + 3000] {
        *b ^= 0x5a;
    }
    std::fs::write(&input, bytes).unwrap();
    let got = ok([arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert!(times(&out).len() > 25);
    drop(got);
}

#[test]
fn missing_or_altered_models_are_reported() {
    let dir = folder();
    let (input, out) = (input_in(dir.path(), 2), dir.path().join("result.mp4"));
    fails(&[arg(&input), "-o", arg(&out), "--model", "rvn"], 2, &["\"rvn\"", "did you mean \"rvm\""], &out);
    let mine = dir.path().join("mine.yaml");
    fails(&[arg(&input), "-o", arg(&out), "--model", arg(&mine)], 2, &["mine.yaml"], &out);
    std::fs::write(&mine, include_str!("../../configs/models/selfie.yaml")).unwrap();
    fails(&[arg(&input), "-o", arg(&out), "--model", arg(&mine)], 2, &["selfie", "missing"], &out);
    std::fs::write(dir.path().join("selfie_segmentation.onnx"), b"other weights").unwrap();
    fails(&[arg(&input), "-o", arg(&out), "--model", arg(&mine)], 1, &["sha256", "selfie_segmentation.onnx"], &out);
    // A built-in model whose weights were never fetched says how to get them.
    let got = vrseg()
        .args([arg(&input), "-o", arg(&out), "--model", "u2net"])
        .env("VRSEG_DATA_DIR", dir.path())
        .output()
        .unwrap();
    assert_eq!(got.status.code(), Some(2));
    assert!(stderr(&got).contains("`vrseg models install u2net`"), "{}", stderr(&got));
}

#[test]
fn truncated_runtime_library_is_reported() {
    let dir = folder();
    let (input, out) = (input_in(dir.path(), 2), dir.path().join("result.mp4"));
    let library = vrseg_infer::registry::data_dir().join("ort/libonnxruntime.so");
    let bytes = std::fs::read(library).unwrap();
    let cut = dir.path().join("libonnxruntime.so");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let args = [arg(&input), "-o", arg(&out), "--model", "selfie", "--ort-lib", arg(&cut)];
    fails(&args, 1, &["libonnxruntime.so", "--ort-lib", "is truncated"], &out);
    std::fs::write(&cut, b"not a library").unwrap();
    fails(&args, 1, &["libonnxruntime.so", "is not a shared library"], &out);
}

#[test]
fn custom_model_needs_only_a_manifest() {
    let dir = folder();
    let (input, out) = (input_in(dir.path(), 2), dir.path().join("out.mp4"));
    let weights = vrseg_infer::registry::data_dir().join("models/selfie_segmentation.onnx");
    std::fs::copy(weights, dir.path().join("net.onnx")).unwrap();
    let text = include_str!("../../configs/models/selfie.yaml")
        .replace("name: selfie", "name: my-own")
        .replace("file: selfie_segmentation.onnx", "file: net.onnx");
    let manifest = dir.path().join("mine.yaml");
    std::fs::write(&manifest, text).unwrap();
    let got = ok([arg(&input), "-o", arg(&out), "--model", arg(&manifest)]);
    assert!(stderr(&got).contains("my-own"), "{}", stderr(&got));
}

#[test]
fn unwritable_outputs_are_refused() {
    let dir = folder();
    let input = input_in(dir.path(), 2);
    let out = dir.path().join("no/such/folder/result.mp4");
    fails(&[arg(&input), "-o", arg(&out), "--model", "selfie"], 2, &["result.mp4", "folder"], &out);
    let out = dir.path().join("result.xyz");
    fails(&[arg(&input), "-o", arg(&out), "--model", "selfie"], 2, &["result.xyz"], &out);
    let out = dir.path().join("result.mp4");
    fails(&[arg(&input), "-o", &format!("alpha={}", arg(&out)), "--model", "selfie"], 2, &["mov", "webm", "mkv"], &out);
}

#[test]
fn impossible_options_are_wrong_usage() {
    let dir = folder();
    let (input, out) = (input_in(dir.path(), 2), dir.path().join("result.mp4"));
    for (options, words) in [
        (&["--enc-opt", "crff=20"][..], &["libx264", "\"crff\""][..]),
        (&["--enc-opt", "aq-mode=often"], &["aq-mode", "often"]),
        (&["--enc-opt", "tune=fylm"], &["libx264", "fylm"]),
        (&["--enc-opt", "x264-params=crff=20"], &["libx264", "crff"]),
        (&["--preset", "warp9"], &["warp9", "veryfast"]),
        (&["--encoder", "libsvtav1", "--preset", "99"], &["preset", "99"]),
        // An encoder that fails after it was opened must be closed, too.
        (&["--codec", "av1", "--enc-opt", "svtav1-params=nonsense=1"], &["libsvtav1", "nonsense"]),
        (&["--encoder", "libx263"], &["libx263"]),
        (&["--encoder", "libx265", "--enc-opt", "x265-params=crff=20"], &["libx265", "crff"]),
        (&["--pix-fmt", "yuv421p"], &["yuv421p"]),
        (&["--pix-fmt", "yuv410p"], &["yuv410p", "yuv420p"]),
        (&["--codec", "prores"], &["mp4", "prores"]),
        (&["--encoder", "mpeg4", "--crf", "3"], &["mpeg4", "crf"]),
        (&["--input-size", "4096"], &["--input-size", "4096"]),
        (&["--precision", "fp16", "--device", "cpu"], &["cpu", "fp16"]),
    ] {
        let args = [&[arg(&input), "-o", arg(&out), "--model", "selfie"], options].concat();
        fails(&args, 2, words, &out);
    }
    let args = [arg(&input), "-o", arg(&out), "--model", "rvm", "--batch-size", "4"];
    fails(&args, 2, &["--batch-size", "4", "recurrent"], &out);
    let small = dir.path().join("small_LR.mkv");
    clip(&small, "24x24", 2, "-c:v ffv1 -an");
    fails(&[arg(&small), "-o", arg(&out), "--model", "selfie"], 2, &["12x24", "too small"], &out);
    // Wrong usage creates no folder.
    let folder = dir.path().join("new/folder/");
    let got = run([arg(&input), "-o", arg(&folder), "--model", "selfie", "--enc-opt", "crff=20"]);
    assert_eq!(got.status.code(), Some(2), "{}", stderr(&got));
    assert!(!dir.path().join("new").exists());
}

#[test]
fn existing_files_are_not_overwritten_without_y() {
    let dir = folder();
    let input = input_in(dir.path(), 3);
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, b"precious").unwrap();
    let got = run([arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert!(!got.status.success() && stderr(&got).contains("-y"), "{}", stderr(&got));
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    ok(["-y", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert_eq!(times(&out).len(), 3);
    // A dangling link counts as an existing file.
    let dangling = dir.path().join("dangling.mp4");
    std::os::unix::fs::symlink(dir.path().join("nowhere.mp4"), &dangling).unwrap();
    let got = run([arg(&input), "-o", arg(&dangling), "--model", "selfie"]);
    assert_eq!(got.status.code(), Some(2), "{}", stderr(&got));
    assert!(stderr(&got).contains("dangling.mp4: exists"), "{}", stderr(&got));
    assert!(dangling.is_symlink() && !dangling.exists());
    ok(["-y", arg(&input), "-o", arg(&dangling), "--model", "selfie"]);
    assert_eq!(times(&dangling).len(), 3);
    // The input is never replaced, not even through a link.
    let before = std::fs::read(&input).unwrap();
    let link = dir.path().join("link.mp4");
    std::os::unix::fs::symlink(&input, &link).unwrap();
    let hard = dir.path().join("hard.mp4");
    std::fs::hard_link(&input, &hard).unwrap();
    for name in [&input, &link, &hard] {
        let got = run(["-y", arg(&input), "-o", arg(name), "--model", "selfie"]);
        assert!(!got.status.success(), "{}", name.display());
        assert!(stderr(&got).contains("input"), "{}", stderr(&got));
        assert_eq!(std::fs::read(&input).unwrap(), before);
    }
}

#[test]
fn full_disk_is_reported_and_leaves_no_files() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    clip(&input, "640x480", 30, H264);
    let small = dir.path().join("small");
    std::fs::create_dir(&small).unwrap();
    // A really full file system: 1 MiB of tmpfs in its own mount namespace.
    let out = small.join("result.mkv");
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {0} && {{ {1} {2} -o {3} --codec ffv1 --model selfie; code=$?; ls -A {0}; exit $code; }}",
        arg(&small),
        env!("CARGO_BIN_EXE_vrseg"),
        arg(&input),
        arg(&out)
    );
    let mut c = std::process::Command::new("unshare");
    if !std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
        c.arg("--map-root-user");
    }
    let got = c.args(["--mount", "sh", "-c", &script]).output().unwrap();
    let printed = stderr(&got);
    assert_eq!(got.status.code(), Some(1), "{printed}");
    assert!(printed.contains("No space left") || printed.contains("full"), "{printed}");
    assert!(printed.contains("result.mkv"), "{printed}");
    assert_eq!(String::from_utf8_lossy(&got.stdout), "", "files left on the full disk");
}

#[test]
fn small_frames_are_processed() {
    let dir = folder();
    for size in ["256x256", "256x128", "200x240", "64x64"] {
        let (input, out) = (dir.path().join("in.mkv"), dir.path().join("out.mkv"));
        clip(&input, size, 2, "-c:v ffv1 -an");
        ok(["-q", "-y", arg(&input), "-o", arg(&out), "--profile", "fast", "--layout", "mono"]);
        assert_eq!(times(&out).len(), 2, "{size}");
    }
}

#[test]
fn concurrent_runs_do_not_write_the_same_output() {
    let dir = folder();
    let (short, input, out) = (dir.path().join("s.mp4"), dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&short, "320x240", 25, H264);
    ffmpeg("-stream_loop 7 -i {} -c copy {}", &[&short, &input]);
    let start = || {
        vrseg()
            .args(["-y", arg(&input), "-o", arg(&out), "--model", "selfie"])
            .stderr(std::process::Stdio::piped())
            .spawn()
    };
    let children = [start().unwrap(), start().unwrap()];
    let ends = children.map(|c| c.wait_with_output().unwrap());
    assert!(ends.iter().any(|e| e.status.success()), "{}", stderr(&ends[0]));
    for refused in ends.iter().filter(|e| !e.status.success()) {
        assert!(stderr(refused).contains("another vrseg"), "{}", stderr(refused));
    }
    assert_eq!(decode(&out, "gray", &[]).frames.len(), 200);
    assert_eq!(listing(dir.path()), ["in.mp4", "out.mp4", "s.mp4"]);
}

#[test]
fn file_created_during_the_run_is_not_replaced() {
    let dir = folder();
    let (short, input, out) = (dir.path().join("s.mp4"), dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&short, "320x240", 25, H264);
    ffmpeg("-stream_loop 19 -i {} -c copy {}", &[&short, &input]);
    let child = vrseg().args(["-q", arg(&input), "-o", arg(&out), "--model", "selfie"]).spawn().unwrap();
    let temporary = dir.path().join(".out.mp4.part");
    for _ in 0..2000 {
        if temporary.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::write(&out, b"precious").unwrap();
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(1));
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    assert!(!temporary.exists());
}

#[test]
fn log_file_cannot_be_an_input_or_output() {
    let dir = folder();
    let (input, out) = (input_in(dir.path(), 2), dir.path().join("result.mp4"));
    let before = std::fs::read(&input).unwrap();
    for log in [&input, &out] {
        fails(&[arg(&input), "-o", arg(&out), "--log-file", arg(log)], 2, &["--log-file"], &out);
        assert_eq!(std::fs::read(&input).unwrap(), before);
    }
}

#[test]
fn pipe_as_input_is_refused() {
    let dir = folder();
    let (pipe, out) = (dir.path().join("pipe"), dir.path().join("result.mp4"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let got = run([arg(&pipe), "-o", arg(&out), "--model", "selfie"]);
    assert!(!got.status.success() && stderr(&got).contains("pipe"), "{}", stderr(&got));
}

#[test]
fn crash_writes_a_report_and_keeps_finished_segments() {
    let dir = folder();
    let input = input_in(dir.path(), 30);
    let (out, state) = (dir.path().join("result.mp4"), dir.path().join("state"));
    for stage in ["decode", "infer", "encode"] {
        let mut c = vrseg();
        c.env("VRSEG_CRASH", format!("{stage}:12")).env("XDG_STATE_HOME", &state);
        let got = c.arg(&input).arg("-o").arg(&out).output().unwrap();
        let printed = stderr(&got);
        assert_eq!(got.status.code(), Some(1), "{printed}");
        assert!(printed.contains(&format!("the {stage} stage crashed: as VRSEG_CRASH ordered")), "{printed}");
        assert!(printed.contains("this is an internal error") && !printed.contains("panicked at"), "{printed}");
        let report =
            printed.split_whitespace().find(|word| word.contains("/crash-")).unwrap_or_else(|| panic!("{printed}"));
        let text = std::fs::read_to_string(report).unwrap();
        for words in [
            &format!("thread:  vrseg-{stage}"),
            "place:   crates/engine/src/graph/clock.rs:",
            "result.mp4",
            "crash_on_order",
        ] {
            assert!(text.contains(words), "no \"{words}\" in: {text}");
        }
        let left: Vec<_> = listing(dir.path()).into_iter().filter(|n| n.contains("result")).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
    // With segments: finished ones stay, and the next run resumes there.
    let cut = ["--segment-seconds", "0.2", "--json"];
    let mut c = vrseg();
    c.env("VRSEG_CRASH", "encode:20").env("XDG_STATE_HOME", &state).args(cut);
    assert_eq!(c.arg(&input).arg("-o").arg(&out).output().unwrap().status.code(), Some(1));
    assert!(!out.exists());
    let again = vrseg().args(cut).arg(&input).arg("-o").arg(&out).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert!(String::from_utf8_lossy(&again.stdout).contains("\"resumed\""), "nothing was kept");
    assert!(out.exists());
}

/// A shell with a limit, and a job in it.
fn limited(limit: &str, args: &[&str]) -> std::process::Output {
    let script = format!("ulimit {limit}; exec {} \"$@\"", env!("CARGO_BIN_EXE_vrseg"));
    let mut c = std::process::Command::new("sh");
    c.args(["-c", &script, "sh"]).args(args).env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", "/dev/null");
    c.env("XDG_CACHE_HOME", "/proc/nonexistent").env("VRSEG_PERFORMANCE_AUTO_TUNE", "false");
    c.output().unwrap()
}

#[test]
fn file_size_limit_is_reported_and_leaves_no_files() {
    let dir = folder();
    let input = input_in(dir.path(), 50);
    for segments in ["off", "0.5"] {
        let out = dir.path().join("result.mp4");
        // In blocks of 512 bytes.
        let args = [arg(&input), "-o", arg(&out), "--model", "selfie", "--crf", "1", "--segment-seconds", segments];
        let got = limited("-f 60", &args);
        let printed = stderr(&got);
        assert_eq!(got.status.code(), Some(1), "{printed}");
        assert!(printed.contains("result.mp4") && printed.contains("file size limit (ulimit -f)"), "{printed}");
        assert_eq!(listing(dir.path()), ["in.mp4"], "{printed}");
    }
}

#[test]
fn too_small_address_space_is_reported() {
    let dir = folder();
    let input = input_in(dir.path(), 5);
    let out = dir.path().join("result.mp4");
    for megabytes in [600, 1000] {
        let got = limited(&format!("-v {}", megabytes << 10), &[arg(&input), "-o", arg(&out), "--model", "selfie"]);
        let printed = stderr(&got);
        assert_eq!(got.status.code(), Some(1), "{printed}");
        assert!(
            printed.contains(&format!("out of memory: the address space is limited to {megabytes} MiB")),
            "{printed}"
        );
        assert_eq!(listing(dir.path()), ["in.mp4"]);
    }
}

#[test]
fn encrypted_video_is_named_as_such() {
    let dir = folder();
    let clear = input_in(dir.path(), 25);
    let out = dir.path().join("result.mp4");
    for name in ["encrypted.mp4", "encrypted.mov"] {
        let input = dir.path().join(name);
        ffmpeg(
            "-i {} -c copy -encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb \
             -encryption_kid a7e61c373e219033c21091fa607bf3b8 -f mp4 {}",
            &[&clear, &input],
        );
        let words = [name, "the video is encrypted (DRM)"];
        fails(&[arg(&input), "-o", arg(&out), "--model", "selfie"], 1, &words, &out);
    }
}

#[test]
fn container_that_refuses_the_header_is_named_with_its_reason() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    clip(&input, "322x162", 10, H264);
    let odd = dir.path().join("odd.mp4");
    ffmpeg("-i {} -an -vf fps=17 -c:v libx264 {}", &[&input, &odd]);
    let out = dir.path().join("result.mxf");
    let words = ["result.mxf: the mxf container can't hold", "frame rate", ".mkv supports every"];
    fails(&[arg(&odd), "-o", arg(&out), "--model", "selfie"], 2, &words, &out);
    // A usual rate is taken.
    ok([arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert_eq!(times(&out).len(), 10);
}

#[test]
fn files_in_a_job_folder_that_are_not_its_own_are_kept() {
    let dir = folder();
    let input = input_in(dir.path(), 50);
    let (out, job) = (dir.path().join("result.mp4"), dir.path().join("result.mp4.vrseg"));
    std::fs::create_dir(&job).unwrap();
    let args = [arg(&input), "-o", arg(&out), "-y", "--model", "selfie", "--segment-seconds", "0.5", "--json"];
    for name in ["notes.txt", "lock"] {
        std::fs::write(job.join("lock"), b"").unwrap();
        std::fs::create_dir_all(job.join("sub")).unwrap();
        std::fs::write(job.join(name), b"").unwrap();
        let got = run(args);
        assert_eq!(got.status.code(), Some(2), "{}", stderr(&got));
        assert!(stderr(&got).contains("which does not belong to the job"), "{}", stderr(&got));
        assert!(!String::from_utf8_lossy(&got.stdout).contains("progress"), "it is said before the work");
        assert!(job.join(name).exists() && job.join("sub").exists() && !out.exists());
        std::fs::remove_file(job.join(name)).unwrap();
    }
    std::fs::remove_dir_all(&job).unwrap();
    ok(args);
    assert_eq!(listing(dir.path()), ["in.mp4", "result.mp4"]);
}

#[test]
fn hidden_frames_and_longer_sound_are_no_missing_frames() {
    let dir = folder();
    let clip_of = |seconds: u32, name: &str| {
        let path = dir.path().join(name);
        clip(&path, "160x120", 100, &format!("{H264} -g 250 -af apad=whole_dur={seconds}"));
        path
    };
    let whole = clip_of(4, "in.mp4");
    let cut = dir.path().join("cut.mp4");
    ffmpeg("-ss 2 -i {} -c copy {}", &[&whole, &cut]);
    let long = dir.path().join("long.mp4");
    ffmpeg("-i {} -f lavfi -i sine=440:d=20 -map 0:v -map 1:a -c:v copy -c:a aac {}", &[&whole, &long]);
    for (input, more) in [(&cut, &[][..]), (&cut, &["--ss", "1"]), (&long, &["--ss", "1"]), (&long, &["-t", "10"])] {
        let out = dir.path().join("result.mp4");
        let args = [&[arg(input), "-o", arg(&out), "-y", "--model", "selfie"], more].concat();
        let printed = stderr(&ok(args));
        assert!(!printed.contains("announced"), "{printed}");
    }
}
