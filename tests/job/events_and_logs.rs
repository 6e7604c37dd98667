//! What a run prints and where: JSON events as `docs/monitoring.md` describes them, messages, logs, traces.

use crate::harness::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fields of each type of event: name, and its JSON types in the document's words.
type Events = BTreeMap<String, BTreeMap<String, String>>;

/// The event types of the document.
fn documented() -> Events {
    let events = documented_fields("docs/monitoring.md", "### ").into_iter();
    let printed = |(field, (kind, meaning)): (String, (String, String))| (field, format!("{kind} {meaning}"));
    events.map(|(name, fields)| (name, fields.into_iter().map(printed).collect())).collect()
}

/// Every name in a value, at any depth.
fn names(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                all.insert(name.clone());
                names(value, all);
            }
        }
        Value::Array(items) => items.iter().for_each(|v| names(v, all)),
        _ => {}
    }
}

/// Parses a run's standard output and checks each event against the document.
#[track_caller]
fn events(stdout: &[u8]) -> Vec<Value> {
    let known = documented();
    let text = std::str::from_utf8(stdout).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let all: Vec<Value> =
        text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect();
    for (event, line) in all.iter().zip(text.lines()) {
        let kind = event["type"].as_str().expect("a type");
        let fields = known.get(kind).unwrap_or_else(|| panic!("{kind} is not in the document"));
        let mut have: BTreeSet<_> = event.as_object().expect("an object").keys().map(String::as_str).collect();
        assert!(have.remove("type"));
        assert_eq!(have, fields.keys().map(String::as_str).collect(), "{kind}");
        // Parsing would hide a duplicate key.
        assert_eq!(line.matches("\"type\":").count(), 1, "{line}");
        for (name, printed) in fields {
            assert!(is_a(&event[name], printed), "{kind}.{name}: {} is not {printed}", event[name]);
            let mut inner = BTreeSet::new();
            names(&event[name], &mut inner);
            for inner in inner {
                assert!(printed.contains(&format!("`{inner}`")), "{kind}.{name} has {inner}: {printed}");
            }
        }
    }
    all
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().expect("a type")).collect();
    kinds.dedup();
    kinds
}

#[test]
fn every_event_matches_its_document() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let out = format!("{}/", arg(&at("out")));
    clip(&at("plain.mp4"), "320x160", 60, H264);
    let attached = format!("-i {{}} -attach {} -metadata:s:t mimetype=text/plain -c copy {{}}", file!());
    ffmpeg(&attached, &[&at("plain.mp4"), &at("attached.mkv")]);
    std::fs::write(at("broken.mp4"), b"not a video").unwrap();
    let base = ["--json", "--model", "selfie", "-o", &out];
    let run_all = |inputs: &[&str], more: &[&str]| {
        let inputs: Vec<_> = inputs.iter().map(|n| arg(&at(n)).to_owned()).collect();
        run(inputs.iter().map(String::as_str).chain(base).chain(more.iter().copied()))
    };
    let mut seen = BTreeSet::new();

    let done = run_all(&["plain.mp4"], &[]);
    assert_eq!((done.status.code(), stderr(&done).as_str()), (Some(0), ""));
    let all = events(&done.stdout);
    assert_eq!(kinds(&all), ["probed", "phase", "start", "progress", "done"]);
    let last = all.last().unwrap();
    assert_eq!((last["frames"].as_u64(), last["interrupted"].as_bool()), (Some(60), Some(false)));
    let size = std::fs::metadata(at("out/plain_green.mp4")).unwrap().len();
    assert_eq!(last["outputs"][0]["bytes"].as_u64(), Some(size));
    let counts: Vec<_> = all.iter().filter(|e| e["type"] == "progress").map(|e| e["frames"].as_u64()).collect();
    assert!(counts.is_sorted());
    seen.extend(all.iter().map(|e| text(&e["type"])));

    let mixed = run_all(&["plain.mp4", "attached.mkv", "broken.mp4"], &["-n"]);
    assert_eq!(mixed.status.code(), Some(3), "{}", stderr(&mixed));
    let all = events(&mixed.stdout);
    assert_eq!(kinds(&all), ["skipped", "probed", "phase", "warning", "start", "progress", "done", "error", "batch"]);
    seen.extend(all.iter().map(|e| text(&e["type"])));

    let mut long = run_all(&["plain.mp4"], &["-y", "--segment-seconds", "0.5"]);
    let all = events(&long.stdout);
    assert_eq!(
        kinds(&all).into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(["probed", "phase", "segments", "start", "progress", "segment", "done"])
    );
    seen.extend(all.iter().map(|e| text(&e["type"])));
    let kept = at("out/plain_green.mp4.vrseg");
    for _ in 0..20 {
        let mut child = vrseg()
            .args([arg(&at("plain.mp4"))].into_iter().chain(base).chain(["-y", "--segment-seconds", "0.5"]))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !kept.join("00000.json").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if kept.join("00000.json").exists() {
            break;
        }
    }
    long = run_all(&["plain.mp4"], &["-y", "--segment-seconds", "0.5"]);
    let all = events(&long.stdout);
    assert!(kinds(&all).contains(&"resumed"), "{:?}", kinds(&all));
    seen.extend(all.iter().map(|e| text(&e["type"])));

    ffmpeg("-stream_loop 14 -i {} -c copy {}", &[&at("plain.mp4"), &at("lasting.mp4")]);
    let lasting = [arg(&at("lasting.mp4")), "--input-size", "128", "--threads", "4"].map(str::to_owned);
    let tuned = vrseg().env("VRSEG_PERFORMANCE_AUTO_TUNE", "true").args(lasting).args(base).output().unwrap();
    let all = events(&tuned.stdout);
    assert_eq!(kinds(&all)[..3], ["probed", "phase", "tuned"], "{}", stderr(&tuned));
    let trial = all.iter().find(|e| e["type"] == "tuned").unwrap();
    assert!(
        trial["seconds"].as_f64().is_some_and(|s| s < 6.0),
        "the limit is 5 s, and what is under way ends: {trial}"
    );
    seen.extend(all.iter().map(|e| text(&e["type"])));

    let dry = run_all(&["plain.mp4"], &["--dry-run", "-y"]);
    let all = events(&dry.stdout);
    assert_eq!(kinds(&all), ["plan"]);
    seen.extend(all.iter().map(|e| text(&e["type"])));

    assert_eq!(seen, documented().into_keys().collect(), "every documented type was seen");
}

