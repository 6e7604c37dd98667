//! What a run prints for people: batches, guesses, progress without a terminal.

use crate::harness::*;
use std::path::Path;
use std::time::Instant;

/// A clip whose name says nothing; `size` suggests what it may be.
fn plain(path: &Path, size: &str, frames: usize) {
    clip(path, size, frames, H264);
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn batch_tells_each_file_and_ends_with_what_failed_and_why() {
    let dir = folder();
    let films = dir.path().join("films");
    std::fs::create_dir(&films).unwrap();
    for name in ["a_LR_180.mp4", "c_LR_180.mp4", "d_LR_180.mp4"] {
        plain(&films.join(name), "320x160", 5);
    }
    std::fs::write(films.join("b.mp4"), "no video").unwrap();
    let job = |more: &[&str]| {
        let mut command = vrseg();
        command.args(["-r", "films", "-o", "out/", "--model", "selfie"]).args(more).current_dir(dir.path());
        command.output().expect("a run")
    };
    let out = job(&[]);
    let printed = stderr(&out);
    assert_eq!(out.status.code(), Some(3), "{printed}");
    // Each line of a file has its number, the end has none.
    let of = |n: usize| lines(&printed).into_iter().filter(|l| l.starts_with(&format!("[{n}/4] "))).count();
    assert!(of(1) > 5 && of(2) > 0 && of(3) > 5 && of(4) > 5, "{printed}");
    assert!(printed.contains("[2/4] vrseg: error: films/b.mp4: "), "{printed}");
    assert!(lines(&printed).contains(&"vrseg: error: 1 of 4 inputs failed: films/b.mp4"), "{printed}");
    let end = lines(&printed).into_iter().skip_while(|l| !l.contains("of 4 files done in")).collect::<Vec<_>>();
    assert!(end[0].starts_with("3 of 4 files done in ") && end[0].ends_with(", 1 failed"), "{end:?}");
    assert!(end[1].starts_with("  failed   films/b.mp4: ") && end[1].len() > 30, "{end:?}");
    assert!(end.iter().any(|l| l.starts_with("next: vrseg ")), "{end:?}");
    // A second run leaves what is there, and says so.
    let again = job(&["-n"]);
    let printed = stderr(&again);
    assert!(printed.contains(", 1 failed, 3 skipped\n"), "{printed}");
    assert_eq!(printed.matches("  skipped  films/").count(), 3, "{printed}");
}

#[test]
fn batch_shows_files_done_and_time_left_while_it_runs() {
    let dir = folder();
    for name in ["a_LR_180.mp4", "b_LR_180.mp4"] {
        plain(&dir.path().join(name), "320x160", 5);
    }
    let log = dir.path().join("figures.ndjson");
    let out = vrseg()
        .args(["a_LR_180.mp4", "b_LR_180.mp4", "-o", "out/", "--model", "selfie", "--performance-log", arg(&log)])
        .current_dir(dir.path())
        .output()
        .expect("a run");
    assert!(out.status.success(), "{}", stderr(&out));
    let text = std::fs::read_to_string(&log).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&last["jobs"]["done"], &last["jobs"]["count"]), (&2.into(), &2.into()), "{last}");
}

#[test]
fn guessed_layout_is_warned_of_once_with_the_option_that_sets_it() {
    let dir = folder();
    // The name says where the eyes are, and nothing says the projection.
    let (eye, input) = (dir.path().join("eye.mkv"), dir.path().join("holiday_LR.mp4"));
    clip(&eye, "320x320", 5, "-c:v ffv1 -c:a pcm_s16le");
    ffmpeg("-i {} -lavfi split[a][b];[a][b]hstack,format=yuv420p -c:v libx264 -crf 16 -c:a aac {}", &[&eye, &input]);
    let out = ok([arg(&input), "-o", arg(&dir.path().join("out.mp4")), "--model", "selfie"]);
    let printed = stderr(&out);
    let warnings: Vec<_> = lines(&printed).into_iter().filter(|l| l.starts_with("vrseg: warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{printed}");
    assert!(
        warnings[0].contains("holiday_LR.mp4: the projection is a guess: ") && warnings[0].contains("--projection"),
        "{printed}"
    );
    // The summary repeats it, without the program's name.
    assert_eq!(printed.matches("--projection").count(), 2, "{printed}");
    // What was said isn't guessed.
    let stated = ["--layout", "sbs", "--projection", "hequirect", "-y"];
    let out = ok([&[arg(&input), "-o", arg(&dir.path().join("out.mp4")), "--model", "selfie"][..], &stated].concat());
    assert!(!stderr(&out).contains("warning"), "{}", stderr(&out));
}

#[test]
fn lines_without_a_terminal_become_rarer() {
    let dir = folder();
    let (short, input) = (dir.path().join("short.mp4"), dir.path().join("long_LR_180.mp4"));
    plain(&short, "320x160", 50);
    ffmpeg("-stream_loop 4 -i {} -c copy {}", &[&short, &input]);
    let began = Instant::now();
    let out = ok([arg(&input), "-o", arg(&dir.path().join("out.mp4")), "--model", "selfie", "--threads", "1"]);
    let seconds = began.elapsed().as_secs_f64();
    let printed = stderr(&out);
    let progress = lines(&printed).into_iter().filter(|l| l.contains(" frames, ") && l.contains(" elapsed")).count();
    // After 5, 15, 35, 75 ... seconds.
    let most = (seconds / 5.0 + 1.0).log2().floor() as usize;
    assert!(progress <= most, "{progress} lines in {seconds:.1} s:\n{printed}");
    assert!(!printed.contains('\r') && !printed.contains('\x1b'), "{printed}");
}
