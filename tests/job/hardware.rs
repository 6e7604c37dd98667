//! `vrseg hardware --json` matches docs/gpu.md, and `vrseg doctor` finds problems.

use crate::harness::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fields and types of each object of the document.
fn documented() -> BTreeMap<String, BTreeMap<String, String>> {
    let objects = documented_fields("docs/gpu.md", "### ").into_iter();
    objects.map(|(name, fields)| (name, fields.into_iter().map(|(field, (kind, _))| (field, kind)).collect())).collect()
}

#[test]
fn hardware_report_matches_its_document() {
    let out = ok(["hardware", "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let known = documented();
    let top: BTreeSet<_> = report.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(top, known.keys().filter(|k| !k.contains('.')).map(String::as_str).collect());
    for (path, fields) in &known {
        let value = path.split('.').fold(&report, |v, key| &v[key]);
        let objects = value.as_array().map_or_else(|| vec![value], |all| all.iter().collect());
        for object in objects {
            let have: BTreeSet<_> = object.as_object().expect("an object").keys().collect();
            assert_eq!(have, fields.keys().collect(), "{path}");
            for (name, printed) in fields {
                assert!(is_a(&object[name], printed), "{path}.{name}: {} is not {printed}", object[name]);
            }
        }
    }
    let works = |list: &Value, name: &str, field: &str| {
        let all = list.as_array().expect("a list");
        all.iter().find(|e| e["name"] == name).map(|e| (e[field] == true, e["why"].is_null()))
    };
    assert_eq!(works(&report["providers"], "cpu", "loads"), Some((true, true)));
    assert_eq!(works(&report["ffmpeg"]["encoders"], "ffv1", "opens"), Some((true, true)));
    // Whatever does not work has a reason.
    for list in [&report["providers"], &report["ffmpeg"]["encoders"]] {
        for entry in list.as_array().expect("a list") {
            let works = entry["loads"] == true || entry["opens"] == true;
            assert_eq!(works, entry["why"].is_null(), "{entry}");
        }
    }
}

#[test]
fn doctor_finds_problems_and_suggests_fixes() {
    let healthy = ok(["doctor", "--json"]);
    let all: serde_json::Value = serde_json::from_slice(&healthy.stdout).expect("JSON");
    let state = |check: &str| all.as_array().unwrap().iter().find(|f| f["check"] == check).map(|f| text(&f["state"]));
    for check in ["vrseg", "settings", "FFmpeg", "ONNX Runtime, cpu", "model selfie"] {
        assert_eq!(state(check).as_deref(), Some("ok"), "{check}: {all}");
    }
    let dir = folder();
    let (video, config) = (dir.path().join("v.mp4"), dir.path().join("c.yaml"));
    std::fs::write(&video, b"no video").unwrap();
    std::fs::write(&config, "matte:\n  grow: a lot\n").unwrap();
    let ill = run(["doctor", arg(&video), "-c", arg(&config)]);
    assert_eq!(ill.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&ill.stdout).into_owned();
    let broken: Vec<_> = printed.lines().filter(|l| l.starts_with("BROKEN")).collect();
    assert_eq!(broken.len(), 2, "{printed}");
    assert!(broken[0].contains("settings") && broken[0].contains("matte.grow"), "{printed}");
    assert!(broken[1].contains("v.mp4") && printed.contains("-> "), "{printed}");
}

#[test]
fn decoding_on_a_gpu_falls_back_to_the_cpu_and_says_so_once() {
    let dir = folder();
    let (input, vp8, out) = (dir.path().join("in.mp4"), dir.path().join("vp8.webm"), dir.path().join("out.mp4"));
    clip(&input, "320x160", 8, H264);
    clip(&vp8, "320x160", 8, "-an -c:v libvpx");
    let made = |input: &std::path::Path, gpu: &str| {
        let args = ["-y", arg(input), "-o", arg(&out), "--model", "selfie", "--no-cache", "--hwaccel", gpu];
        let run = run(args);
        assert!(run.status.success(), "{}", stderr(&run));
        (stderr(&run), packets(&out, "v"))
    };
    let (text, expected) = made(&input, "off");
    assert!(!text.contains("decoded on the CPU"), "{text}");
    // No machine has a GPU of that number.
    let (text, found) = made(&input, "cuda:200");
    assert_eq!(text.matches("vrseg: warning: the source is decoded on the CPU: FFmpeg says: ").count(), 1, "{text}");
    assert!(found == expected, "the output is the same");
    let (text, _) = made(&vp8, "cuda");
    assert!(text.contains("the source is decoded on the CPU: vp8 is decoded on the CPU only"), "{text}");
    let wrong = run(["-y", arg(&input), "-o", arg(&out), "--hwaccel", "vaapi"]);
    assert!(
        wrong.status.code() == Some(2) && stderr(&wrong).contains("off, auto, cuda or cuda:N"),
        "{}",
        stderr(&wrong)
    );
}