#[test]
fn non_utf8_and_longest_file_names_work() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = folder();
    clip(&dir.path().join("in.mp4"), "320x160", 3, H264);
    let at = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
    let input = at(b"in\xff\n.mp4");
    std::fs::rename(at(b"in.mp4"), &input).unwrap();
    let longest = [&[b'n'; 251][..], b".mp4"].concat();
    for output in [at(b"out\xfe.mp4"), at(&longest)] {
        let [o, selfie, json] = ["-o", "--model=selfie", "--json"].map(OsStr::new);
        let words = [input.as_os_str(), o, output.as_os_str(), selfie, json];
        let dry = ok(words.into_iter().chain([OsStr::new("--dry-run")]));
        assert_eq!(kinds(&events(&dry.stdout)), ["plan"]);
        let done = ok(words);
        let all = events(&done.stdout);
        assert_eq!((kinds(&all)[0], kinds(&all).last()), ("probed", Some(&"done")));
        assert_eq!(all[0]["input"].as_str(), Some(&*input.to_string_lossy()));
        assert_eq!(times(&output).len(), 3);
    }
    let found = ok([OsStr::new("probe"), OsStr::new("--json"), input.as_os_str()]);
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(found["file"].as_str(), Some(&*input.to_string_lossy()));
}

#[test]
fn quiet_prints_nothing_and_messages_go_to_stderr() {
    let dir = folder();
    let (input, output) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&input, "320x160", 5, H264);
    let args = [arg(&input), "-o", arg(&output), "--model", "selfie", "-y"];
    let quiet = ok(args.iter().chain(&["-q"]));
    assert_eq!((quiet.stdout.as_slice(), stderr(&quiet).as_str()), (&b""[..], ""));
    let plain = ok(args);
    assert!(plain.stdout.is_empty());
    let printed = stderr(&plain);
    for word in ["input", "layout", "model", "device", "output", "done: 5 frames"] {
        assert!(printed.lines().any(|l| l.starts_with(word)), "{word}: {printed}");
    }
    assert!(!printed.contains(['\r', '\x1b']), "{printed:?}");
}

