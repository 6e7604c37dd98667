//! Lines that people type on the first day, their answers, and values in other words.

mod typed;

use assert_cmd::Command;
use std::fmt::Write as _;
use std::fs;
use typed::{folder, run, vrseg};

/// The answers, for one snapshot. Each case must exit with 2.
fn refusals<'a>(cases: impl IntoIterator<Item = (&'a str, (i32, String, String))>) -> String {
    let mut all = String::new();
    for (case, (code, _, err)) in cases {
        assert_eq!(code, 2, "{case}: {err}");
        let _ = writeln!(all, "## {case}\n{err}");
    }
    all
}

/// What people type on the first day, in the order of their habits: ffmpeg's words, other tools', commands, outputs,
/// values. Each answer leads to the right line.
const FIRST_DAY: &str = "\
-hide_banner -loglevel error -i a.mp4 out.mp4
-i a.mp4 out.mp4
-y -i a.mp4 -c:v libx264 -crf 20 -c:a copy out.mp4
a.mp4 -c copy -o out.mp4
a.mp4 -ss 0 -to 0.3 -o out.mp4
a.mp4 -b:v 20M -r 30 -o out.mp4
a.mp4 -vf scale=640:-1 -an -o out.mp4
a.mp4 -o out.mp4 -preset slow -pix_fmt yuv420p -g 60
a.mp4 -o out.mp4 -threads 2 -v error
a.mp4 -o out.mp4 -q 20
i -m u2net a.mp4 out.png
a.mp4 -o out.mp4 -m selfie -j 2 -d cpu
a.mp4 -o out.mp4 --gpu
a.mp4 -o out.mp4 --cuda --fp16
a.mp4 -o out.mp4 --mask
a.mp4 -o out.mp4 --alpha
a.mp4 --matte m.mkv
a.mp4 -o out.mp4 --swap-eyes --sbs
a.mp4 -o out.mp4 --fps 30
a.mp4 -o out.mp4 --quality high
a.mp4 -o out.mp4 --quality 20
a.mp4 -o out.mp4 --force
a.mp4 -o out.mp4 --container mkv
a.mp4 -o out.mp4 --format mp4
a.mp4 -o out.mp4 --color red
a.mp4 -o out.mp4 --blur 15
a.mp4 -o out.mp4 --encoder-options tune=film
a.mp4 -o out.mp4 --holiday
a.mp4
a.mp4 out.mp4
a.mp4 b.mp4
films
run a.mp4 out.mp4
process a.mp4 -o out.mp4
model
prob a.mp4
benchmark
benchmark a.mp4
info a.mp4
list-models
--json hardware
-q models
a.mp4 -o out.mp4 --frames 20 bench
help prob
help holiday
cluster sumbit
eval a.mp4
eval a.mp4 b.mp4
optimize a.mp4
bench a.mp4
preview a.mp4
unpack a.mp4 m.mkv
merge a.mp4
bench compare a.mp4 b.mp4
https://example.com/a.mp4 -o out.mp4
a.mp4 -o rtmp://example.com/live
A.MP4 -o out.mp4
a.mp4 -o nowhere/out.mp4
a.mp4 -o mask=out.mp4
a.mp4 -o alpah=out.webm
a.mp4 -o matte:out.mp4
a.mp4 -o green=a2.mp4,matte=b2.mp4
a.mp4 -o matte:codec=ffv1,crf=20=m.mkv
a.mp4 -o matte:crf=200=m.mkv
a.mp4 -o out.mov --mode alpha --key red
a.mp4 -o out.mp4 --mode blur --tint red
a.mp4 -o out.mp4 --out-fov 180
a.mp4 -o out.mp4 --name x.mp4
a.mp4 -o out.mp4 --framerate 30
a.mp4 -o out.mp4 --layout 3d
a.mp4 -o out.mp4 --projection eac
a.mp4 -o out.mp4 --mode transparent
a.mp4 -o out.mp4 --codec copy
a.mp4 -o out.mp4 --device gpu
a.mp4 -o out.mp4 --profile extreme
a.mp4 -o out.mp4 --background red
a.mp4 -o out.mp4 --model my.onnx
a.mp4 -o out.mp4 --exclude left
a.mp4 -o out.mp4 --min-size 30%
a.mp4 -o out.mp4 --threshold 128
a.mp4 -o out.mp4 --log-file nowhere/log.txt
models rmv
a.mp4 -o out.mp4 -profile fast -threshold 0.5
-input a.mp4 -output out.mp4
a.mp4 -o out.mp4 -crf=20
-i a.mp4 -vf scale=1920:-2 out.mp4
a.mp4 -o out.mp4 -s 1280x720
a.mp4 -o out.mp4 --height 1080
a.mp4 -o out.mp4 --scale hd
a.mp4 -o out.mp4 --scale big
a.mp4 -o out.mp4 -t 1m30s
a.mp4 -o out.mp4 --start 1:30 --end 2m
a.mp4 -o out.mp4 --layout rl
a.mp4 -o out.mp4 --bitrate 20Mbps --max-memory 4
a.mp4 -o out.mp4 --threads all
a.mp4 -o out.mp4 --feather 1,5
a.mp4 -o out.mp4 --people one
a.mp4 -o out.mp4 --device nvidia:0
a.mp4 -o out.mp4 --model rmv
a.mp4 -o out.mp4 --crf
a.mp4 -O out.mp4
a.mp4 –o out.mp4 —profile fast
“a.mp4” -o out.mp4
C:\\films\\a.mp4 -o out.mp4
a.mp4 -o out.mp4 profile=fast
a.mp4 -o out.mp4 --port 8080 --log debug
a.mp4 -o:out.mp4
a.mp4 b.mp4 -o out.mp4
films -o keyed.mp4
greenscreen a.mp4
install rvm
models list
models download rvm
config set output.crf
cache delete
bench quick
hardware --gpu
work
probe none.mp4
preview none.mp4 -o sheet.png
unpack none.mp4 -o m.mkv";

