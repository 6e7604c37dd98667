//! The command line: help, wrong usage, settings. Nothing here needs a video.

mod typed;

use assert_cmd::Command;
use std::fmt::Write as _;
use std::fs;
use typed::{folder, run, vrseg};

/// The error messages of all cases, for one snapshot. Each case must exit with 2 and print nothing to
/// standard output.
fn refusals<'a>(cases: impl IntoIterator<Item = (&'a str, (i32, String, String))>) -> String {
    let mut all = String::new();
    for (case, (code, out, err)) in cases {
        assert_eq!((code, out.as_str()), (2, ""), "{case}: {err}");
        let _ = writeln!(all, "## {case}\n{err}");
    }
    all
}

#[test]
fn help_is_printed() {
    let dir = folder();
    let (code, out, err) = run(dir.path(), &["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out);
    let (code, short, err) = run(dir.path(), &["-h"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(short.lines().count() <= 40 && short.lines().all(|line| line.chars().count() <= 80), "{short}");
    insta::assert_snapshot!("help_short", short);
    for words in [&["help"][..], &["--help"]] {
        assert_eq!(run(dir.path(), words).1, out);
    }
    let (code, eval, err) = run(dir.path(), &["eval", "--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!("help_eval", eval);
    insta::assert_snapshot!("help_optimize", run(dir.path(), &["optimize", "--help"]).1);
    let (code, out, err) = run(dir.path(), &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(err, short);
    for words in [&["help", "eval"][..], &["eval", "help"], &["--help", "eval"], &["-h", "eval"]] {
        assert_eq!(run(dir.path(), words), (0, eval.clone(), String::new()), "{words:?}");
    }
    for words in [&["version"][..], &["-V"], &["--version"]] {
        assert_eq!(run(dir.path(), words).1, format!("vrseg {}\n", env!("CARGO_PKG_VERSION")));
    }
    let versions = run(dir.path(), &["-V", "-v"]).1;
    assert!(versions.contains("\nFFmpeg ") && versions.contains("\nONNX Runtime "), "{versions}");
}

#[test]
fn invalid_config_files_are_refused() {
    let cases = [
        ("unknown section", "mate:\n  feather: 1\n"),
        ("unknown setting", "matte:\n  treshold: 0.5\n"),
        ("nothing like it", "matte:\n  color_of_the_sky: blue\n"),
        ("right setting, wrong section", "# mine\nmodel:\n  feather: 2\n"),
        ("setting outside of any section", "crf: 20\n"),
        ("text for a number", "model:\n  batch_size: four\n"),
        ("number out of range", "matte:\n  feather: 1\n  threshold: 1.5\n"),
        ("fraction for a whole number", "matte:\n  grow: 1.5\n"),
        ("not a number", "matte:\n  stabilize: .nan\n"),
        ("number for a switch", "matte:\n  refine: 1\n"),
        ("yes for a switch", "matte:\n  refine: yes\n"),
        ("unknown word", "output:\n  codec: theora\n"),
        ("nearly a word", "output:\n  mode: grean\n"),
        ("unquoted color", "output:\n  key: #00B140\n"),
        ("not a color", "output:\n  key: chartreuse\n"),
        ("bit rate too small", "output:\n  bitrate: 20\n"),
        ("unknown device", "device:\n  name: gpu\n"),
        ("unknown profile", "profile: fastest\n"),
        ("list for a single value", "output:\n  crf: [1, 2]\n"),
        ("settings for a single value", "output:\n  crf:\n    value: 3\n"),
        ("empty list", "model:\n  prefer: []\n"),
        ("list of something else", "model:\n  prefer: [rvm, {a: b}]\n"),
        ("setting twice", "matte:\n  feather: 1\n  grow: 2\n  feather: 3\n"),
        ("section twice", "matte:\n  feather: 1\nmodel:\n  input_size: 512\nmatte:\n  grow: 1\n"),
        ("value for a section", "matte: 0.5\n"),
        ("list for a section", "matte:\n  - feather: 1\n"),
        ("a list", "- matte\n"),
        ("a text", "just words\n"),
        ("bad indentation", "matte:\n  feather: 1\n grow: 2\n"),
        ("open quote", "output:\n  preset: \"slow\n"),
        ("tab", "matte:\n\tfeather: 1\n"),
        ("two documents", "matte:\n  feather: 1\n---\nmatte:\n  grow: 1\n"),
        ("unknown anchor", "matte:\n  feather: *x\n"),
    ];
    let dir = folder();
    let all = refusals(cases.map(|(name, text)| {
        fs::write(dir.path().join("my.yaml"), text).expect("a file");
        (name, run(dir.path(), &["-c", "my.yaml", "--show-config"]))
    }));
    insta::assert_snapshot!(all);
}

/// Each value is valid on its own.
#[test]
fn conflicting_settings_are_refused() {
    let cases = [
        ("fp16 on a CPU", "device:\n  name: cpu\nmodel:\n  precision: fp16\n"),
        ("fp16 on CUDA", "device:\n  name: cuda:1\nmodel:\n  precision: fp16\n"),
        ("fp16 on whatever there is", "model: {precision: fp16}\n"),
        ("int8 without weights", "model:\n  precision: int8\n"),
        ("fp32 and TF32", "model:\n  precision: fp32\ndevice:\n  tf32: true\n"),
        ("TF32 on a CPU", "device:\n  name: openvino\n  tf32: true\n"),
        ("a GPU's memory on a CPU", "device:\n  name: cpu\n  memory_share: 0.5\n"),
        ("more threads than the job has", "device:\n  threads: 8\nprocessing:\n  threads: 4\n"),
        ("batch of a recurrent model", "model:\n  name: rvm\n  batch_size: 4\n"),
        ("size of a model", "model:\n  name: selfie\n  input_size: 2048\n"),
        ("unknown model", "model:\n  name: slefie\n"),
        ("unknown model in a list", "model:\n  prefer: [rvm, somebody]\n"),
        ("encoder of another codec", "output:\n  codec: hevc\n  encoder: libx264\n"),
        ("NVENC without NVENC", "output:\n  encoder: h264_nvenc\n  hardware: false\n"),
        ("alpha in H.264", "output:\n  mode: alpha\n  codec: h264\n"),
        ("rate and quality", "output:\n  crf: 20\n  bitrate: 20M\n"),
        ("quality of ProRes", "output:\n  codec: prores\n  crf: 20\n"),
        ("rate of a lossless codec", "output:\n  codec: ffv1\n  bitrate: 20M\n"),
        ("beyond the scale", "output:\n  codec: hevc\n  crf: 60\n"),
    ];
    let dir = folder();
    let mut all = refusals(cases.map(|(name, text)| {
        fs::write(dir.path().join("my.yaml"), text).expect("a file");
        (name, run(dir.path(), &["config", "validate", "my.yaml"]))
    }));
    fs::write(dir.path().join("my.yaml"), "model:\n  batch_size: 4\n").expect("a file");
    let flag = run(dir.path(), &["-c", "my.yaml", "--model", "rvm", "--show-config"]);
    all += &refusals([("a file and an option", flag)]);
    insta::assert_snapshot!(all);
}

#[test]
fn config_command_creates_checks_and_shows_files() {
    let dir = folder();
    let own = dir.path().join("xdg/vrseg/config.yaml");
    let output = |args: &[&str]| {
        let (code, out, err) = run(dir.path(), args);
        (code, (out + &err).replace(&dir.path().display().to_string(), "DIR"))
    };
    assert_eq!(output(&["config", "path"]), (0, "DIR/xdg/vrseg/config.yaml\n".to_owned()));
    let (code, missing) = output(&["config", "validate"]);
    assert_eq!((code, missing.as_str()), (2, "vrseg: error: DIR/xdg/vrseg/config.yaml: no such file\n"));
    assert_eq!(output(&["config", "init"]).0, 0);
    let (code, right) = output(&["config", "validate"]);
    assert_eq!((code, right.as_str()), (0, "DIR/xdg/vrseg/config.yaml: valid; 0 settings on profile balanced\n"));
    // The file as created changes nothing.
    let shown = run(dir.path(), &["config", "show"]).1;
    assert!(shown.starts_with("profile: balanced") && !shown.contains("config.yaml:"), "{shown}");

    fs::write(&own, "profile: fast\noutput:\n  crf: 21\n").expect("a file");
    let (code, exists) = output(&["config", "init"]);
    assert_eq!((code, exists.as_str()), (2, "vrseg: error: DIR/xdg/vrseg/config.yaml: exists; -y replaces it\n"));
    assert!(fs::read_to_string(&own).expect("still there").starts_with("profile: fast"));
    let shown = run(dir.path(), &["config", "show"]).1;
    assert!(shown.contains("crf: 21.0 ") && shown.contains("config.yaml:3"), "{shown}");
    let (_, json, _) = run(dir.path(), &["config", "show", "--profile", "quality", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["profile"]["value"], &json["settings"]["output.crf"]["value"]),
        (&"quality".into(), &21.0.into())
    );
    let threads = &json["settings"]["processing.threads"];
    assert!(threads["value"].is_null() && threads["applies"].is_string() && threads["rule"].is_string(), "{threads}");
    assert_eq!(output(&["config", "init", "-y"]).0, 0);
    assert!(fs::read_to_string(&own).expect("written").starts_with("# Settings of vrseg"));
    insta::assert_snapshot!(fs::read_to_string(&own).expect("written"));
}

#[test]
fn hardware_report_never_fails() {
    let dir = folder();
    let (code, text, err) = run(dir.path(), &["hardware"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for label in ["cpu", "memory", "disks", "gpu", "ffmpeg", "devices"] {
        assert!(text.lines().any(|l| l.starts_with(label)), "{label}: {text}");
    }
    let shown = run(dir.path(), &["--show-hardware", "--json"]);
    assert_eq!((shown.0, shown.2.as_str()), (0, ""));
    let json: serde_json::Value = serde_json::from_str(&shown.1).expect("JSON");
    assert!(json["cpu"]["usable"].as_u64().is_some_and(|n| n > 0));
    // A wrong library is reported, not an error.
    let (code, text, _) = run(dir.path(), &["hardware", "--ort-lib", "nothing.so"]);
    assert!(code == 0 && text.contains("not cpu: ") && text.contains("nothing.so"), "{text}");
}

#[test]
fn unreadable_config_files_are_refused() {
    let dir = folder();
    fs::write(dir.path().join("latin1.yaml"), b"matte:\n  feather: 1 # \xe4\n").expect("a file");
    let all = refusals([
        ("missing", run(dir.path(), &["-c", "none.yaml", "--show-config"])),
        ("a folder", run(dir.path(), &["-c", ".", "--show-config"])),
        ("not UTF-8", run(dir.path(), &["-c", "latin1.yaml", "--show-config"])),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn invalid_environment_variables_are_refused() {
    let dir = folder();
    let all = refusals(
        [
            ("VRSEG_MATTE_THRESHOLD", "high"),
            ("VRSEG_MATTE_TRESHOLD", "0.5"),
            ("VRSEG_PROFILE", "slow"),
            ("VRSEG_MODEL_PREFER", " , "),
        ]
        .map(|(name, value)| {
            let output = vrseg(dir.path()).arg("--show-config").env(name, value).output().expect("a run");
            let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
            (name, (output.status.code().expect("a code"), text(output.stdout), text(output.stderr)))
        }),
    );
    insta::assert_snapshot!(all);
}

#[test]
fn wrong_usage_is_refused() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    for name in ["a.mp4", "b.mp4", "old.mp4", "films/x.mp4", "films/x.mkv", "bg.jpg"] {
        fs::create_dir_all(at(name).parent().expect("a parent")).expect("folders");
        fs::write(at(name), name).expect("a file");
    }
    fs::create_dir(at("empty")).expect("a folder");
    fs::hard_link(at("a.mp4"), at("link.mp4")).expect("a link");
    let cases: &[&[&str]] = &[
        &["a.mp4"],
        &["-o", "o.mp4"],
        &["optimize", "--save-config", "old.mp4"],
        &["optimize", "--save-config", "nowhere/t.yaml"],
        &["optimize", "--save-config", "films"],
        &["optimize", "--input", "none.mp4"],
        &["optimize", "--min-iou", "2"],
        &["optimize", "--target-fps", "0"],
        &["a.mp4", "bench", "-o", "o/"],
        &["bench", "--batches", "0"],
        &["none.mp4", "-o", "o.mp4"],
        &["none.mp4", "a.mp4", "gone.mkv", "films", "-o", "o/"],
        &["empty", "-r", "-o", "o/"],
        &["a.mp4", "b.mp4", "-o", "o.mp4"],
        &["films", "-r", "-o", "o.mp4"],
        &["films", "-r", "-o", "o/"],
        &["a.mp4", "-o", "a.mp4", "-y"],
        &["a.mp4", "-o", "films/../a.mp4", "-y"],
        &["a.mp4", "-o", "link.mp4", "-y"],
        &["a.mp4", "b.mp4", "-o", "./", "--name", "{stem}.{ext}", "-y"],
        &["a.mp4", "-o", "o.mp4", "-o", "matte=./o.mp4"],
        &["a.mp4", "-o", "old.mp4"],
        &["a.mp4", "-o", "/dev/null.x/o.mp4"],
        &["a.mp4", "-o", "nowhere/o.mp4"],
        &["a.mp4", "-o", "o"],
        &["a.mp4", "-o", "green="],
        &["a.mp4", "-o", "alpha=o.mp4"],
        &["a.mp4", "-o", "o/", "--name", "{steam}.mp4"],
        &["a.mp4", "-o", "replace=o.mp4"],
        &["a.mp4", "-o", "o.mp4", "--mode", "matte", "--background", "bg.jpg"],
        &["a.mp4", "-o", "o.mp4", "--background", "none.jpg"],
        &["a.mp4", "-o", "bg.jpg", "--background", "bg.jpg", "-y"],
        &["a.mp4", "-o", "o.mp4", "--ss", "10", "--to", "5"],
        &["a.mp4", "-o", "o.mp4", "-t", "0"],
        &["a.mp4", "-o", "o.mp4", "--ss", "soon"],
        &["a.mp4", "-o", "o.mp4", "--ss", "99999999999999999999"],
        &["a.mp4", "-o", "o.mp4", "--ss", "-1"],
        &["a.mp4", "-o", "o.mp4", "-t", "-5"],
        &["a.mp4", "-o", "o.mp4", "--feather", "-1"],
        &["a.mp4", "-o", "o.mp4", "--erode", "-2"],
        &["a.mp4", "-o", "o.mp4", "--grow", "-201"],
        &["a.mp4", "-o", "o.mp4", "--threshold", "-0.5"],
        &["a.mp4", "-o", "o.mp4", "--crf", "-5"],
        &["a.mp4", "-o", "o.mp4", "--frames", "-1"],
        &["a.mp4", "-o", "o.mp4", "--input-size", "-512"],
        &["a.mp4", "-o", "o.mp4", "--to", "5", "-t", "5"],
        &["a.mp4", "-o", "o.mp4", "-y", "-n"],
        &["a.mp4", "-o", "o.mp4", "--dry-run", "--serve", "8000"],
        &["a.mp4", "-o", "o.mp4", "--dry-run", "--trace", "t.json"],
        &["a.mp4", "-o", "o.mp4", "--mode", "grean"],
        &["a.mp4", "-o", "o.mp4", "--key", "octarine"],
        &["a.mp4", "-o", "o.mp4", "--crf", "99"],
        &["a.mp4", "-o", "o.mp4", "--crf", "20", "--bitrate", "20M"],
        &["a.mp4", "-o", "o.mp4", "--device", "gpu"],
        &["a.mp4", "-o", "o.mp4", "--grow", "1", "--erode", "1"],
        &["a.mp4", "-o", "o.mp4", "--enc-opt", "tune"],
        &["a.mp4", "-o", "o.mp4", "--frames", "0"],
        &["a.mp4", "-o", "o.mp4", "--profle", "fast"],
        &["models", "a.mp4", "b.mp4"],
        &["eval", "--truth", "a.mp4"],
        &["eval", "--pred", "none.png", "--truth", "a.mp4"],
        &["eval", "--pred", "films"],
        &["a.mp4", "-o", "o.mp4", "--stereo", "2"],
    ];
    let all = refusals(cases.iter().map(|args| {
        let result = run(dir.path(), args);
        (Box::leak(args.join(" ").into_boxed_str()) as &str, result)
    }));
    insta::assert_snapshot!(all);
    assert!(!at("o").exists(), "a refused run makes no folder");
    assert_eq!(fs::read(at("old.mp4")).expect("still there"), b"old.mp4");
}

#[test]
fn settings_are_layered() {
    let dir = folder();
    fs::write(
        dir.path().join("my.yaml"),
        "profile: fast\nmatte:\n  feather: 1.5\n  grow: -2\noutput:\n  preset: 8\n  crf: auto\nmodel:\n# nothing\n",
    )
    .expect("a file");
    let mut command = vrseg(dir.path());
    command.args(["-c", "my.yaml", "--show-config", "--erode", "3", "--threshold", "0.5", "--no-hwenc"]);
    command.env("VRSEG_MATTE_FEATHER", "2").env("VRSEG_MODEL_NAME", "rvm: x.yaml").env("VRSEG_OUTPUT_CODEC", "");
    let output = command.output().expect("a run");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // The rules' values are this machine's.
    let filters = vec![(r"rule: .*", "rule: [this machine's]")];
    insta::with_settings!({filters => filters}, { insta::assert_snapshot!(text) });
    // What it prints is a file with the same settings.
    fs::write(dir.path().join("again.yaml"), &text).expect("a file");
    let (code, again, err) = run(dir.path(), &["-c", "again.yaml", "--show-config"]);
    let values =
        |text: &str| text.lines().map(|l| l.split(" # ").next().unwrap_or(l).trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!((code, err.as_str(), values(&again)), (0, "", values(&text)));
}

#[test]
fn user_config_is_read_unless_another_is_named() {
    let dir = folder();
    fs::create_dir_all(dir.path().join("xdg/vrseg")).expect("folders");
    fs::write(dir.path().join("xdg/vrseg/config.yaml"), "profile: quality\n").expect("a file");
    fs::write(dir.path().join("empty.yaml"), "# nothing yet\n").expect("a file");
    assert!(run(dir.path(), &["--show-config"]).1.starts_with("profile: quality "));
    assert!(run(dir.path(), &["--show-config", "--profile", "fast"]).1.starts_with("profile: fast "));
    assert!(run(dir.path(), &["--show-config", "-c", "empty.yaml"]).1.starts_with("profile: balanced "));
    let (_, json, _) = run(dir.path(), &["--show-config", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["profile"]["value"], "quality");
    assert_eq!(json["settings"]["model.input_size"]["source"], "profile quality");
}

#[test]
fn models_are_listed_with_their_state_and_source() {
    let dir = folder();
    let list = |args: &[&str]| {
        let output = vrseg(dir.path()).args(args).env("VRSEG_DATA_DIR", "data").output().expect("a run");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        // A build without the feature `embed` has no weights of its own.
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.replace("selfie            missing ", "selfie            built in")
    };
    insta::assert_snapshot!(list(&["models"]) + "\n" + &list(&["models", "rvm"]));
    let json: serde_json::Value = serde_json::from_str(&list(&["models", "--json"])).expect("JSON");
    let rvm = json.as_array().expect("a list").iter().find(|m| m["name"] == "rvm").expect("rvm");
    assert_eq!((&rvm["state"], &rvm["license"]), (&"missing".into(), &"GPL-3.0-only".into()));
    let (code, out, err) = run(dir.path(), &["models", "nobody"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("no model is called \"nobody\"; known: selfie, "), "{err}");
}

#[test]
fn existing_outputs_are_skipped_with_n() {
    let dir = folder();
    for name in ["a.mp4", "a_green.mp4"] {
        fs::write(dir.path().join(name), name).expect("a file");
    }
    let (code, out, err) = run(dir.path(), &["a.mp4", "-o", "./", "-n"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "vrseg: a.mp4: skipped, ./a_green.mp4 exists\n"));
    let (code, out, err) = run(dir.path(), &["a.mp4", "-o", "./", "-n", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "{\"type\":\"skipped\",\"input\":\"a.mp4\",\"output\":\"./a_green.mp4\"}\n");
}

#[test]
fn closed_pipe_is_not_an_error() {
    let dir = folder();
    for args in ["man", "completions bash", "--show-config"] {
        let program = assert_cmd::cargo::cargo_bin("vrseg");
        let script = format!("{} {args} | true; exit ${{PIPESTATUS[0]}}", program.display());
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(dir.path()).env("HOME", dir.path());
        command.assert().success().stdout("").stderr("");
    }
}

#[test]
fn colors_are_written_only_to_a_terminal() {
    let dir = folder();
    let output =
        vrseg(dir.path()).args(["a.mp4", "-o", "o.mp4"]).env("TERM", "xterm-256color").output().expect("a run");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "vrseg: error: a.mp4: no such file or folder\n");
}

#[test]
fn manual_page_is_roff() {
    let dir = folder();
    let (code, page, _) = run(dir.path(), &["man"]);
    assert_eq!(code, 0);
    for heading in
        ["TH vrseg 1", "SH NAME", "SH EXAMPLES", "SH OPTIONS", "SH FILES", "SH ENVIRONMENT", "SH EXIT STATUS"]
    {
        assert!(page.contains(&format!(".{heading}")), "{heading}");
    }
    let (code, page, _) = run(dir.path(), &["man", "cluster", "submit"]);
    assert!(code == 0 && page.contains(".TH vrseg-cluster-submit 1") && page.contains("vrseg\\-cluster(1)"), "{page}");
}

#[test]
fn log_file_contains_the_error() {
    let dir = folder();
    let (code, out, _) = run(dir.path(), &["none.mp4", "-o", "o.mp4", "--json", "--log-file", "log.txt"]);
    let event: serde_json::Value = serde_json::from_str(&out).expect("one event");
    assert_eq!((code, &event["type"]), (2, &"error".into()));
    assert_eq!(event["message"], "none.mp4: no such file or folder");
    let log = fs::read_to_string(dir.path().join("log.txt")).expect("a log");
    assert!(log.contains("ERROR") && log.contains("none.mp4: no such file"), "{log}");
    let (code, _, err) = run(dir.path(), &["none.mp4", "-o", "o.mp4", "--log-file", "no/log.txt"]);
    assert_eq!(code, 2);
    assert!(err.contains("--log-file no/log.txt: No such file"), "{err}");
}