#[test]
fn unwritable_events_fail_the_run_but_not_the_video() {
    let dir = folder();
    let (input, output) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&input, "320x160", 5, H264);
    let args = [arg(&input), "-o", arg(&output), "--model", "selfie", "--json", "-y"];
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let got = vrseg().args(args).stdout(full).output().unwrap();
    assert_eq!(got.status.code(), Some(1));
    assert!(stderr(&got).contains("standard output: No space left"), "{}", stderr(&got));
    assert_eq!(times(&output).len(), 5);
    // A closed pipe is not an error.
    let mut child = vrseg().args(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn vv_logs_only_vrseg_and_vvv_adds_onnx_runtime() {
    let dir = folder();
    let (input, output) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&input, "320x160", 3, H264);
    let printed = |v: &str| stderr(&ok([arg(&input), "-o", arg(&output), "--model", "selfie", "-y", v]));
    // ONNX Runtime's bindings log with their target: `ort::...: `.
    let of_ort = |text: &str| text.lines().filter(|l| l.split_whitespace().any(|w| w.starts_with("ort"))).count();
    let details = printed("-vv");
    assert!(details.lines().count() > 8 && of_ort(&details) == 0, "{details}");
    assert!(of_ort(&printed("-vvv")) > 0);
}

/// The lines of a log in JSON.
#[track_caller]
fn log_lines(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

#[test]
fn json_log_is_json_to_the_last_line() {
    let dir = folder();
    let (input, output) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&input, "320x160", 5, H264);
    let state = dir.path().join("state");
    let json = |args: &[&str]| {
        let mut command = vrseg();
        command.args(args).args(["-o", arg(&output), "--model", "selfie", "--log-format", "json"]);
        let out = command.env("XDG_STATE_HOME", &state).output().unwrap();
        (out.status.code(), log_lines(&stderr(&out)))
    };
    let (code, printed) = json(&[arg(&input), "-v"]);
    assert_eq!(code, Some(0), "{printed:?}");
    let message = |l: &Value| text(&l["fields"]["message"]);
    assert!(
        printed.iter().any(|l| message(l).starts_with("input "))
            && printed.iter().any(|l| message(l).starts_with("done: 5 frames"))
    );
    let (code, printed) = json(&["none.mp4"]);
    assert_eq!((code, text(&printed[0]["level"]).as_str()), (Some(2), "ERROR"));
    assert!(message(&printed[0]).contains("none.mp4: no such file"), "{printed:?}");

    // By default all runs are appended to a log in the state folder.
    let log = log_lines(&std::fs::read_to_string(state.join("vrseg/vrseg.log")).unwrap());
    assert!(message(log.last().unwrap()).contains("none.mp4"), "{log:?}");
    assert!(log.iter().any(|l| l["span"]["input"] == arg(&input)), "messages know their job: {log:?}");
    let before = log.len();
    std::fs::remove_file(&output).unwrap();
    json(&[arg(&input), "--log-file", "off"]);
    assert_eq!(std::fs::read_to_string(state.join("vrseg/vrseg.log")).unwrap().lines().count(), before);
}

#[test]
fn trace_has_every_stage_and_frame() {
    let dir = folder();
    let (input, output, trace) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"), dir.path().join("t.json"));
    clip(&input, "320x160", 12, H264);
    ok([arg(&input), "-o", arg(&output), "--model", "selfie", "--trace", arg(&trace)]);
    let all: Vec<Value> = serde_json::from_slice(&std::fs::read(&trace).unwrap()).unwrap();
    let spans = |name: &str| all.iter().filter(|e| e["ph"] == "X" && e["name"] == name).count();
    for stage in ["infer", "matte", "encode"] {
        assert!((12..=13).contains(&spans(stage)), "{stage}: {}", spans(stage));
    }
    // Sampling a frame, then what needs the frames in order, and once its end.
    assert!((24..=25).contains(&spans("prepare")), "{}", spans("prepare"));
    assert!((24..=25).contains(&spans("windows")), "{}", spans("windows"));
    // A frame is refined and painted in one piece.
    assert!(spans("decode") >= 12 && spans("compose") >= 12 && spans("wait") > 60);
    let names: BTreeSet<_> =
        all.iter().filter(|e| e["name"] == "thread_name").map(|e| text(&e["args"]["name"])).collect();
    assert_eq!(
        names,
        ["compose", "decode", "encode", "infer", "matte", "prepare", "windows"].map(str::to_owned).into()
    );
    // The trace cannot overwrite the input.
    let refused = run([arg(&input), "-o", arg(&output), "--trace", arg(&input)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--trace"), "{}", stderr(&refused));
}