#[test]
fn first_day_lines_lead_to_the_right_line() {
    let dir = folder();
    fs::create_dir(dir.path().join("films")).expect("a folder");
    for name in ["a.mp4", "b.mp4", "films/c.mp4"] {
        fs::write(dir.path().join(name), name).expect("a file");
    }
    let mut events = 0;
    let answers: Vec<_> = FIRST_DAY
        .lines()
        .map(|line| {
            let (code, out, err) = run(dir.path(), &line.split(' ').collect::<Vec<_>>());
            // An event, where JSON is requested.
            events += usize::from(out.starts_with("{\"message\""));
            assert!(!err.contains("as a value") && !err.contains("os error"), "{line}: {err}");
            // What is proposed is understood; what is asked of it may be missing here.
            for proposed in err.lines().filter_map(|l| l.trim().strip_prefix("try: vrseg ")) {
                let proposed = proposed.split(" | ").next().unwrap_or(proposed);
                let help = if proposed.starts_with("help ") { &[][..] } else { &["--help"] };
                let again = run(dir.path(), &[&proposed.split(' ').collect::<Vec<_>>()[..], help].concat());
                assert_eq!(again.0, 0, "{line}: {proposed}: {}", again.2);
            }
            (line, (code, String::new(), err))
        })
        .collect();
    assert_eq!(events, 1);
    insta::assert_snapshot!(refusals(answers));
    // The log is in a hidden folder.
    let names = fs::read_dir(dir.path()).expect("readable").filter_map(|e| e.ok()?.file_name().into_string().ok());
    assert_eq!(names.filter(|name| !name.starts_with('.')).count(), 3, "nothing is written");
}

#[test]
fn values_are_understood_in_other_words() {
    let dir = folder();
    let shown = |args: &[&str]| {
        let (code, json, err) = run(dir.path(), &[args, &["--show-config", "--json"]].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        serde_json::from_str::<serde_json::Value>(&json).expect("JSON")
    };
    for (option, word, name, value) in [
        ("--layout", "LR", "vr.layout", "sbs"),
        ("--layout", "ou", "vr.layout", "tb"),
        ("--layout", "Half_SBS", "vr.layout", "sbs"),
        ("--projection", "VR180", "vr.projection", "hequirect"),
        ("--projection", "360", "vr.projection", "equirect"),
        ("--eye-order", "left", "vr.eye_order", "lr"),
        ("--mode", "ALPHA", "output.mode", "alpha"),
        ("--precision", "float32", "model.precision", "fp32"),
        ("--codec", "x265", "output.codec", "hevc"),
        ("--device", "CUDA:1", "device.name", "cuda:1"),
        ("--device", "trt", "device.name", "tensorrt"),
    ] {
        assert_eq!(shown(&[option, word])["settings"][name]["value"], value, "{option} {word}");
    }
    assert_eq!(shown(&["--profile", "high"])["profile"]["value"], "quality");
}

#[test]
fn variables_that_nothing_reads_are_warned_of() {
    let dir = folder();
    let output = vrseg(dir.path()).args(["config", "path"]).env("VRSEG_THREADS", "2").output().expect("a run");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{err}");
    let want = "vrseg: warning: VRSEG_THREADS: unknown variable, ignored; did you mean VRSEG_PROCESSING_THREADS?\n";
    assert_eq!(err, want);
}

#[test]
fn closed_standard_output_is_an_error() {
    let dir = folder();
    fs::write(dir.path().join("a.mp4"), "a").expect("a file");
    for args in ["models", "a.mp4 -o -", "a.mp4 -o b.mp4 --json"] {
        let script = format!("{} {args} >&-", assert_cmd::cargo::cargo_bin("vrseg").display());
        let mut command = Command::new("bash");
        let output =
            command.args(["-c", &script]).current_dir(dir.path()).env("HOME", dir.path()).output().expect("bash");
        let err = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!output.status.success() && err.contains("standard output is closed"), "{args}: {err}");
    }
}
